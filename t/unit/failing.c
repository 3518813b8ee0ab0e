/*
 * Goal: every allocation of the replay, of the meters and of their reports
 * fails once, the JSON parser's own among them.  It is said, nothing leaks, and
 * the same call made again ends where it would have ended at once.  (The
 * configuration, segments and timelines: config_read.c, segments.c,
 * timeline_json.c.)
 */

#include <stdlib.h>

#include <cjson/cJSON.h>

#include "failing.h"
#include "oscp_replay.h"
#include "oscp_report.h"
#include "oscp_write.h"
#include "tap.h"

#define DAY      "2026-11-23T"
#define QUARTER  INT64_C(900000)
#define T0       INT64_C(1763856000000)
#define SAMPLES  200
#define NEVER    1000000        /* beyond the number of any run's calls */

static failing_t     failing;
static oscp_alloc_t  alloc = { failing_resize, &failing };
static char          text[8192];


static void *
parser_alloc(size_t size)
{
    return failing_resize(&failing, NULL, size);
}


static void
parser_free(void *ptr)
{
    failing_resize(&failing, ptr, 0);
}


/* One entry, again where there was no memory.  Returns how often not. */
static long
take_entry(oscp_replay_t *r, const char *event, const char *group,
    const char *at, const char *data)
{
    long                  refused = 0;
    oscp_err_t            rc;
    oscp_error_t          err;
    oscp_replay_record_t  record = { .event = event, .conn = "vector",
                                     .group = group, .data = data,
                                     .len = strlen(data) };

    oscp_time_parse(at, strlen(at), &record.at_ms);

    while ((rc = oscp_replay_take(r, &record, &err)) == OSCP_ERR_NOMEM) {
        if (++refused == 2) {
            break;
        }
    }

    if (rc != OSCP_OK) {
        ok(0, "%s: %s %s", event, err.path, err.text);
    }

    return refused;
}


#define BLOCK(from, until, w)                                                 \
    "[\"" DAY from ":00Z\",\"" DAY until ":00Z\"," w ",\"ALL\",\"r\"]"


/* What the audit of a morning gives, into `text`.  Returns refusals. */
static long
replay_morning(void)
{
    int                         n;
    long                        refused = 0;
    oscp_replay_t              *r;
    const oscp_replay_group_t  *g;

    while ((r = oscp_replay_create(&alloc)) == NULL && ++refused < 2) {
        /* once more, with memory */
    }

    refused += take_entry(r, "config", NULL, DAY "01:00:00Z",
                          "{\"new\":{\"gap_policy\":\"safe_default\"}}");
    refused += take_entry(r, "config", "DEPOT01", DAY "01:00:00Z",
                          "{\"new\":{\"id\":\"DEPOT01\",\"scope\":\"s\","
                          "\"circuit\":\"c\",\"asset\":\"a\",\"voltage_v\":230,"
                          "\"rated_w\":400000,\"safe_default_w\":60000}}");
    refused += take_entry(r, "state", NULL, DAY "01:01:00Z",
                          "{\"from\":\"offline\",\"to\":\"online\"}");
    refused += take_entry(r, "forecast", "DEPOT01", DAY "01:02:00Z",
                          "{\"type\":\"CONSUMPTION\",\"req\":\"r1\","
                          "\"blocks\":[" BLOCK("02:00", "03:00", "5") ","
                          BLOCK("03:00", "04:00", "6") "]}");
    refused += take_entry(r, "forecast", "DEPOT01", DAY "01:03:00Z",
                          "{\"type\":\"CONSUMPTION\",\"req\":\"r2\","
                          "\"blocks\":[" BLOCK("02:30", "03:30", "7") "]}");

    g = oscp_replay_group(r, "vector", "DEPOT01");
    n = snprintf(text, sizeof(text), "%s %d ", g ? g->circuit : "none",
                 g && g->connection->state == OSCP_STATE_ONLINE);
    if (g) {
        oscp_timeline_write(&g->timelines[OSCP_CONSUMPTION], text + n,
                            sizeof(text) - n);
    }
    oscp_replay_free(r);

    return refused;
}


/* What a quarter hour of two assets' samples gives.  Returns refusals. */
static long
report_quarter(void)
{
    long                  refused = 0;
    size_t                len = 0;
    oscp_meter_t          meters[2];
    oscp_report_t         report;
    oscp_sample_t         sample = { .has_power = 1, .power_w = 7000 };
    oscp_window_t         w = { T0, T0 + QUARTER, QUARTER, 10000 };
    oscp_report_asset_t   assets[2] = { { .name = "a" }, { .name = "b" } };
    oscp_report_window_t  window = { .measurement = OSCP_INTERMITTENT,
                                     .group_id = "DEPOT01", .asset_id = "SITE",
                                     .start_ms = T0, .end_ms = T0 + QUARTER,
                                     .assets = assets, .nassets = 2 };

    window.profile = oscp_profile_find("generic", 7);

    for (unsigned i = 0; i < 2; i++) {
        oscp_meter_init(&meters[i]);
        for (int k = 0; k < SAMPLES; k++) {
            sample.at_ms = T0 - QUARTER / 2 + k * (2 * QUARTER / SAMPLES);
            sample.import_mwh = (i + 1) * k * INT64_C(10000);
            if (oscp_meter_add(&meters[i], &sample, OSCP_TIME_NONE, &alloc)
                != OSCP_METER_ADDED)
            {
                refused++;
                oscp_meter_add(&meters[i], &sample, OSCP_TIME_NONE, &alloc);
            }
        }
        oscp_meter_read(&meters[i], &w, T0 + 2 * QUARTER, &assets[i].reading);
    }

    if (oscp_report_make(&report, &window, &alloc) == -1) {
        refused++;
        oscp_report_clear(&report, &alloc);
        oscp_report_make(&report, &window, &alloc);
    }

    for (size_t i = 0; i < report.n && len < sizeof(text); i++) {
        len += oscp_write(&report.messages[i], text + len, sizeof(text) - len);
    }

    oscp_report_clear(&report, &alloc);
    oscp_meter_clear(&meters[0], &alloc);
    oscp_meter_clear(&meters[1], &alloc);

    return refused;
}


/* Runs once with all memory there is, and then once for each allocation. */
static void
each_fails(const char *name, long (*run)(void), long least)
{
    int   same = 1, said = 1;
    long  n, refused;
    char  expected[sizeof(text)];

    failing.calls = 0;
    failing.fail_at = NEVER;
    refused = run();
    ok(refused == 0, "%s: %ld allocations", name, failing.calls);
    snprintf(expected, sizeof(expected), "%s", text);
    ok(strlen(expected) > 100 && failing.held == 0, "%.70s...", expected);

    for (n = 1; /* until nothing fails */ ; n++) {
        failing.calls = 0;
        failing.fail_at = n;
        refused = run();
        if (failing.calls < n) {
            break;
        }

        said &= refused == 1;
        same &= strcmp(text, expected) == 0;
    }

    ok(n > least, "%ld of them failed in turn", n - 1);
    ok(said, "each was said once");
    ok(same, "and the same call made again gave the same");
    is_int(failing.held, 0, "nothing leaks");
}


int
main(void)
{
    cJSON_Hooks  hooks = { parser_alloc, parser_free };

    cJSON_InitHooks(&hooks);
    each_fails("replay", replay_morning, 50);
    each_fails("report", report_quarter, 3);
    cJSON_InitHooks(NULL);

    return done_testing();
}
