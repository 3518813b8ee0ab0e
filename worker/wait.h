/*
 * Waits for work: a connection of its own on which Redis answers as soon as a
 * stream has more than we know of.  It only wakes, it takes nothing.
 */

#ifndef WORKER_WAIT_H
#define WORKER_WAIT_H

#include "entry.h"
#include "oscp_key.h"
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

/* The key of a stream, before worker_wait_start(). */
void worker_wait_key(struct worker_wait *w, enum worker_stream stream,
    const char *key);

/* Entries up to `last` are known: they are not waited for. */
void worker_wait_seen(struct worker_wait *w, enum worker_stream stream,
    const char *last);

/* Connects; waits for what comes after what has been seen. */
void worker_wait_start(struct worker_wait *w);

/* Waits again, after work() was called. */
void worker_wait_again(struct worker_wait *w);

/* Disconnects; no event.  Nothing has been seen any more. */
void worker_wait_stop(struct worker_wait *w);

#endif /* WORKER_WAIT_H */
