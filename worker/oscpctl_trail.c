/*
 * What led to the present.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oscpctl_out.h"
#include "oscpctl_stream.h"
#include "oscpctl_text.h"
#include "oscpctl_trail.h"


#define TRAIL_ENTRIES   20000     /* entries looked at, at most */

/* What is still looked for. */
struct trail_search {
    const char                *conn;
    const char                *group;
    const oscp_decision_t     *now;
    struct worker_ctl_trail   *trail;
    unsigned                   run:1;    /* the decision's run has not begun
                                            before what has been seen */
};


int
worker_ctl_trail_record(const redisReply *entry, struct worker_ctl_record *r)
{
    char              *rest;
    const char        *id, *by;
    const redisReply  *fields;

    memset(r, 0, sizeof(*r));

    if (worker_ctl_stream_entry(entry, &id, &fields) == -1) {
        return -1;
    }

    r->id_ms = (oscp_ms_t) strtoll(id, &rest, 10);
    r->id_seq = *rest == '-' ? strtoull(rest + 1, NULL, 10) : 0;
    r->entry.event = worker_ctl_store_field(fields, "event");
    r->entry.conn = worker_ctl_store_field(fields, "conn");
    r->entry.group = worker_ctl_store_field(fields, "group");
    r->entry.data = worker_ctl_store_field(fields, "data");
    r->entry.len = r->entry.data != NULL ? strlen(r->entry.data) : 0;
    r->entry.at_ms = worker_ctl_text_stored(worker_ctl_store_field(fields,
                                                                   "at"));
    by = worker_ctl_store_field(fields, "by");
    r->by = by != NULL ? by : "";

    return r->entry.event != NULL && r->entry.at_ms != OSCP_TIME_NONE ? 0 : -1;
}


static int
trail_is(const struct worker_ctl_record *r, const char *event,
    const char *conn, const char *group)
{
    return strcmp(r->entry.event, event) == 0
           && r->entry.conn != NULL && strcmp(r->entry.conn, conn) == 0
           && (group == NULL
               || (r->entry.group != NULL
                   && strcmp(r->entry.group, group) == 0));
}


static void
trail_copy(const cJSON *data, const char *name, char *buf, size_t size)
{
    const cJSON  *item = cJSON_GetObjectItemCaseSensitive(data, name);

    snprintf(buf, size, "%s", cJSON_IsString(item) ? item->valuestring : "");
}


/* 1 for a command that changes what is decided; others only send messages. */
static int
trail_switch(const char *op)
{
    return strcmp(op, "connect") == 0 || strcmp(op, "disconnect") == 0
           || strcmp(op, "enable") == 0 || strcmp(op, "disable") == 0;
}


static enum worker_ctl_telling
trail_telling(const struct worker_ctl_record *r, const char *conn,
    const char *group)
{
    const char  *about = r->entry.group;

    if (trail_is(r, "state", conn, NULL)) {
        return WORKER_CTL_TELLS_STATE;
    }

    if (trail_is(r, "command", conn, group)) {
        return WORKER_CTL_TELLS_ORDER;
    }

    return trail_is(r, "command", conn, NULL)
           && (about == NULL || *about == '\0') ? WORKER_CTL_TELLS_DEED
                                                : WORKER_CTL_TELLS_NOTHING;
}


int
worker_ctl_trail_cuts(const struct worker_ctl_told *told)
{
    return strcmp(told->what, "disconnect") == 0;
}


enum worker_ctl_telling
worker_ctl_trail_told(const struct worker_ctl_record *r, const char *conn,
    const char *group, struct worker_ctl_told *told)
{
    int                       state;
    char                      outcome[16];
    cJSON                    *data;
    struct worker_ctl_told    read;
    enum worker_ctl_telling   telling = trail_telling(r, conn, group);

    if (telling == WORKER_CTL_TELLS_NOTHING || r->entry.data == NULL) {
        return WORKER_CTL_TELLS_NOTHING;
    }

    state = telling == WORKER_CTL_TELLS_STATE;
    data = cJSON_Parse(r->entry.data);
    trail_copy(data, state ? "to" : "op", read.what, sizeof(read.what));
    trail_copy(data, state ? "why" : "reason", read.why, sizeof(read.why));
    trail_copy(data, "outcome", outcome, sizeof(outcome));
    cJSON_Delete(data);

    if (!state && (strcmp(outcome, "done") != 0 || !trail_switch(read.what))) {
        return WORKER_CTL_TELLS_NOTHING;
    }

    read.at_ms = r->entry.at_ms;
    snprintf(read.by, sizeof(read.by), "%s", r->by);
    *told = read;

    return telling;
}


/* When the message that gave a limit was received. */
static void
trail_forecast(struct trail_search *s, const struct worker_ctl_record *r)
{
    char        req[OSCP_ID_SIZE];
    cJSON      *data;
    oscp_ms_t  *received = s->trail->received_ms;

    data = cJSON_Parse(r->entry.data);
    trail_copy(data, "req", req, sizeof(req));
    cJSON_Delete(data);

    for (int i = 0; i < OSCP_DIRECTION_COUNT; i++) {
        if (received[i] == OSCP_TIME_NONE && req[0] != '\0'
            && strcmp(s->now->limits[i].req, req) == 0)
        {
            received[i] = r->entry.at_ms;
        }
    }
}


/* The run of decisions that say the same begins with its oldest. */
static int
trail_envelope(struct trail_search *s, const struct worker_ctl_record *r)
{
    oscp_error_t                 err;
    oscp_replay_t               *replay;
    const oscp_replay_group_t   *g;

    replay = oscp_replay_create(&oscp_alloc_libc);
    if (replay == NULL) {
        worker_ctl_out_error("no memory");
        return -1;
    }

    if (oscp_replay_take(replay, &r->entry, &err) == OSCP_OK) {
        g = oscp_replay_group(replay, s->conn, s->group);

        if (oscp_replay_same(&g->recorded.decision, s->now)) {
            s->trail->since_ms = r->entry.at_ms;
        } else {
            s->run = 0;
        }
    }

    oscp_replay_free(replay);

    return 0;
}


static int
trail_take(struct trail_search *s, const struct worker_ctl_record *r)
{
    struct worker_ctl_told    told;
    struct worker_ctl_told   *slot;
    struct worker_ctl_trail  *t = s->trail;

    if (trail_is(r, "forecast", s->conn, s->group) && r->entry.data != NULL) {
        trail_forecast(s, r);
        return 0;
    }

    if (s->run && trail_is(r, "envelope", s->conn, s->group)) {
        return trail_envelope(s, r);
    }

    switch (worker_ctl_trail_told(r, s->conn, s->group, &told)) {

    case WORKER_CTL_TELLS_STATE:
        slot = &t->state;
        break;

    case WORKER_CTL_TELLS_DEED:
        slot = &t->deed;
        if (worker_ctl_trail_cuts(&told) && t->cut.at_ms == OSCP_TIME_NONE) {
            t->cut = told;
        }
        break;

    case WORKER_CTL_TELLS_ORDER:
        slot = &t->order;
        break;

    default:
        return 0;
    }

    if (slot->at_ms == OSCP_TIME_NONE) {
        *slot = told;
    }

    return 0;
}


/*
 * The group's last order matters only where the group is disabled, the last
 * disconnect where the connection is disconnected.
 */
static int
trail_complete(const struct trail_search *s)
{
    const oscp_limit_t  *import = &s->now->limits[OSCP_DIRECTION_IMPORT];

    for (int i = 0; i < OSCP_DIRECTION_COUNT; i++) {
        if (*s->now->limits[i].req != '\0'
            && s->trail->received_ms[i] == OSCP_TIME_NONE)
        {
            return 0;
        }
    }

    return !s->run && s->trail->state.at_ms != OSCP_TIME_NONE
           && (import->reason != OSCP_REASON_DISABLED
               || s->trail->order.at_ms != OSCP_TIME_NONE)
           && (import->reason != OSCP_REASON_DISCONNECTED
               || s->trail->cut.at_ms != OSCP_TIME_NONE);
}


int
worker_ctl_trail_read(struct worker_ctl *ctl,
    const struct worker_ctl_place *place, const oscp_decision_t *now,
    struct worker_ctl_trail *trail)
{
    int                        rc = 0, more = 1;
    char                       key[OSCP_KEY_SIZE];
    char                       before[WORKER_CTL_STREAM_ID_SIZE] = "";
    size_t                     seen = 0;
    redisReply                *reply;
    const char                *id;
    const redisReply          *fields;
    struct trail_search        s = { place->connection->name,
                                     place->group->id, now, trail, 1 };
    struct worker_ctl_record   record;

    trail->received_ms[0] = trail->received_ms[1] = OSCP_TIME_NONE;
    trail->state.at_ms = trail->deed.at_ms = trail->order.at_ms
        = OSCP_TIME_NONE;
    trail->cut.at_ms = trail->since_ms = OSCP_TIME_NONE;

    oscp_key(key, sizeof(key), ctl->prefix, place->connection->shard,
             "events", NULL);

    while (more && rc == 0 && seen < TRAIL_ENTRIES) {
        reply = worker_ctl_stream_read_back(ctl->store, key, before,
                                            WORKER_CTL_STREAM_PIECE);
        if (reply == NULL) {
            return -1;
        }

        for (size_t i = 0; more && rc == 0 && i < reply->elements; i++) {
            if (worker_ctl_stream_entry(reply->element[i], &id, &fields) == 0) {
                snprintf(before, sizeof(before), "%s", id);
            }

            if (worker_ctl_trail_record(reply->element[i], &record) == 0) {
                rc = trail_take(&s, &record);
                more = !trail_complete(&s);
            }
        }

        seen += reply->elements;
        more = more && reply->elements == WORKER_CTL_STREAM_PIECE;
        freeReplyObject(reply);
    }

    return rc;
}
