/*
 * Redis as the rest of the module sees it, whatever its shape: which connection
 * serves a shard, and which the configuration.
 */

#ifndef NGX_OSCP_STORE_H
#define NGX_OSCP_STORE_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_oscp_redis.h"

typedef struct ngx_oscp_store_s  ngx_oscp_store_t;

/* A server that we connect to; taken again when no route leads there. */
typedef struct {
    ngx_oscp_redis_t     redis;
    ngx_queue_t          queue;
    ngx_oscp_store_t    *store;
    ngx_uint_t           routes;        /* how many lead here */
} ngx_oscp_node_t;

typedef struct {
    ngx_oscp_node_t     *node;          /* NULL: not known (yet) */
} ngx_oscp_route_t;

/* One per nginx worker process. */
struct ngx_oscp_store_s {
    const ngx_oscp_redis_conf_t  *conf;
    ngx_pool_t                   *pool;     /* of nodes */
    ngx_log_t                    *log;
    ngx_queue_t                   nodes;
    ngx_oscp_route_t             *routes;   /* of each shard, and the last one
                                               of the configuration */
    ngx_uint_t                    nshards;
    ngx_oscp_redis_step_t         publish;  /* the configuration */
    ngx_uint_t                    paused;   /* between two searches */

    /* Called whenever a state may have changed. */
    void                        (*changed)(void *data);
    void                         *data;
};

/*
 * Prepares `store`, zeroed by the caller, which has set `changed` and `data`,
 * for `nshards` shards.  Nodes come from `pool`.  Returns NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_oscp_store_init(ngx_oscp_store_t *store,
    const ngx_oscp_redis_conf_t *conf, ngx_uint_t nshards, ngx_pool_t *pool);

/*
 * The step that publishes the configuration, to be set before the start: it is
 * taken on every new connection, and may decline those that are not
 * ngx_oscp_store_config().
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
 * Writes now what has been gathered for any node, not at the end of the turn
 * (ngx_oscp_redis_event_flush).
 */
void ngx_oscp_store_flush(ngx_oscp_store_t *store);

#endif /* NGX_OSCP_STORE_H */
