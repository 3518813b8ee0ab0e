/*
 * The shared memory zone.  Its name carries a number that changes with the
 * layout, so that a reload which brings a newer module does not read the old
 * one's memory.
 */

#include "ngx_oscp_counter.h"

#define NGX_OSCP_COUNTER_ZONE      "oscp_1"
#define NGX_OSCP_COUNTER_SIZE_MIN  262144    /* room for some 1,000 names */
#define NGX_OSCP_COUNTER_EACH      256       /* bytes that one may take */

typedef struct {
    ngx_rbtree_t       tree;
    ngx_rbtree_node_t  sentinel;
    ngx_atomic_t       generation;
} ngx_oscp_counter_shared_t;


extern ngx_module_t  ngx_http_oscp_module;

const ngx_str_t  ngx_oscp_counter_results[NGX_OSCP_RESULTS] = {
    ngx_string("stored"),
    ngx_string("duplicate"),
    ngx_string("invalid"),
    ngx_string("unauthenticated"),
    ngx_string("refused"),
    ngx_string("unavailable")
};


ngx_shm_zone_t *
ngx_oscp_counter_add_zone(ngx_conf_t *cf, ngx_uint_t n,
    ngx_shm_zone_init_pt init, void *data)
{
    size_t           size;
    ngx_str_t        name = ngx_string(NGX_OSCP_COUNTER_ZONE);
    ngx_shm_zone_t  *zone;

    /*
     * A zone keeps its content over a reload as long as its size stays: it
     * grows in powers of two, and so seldom.
     */
    size = NGX_OSCP_COUNTER_SIZE_MIN;

    while (size / 2 < n * NGX_OSCP_COUNTER_EACH) {
        size *= 2;
    }

    zone = ngx_shared_memory_add(cf, &name, size, &ngx_http_oscp_module);
    if (zone == NULL) {
        return NULL;
    }

    zone->init = init;
    zone->data = data;

    return zone;
}


static ngx_oscp_counter_shared_t *
ngx_oscp_counter_shared(ngx_shm_zone_t *zone)
{
    ngx_slab_pool_t  *pool = (ngx_slab_pool_t *) zone->shm.addr;

    return pool->data;
}


ngx_int_t
ngx_oscp_counter_init_zone(ngx_shm_zone_t *zone)
{
    ngx_slab_pool_t            *pool = (ngx_slab_pool_t *) zone->shm.addr;
    ngx_oscp_counter_shared_t  *shared;

    /* Kept from the cycle before, or by a master that shares it with us. */
    if (pool->data) {
        return NGX_OK;
    }

    shared = ngx_slab_calloc(pool, sizeof(ngx_oscp_counter_shared_t));
    if (shared == NULL) {
        return NGX_ERROR;
    }

    ngx_rbtree_init(&shared->tree, &shared->sentinel,
                    ngx_str_rbtree_insert_value);

    pool->data = shared;
    pool->log_nomem = 0;

    return NGX_OK;
}


ngx_oscp_counter_t *
ngx_oscp_counter_find(ngx_shm_zone_t *zone, const ngx_str_t *name)
{
    uint32_t                    hash;
    ngx_str_t                   key;
    ngx_slab_pool_t            *pool = (ngx_slab_pool_t *) zone->shm.addr;
    ngx_oscp_counter_t         *counter;
    ngx_oscp_counter_shared_t  *shared = ngx_oscp_counter_shared(zone);

    key = *name;
    hash = ngx_crc32_long(key.data, key.len);

    ngx_shmtx_lock(&pool->mutex);

    counter = (ngx_oscp_counter_t *)
                  ngx_str_rbtree_lookup(&shared->tree, &key, hash);

    if (counter == NULL) {
        counter = ngx_slab_calloc_locked(pool, sizeof(ngx_oscp_counter_t)
                                               + key.len);
        if (counter) {
            counter->node.node.key = hash;
            counter->node.str.len = key.len;
            counter->node.str.data = (u_char *) (counter + 1);
            ngx_memcpy(counter->node.str.data, key.data, key.len);
            ngx_rbtree_insert(&shared->tree, &counter->node.node);
        }
    }

    ngx_shmtx_unlock(&pool->mutex);

    return counter;
}


void
ngx_oscp_counter_count(ngx_oscp_counter_t *counter, ngx_oscp_result_e result)
{
    if (counter) {
        (void) ngx_atomic_fetch_add(&counter->results[result], 1);
    }
}


ngx_atomic_uint_t
ngx_oscp_counter_next_generation(ngx_shm_zone_t *zone)
{
    return ngx_atomic_fetch_add(&ngx_oscp_counter_shared(zone)->generation, 1)
           + 1;
}


ngx_atomic_uint_t
ngx_oscp_counter_generation(ngx_shm_zone_t *zone)
{
    return ngx_oscp_counter_shared(zone)->generation;
}
