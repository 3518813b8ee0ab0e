/*
 * Samples: their table of fields for oscp_read.c, and their text.
 */

#include "oscp_sample.h"
#include "oscp_schema.h"

#include <string.h>

#define KEY(name)  .quoted = "\"" name "\"", .quoted_len = sizeof(name) + 1

#define MUST_REGISTER    "must be a number of watt-hours, 0 to 1e12"
#define MUST_POWER       "must be a number of watts, -1e12 to 1e12"

#define SAMPLE_DECIMALS  3


enum {
    SAMPLE_GROUP = 0,
    SAMPLE_ASSET,
    SAMPLE_AT,
    SAMPLE_POWER,
    SAMPLE_IMPORT,
    SAMPLE_EXPORT,
    SAMPLE_FIELDS
};

static const oscp_field_t  sample_fields[SAMPLE_FIELDS] = {
    [SAMPLE_GROUP] = { KEY("group"), OSCP_FIELD_NAME,
        OSCP_FIELD_REQUIRED, offsetof(oscp_sample_site_t, group),
        .size = OSCP_NAME_SIZE, .must = "must be a string" },
    [SAMPLE_ASSET] = { KEY("asset"), OSCP_FIELD_NAME,
        OSCP_FIELD_REQUIRED, offsetof(oscp_sample_site_t, asset),
        .size = OSCP_NAME_SIZE, .must = "must be a string" },
    [SAMPLE_AT] = { KEY("at"), OSCP_FIELD_TIME,
        OSCP_FIELD_REQUIRED, offsetof(oscp_sample_site_t, at_ms),
        .must = "must be an RFC 3339 date-time with Z or an offset" },
    [SAMPLE_POWER] = { KEY("power_w"), OSCP_FIELD_NUMBER,
        OSCP_FIELD_OPTIONAL, offsetof(oscp_sample_site_t, power_w),
        .must = MUST_POWER, .min = -OSCP_SAMPLE_W_MAX, .decimal = 1 },
    [SAMPLE_IMPORT] = { KEY("energy_import_wh"), OSCP_FIELD_NUMBER,
        OSCP_FIELD_REQUIRED, offsetof(oscp_sample_site_t, energy_import_wh),
        .must = MUST_REGISTER, .min = 0, .decimal = 1 },
    [SAMPLE_EXPORT] = { KEY("energy_export_wh"), OSCP_FIELD_NUMBER,
        OSCP_FIELD_OPTIONAL, offsetof(oscp_sample_site_t, energy_export_wh),
        .must = MUST_REGISTER, .min = 0, .decimal = 1 }
};


static int
oscp_sample_fail(oscp_json_t *j, int field, const char *must)
{
    return oscp_json_fail_member(j, oscp_schema_name(&sample_fields[field]),
                                 OSCP_ERR_SEMANTIC, must);
}


static int
oscp_sample_rule(oscp_json_t *j, void *object, uint32_t seen,
    const oscp_read_options_t *options)
{
    oscp_sample_site_t  *s = object;

    (void) options;

    s->has_power = seen >> SAMPLE_POWER & 1;
    s->has_export = seen >> SAMPLE_EXPORT & 1;

    if (!oscp_name_valid(s->asset, strlen(s->asset), OSCP_NAME_PLAIN)) {
        return oscp_sample_fail(j, SAMPLE_ASSET,
                                "must be 1 to 64 of A-Z a-z 0-9 . _ -");
    }

    if (s->power_w > OSCP_SAMPLE_W_MAX) {
        return oscp_sample_fail(j, SAMPLE_POWER, MUST_POWER);
    }

    if (s->energy_import_wh > OSCP_SAMPLE_WH_MAX) {
        return oscp_sample_fail(j, SAMPLE_IMPORT, MUST_REGISTER);
    }

    if (s->energy_export_wh > OSCP_SAMPLE_WH_MAX) {
        return oscp_sample_fail(j, SAMPLE_EXPORT, MUST_REGISTER);
    }

    return 0;
}


static const oscp_sample_site_t  sample_blank;

static const oscp_schema_t  sample_schema = {
    .fields = sample_fields,
    .nfields = SAMPLE_FIELDS,
    .size = sizeof(oscp_sample_site_t),
    .blank = &sample_blank,
    .rule = oscp_sample_rule
};

static const oscp_list_t  sample_list = {
    offsetof(oscp_sample_list_t, items), offsetof(oscp_sample_list_t, max),
    offsetof(oscp_sample_list_t, n), OSCP_SAMPLE_LIST_MAX, &sample_schema
};

static const oscp_field_t  sample_document = {
    .kind = OSCP_FIELD_LIST,
    .must = "must be a sample, or a list of samples that is not empty",
    .list = &sample_list
};


oscp_err_t
oscp_sample_read(oscp_sample_list_t *list, const char *json, size_t len,
    oscp_error_t *err)
{
    list->n = 0;

    return oscp_read_elements(&sample_document, list, json, len, err);
}


void
oscp_sample_format(const oscp_sample_site_t *sample, oscp_sample_text_t *text)
{
    (void) oscp_time_format(sample->at_ms, text->at);
    (void) oscp_number_format(sample->energy_import_wh, SAMPLE_DECIMALS,
                              text->energy_import_wh);

    text->power_w[0] = '\0';
    text->energy_export_wh[0] = '\0';

    if (sample->has_power) {
        (void) oscp_number_format(sample->power_w, SAMPLE_DECIMALS,
                                  text->power_w);
    }

    if (sample->has_export) {
        (void) oscp_number_format(sample->energy_export_wh, SAMPLE_DECIMALS,
                                  text->energy_export_wh);
    }
}
