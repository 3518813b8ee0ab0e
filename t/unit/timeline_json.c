/*
 * Goal: a timeline survives Redis: what is written is readable text, is read
 * back the same, and what does not hold the rules is refused with its place.
 */

#include "failing.h"
#include "oscp_timeline.h"
#include "tap.h"

#define T0  INT64_C(1795392000000)       /* 2026-11-23T00:00:00Z */
#define MIN INT64_C(60000)

static char          text[65536], again[65536];
static failing_t     failing;
static oscp_alloc_t  alloc = { failing_resize, &failing };


static void
fill(oscp_timeline_t *t)
{
    oscp_block_t  a[] = {
        { 120, OSCP_PHASE_ALL, OSCP_UNIT_KW, T0, T0 + 30 * MIN },
        { 7360.5, OSCP_PHASE_UNKNOWN, OSCP_UNIT_W, T0 + 45 * MIN,
          T0 + 60 * MIN + 123 },
        { 16, OSCP_PHASE_ONE, OSCP_UNIT_A, T0, T0 + 15 * MIN },
        { 0, OSCP_PHASE_THREE, OSCP_UNIT_W, T0 + 45 * MIN, T0 + 50 * MIN }
    };
    oscp_block_t  b[] = {
        { 5, OSCP_PHASE_ONE, OSCP_UNIT_W, T0 + 10 * MIN, T0 + 20 * MIN }
    };
    oscp_forecast_t  f = { OSCP_CONSUMPTION, a, 4, "req-1", T0, 230 };

    oscp_timeline_init(t);
    ok(oscp_timeline_apply(t, &f, NULL, &alloc) == OSCP_OK, "four blocks");
    f.blocks = b;
    f.nblocks = 1;
    f.req = "say\"2\"\\{}";
    ok(oscp_timeline_apply(t, &f, NULL, &alloc) == OSCP_OK, "and one more");
}


static void
round_trip(void)
{
    size_t           len;
    oscp_error_t     err;
    oscp_timeline_t  t, r;

    fill(&t);
    len = oscp_timeline_write(&t, text, sizeof(text));
    is_str(text,
        "[[\"2026-11-23T00:00:00.000Z\",\"2026-11-23T00:10:00.000Z\",3680,"
        "\"ONE\",\"req-1\"],"
        "[\"2026-11-23T00:00:00.000Z\",\"2026-11-23T00:30:00.000Z\",120000,"
        "\"ALL\",\"req-1\"],"
        "[\"2026-11-23T00:10:00.000Z\",\"2026-11-23T00:20:00.000Z\",5,"
        "\"ONE\",\"say\\\"2\\\"\\\\{}\"],"
        "[\"2026-11-23T00:45:00.000Z\",\"2026-11-23T01:00:00.123Z\",7360.5,"
        "\"UNKNOWN\",\"req-1\"],"
        "[\"2026-11-23T00:45:00.000Z\",\"2026-11-23T00:50:00.000Z\",0,"
        "\"THREE\",\"req-1\"]]", "sorted by start, then phase");
    is_int((int64_t) len, (int64_t) strlen(text), "its length");
    is_int((int64_t) oscp_timeline_write(&t, NULL, 0), (int64_t) len,
           "counted without a buffer");
    memset(again, 'x', 64);
    is_int((int64_t) oscp_timeline_write(&t, again, 10), (int64_t) len,
           "and with one that is too small");
    ok(again[9] == '\0' && again[10] == 'x', "which is not overrun");

    oscp_timeline_init(&r);
    is_int(oscp_timeline_read(&r, text, len, &alloc, &err), OSCP_OK,
           "read back");
    oscp_timeline_write(&r, again, sizeof(again));
    is_str(again, text, "the same");
    is_str(r.req, "", "the newest message is not part of it");
    is_int(r.first_ms, OSCP_TIME_NONE, "nor is the first block's start");

    is_int(oscp_timeline_read(&r, "[]", 2, &alloc, &err), OSCP_OK,
           "an empty array");
    is_int((int64_t) oscp_timeline_write(&r, again, sizeof(again)), 2,
           "replaces everything");

    oscp_timeline_clear(&t, &alloc);
    oscp_timeline_clear(&r, &alloc);
    is_int(failing.held, 0, "nothing leaks");
}


#define A   "\"2026-11-23T00:00:00Z\""
#define B   "\"2026-11-23T01:00:00Z\""
#define C   "\"2026-11-23T02:00:00Z\""
#define OK  "[" A "," B ",1,\"ALL\",\"r\"]"


static void
refusals(void)
{
    static const struct {
        const char  *json;
        oscp_err_t   code;
        const char  *path;
    } list[] = {
        { "", OSCP_ERR_SYNTAX, "$" },
        { "[", OSCP_ERR_SYNTAX, "$" },
        { "[]x", OSCP_ERR_SYNTAX, "$" },
        { "{}", OSCP_ERR_SCHEMA, "$" },
        { "[" OK ",7]", OSCP_ERR_SCHEMA, "$[1]" },
        { "[[]]", OSCP_ERR_SCHEMA, "$[0]" },
        { "[[" A "," B ",1,\"ALL\"]]", OSCP_ERR_SCHEMA, "$[0]" },
        { "[[" A "," B ",1,\"ALL\",\"r\",1]]", OSCP_ERR_SCHEMA, "$[0]" },
        { "[" OK ",[1," B ",1,\"ALL\",\"r\"]]", OSCP_ERR_SCHEMA, "$[1][0]" },
        { "[[" A ",\"\",1,\"ALL\",\"r\"]]", OSCP_ERR_SCHEMA, "$[0][1]" },
        { "[[" A "," A ",1,\"ALL\",\"r\"]]", OSCP_ERR_SEMANTIC, "$[0][1]" },
        { "[[" A "," B ",\"1\",\"ALL\",\"r\"]]", OSCP_ERR_SCHEMA, "$[0][2]" },
        { "[[" A "," B ",-1,\"ALL\",\"r\"]]", OSCP_ERR_SCHEMA, "$[0][2]" },
        { "[[" A "," B ",1e999,\"ALL\",\"r\"]]", OSCP_ERR_SCHEMA, "$[0][2]" },
        { "[[" A "," B ",1,\"all\",\"r\"]]", OSCP_ERR_SCHEMA, "$[0][3]" },
        { "[[" A "," B ",1,4,\"r\"]]", OSCP_ERR_SCHEMA, "$[0][3]" },
        { "[[" A "," B ",1,\"ALL\",null]]", OSCP_ERR_SCHEMA, "$[0][4]" },
        { "[" OK ",[" A "," C ",1,\"UNKNOWN\",\"r\"]]", OSCP_ERR_SEMANTIC,
          "$[1][0]" },
        { "[[" B "," C ",1,\"ONE\",\"r\"],[" A "," B ",1,\"ONE\",\"r\"]]",
          OSCP_ERR_SEMANTIC, "$[1][0]" }
    };

    size_t           i;
    oscp_err_t       rc;
    oscp_error_t     err;
    oscp_timeline_t  t;

    oscp_timeline_init(&t);
    ok(oscp_timeline_read(&t, "[" OK "]", strlen("[" OK "]"), &alloc, &err)
       == OSCP_OK, "a good one");
    oscp_timeline_write(&t, text, sizeof(text));

    for (i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        rc = oscp_timeline_read(&t, list[i].json, strlen(list[i].json), &alloc,
                                &err);
        oscp_timeline_write(&t, again, sizeof(again));

        if (!ok(rc == list[i].code && strcmp(err.path, list[i].path) == 0
                && strcmp(again, text) == 0, "refused at %s, and nothing "
                "changed: %s", list[i].path, list[i].json))
        {
            printf("#   got %d %s: %s\n", rc, err.path, err.text);
        }
    }

    oscp_timeline_clear(&t, &alloc);
    is_int(failing.held, 0, "nothing leaks");
}


static void
limits(void)
{
    char             *big, block[300], req[OSCP_ID_SIZE + 1];
    size_t            i, n;
    oscp_error_t      err;
    oscp_timeline_t   t;
    char              at[OSCP_TIME_SIZE], next[OSCP_TIME_SIZE];

    oscp_timeline_init(&t);
    memset(req, 'r', sizeof(req));

    req[OSCP_ID_MAX] = '\0';
    n = (size_t) sprintf(block, "[[" A "," B ",1,\"ALL\",\"%s\"]]", req);
    is_int(oscp_timeline_read(&t, block, n, &alloc, &err), OSCP_OK,
           "a request id of OSCP_ID_MAX");
    req[OSCP_ID_MAX] = 'r';
    req[OSCP_ID_MAX + 1] = '\0';
    n = (size_t) sprintf(block, "[[" A "," B ",1,\"ALL\",\"%s\"]]", req);
    is_int(oscp_timeline_read(&t, block, n, &alloc, &err), OSCP_ERR_SCHEMA,
           "one over");

    big = malloc((OSCP_TIMELINE_SPANS_MAX + 1) * 80 + 2);
    if (big == NULL) {
        return;
    }

    n = (size_t) sprintf(big, "[");
    for (i = 0; i < OSCP_TIMELINE_SPANS_MAX; i++) {
        oscp_time_format(T0 + (oscp_ms_t) i, at);
        oscp_time_format(T0 + (oscp_ms_t) i + 1, next);
        n += (size_t) sprintf(big + n, "%s[\"%s\",\"%s\",1,\"ALL\",\"r\"]",
                              i ? "," : "", at, next);
    }

    strcpy(big + n, "]");
    is_int(oscp_timeline_read(&t, big, n + 1, &alloc, &err), OSCP_OK,
           "OSCP_TIMELINE_SPANS_MAX blocks");
    is_int((int64_t) t.lanes[OSCP_LANE_TOTAL].n, OSCP_TIMELINE_SPANS_MAX,
           "are all there");
    n += (size_t) sprintf(big + n, ",[" B "," C ",1,\"ALL\",\"\"]]");
    is_int(oscp_timeline_read(&t, big, n, &alloc, &err), OSCP_ERR_LIMIT,
           "one more is refused");

    free(big);
    oscp_timeline_clear(&t, &alloc);
}


/* Every allocation of a change or a reading fails in turn. */
static void
without_memory(void)
{
    int               unchanged = 1, failed;
    long              n;
    size_t            len;
    oscp_error_t      err;
    oscp_block_t      b[] = {
        { 1, OSCP_PHASE_ALL, OSCP_UNIT_W, T0 + MIN, T0 + 2 * MIN },
        { 1, OSCP_PHASE_ONE, OSCP_UNIT_W, T0 + MIN, T0 + 2 * MIN },
        { 1, OSCP_PHASE_TWO, OSCP_UNIT_W, T0 + MIN, T0 + 2 * MIN },
        { 1, OSCP_PHASE_THREE, OSCP_UNIT_W, T0 + MIN, T0 + 2 * MIN }
    };
    oscp_forecast_t   f = { OSCP_CONSUMPTION, b, 4, "new", T0 + 9, 230 };
    oscp_timeline_t   t, before;

    fill(&t);
    len = oscp_timeline_write(&t, text, sizeof(text));
    before = t;

    for (n = 1; n < 10000; n++) {      /* until nothing fails */
        failing.calls = 0;
        failing.fail_at = n;
        failed = oscp_timeline_apply(&t, &f, NULL, &alloc) != OSCP_OK;
        failing.fail_at = 0;
        if (!failed) {
            break;
        }

        oscp_timeline_write(&t, again, sizeof(again));
        unchanged &= strcmp(text, again) == 0
                     && memcmp(&t, &before, sizeof(t)) == 0;
    }

    is_int(n, 6, "a message for all lanes needs five allocations");
    ok(unchanged, "each of them failed once and changed nothing");
    is_str(t.req, "new", "with memory it is taken in");
    oscp_timeline_write(&t, again, sizeof(again));

    for (n = 1, unchanged = 1; n < 10000; n++) {  /* as above */
        failing.calls = 0;
        failing.fail_at = n;
        failed = oscp_timeline_read(&t, text, len, &alloc, &err);
        failing.fail_at = 0;
        if (!failed) {
            break;
        }

        oscp_timeline_write(&t, text + 32768, sizeof(text) - 32768);
        unchanged &= failed == OSCP_ERR_NOMEM
                     && strcmp(text + 32768, again) == 0;
    }

    ok(unchanged && n > 3, "reading likewise, %ld allocations", n - 1);

    oscp_timeline_clear(&t, &alloc);
    is_int(failing.held, 0, "nothing leaks");
}


int
main(void)
{
    round_trip();
    refusals();
    limits();
    without_memory();

    return done_testing();
}
