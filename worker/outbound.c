/*
 * What the lifecycle sends to a peer by itself.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "clock.h"
#include "log.h"
#include "oauth.h"
#include "oscp_write.h"
#include "outbound.h"
#include "present.h"
#include "random.h"


#define OUTBOUND_KINDS          3
#define OUTBOUND_BODY_SIZE      512      /* holds each of the three messages */
#define OUTBOUND_TIMEOUT_MIN    500      /* ms: less is no try */

#define HTTP_UNAUTHORIZED       401


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
    struct worker_http_call   *call;             /* NULL: none under way */
    struct worker_oauth_wait   wait;             /* for a token */
    unsigned                   kind;
    unsigned                   serial;           /* of the token presented */
    unsigned                   renewed:1;        /* it was refused once */
    int64_t                    deadline_ms;      /* since boot */
    size_t                     len;              /* of the message */
    char                       body[OUTBOUND_BODY_SIZE];
    char                       req[OSCP_ID_SIZE];
    char                       corr[OSCP_ID_SIZE];
};

struct worker_outbound {
    struct worker_context         *ctx;
    const oscp_lifecycle_t        *lc;
    const oscp_connection_conf_t  *conf;         /* NULL at first */
    struct worker_present         *present;
    struct worker_oauth           *oauth;        /* NULL: no tokens */
    worker_outbound_done          *done;
    void                          *arg;
    struct outbound_slot           slots[OUTBOUND_KINDS];
    unsigned                       open;         /* actions: of the open commit,
                                                    of the one under way */
    unsigned                       sealed;
    unsigned                       listed:1;     /* in ctx->sending */
    TAILQ_ENTRY(worker_outbound)   next;
};


static void outbound_begin(struct outbound_slot *slot);
static void outbound_post(struct outbound_slot *slot);


static void
outbound_end(struct outbound_slot *slot, const char *error)
{
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

    worker_log(*error == '\0' ? WORKER_LOG_DEBUG : WORKER_LOG_WARN, &about,
               "%s %s%s", oscp_message_name(outbound_kinds[slot->kind].message),
               *error == '\0' ? "delivered" : "failed: ", error);

    o->done(o->arg, &result);
}


static void
outbound_stop(struct outbound_slot *slot)
{
    if (slot->call != NULL) {
        worker_http_cancel(slot->call);
        slot->call = NULL;
        slot->outbound->ctx->sends--;
    }

    if (slot->wait.oauth != NULL) {
        worker_oauth_cancel(&slot->wait);
        slot->outbound->ctx->sends--;
    }
}


/*
 * What the answer says of the access token.  1: another one is to be got, and
 * the message sent again, which is done once.
 */
static int
outbound_judge_token(struct outbound_slot *slot, long status)
{
    struct worker_oauth  *oauth = slot->outbound->oauth;

    if (oauth == NULL) {
        return 0;
    }

    if (status >= 200 && status <= 299) {
        worker_oauth_accepted(oauth);
    }

    if (status != HTTP_UNAUTHORIZED || slot->renewed
        || slot->deadline_ms <= worker_clock_boot())
    {
        return 0;
    }

    slot->renewed = 1;

    return worker_oauth_refused(oauth, slot->serial);
}


static void
callback_done(void *arg, const struct worker_http_result *result)
{
    char                   error[WORKER_HTTP_ERROR_SIZE] = "";
    struct outbound_slot  *slot = arg;

    slot->call = NULL;
    slot->outbound->ctx->sends--;

    if (outbound_judge_token(slot, result->status)) {
        outbound_begin(slot);
        return;
    }

    if (result->status == 0) {
        snprintf(error, sizeof(error), "%s", result->error);

    } else if (result->status < 200 || result->status > 299) {
        snprintf(error, sizeof(error), "HTTP %ld", result->status);
    }

    outbound_end(slot, error);
}


static void
callback_token(void *arg, const char *error)
{
    struct outbound_slot  *slot = arg;

    slot->outbound->ctx->sends--;

    if (*error != '\0') {
        outbound_end(slot, error);

    } else {
        outbound_post(slot);
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
        m.heartbeat_interval_s = (double) o->conf->heartbeat_interval_ms
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


static int
outbound_lines(struct outbound_slot *slot, struct worker_present_lines *lines,
    char error[WORKER_PRESENT_ERROR_SIZE])
{
    int                     rc = 0;
    struct worker_outbound *o = slot->outbound;

    if (worker_present_add(o->present, lines, error) == -1
        || (o->oauth != NULL
            && worker_oauth_add(o->oauth, lines, &slot->serial, error) == -1))
    {
        return -1;
    }

    snprintf(error, WORKER_PRESENT_ERROR_SIZE, "no memory");
    rc |= worker_present_line(lines, "Content-Type", "application/json");
    rc |= worker_present_line(lines, "X-Request-ID", slot->req);
    if (slot->corr[0] != '\0') {
        rc |= worker_present_line(lines, "X-Correlation-ID", slot->corr);
    }

    return rc;
}


static void
outbound_url(const oscp_connection_conf_t *conf, oscp_message_kind_t kind,
    struct worker_buffer *url)
{
    worker_buffer_text(url, conf->peer);

    if (conf->peer_path[kind] != NULL) {
        worker_buffer_text(url, conf->peer_path[kind]);

    } else {
        worker_buffer_format(url, "/%s", oscp_message_name(kind));
    }
}


static void
outbound_post(struct outbound_slot *slot)
{
    char                         error[WORKER_PRESENT_ERROR_SIZE] = "no memory";
    struct worker_buffer         url = { .len = 0 };
    struct worker_outbound      *o = slot->outbound;
    struct worker_http_request   request = { .body = slot->body };
    struct worker_present_lines  lines = { .n = 0 };

    /* it may have been lost while there was no token */
    if (!worker_lease_held(o->ctx->lease)) {
        worker_context_fail(o->ctx, "the lease is not proven");
        return;
    }

    request.timeout_ms = (long) (slot->deadline_ms - worker_clock_boot());
    request.timeout_ms = request.timeout_ms < 1 ? 1 : request.timeout_ms;
    request.len = slot->len;
    request.ca = o->conf->tls_ca;
    request.cert = o->conf->tls_cert;
    request.key = o->conf->tls_key;
    outbound_url(o->conf, outbound_kinds[slot->kind].message, &url);

    if (outbound_lines(slot, &lines, error) == 0 && !url.failed) {
        request.url = url.data;
        request.headers = (const char *const *) lines.lines;
        request.nheaders = lines.n;
        slot->call = worker_http_post(o->ctx->http, &request, callback_done,
                                      slot);
    }

    worker_present_lines_free(&lines);
    worker_buffer_free(&url);

    if (slot->call == NULL) {
        outbound_end(slot, error);
        return;
    }

    o->ctx->sends++;
}


/* Sends, or waits for what must be presented. */
static void
outbound_begin(struct outbound_slot *slot)
{
    struct worker_outbound  *o = slot->outbound;

    if (o->oauth == NULL || worker_oauth_ready(o->oauth)) {
        outbound_post(slot);
        return;
    }

    slot->wait.deadline_ms = slot->deadline_ms;

    if (worker_oauth_wait(o->oauth, &slot->wait) == -1) {
        outbound_end(slot, "no memory");
        return;
    }

    o->ctx->sends++;
}


static void
outbound_send(struct worker_outbound *o, unsigned kind)
{
    struct outbound_slot  *slot = &o->slots[kind];

    /* what is under way is older than this */
    outbound_stop(slot);

    slot->deadline_ms = worker_clock_boot() + outbound_address(slot);
    slot->len = outbound_body(o, outbound_kinds[kind].message, slot->body);
    slot->renewed = 0;
    outbound_begin(slot);
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
        outbound_stop(&o->slots[i]);
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


/* What waits for a token of the old configuration is wanted anew. */
static void
outbound_rewant(struct worker_outbound *o)
{
    for (unsigned i = 0; i < OUTBOUND_KINDS; i++) {
        o->slots[i].serial = 0;

        if (o->slots[i].wait.oauth != NULL) {
            outbound_stop(&o->slots[i]);
            worker_outbound_want(o, outbound_kinds[i].action);
        }
    }
}


int
worker_outbound_configure(struct worker_outbound *o,
    const oscp_connection_conf_t *conf)
{
    struct worker_oauth    *oauth = NULL;
    struct worker_present  *present;

    present = worker_present_create(conf);
    if (present == NULL) {
        return -1;
    }

    if (conf->present == OSCP_PRESENT_OAUTH) {
        oauth = worker_oauth_create(event_get_base(o->ctx->pump), o->ctx->http,
                                    conf, present);
        if (oauth == NULL) {
            worker_present_free(present);
            return -1;
        }
    }

    outbound_rewant(o);
    worker_oauth_free(o->oauth);
    worker_present_free(o->present);
    o->oauth = oauth;
    o->present = present;
    o->conf = conf;

    return 0;
}


void
worker_outbound_forget(struct worker_outbound *o)
{
    worker_present_forget(o->present);

    if (o->oauth != NULL) {
        worker_oauth_forget(o->oauth);
    }
}


struct worker_outbound *
worker_outbound_create(struct worker_context *ctx, const oscp_lifecycle_t *lc,
    worker_outbound_done *done, void *arg)
{
    struct worker_outbound  *o;

    o = calloc(1, sizeof(*o));
    if (o == NULL) {
        return NULL;
    }

    o->ctx = ctx;
    o->lc = lc;
    o->done = done;
    o->arg = arg;

    for (unsigned i = 0; i < OUTBOUND_KINDS; i++) {
        o->slots[i].outbound = o;
        o->slots[i].kind = i;
        o->slots[i].wait.done = callback_token;
        o->slots[i].wait.arg = &o->slots[i];
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
    worker_oauth_free(o->oauth);
    worker_present_free(o->present);
    free(o);
}
