/* Values that are of the right type and yet not allowed; and the odd ones that
   are. */

#include "reading.h"

#define FORECAST(block)                                                      \
    "{\"group_id\":\"D\",\"type\":\"CONSUMPTION\",\"forecasted_blocks\":["    \
    READING_BLOCK "," block "]}"
#define BLOCK(capacity, start, end)                                          \
    "{\"capacity\":" capacity ",\"phase\":\"ALL\",\"unit\":\"KW\","           \
    "\"start_time\":\"" start "\",\"end_time\":\"" end "\"}"
#define CAPACITY(capacity)                                                   \
    FORECAST(BLOCK(capacity, "2026-11-23T00:00:00Z", "2026-11-23T00:15:00Z"))
#define TIMES(start, end)  FORECAST(BLOCK("1", start, end))

#define FORECAST_KIND      OSCP_UPDATE_GROUP_CAPACITY_FORECAST
#define CAPACITY_PATH      "$.forecasted_blocks[1].capacity"
#define HEARTBEAT(time)    "{\"offline_mode_at\":\"" time "\"}"
#define ENERGY(unit)                                                         \
    "{\"group_id\":\"D\",\"measurements\":[{\"value\":0,\"phase\":\"ALL\","   \
    "\"unit\":\"" unit "\",\"direction\":\"NET\","                           \
    "\"measure_time\":\"2026-11-23T00:15:00Z\"}]}"


typedef struct {
    const char  *json;
    double       capacity;
} capacity_case_t;


static void
test_capacity(void)
{
    size_t  i;
    static const capacity_case_t  good[] = {
        { CAPACITY("0"), 0 }, { CAPACITY("-0"), 0 }, { CAPACITY("0.0"), 0 },
        { CAPACITY("1e3"), 1000 }, { CAPACITY("1E-3"), 0.001 },
        { CAPACITY("120.5"), 120.5 }, { CAPACITY("1e308"), 1e308 },
        { CAPACITY("\"120.5\""), 120.5 }, { CAPACITY("\"0\""), 0 },
        { CAPACITY("\"1e3\""), 1000 },
        { CAPACITY("\"1\\u00320.5\""), 120.5 },
        { CAPACITY("0.1000000000000000055511151231257827"), 0.1 }
    };
    static const char *const  texts[] = {
        CAPACITY("\"\""), CAPACITY("\" 1\""), CAPACITY("\"1 \""),
        CAPACITY("\"1,5\""), CAPACITY("\"+1\""), CAPACITY("\"01\""),
        CAPACITY("\"0x10\""), CAPACITY("\"NaN\""), CAPACITY("\".5\""),
        CAPACITY("\"5.\""), CAPACITY("\"12kW\""), CAPACITY("\"1e999x\"")
    };

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        accepted(FORECAST_KIND, good[i].json, "a capacity");
        ok(reading.blocks[1].capacity == good[i].capacity
           && !signbit(reading.blocks[1].capacity), "its value");
    }

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        refused(FORECAST_KIND, texts[i], OSCP_ERR_SCHEMA, CAPACITY_PATH,
                "must be a number, 0 or greater");
    }

    refused(FORECAST_KIND, CAPACITY("-1"), OSCP_ERR_SEMANTIC, CAPACITY_PATH,
            "must be a number, 0 or greater");
    refused(FORECAST_KIND, CAPACITY("-1e-9"), OSCP_ERR_SEMANTIC, CAPACITY_PATH,
            "must be a number, 0 or greater");
    refused(FORECAST_KIND, CAPACITY("\"-1\""), OSCP_ERR_SEMANTIC,
            CAPACITY_PATH, "must be a number, 0 or greater");
    refused(FORECAST_KIND, CAPACITY("1e999"), OSCP_ERR_SEMANTIC, CAPACITY_PATH,
            "must be finite");
    refused(FORECAST_KIND, CAPACITY("-1e999"), OSCP_ERR_SEMANTIC,
            CAPACITY_PATH, "must be finite");
    refused(FORECAST_KIND, CAPACITY("\"1e999\""), OSCP_ERR_SEMANTIC,
            CAPACITY_PATH, "must be finite");
}


static void
test_times(void)
{
    accepted(FORECAST_KIND, TIMES("2026-11-23T00:00:00Z",
                                  "2026-11-23T00:00:00.001Z"),
             "a block of a millisecond");
    accepted(FORECAST_KIND, TIMES("2026-11-23T00:00:00Z",
                                  "2026-11-22T23:00:00-02:00"),
             "times are compared as moments");
    accepted(FORECAST_KIND, TIMES("2026-11-23T00:00:00\\u005a",
                                  "2026-11-23T00:15:00\\u002B00:00"),
             "a time with escapes");
    accepted(FORECAST_KIND, TIMES("1999-12-31t23:59:59z",
                                  "1999-12-31t23:59:60z"),
             "second 60, small letters, the past");

    refused(FORECAST_KIND, TIMES("2026-11-23T00:00:00Z",
                                 "2026-11-23T00:00:00Z"),
            OSCP_ERR_SEMANTIC, "$.forecasted_blocks[1].end_time",
            "must be after start_time");
    refused(FORECAST_KIND, TIMES("2026-11-23T00:00:00Z",
                                 "2026-11-23T00:15:00+01:00"),
            OSCP_ERR_SEMANTIC, "$.forecasted_blocks[1].end_time",
            "must be after start_time");
    refused(FORECAST_KIND, TIMES("2026-11-23 00:00:00",
                                 "2026-11-23T00:15:00Z"),
            OSCP_ERR_SYNTAX, "$.forecasted_blocks[1].start_time", "RFC 3339");
    refused(FORECAST_KIND, TIMES("2026-11-23T00:00:00Z",
                                 "2026-11-23T24:00:00Z"),
            OSCP_ERR_SYNTAX, "$.forecasted_blocks[1].end_time", "RFC 3339");
}


static void
test_heartbeat(void)
{
    accepted(OSCP_HEARTBEAT, HEARTBEAT("2026-11-23T00:00:00.001Z"),
             "a millisecond ahead");
    accepted(OSCP_HEARTBEAT, HEARTBEAT("9999-12-31T23:59:59Z"), "far ahead");
    refused(OSCP_HEARTBEAT, HEARTBEAT("2026-11-23T00:00:00.000Z"),
            OSCP_ERR_SEMANTIC, "$.offline_mode_at", "must lie in the future");
    refused(OSCP_HEARTBEAT, HEARTBEAT("2026-11-23T00:30:00+01:00"),
            OSCP_ERR_SEMANTIC, "$.offline_mode_at", "must lie in the future");
    refused(OSCP_HEARTBEAT, HEARTBEAT("2026-11-24"), OSCP_ERR_SYNTAX,
            "$.offline_mode_at", "RFC 3339");
}


static void
test_enums(void)
{
    accepted(OSCP_UPDATE_GROUP_MEASUREMENTS, ENERGY("WH"), "energy in WH");
    accepted(OSCP_UPDATE_GROUP_MEASUREMENTS, ENERGY("\\u004bWH"),
             "a word with an escape");
    is_int(reading.energies[0].unit, OSCP_UNIT_KWH, "is the word");
    refused(OSCP_UPDATE_GROUP_MEASUREMENTS, ENERGY("KW"), OSCP_ERR_SCHEMA,
            "$.measurements[0].unit", "must be one of WH, KWH");
    refused(OSCP_UPDATE_GROUP_MEASUREMENTS, ENERGY("kwh"), OSCP_ERR_SCHEMA,
            "$.measurements[0].unit", "must be one of WH, KWH");
    refused(FORECAST_KIND, "{\"type\":\"CONSUMPTION \"}", OSCP_ERR_SCHEMA,
            "$.type", "must be one of CONSUMPTION, GENERATION, "
            "FALLBACK_CONSUMPTION, FALLBACK_GENERATION, OPTIMUM");
}


static void
test_lists(void)
{
    refused(FORECAST_KIND, "{\"group_id\":\"D\",\"type\":\"OPTIMUM\","
            "\"forecasted_blocks\":[]}", OSCP_ERR_SCHEMA,
            "$.forecasted_blocks", "not empty");
    refused(OSCP_GROUP_CAPACITY_COMPLIANCE_ERROR, "{\"message\":\"x\","
            "\"forecasted_blocks\":[ ]}", OSCP_ERR_SCHEMA,
            "$.forecasted_blocks", "not empty");
    refused(OSCP_UPDATE_GROUP_MEASUREMENTS, "{\"group_id\":\"D\","
            "\"measurements\":[]}", OSCP_ERR_SCHEMA, "$.measurements",
            "not empty");
    refused(OSCP_UPDATE_ASSET_MEASUREMENTS, "{\"group_id\":\"D\","
            "\"measurements\":[]}", OSCP_ERR_SCHEMA, "$.measurements",
            "not empty");
    refused(OSCP_REGISTER, "{\"token\":\"x\",\"version_url\":[]}",
            OSCP_ERR_SCHEMA, "$.version_url", "not empty");
    refused(OSCP_REGISTER, "{\"token\":\"x\",\"version_url\":[[]]}",
            OSCP_ERR_SCHEMA, "$.version_url[0]", "must be an object");
    refused(FORECAST_KIND, FORECAST("null"), OSCP_ERR_SCHEMA,
            "$.forecasted_blocks[1]", "must be an object");
}


static void
test_strict(void)
{
    reading.options.strict = 1;

    accepted(FORECAST_KIND, CAPACITY("120.5"), "strict: a number");
    refused(FORECAST_KIND, CAPACITY("\"120.5\""), OSCP_ERR_SCHEMA,
            CAPACITY_PATH, "must be a number");
    refused(OSCP_HEARTBEAT, "{}", OSCP_ERR_SCHEMA, "$.offline_mode_at",
            "is required");

    reading.options.strict = 0;

    accepted(OSCP_HEARTBEAT, "{}", "a heartbeat may be empty");
    ok(reading.m.offline_mode_at_ms == OSCP_TIME_NONE, "and says no time");
}


int
main(void)
{
    test_capacity();
    test_times();
    test_heartbeat();
    test_enums();
    test_lists();
    test_strict();

    return reading_done();
}
