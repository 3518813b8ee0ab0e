/*
 * The same from the audit.
 */

#include <stdio.h>
#include <string.h>

#include "oscpctl_facts.h"
#include "oscpctl_text.h"


#define FACTS_LATE_MS     1000       /* a change is written no later */


/* What stood in Redis then may be another thing than what the rules give. */
static void
facts_compare(struct worker_ctl_facts *f, const struct worker_ctl_past *past)
{
    char                           at[WORKER_CTL_TEXT_SIZE];
    char                           power[WORKER_CTL_TEXT_SIZE];
    const oscp_replay_envelope_t  *r = &past->group->recorded;

    if (r->at_ms == OSCP_TIME_NONE) {
        worker_ctl_facts_note(f, "No decision had been written for the group "
                              "at that time.");
        return;
    }

    if (oscp_replay_same(&r->decision, &f->decision)) {
        f->since_ms = past->since_ms;
        return;
    }

    /* decided, but the worker's timer had not rung yet */
    if (past->next.at_ms != OSCP_TIME_NONE
        && past->next.at_ms - f->at_ms <= FACTS_LATE_MS
        && oscp_replay_same(&past->next.decision, &f->decision))
    {
        f->since_ms = f->at_ms;
        return;
    }

    if (f->circuit != NULL) {
        f->written_w = r->decision.available_capacity_w;
    }

    worker_ctl_facts_note(f, "What was written then is something else: %s (%s, "
                          "%s), since %s.  Either no worker was alive at that "
                          "time, or the audit is not complete.",
                          f->circuit != NULL
                          ? worker_ctl_text_power(
                                r->decision.available_capacity_w, power)
                          : "no circuit",
                          oscp_mode_name(r->decision.mode),
                          oscp_reason_name(r->decision.reason),
                          worker_ctl_text_time(r->at_ms, f->at_ms, at));
}


static void
facts_after(struct worker_ctl_facts *f, const struct worker_ctl_past *past)
{
    f->removed_ms = past->removed_ms;

    if (past->next.at_ms == OSCP_TIME_NONE) {
        return;
    }

    /* the timer had not rung yet: what followed then is what holds here */
    if (oscp_replay_same(&past->next.decision, &f->decision)) {
        return;
    }

    f->next.at_ms = past->next.at_ms;
    f->next.decision = past->next.decision;
}


int
worker_ctl_facts_past(struct worker_ctl_facts *f,
    const struct worker_ctl_past *past, oscp_ms_t now_ms, oscp_ms_t at_ms)
{
    oscp_situation_t                 s;
    const oscp_replay_group_t       *g = past->group;
    const oscp_replay_connection_t  *c = g->connection;

    worker_ctl_facts_begin(f, now_ms, at_ms);
    snprintf(f->conn, sizeof(f->conn), "%s", c->name);
    snprintf(f->group, sizeof(f->group), "%s", g->group);
    worker_ctl_facts_told(f, &past->state, &past->deed, &past->cut);
    f->order = past->order;
    f->state = c->state;
    f->state_known = c->known;
    f->state_since_ms = c->since_ms;

    if (oscp_replay_situation(g, &s) == 0) {
        f->basis = WORKER_CTL_REPLAYED;
        f->binding = &g->binding;
        f->circuit = g->binding.circuit;
        snprintf(f->scope, sizeof(f->scope), "%s", g->scope);
        oscp_decide(&s, at_ms, &f->decision);
        worker_ctl_facts_blocks(f, &s);
        facts_compare(f, past);

    } else if (g->bound && g->recorded.at_ms != OSCP_TIME_NONE) {
        f->basis = WORKER_CTL_RECORDED;
        f->circuit = g->recorded.circuit[0] ? g->recorded.circuit : NULL;
        snprintf(f->scope, sizeof(f->scope), "%s", g->recorded.scope);
        f->decision = g->recorded.decision;
        f->since_ms = past->since_ms;

    } else {
        return -1;
    }

    for (int i = 0; i < OSCP_DIRECTION_COUNT; i++) {
        if (f->received_ms[i] == OSCP_TIME_NONE) {
            f->received_ms[i] = worker_ctl_receipt_find(
                &past->receipts, f->decision.limits[i].req);
        }
    }

    facts_after(f, past);

    if (past->wrong > 0) {
        worker_ctl_facts_note(f, "%u entries of the audit could not be read "
                              "and are left out.", past->wrong);
    }

    return 0;
}
