/*
 * What the lifecycle sends to a peer by itself: Handshake, HandshakeAcknowledge
 * and Heartbeat (design, section 8), each at most once at a time.
 *
 * What must survive is committed before it is sent: a send that is wanted waits
 * for the commit that is open, and begins when Redis has it.
 */

#ifndef WORKER_OUTBOUND_H
#define WORKER_OUTBOUND_H

#include "oscp_lifecycle.h"
#include "peer.h"

struct worker_outbound;                  /* one connection's */

/* What became of a send; strings live as long as the call. */
struct worker_outbound_result {
    oscp_lifecycle_kind_t   kind;        /* OSCP_EV_…_SENT or …_FAILED */
    const char             *req;
    const char             *corr;        /* "" where there is none */
    const char             *error;       /* "" when sent */
    unsigned                unanswered:1;    /* it failed without an answer, or
                                                by 408 or 5xx, which may be a
                                                gateway's: and yet the peer may
                                                have it */
};

typedef void worker_outbound_done(void *arg,
    const struct worker_outbound_result *result);

/*
 * For the connection whose record is `lc`, to its `peer`, both borrowed.
 * `done` is called from the loop, or from worker_outbound_committed(), for each
 * send that ends by itself.  NULL without memory.
 */
struct worker_outbound *worker_outbound_create(struct worker_context *ctx,
    struct worker_peer *peer, const oscp_lifecycle_t *lc,
    worker_outbound_done *done, void *arg);

/* Sends under way end without a word.  NULL is harmless. */
void worker_outbound_free(struct worker_outbound *o);

/* The connection's configuration, new or changed; borrowed until the next. */
void worker_outbound_configure(struct worker_outbound *o,
    const oscp_connection_conf_t *conf);

/* Sends what `actions` says (OSCP_DO_SEND_…) once the open commit is done. */
void worker_outbound_want(struct worker_outbound *o, unsigned actions);

/* Drops sends under way and wanted. */
void worker_outbound_cancel(struct worker_outbound *o);

/* The open commit is on its way; it is in Redis: what waited for it begins. */
void worker_outbound_sealed(struct worker_context *ctx);
void worker_outbound_committed(struct worker_context *ctx);

#endif /* WORKER_OUTBOUND_H */
