/*
 * A moment of the past.
 *
 * The audit is read twice.  First only configuration and decisions: they say
 * which group had the scope at that time, and up to where the audit belongs to
 * it.  Then its own entries, forecasts among them, which are most of the
 * audit's bytes and cost most to read.
 *
 * Entries stand in the order in which they took effect.  Their `at` is that
 * moment, but for what the peer sent: there it is the receipt, and the effect
 * may have come later, much later if no worker was alive.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oscpctl_out.h"
#include "oscpctl_past.h"
#include "oscpctl_stream.h"


/* A clock that is set back, or two workers' clocks, disorder the entries. */
#define PAST_DISORDER_MS   60000

/* One reading of the stream. */
struct past_reading {
    struct worker_ctl_past  *past;
    oscp_ms_t                at_ms;
    oscp_ms_t                cut_ms;     /* id of the last entry that had */
    unsigned long long       cut_seq;    /* taken effect; 0-0: none */
    oscp_ms_t                clock_ms;   /* how far Redis' clock is ahead of
                                            what stands in that entry */
    char                     conn[OSCP_NAME_SIZE];   /* "": not known yet */
    char                     group[OSCP_NAME_SIZE];
    unsigned                 ended:1;    /* what comes next is known */
};

typedef int past_taker(struct past_reading *r,
    const struct worker_ctl_record *record);


/* Hands the records to `take`, oldest first, until it has ended or failed. */
static int
past_each(struct worker_ctl *ctl, unsigned shard, struct past_reading *r,
    past_taker *take)
{
    int                        rc = 0, more = 1;
    char                       key[OSCP_KEY_SIZE];
    char                       after[WORKER_CTL_STREAM_ID_SIZE] = "";
    redisReply                *reply;
    const char                *id;
    const redisReply          *fields;
    struct worker_ctl_record   record;

    oscp_key(key, sizeof(key), ctl->prefix, shard, "events", NULL);

    while (more && rc == 0 && !r->ended) {
        reply = worker_ctl_stream_read(ctl->store, key, after,
                                       WORKER_CTL_STREAM_PIECE);
        if (reply == NULL) {
            return -1;
        }

        for (size_t i = 0; rc == 0 && !r->ended && i < reply->elements; i++) {
            if (worker_ctl_stream_entry(reply->element[i], &id, &fields) == 0) {
                snprintf(after, sizeof(after), "%s", id);
            }

            if (worker_ctl_trail_record(reply->element[i], &record) == 0) {
                rc = take(r, &record);
            }
        }

        more = reply->elements == WORKER_CTL_STREAM_PIECE;
        freeReplyObject(reply);
    }

    return rc;
}


/* 1 when `at` is the moment of the effect. */
static int
past_exact(const struct worker_ctl_record *record)
{
    return strcmp(record->by, "peer") != 0;
}


/* Whether the entry had taken effect at the moment asked for. */
static int
past_before(const struct past_reading *r,
    const struct worker_ctl_record *record)
{
    if (record->id_ms < r->cut_ms
        || (record->id_ms == r->cut_ms && record->id_seq <= r->cut_seq))
    {
        return 1;
    }

    return !past_exact(record) && record->entry.at_ms <= r->at_ms
           && record->id_ms - r->clock_ms <= r->at_ms;
}


static int
past_replay(struct past_reading *r, const struct worker_ctl_record *record)
{
    oscp_err_t    rc;
    oscp_error_t  err;

    rc = oscp_replay_take(r->past->replay, &record->entry, &err);

    if (rc == OSCP_ERR_NOMEM) {
        worker_ctl_out_error("no memory");
        return -1;
    }

    r->past->wrong += rc != OSCP_OK;

    return 0;
}


/* The first reading: what binds scopes, and where the moment cuts the audit. */
static int
past_bindings(struct past_reading *r, const struct worker_ctl_record *record)
{
    if (r->past->first_ms == OSCP_TIME_NONE) {
        r->past->first_ms = record->entry.at_ms;
    }

    if (!past_exact(record)) {
        return 0;
    }

    if (record->entry.at_ms > r->at_ms) {
        r->ended = record->entry.at_ms > r->at_ms + PAST_DISORDER_MS;
        return 0;
    }

    r->cut_ms = record->id_ms;
    r->cut_seq = record->id_seq;
    r->clock_ms = record->id_ms - record->entry.at_ms;

    if (strcmp(record->entry.event, "config") == 0
        || strcmp(record->entry.event, "envelope") == 0)
    {
        return past_replay(r, record);
    }

    return 0;
}


/*
 * The group that had the scope: bound to it; or, where the audit does not reach
 * back to the binding, the last one that gave the scope its envelope.
 */
static const oscp_replay_group_t *
past_find(const oscp_replay_t *replay, const char *scope)
{
    const oscp_replay_group_t  *g, *found = NULL;

    g = oscp_replay_scope(replay, scope);
    if (g != NULL) {
        return g;
    }

    for (size_t i = 0; (g = oscp_replay_each(replay, i)) != NULL; i++) {
        if (g->bound && !g->whole && g->recorded.at_ms != OSCP_TIME_NONE
            && strcmp(g->recorded.scope, scope) == 0
            && (found == NULL || g->recorded.at_ms > found->recorded.at_ms))
        {
            found = g;
        }
    }

    return found;
}


static int
past_ours(const struct past_reading *r, const struct worker_ctl_record *record)
{
    const char  *conn = record->entry.conn, *group = record->entry.group;

    return conn != NULL && strcmp(conn, r->conn) == 0
           && (group == NULL || *group == '\0' || strcmp(group, r->group) == 0);
}


/* A decision that says something else than the one before begins a run. */
static int
past_decision(struct past_reading *r, const struct worker_ctl_record *record)
{
    oscp_replay_envelope_t       before = { .at_ms = OSCP_TIME_NONE };
    const oscp_replay_group_t   *g;

    g = oscp_replay_group(r->past->replay, r->conn, r->group);
    if (g != NULL) {
        oscp_replay_envelope_copy(&before, &g->recorded);
    }

    if (past_replay(r, record) == -1) {
        return -1;
    }

    g = oscp_replay_group(r->past->replay, r->conn, r->group);

    if (g != NULL && (before.at_ms == OSCP_TIME_NONE
                      || !oscp_replay_same(&before.decision,
                                           &g->recorded.decision)))
    {
        r->past->since_ms = record->entry.at_ms;
    }

    return 0;
}


/* An entry behind the moment: is it the change that ended what held then? */
static int
past_later(struct past_reading *r, const struct worker_ctl_record *record)
{
    cJSON                       *data;
    oscp_error_t                 err;
    oscp_replay_t               *later;
    const oscp_replay_group_t   *g, *then;

    then = oscp_replay_group(r->past->replay, r->conn, r->group);

    if (strcmp(record->entry.event, "config") == 0
        && record->entry.group != NULL && record->entry.data != NULL)
    {
        data = cJSON_Parse(record->entry.data);
        if (data != NULL
            && cJSON_GetObjectItemCaseSensitive(data, "new") == NULL)
        {
            r->past->removed_ms = record->entry.at_ms;
            r->ended = 1;
        }
        cJSON_Delete(data);
    }

    if (strcmp(record->entry.event, "envelope") != 0) {
        return 0;
    }

    later = oscp_replay_create(&oscp_alloc_libc);
    if (later == NULL) {
        worker_ctl_out_error("no memory");
        return -1;
    }

    if (oscp_replay_take(later, &record->entry, &err) == OSCP_OK) {
        g = oscp_replay_group(later, r->conn, r->group);

        if (then == NULL || then->recorded.at_ms == OSCP_TIME_NONE
            || !oscp_replay_same(&then->recorded.decision,
                                 &g->recorded.decision))
        {
            oscp_replay_envelope_copy(&r->past->next, &g->recorded);
            r->ended = 1;
        }
    }

    oscp_replay_free(later);

    return 0;
}


/* The second reading: all that is about the group and its connection. */
static int
past_group(struct past_reading *r, const struct worker_ctl_record *record)
{
    struct worker_ctl_told  told;

    if (!past_ours(r, record)) {
        return 0;
    }

    if (!past_before(r, record)) {
        return past_later(r, record);
    }

    switch (worker_ctl_trail_told(record, r->conn, r->group, &told)) {
    case WORKER_CTL_TELLS_STATE:
        r->past->state = told;
        break;
    case WORKER_CTL_TELLS_DEED:
        r->past->deed = told;
        if (worker_ctl_trail_cuts(&told)) {
            r->past->cut = told;
        }
        break;
    case WORKER_CTL_TELLS_ORDER:
        r->past->order = told;
        break;
    default:
        break;
    }

    if (strcmp(record->entry.event, "forecast") == 0
        && worker_ctl_receipt_take(&r->past->receipts, record) == -1)
    {
        return -1;
    }

    return strcmp(record->entry.event, "envelope") == 0
           ? past_decision(r, record) : past_replay(r, record);
}


int
worker_ctl_past_read(struct worker_ctl *ctl, unsigned shard,
    const char *scope, oscp_ms_t at_ms, struct worker_ctl_past *past)
{
    struct past_reading         r = { .past = past, .at_ms = at_ms };
    const oscp_replay_group_t  *g;

    memset(past, 0, sizeof(*past));
    past->first_ms = past->since_ms = past->removed_ms = OSCP_TIME_NONE;
    past->next.at_ms = OSCP_TIME_NONE;
    past->state.at_ms = past->deed.at_ms = past->order.at_ms = OSCP_TIME_NONE;
    past->cut.at_ms = OSCP_TIME_NONE;

    past->replay = oscp_replay_create(&oscp_alloc_libc);
    if (past->replay == NULL) {
        worker_ctl_out_error("no memory");
        return -1;
    }

    if (past_each(ctl, shard, &r, past_bindings) == -1) {
        return -1;
    }

    g = past_find(past->replay, scope);
    if (g == NULL) {
        return 0;
    }

    snprintf(r.conn, sizeof(r.conn), "%s", g->connection->name);
    snprintf(r.group, sizeof(r.group), "%s", g->group);

    oscp_replay_free(past->replay);
    past->replay = oscp_replay_create(&oscp_alloc_libc);
    if (past->replay == NULL) {
        worker_ctl_out_error("no memory");
        return -1;
    }

    r.ended = 0;
    past->wrong = 0;
    if (past_each(ctl, shard, &r, past_group) == -1) {
        return -1;
    }

    past->group = oscp_replay_group(past->replay, r.conn, r.group);

    return 0;
}


void
worker_ctl_past_free(struct worker_ctl_past *past)
{
    oscp_replay_free(past->replay);
    worker_ctl_receipt_free(&past->receipts);
    past->replay = NULL;
}
