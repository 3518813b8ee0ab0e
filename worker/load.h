/*
 * Loads a shard: what was applied last, and the state of it, all from Redis,
 * all under the lease.
 */

#ifndef WORKER_LOAD_H
#define WORKER_LOAD_H

#include "config.h"
#include "entry.h"
#include "roster.h"

/* Of this connection of the roster the hash (0), or its group (1 + which). */
struct worker_load_at {
    size_t  conn;
    size_t  group;
};

/* One loading; embedded. */
struct worker_load {
    struct worker_context   *ctx;            /* borrowed, all of them */
    struct worker_redis     *redis;
    struct worker_roster    *roster;         /* empty; is filled */
    struct worker_config    *config;
    void                   (*done)(void *arg);
    void                    *arg;

    /* its own */
    struct worker_load_at    asked;          /* is asked for next */
    struct worker_load_at    answered;       /* whose reply comes next */
    char                     tails[WORKER_STREAM_COUNT][WORKER_ENTRY_ID_SIZE];
};

/*
 * Begins to load; the first six members are set.  Makes the consumer group,
 * reads which configuration was applied last, makes its connections and loads
 * them; then calls done(), from the loop, and `tails` are the last ids in the
 * streams.  Whatever goes wrong fails the context.
 */
void worker_load_start(struct worker_load *l);

#endif /* WORKER_LOAD_H */
