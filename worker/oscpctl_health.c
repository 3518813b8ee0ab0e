/*
 * Who looks after a scope, and whether what the site reads is what it should.
 */

#include "oscpctl_health.h"
#include "oscpctl_text.h"


static void
health_worker(struct worker_ctl_facts *f)
{
    const struct worker_ctl_live  *live = f->live;

    if (live->lease.owner[0] == '\0') {
        worker_ctl_facts_note(f, "No worker is alive for this connection: "
                              "nobody owns shard %u.  Nothing will change what "
                              "the site reads until one is.",
                              live->context.shard);
    }

    if (live->lease.backlog > 0) {
        worker_ctl_facts_note(f, "%lld stored %s not taken effect yet.",
                              live->lease.backlog, live->lease.backlog == 1
                              ? "message has" : "messages have");
    }

    if (!worker_ctl_live_applied(live)) {
        worker_ctl_facts_note(f, "The configuration that nginx has published "
                              "is not in effect yet: no worker has applied "
                              "it.");
    }
}


/* What the site reads, against what the rules give now. */
static void
health_value(struct worker_ctl_facts *f, double stored)
{
    char       at[WORKER_CTL_TEXT_SIZE], what[WORKER_CTL_TEXT_SIZE];
    char       should[WORKER_CTL_TEXT_SIZE];
    double     wanted = f->decision.available_capacity_w;
    oscp_ms_t  updated;

    if (stored - wanted <= OSCP_REPLAY_TOLERANCE_W
        && wanted - stored <= OSCP_REPLAY_TOLERANCE_W)
    {
        return;
    }

    f->written_w = stored;
    updated = worker_ctl_text_stored(worker_ctl_store_field(f->live->circuit,
                                                            "updated_at"));

    worker_ctl_facts_note(f, "The site still reads %s, written %s; the rules "
                          "give %s now.", worker_ctl_text_power(stored, what),
                          worker_ctl_text_time(updated, f->at_ms, at),
                          worker_ctl_text_power(wanted, should));
}


static void
health_stale(struct worker_ctl_facts *f)
{
    char                      at[WORKER_CTL_TEXT_SIZE];
    char                      safe[WORKER_CTL_TEXT_SIZE] = "";
    oscp_ms_t                 valid;
    const oscp_group_conf_t  *g = f->binding;

    valid = worker_ctl_text_stored(worker_ctl_store_field(f->live->circuit,
                                                          "valid_until"));
    if (valid == OSCP_TIME_NONE || valid > f->now_ms) {
        return;
    }

    if (g->has_safe_default) {
        worker_ctl_text_power(g->safe_default_w, safe);
    }

    worker_ctl_facts_note(f, "What the site reads is out of date: it was valid "
                          "until %s.  A site that keeps to the contract has "
                          "gone to its safe default%s%s by itself.",
                          worker_ctl_text_time(valid, f->at_ms, at),
                          *safe ? " of " : "", safe);
}


void
worker_ctl_health_note(struct worker_ctl_facts *f)
{
    double  stored;

    health_worker(f);

    if (f->circuit == NULL) {
        return;
    }

    stored = worker_ctl_live_number(f->live->circuit, "available_capacity_w");

    if (stored < 0) {
        worker_ctl_facts_note(f, "The site can read no value yet: circuit %s "
                              "has none.", f->circuit);
        return;
    }

    if (f->basis == WORKER_CTL_NOW) {
        health_value(f, stored);
    }

    health_stale(f);
}


void
worker_ctl_health_link(struct worker_buffer *b,
    const struct worker_ctl_facts *f)
{
    char  at[WORKER_CTL_TEXT_SIZE];

    if (!f->state_known) {
        worker_buffer_format(b, "%s; its state is not in the audit any more.",
                             f->conn);
        return;
    }

    worker_buffer_format(b, "%s, %s", f->conn, oscp_state_name(f->state));

    if (f->state_since_ms != OSCP_TIME_NONE) {
        worker_buffer_format(b, " since %s",
                             worker_ctl_text_time(f->state_since_ms, f->at_ms,
                                                  at));
    }

    if (f->told.at_ms != OSCP_TIME_NONE && *f->told.why) {
        worker_buffer_format(b, " (%s)", f->told.why);
    }

    worker_buffer_text(b, ".");
}


void
worker_ctl_health_worker(struct worker_buffer *b,
    const struct worker_ctl_facts *f)
{
    char                           at[WORKER_CTL_TEXT_SIZE];
    oscp_ms_t                      valid;
    const struct worker_ctl_live  *live = f->live;

    if (live->lease.owner[0] != '\0') {
        worker_buffer_format(b, "%s owns shard %u for another %s.",
                             live->lease.owner, live->context.shard,
                             worker_ctl_text_span(live->lease.left_ms, at));
    } else {
        worker_buffer_format(b, "nobody owns shard %u.", live->context.shard);
    }

    valid = worker_ctl_text_stored(worker_ctl_store_field(live->circuit,
                                                          "valid_until"));
    if (f->circuit != NULL && valid != OSCP_TIME_NONE) {
        worker_buffer_format(b, "  What the site reads is valid until %s.",
                             worker_ctl_text_time(valid, f->at_ms, at));
    }
}


void
worker_ctl_health_incident(struct worker_buffer *b,
    const struct worker_ctl_facts *f)
{
    char       at[WORKER_CTL_TEXT_SIZE];
    oscp_ms_t  opened;

    if (f->incident == NULL) {
        worker_buffer_text(b, "none is open for this group.");
        return;
    }

    opened = f->incident->opened_ms;
    worker_buffer_format(b, "%s, open since %s.", f->incident->id,
                         worker_ctl_text_time(opened, f->at_ms, at));
}
