/*
 * Finds the server that has a key, inside the event loop: the one of the
 * address, the master that sentinels name, or the node of a cluster that
 * serves the key's slot.
 */

#ifndef WORKER_NODE_H
#define WORKER_NODE_H

#include "link.h"
#include "locate.h"

struct worker_node;

/* Exactly one of them is called for each search, perhaps within its start. */
struct worker_node_use {
    /* `host` is valid during the call; NULL: the socket of the address. */
    void  (*found)(void *arg, const oscp_host_t *host);

    /* Nobody who was asked could tell, and `why` is the last one's reason; or
       they disagree. */
    void  (*missed)(void *arg, const char *why);
};

/*
 * A finder at rest.  `conf`, `key` and `use` are kept, not copied; `key` is
 * looked at when a search begins.  NULL without memory.
 */
struct worker_node *worker_node_create(struct event_base *base,
    const struct worker_redis_conf *conf, const char *key,
    const struct worker_node_use *use, void *arg);

/* NULL is harmless. */
void worker_node_free(struct worker_node *node);

/*
 * Searches: the hosts of the address are asked one after the other until it is
 * settled, as locate.h says, beginning with another one each time.
 */
void worker_node_find(struct worker_node *node);

/* Ends a search without an event; harmless when there is none. */
void worker_node_stop(struct worker_node *node);

/*
 * A node of the cluster has said that the key is now at `host`: the next search
 * finds it there without asking.
 */
void worker_node_hint(struct worker_node *node, const oscp_host_t *host);

#endif /* WORKER_NODE_H */
