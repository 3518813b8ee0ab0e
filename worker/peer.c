/*
 * POSTs to a connection's peer.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "buffer.h"
#include "clock.h"
#include "oscp_string.h"
#include "peer.h"
#include "present.h"


#define PEER_ANSWER_MAX         8192     /* bytes of an Error that we read */

#define HTTP_UNAUTHORIZED       401


struct worker_peer {
    struct worker_context              *ctx;
    const oscp_connection_conf_t       *conf;        /* NULL at first */
    struct worker_present              *present;
    struct worker_oauth                *oauth;       /* NULL: no tokens */
    unsigned                            generation;  /* of all these */
    TAILQ_HEAD(, worker_peer_send)      waiting;     /* for a token */
};


static void peer_begin(struct worker_peer_send *send);
static void peer_post(struct worker_peer_send *send);


/*
 * Nothing leaves without a proven lease; connecting takes time, in which it may
 * be lost, or this program be paused.
 */
static int
peer_may(void *arg)
{
    struct worker_peer  *peer = arg;

    if (worker_lease_held(peer->ctx->lease)) {
        return 1;
    }

    worker_context_fail(peer->ctx, "the lease is not proven");

    return 0;
}


static void
peer_end(struct worker_peer_send *send, const char *error)
{
    struct worker_peer_result  result = { .error = error, .text = "",
                                          .retry_after_ms = -1 };

    result.oauth = send->peer->oauth != NULL;
    result.renewed = send->renewed;
    send->done(send->arg, &result);
}


static void
peer_unwait(struct worker_peer_send *send)
{
    worker_oauth_cancel(&send->wait);
    TAILQ_REMOVE(&send->peer->waiting, send, next);
    send->peer->ctx->sends--;
}


/*
 * What the answer says of the access token.  1: another one is to be got, and
 * the message sent again, which is done once.
 */
static int
peer_judge_token(struct worker_peer_send *send, long status)
{
    int                   now = send->generation == send->peer->generation;
    struct worker_oauth  *oauth = send->peer->oauth;

    if (oauth == NULL) {
        return 0;
    }

    if (status >= 200 && status <= 299 && now) {
        worker_oauth_accepted(oauth);
    }

    if (status != HTTP_UNAUTHORIZED || send->renewed || send->last
        || send->deadline_ms <= worker_clock_boot())
    {
        return 0;
    }

    /* a token of the configuration before is not this one's */
    if (now && !worker_oauth_refused(oauth, send->serial)) {
        return 0;
    }

    send->renewed = 1;

    return 1;
}


/*
 * It goes into the audit and onto screens: one line of UTF-8, cut at a
 * character's end.
 */
static void
peer_clean(const char *from, char text[WORKER_PEER_TEXT_SIZE])
{
    size_t       n, len = 0;
    const char  *end = from + strlen(from);

    for ( ; from < end; from += n) {
        n = (unsigned char) *from >= 0x80 ? oscp_string_utf8(from, end) : 1;

        if (len + (n > 0 ? n : 1) >= WORKER_PEER_TEXT_SIZE) {
            break;
        }

        if (n == 0 || (unsigned char) *from < 0x20 || *from == 0x7f) {
            text[len++] = n == 0 ? '?' : ' ';
            n = 1;
            continue;
        }

        memcpy(text + len, from, n);
        len += n;
    }

    text[len] = '\0';
}


/* What the peer says of its refusal, unless it repeats what is secret. */
static void
peer_text(const struct worker_peer *peer, const struct worker_http_result *r,
    char text[WORKER_PEER_TEXT_SIZE])
{
    cJSON       *json;
    const char  *said;

    text[0] = '\0';

    json = r->body ? cJSON_ParseWithLength(r->body, r->len) : NULL;
    said = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json,
                                                                 "message"));
    if (said != NULL && !worker_present_quoted(peer->present, said)
        && (peer->oauth == NULL || !worker_oauth_quoted(peer->oauth, said)))
    {
        peer_clean(said, text);
    }

    cJSON_Delete(json);
}


static void
callback_done(void *arg, const struct worker_http_result *r)
{
    char                        error[WORKER_HTTP_ERROR_SIZE] = "";
    char                        text[WORKER_PEER_TEXT_SIZE] = "";
    struct worker_peer_send    *send = arg;
    struct worker_peer_result   result = { .error = error, .text = text };

    send->call = NULL;
    send->peer->ctx->sends--;

    if (peer_judge_token(send, r->status)) {
        peer_begin(send);
        return;
    }

    if (r->status == 0) {
        snprintf(error, sizeof(error), "%s", r->error);

    } else if (r->status < 200 || r->status > 299) {
        snprintf(error, sizeof(error), "HTTP %ld", r->status);
        peer_text(send->peer, r, text);
    }

    result.status = r->status;
    result.left = r->left;
    result.retry_after_ms = r->retry_after_ms;
    result.oauth = send->peer->oauth != NULL;
    result.renewed = send->renewed;
    send->done(send->arg, &result);
}


static void
callback_token(void *arg, const char *error)
{
    struct worker_peer_send  *send = arg;

    TAILQ_REMOVE(&send->peer->waiting, send, next);
    send->peer->ctx->sends--;

    if (*error != '\0') {
        peer_end(send, error);

    } else {
        peer_post(send);
    }
}


static int
peer_lines(struct worker_peer_send *send, struct worker_present_lines *lines,
    char error[WORKER_PRESENT_ERROR_SIZE])
{
    int                  rc = 0;
    struct worker_peer  *peer = send->peer;

    if (worker_present_add(peer->present, lines, error) == -1
        || (peer->oauth != NULL
            && worker_oauth_add(peer->oauth, lines, &send->serial, error)
               == -1))
    {
        return -1;
    }

    snprintf(error, WORKER_PRESENT_ERROR_SIZE, "no memory");
    rc |= worker_present_line(lines, "Content-Type", "application/json");
    rc |= worker_present_line(lines, "X-Request-ID", send->req);
    if (*send->corr != '\0') {
        rc |= worker_present_line(lines, "X-Correlation-ID", send->corr);
    }

    return rc;
}


static void
peer_url(const oscp_connection_conf_t *conf, oscp_message_kind_t kind,
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
peer_post(struct worker_peer_send *send)
{
    char                         error[WORKER_PRESENT_ERROR_SIZE] = "no memory";
    struct worker_peer          *peer = send->peer;
    struct worker_buffer         url = { .len = 0 };
    struct worker_http_request   request = { .body = send->body };
    struct worker_present_lines  lines = { .n = 0 };

    /* it may have been lost while there was no token */
    if (!peer_may(peer)) {
        return;
    }

    request.timeout_ms = (long) (send->deadline_ms - worker_clock_boot());
    request.timeout_ms = request.timeout_ms < 1 ? 1 : request.timeout_ms;
    request.len = send->len;
    request.ca = peer->conf->tls_ca;
    request.cert = peer->conf->tls_cert;
    request.key = peer->conf->tls_key;
    request.answer_max = PEER_ANSWER_MAX;
    request.may = peer_may;
    request.may_arg = peer;
    send->generation = peer->generation;
    peer_url(peer->conf, send->kind, &url);

    if (peer_lines(send, &lines, error) == 0 && !url.failed) {
        request.url = url.data;
        request.headers = (const char *const *) lines.lines;
        request.nheaders = lines.n;
        send->call = worker_http_post(peer->ctx->http, &request, callback_done,
                                      send);
    }

    worker_present_lines_free(&lines);
    worker_buffer_free(&url);

    if (send->call == NULL) {
        peer_end(send, error);
        return;
    }

    peer->ctx->sends++;
}


/* Sends, or waits for what must be presented. */
static void
peer_begin(struct worker_peer_send *send)
{
    struct worker_peer  *peer = send->peer;

    if (peer->oauth == NULL || worker_oauth_ready(peer->oauth)) {
        peer_post(send);
        return;
    }

    send->wait.deadline_ms = send->deadline_ms;

    if (worker_oauth_wait(peer->oauth, &send->wait) == -1) {
        peer_end(send, "no memory");
        return;
    }

    TAILQ_INSERT_TAIL(&peer->waiting, send, next);
    peer->ctx->sends++;
}


void
worker_peer_start(struct worker_peer_send *send)
{
    send->renewed = 0;
    send->last = 0;
    peer_begin(send);
}


int
worker_peer_busy(const struct worker_peer_send *send)
{
    return send->call != NULL || send->wait.oauth != NULL;
}


void
worker_peer_stop(struct worker_peer_send *send)
{
    if (send->call != NULL) {
        worker_http_cancel(send->call);
        send->call = NULL;
        send->peer->ctx->sends--;
    }

    if (send->wait.oauth != NULL) {
        peer_unwait(send);
    }
}


void
worker_peer_finish(struct worker_peer_send *send)
{
    send->last = 1;

    if (send->wait.oauth != NULL) {
        peer_unwait(send);
    }
}


void
worker_peer_prepare(struct worker_peer_send *send, struct worker_peer *peer,
    worker_peer_done *done, void *arg)
{
    memset(send, 0, sizeof(*send));
    send->peer = peer;
    send->done = done;
    send->arg = arg;
    send->wait.done = callback_token;
    send->wait.arg = send;
}


int
worker_peer_configure(struct worker_peer *peer,
    const oscp_connection_conf_t *conf)
{
    struct worker_oauth              *oauth = NULL;
    struct worker_present            *present;
    struct worker_peer_send          *send;
    struct worker_peer_result         result = { .error = "configured anew",
                                                 .text = "", .changed = 1,
                                                 .retry_after_ms = -1 };
    TAILQ_HEAD(, worker_peer_send)    list = TAILQ_HEAD_INITIALIZER(list);

    present = worker_present_create(conf);
    if (present == NULL) {
        return -1;
    }

    if (conf->present == OSCP_PRESENT_OAUTH) {
        oauth = worker_oauth_create(event_get_base(peer->ctx->pump),
                                    peer->ctx->http, conf, present);
        if (oauth == NULL) {
            worker_present_free(present);
            return -1;
        }
    }

    while ((send = TAILQ_FIRST(&peer->waiting)) != NULL) {
        peer_unwait(send);
        TAILQ_INSERT_TAIL(&list, send, next);
    }

    worker_oauth_free(peer->oauth);
    worker_present_free(peer->present);
    peer->oauth = oauth;
    peer->present = present;
    peer->conf = conf;
    peer->generation++;

    /* they may begin anew at once, and wait again */
    while ((send = TAILQ_FIRST(&list)) != NULL) {
        TAILQ_REMOVE(&list, send, next);
        send->done(send->arg, &result);
    }

    return 0;
}


void
worker_peer_forget(struct worker_peer *peer)
{
    worker_present_forget(peer->present);

    if (peer->oauth != NULL) {
        worker_oauth_forget(peer->oauth);
    }
}


struct worker_peer *
worker_peer_create(struct worker_context *ctx)
{
    struct worker_peer  *peer;

    peer = calloc(1, sizeof(*peer));
    if (peer == NULL) {
        return NULL;
    }

    peer->ctx = ctx;
    TAILQ_INIT(&peer->waiting);

    return peer;
}


void
worker_peer_free(struct worker_peer *peer)
{
    if (peer == NULL) {
        return;
    }

    worker_oauth_free(peer->oauth);
    worker_present_free(peer->present);
    free(peer);
}
