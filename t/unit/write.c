/* Messages as JSON: their exact text, cut to fit. */

#include "reading.h"

#include "oscp_write.h"


static void
is_written(const oscp_message_t *m, const char *want)
{
    char    buf[2048];
    size_t  len;

    len = oscp_write(m, buf, sizeof(buf));
    is_str(buf, want, oscp_message_name(m->kind));
    is_int((int64_t) len, (int64_t) strlen(want), "its length");
}


static void
test_handshake(void)
{
    oscp_message_t  m;

    oscp_message_init(&m, OSCP_HANDSHAKE);
    is_written(&m, "{}");

    m.has_interval = 1;
    m.heartbeat_interval_s = 30;
    is_written(&m, "{\"required_behaviour\":{\"heartbeat_interval\":30}}");

    m.has_measurement = 1;
    m.measurement = OSCP_INTERMITTENT;
    is_written(&m, "{\"required_behaviour\":{\"heartbeat_interval\":30,"
                   "\"measurement_configuration\":[\"INTERMITTENT\"]}}");

    m.kind = OSCP_HANDSHAKE_ACKNOWLEDGE;
    m.dialect = OSCP_DIALECT_FLAT;
    m.measurement = OSCP_CONTINUOUS | OSCP_INTERMITTENT;
    is_written(&m, "{\"heartbeat_interval\":30,\"measurement_configuration\":"
                   "[\"CONTINUOUS\",\"INTERMITTENT\"]}");

    m.has_interval = 0;
    m.measurement = 0;
    is_written(&m, "{\"measurement_configuration\":[]}");

    oscp_message_init(&m, OSCP_HEARTBEAT);
    is_written(&m, "{}");
    m.offline_mode_at_ms = READING_NOW;
    is_written(&m, "{\"offline_mode_at\":\"2026-11-23T00:00:00.000Z\"}");
}


static void
test_lists(void)
{
    oscp_message_t  m;
    oscp_block_t    blocks[] = {
        { 120.5, OSCP_PHASE_ALL, OSCP_UNIT_KW, READING_NOW,
          READING_NOW + 900000 },
        { 0, OSCP_PHASE_ONE, OSCP_UNIT_A, READING_NOW + 1, READING_NOW + 2 }
    };
    oscp_version_url_t  url = { "2.0", { "https:\\/\\/x", 11 } };

    oscp_message_init(&m, OSCP_ADJUST_GROUP_CAPACITY_FORECAST);
    strcpy(m.group_id, "D\"\\\n");
    m.type = OSCP_GENERATION;
    m.blocks = blocks;
    m.nblocks = 2;
    is_written(&m, "{\"group_id\":\"D\\\"\\\\\\n\",\"type\":\"GENERATION\","
               "\"forecasted_blocks\":[{\"capacity\":120.5,\"phase\":\"ALL\","
               "\"unit\":\"KW\",\"start_time\":\"2026-11-23T00:00:00.000Z\","
               "\"end_time\":\"2026-11-23T00:15:00.000Z\"},{\"capacity\":0,"
               "\"phase\":\"ONE\",\"unit\":\"A\","
               "\"start_time\":\"2026-11-23T00:00:00.001Z\","
               "\"end_time\":\"2026-11-23T00:00:00.002Z\"}]}");

    oscp_message_init(&m, OSCP_GROUP_CAPACITY_COMPLIANCE_ERROR);
    m.text.data = "a\\\"b";
    m.text.len = 4;
    is_written(&m, "{\"message\":\"a\\\"b\"}");

    oscp_message_init(&m, OSCP_REGISTER);
    is_written(&m, "{\"token\":\"\",\"version_url\":[]}");
    m.token.data = "t";
    m.token.len = 1;
    m.urls = &url;
    m.nurls = 1;
    is_written(&m, "{\"token\":\"t\",\"version_url\":[{\"version\":\"2.0\","
                   "\"base_url\":\"https:\\/\\/x\"}]}");
}


static void
test_measurements(void)
{
    oscp_asset_t    asset = { .asset_id = "A1", .category = OSCP_CHARGING };
    oscp_energy_t   energy = { 0.125, OSCP_PHASE_ALL, OSCP_UNIT_KWH,
                               OSCP_IMPORT, OSCP_ENERGY_TOTAL, READING_NOW,
                               OSCP_TIME_NONE };
    oscp_message_t  m;

    oscp_message_init(&m, OSCP_UPDATE_GROUP_MEASUREMENTS);
    strcpy(m.group_id, "D");
    m.energies = &energy;
    m.nenergies = 1;
    is_written(&m, "{\"group_id\":\"D\",\"measurements\":[{\"value\":0.125,"
               "\"phase\":\"ALL\",\"unit\":\"KWH\",\"direction\":\"IMPORT\","
               "\"measure_time\":\"2026-11-23T00:00:00.000Z\"}]}");

    oscp_message_init(&m, OSCP_UPDATE_ASSET_MEASUREMENTS);
    strcpy(m.group_id, "D");
    m.assets = &asset;
    m.nassets = 1;
    is_written(&m, "{\"group_id\":\"D\",\"measurements\":[{\"asset_id\":\"A1\","
                   "\"asset_category\":\"CHARGING\"}]}");

    energy.energy_type = OSCP_ENERGY_FLEXIBLE;
    energy.initial_measure_time_ms = READING_NOW - 900000;
    asset.energy = energy;
    asset.has_energy = 1;
    asset.has_instantaneous = 1;
    asset.instantaneous.unit = OSCP_UNIT_KW;
    asset.instantaneous.value = -7.36;
    asset.instantaneous.phase = OSCP_PHASE_ALL;
    asset.instantaneous.measure_time_ms = READING_NOW;
    is_written(&m, "{\"group_id\":\"D\",\"measurements\":[{\"asset_id\":\"A1\","
               "\"asset_category\":\"CHARGING\",\"energy_measurement\":{"
               "\"value\":0.125,\"phase\":\"ALL\",\"unit\":\"KWH\","
               "\"direction\":\"IMPORT\",\"energy_type\":\"FLEXIBLE\","
               "\"measure_time\":\"2026-11-23T00:00:00.000Z\","
               "\"initial_measure_time\":\"2026-11-22T23:45:00.000Z\"},"
               "\"instantaneous_measurement\":{\"value\":-7.36,"
               "\"phase\":\"ALL\",\"unit\":\"KW\","
               "\"measure_time\":\"2026-11-23T00:00:00.000Z\"}}]}");
}


static void
test_cut(void)
{
    int             wrong = 0;
    char            whole[256], buf[256];
    size_t          size, len;
    oscp_message_t  m;

    oscp_message_init(&m, OSCP_HANDSHAKE);
    m.has_interval = 1;
    m.heartbeat_interval_s = 30;
    m.has_measurement = 1;
    m.measurement = 3;
    len = oscp_write(&m, whole, sizeof(whole));

    for (size = 0; size <= len + 2; size++) {
        memset(buf, 'x', sizeof(buf));
        wrong += oscp_write(&m, size ? buf : NULL, size) != len;
        wrong += size > 0
                 && (strlen(buf) != (size > len ? len : size - 1)
                     || strncmp(buf, whole, size - 1) != 0);
        wrong += buf[size] != 'x';
    }

    is_int(wrong, 0, "the whole length, and as much as fits");
}


static void
test_escape(void)
{
    char         buf[128];
    const char  *text = "a\"b\\c/\b\f\n\r\t\x01\x1f\x7f\xc3\xa9\xff\xed\xa0\x80"
                        "\xf0\x9f\x94\x8c\xc3";
    const char  *want = "a\\\"b\\\\c/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\xc3\xa9"
                        "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
                        "\xf0\x9f\x94\x8c\xef\xbf\xbd";

    is_int((int64_t) oscp_write_escape(text, strlen(text), buf, sizeof(buf)),
           (int64_t) strlen(want), "length of escaped text");
    is_str(buf, want, "escaped, invalid UTF-8 replaced");

    is_int((int64_t) oscp_write_escape("a\0b", 3, buf, sizeof(buf)), 8, "NUL");
    is_str(buf, "a\\u0000b", "is escaped");

    is_int((int64_t) oscp_write_error("no \"x\" \\ \n\xc3\xa9", buf,
                                      sizeof(buf)), 29, "length of an error");
    is_str(buf, "{\"message\":\"no \\\"x\\\" \\\\ ???\"}", "an error's text");
    is_int((int64_t) oscp_write_error("", buf, 1), 14, "cut");
    is_str(buf, "", "to nothing");
}


int
main(void)
{
    test_handshake();
    test_lists();
    test_measurements();
    test_cut();
    test_escape();

    return reading_done();
}
