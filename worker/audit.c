/*
 * What a lifecycle event is in the audit, the counters and the log.
 */

#include "audit.h"
#include "event.h"
#include "json.h"
#include "log.h"


static void
audit_event(struct worker_context *ctx, const char *conn, const char *word,
    oscp_ms_t at_ms, const char *by, const struct worker_buffer *data)
{
    struct worker_event  event = { .event = word, .conn = conn,
                                   .at_ms = at_ms, .by = by, .data = data };

    worker_event_write(ctx->commit, &event);
}


static void
audit_state(struct worker_context *ctx, const char *conn,
    const oscp_lifecycle_event_t *event, const char *by,
    const oscp_lifecycle_result_t *result)
{
    struct worker_buffer     data = { .len = 0 };
    struct worker_log_about  about = { .shard = (int) ctx->shard,
                                       .conn = conn,
                                       .req = event->req };

    if (result->before == result->after) {
        return;
    }

    worker_log(WORKER_LOG_INFO, &about, "%s, was %s%s%s",
               oscp_state_name(result->after), oscp_state_name(result->before),
               result->why ? ": " : "", result->why ? result->why : "");

    worker_json_open(&data, NULL);
    worker_json_text(&data, "from", oscp_state_name(result->before));
    worker_json_text(&data, "to", oscp_state_name(result->after));
    worker_json_text(&data, "why", result->why);
    worker_json_text(&data, "req", event->req);
    worker_json_close(&data);

    audit_event(ctx, conn, "state", event->at_ms, by, &data);
    worker_buffer_free(&data);
}


/* What each kind of event is in the audit, and which counter it moves. */
static const struct {
    const char                 *event;       /* NULL: not told when done */
    const char                 *message;
    const char                 *direction;
    const char                 *outcome;
    enum worker_commit_count    count;       /* MAX: none */
} audit_words[OSCP_EV_COUNT] = {
    [OSCP_EV_START] = { .count = WORKER_COUNT_MAX },
    [OSCP_EV_CONFIGURE] = { .count = WORKER_COUNT_MAX },
    [OSCP_EV_TIMER] = { .count = WORKER_COUNT_MAX },
    [OSCP_EV_PEER_HANDSHAKE] = { "handshake", "handshake", "in", "received",
                                 WORKER_COUNT_HANDSHAKES_RECEIVED },
    [OSCP_EV_PEER_ACKNOWLEDGE] = { "handshake", "handshake_acknowledge", "in",
                                   "received",
                                   WORKER_COUNT_ACKNOWLEDGES_RECEIVED },
    [OSCP_EV_PEER_HEARTBEAT] = { .count = WORKER_COUNT_HEARTBEATS_RECEIVED },
    [OSCP_EV_HANDSHAKE_SENT] = { "handshake", "handshake", "out", "delivered",
                                 WORKER_COUNT_HANDSHAKES_SENT },
    [OSCP_EV_HANDSHAKE_FAILED] = { "handshake", "handshake", "out", "failed",
                                   WORKER_COUNT_SENDS_FAILED },
    [OSCP_EV_ACKNOWLEDGE_SENT] = { "handshake", "handshake_acknowledge", "out",
                                   "delivered",
                                   WORKER_COUNT_ACKNOWLEDGES_SENT },
    [OSCP_EV_ACKNOWLEDGE_FAILED] = { "handshake", "handshake_acknowledge",
                                     "out", "failed",
                                     WORKER_COUNT_SENDS_FAILED },
    [OSCP_EV_HEARTBEAT_SENT] = { .count = WORKER_COUNT_HEARTBEATS_SENT },
    [OSCP_EV_HEARTBEAT_FAILED] = { "heartbeat_failed", NULL, "out", "failed",
                                   WORKER_COUNT_SENDS_FAILED },
    [OSCP_EV_CONNECT] = { .count = WORKER_COUNT_MAX },
    [OSCP_EV_DISCONNECT] = { .count = WORKER_COUNT_MAX },
    [OSCP_EV_ENABLE] = { .count = WORKER_COUNT_MAX },
    [OSCP_EV_DISABLE] = { .count = WORKER_COUNT_MAX },
};


static void
audit_message(struct worker_context *ctx, const char *conn,
    const oscp_lifecycle_event_t *event, const char *by,
    const oscp_lifecycle_result_t *result)
{
    char                  list[32];
    struct worker_buffer  data = { .len = 0 };

    if (audit_words[event->kind].count != WORKER_COUNT_MAX) {
        worker_commit_count(ctx->commit,
                            audit_words[event->kind].count, 1);
    }

    /* what is ignored is told by whoever brought the message */
    if (audit_words[event->kind].event == NULL
        || result->outcome == OSCP_OUTCOME_IGNORED)
    {
        return;
    }

    worker_json_open(&data, NULL);
    worker_json_text(&data, "message", audit_words[event->kind].message);
    worker_json_text(&data, "direction",
                     audit_words[event->kind].direction);
    worker_json_text(&data, "outcome", audit_words[event->kind].outcome);
    worker_json_text(&data, "req", event->req);
    worker_json_text(&data, "corr", event->corr);
    worker_json_text(&data, "error", event->error);

    if (event->has_interval) {
        worker_json_number(&data, "heartbeat_interval",
                           (double) event->interval_ms / 1000);
    }

    if (event->has_measurement) {
        oscp_measurement_list(event->measurement, list);
        worker_json_text(&data, "measurement_configuration", list);
    }

    worker_json_close(&data);

    audit_event(ctx, conn, audit_words[event->kind].event, event->at_ms, by,
                &data);
    worker_buffer_free(&data);
}


void
worker_audit_step(struct worker_context *ctx, const char *conn,
    const oscp_lifecycle_event_t *event, const char *by,
    const oscp_lifecycle_result_t *result)
{
    audit_message(ctx, conn, event, by, result);
    audit_state(ctx, conn, event, by, result);
}
