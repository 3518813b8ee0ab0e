/*
 * The configuration that nginx publishes (hash oscp:config), followed: read at
 * start, and again whenever its `version` changes.
 */

#ifndef WORKER_CONFIG_H
#define WORKER_CONFIG_H

#include <sys/queue.h>

#include "redis.h"

struct worker_config;                        /* the process's */

/* One connection's document. */
struct worker_config_entry {
    char   *name;
    char   *doc;                             /* JSON, oscp_config_write()'s */
    size_t  len;
};

/* What the hash held at one moment. */
struct worker_config_set {
    char                        version[65];
    unsigned                    shards;      /* 1 … OSCP_SHARDS_MAX */
    struct worker_config_entry *entries;
    size_t                      n;
};

/* Somebody who waits for a reading, embedded in what waits. */
struct worker_config_waiter {
    TAILQ_ENTRY(worker_config_waiter)  next;
    void                             (*read)(void *arg);
    void                              *arg;
    unsigned                           queued:1;
};

/*
 * Begins to follow the hash `key`.  `changed` is called from the loop after
 * each change.  NULL without memory.
 */
struct worker_config *worker_config_create(struct event_base *base,
    const struct worker_redis_conf *conf, const char *key,
    void (*changed)(void *arg), void *arg);

/* NULL is harmless. */
void worker_config_free(struct worker_config *config);

/*
 * What was read last; NULL: nothing has been published (or it is gone again, as
 * after Redis has lost its data).  Valid until the next call of `changed`.
 */
const struct worker_config_set *worker_config_current(
    const struct worker_config *config);

/*
 * Calls waiter->read() once, after a reading that began after this call: what
 * was published before it is then known.  While Redis is away that takes as
 * long as it is.  Those who wait are called in the order in which they asked.
 */
void worker_config_refresh(struct worker_config *config,
    struct worker_config_waiter *waiter);

/* waiter->read() will not be called; harmless when it was not going to be. */
void worker_config_forget(struct worker_config *config,
    struct worker_config_waiter *waiter);

#endif /* WORKER_CONFIG_H */
