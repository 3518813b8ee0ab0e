/*
 * A stored message takes effect.
 */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oscp_read.h"
#include "receive.h"


#define RECEIVE_INTERVAL_MAX_S   31536000.0     /* a year: what is longer counts
                                                   as this */


struct worker_receive {
    struct worker_context  *ctx;
    oscp_block_t           *blocks;             /* OSCP_READ_BLOCKS_MAX */
};

typedef enum worker_verdict receive_handler(struct worker_receive *r,
    struct worker_connection *conn, const struct worker_entry *e,
    oscp_message_t *m, char why[WORKER_RECEIVE_WHY_SIZE]);


static receive_handler  receive_lifecycle;
static receive_handler  receive_forecast;


/* What takes a message; what has no handler has no place in this program. */
static const struct {
    receive_handler        *handler;
    oscp_lifecycle_kind_t   event;
} receive_kinds[OSCP_MESSAGE_COUNT] = {
    [OSCP_HANDSHAKE] = { receive_lifecycle, OSCP_EV_PEER_HANDSHAKE },
    [OSCP_HANDSHAKE_ACKNOWLEDGE] = { receive_lifecycle,
                                     OSCP_EV_PEER_ACKNOWLEDGE },
    [OSCP_HEARTBEAT] = { receive_lifecycle, OSCP_EV_PEER_HEARTBEAT },
    [OSCP_UPDATE_GROUP_CAPACITY_FORECAST] = { receive_forecast, OSCP_EV_COUNT },
};


static enum worker_verdict
receive_ignore(char why[WORKER_RECEIVE_WHY_SIZE], const char *text)
{
    snprintf(why, WORKER_RECEIVE_WHY_SIZE, "%s", text);

    return WORKER_VERDICT_IGNORED;
}


static enum worker_verdict
receive_lifecycle(struct worker_receive *r, struct worker_connection *conn,
    const struct worker_entry *e, oscp_message_t *m,
    char why[WORKER_RECEIVE_WHY_SIZE])
{
    double                   interval = m->heartbeat_interval_s;
    oscp_lifecycle_event_t   event = { .kind = receive_kinds[m->kind].event };
    oscp_lifecycle_result_t  result;

    (void) r;

    interval = interval < RECEIVE_INTERVAL_MAX_S ? interval
                                                 : RECEIVE_INTERVAL_MAX_S;
    event.at_ms = e->at_ms;
    event.req = e->req;
    event.corr = e->corr;
    event.has_interval = m->has_interval;
    event.has_measurement = m->has_measurement;
    event.interval_ms = m->has_interval ? llround(interval * 1000) : 0;
    event.measurement = m->measurement;
    event.dialect = m->dialect;
    event.offline_mode_at_ms = m->offline_mode_at_ms;

    worker_connection_step(conn, &event, "peer", &result);

    if (result.outcome == OSCP_OUTCOME_IGNORED) {
        return receive_ignore(why, result.why ? result.why : "no effect");
    }

    return WORKER_VERDICT_APPLIED;
}


static enum worker_verdict
receive_timeline(struct worker_receive *r, struct worker_connection *conn,
    const char *group, const oscp_forecast_t *forecast, const char *corr,
    char why[WORKER_RECEIVE_WHY_SIZE])
{
    oscp_err_t            rc;
    struct worker_group  *g = worker_connection_group(conn, group);

    if (g == NULL) {
        return receive_ignore(why, "the group is not configured");
    }

    /*
     * What is disabled keeps its forecasts, those among them that were answered
     * 204 before the command took effect.
     */
    if (worker_connection_disconnected(conn)) {
        return receive_ignore(why, "the connection is disconnected");
    }

    rc = worker_group_forecast(g, forecast, corr);

    if (rc == OSCP_ERR_NOMEM) {
        worker_context_fail(r->ctx, "no memory for a forecast");

    } else if (rc != OSCP_OK) {
        return receive_ignore(why, "the timeline would have too many blocks");
    }

    worker_commit_count(r->ctx->commit, WORKER_COUNT_FORECASTS_RECEIVED, 1);

    return WORKER_VERDICT_APPLIED;
}


/*
 * The last missing segment: the whole takes effect, under the first one's id.
 */
static enum worker_verdict
receive_whole(struct worker_receive *r, struct worker_connection *conn,
    oscp_segment_whole_t *whole, const struct worker_entry *e,
    char why[WORKER_RECEIVE_WHY_SIZE])
{
    char                 key[OSCP_KEY_SIZE];
    oscp_forecast_t      forecast = { .type = whole->type };
    enum worker_verdict  verdict;

    forecast.blocks = whole->blocks;
    forecast.nblocks = whole->nblocks;
    forecast.req = whole->req;
    forecast.received_ms = whole->received_ms;

    /* the correlation id of a segment names another segment */
    verdict = receive_timeline(r, conn, whole->group_id, &forecast, "", why);

    /* the last one is the caller's to settle */
    worker_context_key(r->ctx, key, "in", NULL, NULL, NULL);
    for (size_t i = 0; i < whole->nentries; i++) {
        if (strcmp(whole->entries[i], e->id) != 0) {
            worker_commit_settle(r->ctx->commit, key, whole->entries[i]);
        }
    }

    oscp_segment_whole_free(whole, &oscp_alloc_libc);

    return verdict;
}


static enum worker_verdict
receive_segment(struct worker_receive *r, struct worker_connection *conn,
    const struct worker_entry *e, const oscp_segment_part_t *part,
    char why[WORKER_RECEIVE_WHY_SIZE])
{
    oscp_err_t             rc;
    oscp_error_t           err;
    oscp_segment_whole_t  *whole;

    worker_connection_expire(conn, part->received_ms);

    rc = oscp_segments_add(worker_connection_segments(conn), part, &whole,
                           &err);

    if (rc == OSCP_ERR_NOMEM) {
        worker_context_fail(r->ctx, "no memory for a segment");
        return WORKER_VERDICT_HELD;
    }

    if (rc != OSCP_OK) {
        oscp_error_format(&err, why, WORKER_RECEIVE_WHY_SIZE);
        return WORKER_VERDICT_IGNORED;
    }

    worker_connection_schedule(conn);

    return whole == NULL ? WORKER_VERDICT_HELD
                         : receive_whole(r, conn, whole, e, why);
}


static enum worker_verdict
receive_forecast(struct worker_receive *r, struct worker_connection *conn,
    const struct worker_entry *e, oscp_message_t *m,
    char why[WORKER_RECEIVE_WHY_SIZE])
{
    oscp_forecast_t       forecast = { .type = m->type };
    oscp_segment_part_t   part = { .req = e->req };

    if (strcmp(m->group_id, e->group) != 0) {
        return receive_ignore(why, "the body names another group");
    }

    if (oscp_segment_parse(e->seg, strlen(e->seg), &part.segment) == -1) {
        return receive_ignore(why, "seg is not INDEX/COUNT");
    }

    if (part.segment.count > 0) {
        part.corr = e->corr;
        part.entry = e->id;
        part.group_id = m->group_id;
        part.type = m->type;
        part.blocks = r->blocks;
        part.nblocks = m->nblocks;
        part.received_ms = e->at_ms;

        return receive_segment(r, conn, e, &part, why);
    }

    forecast.blocks = r->blocks;
    forecast.nblocks = m->nblocks;
    forecast.req = e->req;
    forecast.received_ms = e->at_ms;

    return receive_timeline(r, conn, m->group_id, &forecast, e->corr, why);
}


/*
 * nginx has refused by the connection's own strictness what should not pass.
 * What it has answered 204 is not refused here because the configuration became
 * stricter since.
 */
enum worker_verdict
worker_receive_entry(struct worker_receive *r, struct worker_connection *conn,
    const struct worker_entry *e, char why[WORKER_RECEIVE_WHY_SIZE])
{
    int                  kind;
    oscp_error_t         err;
    oscp_message_t       m;
    oscp_read_options_t  options = { .now_ms = e->at_ms };

    if (e->gone) {
        return receive_ignore(why, "the entry was deleted from the stream");
    }

    if (conn == NULL) {
        return receive_ignore(why, "the connection is not configured");
    }

    if (worker_connection_outdated(conn, e->id)) {
        return receive_ignore(why, "it was stored before the operator "
                              "connected");
    }

    kind = oscp_message_find(e->msg, strlen(e->msg));
    if (kind < 0 || receive_kinds[kind].handler == NULL) {
        return receive_ignore(why, "not a message for us");
    }

    if (!oscp_id_valid(e->req, strlen(e->req))) {
        return receive_ignore(why, "no usable request id");
    }

    oscp_message_init(&m, (oscp_message_kind_t) kind);
    m.blocks = r->blocks;
    m.max_blocks = OSCP_READ_BLOCKS_MAX;

    if (oscp_read(&m, e->body, e->body_len, &options, &err) != OSCP_OK) {
        oscp_error_format(&err, why, WORKER_RECEIVE_WHY_SIZE);
        return WORKER_VERDICT_IGNORED;
    }

    return receive_kinds[kind].handler(r, conn, e, &m, why);
}


struct worker_receive *
worker_receive_create(struct worker_context *ctx)
{
    struct worker_receive  *r;

    r = calloc(1, sizeof(*r));
    if (r == NULL) {
        return NULL;
    }

    r->ctx = ctx;
    r->blocks = calloc(OSCP_READ_BLOCKS_MAX, sizeof(*r->blocks));
    if (r->blocks == NULL) {
        free(r);
        return NULL;
    }

    return r;
}


void
worker_receive_free(struct worker_receive *r)
{
    if (r != NULL) {
        free(r->blocks);
        free(r);
    }
}
