/*
 * Outbound HTTP with libcurl's multi interface on libevent.
 */

#include <sys/socket.h>

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>
#include <openssl/ssl.h>

#include "buffer.h"
#include "clock.h"
#include "http.h"
#include "log.h"
#include "trust.h"


#define WORKER_HTTP_IDLE_MAX   256L      /* connections kept while idle */
#define WORKER_HTTP_GRACE_MS   500       /* libcurl has this to keep its word */
#define WORKER_HTTP_REST_MS    1000      /* for a body behind its status */
#define WORKER_HTTP_AFTER_MAX  86400     /* s: the longest Retry-After told */


struct worker_http {
    struct event_base        *base;
    CURLM                    *multi;
    struct worker_trust      *trust;
    const char               *system_ca;   /* libcurl's own file and directory;
                                              NULL: none */
    const char               *system_dir;
    struct event             *timer;       /* libcurl's own timeouts */
    struct worker_http_call  *calls;       /* all under way */
};

struct worker_http_call {
    struct worker_http       *http;
    CURL                     *easy;
    struct curl_slist        *headers;
    char                     *ca;          /* NULL: as libcurl does */
    const char               *directory;   /* of more CAs, or NULL */
    worker_http_done         *done;
    void                     *arg;
    int                     (*may)(void *arg);
    void                     *may_arg;
    unsigned                  left:1;      /* the request: a peer may have it */
    unsigned                  whole:1;     /* the answer is its body */
    struct event             *watchdog;    /* ends what libcurl forgot */
    size_t                    received;    /* bytes of the answer's body */
    size_t                    answer_max;  /* of them are kept; 0: none */
    struct worker_buffer      answer;      /* wiped: it may be a secret */
    char                      error[CURL_ERROR_SIZE];
    char                      untrusted[WORKER_TRUST_WHY_SIZE];
    struct worker_http_call  *next;
    struct worker_http_call **prev;
};


static CURLM *http_multi_create(struct worker_http *http);


/*
 * libcurl keeps copies of header lines in buffers of its own.  With these it
 * forgets them when it frees them.
 */
static void
http_wipe_free(void *p)
{
    if (p != NULL) {
        explicit_bzero(p, malloc_usable_size(p));
        free(p);
    }
}


static void *
http_wipe_realloc(void *p, size_t size)
{
    void    *fresh;
    size_t   old;

    fresh = malloc(size > 0 ? size : 1);
    if (fresh == NULL || p == NULL) {
        return fresh;
    }

    old = malloc_usable_size(p);
    memcpy(fresh, p, old < size ? old : size);
    http_wipe_free(p);

    return fresh;
}


static void
http_call_free(struct worker_http_call *call)
{
    if (call->prev != NULL) {
        *call->prev = call->next;
        if (call->next != NULL) {
            call->next->prev = call->prev;
        }
    }

    if (call->watchdog != NULL) {
        event_free(call->watchdog);
    }

    if (call->easy != NULL) {
        curl_multi_remove_handle(call->http->multi, call->easy);
        curl_easy_cleanup(call->easy);
    }

    curl_slist_free_all(call->headers);
    free(call->ca);
    worker_buffer_wipe(&call->answer);
    free(call);
}


static int64_t
http_retry_after(const struct worker_http_call *call)
{
    curl_off_t  s = 0;

    curl_easy_getinfo(call->easy, CURLINFO_RETRY_AFTER, &s);
    s = s > WORKER_HTTP_AFTER_MAX ? WORKER_HTTP_AFTER_MAX : s;

    return s > 0 ? (int64_t) s * 1000 : -1;
}


/*
 * A connection on which an answer did not come in time is of no use for the
 * next request either.  Of HTTP/2 libcurl gives up the stream alone, and the
 * next request would wait on the same dead connection: it is shut down, which
 * libcurl notices before it uses it again.
 */
static void
http_abandon(struct worker_http_call *call)
{
    curl_socket_t  fd = CURL_SOCKET_BAD;

    if (curl_easy_getinfo(call->easy, CURLINFO_ACTIVESOCKET, &fd) == CURLE_OK
        && fd != CURL_SOCKET_BAD)
    {
        shutdown(fd, SHUT_RDWR);
    }
}


/*
 * Where the status says all, it is the answer, whatever becomes of the body: it
 * may be longer than we care to read, or have no end.
 */
static int
http_answered(const struct worker_http_call *call, CURLcode code, long status)
{
    if (code == CURLE_WRITE_ERROR) {
        return status > 0;
    }

    return status >= 200 && !call->whole;
}


static void
http_finish(struct worker_http_call *call, CURLcode code)
{
    int                        over;
    char                       error[WORKER_HTTP_ERROR_SIZE] = "";
    long                       status = 0;
    worker_http_done          *done = call->done;
    void                      *arg = call->arg;
    struct worker_buffer       answer = call->answer;
    struct worker_http_result  result = { .retry_after_ms = -1 };

    over = call->answer_max > 0 && call->received > call->answer_max;

    if (call->easy != NULL) {
        if (code == CURLE_OPERATION_TIMEDOUT) {
            http_abandon(call);
        }

        curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
        result.retry_after_ms = http_retry_after(call);
    }

    if (code != CURLE_OK && !http_answered(call, code, status)) {
        status = 0;
        snprintf(error, sizeof(error), "%s",
                 call->untrusted[0] != '\0' ? call->untrusted
                 : call->error[0] != '\0' ? call->error
                 : curl_easy_strerror(code));
    }

    result.left = call->left;
    memset(&call->answer, 0, sizeof(call->answer));
    http_call_free(call);

    result.status = status;
    result.error = error;

    if (code == CURLE_OK && !over && answer.data != NULL && !answer.failed) {
        result.body = answer.data;
        result.len = answer.len;
    }

    done(arg, &result);
    worker_buffer_wipe(&answer);
}


/*
 * libcurl ends every request in time, unless it ran out of memory in the wrong
 * moment: then nobody would ever hear of it.  A body that is not the
 * answer ends here too.
 */
static void
callback_watchdog(evutil_socket_t fd, short what, void *arg)
{
    (void) fd;
    (void) what;

    http_finish(arg, CURLE_OPERATION_TIMEDOUT);
}


static void
http_reap(struct worker_http *http)
{
    int                       left;
    char                     *private;
    CURLMsg                  *msg;
    CURLcode                  code;

    for ( ;; ) {
        msg = curl_multi_info_read(http->multi, &left);
        if (msg == NULL) {
            return;
        }

        if (msg->msg == CURLMSG_DONE) {
            code = msg->data.result;
            if (curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &private)
                == CURLE_OK)
            {
                http_finish((struct worker_http_call *) (void *) private, code);
            }
        }
    }
}


/*
 * After an error of its own (it can only be memory) libcurl's handle is not to
 * be trusted any more: what is under way fails, and a new one takes its place.
 */
static void
http_renew(struct worker_http *http)
{
    CURLM                    *fresh, *old = http->multi;
    struct worker_http_call  *call;

    fresh = http_multi_create(http);
    if (fresh == NULL) {
        return;
    }

    for (call = http->calls; call != NULL; call = call->next) {
        curl_multi_remove_handle(old, call->easy);
        curl_easy_cleanup(call->easy);
        call->easy = NULL;
        event_active(call->watchdog, EV_TIMEOUT, 0);
    }

    http->multi = fresh;
    curl_multi_cleanup(old);
}


static void
http_act(struct worker_http *http, curl_socket_t fd, int what)
{
    int        running;
    CURLMcode  code;

    code = curl_multi_socket_action(http->multi, fd, what, &running);
    if (code != CURLM_OK) {
        worker_log(WORKER_LOG_ERROR, NULL, "libcurl: %s",
                   curl_multi_strerror(code));
        http_renew(http);
        return;
    }

    http_reap(http);
}


static void
callback_socket(evutil_socket_t fd, short what, void *arg)
{
    http_act(arg, fd, (what & EV_READ ? CURL_CSELECT_IN : 0)
                      | (what & EV_WRITE ? CURL_CSELECT_OUT : 0));
}


static void
callback_timer(evutil_socket_t fd, short what, void *arg)
{
    (void) fd;
    (void) what;

    http_act(arg, CURL_SOCKET_TIMEOUT, 0);
}


/*
 * libcurl wants a socket watched, otherwise than before, or no more.  `watched`
 * is the event that we gave it for this socket, NULL at first.
 */
static int
http_want_socket(CURL *easy, curl_socket_t fd, int what, void *arg,
    void *watched)
{
    short                kind;
    struct event        *event = NULL;
    struct worker_http  *http = arg;

    (void) easy;

    if (watched != NULL) {
        event_free(watched);
    }

    if (what != CURL_POLL_REMOVE) {
        kind = (short) ((what & CURL_POLL_IN ? EV_READ : 0)
                        | (what & CURL_POLL_OUT ? EV_WRITE : 0) | EV_PERSIST);
        event = event_new(http->base, fd, kind, callback_socket, http);

        if (event != NULL && event_add(event, NULL) == -1) {
            event_free(event);
            event = NULL;
        }
    }

    curl_multi_assign(http->multi, fd, event);

    return event != NULL || what == CURL_POLL_REMOVE ? 0 : -1;
}


static int
http_want_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct timeval       tv;
    struct worker_http  *http = arg;

    (void) multi;

    if (timeout_ms < 0) {
        event_del(http->timer);
        return 0;
    }

    tv = worker_clock_timeval(timeout_ms);

    return event_add(http->timer, &tv);
}


/*
 * A body is kept where it is wanted; one that is too long for that is read all
 * the same, within reason, so that the connection can be kept.  The memory is
 * taken at once, so that it never moves and leaves no copy behind.
 */
static size_t
http_want_body(char *data, size_t size, size_t n, void *arg)
{
    size_t                    len = size * n;
    struct worker_http_call  *call = arg;

    call->received += len;

    if (call->received > WORKER_HTTP_BODY_MAX) {
        return 0;
    }

    if (call->received <= call->answer_max) {
        if (call->answer.data == NULL) {
            worker_buffer_reserve(&call->answer, call->answer_max);
        }
        worker_buffer_add(&call->answer, data, len);
    }

    return len;
}


/* The end of the headers: the answer is there. */
static size_t
http_want_header(char *data, size_t size, size_t n, void *arg)
{
    long                      status = 0;
    size_t                    len = size * n;
    struct timeval            tv = worker_clock_timeval(WORKER_HTTP_REST_MS);
    struct worker_http_call  *call = arg;

    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);

    if (len > 0 && (*data == '\r' || *data == '\n') && status >= 200
        && !call->whole)
    {
        event_add(call->watchdog, &tv);
    }

    return len;
}


static int
http_want_leave(void *arg, char *peer, char *local, int peer_port,
    int local_port)
{
    struct worker_http_call  *call = arg;

    (void) peer;
    (void) local;
    (void) peer_port;
    (void) local_port;

    if (call->may != NULL && !call->may(call->may_arg)) {
        return CURL_PREREQFUNC_ABORT;
    }

    call->left = 1;

    return CURL_PREREQFUNC_OK;
}


static int
http_setup_headers(struct worker_http_call *call,
    const struct worker_http_request *request)
{
    struct curl_slist  *list;

    for (size_t i = 0; i < request->nheaders; i++) {
        list = curl_slist_append(call->headers, request->headers[i]);
        if (list == NULL) {
            return -1;
        }
        call->headers = list;
    }

    return curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers)
           == CURLE_OK ? 0 : -1;
}


/* The CAs are not libcurl's to read: it would do so for every connection. */
static CURLcode
http_want_trust(CURL *easy, void *ssl, void *arg)
{
    X509_STORE               *store;
    struct worker_http_call  *call = arg;

    (void) easy;

    store = worker_trust_store(call->http->trust, call->ca, call->directory,
                               call->untrusted);
    if (store == NULL) {
        return CURLE_SSL_CACERT_BADFILE;
    }

    SSL_CTX_set1_cert_store(ssl, store);

    return CURLE_OK;
}


/*
 * Nothing is read from the "directory", but a connection is used again only by
 * requests with the same one: what one peer's CAs have vouched for is not
 * another peer's.
 */
static int
http_setup_trust(struct worker_http_call *call, const char *ca)
{
    int    rc = 0;
    CURL  *easy = call->easy;

    if (ca == NULL) {
        return 0;
    }

    call->ca = strdup(ca);
    rc |= call->ca == NULL;
    rc |= curl_easy_setopt(easy, CURLOPT_CAINFO, NULL) != CURLE_OK;
    rc |= curl_easy_setopt(easy, CURLOPT_CAPATH, ca) != CURLE_OK;
    rc |= curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, http_want_trust)
          != CURLE_OK;
    rc |= curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, call) != CURLE_OK;

    return rc ? -1 : 0;
}


static int
http_setup_tls(struct worker_http_call *call,
    const struct worker_http_request *request)
{
    int    rc = 0;
    CURL  *easy = call->easy;

    rc |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) != CURLE_OK;
    rc |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) != CURLE_OK;
    rc |= curl_easy_setopt(easy, CURLOPT_SSLVERSION,
                           (long) CURL_SSLVERSION_TLSv1_2) != CURLE_OK;

    call->directory = request->ca == NULL ? call->http->system_dir : NULL;
    rc |= http_setup_trust(call, request->ca != NULL ? request->ca
                                 : call->http->system_ca)
          == -1;

    if (request->cert != NULL) {
        rc |= curl_easy_setopt(easy, CURLOPT_SSLCERT, request->cert)
              != CURLE_OK;
    }

    if (request->key != NULL) {
        rc |= curl_easy_setopt(easy, CURLOPT_SSLKEY, request->key) != CURLE_OK;
    }

    return rc ? -1 : 0;
}


static int
http_setup(struct worker_http_call *call,
    const struct worker_http_request *request)
{
    int    rc = 0;
    CURL  *easy = call->easy;

    rc |= curl_easy_setopt(easy, CURLOPT_URL, request->url) != CURLE_OK;
    rc |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https")
          != CURLE_OK;
    rc |= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) != CURLE_OK;
    rc |= curl_easy_setopt(easy, CURLOPT_PROXY, "") != CURLE_OK;
    rc |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) != CURLE_OK;
    rc |= curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) != CURLE_OK;
    rc |= curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L) != CURLE_OK;
    rc |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                           (long) CURL_HTTP_VERSION_2TLS) != CURLE_OK;
    rc |= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, request->timeout_ms)
          != CURLE_OK;
    rc |= curl_easy_setopt(easy, CURLOPT_USERAGENT, "oscp-worker") != CURLE_OK;
    rc |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->error) != CURLE_OK;
    rc |= curl_easy_setopt(easy, CURLOPT_PRIVATE, call) != CURLE_OK;
    rc |= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, http_want_header)
          != CURLE_OK;
    rc |= curl_easy_setopt(easy, CURLOPT_HEADERDATA, call) != CURLE_OK;
    rc |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, http_want_body)
          != CURLE_OK;
    rc |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, call) != CURLE_OK;
    rc |= curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, http_want_leave)
          != CURLE_OK;
    rc |= curl_easy_setopt(easy, CURLOPT_PREREQDATA, call) != CURLE_OK;
    rc |= curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long) request->len)
          != CURLE_OK;
    rc |= curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, request->body)
          != CURLE_OK;

    return rc || http_setup_tls(call, request) == -1
           || http_setup_headers(call, request) == -1 ? -1 : 0;
}


struct worker_http_call *
worker_http_post(struct worker_http *http,
    const struct worker_http_request *request, worker_http_done *done,
    void *arg)
{
    struct timeval            tv;
    struct worker_http_call  *call;

    call = calloc(1, sizeof(*call));
    if (call == NULL) {
        return NULL;
    }

    call->http = http;
    call->answer_max = request->answer_max;
    call->whole = request->whole;
    call->may = request->may;
    call->may_arg = request->may_arg;
    call->done = done;
    call->arg = arg;
    call->easy = curl_easy_init();
    call->watchdog = evtimer_new(http->base, callback_watchdog, call);
    tv = worker_clock_timeval(request->timeout_ms + WORKER_HTTP_GRACE_MS);

    if (call->easy == NULL || call->watchdog == NULL
        || event_add(call->watchdog, &tv) == -1
        || http_setup(call, request) == -1
        || curl_multi_add_handle(http->multi, call->easy) != CURLM_OK)
    {
        http_call_free(call);
        return NULL;
    }

    call->next = http->calls;
    call->prev = &http->calls;
    if (call->next != NULL) {
        call->next->prev = &call->next;
    }
    http->calls = call;

    return call;
}


void
worker_http_cancel(struct worker_http_call *call)
{
    if (call != NULL) {
        http_call_free(call);
    }
}


static CURLM *
http_multi_create(struct worker_http *http)
{
    int     rc = 0;
    CURLM  *multi;

    multi = curl_multi_init();
    if (multi == NULL) {
        return NULL;
    }

    rc |= curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, http_want_socket)
          != CURLM_OK;
    rc |= curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, http) != CURLM_OK;
    rc |= curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, http_want_timer)
          != CURLM_OK;
    rc |= curl_multi_setopt(multi, CURLMOPT_TIMERDATA, http) != CURLM_OK;

    /* each request has its connection: giving it up harms no other one */
    rc |= curl_multi_setopt(multi, CURLMOPT_PIPELINING,
                            (long) CURLPIPE_NOTHING)
          != CURLM_OK;
    rc |= curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, WORKER_HTTP_IDLE_MAX)
          != CURLM_OK;

    if (rc) {
        curl_multi_cleanup(multi);
        return NULL;
    }

    return multi;
}


struct worker_http *
worker_http_create(struct event_base *base)
{
    struct worker_http  *http;

    if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, http_wipe_free,
                             http_wipe_realloc, strdup, calloc)
        != CURLE_OK)
    {
        goto err0;
    }

    http = calloc(1, sizeof(*http));
    if (http == NULL) {
        goto err1;
    }

    http->base = base;
    http->system_ca = curl_version_info(CURLVERSION_NOW)->cainfo;
    http->system_dir = curl_version_info(CURLVERSION_NOW)->capath;
    http->trust = worker_trust_create();
    http->timer = evtimer_new(base, callback_timer, http);
    http->multi = http_multi_create(http);

    if (http->trust == NULL || http->timer == NULL || http->multi == NULL) {
        goto err2;
    }

    return http;

err2:
    worker_trust_free(http->trust);
    if (http->multi != NULL) {
        curl_multi_cleanup(http->multi);
    }
    if (http->timer != NULL) {
        event_free(http->timer);
    }
    free(http);
err1:
    curl_global_cleanup();
err0:
    worker_log(WORKER_LOG_ERROR, NULL, "libcurl cannot be initialised");
    return NULL;
}


void
worker_http_free(struct worker_http *http)
{
    if (http == NULL) {
        return;
    }

    while (http->calls != NULL) {
        http_call_free(http->calls);
    }

    curl_multi_cleanup(http->multi);
    worker_trust_free(http->trust);
    event_free(http->timer);
    free(http);
    curl_global_cleanup();
}
