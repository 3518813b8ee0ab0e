/*
 * Goal: the audit alone gives every decision back.  Hand-made entries, as the
 * `events` stream holds them, are taken one by one; after each `envelope` entry
 * the rules must give what it says, and what has been changed, removed,
 * disconnected or lost must be gone.
 */

#include <stdlib.h>

#include "oscp_replay.h"
#include "tap.h"

#define DAY   "2026-11-23T"

static oscp_replay_t  *replay;
static oscp_error_t    err;


static oscp_ms_t
moment(const char *text)
{
    oscp_ms_t  ms = 0;

    ok(oscp_time_parse(text, strlen(text), &ms) == 0, "%s is a time", text);
    return ms;
}


static oscp_err_t
take(const char *event, const char *id, const char *at, const char *data)
{
    oscp_replay_record_t  record = { .event = event, .conn = "vector",
                                     .group = id, .data = data,
                                     .len = strlen(data) };

    record.at_ms = OSCP_TIME_NONE;
    oscp_time_parse(at, strlen(at), &record.at_ms);
    return oscp_replay_take(replay, &record, &err);
}


static void
taken(const char *event, const char *id, const char *at, const char *data)
{
    if (!ok(take(event, id, at, data) == OSCP_OK, "%s %s %s", at, event,
            id ? id : ""))
    {
        printf("# %s: %s\n", err.path, err.text);
    }
}


static const oscp_replay_group_t *
group(void)
{
    return oscp_replay_group(replay, "vector", "DEPOT01");
}


static oscp_decision_t
decide(const char *at)
{
    oscp_decision_t   d;
    oscp_situation_t  s;

    memset(&d, 0, sizeof(d));
    if (ok(group() != NULL && oscp_replay_situation(group(), &s) == 0,
           "the situation is known"))
    {
        oscp_decide(&s, moment(at), &d);
    }
    return d;
}


static void
row(const char *at, int want, double watts, const char *why)
{
    oscp_decision_t  d = decide(at);

    is_int(d.limits[OSCP_DIRECTION_IMPORT].row, want, why);
    is_num(d.available_capacity_w, watts, "and the circuit's value");
}


/* An envelope entry, and that the rules agree with it. */
static void
envelope(const char *at, const char *data)
{
    oscp_decision_t  d;

    taken("envelope", "DEPOT01", at, data);
    d = decide(at);
    ok(oscp_replay_same(&group()->recorded.decision, &d),
       "%s: the rules give what was recorded", at);
}


#define GROUP_DOC(circuit, rated)                                             \
    "{\"id\":\"DEPOT01\",\"scope\":\"depot-1\",\"circuit\":\"" circuit "\","  \
    "\"asset\":\"DEPOT01\",\"voltage_v\":230,\"rated_w\":" rated ","          \
    "\"safe_default_w\":60000}"

#define NO_EXPORT                                                             \
    "\"export\":{\"row\":2,\"mode\":\"local\",\"reason\":\"no_forecast\","    \
    "\"source\":\"none\"}"

#define BLOCK(from, until, watts, req)                                        \
    "[\"" DAY from ".000Z\",\"" DAY until ".000Z\"," watts ",\"ALL\",\"" req  \
    "\"]"


static void
begin(void)
{
    oscp_replay_free(replay);
    replay = oscp_replay_create(&oscp_alloc_libc);
    taken("config", NULL, DAY "00:00:00Z",
          "{\"new\":{\"name\":\"vector\",\"gap_policy\":\"safe_default\"}}");
    taken("config", "DEPOT01", DAY "00:00:00Z",
          "{\"new\":" GROUP_DOC("incomer-1", "400000") "}");
}


/* From nothing to online with a forecast, and one for the fallback. */
static void
controlled(void)
{
    begin();
    taken("state", NULL, DAY "01:00:00Z",
          "{\"from\":\"offline\",\"to\":\"handshaking\"}");
    taken("state", NULL, DAY "01:00:01Z",
          "{\"from\":\"handshaking\",\"to\":\"online\"}");
    taken("forecast", "DEPOT01", DAY "01:55:00Z",
          "{\"type\":\"CONSUMPTION\",\"req\":\"r1\",\"overlaps\":0,\"blocks\":["
          BLOCK("02:00:00", "02:15:00", "120000", "r1") ","
          BLOCK("02:15:00", "02:30:00", "90000.125", "r1") "]}");
    taken("forecast", "DEPOT01", DAY "01:56:00Z",
          "{\"type\":\"FALLBACK_CONSUMPTION\",\"req\":\"f1\",\"blocks\":["
          BLOCK("02:00:00", "03:00:00", "80000", "f1") "]}");
}


static void
recorded_day(void)
{
    begin();
    envelope(DAY "00:00:00.010Z",
             "{\"mode\":\"local\",\"colour\":\"grey\",\"reason\":"
             "\"no_forecast\",\"row\":2,\"source\":\"none\",\"scope\":"
             "\"depot-1\",\"circuit\":\"incomer-1\",\"control\":\"local\","
             "\"available_capacity_w\":400000,\"import\":{\"row\":2,\"mode\":"
             "\"local\",\"reason\":\"no_forecast\",\"source\":\"none\"},"
             NO_EXPORT "}");

    controlled();
    envelope(DAY "02:00:00.003Z",
             "{\"mode\":\"normal\",\"colour\":\"green\",\"reason\":"
             "\"forecast\",\"row\":3,\"source\":\"forecast\",\"req\":\"r1\","
             "\"scope\":"
             "\"depot-1\",\"circuit\":\"incomer-1\",\"control\":\"oscp\","
             "\"available_capacity_w\":120000,\"until\":\"" DAY
             "02:15:00.000Z\",\"import\":{\"row\":3,\"mode\":\"normal\","
             "\"reason\":\"forecast\",\"source\":\"forecast\",\"limit_w\":"
             "120000,\"req\":\"r1\",\"from\":\"" DAY "02:00:00.000Z\"},"
             NO_EXPORT "}");
    is_int(group()->recorded.decision.next_ms, moment(DAY "02:15:00Z"),
           "what was due next is recorded");
    is_str(group()->recorded.scope, "depot-1", "for its scope");

    envelope(DAY "02:15:00.001Z",
             "{\"mode\":\"normal\",\"colour\":\"green\",\"reason\":"
             "\"forecast\",\"row\":3,\"source\":\"forecast\",\"req\":\"r1\","
             "\"scope\":"
             "\"depot-1\",\"circuit\":\"incomer-1\",\"control\":\"oscp\","
             "\"available_capacity_w\":90000.125,\"import\":{\"row\":3,"
             "\"mode\":\"normal\",\"reason\":\"forecast\",\"source\":"
             "\"forecast\",\"limit_w\":90000.125,\"req\":\"r1\",\"from\":\"" DAY
             "02:15:00.000Z\"}," NO_EXPORT "}");

    taken("state", NULL, DAY "02:20:00Z",
          "{\"from\":\"online\",\"to\":\"offline\",\"why\":\"liveness lost\"}");
    envelope(DAY "02:20:00.002Z",
             "{\"mode\":\"fallback\",\"colour\":\"yellow\",\"reason\":"
             "\"liveness_lost\",\"row\":4,\"source\":\"fallback\",\"req\":"
             "\"f1\",\"scope\":\"depot-1\",\"circuit\":\"incomer-1\","
             "\"control\":\"fallback\",\"available_capacity_w\":80000,"
             "\"import\":{\"row\":4,\"mode\":\"fallback\",\"reason\":"
             "\"liveness_lost\",\"source\":\"fallback\",\"limit_w\":80000,"
             "\"req\":\"f1\",\"from\":\"" DAY "02:00:00.000Z\"},"
             NO_EXPORT "}");
    envelope(DAY "03:00:00.000Z",
             "{\"mode\":\"fallback\",\"colour\":\"yellow\",\"reason\":"
             "\"liveness_lost\",\"row\":5,\"source\":\"gap_policy\",\"scope\":"
             "\"depot-1\",\"circuit\":\"incomer-1\",\"control\":"
             "\"safe_default\",\"available_capacity_w\":60000,\"import\":{"
             "\"row\":5,\"mode\":\"fallback\",\"reason\":\"liveness_lost\","
             "\"source\":\"gap_policy\",\"limit_w\":60000}," NO_EXPORT "}");
}


/* What the next message says of the same time holds; earlier blocks stay. */
static void
newer_forecast(void)
{
    controlled();
    taken("forecast", "DEPOT01", DAY "02:05:00Z",
          "{\"type\":\"CONSUMPTION\",\"req\":\"r2\",\"blocks\":["
          BLOCK("02:10:00", "02:40:00", "0", "r2") "]}");
    row(DAY "02:09:59Z", 3, 120000, "the first message still holds before it");
    row(DAY "02:10:00Z", 3, 0, "the second holds from its first block on");
    row(DAY "02:40:00Z", 4, 80000, "behind it the fallback covers the gap");
    is_str(decide(DAY "02:20:00Z").limits[OSCP_DIRECTION_IMPORT].req, "r2",
           "with its own request id");
    is_int(group()->timelines[OSCP_CONSUMPTION].received_ms,
           moment(DAY "02:05:00Z"), "and its receipt");
}


static void
operator_takes_over(void)
{
    controlled();
    taken("state", NULL, DAY "02:05:00Z",
          "{\"from\":\"online\",\"to\":\"disconnected\"}");
    row(DAY "02:06:00Z", 1, 400000, "disconnected: row 1");
    is_int(decide(DAY "02:06:00Z").reason, OSCP_REASON_DISCONNECTED, "why");

    taken("state", NULL, DAY "02:07:00Z",
          "{\"from\":\"disconnected\",\"to\":\"offline\"}");
    row(DAY "02:08:00Z", 2, 400000, "connected again: nothing is left");

    controlled();
    taken("state", NULL, DAY "02:05:00Z",
          "{\"from\":\"online\",\"to\":\"disabled\"}");
    row(DAY "02:06:00Z", 1, 400000, "disabled: row 1");
    is_int(decide(DAY "02:06:00Z").reason, OSCP_REASON_DISABLED, "why");
    taken("state", NULL, DAY "02:07:00Z",
          "{\"from\":\"disabled\",\"to\":\"offline\"}");
    row(DAY "02:08:00Z", 4, 80000, "enabled again: forecasts were kept");

    taken("state", NULL, DAY "02:09:00Z",
          "{\"from\":\"offline\",\"to\":\"disabled\"}");
    taken("command", NULL, DAY "02:09:30Z",
          "{\"op\":\"disconnect\",\"outcome\":\"done\",\"text\":\"\"}");
    is_int(group()->connection->disconnected, 1,
           "disconnected while disabled, without a state event");
    taken("state", NULL, DAY "02:10:00Z",
          "{\"from\":\"disabled\",\"to\":\"disconnected\"}");
    row(DAY "02:11:00Z", 1, 400000, "enabled: still disconnected");
    taken("command", NULL, DAY "02:11:00Z",
          "{\"op\":\"connect\",\"outcome\":\"done\"}");
    taken("state", NULL, DAY "02:11:00Z",
          "{\"from\":\"disconnected\",\"to\":\"handshaking\"}");
    row(DAY "02:12:00Z", 2, 400000, "connected: forecasts are forgotten");
}


static void
group_out_of_service(void)
{
    controlled();
    taken("command", "DEPOT01", DAY "02:01:00Z",
          "{\"op\":\"disable\",\"outcome\":\"refused\",\"text\":\"no\"}");
    row(DAY "02:02:00Z", 3, 120000, "a refused command changes nothing");
    taken("command", "no such", DAY "02:01:30Z",
          "{\"op\":\"disable\",\"outcome\":\"refused\"}");
    ok(oscp_replay_group(replay, "vector", "no such") == NULL,
       "nor does it make a group of its name");
    taken("command", "DEPOT01", DAY "02:02:00Z",
          "{\"op\":\"disable\",\"outcome\":\"done\"}");
    row(DAY "02:03:00Z", 1, 400000, "a disabled group is local");
    taken("command", "DEPOT01", DAY "02:03:00Z",
          "{\"op\":\"enable\",\"outcome\":\"done\"}");
    row(DAY "02:04:00Z", 3, 120000, "enabled, it goes on");
}


static void
configuration(void)
{
    controlled();
    taken("config", "DEPOT01", DAY "02:01:00Z",
          "{\"old\":{\"circuit\":\"incomer-1\",\"rated_w\":400000},"
          "\"new\":{\"circuit\":\"incomer-2\",\"rated_w\":100000}}");
    is_str(group()->binding.circuit, "incomer-2", "moved");
    is_str(group()->binding.scope, "depot-1", "what did not change stays");
    row(DAY "02:02:00Z", 3, 100000, "the smaller circuit bounds the value");

    taken("config", "DEPOT01", DAY "02:03:00Z",
          "{\"old\":{\"circuit\":\"incomer-2\",\"rated_w\":100000,"
          "\"safe_default_w\":60000},\"new\":{}}");
    ok(group()->binding.circuit == NULL && !group()->binding.has_rated
       && !group()->binding.has_safe_default, "without a circuit");
    is_num(decide(DAY "02:04:00Z").limits[OSCP_DIRECTION_IMPORT].limit_w,
           120000, "the envelope still has its limit");
    ok(oscp_replay_scope(replay, "depot-1") == group(), "found by its scope");

    taken("config", "DEPOT01", DAY "02:05:00Z",
          "{\"old\":" GROUP_DOC("incomer-2", "100000") "}");
    ok(oscp_replay_scope(replay, "depot-1") == NULL, "removed");
    is_int(group()->bound, 0, "not bound");

    taken("config", "DEPOT01", DAY "02:06:00Z",
          "{\"new\":" GROUP_DOC("incomer-1", "400000") "}");
    row(DAY "02:07:00Z", 2, 400000, "added again, it is new");

    taken("config", NULL, DAY "02:08:00Z", "{\"old\":{\"name\":\"vector\"}}");
    taken("config", NULL, DAY "02:09:00Z", "{\"new\":{\"name\":\"vector\"}}");
    is_int(group()->connection->state, OSCP_STATE_OFFLINE,
           "so is a connection");
}


/* A stream that was trimmed: what cannot be known is not made up. */
static void
beginning_is_missing(void)
{
    oscp_situation_t  s;

    oscp_replay_free(replay);
    replay = oscp_replay_create(&oscp_alloc_libc);
    ok(group() == NULL && oscp_replay_each(replay, 0) == NULL,
       "nothing is known");
    taken("forecast", "DEPOT01", DAY "01:55:00Z",
          "{\"type\":\"CONSUMPTION\",\"req\":\"r1\",\"blocks\":["
          BLOCK("02:00:00", "02:15:00", "120000", "r1") "]}");
    is_int(oscp_replay_situation(group(), &s), -1, "a forecast is not enough");
    taken("envelope", "DEPOT01", DAY "02:00:00Z",
          "{\"mode\":\"normal\",\"colour\":\"green\",\"reason\":\"forecast\","
          "\"scope\":\"depot-1\",\"import\":{\"row\":3,\"mode\":\"normal\","
          "\"reason\":\"forecast\",\"source\":\"forecast\",\"limit_w\":120000,"
          "\"req\":\"r1\",\"from\":\"" DAY "02:00:00.000Z\"}," NO_EXPORT "}");
    is_num(group()->recorded.decision.limits[OSCP_DIRECTION_IMPORT].limit_w,
           120000, "but the recorded decision can be told");
    is_int(group()->recorded.decision.control, OSCP_CONTROL_OSCP,
           "without a circuit, control follows from the limit");
    taken("config", "DEPOT01", DAY "02:01:00Z",
          "{\"old\":{\"rated_w\":1},\"new\":{\"rated_w\":2}}");
    is_int(oscp_replay_situation(group(), &s), -1, "nor is a change enough");
    ok(oscp_replay_each(replay, 0) == group()
       && oscp_replay_each(replay, 1) == NULL, "one group is known");
}


static void
wrong_entries(void)
{
    size_t  i;

    static const struct {
        const char  *event, *group, *data, *path;
        oscp_err_t   rc;
    } cases[] = {
        { "state", NULL, "{\"to\":\"asleep\"}", "$.to", OSCP_ERR_SCHEMA },
        { "state", NULL, "[]", "$", OSCP_ERR_SYNTAX },
        { "state", NULL, "{\"to\":", "$", OSCP_ERR_SYNTAX },
        { "config", "DEPOT01", "{}", "$", OSCP_ERR_SCHEMA },
        { "config", "DEPOT01", "{\"old\":{\"rated_w\":1},\"new\":{\"rated_w\":"
          "\"much\"}}", "$.new.rated_w", OSCP_ERR_SCHEMA },
        { "config", NULL, "{\"old\":{},\"new\":{\"gap_policy\":\"hope\"}}",
          "$.new.gap_policy", OSCP_ERR_SCHEMA },
        { "forecast", NULL, "{}", "", OSCP_ERR_SCHEMA },
        { "forecast", "DEPOT01", "{\"type\":\"WISH\"}", "$.type",
          OSCP_ERR_SCHEMA },
        { "forecast", "DEPOT01", "{\"type\":\"CONSUMPTION\",\"req\":\"x\","
          "\"blocks\":[]}", "$", OSCP_ERR_SCHEMA },
        { "forecast", "DEPOT01", "{\"type\":\"CONSUMPTION\",\"req\":\"x\","
          "\"blocks\":[" BLOCK("02:00:00", "02:15:00", "1", "x") ","
          BLOCK("02:15:00", "02:15:00", "1", "x") "]}", "$.blocks[1]",
          OSCP_ERR_SCHEMA },
        { "forecast", "DEPOT01", "{\"type\":\"CONSUMPTION\",\"req\":\"x\","
          "\"blocks\":[[\"" DAY "02:00:00Z\"]]}", "$.blocks[0]",
          OSCP_ERR_SCHEMA },
        { "forecast", "DEPOT01", "{\"type\":\"CONSUMPTION\",\"req\":\"x\","
          "\"blocks\":[" BLOCK("02:00:00", "02:15:00", "-1", "x") "]}",
          "$.blocks[0]", OSCP_ERR_SCHEMA },
        { "envelope", "DEPOT01", "{\"mode\":\"odd\"}", "$.mode",
          OSCP_ERR_SCHEMA },
        { "envelope", "DEPOT01", "{\"mode\":\"local\",\"colour\":\"grey\","
          "\"reason\":\"disabled\",\"import\":{\"row\":9,\"mode\":\"local\","
          "\"reason\":\"disabled\",\"source\":\"none\"}}", "$.import.row",
          OSCP_ERR_SCHEMA },
    };

    controlled();
    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        is_int(take(cases[i].event, cases[i].group, DAY "02:01:00Z",
                    cases[i].data), cases[i].rc, cases[i].data);
        is_str(err.path, cases[i].path, "and where");
    }
    row(DAY "02:02:00Z", 3, 120000, "none of them had an effect");
    is_int(group()->recorded.at_ms == OSCP_TIME_NONE, 1,
           "and no envelope was recorded");

    is_int(take("handshake", NULL, DAY "02:03:00Z", "not read"), OSCP_OK,
           "other events are passed over");
    is_int(take("state", "x234567890123456789012345678901234567890123456789012"
                "34567890123456789", DAY "02:03:00Z", "{\"to\":\"online\"}"),
           OSCP_ERR_SCHEMA, "names have a length");
}


/* Three months of quarter hours: what is past must not fill the timeline. */
static void
long_run(void)
{
    int        i, bad = 0;
    char       from[OSCP_TIME_SIZE], until[OSCP_TIME_SIZE], data[512];
    oscp_ms_t  at;

    begin();
    at = moment(DAY "00:00:00Z");
    for (i = 0; i < 96 * 92; i++, at += 900000) {
        oscp_time_format(at, from);
        oscp_time_format(at + 900000, until);
        snprintf(data, sizeof(data), "{\"type\":\"CONSUMPTION\","
                 "\"req\":\"q%d\",\"blocks\":[[\"%s\",\"%s\",%d,"
                 "\"ALL\",\"q%d\"]]}", i, from, until, i, i);
        bad += take("forecast", "DEPOT01", from, data) != OSCP_OK;
    }
    is_int(bad, 0, "8,832 forecasts were taken");
    ok(group()->timelines[OSCP_CONSUMPTION].lanes[OSCP_LANE_TOTAL].n < 10,
       "and the past was forgotten");
    is_int(group()->timelines[OSCP_CONSUMPTION].first_ms,
           moment(DAY "00:00:00Z"), "but when it began");
}


static void
rounding(void)
{
    oscp_decision_t  a = { .limits[0].req = "", .limits[1].req = "" }, b;

    a.available_capacity_w = a.limits[0].limit_w = 2571.429;
    b = a;
    b.available_capacity_w = b.limits[0].limit_w = 2571.428;
    ok(oscp_replay_same(&a, &b), "a rounded sum is the same");
    b.limits[0].limit_w = 2571.4;
    ok(!oscp_replay_same(&a, &b), "another limit is not");
    b = a;
    b.limits[1].row = 4;
    ok(!oscp_replay_same(&a, &b), "nor is another row");
}


/* An allocator that fails at the Nth call: nothing leaks, nothing crashes. */
static unsigned  calls_left;


static void *
failing(void *ctx, void *ptr, size_t size)
{
    if (size > 0 && calls_left-- == 0) {
        calls_left = 0;
        return NULL;
    }
    return oscp_alloc_libc.resize(ctx, ptr, size);
}


static void
no_memory(void)
{
    unsigned       n, refused = 0;
    const char    *doc = "{\"new\":" GROUP_DOC("incomer-1", "400000") "}";
    oscp_alloc_t   alloc = { failing, oscp_alloc_libc.ctx };

    for (n = 0; n < 40; n++) {
        oscp_replay_free(replay);
        calls_left = n;
        replay = oscp_replay_create(&alloc);
        if (replay == NULL) {
            refused++;
            continue;
        }
        refused += take("config", "DEPOT01", DAY "00:00:00Z", doc)
                   == OSCP_ERR_NOMEM;
        refused += take("forecast", "DEPOT01", DAY "01:55:00Z",
                        "{\"type\":\"CONSUMPTION\",\"req\":\"r1\",\"blocks\":["
                        BLOCK("02:00:00", "02:15:00", "1", "r1") "]}")
                   == OSCP_ERR_NOMEM;
    }
    oscp_replay_free(replay);
    replay = NULL;
    ok(refused >= 5, "%u times there was no memory, and it was said", refused);
}


int
main(void)
{
    recorded_day();
    newer_forecast();
    operator_takes_over();
    group_out_of_service();
    configuration();
    beginning_is_missing();
    wrong_entries();
    long_run();
    rounding();
    no_memory();
    oscp_replay_free(replay);
    oscp_replay_free(NULL);
    return done_testing();
}
