/*
 * A lifecycle under test: one record, one configuration, one function per kind
 * of event, and what came out of the last one.
 */

#ifndef MACHINE_H
#define MACHINE_H

#include "oscp_lifecycle.h"
#include "tap.h"

#define NONE  OSCP_TIME_NONE
#define SEC   INT64_C(1000)
#define T0    INT64_C(1795392000000)      /* when every test begins */

static oscp_lifecycle_t         lc;
static oscp_lifecycle_conf_t    conf;
static oscp_lifecycle_result_t  result;
static oscp_lifecycle_event_t   ev;       /* what the next event carries */
static char                     fresh_id[16];
static unsigned                 fresh_count;


/* One event `after` milliseconds behind T0; `ev` is empty again after it. */
__attribute__((unused))
static unsigned
step(oscp_lifecycle_kind_t kind, int64_t after)
{
    snprintf(fresh_id, sizeof(fresh_id), "id-%u", ++fresh_count);
    ev.kind = kind;
    ev.at_ms = T0 + after;
    ev.new_req = fresh_id;
    ev.req = ev.req ? ev.req : "";
    ev.corr = ev.corr ? ev.corr : "";

    oscp_lifecycle_step(&lc, &conf, &ev, &result);
    memset(&ev, 0, sizeof(ev));
    ev.offline_mode_at_ms = NONE;

    return result.actions;
}


/* A new connection: interval 30 s, timeout 30 s, offline at T0. */
__attribute__((unused))
static void
fresh(int initiate)
{
    memset(&ev, 0, sizeof(ev));
    ev.offline_mode_at_ms = NONE;
    fresh_count = 0;
    conf = (oscp_lifecycle_conf_t) { 30 * SEC, 30 * SEC, OSCP_INTERMITTENT,
                                     initiate != 0 };
    oscp_lifecycle_init(&lc, T0);
}


__attribute__((unused))
static unsigned
peer_handshake(int64_t after, const char *req, int64_t interval_ms)
{
    ev.req = req;
    ev.has_interval = interval_ms > 0;
    ev.interval_ms = interval_ms;
    ev.dialect = OSCP_DIALECT_NESTED;

    return step(OSCP_EV_PEER_HANDSHAKE, after);
}


__attribute__((unused))
static unsigned
peer_acknowledge(int64_t after, const char *corr, int64_t interval_ms)
{
    ev.corr = corr;
    ev.has_interval = interval_ms > 0;
    ev.interval_ms = interval_ms;

    return step(OSCP_EV_PEER_ACKNOWLEDGE, after);
}


/* `until` behind T0, or NONE: absent. */
__attribute__((unused))
static unsigned
peer_heartbeat(int64_t after, int64_t until)
{
    ev.offline_mode_at_ms = until == NONE ? NONE : T0 + until;

    return step(OSCP_EV_PEER_HEARTBEAT, after);
}


__attribute__((unused))
static unsigned
failed(oscp_lifecycle_kind_t kind, int64_t after, const char *error)
{
    ev.error = error;

    return step(kind, after);
}


/* Online at T0 by the peer's handshake, heartbeats every 10 s demanded. */
__attribute__((unused))
static void
online(int initiate)
{
    fresh(initiate);
    peer_handshake(0, "hs-0", 10 * SEC);
    step(OSCP_EV_ACKNOWLEDGE_SENT, 0);
}


/* The next deadline behind T0; -1: none. */
__attribute__((unused))
static int64_t
next(void)
{
    oscp_ms_t  at = oscp_lifecycle_next(&lc);

    return at == NONE ? -1 : at - T0;
}


__attribute__((unused))
static void
is_state(oscp_state_t want, const char *name)
{
    if (!ok(lc.state == want && result.after == want, "%s", name)) {
        printf("#   got %s, want %s\n", oscp_state_name(lc.state),
               oscp_state_name(want));
    }
}


__attribute__((unused))
static void
is_actions(unsigned want, const char *name)
{
    if (!ok(result.actions == want, "%s", name)) {
        printf("#   got %#x, want %#x\n", result.actions, want);
    }
}


__attribute__((unused))
static void
is_why(oscp_outcome_t outcome, const char *why, const char *name)
{
    if (!ok(result.outcome == outcome && strcmp(result.why, why) == 0, "%s",
            name))
    {
        printf("#   got %d '%s'\n", result.outcome, result.why);
    }
}

#endif /* MACHINE_H */
