/* Samples from JSON: every member, every refusal, lists, and their text. */

#include <stdlib.h>

#include "oscp_meter.h"
#include "oscp_sample.h"
#include "tap.h"

#define AT  "2026-11-23T00:55:59Z"

/* A sample with what follows its four required members. */
#define SAMPLE(more)                                                         \
    "{\"group\":\"DEPOT01\",\"asset\":\"c-1\",\"at\":\"" AT "\","             \
    "\"energy_import_wh\":1000" more "}"
#define WITH(member, value)                                                  \
    "{\"group\":\"DEPOT01\",\"asset\":\"c-1\",\"at\":\"" AT "\","             \
    "\"energy_import_wh\":1000,\"" member "\":" value "}"

static oscp_sample_site_t  items[OSCP_SAMPLE_LIST_MAX];
static oscp_sample_list_t  list;
static oscp_error_t        err;


/* In a heap block of exactly its size, so that a sanitizer sees beyond it. */
static oscp_err_t
read_bytes(const char *json, size_t len)
{
    char        *copy = malloc(len ? len : 1);
    oscp_err_t   rc;

    if (copy == NULL) {
        return OSCP_ERR_NOMEM;
    }

    memcpy(copy, json, len);
    memset(items, 0x5a, sizeof(items));
    memset(&err, 0, sizeof(err));
    list.items = items;
    list.max = len / OSCP_SAMPLE_BYTES_MIN + 1;
    if (list.max > OSCP_SAMPLE_LIST_MAX) {
        list.max = OSCP_SAMPLE_LIST_MAX;
    }

    rc = oscp_sample_read(&list, copy, len, &err);
    free(copy);
    return rc;
}


static void
accepted(const char *json, size_t n, const char *name)
{
    oscp_err_t  rc = read_bytes(json, strlen(json));

    if (!ok(rc == OSCP_OK && list.n == n, "%s", name)) {
        printf("#   %d %s: %s, %zu samples\n", rc, err.path, err.text, list.n);
    }
}


static void
refused_bytes(const char *json, size_t len, oscp_err_t code, const char *path,
    const char *text)
{
    oscp_err_t  rc = read_bytes(json, len);

    if (!ok(rc == code && err.code == code && strcmp(err.path, path) == 0
            && strstr(err.text, text) != NULL, "refused: %s %s", path, text))
    {
        printf("#   got %d %s: %s\n", rc, err.path, err.text);
    }
}


static void
refused(const char *json, oscp_err_t code, const char *path, const char *text)
{
    refused_bytes(json, strlen(json), code, path, text);
}


static void
formatted(const char *power, const char *in, const char *out)
{
    oscp_sample_text_t  text;

    memset(&text, 0x5a, sizeof(text));
    oscp_sample_format(&items[0], &text);
    is_str(text.at, "2026-11-23T00:55:59.000Z", "at, as text");
    is_str(text.power_w, power, "power_w, as text");
    is_str(text.energy_import_wh, in, "energy_import_wh, as text");
    is_str(text.energy_export_wh, out, "energy_export_wh, as text");
}


static void
test_one(void)
{
    accepted(SAMPLE(""), 1, "the required members");
    is_str(items[0].group, "DEPOT01", "group");
    is_str(items[0].asset, "c-1", "asset");
    is_int(items[0].at_ms, INT64_C(1795395359000), "at");
    is_num(items[0].energy_import_wh, 1000, "energy_import_wh");
    ok(!items[0].has_power && !items[0].has_export, "and no others");
    formatted("", "1000", "");

    accepted(" {\n\"energy_export_wh\" : 0.125 ,\"power_w\":-11000.5,"
             "\"energy_import_wh\":1234567.875,\"at\":"
             "\"2026-11-23T13:55:59.0004+13:00\",\"asset\":\"A._-z9\","
             "\"group\":\"D\\u0045POT\",\"phase\":{\"a\":[1,null]}}\r\n", 1,
             "all of them, in another order, with escapes and an unknown one");
    is_str(items[0].group, "DEPOT", "group, decoded");
    ok(items[0].has_power && items[0].has_export, "both optional ones");
    formatted("-11000.5", "1234567.875", "0.125");

    accepted("[" SAMPLE("") "]", 1, "a list of one");
    accepted(WITH("energy_export_wh", "0"), 1, "an export register of 0");
    ok(items[0].has_export, "is one");
    formatted("", "1000", "0");
    accepted(WITH("power_w", "0"), 1, "a power of 0");
    formatted("0", "1000", "");
}


static void
test_numbers(void)
{
    accepted("{\"group\":\"G\",\"asset\":\"a\",\"at\":\"" AT "\","
             "\"energy_import_wh\":\"12345.678\",\"power_w\":\"-0\","
             "\"energy_export_wh\":\"1e3\"}", 1, "decimal strings");
    formatted("0", "12345.678", "1000");

    accepted(WITH("energy_export_wh", "1e12"), 1, "the largest register");
    formatted("", "1000", "1000000000000");
    accepted(WITH("energy_export_wh", "999999999999.999"), 1, "just below");
    formatted("", "1000", "999999999999.999");
    accepted(WITH("power_w", "-1e12"), 1, "the largest power");
    accepted(WITH("power_w", "1e12"), 1, "in the other direction");
    accepted(WITH("energy_export_wh", "1e-400"), 1, "too small to see");
    formatted("", "1000", "0");

    refused(WITH("energy_export_wh", "1000000000000.001"), OSCP_ERR_SEMANTIC,
            "$.energy_export_wh", "0 to 1e12");
    refused(WITH("energy_export_wh", "-0.001"), OSCP_ERR_SEMANTIC,
            "$.energy_export_wh", "0 to 1e12");
    refused(WITH("power_w", "1000000000001"), OSCP_ERR_SEMANTIC, "$.power_w",
            "-1e12 to 1e12");
    refused(WITH("power_w", "-1000000000001"), OSCP_ERR_SEMANTIC, "$.power_w",
            "-1e12 to 1e12");
    refused(WITH("power_w", "1e999"), OSCP_ERR_SEMANTIC, "$.power_w",
            "must be finite");
    refused(WITH("power_w", "\"1e999\""), OSCP_ERR_SEMANTIC, "$.power_w",
            "must be finite");
    refused(WITH("power_w", "\"11 kW\""), OSCP_ERR_SCHEMA, "$.power_w",
            "must be a number of watts");
    refused(WITH("power_w", "\"\""), OSCP_ERR_SCHEMA, "$.power_w",
            "must be a number of watts");
    refused(WITH("power_w", "NaN"), OSCP_ERR_SYNTAX, "$.power_w", "JSON");
    refused(WITH("power_w", "+1"), OSCP_ERR_SYNTAX, "$.power_w", "JSON");
    refused(WITH("power_w", "null"), OSCP_ERR_SCHEMA, "$.power_w",
            "must be a number of watts");
    refused(WITH("energy_export_wh", "null"), OSCP_ERR_SCHEMA,
            "$.energy_export_wh", "must be a number of watt-hours");
    refused(WITH("energy_export_wh", "[1]"), OSCP_ERR_SCHEMA,
            "$.energy_export_wh", "must be a number of watt-hours");
    refused("{\"group\":\"G\",\"asset\":\"a\",\"at\":\"" AT "\","
            "\"energy_import_wh\":true}", OSCP_ERR_SCHEMA,
            "$.energy_import_wh", "must be a number of watt-hours");
    refused("{\"group\":\"G\",\"asset\":\"a\",\"at\":\"" AT "\","
            "\"energy_import_wh\":1e13}", OSCP_ERR_SEMANTIC,
            "$.energy_import_wh", "0 to 1e12");
}


/* What is stored is what metering reads, to the milliwatt-hour. */
static void
test_exact(void)
{
    int                 wrong = 0;
    int64_t             want, got;
    unsigned            i;
    uint64_t            state = 88172645463325252u;
    oscp_sample_text_t  text;
    char                json[256], number[32];

    for (i = 0; i < 20000; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        want = (int64_t) (state % (uint64_t) (OSCP_METER_MWH_MAX + 1));
        want >>= state % 40;
        snprintf(number, sizeof(number), "%" PRId64 ".%03" PRId64,
                 want / 1000, want % 1000);
        snprintf(json, sizeof(json), "{\"group\":\"G\",\"asset\":\"a\","
                 "\"at\":\"" AT "\",\"energy_import_wh\":%s%s%s}",
                 i & 1 ? "\"" : "", number, i & 1 ? "\"" : "");

        if (read_bytes(json, strlen(json)) != OSCP_OK) {
            wrong++;
            continue;
        }

        oscp_sample_format(&items[0], &text);
        wrong += oscp_meter_parse_wh(text.energy_import_wh,
                                     strlen(text.energy_import_wh), &got) != 0
                 || got != want;
    }

    is_int(wrong, 0, "20000 registers, exact");
}


static void
test_members(void)
{
    refused("{}", OSCP_ERR_SCHEMA, "$.group", "is required");
    refused("{\"group\":\"G\",\"at\":\"" AT "\",\"energy_import_wh\":1}",
            OSCP_ERR_SCHEMA, "$.asset", "is required");
    refused("{\"group\":\"G\",\"asset\":\"a\",\"energy_import_wh\":1}",
            OSCP_ERR_SCHEMA, "$.at", "is required");
    refused("{\"group\":\"G\",\"asset\":\"a\",\"at\":\"" AT "\"}",
            OSCP_ERR_SCHEMA, "$.energy_import_wh", "is required");

    refused("{\"group\":1}", OSCP_ERR_SCHEMA, "$.group", "must be a string");
    refused("{\"asset\":null}", OSCP_ERR_SCHEMA, "$.asset",
            "must be a string");
    refused("{\"at\":1795395359}", OSCP_ERR_SCHEMA, "$.at",
            "must be an RFC 3339 date-time");
    refused("{\"at\":\"2026-11-23T00:55:59\"}", OSCP_ERR_SYNTAX, "$.at",
            "must be an RFC 3339 date-time");
    refused("{\"at\":\"2026-11-23T24:00:00Z\"}", OSCP_ERR_SYNTAX, "$.at",
            "must be an RFC 3339 date-time");

    refused("{\"group\":\"G\",\"asset\":\"\",\"at\":\"" AT "\","
            "\"energy_import_wh\":1}", OSCP_ERR_SEMANTIC, "$.asset",
            "must be 1 to 64 of");
    refused("{\"group\":\"G\",\"asset\":\"a:b\",\"at\":\"" AT "\","
            "\"energy_import_wh\":1}", OSCP_ERR_SEMANTIC, "$.asset",
            "must be 1 to 64 of");
    refused("{\"group\":\"G\",\"asset\":\"0123456789012345678901234567890123"
            "456789012345678901234567890123x\",\"at\":\"" AT "\","
            "\"energy_import_wh\":1}", OSCP_ERR_SEMANTIC, "$.asset",
            "must be 1 to 64 of");
    accepted("{\"group\":\"G\",\"asset\":\"0123456789012345678901234567890123"
             "45678901234567890123456789012x\",\"at\":\"" AT "\","
             "\"energy_import_wh\":1}", 1, "an asset of 64 characters");

    refused(WITH("asset", "\"c-1\""), OSCP_ERR_SYNTAX, "$.asset",
            "must not be given twice");
    refused(WITH("\\u0061t", "\"" AT "\""), OSCP_ERR_SYNTAX, "$.?u0061t",
            "must not be given twice");
    refused(SAMPLE(",\"x\":1,\"x\":2"), OSCP_ERR_SYNTAX, "$.x",
            "must not be given twice");
    refused(SAMPLE(",\"x\":{\"y\":1,\"y\":2}"), OSCP_ERR_SYNTAX, "$.x.y",
            "must not be given twice");
}


static void
test_json(void)
{
    size_t             i, wrong = 0;
    static const char  whole[] = "[" SAMPLE("") "," WITH("power_w", "\"1.5\"")
                                 "]";

    refused("", OSCP_ERR_SYNTAX, "$", "a value is missing");
    refused("\xef\xbb\xbf" SAMPLE(""), OSCP_ERR_SYNTAX, "$",
            "byte order mark");
    refused(SAMPLE("") "x", OSCP_ERR_SYNTAX, "$", "more follows");
    refused(SAMPLE("") SAMPLE(""), OSCP_ERR_SYNTAX, "$", "more follows");
    refused("\"" AT "\"", OSCP_ERR_SCHEMA, "$", "must be a sample, or a list");
    refused("null", OSCP_ERR_SCHEMA, "$", "must be a sample, or a list");
    refused("17", OSCP_ERR_SCHEMA, "$", "must be a sample, or a list");
    refused_bytes("{\"group\":\"\xff\"}", 13, OSCP_ERR_SYNTAX, "$.group",
                  "invalid UTF-8");
    refused_bytes("{\"x\":\"\xc3\x28\"}", 10, OSCP_ERR_SYNTAX, "$.x",
                  "invalid UTF-8");
    refused("{\"group\":\"\\u0000\"}", OSCP_ERR_SYNTAX, "$.group", "\\u0000");
    refused("{\"asset\":\"\\ud800\"}", OSCP_ERR_SYNTAX, "$.asset",
            "surrogate");

    for (i = 0; i < sizeof(whole) - 1; i++) {
        wrong += read_bytes(whole, i) == OSCP_OK;
    }

    is_int((int64_t) wrong, 0, "no beginning of a document is one");
    accepted(whole, 2, "the whole is");
}


static void
test_nesting(void)
{
    /* the list and the sample are two of the sixteen */
    accepted("[" SAMPLE(",\"x\":[[[[[[[[[[[[[[]]]]]]]]]]]]]]") "]", 1,
             "16 deep");
    refused("[" SAMPLE(",\"x\":[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]") "]",
            OSCP_ERR_LIMIT, "$[0].x[0][0][0][0][0][0][0][0][0][0][0][0][0][0]",
            "16 deep");
    refused("[[" SAMPLE("") "]]", OSCP_ERR_SCHEMA, "$[0]",
            "must be an object");
}


static void
test_lists(void)
{
    refused("[]", OSCP_ERR_SCHEMA, "$", "must be a sample, or a list");
    refused("[" SAMPLE("") ",]", OSCP_ERR_SYNTAX, "$[1]", "JSON");
    refused("[" SAMPLE("") SAMPLE("") "]", OSCP_ERR_SYNTAX, "$[0]",
            "a comma or ] is missing");
    refused("[" SAMPLE("") ",7]", OSCP_ERR_SCHEMA, "$[1]",
            "must be an object");
    refused("[" SAMPLE("") "," SAMPLE("") "," SAMPLE("") ",{\"at\":\"x\"}]",
            OSCP_ERR_SYNTAX, "$[3].at", "must be an RFC 3339 date-time");
    refused("[" SAMPLE("") "," WITH("power_w", "2e12") "]", OSCP_ERR_SEMANTIC,
            "$[1].power_w", "must be a number of watts");
    refused("[{}]", OSCP_ERR_SCHEMA, "$[0].group", "is required");
}


/* A list of n, each with an asset and a register of its own. */
static size_t
many(char *json, size_t size, int n)
{
    int     i;
    size_t  len = 0;

    for (i = 0; i < n; i++) {
        len += (size_t) snprintf(json + len, size - len,
                                 "%c{\"group\":\"G\",\"asset\":\"a%d\",\"at\":"
                                 "\"" AT "\",\"energy_import_wh\":%d.5}",
                                 i ? ',' : '[', i, i);
    }

    return len + (size_t) snprintf(json + len, size - len, "]");
}


static void
test_many(void)
{
    int     i, wrong = 0;
    char   *json, asset[16];
    size_t  len, size = 200000;

    json = malloc(size);
    if (json == NULL) {
        ok(0, "memory");
        return;
    }

    len = many(json, size, OSCP_SAMPLE_LIST_MAX);
    is_int(read_bytes(json, len), OSCP_OK, "1000 samples");
    is_int((int64_t) list.n, 1000, "are 1000");

    for (i = 0; i < OSCP_SAMPLE_LIST_MAX; i++) {
        snprintf(asset, sizeof(asset), "a%d", i);
        wrong += strcmp(items[i].asset, asset) != 0
                 || items[i].energy_import_wh != i + 0.5;
    }

    is_int(wrong, 0, "each with its own values");

    len = many(json, size, OSCP_SAMPLE_LIST_MAX + 1);
    refused_bytes(json, len, OSCP_ERR_LIMIT, "$",
                  "must have at most 1000 elements");

    /* what is beyond the room is counted and checked, and written nowhere */
    len = many(json, size, 5);
    memset(items, 0x5a, sizeof(items));
    list.items = items;
    list.max = 2;
    is_int(oscp_sample_read(&list, json, len, &err), OSCP_OK, "room for two");
    is_int((int64_t) list.n, 5, "of five");
    is_str(items[1].asset, "a1", "the second is there");
    ok((unsigned char) items[2].asset[0] == 0x5a, "the third is not");

    free(json);
}


int
main(void)
{
    test_one();
    test_numbers();
    test_exact();
    test_members();
    test_json();
    test_nesting();
    test_lists();
    test_many();

    return done_testing();
}
