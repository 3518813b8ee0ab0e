/*
 * POSTs to a connection's peer: everything that the lifecycle's sends and the
 * outbox have in common (design, section 8).
 *
 * A message goes to the peer's URL with the message's path appended, with what
 * is presented, over the configured TLS.  Under `present oauth` it waits for an
 * access token first, until its own deadline; one 401 gets it another token and
 * a second try.  Nothing leaves without a proven lease.
 */

#ifndef WORKER_PEER_H
#define WORKER_PEER_H

#include "context.h"
#include "oauth.h"
#include "oscp_message.h"

#define WORKER_PEER_TEXT_SIZE   256      /* of what the peer says, with NUL */

struct worker_peer;                      /* one connection's */

/* What became of a message; strings live as long as the call. */
struct worker_peer_result {
    long         status;                 /* HTTP; 0: no answer */
    const char  *error;                  /* "" for a 2xx; else "HTTP 503", or
                                            why there is no answer */
    const char  *text;                   /* the `message` of the peer's Error,
                                            one line of UTF-8; "": none, or one
                                            that quotes a secret of ours */
    int64_t      retry_after_ms;         /* -1: not told */
    unsigned     oauth:1;                /* presented was an access token, */
    unsigned     renewed:1;              /* fetched anew after a 401 */
    unsigned     left:1;                 /* as in worker_http_result */
    unsigned     changed:1;              /* nothing was sent: the configuration
                                            became another one */
};

typedef void worker_peer_done(void *arg,
    const struct worker_peer_result *result);

/*
 * One message under way; embedded, made by worker_peer_prepare().  Of the first
 * members the strings are borrowed until it has ended.
 */
struct worker_peer_send {
    oscp_message_kind_t             kind;
    const char                     *req;
    const char                     *corr;        /* "": answers none */
    const char                     *body;
    size_t                          len;
    int64_t                         deadline_ms; /* since boot: of all of it */

    /* its own */
    struct worker_peer             *peer;
    worker_peer_done               *done;
    void                           *arg;
    struct worker_http_call        *call;        /* NULL: no POST under way */
    struct worker_oauth_wait        wait;        /* for a token */
    unsigned                        serial;      /* of the token presented, */
    unsigned                        generation;  /* of the configuration */
    unsigned                        renewed:1;   /* it was refused once */
    unsigned                        last:1;      /* there is no second POST */
    TAILQ_ENTRY(worker_peer_send)   next;        /* of those that wait */
};

/* NULL without memory.  Configure it before anything is sent. */
struct worker_peer *worker_peer_create(struct worker_context *ctx);

/* Nothing may be under way.  NULL is harmless. */
void worker_peer_free(struct worker_peer *peer);

/*
 * The connection's configuration, new or changed; borrowed until the next call
 * has returned.  What waits for a token of the old one ends (`changed`); a POST
 * that is under way goes on.  Returns 0, or -1 without memory: then nothing has
 * changed.
 */
int worker_peer_configure(struct worker_peer *peer,
    const oscp_connection_conf_t *conf);

/* Secret files are read again before the next POST. */
void worker_peer_forget(struct worker_peer *peer);

/* `send` is ready for use; `done` will be called with `arg`. */
void worker_peer_prepare(struct worker_peer_send *send,
    struct worker_peer *peer, worker_peer_done *done, void *arg);

/*
 * Sends what the first members of `send` say, of which nothing may be under
 * way.  `done` is called once: from the loop, from worker_peer_configure(), or,
 * when it fails at once, before this returns.  Without a proven lease the
 * context fails, and `done` is not called.
 */
void worker_peer_start(struct worker_peer_send *send);

/* 1 while it is under way. */
int worker_peer_busy(const struct worker_peer_send *send);

/* `done` is not called any more.  Harmless when nothing is under way. */
void worker_peer_stop(struct worker_peer_send *send);

/*
 * Nothing more may leave: a POST that is under way is let finish, and is the
 * last one; what has not left yet stops.
 */
void worker_peer_finish(struct worker_peer_send *send);

#endif /* WORKER_PEER_H */
