/*
 * The lease of a shard: one worker owns it at a time (design, sections 5, 9 and
 * 10).  Its value, "WORKER_ID TOKEN", is the fence: every script that writes
 * compares it.
 *
 * Ownership must also be provable here, without asking: it holds until one
 * lease time after the last successful renewal was *sent*.  Whoever acts
 * outside Redis asks worker_lease_held() in the same breath.
 */

#ifndef WORKER_LEASE_H
#define WORKER_LEASE_H

#include <event2/event.h>

#include "redis.h"

#define WORKER_LEASE_VALUE_SIZE   160     /* an id and the token, with NUL */

struct worker_lease;

/* Who hears of it; called from the loop. */
struct worker_lease_events {
    void  (*taken)(void *arg);
    void  (*lost)(void *arg, const char *why);
    void  (*released)(void *arg);
    void  (*surplus)(void *arg);          /* another worker waits for it that
                                             owns fewer: release it */
};

/* How many leases this process holds: of several shards each has its share. */
struct worker_lease_share {
    unsigned  held;
    int64_t   given_ms;                   /* boot time of the last surplus() */
};

/* Keys and times; kept by the owner for as long as the lease lives. */
struct worker_lease_conf {
    const char  *id;                      /* of this worker (identity.h) */
    const char  *key;                     /* of the lease */
    const char  *stats;                   /* of the shard's counters */
    const char  *standby;                 /* of the one who waits for it */
    struct worker_lease_share  *share;    /* of the process */
    int          shard;                   /* for the log */
    int64_t      lease_ms;
};

/* A lease not held.  NULL without memory. */
struct worker_lease *worker_lease_create(struct event_base *base,
    const struct worker_lease_conf *conf,
    const struct worker_lease_events *events, void *arg);

/* Forgets it, without a word to Redis; NULL is harmless. */
void worker_lease_free(struct worker_lease *lease);

/*
 * Tries to take it over `redis`, again and again, until taken() is called: when
 * it is free, or was this worker's, or its owner is known to be dead; never
 * while the shard's state is of a newer schema (oscp_version.h).  For one lease
 * time after Redis has moved, also a free one is another's who had it.  From
 * then on renews it every third of its time.  `redis` must be ready and outlive
 * this, or worker_lease_drop() be called when it closes.
 */
void worker_lease_take(struct worker_lease *lease, struct worker_redis *redis);

/* Stops: neither held nor wanted any more.  No event. */
void worker_lease_drop(struct worker_lease *lease);

/*
 * Gives it back; released() is called when Redis has answered.  When that
 * cannot be sent, or the lease is not held, released() is called all the same.
 */
void worker_lease_release(struct worker_lease *lease);

/* 1 while ownership is proven at this very moment, else 0. */
int worker_lease_held(const struct worker_lease *lease);

/* The value to compare with; "" when not held. */
const char *worker_lease_value(const struct worker_lease *lease);

#endif /* WORKER_LEASE_H */
