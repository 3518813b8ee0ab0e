/*
 * Redis as the rest of the module sees it, whatever its shape: which connection
 * serves a shard, and which the configuration.
 *
 * One server: all routes lead to the one node, for ever.  Sentinel: to the
 * master that the sentinels name.  Cluster: each to the node that serves its
 * slot.  Where Redis is, is asked again whenever a connection is lost or a node
 * says that it is not the right one.
 */

#ifndef NGX_OSCP_STORE_H
#define NGX_OSCP_STORE_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "oscp_backoff.h"

#include "ngx_oscp_conf.h"
#include "ngx_oscp_finder.h"
#include "ngx_oscp_node.h"
#include "ngx_oscp_redis.h"

typedef struct ngx_oscp_store_s  ngx_oscp_store_t;

typedef struct {
    ngx_oscp_node_t  *node;             /* NULL: not known (yet) */
    ngx_uint_t        slot;             /* of a cluster */
} ngx_oscp_route_t;

/* One per nginx worker process. */
struct ngx_oscp_store_s {
    const ngx_oscp_redis_conf_t  *conf;
    ngx_pool_t                   *pool;     /* of nodes */
    ngx_log_t                    *log;
    ngx_queue_t                   nodes;
    ngx_uint_t                    nnodes;
    ngx_oscp_route_t             *routes;   /* of each shard, and one more:
                                               of the configuration */
    ngx_uint_t                    nshards;
    ngx_oscp_redis_step_t         publish;  /* the configuration */
    ngx_uint_t                    published;    /* shards may be led to */
    ngx_uint_t                    stopped;

    ngx_oscp_finder_t            *finder;   /* NULL: always the same address */
    ngx_oscp_redis_peer_t        *peers;    /* whom it asks */
    oscp_backoff_t                backoff;
    ngx_event_t                   search;   /* timer: the next search */
    ngx_event_t                   tend;     /* timer: see to the nodes */
    ngx_msec_t                    searched; /* when the last one began */
    ngx_uint_t                    paused;   /* till the next one, by a fault */
    ngx_uint_t                    failed;   /* faults since a node was READY */

    /* Called whenever a state may have changed. */
    void                        (*changed)(void *data);
    void                         *data;
};

/*
 * Prepares `store`, zeroed by the caller, which has set `changed` and `data`.
 * What it needs comes from `pool`.  Returns NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_oscp_store_init(ngx_oscp_store_t *store,
    const ngx_oscp_main_conf_t *conf, ngx_pool_t *pool);

/*
 * The step that publishes the configuration, to be set before the start.  It is
 * taken on every new connection, and declines on those that are not
 * ngx_oscp_store_config().  No message is stored before it was taken once.
 */
void ngx_oscp_store_set_publish(ngx_oscp_store_t *store,
    const ngx_oscp_redis_step_t *step);

/* Begins to connect, and closes for good. */
ngx_int_t ngx_oscp_store_start(ngx_oscp_store_t *store);
void ngx_oscp_store_stop(ngx_oscp_store_t *store);

/*
 * What a message of the shard can expect: READY, its connection serves;
 * CONNECTING, it may soon; WAITING, it will not, for some time.
 */
ngx_oscp_redis_state_e ngx_oscp_store_state(const ngx_oscp_store_t *store,
    ngx_uint_t shard);

/*
 * The connection that serves a shard, or the configuration; NULL when that is
 * not known.  It need not be READY.
 */
ngx_oscp_redis_t *ngx_oscp_store_shard(const ngx_oscp_store_t *store,
    ngx_uint_t shard);
ngx_oscp_redis_t *ngx_oscp_store_config(const ngx_oscp_store_t *store);

/*
 * To be told of an error in place of a reply: to EXEC of a shard's transaction,
 * or to another command for `route` (a shard, or conf->shards for the
 * configuration).  NGX_AGAIN: nothing was done, for the keys are elsewhere, or
 * on their way; it may be sent again when the route's state is READY.
 * NGX_DECLINED: an error like any other.
 */
ngx_int_t ngx_oscp_store_refused(ngx_oscp_store_t *store,
    ngx_oscp_redis_t *redis, ngx_uint_t route, const redisReply *error);

/*
 * Writes now what has been gathered for any node, not at the end of the turn
 * (ngx_oscp_redis_event_flush).
 */
void ngx_oscp_store_flush(ngx_oscp_store_t *store);

#endif /* NGX_OSCP_STORE_H */
