/*
 * explain SCOPE [--at TIME].
 */

#include <string.h>

#include "oscpctl.h"
#include "oscpctl_facts.h"
#include "oscpctl_health.h"
#include "oscpctl_out.h"
#include "oscpctl_report.h"
#include "oscpctl_story.h"
#include "oscpctl_text.h"


static int
explain_print(const struct worker_ctl *ctl, const struct worker_ctl_facts *f)
{
    if (ctl->options->json) {
        return worker_ctl_out_json(worker_ctl_report_json(f));
    }

    worker_ctl_story_print(f);

    return 0;
}


/* A circuit's or a group's name will do where it says the same. */
static int
explain_place(const struct worker_ctl *ctl, struct worker_ctl_place *place)
{
    const char               *name = ctl->options->argv[0];
    struct worker_ctl_place   other;

    static const enum worker_ctl_kind  kinds[] = {
        WORKER_CTL_SCOPE, WORKER_CTL_CIRCUIT, WORKER_CTL_GROUP
    };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        if (worker_ctl_catalog_find(ctl->catalog, kinds[i], name, 0, place)
            == 0)
        {
            return worker_ctl_catalog_find(ctl->catalog, kinds[i], name, 1,
                                           &other) == 0 ? -1 : 0;
        }
    }

    return -1;
}


static int
explain_live(struct worker_ctl *ctl, const struct worker_ctl_place *place,
    oscp_ms_t at_ms)
{
    int                           rc;
    struct worker_ctl_live        live;
    struct worker_ctl_facts       f;
    struct worker_ctl_trail       trail;
    struct worker_ctl_incidents   incidents = { .n = 0 };

    rc = worker_ctl_live_read(ctl, place, &live);

    if (rc == 0) {
        rc = worker_ctl_incident_read(ctl, &incidents);
    }

    if (rc == 0) {
        worker_ctl_facts_live(&f, &live, ctl->now_ms, at_ms);
        rc = worker_ctl_trail_read(ctl, place, &f.decision, &trail);
    }

    if (rc == 0) {
        worker_ctl_facts_trail(&f, &trail);
        worker_ctl_health_note(&f);
        if (f.basis == WORKER_CTL_NOW) {
            f.incident = worker_ctl_incident_find(&incidents, f.conn, f.group);
        }
        rc = explain_print(ctl, &f);
    }

    worker_ctl_incident_free(&incidents);
    worker_ctl_live_free(&live);

    return rc;
}


static void
explain_unknown(const struct worker_ctl *ctl, const char *scope,
    oscp_ms_t first_ms)
{
    char  at[WORKER_CTL_TEXT_SIZE], first[WORKER_CTL_TEXT_SIZE];

    worker_ctl_text_moment(ctl->options->at_ms, at);

    if (first_ms == OSCP_TIME_NONE) {
        worker_ctl_out_error("the audit is empty: it says nothing of %s", at);

    } else if (first_ms > ctl->options->at_ms) {
        worker_ctl_out_error("the audit does not reach back to %s: it begins "
                             "at %s", at,
                             worker_ctl_text_moment(first_ms, first));
    } else {
        worker_ctl_out_error("nothing was known of scope %s at %s; the audit "
                             "begins at %s", scope, at,
                             worker_ctl_text_moment(first_ms, first));
    }
}


/* 1 when the shard's audit knew the scope then and it was told, 0 when not. */
static int
explain_shard(struct worker_ctl *ctl, unsigned shard, const char *scope,
    oscp_ms_t *first_ms)
{
    int                       rc;
    struct worker_ctl_past    past;
    struct worker_ctl_facts   f;

    rc = worker_ctl_past_read(ctl, shard, scope, ctl->options->at_ms, &past);

    if (past.first_ms < *first_ms) {
        *first_ms = past.first_ms;
    }

    if (rc == 0 && past.group != NULL
        && worker_ctl_facts_past(&f, &past, ctl->now_ms, ctl->options->at_ms)
           == 0)
    {
        rc = explain_print(ctl, &f) == 0 ? 1 : -1;
    }

    worker_ctl_past_free(&past);

    return rc;
}


/* The scope may have been another connection's then, in another shard. */
static int
explain_past(struct worker_ctl *ctl, const struct worker_ctl_place *place,
    const char *scope)
{
    int        rc = 0;
    unsigned   home = place != NULL ? place->connection->shard : 0;
    oscp_ms_t  first_ms = OSCP_TIME_NONE;

    for (unsigned i = 0; rc == 0 && i < ctl->catalog->shards; i++) {
        rc = explain_shard(ctl, (home + i) % ctl->catalog->shards, scope,
                           &first_ms);
    }

    if (rc == 0) {
        explain_unknown(ctl, scope, first_ms);
    }

    return rc == 1 ? 0 : -1;
}


int
worker_ctl_explain_run(struct worker_ctl *ctl)
{
    int                       rc, known;
    oscp_ms_t                 at = ctl->options->at_ms;
    const char               *name = ctl->options->argv[0];
    struct worker_ctl_place   place;

    known = explain_place(ctl, &place) == 0;

    if (at != OSCP_TIME_NONE && at < ctl->now_ms) {
        rc = explain_past(ctl, known ? &place : NULL,
                          known ? place.group->scope : name);

    } else if (!known) {
        worker_ctl_out_error("there is no scope \"%s\"; oscpctl status shows "
                             "all", name);
        rc = -1;

    } else {
        rc = explain_live(ctl, &place, at == OSCP_TIME_NONE ? ctl->now_ms : at);
    }

    return rc == 0 ? WORKER_CTL_EXIT_DONE : WORKER_CTL_EXIT_FAILED;
}
