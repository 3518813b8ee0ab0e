/*
 * The tables of fields, and the rules that span several fields.
 */

#include "oscp_schema.h"

#include <math.h>

#define KEY(name)      .quoted = "\"" name "\"", .quoted_len = sizeof(name) + 1
#define BIT(index)     (UINT32_C(1) << (index))
#define COUNT(fields)  (sizeof(fields) / sizeof(fields[0]))

#define MUST_STRING    "must be a string"
#define MUST_NUMBER    "must be a number"
#define MUST_OBJECT    "must be an object"
#define MUST_LIST      "must be a list of objects, not empty"
#define MUST_TIME      "must be an RFC 3339 date-time with Z or an offset"
#define MUST_TYPE      "must be one of CONSUMPTION, GENERATION, " \
                       "FALLBACK_CONSUMPTION, FALLBACK_GENERATION, OPTIMUM"
#define MUST_PHASE     "must be one of UNKNOWN, ONE, TWO, THREE, ALL"
#define MUST_UNIT      "must be one of A, W, KW, WH, KWH"
#define MUST_ENERGY    "must be one of WH, KWH"
#define MUST_CATEGORY  "must be one of CHARGING, CONSUMPTION, GENERATION, " \
                       "STORAGE"
#define MUST_FLOW      "must be one of NET, IMPORT, EXPORT"
#define MUST_KIND      "must be one of FLEXIBLE, NONFLEXIBLE, TOTAL"
#define MUST_INTERVAL  "must be a number of seconds, 1 or greater"
#define MUST_WORDS     "must be a list of CONTINUOUS, INTERMITTENT, each at " \
                       "most once"


/* Energy is measured in two of the units. */
static int
oscp_schema_find_energy(const char *text, size_t len)
{
    int  unit = oscp_unit_find(text, len);

    return unit == OSCP_UNIT_WH || unit == OSCP_UNIT_KWH ? unit : -1;
}


/* ForecastedBlock */

enum {
    BLOCK_CAPACITY = 0,
    BLOCK_PHASE,
    BLOCK_UNIT,
    BLOCK_START,
    BLOCK_END
};

static const oscp_field_t  schema_block_fields[] = {
    [BLOCK_CAPACITY] = { KEY("capacity"), OSCP_FIELD_NUMBER,
        OSCP_FIELD_REQUIRED, offsetof(oscp_block_t, capacity),
        .must = "must be a number, 0 or greater", .min = 0, .decimal = 1 },
    [BLOCK_PHASE] = { KEY("phase"), OSCP_FIELD_ENUM,
        OSCP_FIELD_REQUIRED, offsetof(oscp_block_t, phase),
        .must = MUST_PHASE, .find = oscp_phase_find },
    [BLOCK_UNIT] = { KEY("unit"), OSCP_FIELD_ENUM,
        OSCP_FIELD_REQUIRED, offsetof(oscp_block_t, unit),
        .must = MUST_UNIT, .find = oscp_unit_find },
    [BLOCK_START] = { KEY("start_time"), OSCP_FIELD_TIME,
        OSCP_FIELD_REQUIRED, offsetof(oscp_block_t, start_ms),
        .must = MUST_TIME },
    [BLOCK_END] = { KEY("end_time"), OSCP_FIELD_TIME,
        OSCP_FIELD_REQUIRED, offsetof(oscp_block_t, end_ms),
        .must = MUST_TIME }
};


static int
oscp_schema_block_rule(oscp_json_t *j, void *object, uint32_t seen,
    const oscp_read_options_t *options)
{
    const oscp_block_t  *block = object;

    (void) seen;
    (void) options;

    if (block->end_ms <= block->start_ms) {
        return oscp_json_fail_member(j,
                                     oscp_schema_name(
                                         &schema_block_fields[BLOCK_END]),
                                     OSCP_ERR_SEMANTIC,
                                     "must be after start_time");
    }

    return 0;
}


static const oscp_schema_t  schema_block = {
    .fields = schema_block_fields,
    .nfields = COUNT(schema_block_fields),
    .size = sizeof(oscp_block_t),
    .rule = oscp_schema_block_rule
};

static const oscp_list_t  schema_blocks = {
    offsetof(oscp_message_t, blocks), offsetof(oscp_message_t, max_blocks),
    offsetof(oscp_message_t, nblocks), OSCP_READ_BLOCKS_MAX, &schema_block
};


/* UpdateGroupCapacityForecast, AdjustGroupCapacityForecast */

static const oscp_field_t  schema_forecast_fields[] = {
    { KEY("group_id"), OSCP_FIELD_NAME,
        OSCP_FIELD_REQUIRED, offsetof(oscp_message_t, group_id),
        .size = OSCP_NAME_SIZE, .must = MUST_STRING },
    { KEY("type"), OSCP_FIELD_ENUM,
        OSCP_FIELD_REQUIRED, offsetof(oscp_message_t, type),
        .must = MUST_TYPE, .find = oscp_type_find },
    { KEY("forecasted_blocks"), OSCP_FIELD_LIST,
        OSCP_FIELD_REQUIRED, .must = MUST_LIST, .list = &schema_blocks }
};

static const oscp_schema_t  schema_forecast = {
    .fields = schema_forecast_fields,
    .nfields = COUNT(schema_forecast_fields),
    .size = sizeof(oscp_message_t)
};


/* GroupCapacityComplianceError */

static const oscp_field_t  schema_compliance_fields[] = {
    { KEY("message"), OSCP_FIELD_TEXT,
        OSCP_FIELD_REQUIRED, offsetof(oscp_message_t, text),
        .must = MUST_STRING },
    { KEY("forecasted_blocks"), OSCP_FIELD_LIST,
        OSCP_FIELD_OPTIONAL, .must = MUST_LIST, .list = &schema_blocks }
};

static const oscp_schema_t  schema_compliance = {
    .fields = schema_compliance_fields,
    .nfields = COUNT(schema_compliance_fields),
    .size = sizeof(oscp_message_t)
};


/* EnergyMeasurement, UpdateGroupMeasurements */

static const oscp_field_t  schema_energy_fields[] = {
    { KEY("value"), OSCP_FIELD_NUMBER,
        OSCP_FIELD_REQUIRED, offsetof(oscp_energy_t, value),
        .must = MUST_NUMBER, .min = -INFINITY },
    { KEY("phase"), OSCP_FIELD_ENUM,
        OSCP_FIELD_REQUIRED, offsetof(oscp_energy_t, phase),
        .must = MUST_PHASE, .find = oscp_phase_find },
    { KEY("unit"), OSCP_FIELD_ENUM,
        OSCP_FIELD_REQUIRED, offsetof(oscp_energy_t, unit),
        .must = MUST_ENERGY, .find = oscp_schema_find_energy },
    { KEY("direction"), OSCP_FIELD_ENUM,
        OSCP_FIELD_REQUIRED, offsetof(oscp_energy_t, direction),
        .must = MUST_FLOW, .find = oscp_flow_find },
    { KEY("energy_type"), OSCP_FIELD_ENUM,
        OSCP_FIELD_OPTIONAL, offsetof(oscp_energy_t, energy_type),
        .must = MUST_KIND, .find = oscp_energy_type_find },
    { KEY("measure_time"), OSCP_FIELD_TIME,
        OSCP_FIELD_REQUIRED, offsetof(oscp_energy_t, measure_time_ms),
        .must = MUST_TIME },
    { KEY("initial_measure_time"), OSCP_FIELD_TIME,
        OSCP_FIELD_OPTIONAL, offsetof(oscp_energy_t, initial_measure_time_ms),
        .must = MUST_TIME }
};

static const oscp_energy_t  schema_energy_blank = {
    .energy_type = OSCP_ENERGY_TOTAL,
    .initial_measure_time_ms = OSCP_TIME_NONE
};

static const oscp_schema_t  schema_energy = {
    .fields = schema_energy_fields,
    .nfields = COUNT(schema_energy_fields),
    .size = sizeof(oscp_energy_t),
    .blank = &schema_energy_blank
};

static const oscp_list_t  schema_energies = {
    offsetof(oscp_message_t, energies), offsetof(oscp_message_t, max_energies),
    offsetof(oscp_message_t, nenergies), OSCP_READ_ITEMS_MAX, &schema_energy
};

static const oscp_field_t  schema_group_fields[] = {
    { KEY("group_id"), OSCP_FIELD_NAME,
        OSCP_FIELD_REQUIRED, offsetof(oscp_message_t, group_id),
        .size = OSCP_NAME_SIZE, .must = MUST_STRING },
    { KEY("measurements"), OSCP_FIELD_LIST,
        OSCP_FIELD_REQUIRED, .must = MUST_LIST, .list = &schema_energies }
};

static const oscp_schema_t  schema_group = {
    .fields = schema_group_fields,
    .nfields = COUNT(schema_group_fields),
    .size = sizeof(oscp_message_t)
};


/* InstantaneousMeasurement, AssetMeasurement, UpdateAssetMeasurements */

static const oscp_field_t  schema_instant_fields[] = {
    { KEY("value"), OSCP_FIELD_NUMBER,
        OSCP_FIELD_REQUIRED, offsetof(oscp_instantaneous_t, value),
        .must = MUST_NUMBER, .min = -INFINITY },
    { KEY("phase"), OSCP_FIELD_ENUM,
        OSCP_FIELD_REQUIRED, offsetof(oscp_instantaneous_t, phase),
        .must = MUST_PHASE, .find = oscp_phase_find },
    { KEY("unit"), OSCP_FIELD_ENUM,
        OSCP_FIELD_REQUIRED, offsetof(oscp_instantaneous_t, unit),
        .must = MUST_UNIT, .find = oscp_unit_find },
    { KEY("measure_time"), OSCP_FIELD_TIME,
        OSCP_FIELD_REQUIRED, offsetof(oscp_instantaneous_t, measure_time_ms),
        .must = MUST_TIME }
};

static const oscp_schema_t  schema_instant = {
    .fields = schema_instant_fields,
    .nfields = COUNT(schema_instant_fields),
    .size = sizeof(oscp_instantaneous_t)
};

enum {
    ASSET_ID = 0,
    ASSET_CATEGORY,
    ASSET_ENERGY,
    ASSET_INSTANTANEOUS
};

static const oscp_field_t  schema_asset_fields[] = {
    [ASSET_ID] = { KEY("asset_id"), OSCP_FIELD_NAME,
        OSCP_FIELD_REQUIRED, offsetof(oscp_asset_t, asset_id),
        .size = OSCP_NAME_SIZE, .must = MUST_STRING },
    [ASSET_CATEGORY] = { KEY("asset_category"), OSCP_FIELD_ENUM,
        OSCP_FIELD_REQUIRED, offsetof(oscp_asset_t, category),
        .must = MUST_CATEGORY, .find = oscp_category_find },
    [ASSET_ENERGY] = { KEY("energy_measurement"), OSCP_FIELD_OBJECT,
        OSCP_FIELD_OPTIONAL, offsetof(oscp_asset_t, energy),
        .must = MUST_OBJECT, .object = &schema_energy },
    [ASSET_INSTANTANEOUS] = { KEY("instantaneous_measurement"),
        OSCP_FIELD_OBJECT,
        OSCP_FIELD_OPTIONAL, offsetof(oscp_asset_t, instantaneous),
        .must = MUST_OBJECT, .object = &schema_instant }
};


static int
oscp_schema_asset_rule(oscp_json_t *j, void *object, uint32_t seen,
    const oscp_read_options_t *options)
{
    oscp_asset_t  *asset = object;

    (void) j;
    (void) options;

    asset->has_energy = (seen & BIT(ASSET_ENERGY)) != 0;
    asset->has_instantaneous = (seen & BIT(ASSET_INSTANTANEOUS)) != 0;

    return 0;
}


static const oscp_asset_t  schema_asset_blank = {
    .energy.initial_measure_time_ms = OSCP_TIME_NONE
};

static const oscp_schema_t  schema_asset = {
    .fields = schema_asset_fields,
    .nfields = COUNT(schema_asset_fields),
    .size = sizeof(oscp_asset_t),
    .blank = &schema_asset_blank,
    .rule = oscp_schema_asset_rule
};

static const oscp_list_t  schema_assets = {
    offsetof(oscp_message_t, assets), offsetof(oscp_message_t, max_assets),
    offsetof(oscp_message_t, nassets), OSCP_READ_ITEMS_MAX, &schema_asset
};

static const oscp_field_t  schema_assets_fields[] = {
    { KEY("group_id"), OSCP_FIELD_NAME,
        OSCP_FIELD_REQUIRED, offsetof(oscp_message_t, group_id),
        .size = OSCP_NAME_SIZE, .must = MUST_STRING },
    { KEY("measurements"), OSCP_FIELD_LIST,
        OSCP_FIELD_REQUIRED, .must = MUST_LIST, .list = &schema_assets }
};

static const oscp_schema_t  schema_asset_measurements = {
    .fields = schema_assets_fields,
    .nfields = COUNT(schema_assets_fields),
    .size = sizeof(oscp_message_t)
};


/* RequiredBehaviour, Handshake, HandshakeAcknowledge */

enum {
    BEHAVIOUR_INTERVAL = 0,
    BEHAVIOUR_MEASUREMENT
};

static const oscp_field_t  schema_behaviour_fields[] = {
    [BEHAVIOUR_INTERVAL] = { KEY("heartbeat_interval"), OSCP_FIELD_NUMBER,
        OSCP_FIELD_OPTIONAL, offsetof(oscp_behaviour_t, heartbeat_interval_s),
        .must = MUST_INTERVAL, .min = 1 },
    [BEHAVIOUR_MEASUREMENT] = { KEY("measurement_configuration"),
        OSCP_FIELD_BITS,
        OSCP_FIELD_STRICT, offsetof(oscp_behaviour_t, measurement),
        .must = MUST_WORDS, .find = oscp_measurement_find }
};


/* What profile vector demands, of the list that holds. */
static int
oscp_schema_intermittent(oscp_json_t *j, const oscp_behaviour_t *behaviour,
    const oscp_read_options_t *options)
{
    const oscp_field_t  *field;

    if (!options->intermittent || !behaviour->has_measurement
        || (behaviour->measurement & OSCP_INTERMITTENT))
    {
        return 0;
    }

    field = &schema_behaviour_fields[BEHAVIOUR_MEASUREMENT];

    return oscp_json_fail_member(j, oscp_schema_name(field), OSCP_ERR_SEMANTIC,
                                 "must contain INTERMITTENT");
}


static int
oscp_schema_behaviour_rule(oscp_json_t *j, void *object, uint32_t seen,
    const oscp_read_options_t *options)
{
    oscp_behaviour_t  *behaviour = object;

    behaviour->has_interval = (seen & BIT(BEHAVIOUR_INTERVAL)) != 0;
    behaviour->has_measurement = (seen & BIT(BEHAVIOUR_MEASUREMENT)) != 0;

    return oscp_schema_intermittent(j, behaviour, options);
}


static const oscp_schema_t  schema_behaviour = {
    .fields = schema_behaviour_fields,
    .nfields = COUNT(schema_behaviour_fields),
    .size = sizeof(oscp_behaviour_t),
    .rule = oscp_schema_behaviour_rule
};

enum {
    HANDSHAKE_NESTED = 0,
    HANDSHAKE_INTERVAL,
    HANDSHAKE_MEASUREMENT
};

static const oscp_field_t  schema_handshake_fields[] = {
    [HANDSHAKE_NESTED] = { KEY("required_behaviour"), OSCP_FIELD_OBJECT,
        OSCP_FIELD_OPTIONAL, offsetof(oscp_handshake_t, nested),
        .must = MUST_OBJECT, .object = &schema_behaviour },
    [HANDSHAKE_INTERVAL] = { KEY("heartbeat_interval"), OSCP_FIELD_NUMBER,
        OSCP_FIELD_OPTIONAL,
        offsetof(oscp_handshake_t, flat.heartbeat_interval_s),
        .must = MUST_INTERVAL, .min = 1 },
    [HANDSHAKE_MEASUREMENT] = { KEY("measurement_configuration"),
        OSCP_FIELD_BITS,
        OSCP_FIELD_OPTIONAL, offsetof(oscp_handshake_t, flat.measurement),
        .must = MUST_WORDS, .find = oscp_measurement_find }
};


static int
oscp_schema_handshake_rule(oscp_json_t *j, void *object, uint32_t seen,
    const oscp_read_options_t *options)
{
    const oscp_field_t  *field;
    oscp_handshake_t    *handshake = object;
    oscp_behaviour_t    *flat = &handshake->flat;

    flat->has_interval = (seen & BIT(HANDSHAKE_INTERVAL)) != 0;
    flat->has_measurement = (seen & BIT(HANDSHAKE_MEASUREMENT)) != 0;

    if (options->strict && (flat->has_interval || flat->has_measurement)) {
        field = &schema_handshake_fields[flat->has_interval
                                         ? HANDSHAKE_INTERVAL
                                         : HANDSHAKE_MEASUREMENT];

        return oscp_json_fail_member(j, oscp_schema_name(field),
                                     OSCP_ERR_SCHEMA,
                                     "must be inside required_behaviour");
    }

    if (seen & BIT(HANDSHAKE_NESTED)) {
        handshake->dialect = OSCP_DIALECT_NESTED;
        return 0;
    }

    if (flat->has_interval || flat->has_measurement) {
        handshake->dialect = OSCP_DIALECT_FLAT;
    }

    return oscp_schema_intermittent(j, flat, options);
}


static const oscp_handshake_t  schema_handshake_blank = {
    .dialect = OSCP_DIALECT_NONE
};

static const oscp_schema_t  schema_handshake = {
    .fields = schema_handshake_fields,
    .nfields = COUNT(schema_handshake_fields),
    .size = sizeof(oscp_handshake_t),
    .blank = &schema_handshake_blank,
    .rule = oscp_schema_handshake_rule
};


/* Heartbeat */

static const oscp_field_t  schema_heartbeat_fields[] = {
    { KEY("offline_mode_at"), OSCP_FIELD_TIME,
        OSCP_FIELD_STRICT, offsetof(oscp_message_t, offline_mode_at_ms),
        .must = MUST_TIME }
};


static int
oscp_schema_heartbeat_rule(oscp_json_t *j, void *object, uint32_t seen,
    const oscp_read_options_t *options)
{
    const oscp_message_t  *m = object;

    /* an absent one is later than every moment */
    (void) seen;

    if (m->offline_mode_at_ms <= options->now_ms) {
        return oscp_json_fail_member(j,
                                     oscp_schema_name(schema_heartbeat_fields),
                                     OSCP_ERR_SEMANTIC,
                                     "must lie in the future");
    }

    return 0;
}


static const oscp_schema_t  schema_heartbeat = {
    .fields = schema_heartbeat_fields,
    .nfields = COUNT(schema_heartbeat_fields),
    .size = sizeof(oscp_message_t),
    .rule = oscp_schema_heartbeat_rule
};


/* VersionUrl, Register */

static const oscp_field_t  schema_url_fields[] = {
    { KEY("version"), OSCP_FIELD_NAME,
        OSCP_FIELD_REQUIRED, offsetof(oscp_version_url_t, version),
        .size = sizeof(((oscp_version_url_t *) 0)->version),
        .must = MUST_STRING },
    { KEY("base_url"), OSCP_FIELD_TEXT,
        OSCP_FIELD_REQUIRED, offsetof(oscp_version_url_t, base_url),
        .must = MUST_STRING }
};

static const oscp_schema_t  schema_url = {
    .fields = schema_url_fields,
    .nfields = COUNT(schema_url_fields),
    .size = sizeof(oscp_version_url_t)
};

static const oscp_list_t  schema_urls = {
    offsetof(oscp_message_t, urls), offsetof(oscp_message_t, max_urls),
    offsetof(oscp_message_t, nurls), OSCP_READ_ITEMS_MAX, &schema_url
};

static const oscp_field_t  schema_register_fields[] = {
    { KEY("token"), OSCP_FIELD_TEXT,
        OSCP_FIELD_REQUIRED, offsetof(oscp_message_t, token),
        .must = MUST_STRING },
    { KEY("version_url"), OSCP_FIELD_LIST,
        OSCP_FIELD_REQUIRED, .must = MUST_LIST, .list = &schema_urls }
};

static const oscp_schema_t  schema_register = {
    .fields = schema_register_fields,
    .nfields = COUNT(schema_register_fields),
    .size = sizeof(oscp_message_t)
};


static const oscp_schema_t *const  schema_messages[OSCP_MESSAGE_COUNT] = {
    [OSCP_REGISTER] = &schema_register,
    [OSCP_HANDSHAKE] = &schema_handshake,
    [OSCP_HANDSHAKE_ACKNOWLEDGE] = &schema_handshake,
    [OSCP_HEARTBEAT] = &schema_heartbeat,
    [OSCP_UPDATE_GROUP_CAPACITY_FORECAST] = &schema_forecast,
    [OSCP_ADJUST_GROUP_CAPACITY_FORECAST] = &schema_forecast,
    [OSCP_GROUP_CAPACITY_COMPLIANCE_ERROR] = &schema_compliance,
    [OSCP_UPDATE_GROUP_MEASUREMENTS] = &schema_group,
    [OSCP_UPDATE_ASSET_MEASUREMENTS] = &schema_asset_measurements
};


const oscp_schema_t *
oscp_schema_message(oscp_message_kind_t kind)
{
    return (size_t) kind < COUNT(schema_messages) ? schema_messages[kind]
                                                  : NULL;
}


oscp_str_t
oscp_schema_name(const oscp_field_t *field)
{
    oscp_str_t  name = { field->quoted + 1, field->quoted_len - 2 };

    return name;
}
