/*
 * What the lifecycle sends to a peer by itself.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "oscp_write.h"
#include "outbound.h"
#include "random.h"


#define OUTBOUND_KINDS          3
#define OUTBOUND_BODY_SIZE      512      /* holds each of the three messages */
#define OUTBOUND_TIMEOUT_MIN    500      /* ms: less is no try */

#define HTTP_REQUEST_TIMEOUT    408

/* The three kinds, in the order of their slots. */
static const struct {
    unsigned               action;
    oscp_message_kind_t    message;
    oscp_lifecycle_kind_t  sent;
    oscp_lifecycle_kind_t  failed;
} outbound_kinds[OUTBOUND_KINDS] = {
    { OSCP_DO_SEND_HANDSHAKE, OSCP_HANDSHAKE,
      OSCP_EV_HANDSHAKE_SENT, OSCP_EV_HANDSHAKE_FAILED },
    { OSCP_DO_SEND_ACKNOWLEDGE, OSCP_HANDSHAKE_ACKNOWLEDGE,
      OSCP_EV_ACKNOWLEDGE_SENT, OSCP_EV_ACKNOWLEDGE_FAILED },
    { OSCP_DO_SEND_HEARTBEAT, OSCP_HEARTBEAT,
      OSCP_EV_HEARTBEAT_SENT, OSCP_EV_HEARTBEAT_FAILED },
};


struct outbound_slot {
    struct worker_outbound    *outbound;
    struct worker_peer_send    send;
    unsigned                   kind;
    char                       body[OUTBOUND_BODY_SIZE];
    char                       req[OSCP_ID_SIZE];
    char                       corr[OSCP_ID_SIZE];
};

struct worker_outbound {
    struct worker_context         *ctx;
    const oscp_lifecycle_t        *lc;
    const oscp_connection_conf_t  *conf;         /* NULL at first */
    worker_outbound_done          *done;
    void                          *arg;
    struct outbound_slot           slots[OUTBOUND_KINDS];
    unsigned                       open;         /* actions: of the open commit,
                                                    of the one under way */
    unsigned                       sealed;
    unsigned                       listed:1;     /* in ctx->sending */
    TAILQ_ENTRY(worker_outbound)   next;
};


/*
 * 1 when the peer may have what failed: it left, and no answer is the peer's
 * own for certain.  A gateway that waits for it in vain says so by a 5xx.
 */
static int
outbound_unanswered(const struct worker_peer_result *r)
{
    return (r->status == 0 && r->left) || r->status == HTTP_REQUEST_TIMEOUT
           || (r->status >= 500 && r->status <= 599);
}


static void
outbound_end(struct outbound_slot *slot, const struct worker_peer_result *r)
{
    const char                     *error = r->error;
    struct worker_outbound         *o = slot->outbound;
    struct worker_log_about         about = { .shard = (int) o->ctx->shard,
                                              .conn = o->conf->name,
                                              .req = slot->req };
    struct worker_outbound_result   result;

    result.kind = *error == '\0' ? outbound_kinds[slot->kind].sent
                                 : outbound_kinds[slot->kind].failed;
    result.req = slot->req;
    result.corr = slot->corr;
    result.error = error;
    result.unanswered = outbound_unanswered(r);

    worker_log(*error == '\0' ? WORKER_LOG_DEBUG : WORKER_LOG_WARN, &about,
               "%s %s%s", oscp_message_name(outbound_kinds[slot->kind].message),
               *error == '\0' ? "delivered" : "failed: ", error);

    o->done(o->arg, &result);
}


static void
callback_done(void *arg, const struct worker_peer_result *result)
{
    struct outbound_slot  *slot = arg;

    if (result->changed) {
        worker_outbound_want(slot->outbound, outbound_kinds[slot->kind].action);

    } else {
        outbound_end(slot, result);
    }
}


/* The message as JSON; returns its length. */
static size_t
outbound_body(const struct worker_outbound *o, oscp_message_kind_t kind,
    char body[OUTBOUND_BODY_SIZE])
{
    size_t          len;
    oscp_message_t  m;

    oscp_message_init(&m, kind);

    if (kind == OSCP_HEARTBEAT) {
        m.offline_mode_at_ms = o->lc->promised_ms;

    } else {
        m.dialect = o->lc->dialect;
        m.has_interval = 1;
        m.heartbeat_interval_s
            = (double) oscp_lifecycle_told_ms(o->lc,
                                              o->conf->heartbeat_interval_ms)
              / 1000;
        m.has_measurement = 1;
        m.measurement = o->conf->measurement;
    }

    len = oscp_write(&m, body, OUTBOUND_BODY_SIZE);

    return len < OUTBOUND_BODY_SIZE ? len : 0;
}


/*
 * Which id the message bears, which it answers, and how long it may take.  A
 * heartbeat must have failed before the next one is due: that one would take
 * its place, and nobody would hear of the failure.
 */
static long
outbound_address(struct outbound_slot *slot)
{
    char                     uuid[WORKER_RANDOM_UUID_SIZE];
    int64_t                  ms;
    oscp_ms_t                now = worker_clock_wall();
    const oscp_lifecycle_t  *lc = slot->outbound->lc;

    slot->corr[0] = '\0';

    switch (outbound_kinds[slot->kind].message) {

    case OSCP_HANDSHAKE:
        memcpy(slot->req, lc->handshake_req, sizeof(slot->req));
        ms = lc->handshake_deadline_ms - now;
        break;

    case OSCP_HANDSHAKE_ACKNOWLEDGE:
        memcpy(slot->req, lc->ack_req, sizeof(slot->req));
        memcpy(slot->corr, lc->ack_corr, sizeof(slot->corr));
        ms = lc->ack_deadline_ms - now;
        break;

    default:
        snprintf(slot->req, sizeof(slot->req), "%s", worker_random_uuid(uuid));
        ms = lc->interval_required_ms / 4 * 3;
    }

    ms = ms < OUTBOUND_TIMEOUT_MIN ? OUTBOUND_TIMEOUT_MIN : ms;

    return (long) (ms > WORKER_HTTP_TIMEOUT_MS ? WORKER_HTTP_TIMEOUT_MS : ms);
}


static void
outbound_send(struct worker_outbound *o, unsigned kind)
{
    struct outbound_slot  *slot = &o->slots[kind];

    /* what is under way is older than this */
    worker_peer_stop(&slot->send);

    slot->send.kind = outbound_kinds[kind].message;
    slot->send.deadline_ms = worker_clock_boot() + outbound_address(slot);
    slot->send.len = outbound_body(o, slot->send.kind, slot->body);
    worker_peer_start(&slot->send);
}


static void
outbound_unlist(struct worker_outbound *o)
{
    if (o->listed) {
        o->listed = 0;
        TAILQ_REMOVE(&o->ctx->sending, o, next);
    }
}


void
worker_outbound_want(struct worker_outbound *o, unsigned actions)
{
    for (unsigned i = 0; i < OUTBOUND_KINDS; i++) {
        o->open |= actions & outbound_kinds[i].action;
    }

    if (o->open != 0 && !o->listed) {
        o->listed = 1;
        TAILQ_INSERT_TAIL(&o->ctx->sending, o, next);
    }
}


void
worker_outbound_cancel(struct worker_outbound *o)
{
    o->open = 0;
    o->sealed = 0;
    outbound_unlist(o);

    for (unsigned i = 0; i < OUTBOUND_KINDS; i++) {
        worker_peer_stop(&o->slots[i].send);
    }
}


void
worker_outbound_sealed(struct worker_context *ctx)
{
    struct worker_outbound  *o;

    TAILQ_FOREACH(o, &ctx->sending, next) {
        o->sealed = o->open;
        o->open = 0;
    }
}


void
worker_outbound_committed(struct worker_context *ctx)
{
    unsigned                     actions;
    struct worker_outbound      *o;
    struct worker_outbound_list  list;

    /* a send that fails at once may want another: that is for later */
    TAILQ_INIT(&list);
    TAILQ_CONCAT(&list, &ctx->sending, next);

    while ((o = TAILQ_FIRST(&list)) != NULL) {
        TAILQ_REMOVE(&list, o, next);

        /* what the open commit wants anew would be sent as it is not yet */
        actions = o->sealed & ~o->open;
        o->sealed = 0;
        o->listed = o->open != 0;
        if (o->listed) {
            TAILQ_INSERT_TAIL(&ctx->sending, o, next);
        }

        for (unsigned i = 0; i < OUTBOUND_KINDS; i++) {
            if ((actions & outbound_kinds[i].action) && !ctx->closing) {
                outbound_send(o, i);
            }
        }
    }
}


void
worker_outbound_configure(struct worker_outbound *o,
    const oscp_connection_conf_t *conf)
{
    o->conf = conf;
}


struct worker_outbound *
worker_outbound_create(struct worker_context *ctx, struct worker_peer *peer,
    const oscp_lifecycle_t *lc, worker_outbound_done *done, void *arg)
{
    struct worker_outbound  *o;
    struct outbound_slot    *slot;

    o = calloc(1, sizeof(*o));
    if (o == NULL) {
        return NULL;
    }

    o->ctx = ctx;
    o->lc = lc;
    o->done = done;
    o->arg = arg;

    for (unsigned i = 0; i < OUTBOUND_KINDS; i++) {
        slot = &o->slots[i];
        slot->outbound = o;
        slot->kind = i;
        worker_peer_prepare(&slot->send, peer, callback_done, slot);
        slot->send.req = slot->req;
        slot->send.corr = slot->corr;
        slot->send.body = slot->body;
    }

    return o;
}


void
worker_outbound_free(struct worker_outbound *o)
{
    if (o == NULL) {
        return;
    }

    worker_outbound_cancel(o);
    free(o);
}
