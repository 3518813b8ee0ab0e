/*
 * What removed connections still owed to their peers: it is given up, some of
 * it in each commit, for a full outbox is more than Redis should take at once,
 * and more than the lease could wait for.
 *
 * A worker that takes over finds what was left: entries of the stream `out` of
 * a connection that is not configured, which it gives up as well.
 */

#ifndef WORKER_REMAINS_H
#define WORKER_REMAINS_H

#include "context.h"
#include "letter.h"

/*
 * Takes over all letters of the connection `conn`, which is copied; `letters`
 * is empty then.  Without memory the context fails.
 */
void worker_remains_take(struct worker_context *ctx, const char *conn,
    struct worker_letters *letters);

/*
 * Gives some of them up, in the open commit; the next ones wait for it.  None
 * while the shard is closing.
 */
void worker_remains_give_up(struct worker_context *ctx);

/* Forgets them; Redis keeps them. */
void worker_remains_free(struct worker_context *ctx);

#endif /* WORKER_REMAINS_H */
