/*
 * Everything that explains one scope at one moment.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oscpctl_facts.h"
#include "oscpctl_text.h"


#define FACTS_STEPS       20000      /* changes looked through, at most */
#define FACTS_TOGETHER_MS 2000       /* a command and what it brought about:
                                        both are by the same operator */


static const char *const  facts_bases[] = {
    [WORKER_CTL_NOW] = "now",
    [WORKER_CTL_FUTURE] = "future",
    [WORKER_CTL_REPLAYED] = "replayed",
    [WORKER_CTL_RECORDED] = "recorded"
};


const char *
worker_ctl_facts_basis(enum worker_ctl_basis basis)
{
    return facts_bases[basis];
}


void
worker_ctl_facts_told(struct worker_ctl_facts *f,
    const struct worker_ctl_told *state, const struct worker_ctl_told *deed,
    const struct worker_ctl_told *cut)
{
    f->told = *state;

    if (strcmp(state->what, oscp_state_name(OSCP_STATE_DISCONNECTED)) == 0
        && cut->at_ms != OSCP_TIME_NONE
        && llabs(cut->at_ms - state->at_ms) > FACTS_TOGETHER_MS)
    {
        f->told = *cut;
        return;
    }

    if (deed->at_ms != OSCP_TIME_NONE && state->at_ms != OSCP_TIME_NONE
        && llabs(deed->at_ms - state->at_ms) <= FACTS_TOGETHER_MS
        && strcmp(deed->by, state->by) == 0 && *deed->why != '\0')
    {
        memcpy(f->told.why, deed->why, sizeof(f->told.why));
    }
}


oscp_direction_t
worker_ctl_facts_lead(const struct worker_ctl_facts *f)
{
    const oscp_limit_t  *import = &f->decision.limits[OSCP_DIRECTION_IMPORT];

    return import->mode == f->decision.mode
           && import->reason == f->decision.reason ? OSCP_DIRECTION_IMPORT
                                                   : OSCP_DIRECTION_EXPORT;
}


void
worker_ctl_facts_note(struct worker_ctl_facts *f, const char *fmt, ...)
{
    va_list  args;

    if (f->nnotes == WORKER_CTL_FACTS_NOTES) {
        return;
    }

    va_start(args, fmt);
    vsnprintf(f->notes[f->nnotes++], WORKER_CTL_FACTS_NOTE_SIZE, fmt, args);
    va_end(args);
}


void
worker_ctl_facts_begin(struct worker_ctl_facts *f, oscp_ms_t now_ms,
    oscp_ms_t at_ms)
{
    memset(f, 0, sizeof(*f));
    f->now_ms = now_ms;
    f->at_ms = at_ms;
    f->written_w = -1;
    f->since_ms = f->state_since_ms = f->liveness_ms = OSCP_TIME_NONE;
    f->received_ms[0] = f->received_ms[1] = OSCP_TIME_NONE;
    f->told.at_ms = f->order.at_ms = OSCP_TIME_NONE;
    f->next.at_ms = f->otherwise.at_ms = f->removed_ms = OSCP_TIME_NONE;
}


void
worker_ctl_facts_blocks(struct worker_ctl_facts *f, const oscp_situation_t *s)
{
    const oscp_limit_t     *limit;
    const oscp_timeline_t  *t;

    static const oscp_type_t  types[OSCP_DIRECTION_COUNT][2] = {
        [OSCP_DIRECTION_IMPORT] = { OSCP_CONSUMPTION,
                                    OSCP_FALLBACK_CONSUMPTION },
        [OSCP_DIRECTION_EXPORT] = { OSCP_GENERATION,
                                    OSCP_FALLBACK_GENERATION }
    };

    for (int i = 0; i < OSCP_DIRECTION_COUNT; i++) {
        limit = &f->decision.limits[i];

        if (limit->source == OSCP_SOURCE_FORECAST
            || limit->source == OSCP_SOURCE_FALLBACK)
        {
            t = &s->timelines[types[i][limit->source == OSCP_SOURCE_FALLBACK]];
            oscp_timeline_at(t, f->at_ms, &f->blocks[i]);

            if (strcmp(t->req, limit->req) == 0) {
                f->received_ms[i] = t->received_ms;
            }
        }
    }
}


/* The first change by time alone after `at_ms` that a reader sees. */
static void
facts_next(const oscp_situation_t *s, oscp_ms_t at_ms,
    const oscp_decision_t *from, struct worker_ctl_moment *next)
{
    oscp_ms_t         t = at_ms;
    oscp_decision_t   d;

    next->at_ms = OSCP_TIME_NONE;
    oscp_decide(s, t, &d);

    for (unsigned i = 0; i < FACTS_STEPS && d.next_ms != OSCP_TIME_NONE; i++) {
        t = d.next_ms;
        oscp_decide(s, t, &d);

        if (!oscp_decision_same(&d, from)) {
            next->at_ms = t;
            next->decision = d;
            return;
        }
    }
}


/* When, from now on, the decision of at_ms begins to hold. */
static oscp_ms_t
facts_begins(const oscp_situation_t *s, oscp_ms_t now_ms, oscp_ms_t at_ms,
    const oscp_decision_t *wanted)
{
    oscp_ms_t         t = now_ms, since = now_ms;
    oscp_decision_t   d;

    for (unsigned i = 0; i < FACTS_STEPS; i++) {
        oscp_decide(s, t, &d);

        if (!oscp_decision_same(&d, wanted)) {
            since = OSCP_TIME_NONE;

        } else if (since == OSCP_TIME_NONE) {
            since = t;
        }

        if (d.next_ms == OSCP_TIME_NONE || d.next_ms > at_ms) {
            break;
        }
        t = d.next_ms;
    }

    return since;
}


/* What would hold if the link were other than it is. */
static void
facts_otherwise(struct worker_ctl_facts *f, const oscp_situation_t *s)
{
    oscp_ms_t         at = f->at_ms;
    oscp_situation_t  other = *s;

    if (!s->connection_enabled || s->disconnected || !s->group_enabled) {
        return;
    }

    other.liveness_ms = OSCP_TIME_NONE;
    other.online = !s->online;

    if (s->online) {
        at = f->liveness_ms;
        if (at == OSCP_TIME_NONE || at <= f->at_ms) {
            return;
        }
    }

    oscp_decide(&other, at, &f->otherwise.decision);

    /* the same but for its reason is nothing to be told */
    if (f->otherwise.decision.mode != f->decision.mode
        || f->otherwise.decision.limits[0].limit_w
           != f->decision.limits[0].limit_w
        || f->otherwise.decision.limits[1].limit_w
           != f->decision.limits[1].limit_w)
    {
        f->otherwise.at_ms = at;
    }
}


static void
facts_link(struct worker_ctl_facts *f, const struct worker_ctl_live *live)
{
    f->state = live->lc.state;
    f->state_known = 1;
    f->state_since_ms = live->lc.since_ms;

    if (live->lc.state == OSCP_STATE_ONLINE) {
        f->liveness_ms = live->lc.offline_mode_at_ms;

        if (f->liveness_ms <= f->now_ms) {
            f->state = OSCP_STATE_OFFLINE;
            f->state_since_ms = f->liveness_ms;
        }
    }
}


void
worker_ctl_facts_live(struct worker_ctl_facts *f,
    const struct worker_ctl_live *live, oscp_ms_t now_ms, oscp_ms_t at_ms)
{
    oscp_situation_t          s;
    const oscp_group_conf_t  *g = live->place.group;

    worker_ctl_facts_begin(f, now_ms, at_ms);
    f->basis = at_ms > now_ms ? WORKER_CTL_FUTURE : WORKER_CTL_NOW;
    f->live = live;
    f->binding = g;
    f->circuit = g->circuit;
    snprintf(f->conn, sizeof(f->conn), "%s", live->place.connection->name);
    snprintf(f->group, sizeof(f->group), "%s", g->id);
    snprintf(f->scope, sizeof(f->scope), "%s", g->scope);
    facts_link(f, live);

    /* online or not, as it is now: what follows assumes that it stays so */
    worker_ctl_live_situation(live, &s);
    s.online = f->state == OSCP_STATE_ONLINE;
    s.liveness_ms = OSCP_TIME_NONE;

    oscp_decide(&s, at_ms, &f->decision);
    worker_ctl_facts_blocks(f, &s);
    facts_next(&s, at_ms, &f->decision, &f->next);

    if (f->basis == WORKER_CTL_NOW) {
        facts_otherwise(f, &s);
        return;
    }

    /* what holds now and until then began in the past */
    f->since_ms = facts_begins(&s, now_ms, at_ms, &f->decision);
    if (f->since_ms == now_ms) {
        f->since_ms = OSCP_TIME_NONE;
    }
}


/*
 * The audit may have been cut: then what the parts of the decision say of
 * themselves is put together.
 */
static oscp_ms_t
facts_since(const struct worker_ctl_facts *f)
{
    oscp_ms_t            since;
    const char          *mode;
    oscp_direction_t     lead = worker_ctl_facts_lead(f);
    const oscp_limit_t  *limit = &f->decision.limits[lead];

    mode = worker_ctl_store_field(f->live->group, "mode");
    since = worker_ctl_text_stored(worker_ctl_store_field(f->live->group,
                                                          "since"));

    if (mode == NULL || strcmp(mode, oscp_mode_name(f->decision.mode)) != 0
        || since == OSCP_TIME_NONE)
    {
        return OSCP_TIME_NONE;
    }

    if (limit->from_ms != OSCP_TIME_NONE && limit->from_ms > since) {
        since = limit->from_ms;
    }

    if (f->received_ms[lead] != OSCP_TIME_NONE && f->received_ms[lead] > since)
    {
        since = f->received_ms[lead];
    }

    return since;
}


void
worker_ctl_facts_trail(struct worker_ctl_facts *f,
    const struct worker_ctl_trail *trail)
{
    for (int i = 0; i < OSCP_DIRECTION_COUNT; i++) {
        if (trail->received_ms[i] != OSCP_TIME_NONE) {
            f->received_ms[i] = trail->received_ms[i];
        }
    }

    f->order = trail->order;
    if (trail->state.at_ms != OSCP_TIME_NONE
        && strcmp(trail->state.what, oscp_state_name(f->live->lc.state)) == 0)
    {
        worker_ctl_facts_told(f, &trail->state, &trail->deed, &trail->cut);
    }

    if (f->basis == WORKER_CTL_NOW) {
        f->since_ms = trail->since_ms != OSCP_TIME_NONE ? trail->since_ms
                                                        : facts_since(f);
    }
}
