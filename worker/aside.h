/*
 * Entries that name a connection or group which is not known: set aside until
 * a configuration has been read that is newer than they are, in the order in
 * which they were taken.  Redis keeps them as not settled meanwhile.
 */

#ifndef WORKER_ASIDE_H
#define WORKER_ASIDE_H

#include <sys/queue.h>

#include "entry.h"

#define WORKER_ASIDE_SIZE   8388608          /* bytes; then the shard waits */

struct worker_aside_item {
    TAILQ_ENTRY(worker_aside_item)  next;
    enum worker_stream              stream;
    struct worker_entry             entry;
    uint64_t                        drained;  /* ctx->drained when it was
                                                 taken */
    size_t                          size;
};

struct worker_aside {
    TAILQ_HEAD(, worker_aside_item)  items;
    size_t                           n;
    size_t                           size;   /* bytes of all of them */
};

/* An empty one. */
void worker_aside_init(struct worker_aside *a);

/* Frees all; it is empty then. */
void worker_aside_free(struct worker_aside *a);

/*
 * Takes over the texts of `e`, which keeps its id.  Returns the item, whose
 * `drained` is the caller's to set; or NULL, and nothing is taken:
 * WORKER_ASIDE_SIZE is reached, or there is no memory.
 */
struct worker_aside_item *worker_aside_put(struct worker_aside *a,
    enum worker_stream stream, struct worker_entry *e);

/*
 * 1 when `e` would overtake an entry that is here: one of the same connection,
 * as a whole or of the same group; of the outbox, whose order is the
 * connection's, another one of it.
 */
int worker_aside_ahead(const struct worker_aside *a, enum worker_stream stream,
    const struct worker_entry *e);

/* Gives one out: it is the caller's to free, with its entry. */
void worker_aside_take(struct worker_aside *a, struct worker_aside_item *item);

#endif /* WORKER_ASIDE_H */
