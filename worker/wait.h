/*
 * Waits for work: a connection of its own on which Redis answers as soon as the
 * stream has more than we know of.  It only wakes, it takes nothing.
 */

#ifndef WORKER_WAIT_H
#define WORKER_WAIT_H

#include "redis.h"

struct worker_wait;                          /* one shard's */

/* Called from the loop. */
struct worker_wait_events {
    void  (*work)(void *arg);                     /* there may be work; also
                                                     every second, to be sure */
    void  (*lost)(void *arg, const char *why);    /* the connection is gone */
};

/* Not connected.  NULL without memory. */
struct worker_wait *worker_wait_create(struct event_base *base,
    const struct worker_redis_conf *conf,
    const struct worker_wait_events *events, void *arg);

/* NULL is harmless. */
void worker_wait_free(struct worker_wait *w);

/* Connects; waits for what comes after the id `last` in the stream `key`. */
void worker_wait_start(struct worker_wait *w, const char *key,
    const char *last);

/* Waits again, after work() was called, for what comes after `last`. */
void worker_wait_again(struct worker_wait *w, const char *last);

/* Disconnects; no event. */
void worker_wait_stop(struct worker_wait *w);

#endif /* WORKER_WAIT_H */
