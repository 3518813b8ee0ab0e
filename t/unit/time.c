/* RFC 3339 date-times: read, refused, written, and back. */

#include "tap.h"

#include <stdlib.h>
#include <time.h>

#include "oscp_time.h"

#define SEED    20261123u
#define ROUNDS  200000


typedef struct {
    const char  *text;
    oscp_ms_t    ms;
} time_case_t;


static const time_case_t  good[] = {
    { "1970-01-01T00:00:00Z", 0 },
    { "1969-12-31T23:59:59.999Z", -1 },
    { "2026-11-23T00:55:59.123Z", 1795395359123 },
    { "2026-11-23t00:55:59.123z", 1795395359123 },
    { "2026-11-23T00:55:59.123456789012345678901234567890Z", 1795395359123 },
    { "2026-11-23T00:55:59.9999Z", 1795395359999 },
    { "2026-11-23T00:55:59.1Z", 1795395359100 },
    { "2026-11-23T00:55:59.12Z", 1795395359120 },
    { "2026-11-23T00:55:59.0Z", 1795395359000 },
    { "2026-11-23T13:55:59+13:00", 1795395359000 },
    { "2026-11-22T18:55:59.5-06:00", 1795395359500 },
    { "2026-11-23T06:25:59+05:30", 1795395359000 },
    { "2026-11-24T00:54:59+23:59", 1795395359000 },
    { "2026-11-22T00:56:59-23:59", 1795395359000 },
    { "2026-11-23T00:55:59-00:00", 1795395359000 },
    { "2026-11-23T00:55:59+00:00", 1795395359000 },
    { "2016-12-31T23:59:60Z", 1483228800000 },
    { "2016-12-31T23:59:60.999Z", 1483228800000 },
    { "2017-01-01T12:59:60+13:00", 1483228800000 },
    { "2024-02-29T00:00:00Z", 1709164800000 },
    { "2000-02-29T00:00:00Z", 951782400000 },
    { "2024-12-31T23:59:59Z", 1735689599000 },
    { "0001-01-01T00:00:00Z", -62135596800000 },
    { "9999-12-31T23:59:59.999Z", 253402300799999 },
    { "0001-01-01T10:00:00+10:00", -62135596800000 }
};

static const char *const  bad[] = {
    "", "2026", "2026-11-23", "2026-11-23T00:55:59", "2026-11-23 00:55:59",
    "2026-11-23 00:55:59Z", "2026-11-23T00:55Z", "2026-11-23T00:55:5Z",
    "2026-11-23T00:55:590Z", "2026-11-23T00:55:59.Z", "2026-11-23T00:55:59,5Z",
    "2026-11-23T00:55:59.5", "2026-11-23T00:55:59.", "2026-11-23T00:55:59.-Z",
    "2026-11-23T00:55:59ZZ", "2026-11-23T00:55:59Z ", " 2026-11-23T00:55:59Z",
    "2026-11-23T00:55:59.1.2Z", "2026-11-23T00:55:59X",
    "2026-11-23T24:00:00Z", "2026-11-23T00:60:00Z", "2026-11-23T00:00:61Z",
    "2026-11-23T-1:00:00Z", "2026-11-23T0:000:00Z", "2026-11-23T00-00-00Z",
    "2026/11/23T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
    "2026-01-00T00:00:00Z", "2026-01-32T00:00:00Z", "2026-04-31T00:00:00Z",
    "2026-06-31T00:00:00Z", "2026-09-31T00:00:00Z", "2026-11-31T00:00:00Z",
    "2026-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2024-02-30T00:00:00Z",
    "0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "-001-01-01T00:00:00Z",
    "2026-11-23T00:00:00+24:00", "2026-11-23T00:00:00+00:60",
    "2026-11-23T00:00:00+0000", "2026-11-23T00:00:00+00",
    "2026-11-23T00:00:00+00:0", "2026-11-23T00:00:00+00:000",
    "2026-11-23T00:00:00 +00:00", "2026-11-23T00:00:00UTC",
    "2026-11-23T00:00:00\342\210\22205:00", "20261123T000000Z",
    "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:00-00:01",
    "9999-12-31T23:59:60Z"
};


static void
test_tables(void)
{
    size_t     i;
    oscp_ms_t  ms;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        ms = 42;
        oscp_time_parse(good[i].text, strlen(good[i].text), &ms);
        is_int(ms, good[i].ms, good[i].text);
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ms = 42;
        ok(oscp_time_parse(bad[i], strlen(bad[i]), &ms) == -1 && ms == 42,
           "refused: '%s'", bad[i]);
    }
}


/* Each byte of a good time replaced by each other byte: nothing but digits
   and the two letters' case may pass. */
static void
test_bytes(void)
{
    int         c, passed, other;
    char        text[] = "2026-11-23T00:55:59.123+01:00";
    size_t      i, len = strlen(text);
    char        kept;
    oscp_ms_t   ms;

    passed = 0;
    other = 0;

    for (i = 0; i < len; i++) {
        kept = text[i];

        for (c = 0; c < 256; c++) {
            text[i] = (char) c;

            if (oscp_time_parse(text, len, &ms) == 0) {
                passed++;
                other += (kept >= '0' && kept <= '9') != (c >= '0' && c <= '9');
            }
        }

        text[i] = kept;
    }

    ok(passed > 100, "other digits pass");

    /* "t", and "-" for "+", beside the four separators themselves */
    is_int(other, 0, "a digit is never replaced by another byte");
}


/* Days and months against the C library's own calendar. */
static void
test_calendar(void)
{
    int        wrong;
    char       text[OSCP_TIME_SIZE], want[80];
    time_t     t;
    struct tm  tm;
    oscp_ms_t  ms;

    wrong = 0;

    for (t = -62135596800; t < 253402300800; t += 86400 - 7) {
        gmtime_r(&t, &tm);
        snprintf(want, sizeof(want), "%04d-%02d-%02dT%02d:%02d:%02d.000Z",
                 tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
                 tm.tm_min, tm.tm_sec);

        oscp_time_format((oscp_ms_t) t * 1000, text);
        wrong += strcmp(text, want) != 0;
        wrong += oscp_time_parse(want, 24, &ms) != 0
                 || ms != (oscp_ms_t) t * 1000;

        /* a day for every one of the last thousand years is enough */
        if (t < 0 || t > 4102444800) {
            t += 86400 * 29;
        }
    }

    is_int(wrong, 0, "days of all years as gmtime has them");
}


static void
test_random(void)
{
    int        wrong, i;
    char       text[OSCP_TIME_SIZE];
    uint64_t   range;
    oscp_ms_t  ms, back;

    printf("# seed %u\n", SEED);
    srandom(SEED);

    wrong = 0;
    range = UINT64_C(253402300799999) + UINT64_C(62135596800000) + 1;

    for (i = 0; i < ROUNDS; i++) {
        ms = (oscp_ms_t) ((((uint64_t) random() << 31)
                           ^ (uint64_t) random()) % range) - 62135596800000;

        wrong += oscp_time_format(ms, text) != OSCP_TIME_LEN;
        wrong += oscp_time_parse(text, OSCP_TIME_LEN, &back) != 0
                 || back != ms;
    }

    is_int(wrong, 0, "random moments come back");
}


static void
test_format(void)
{
    char  text[OSCP_TIME_SIZE];

    is_int((int64_t) oscp_time_format(1795395359123, text), 24, "length");
    is_str(text, "2026-11-23T00:55:59.123Z", "written");

    oscp_time_format(-62135596800000, text);
    is_str(text, "0001-01-01T00:00:00.000Z", "the first moment");
    oscp_time_format(253402300799999, text);
    is_str(text, "9999-12-31T23:59:59.999Z", "the last moment");

    is_int((int64_t) oscp_time_format(253402300800000, text), 0, "after it");
    is_str(text, "", "is empty");
    is_int((int64_t) oscp_time_format(-62135596800001, text), 0, "before");
    is_int((int64_t) oscp_time_format(OSCP_TIME_NONE, text), 0, "none");
    is_int((int64_t) oscp_time_format(INT64_MIN, text), 0, "far before");
}


int
main(void)
{
    test_tables();
    test_bytes();
    test_calendar();
    test_random();
    test_format();

    return done_testing();
}
