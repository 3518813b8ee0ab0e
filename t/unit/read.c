/* Every message, complete: what is read is what was written there. */

#include "reading.h"


static void
test_register(void)
{
    const oscp_message_t  *m = &reading.m;

    accepted(OSCP_REGISTER, "{\"token\":\"a\\\"b\",\"version_url\":["
             "{\"version\":\"2.0\",\"base_url\":\"https:\\/\\/x\"},"
             "{\"base_url\":\"/oscp\",\"version\":\"0123456789abcdef\"}]}",
             "register");

    ok(m->token.len == 4 && memcmp(m->token.data, "a\\\"b", 4) == 0,
       "the token stands as in the JSON");
    is_int((int64_t) m->nurls, 2, "two versions");
    is_str(m->urls[0].version, "2.0", "version");
    ok(m->urls[0].base_url.len == 11
       && memcmp(m->urls[0].base_url.data, "https:\\/\\/x", 11) == 0,
       "its URL stands as in the JSON");
    is_str(m->urls[1].version, "", "too long a version is none of ours");
    ok(m->urls[1].base_url.len == 5, "a relative URL");
}


static void
test_forecast(void)
{
    const oscp_block_t  *b = reading.blocks;

    accepted(OSCP_UPDATE_GROUP_CAPACITY_FORECAST,
             " {\n\t\"forecasted_blocks\" : [\r\n"
             "{ \"end_time\":\"2026-11-23T01:15:00+01:00\",\"unit\":\"A\","
             "\"capacity\" :0, \"start_time\":\"2026-11-23T00:00:00.5Z\","
             "\"phase\":\"THREE\" } , " READING_BLOCK " ] ,"
             "\"type\":\"FALLBACK_GENERATION\",\"group_id\":\"D-1\"} ",
             "forecast, members in another order, white space");

    is_str(reading.m.group_id, "D-1", "group_id");
    is_int(reading.m.type, OSCP_FALLBACK_GENERATION, "type");
    is_int((int64_t) reading.m.nblocks, 2, "two blocks");
    is_num(b[0].capacity, 0, "capacity");
    is_int(b[0].unit, OSCP_UNIT_A, "unit");
    is_int(b[0].phase, OSCP_PHASE_THREE, "phase");
    is_int(b[0].start_ms, READING_NOW + 500, "start");
    is_int(b[0].end_ms, READING_NOW + 900000, "end");
    is_num(b[1].capacity, 120.5, "capacity of the second");
    is_int(b[1].unit, OSCP_UNIT_KW, "its unit");
    is_int(b[1].phase, OSCP_PHASE_ALL, "its phase");
}


static void
test_measurements(void)
{
    const oscp_asset_t   *a = reading.assets;
    const oscp_energy_t  *e = reading.energies;

    accepted(OSCP_UPDATE_GROUP_MEASUREMENTS, "{\"group_id\":\"D\","
             "\"measurements\":[" READING_ENERGY ",{\"value\":1e3,"
             "\"phase\":\"TWO\",\"unit\":\"WH\",\"direction\":\"NET\","
             "\"measure_time\":\"2026-11-23T00:15:00Z\"}]}", "group");

    is_int((int64_t) reading.m.nenergies, 2, "two measurements");
    is_num(e[0].value, -3.5, "value");
    is_int(e[0].unit, OSCP_UNIT_KWH, "unit");
    is_int(e[0].direction, OSCP_IMPORT, "direction");
    is_int(e[0].measure_time_ms, READING_NOW + 900000, "measure_time");
    is_int(e[0].initial_measure_time_ms, READING_NOW, "initial_measure_time");
    is_num(e[1].value, 1000, "value of the second");
    is_int(e[1].direction, OSCP_NET, "its direction");
    is_int(e[1].energy_type, OSCP_ENERGY_TOTAL, "no energy_type is TOTAL");
    ok(e[1].initial_measure_time_ms == OSCP_TIME_NONE, "no initial time");

    accepted(OSCP_UPDATE_ASSET_MEASUREMENTS, "{\"group_id\":\"D\","
             "\"measurements\":[" READING_ASSET ",{\"asset_id\":\"A2\","
             "\"asset_category\":\"STORAGE\"},{\"asset_id\":\"A3\","
             "\"asset_category\":\"GENERATION\","
             "\"instantaneous_measurement\":" READING_INSTANT "}]}", "assets");

    is_int((int64_t) reading.m.nassets, 3, "three assets");
    is_str(a[0].asset_id, "A1", "asset_id");
    is_int(a[0].category, OSCP_CHARGING, "category");
    ok(a[0].has_energy && a[0].has_instantaneous, "both measurements");
    is_num(a[0].energy.value, -3.5, "energy");
    is_num(a[0].instantaneous.value, 7.25, "instantaneous value");
    is_int(a[0].instantaneous.unit, OSCP_UNIT_A, "its unit");
    is_int(a[0].instantaneous.phase, OSCP_PHASE_ONE, "its phase");
    ok(!a[1].has_energy && !a[1].has_instantaneous, "neither");
    is_int(a[1].category, OSCP_STORAGE, "category of the second");
    ok(!a[2].has_energy && a[2].has_instantaneous, "one of them");
}


static void
test_others(void)
{
    const oscp_message_t  *m = &reading.m;

    accepted(OSCP_HEARTBEAT, reading_samples[OSCP_HEARTBEAT], "heartbeat");
    is_int(m->offline_mode_at_ms, READING_NOW + 90000, "offline_mode_at");

    accepted(OSCP_GROUP_CAPACITY_COMPLIANCE_ERROR,
             reading_samples[OSCP_GROUP_CAPACITY_COMPLIANCE_ERROR],
             "compliance error");
    ok(m->text.len == 6 && memcmp(m->text.data, "cannot", 6) == 0, "message");
    is_int((int64_t) m->nblocks, 1, "its blocks");

    accepted(OSCP_GROUP_CAPACITY_COMPLIANCE_ERROR, "{\"message\":\"\"}",
             "a compliance error without blocks");
    is_int((int64_t) m->nblocks, 0, "has none");

    accepted(OSCP_ADJUST_GROUP_CAPACITY_FORECAST,
             reading_samples[OSCP_ADJUST_GROUP_CAPACITY_FORECAST],
             "adjustment");
    is_int(m->type, OSCP_OPTIMUM, "its type");

    accepted(OSCP_HANDSHAKE_ACKNOWLEDGE,
             reading_samples[OSCP_HANDSHAKE_ACKNOWLEDGE], "acknowledge");
    ok(m->has_interval && m->heartbeat_interval_s == 30
       && m->has_measurement && m->measurement == 3
       && m->dialect == OSCP_DIALECT_NESTED, "its behaviour");
}


/* Names: what is longer than ours is read and kept as nothing. */
static void
test_names(void)
{
    char  json[400], name[OSCP_NAME_MAX + 2];

    memset(name, 'n', sizeof(name));

    snprintf(json, sizeof(json), "{\"group_id\":\"%.*s\",\"measurements\":["
             READING_ENERGY "]}", OSCP_NAME_MAX, name);
    accepted(OSCP_UPDATE_GROUP_MEASUREMENTS, json, "a name of 64 bytes");
    is_int((int64_t) strlen(reading.m.group_id), 64, "is kept");

    snprintf(json, sizeof(json), "{\"group_id\":\"%.*s\",\"measurements\":["
             READING_ENERGY "]}", OSCP_NAME_MAX + 1, name);
    accepted(OSCP_UPDATE_GROUP_MEASUREMENTS, json, "one of 65");
    is_str(reading.m.group_id, "", "is not");

    snprintf(json, sizeof(json), "{\"group_id\":\"\\u0041%.*s\","
             "\"measurements\":[" READING_ENERGY "]}", OSCP_NAME_MAX - 1, name);
    accepted(OSCP_UPDATE_GROUP_MEASUREMENTS, json, "64 bytes when decoded");
    ok(strlen(reading.m.group_id) == 64 && reading.m.group_id[0] == 'A',
       "are kept");

    accepted(OSCP_UPDATE_GROUP_MEASUREMENTS, "{\"group_id\":\"\",\"measurements"
             "\":[" READING_ENERGY "]}", "an empty name is a string");
}


/* Room for fewer elements than there are. */
static void
test_room(void)
{
    oscp_message_t  m;
    oscp_block_t    block = { .capacity = -1 };
    const char     *two = "{\"group_id\":\"D\",\"type\":\"CONSUMPTION\","
                          "\"forecasted_blocks\":[" READING_BLOCK ","
                          READING_BLOCK "]}";
    const char     *bad = "{\"group_id\":\"D\",\"type\":\"CONSUMPTION\","
                          "\"forecasted_blocks\":[" READING_BLOCK ",{}]}";

    oscp_message_init(&m, OSCP_UPDATE_GROUP_CAPACITY_FORECAST);
    is_int(oscp_read(&m, two, strlen(two), &reading.options, NULL), OSCP_OK,
           "no room at all");
    is_int((int64_t) m.nblocks, 2, "blocks are counted");
    is_int(oscp_read(&m, bad, strlen(bad), &reading.options, NULL),
           OSCP_ERR_SCHEMA, "and validated");

    oscp_message_init(&m, OSCP_UPDATE_GROUP_CAPACITY_FORECAST);
    m.blocks = &block;
    m.max_blocks = 1;
    is_int(oscp_read(&m, two, strlen(two), &reading.options, NULL), OSCP_OK,
           "room for one");
    ok(m.nblocks == 2 && block.capacity == 120.5, "the first is kept");

    m.kind = OSCP_MESSAGE_COUNT;
    is_int(oscp_read(&m, two, strlen(two), &reading.options, NULL),
           OSCP_ERR_SEMANTIC, "no message at all is refused");
}


int
main(void)
{
    test_register();
    test_forecast();
    test_measurements();
    test_others();
    test_names();
    test_room();

    return reading_done();
}
