/*
 * Routes, nodes, and the searches that bring them together.
 *
 * A search is begun by a timer, or at once when a node says that a slot is
 * elsewhere; it ends with routes that lead to nodes, or with a pause.  Lost
 * connections are not opened again by themselves: the next search says where
 * to.  Nothing of this happens with one server, whose connection looks after
 * itself.
 */

#include "ngx_oscp_store.h"

#include "oscp_slot.h"

#define NGX_OSCP_STORE_BACKOFF_MIN_MS  50
#define NGX_OSCP_STORE_BACKOFF_MAX_MS  400

/* Between two searches because of slots, be they elsewhere or on their way. */
#define NGX_OSCP_STORE_MOVED_MS        100

#define NGX_OSCP_STORE_TEND_MS         1000


static ngx_int_t ngx_oscp_store_init_search(ngx_oscp_store_t *store,
    const ngx_oscp_main_conf_t *conf);
static ngx_oscp_node_t *ngx_oscp_store_add(ngx_oscp_store_t *store);
static void ngx_oscp_store_changed(void *data);
static void ngx_oscp_store_ready(ngx_oscp_store_t *store,
    ngx_oscp_node_t *node);
static void ngx_oscp_store_lost(ngx_oscp_store_t *store,
    ngx_oscp_node_t *node);

static void ngx_oscp_store_search_in(ngx_oscp_store_t *store, ngx_msec_t ms);
static void ngx_oscp_store_search_handler(ngx_event_t *ev);
static void ngx_oscp_store_search_soon(ngx_oscp_store_t *store);
static void ngx_oscp_store_search(ngx_oscp_store_t *store);
static ngx_uint_t ngx_oscp_store_candidates(ngx_oscp_store_t *store);
static ngx_int_t ngx_oscp_store_found(void *data);
static void ngx_oscp_store_ended(void *data, ngx_uint_t found);
static void ngx_oscp_store_fail(ngx_oscp_store_t *store, const char *where,
    const char *reason);

static ngx_int_t ngx_oscp_store_lead(ngx_oscp_store_t *store,
    ngx_oscp_route_t *route, const ngx_oscp_redis_peer_t *peer);
static void ngx_oscp_store_forget(ngx_oscp_route_t *route);
static ngx_oscp_node_t *ngx_oscp_store_node(ngx_oscp_store_t *store,
    const ngx_oscp_redis_peer_t *peer);

static void ngx_oscp_store_tend_handler(ngx_event_t *ev);
static void ngx_oscp_store_sweep(ngx_oscp_store_t *store);


ngx_int_t
ngx_oscp_store_init(ngx_oscp_store_t *store, const ngx_oscp_main_conf_t *conf,
    ngx_pool_t *pool)
{
    store->conf = &conf->redis;
    store->pool = pool;
    store->log = pool->log;
    store->nshards = conf->shards;
    ngx_queue_init(&store->nodes);

    store->routes = ngx_pcalloc(pool, (store->nshards + 1)
                                      * sizeof(ngx_oscp_route_t));
    if (store->routes == NULL) {
        return NGX_ERROR;
    }

    if (store->conf->kind == OSCP_ADDRESS_SENTINEL
        || store->conf->kind == OSCP_ADDRESS_CLUSTER)
    {
        return ngx_oscp_store_init_search(store, conf);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_oscp_store_init_search(ngx_oscp_store_t *store,
    const ngx_oscp_main_conf_t *conf)
{
    ngx_uint_t        i;
    const ngx_str_t  *key;

    /* Those of `oscp_redis`, and every node that a route may lead to. */
    store->peers = ngx_pcalloc(store->pool,
                               (store->conf->npeers + store->nshards + 1)
                               * sizeof(ngx_oscp_redis_peer_t));
    store->finder = ngx_pcalloc(store->pool, sizeof(ngx_oscp_finder_t));

    if (store->peers == NULL || store->finder == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i <= store->nshards; i++) {
        key = i < store->nshards ? &conf->streams[i] : &conf->config_key;
        store->routes[i].slot = oscp_slot_find((char *) key->data, key->len);
    }

    /* The one node that messages go to is published at first. */
    store->published = store->conf->kind == OSCP_ADDRESS_SENTINEL;

    store->finder->found = ngx_oscp_store_found;
    store->finder->ended = ngx_oscp_store_ended;
    store->finder->data = store;
    ngx_oscp_finder_init(store->finder, store->conf, store->log);

    store->backoff.min_ms = NGX_OSCP_STORE_BACKOFF_MIN_MS;
    store->backoff.max_ms = NGX_OSCP_STORE_BACKOFF_MAX_MS;
    store->backoff.multiplier = 2;
    store->backoff.jitter = 0.5;

    store->search.handler = ngx_oscp_store_search_handler;
    store->search.data = store;
    store->search.log = store->log;
    store->search.cancelable = 1;

    store->tend.handler = ngx_oscp_store_tend_handler;
    store->tend.data = store;
    store->tend.log = store->log;
    store->tend.cancelable = 1;

    return NGX_OK;
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

    if (store->finder) {
        ngx_add_timer(&store->tend, NGX_OSCP_STORE_TEND_MS);
        ngx_oscp_store_search(store);
        return NGX_OK;
    }

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

    store->stopped = 1;

    if (store->finder) {
        ngx_oscp_finder_stop(store->finder);
    }

    for (q = ngx_queue_head(&store->nodes);
         q != ngx_queue_sentinel(&store->nodes);
         q = ngx_queue_next(q))
    {
        node = ngx_queue_data(q, ngx_oscp_node_t, queue);
        ngx_oscp_redis_stop(&node->redis);
    }

    if (store->search.timer_set) {
        ngx_del_timer(&store->search);
    }

    if (store->tend.timer_set) {
        ngx_del_timer(&store->tend);
    }
}


static ngx_oscp_node_t *
ngx_oscp_store_add(ngx_oscp_store_t *store)
{
    ngx_oscp_node_t  *node;

    node = ngx_oscp_node_create(store->pool, store->conf, &store->publish);

    if (node) {
        node->owner = store;
        node->redis.changed = ngx_oscp_store_changed;
        ngx_queue_insert_tail(&store->nodes, &node->queue);
        store->nnodes++;
    }

    return node;
}


static void
ngx_oscp_store_changed(void *data)
{
    ngx_oscp_node_t   *node = data;
    ngx_oscp_store_t  *store = node->owner;

    if (store->finder && !store->stopped) {
        if (node->redis.state == NGX_OSCP_REDIS_READY) {
            ngx_oscp_store_ready(store, node);

        } else if (node->redis.state == NGX_OSCP_REDIS_WAITING
                   && node->routes)
        {
            ngx_oscp_store_lost(store, node);
        }
    }

    store->changed(store->data);
}


static void
ngx_oscp_store_ready(ngx_oscp_store_t *store, ngx_oscp_node_t *node)
{
    char  text[NGX_OSCP_REDIS_TEXT_SIZE];

    ngx_log_error(NGX_LOG_NOTICE, store->log, 0,
                  "oscp: Redis at %V: connected to %s", &store->conf->url,
                  ngx_oscp_redis_peer_text(&node->peer, text));

    store->failed = 0;
    node->refusal = NGX_OSCP_NODE_OTHER;
    oscp_backoff_reset(&store->backoff);

    /* The configuration is there: now messages may follow it. */
    if (!store->published && node == store->routes[store->nshards].node) {
        store->published = 1;
        ngx_oscp_store_search_in(store, 1);
    }
}


static void
ngx_oscp_store_lost(ngx_oscp_store_t *store, ngx_oscp_node_t *node)
{
    char  text[NGX_OSCP_REDIS_TEXT_SIZE];

    ngx_oscp_store_fail(store, ngx_oscp_redis_peer_text(&node->peer, text),
                        node->redis.reason);
}


/* The earliest wins; for a fault, others learn that they need not wait. */
static void
ngx_oscp_store_fail(ngx_oscp_store_t *store, const char *where,
    const char *reason)
{
    ngx_msec_t  pause;
    ngx_uint_t  level;

    if (store->search.timer_set) {
        ngx_log_error(NGX_LOG_INFO, store->log, 0,
                      "oscp: Redis at %V: %s: %s", &store->conf->url, where,
                      reason);
        return;
    }

    pause = oscp_backoff_next(&store->backoff, (uint32_t) ngx_random());

    /* An outage is one line in the log, not one for every attempt. */
    level = store->failed ? NGX_LOG_INFO : NGX_LOG_ERR;
    ngx_log_error(level, store->log, 0,
                  "oscp: Redis at %V: %s: %s; looking again in %M ms",
                  &store->conf->url, where, reason, pause);

    store->failed++;
    store->paused = 1;
    ngx_oscp_store_search_in(store, pause);
}


static void
ngx_oscp_store_search_in(ngx_oscp_store_t *store, ngx_msec_t ms)
{
    ngx_add_timer(&store->search, ms);
}


static void
ngx_oscp_store_search_handler(ngx_event_t *ev)
{
    ngx_oscp_store_t  *store = ev->data;

    /* What a running search does not mend is found at its end. */
    if (!store->finder->running) {
        ngx_oscp_store_search(store);
    }
}


static void
ngx_oscp_store_search(ngx_oscp_store_t *store)
{
    ngx_uint_t         i, n, next;
    ngx_oscp_route_t  *route;

    /* hiredis has yet to let go of the last search's connection. */
    if (store->finder->redis.event.ac) {
        ngx_oscp_store_search_in(store, 1);
        return;
    }

    if (store->search.timer_set) {
        ngx_del_timer(&store->search);
    }

    for (i = 0; i <= store->nshards; i++) {
        route = &store->routes[i];

        if (route->node && route->node->redis.state == NGX_OSCP_REDIS_WAITING)
        {
            ngx_oscp_store_forget(route);
        }
    }

    store->paused = 0;
    store->searched = ngx_current_msec;

    /* Who has misled us is not asked first again. */
    next = store->failed || store->conf->kind == OSCP_ADDRESS_CLUSTER;
    n = ngx_oscp_store_candidates(store);

    ngx_oscp_finder_start(store->finder, store->peers, n, next);
}


/* Of a cluster, also the nodes that serve us: all of the others may be gone. */
static ngx_uint_t
ngx_oscp_store_candidates(ngx_oscp_store_t *store)
{
    ngx_uint_t        n;
    ngx_queue_t      *q;
    ngx_oscp_node_t  *node;

    n = store->conf->npeers;
    ngx_memcpy(store->peers, store->conf->peers,
               n * sizeof(ngx_oscp_redis_peer_t));

    if (store->conf->kind == OSCP_ADDRESS_SENTINEL) {
        return n;
    }

    for (q = ngx_queue_head(&store->nodes);
         q != ngx_queue_sentinel(&store->nodes);
         q = ngx_queue_next(q))
    {
        node = ngx_queue_data(q, ngx_oscp_node_t, queue);

        if (node->routes) {
            store->peers[n++] = node->peer;
        }
    }

    return n;
}


/*
 * The configuration's route comes first: its node publishes while it connects,
 * for which it must be known that it is the one.
 */
static ngx_int_t
ngx_oscp_store_found(void *data)
{
    ngx_int_t               rc;
    ngx_uint_t              i;
    ngx_oscp_route_t       *route;
    ngx_oscp_store_t       *store = data;
    ngx_oscp_redis_peer_t   peer;

    rc = NGX_OK;
    i = store->nshards + 1;

    while (i-- > 0) {
        route = &store->routes[i];

        if (ngx_oscp_finder_place(store->finder, route->slot, &peer)
            != NGX_OK)
        {
            rc = NGX_ERROR;
            continue;
        }

        if ((i == store->nshards || store->published)
            && ngx_oscp_store_lead(store, route, &peer) != NGX_OK)
        {
            rc = NGX_ERROR;
        }
    }

    return rc;
}


static void
ngx_oscp_store_ended(void *data, ngx_uint_t found)
{
    ngx_oscp_store_t  *store = data;

    if (found) {
        ngx_oscp_store_sweep(store);

        /* Sentinels were away, and our master was not. */
        if (store->conf->kind == OSCP_ADDRESS_SENTINEL
            && ngx_oscp_store_state(store, 0) == NGX_OSCP_REDIS_READY)
        {
            store->failed = 0;
            oscp_backoff_reset(&store->backoff);
        }

    } else {
        ngx_oscp_store_fail(store, "nobody knows where",
                            store->finder->redis.reason);
    }

    store->changed(store->data);
}


/* To the node at `peer`, which is connected to if it is not yet. */
static ngx_int_t
ngx_oscp_store_lead(ngx_oscp_store_t *store, ngx_oscp_route_t *route,
    const ngx_oscp_redis_peer_t *peer)
{
    ngx_oscp_node_t  *node;

    node = ngx_oscp_store_node(store, peer);
    if (node == NULL) {
        return NGX_ERROR;
    }

    if (node != route->node) {
        ngx_oscp_store_forget(route);
        route->node = node;
        node->routes++;
    }

    if (node->redis.state == NGX_OSCP_REDIS_WAITING) {
        ngx_oscp_redis_start(&node->redis);
    }

    return NGX_OK;
}


static void
ngx_oscp_store_forget(ngx_oscp_route_t *route)
{
    if (route->node) {
        route->node->routes--;
        route->node = NULL;
    }
}


/* The node at that address, else one that is not needed, else a new one. */
static ngx_oscp_node_t *
ngx_oscp_store_node(ngx_oscp_store_t *store, const ngx_oscp_redis_peer_t *peer)
{
    ngx_queue_t      *q;
    ngx_oscp_node_t  *node, *unused;

    unused = NULL;

    for (q = ngx_queue_head(&store->nodes);
         q != ngx_queue_sentinel(&store->nodes);
         q = ngx_queue_next(q))
    {
        node = ngx_queue_data(q, ngx_oscp_node_t, queue);

        if (node->peer.at.port == peer->at.port
            && ngx_strcmp(node->peer.at.host, peer->at.host) == 0)
        {
            return node;
        }

        if (node->routes == 0
            && node->redis.state == NGX_OSCP_REDIS_WAITING)
        {
            unused = node;
        }
    }

    node = unused ? unused : ngx_oscp_store_add(store);

    if (node) {
        node->peer = *peer;
    }

    return node;
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


/*
 * ASK is not followed: of our keys some never exist before the transaction,
 * which a slot that is on its way answers with TRYAGAIN on both sides.  For a
 * cluster that is down nobody waits: that lasts.
 */
ngx_int_t
ngx_oscp_store_refused(ngx_oscp_store_t *store, ngx_oscp_redis_t *redis,
    ngx_uint_t route, const redisReply *error)
{
    ngx_oscp_node_t          *node = redis->data;
    ngx_oscp_node_refusal_e   refusal;

    if (store->conf->kind != OSCP_ADDRESS_CLUSTER) {
        return NGX_DECLINED;
    }

    refusal = ngx_oscp_node_refused(node, error);

    if (refusal == NGX_OSCP_NODE_ELSEWHERE
        && store->routes[route].node == node)
    {
        ngx_oscp_store_forget(&store->routes[route]);
    }

    if (refusal != NGX_OSCP_NODE_OTHER && !store->finder->running) {
        ngx_oscp_store_search_soon(store);
    }

    return refusal == NGX_OSCP_NODE_ELSEWHERE ? NGX_AGAIN : NGX_DECLINED;
}


/* At once, unless the last search was to no avail. */
static void
ngx_oscp_store_search_soon(ngx_oscp_store_t *store)
{
    ngx_msec_t  since;

    since = ngx_current_msec - store->searched;
    store->paused = 0;

    if (since >= NGX_OSCP_STORE_MOVED_MS) {
        ngx_log_error(NGX_LOG_INFO, store->log, 0,
                      "oscp: Redis at %V: a slot is elsewhere; looking where",
                      &store->conf->url);
        ngx_oscp_store_search(store);

    } else if (!store->search.timer_set) {
        ngx_oscp_store_search_in(store, NGX_OSCP_STORE_MOVED_MS - since);
    }
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


/*
 * A master that was replaced while we could still reach it, and a server that
 * vanished while nothing was sent, are found out within this time.
 */
static void
ngx_oscp_store_tend_handler(ngx_event_t *ev)
{
    ngx_queue_t       *q;
    ngx_oscp_store_t  *store = ev->data;

    if (ngx_exiting) {
        return;
    }

    ngx_add_timer(ev, NGX_OSCP_STORE_TEND_MS);

    ngx_oscp_store_sweep(store);

    for (q = ngx_queue_head(&store->nodes);
         q != ngx_queue_sentinel(&store->nodes);
         q = ngx_queue_next(q))
    {
        ngx_oscp_node_probe(ngx_queue_data(q, ngx_oscp_node_t, queue));
    }

    if (store->conf->kind == OSCP_ADDRESS_SENTINEL && !store->finder->running
        && !store->search.timer_set)
    {
        ngx_oscp_store_search(store);
    }
}


static void
ngx_oscp_store_sweep(ngx_oscp_store_t *store)
{
    ngx_queue_t  *q;

    for (q = ngx_queue_head(&store->nodes);
         q != ngx_queue_sentinel(&store->nodes);
         q = ngx_queue_next(q))
    {
        ngx_oscp_node_close_unused(ngx_queue_data(q, ngx_oscp_node_t, queue));
    }
}
