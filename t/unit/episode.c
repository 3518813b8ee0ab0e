/*
 * Goal: one incident per yellow period, whatever happens inside it; the words
 * say which group, why, which limit holds and when that changes.
 */

#include <stdlib.h>

#include "oscp_episode.h"
#include "tap.h"

static const oscp_episode_context_t  context = {
    .conn = "vector", .group = "DEPOT01", .circuit = "incomer-1",
    .now_ms = 1000, .since_ms = 0
};


static oscp_decision_t
decision(oscp_mode_t mode, oscp_reason_t reason, oscp_source_t source,
    double watts)
{
    oscp_decision_t  d;
    oscp_limit_t    *import = &d.limits[OSCP_DIRECTION_IMPORT];

    memset(&d, 0, sizeof(d));
    d.mode = import->mode = mode;
    d.reason = import->reason = reason;
    import->source = source;
    import->has_limit = source != OSCP_SOURCE_NONE;
    import->limit_w = watts;
    import->req = d.limits[OSCP_DIRECTION_EXPORT].req = "";
    d.next_ms = 61000;
    return d;
}


static oscp_episode_step_t
step(oscp_episode_t *e, oscp_decision_t d)
{
    oscp_episode_step_t  s;

    oscp_episode_step(e, &d, &context, &s);
    return s;
}


static void
one_incident(void)
{
    oscp_episode_t       e = { 0 };
    oscp_episode_step_t  s;

    s = step(&e, decision(OSCP_MODE_NORMAL, OSCP_REASON_FORECAST,
                          OSCP_SOURCE_FORECAST, 120000));
    ok(s.incident == OSCP_INCIDENT_NONE && s.notice == OSCP_NOTICE_NONE,
       "normal opens nothing");

    s = step(&e, decision(OSCP_MODE_FALLBACK, OSCP_REASON_LIVENESS_LOST,
                          OSCP_SOURCE_FALLBACK, 80000));
    is_int(s.incident, OSCP_INCIDENT_OPEN, "fallback opens the incident");
    is_int(s.notice, OSCP_NOTICE_ENTERED, "and says so");
    is_num(s.limit_w, 80000, "with the limit");
    is_str(s.title, "Group DEPOT01 of vector is in fallback", "title");
    is_str(s.detail, "Why: the connection to the grid operator is lost. "
           "Since 1970-01-01T00:00:00.000Z. Now holds: import at most 80 kW "
           "(from the fallback forecast), no export limit; circuit incomer-1. "
           "Next change by time: 1970-01-01T00:01:01.000Z.", "detail");

    s = step(&e, decision(OSCP_MODE_FALLBACK, OSCP_REASON_LIVENESS_LOST,
                          OSCP_SOURCE_FALLBACK, 70000));
    is_int(s.incident, OSCP_INCIDENT_UPDATE, "another block updates it");
    is_int(s.notice, OSCP_NOTICE_NONE, "and is not notified");

    s = step(&e, decision(OSCP_MODE_FALLBACK, OSCP_REASON_FORECAST_GAP,
                          OSCP_SOURCE_GAP_POLICY, 60000));
    is_int(s.incident, OSCP_INCIDENT_UPDATE, "another source updates it");
    is_int(s.notice, OSCP_NOTICE_SOURCE, "and is notified");

    s = step(&e, decision(OSCP_MODE_NORMAL, OSCP_REASON_FORECAST,
                          OSCP_SOURCE_FORECAST, 120000));
    is_int(s.incident, OSCP_INCIDENT_RESOLVE, "normal resolves it");
    is_int(s.notice, OSCP_NOTICE_RECOVERED, "and says so");
}


static void
local_control(void)
{
    oscp_episode_t       e = { 0 };
    oscp_episode_step_t  s;
    oscp_decision_t      local;

    local = decision(OSCP_MODE_LOCAL, OSCP_REASON_DISCONNECTED,
                     OSCP_SOURCE_NONE, 0);

    s = step(&e, local);
    is_int(s.notice, OSCP_NOTICE_NONE, "local from the start is no news");

    step(&e, decision(OSCP_MODE_NORMAL, OSCP_REASON_FORECAST,
                      OSCP_SOURCE_FORECAST, 1));
    s = step(&e, local);
    is_int(s.notice, OSCP_NOTICE_LOCAL, "a disconnect tells of local control");
    is_int(s.incident, OSCP_INCIDENT_NONE, "and has no incident");

    step(&e, decision(OSCP_MODE_FALLBACK, OSCP_REASON_FORECAST_GAP,
                      OSCP_SOURCE_GAP_POLICY, 1));
    s = step(&e, local);
    is_int(s.notice, OSCP_NOTICE_LOCAL, "out of fallback likewise");
    is_int(s.incident, OSCP_INCIDENT_RESOLVE, "with its incident resolved");
}


static void
zero_profile(void)
{
    oscp_episode_t          e = { 0 };
    oscp_episode_step_t     s;
    oscp_episode_context_t  zero = context;
    oscp_decision_t         d, lost;

    zero.zero = OSCP_ZERO_HOLDS;
    d = decision(OSCP_MODE_NORMAL, OSCP_REASON_FORECAST, OSCP_SOURCE_FORECAST,
                 0);

    oscp_episode_step(&e, &d, &zero, &s);
    is_int(s.notice, OSCP_NOTICE_ZERO, "an all-zero profile is notified");
    ok(s.has_limit && s.limit_w == 0, "with 0 W as its limit");
    oscp_episode_step(&e, &d, &zero, &s);
    is_int(s.notice, OSCP_NOTICE_NONE, "once");
    oscp_episode_step(&e, &d, &context, &s);
    oscp_episode_step(&e, &d, &zero, &s);
    is_int(s.notice, OSCP_NOTICE_ZERO, "and again after another profile");

    /* the link is lost meanwhile */
    step(&e, decision(OSCP_MODE_FALLBACK, OSCP_REASON_LIVENESS_LOST,
                      OSCP_SOURCE_GAP_POLICY, 60));
    oscp_episode_step(&e, &d, &zero, &s);
    is_int(s.notice, OSCP_NOTICE_RECOVERED, "the link is back");
    oscp_episode_step(&e, &d, &zero, &s);
    is_int(s.notice, OSCP_NOTICE_ZERO, "other profiles came while it was lost");

    zero.zero = OSCP_ZERO_WAITS;
    lost = decision(OSCP_MODE_FALLBACK, OSCP_REASON_LIVENESS_LOST,
                    OSCP_SOURCE_GAP_POLICY, 60);
    oscp_episode_step(&e, &lost, &zero, &s);
    zero.zero = OSCP_ZERO_HOLDS;
    oscp_episode_step(&e, &d, &zero, &s);
    oscp_episode_step(&e, &d, &zero, &s);
    is_int(s.notice, OSCP_NOTICE_NONE, "none did: it was told before");
}


static void
forgotten_zero(void)
{
    oscp_episode_t          e = { 0 };
    oscp_episode_step_t     s;
    oscp_episode_context_t  zero = context, kept = context;
    oscp_decision_t         d, local;

    kept.zero = OSCP_ZERO_WAITS;
    zero.zero = OSCP_ZERO_HOLDS;
    d = decision(OSCP_MODE_NORMAL, OSCP_REASON_FORECAST, OSCP_SOURCE_FORECAST,
                 0);
    oscp_episode_step(&e, &d, &zero, &s);

    local = decision(OSCP_MODE_LOCAL, OSCP_REASON_DISABLED, OSCP_SOURCE_NONE,
                     0);
    oscp_episode_step(&e, &local, &kept, &s);
    oscp_episode_step(&e, &d, &zero, &s);
    is_int(s.notice, OSCP_NOTICE_NONE, "enabled again: the same zero profile");

    local.reason = OSCP_REASON_DISCONNECTED;
    step(&e, local);
    oscp_episode_step(&e, &d, &zero, &s);
    is_int(s.notice, OSCP_NOTICE_ZERO, "after a disconnect it is another one");
}


/* Import is normal, export is not. */
static void
export_limit(void)
{
    oscp_episode_t       e = { 0 };
    oscp_episode_step_t  s;
    oscp_decision_t      d;
    oscp_limit_t        *export = &d.limits[OSCP_DIRECTION_EXPORT];

    d = decision(OSCP_MODE_NORMAL, OSCP_REASON_FORECAST, OSCP_SOURCE_FORECAST,
                 120000);
    d.mode = export->mode = OSCP_MODE_FALLBACK;
    d.reason = export->reason = OSCP_REASON_FORECAST_GAP;
    export->source = OSCP_SOURCE_FALLBACK;
    export->has_limit = 1;
    export->limit_w = 5000;

    s = step(&e, d);
    is_num(s.limit_w, 5000, "the limit is that of the yellow direction");

    e.has_incident = 0;
    export->has_limit = 0;
    s = step(&e, d);
    ok(!s.has_limit, "which may have none");
}


static void
end(void)
{
    oscp_episode_t       e = { 0 };
    oscp_episode_step_t  s;

    oscp_episode_end(&e, &context, &s);
    ok(s.incident == OSCP_INCIDENT_NONE && s.notice == OSCP_NOTICE_NONE,
       "a group that was local goes without a word");

    step(&e, decision(OSCP_MODE_NORMAL, OSCP_REASON_FORECAST,
                      OSCP_SOURCE_FORECAST, 120000));
    oscp_episode_end(&e, &context, &s);
    is_int(s.notice, OSCP_NOTICE_LOCAL, "one that was normal is local now");
    is_int(s.incident, OSCP_INCIDENT_NONE, "and had no incident");

    step(&e, decision(OSCP_MODE_FALLBACK, OSCP_REASON_FORECAST_GAP,
                      OSCP_SOURCE_GAP_POLICY, 60000));
    oscp_episode_end(&e, &context, &s);
    is_int(s.incident, OSCP_INCIDENT_RESOLVE, "an incident is resolved");
    is_str(s.title, "Group DEPOT01 of vector is under full local control",
           "title");
    is_str(s.detail, "Why: it was removed from the configuration. In fallback "
           "from 1970-01-01T00:00:00.000Z to 1970-01-01T00:00:01.000Z. Now "
           "holds: no import limit, no export limit; circuit incomer-1.",
           "detail");

    oscp_episode_end(&e, &context, &s);
    is_int(s.notice, OSCP_NOTICE_NONE, "once");
}


/* Random walks: the open incident and fallback mode are the same thing. */
static void
random_walk(void)
{
    oscp_episode_t       e = { 0 };
    oscp_episode_step_t  s;
    int                  open = 0, i, wrong = 0;
    oscp_mode_t          mode;

    srand(7);
    for (i = 0; i < 100000; i++) {
        mode = (oscp_mode_t) (rand() % 3);
        s = step(&e, decision(mode, (oscp_reason_t) (rand() % 7),
                              (oscp_source_t) (rand() % 4), rand() % 1000));
        wrong += s.incident == OSCP_INCIDENT_OPEN && open;
        wrong += s.incident == OSCP_INCIDENT_RESOLVE && !open;
        wrong += s.incident == OSCP_INCIDENT_UPDATE && !open;
        open += s.incident == OSCP_INCIDENT_OPEN;
        open -= s.incident == OSCP_INCIDENT_RESOLVE;
        wrong += open != (mode == OSCP_MODE_FALLBACK);
    }

    is_int(wrong, 0, "100,000 random steps (seed 7): one incident an episode");
}


int
main(void)
{
    one_incident();
    local_control();
    zero_profile();
    forgotten_zero();
    export_limit();
    end();
    random_walk();
    return done_testing();
}
