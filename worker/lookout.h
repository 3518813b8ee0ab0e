/*
 * Keeps asking the sentinels whether the master is still the same, for all
 * connections of the process: after a planned failover the former master takes
 * writes, which will be lost, for many seconds, and hangs up on nobody.
 */

#ifndef WORKER_LOOKOUT_H
#define WORKER_LOOKOUT_H

#include <sys/queue.h>

#include "link.h"

/* Somebody who wants to know, embedded in what wants. */
struct worker_lookout_member {
    TAILQ_ENTRY(worker_lookout_member)  next;
    void                              (*told)(void *arg,
                                              const oscp_host_t *master);
    void                               *arg;
};

struct worker_lookout;                       /* the process's */

/*
 * Begins to ask; `conf` is kept and has a Sentinel's address.  NULL without
 * memory.
 */
struct worker_lookout *worker_lookout_create(struct event_base *base,
    const struct worker_redis_conf *conf);

/* NULL is harmless. */
void worker_lookout_free(struct worker_lookout *lookout);

/*
 * From now on member->told() is called, from the loop, with the master that the
 * sentinels name, again and again.  It may begin and close connections, but
 * must not free one.
 */
void worker_lookout_join(struct worker_lookout *lookout,
    struct worker_lookout_member *member);

void worker_lookout_leave(struct worker_lookout *lookout,
    struct worker_lookout_member *member);

#endif /* WORKER_LOOKOUT_H */
