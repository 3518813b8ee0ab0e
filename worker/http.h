/*
 * Outbound HTTP: any number of requests at once, none waiting for another, over
 * connections that are kept (design, section 8).  No redirects, no proxies from
 * the environment; TLS 1.2 at least; certificates and host names are always
 * checked, and there is no way to switch that off.
 *
 * Secrets: libcurl copies header lines and bodies while a request is under way,
 * and all of its memory is overwritten when it is freed.  Beyond that stand the
 * records of OpenSSL and, on a kept HTTP/2 connection, the header table of
 * libnghttp2, which may hold lines for as long as the connection lives.
 */

#ifndef WORKER_HTTP_H
#define WORKER_HTTP_H

#include <stdint.h>

#include <event2/event.h>

#define WORKER_HTTP_TIMEOUT_MS   10000      /* then a request is given up */
#define WORKER_HTTP_BODY_MAX     65536      /* bytes of an answer we read */
#define WORKER_HTTP_ERROR_SIZE   256

struct worker_http;                         /* the process's */
struct worker_http_call;                    /* one request under way */

/* A POST.  Everything is copied; NULL: none. */
struct worker_http_request {
    const char         *url;
    const char *const  *headers;            /* "Name: value" lines */
    size_t              nheaders;
    const char         *body;
    size_t              len;
    long                timeout_ms;
    const char         *ca;                 /* PEM files; NULL: the system's */
    const char         *cert;
    const char         *key;
    size_t              answer_max;         /* bytes of the answer's body that
                                               are wanted; 0: none */
    unsigned            whole:1;            /* without its body the answer is
                                               none; else the status is, and the
                                               body has a second to come */
    int               (*may)(void *arg);    /* is asked when the connection
                                               stands, right before the request
                                               leaves: 0 keeps it here.  NULL:
                                               it may leave */
    void               *may_arg;
};

/* What became of it; everything lives as long as the call of `done`. */
struct worker_http_result {
    long         status;                    /* HTTP status; 0: no answer, or
                                               one that is `whole` broke off */
    const char  *error;                     /* why there is none; "" else */
    unsigned     left:1;                    /* it left: there may be no answer,
                                               and the peer have it all the
                                               same */
    const char  *body;                      /* where wanted: the body; NULL when
                                               there is none, or more than
                                               answer_max */
    size_t       len;
    int64_t      retry_after_ms;            /* Retry-After, in seconds or as a
                                               date; -1: none, or in the past */
};

typedef void worker_http_done(void *arg,
    const struct worker_http_result *result);

/* NULL on failure (logged). */
struct worker_http *worker_http_create(struct event_base *base);

/* Calls still under way end without a word.  NULL is harmless. */
void worker_http_free(struct worker_http *http);

/*
 * Begins a request.  `done` is called once, from the loop, and the call is then
 * gone.  NULL without memory: `done` is then not called.
 */
struct worker_http_call *worker_http_post(struct worker_http *http,
    const struct worker_http_request *request, worker_http_done *done,
    void *arg);

/* Ends it: `done` is never called.  NULL is harmless. */
void worker_http_cancel(struct worker_http_call *call);

#endif /* WORKER_HTTP_H */
