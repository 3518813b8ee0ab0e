/*
 * The outbox: messages that must reach the peer, in the stream `out` until they
 * have (design, sections 5 and 8).  Each is written in the same transaction as
 * its cause.
 *
 * Per connection they are delivered in the order of their entries, one at a
 * time, at least once, all tries of one under one request id; while the
 * connection is online, and held while it is not.  The next one begins when
 * Redis knows what became of the one before.  A worker that takes over begins
 * with the oldest that is not settled.
 */

#ifndef WORKER_OUTBOX_H
#define WORKER_OUTBOX_H

#include "fate.h"
#include "groups.h"
#include "peer.h"

/*
 * How many bytes of one kind wait for one connection; beyond it the oldest are
 * given up.  A week of quarter hours of 300 groups, each of one asset.
 */
#define WORKER_OUTBOX_BYTES_MAX   134217728

struct worker_outbox;                    /* one connection's */

/*
 * Somebody who hears what became of each message of one kind, before it is
 * settled, so that what follows from it goes into the same open commit.  Not
 * called for what is given up because the connection is removed.
 */
typedef void worker_outbox_heard(void *arg, const struct worker_fate *fate);

/*
 * Why a message of one kind, which waits, is not wanted any more: one line that
 * outlives the call; NULL: it is to be sent.  Asked again in every turn.
 */
typedef const char *worker_outbox_unwanted(void *arg,
    const struct worker_letter *l);

/*
 * For the connection behind `link` with its groups, to its `peer`; all are
 * borrowed.  NULL without memory.
 */
struct worker_outbox *worker_outbox_create(struct worker_context *ctx,
    const struct worker_group_link *link, const struct worker_groups *groups,
    struct worker_peer *peer);

/* What waits is forgotten here; Redis keeps it.  NULL is harmless. */
void worker_outbox_free(struct worker_outbox *o);

/* From now on these are called for that kind; one pair for each. */
void worker_outbox_listen(struct worker_outbox *o, oscp_message_kind_t kind,
    worker_outbox_heard *heard, worker_outbox_unwanted *unwanted, void *arg);

/*
 * What HGETALL gave for the connection's hash; or the connection is new,
 * whatever Redis has under its name.  Loading returns 0, or -1: no memory.
 */
int worker_outbox_load(struct worker_outbox *o, const redisReply *reply);
void worker_outbox_begin(struct worker_outbox *o);

/*
 * Takes an entry of the stream `out`; entries come in their order.  One that
 * cannot be sent is given up, with an event.
 */
void worker_outbox_take(struct worker_outbox *o, const struct worker_entry *e);

/*
 * The connection's state may be another one: what is to be held is held, what
 * may go on goes on at once.
 */
void worker_outbox_turn(struct worker_outbox *o);

/* The peer's configuration is another one: no pause counts any more. */
void worker_outbox_changed(struct worker_outbox *o);

/*
 * The connection is no longer configured: all that waits is left to be given
 * up.
 */
void worker_outbox_end(struct worker_outbox *o);

/* The open commit is on its way; it is in Redis: the next ones begin. */
void worker_outbox_sealed(struct worker_context *ctx);
void worker_outbox_committed(struct worker_context *ctx);

#endif /* WORKER_OUTBOX_H */
