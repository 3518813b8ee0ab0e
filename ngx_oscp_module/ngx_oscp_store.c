/*
 * Routes and nodes.
 */

#include "ngx_oscp_store.h"


static ngx_oscp_node_t *ngx_oscp_store_add(ngx_oscp_store_t *store);
static void ngx_oscp_store_changed(void *data);


ngx_int_t
ngx_oscp_store_init(ngx_oscp_store_t *store, const ngx_oscp_redis_conf_t *conf,
    ngx_uint_t nshards, ngx_pool_t *pool)
{
    store->conf = conf;
    store->pool = pool;
    store->log = pool->log;
    store->nshards = nshards;
    ngx_queue_init(&store->nodes);

    store->routes = ngx_pcalloc(pool, (nshards + 1)
                                      * sizeof(ngx_oscp_route_t));

    return store->routes ? NGX_OK : NGX_ERROR;
}


void
ngx_oscp_store_set_publish(ngx_oscp_store_t *store,
    const ngx_oscp_redis_step_t *step)
{
    store->publish = *step;
}


ngx_int_t
ngx_oscp_store_start(ngx_oscp_store_t *store)
{
    ngx_uint_t        i;
    ngx_oscp_node_t  *node;

    node = ngx_oscp_store_add(store);
    if (node == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i <= store->nshards; i++) {
        store->routes[i].node = node;
        node->routes++;
    }

    ngx_oscp_redis_start(&node->redis);

    return NGX_OK;
}


void
ngx_oscp_store_stop(ngx_oscp_store_t *store)
{
    ngx_queue_t      *q;
    ngx_oscp_node_t  *node;

    for (q = ngx_queue_head(&store->nodes);
         q != ngx_queue_sentinel(&store->nodes);
         q = ngx_queue_next(q))
    {
        node = ngx_queue_data(q, ngx_oscp_node_t, queue);
        ngx_oscp_redis_stop(&node->redis);
    }
}


static ngx_oscp_node_t *
ngx_oscp_store_add(ngx_oscp_store_t *store)
{
    ngx_oscp_node_t  *node;

    node = ngx_pcalloc(store->pool, sizeof(ngx_oscp_node_t));
    if (node == NULL) {
        return NULL;
    }

    node->store = store;
    node->redis.changed = ngx_oscp_store_changed;
    node->redis.data = node;

    ngx_oscp_redis_init(&node->redis, store->conf, store->log);
    ngx_oscp_redis_add_step(&node->redis, &ngx_oscp_redis_auth_step);
    ngx_oscp_redis_add_step(&node->redis, &ngx_oscp_redis_select_step);
    ngx_oscp_redis_add_step(&node->redis, &ngx_oscp_redis_ping_step);
    ngx_oscp_redis_add_step(&node->redis, &store->publish);

    ngx_queue_insert_tail(&store->nodes, &node->queue);

    return node;
}


static void
ngx_oscp_store_changed(void *data)
{
    ngx_oscp_node_t  *node = data;

    node->store->changed(node->store->data);
}


ngx_oscp_redis_state_e
ngx_oscp_store_state(const ngx_oscp_store_t *store, ngx_uint_t shard)
{
    ngx_oscp_node_t  *node = store->routes[shard].node;

    if (node) {
        return node->redis.state;
    }

    return store->paused ? NGX_OSCP_REDIS_WAITING : NGX_OSCP_REDIS_CONNECTING;
}


ngx_oscp_redis_t *
ngx_oscp_store_shard(const ngx_oscp_store_t *store, ngx_uint_t shard)
{
    ngx_oscp_node_t  *node = store->routes[shard].node;

    return node ? &node->redis : NULL;
}


ngx_oscp_redis_t *
ngx_oscp_store_config(const ngx_oscp_store_t *store)
{
    return ngx_oscp_store_shard(store, store->nshards);
}


void
ngx_oscp_store_flush(ngx_oscp_store_t *store)
{
    ngx_queue_t      *q;
    ngx_oscp_node_t  *node;

    for (q = ngx_queue_head(&store->nodes);
         q != ngx_queue_sentinel(&store->nodes);
         q = ngx_queue_next(q))
    {
        node = ngx_queue_data(q, ngx_oscp_node_t, queue);
        ngx_oscp_redis_event_flush(&node->redis.event);
    }
}
