/*
 * One shard: takes its lease, loads it, applies what is stored, and then lives
 * by its deadlines and by what comes in (design, section 9).
 *
 * It is made to be dropped.  Whatever goes wrong with Redis or the lease, it
 * forgets all it knows, connects again after a pause, and begins from what
 * Redis has: nothing lives only here.
 */

#ifndef WORKER_SHARD_H
#define WORKER_SHARD_H

#include "config.h"
#include "http.h"
#include "redis.h"

struct worker_shard;

/* What all shards share; kept by the owner for as long as one lives. */
struct worker_shard_conf {
    struct event_base               *base;
    struct worker_http              *http;
    struct worker_config            *config;
    const struct worker_redis_conf  *redis;
    const char                      *prefix;
    const char                      *id;          /* of this worker */
    int64_t                          lease_ms;
    struct worker_lease_share       *share;       /* of the process's shards */
    void                           (*closed)(void *arg);   /* after close */
    void                            *arg;
};

/* Begins to work for shard `number`.  NULL on failure (logged). */
struct worker_shard *worker_shard_create(const struct worker_shard_conf *conf,
    unsigned number);

/* Drops everything, at once.  NULL is harmless. */
void worker_shard_free(struct worker_shard *shard);

/* The published configuration has changed. */
void worker_shard_configure(struct worker_shard *shard);

/* Secret files are read again before their next use. */
void worker_shard_forget(struct worker_shard *shard);

/*
 * Settles what is under way, gives the lease back, and calls closed(), from the
 * loop.
 */
void worker_shard_close(struct worker_shard *shard);

#endif /* WORKER_SHARD_H */
