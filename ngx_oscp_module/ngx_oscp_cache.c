/*
 * The cache of verified tokens: a tree to find them, a queue by last use.
 */

#include <ngx_config.h>
#include <ngx_core.h>

#include <ngx_config.h>
#include <ngx_core.h>

#include <openssl/evp.h>

#include "ngx_oscp_cache.h"

/* Its number changes with the layout: a newer module reads no old memory. */
#define NGX_OSCP_CACHE_ZONE  "oscp_token_cache_1"

typedef struct {
    ngx_rbtree_node_t     node;         /* by digest */
    ngx_queue_t           queue;
    ngx_oscp_cache_key_t  key;
    time_t                expires;      /* seconds since the epoch */
} ngx_oscp_cache_entry_t;

typedef struct {
    ngx_rbtree_t          tree;
    ngx_rbtree_node_t     sentinel;
    ngx_queue_t           queue;        /* used last: first */
} ngx_oscp_cache_shared_t;


static ngx_int_t ngx_oscp_cache_init_zone(ngx_shm_zone_t *zone, void *data);
static void ngx_oscp_cache_insert(ngx_rbtree_node_t *temp,
    ngx_rbtree_node_t *node, ngx_rbtree_node_t *sentinel);
static ngx_oscp_cache_entry_t *ngx_oscp_cache_lookup(
    ngx_oscp_cache_shared_t *shared, const ngx_oscp_cache_key_t *key);
static void ngx_oscp_cache_remove(ngx_slab_pool_t *pool,
    ngx_oscp_cache_entry_t *entry);


extern ngx_module_t  ngx_http_oscp_module;


char *
ngx_oscp_cache_set_size(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char       *mistake = NULL;
    size_t     *size;
    ssize_t     given;
    ngx_str_t  *args = cf->args->elts;

    size = (size_t *) ((char *) conf + cmd->offset);
    given = (ngx_strcmp(args[1].data, "off") == 0) ? 0
                                                   : ngx_parse_size(&args[1]);

    if (*size != NGX_CONF_UNSET_SIZE) {
        mistake = "is there twice";

    } else if (given != 0 && given < NGX_OSCP_CACHE_SIZE_MIN) {
        mistake = "must be a size from 64k, or off";
    }

    if (mistake) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V %V\" %s", &args[0],
                           &args[1], mistake);
        return NGX_CONF_ERROR;
    }

    *size = given;

    return NGX_CONF_OK;
}


ngx_shm_zone_t *
ngx_oscp_cache_add_zone(ngx_conf_t *cf, size_t size)
{
    ngx_str_t        name = ngx_string(NGX_OSCP_CACHE_ZONE);
    ngx_shm_zone_t  *zone;

    zone = ngx_shared_memory_add(cf, &name, size, &ngx_http_oscp_module);

    if (zone) {
        zone->init = ngx_oscp_cache_init_zone;
    }

    return zone;
}


static ngx_int_t
ngx_oscp_cache_init_zone(ngx_shm_zone_t *zone, void *data)
{
    ngx_slab_pool_t          *pool = (ngx_slab_pool_t *) zone->shm.addr;
    ngx_oscp_cache_shared_t  *shared;

    /* Kept from the cycle before. */
    if (pool->data) {
        return NGX_OK;
    }

    shared = ngx_slab_calloc(pool, sizeof(ngx_oscp_cache_shared_t));
    if (shared == NULL) {
        return NGX_ERROR;
    }

    ngx_rbtree_init(&shared->tree, &shared->sentinel, ngx_oscp_cache_insert);
    ngx_queue_init(&shared->queue);

    pool->data = shared;
    pool->log_nomem = 0;

    return NGX_OK;
}


static void
ngx_oscp_cache_insert(ngx_rbtree_node_t *temp, ngx_rbtree_node_t *node,
    ngx_rbtree_node_t *sentinel)
{
    ngx_rbtree_node_t       **p;
    ngx_oscp_cache_entry_t   *one, *two;

    for ( ;; ) {
        one = (ngx_oscp_cache_entry_t *) node;
        two = (ngx_oscp_cache_entry_t *) temp;

        p = (ngx_memcmp(one->key.digest, two->key.digest,
                        NGX_OSCP_CACHE_KEY_LEN)
             < 0)
            ? &temp->left : &temp->right;

        if (*p == sentinel) {
            break;
        }

        temp = *p;
    }

    *p = node;
    node->parent = temp;
    node->left = sentinel;
    node->right = sentinel;
    ngx_rbt_red(node);
}


ngx_int_t
ngx_oscp_cache_make_key(const ngx_str_t *parts, ngx_uint_t n,
    ngx_oscp_cache_key_t *key)
{
    ngx_uint_t  i;

    /* Fetched once: looking it up costs OpenSSL 3 more than using it. */
    static EVP_MD      *md;
    static EVP_MD_CTX  *ctx;

    if (md == NULL) {
        md = EVP_MD_fetch(NULL, "SHA256", NULL);
    }

    if (ctx == NULL) {
        ctx = EVP_MD_CTX_new();
    }

    if (md == NULL || ctx == NULL || EVP_DigestInit_ex2(ctx, md, NULL) != 1) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        if (EVP_DigestUpdate(ctx, &parts[i].len, sizeof(size_t)) != 1
            || EVP_DigestUpdate(ctx, parts[i].data, parts[i].len) != 1)
        {
            return NGX_ERROR;
        }
    }

    return EVP_DigestFinal_ex(ctx, key->digest, NULL) == 1 ? NGX_OK
                                                           : NGX_ERROR;
}


static ngx_oscp_cache_entry_t *
ngx_oscp_cache_lookup(ngx_oscp_cache_shared_t *shared,
    const ngx_oscp_cache_key_t *key)
{
    int                      rc;
    ngx_rbtree_node_t       *node;
    ngx_oscp_cache_entry_t  *entry;

    node = shared->tree.root;

    while (node != shared->tree.sentinel) {
        entry = (ngx_oscp_cache_entry_t *) node;
        rc = ngx_memcmp(key->digest, entry->key.digest,
                        NGX_OSCP_CACHE_KEY_LEN);

        if (rc == 0) {
            return entry;
        }

        node = (rc < 0) ? node->left : node->right;
    }

    return NULL;
}


static void
ngx_oscp_cache_remove(ngx_slab_pool_t *pool, ngx_oscp_cache_entry_t *entry)
{
    ngx_oscp_cache_shared_t  *shared = pool->data;

    ngx_rbtree_delete(&shared->tree, &entry->node);
    ngx_queue_remove(&entry->queue);
    ngx_slab_free_locked(pool, entry);
}


ngx_uint_t
ngx_oscp_cache_find(ngx_shm_zone_t *zone, const ngx_oscp_cache_key_t *key,
    time_t now)
{
    ngx_uint_t                found = 0;
    ngx_slab_pool_t          *pool = (ngx_slab_pool_t *) zone->shm.addr;
    ngx_oscp_cache_entry_t   *entry;
    ngx_oscp_cache_shared_t  *shared = pool->data;

    ngx_shmtx_lock(&pool->mutex);

    entry = ngx_oscp_cache_lookup(shared, key);

    if (entry && entry->expires <= now) {
        ngx_oscp_cache_remove(pool, entry);

    } else if (entry) {
        ngx_queue_remove(&entry->queue);
        ngx_queue_insert_head(&shared->queue, &entry->queue);
        found = 1;
    }

    ngx_shmtx_unlock(&pool->mutex);

    return found;
}


void
ngx_oscp_cache_store(ngx_shm_zone_t *zone, const ngx_oscp_cache_key_t *key,
    time_t expires)
{
    ngx_slab_pool_t          *pool = (ngx_slab_pool_t *) zone->shm.addr;
    ngx_oscp_cache_entry_t   *entry;
    ngx_oscp_cache_shared_t  *shared = pool->data;

    ngx_shmtx_lock(&pool->mutex);

    /* Another process may have been faster. */
    if (ngx_oscp_cache_lookup(shared, key)) {
        goto done;
    }

    for ( ;; ) {
        entry = ngx_slab_alloc_locked(pool, sizeof(ngx_oscp_cache_entry_t));

        if (entry || ngx_queue_empty(&shared->queue)) {
            break;
        }

        ngx_oscp_cache_remove(pool,
                              ngx_queue_data(ngx_queue_last(&shared->queue),
                                             ngx_oscp_cache_entry_t, queue));
    }

    if (entry) {
        entry->key = *key;
        entry->expires = expires;
        ngx_rbtree_insert(&shared->tree, &entry->node);
        ngx_queue_insert_head(&shared->queue, &entry->queue);
    }

done:

    ngx_shmtx_unlock(&pool->mutex);
}
