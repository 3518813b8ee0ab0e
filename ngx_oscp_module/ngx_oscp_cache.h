/*
 * Verified tokens, in memory that all nginx processes share, so that each
 * token's signature is paid for once (`oscp_token_cache`).
 *
 * A token is known by a digest over itself and everything that made it valid:
 * the connection, what that demands, the content of the key set.  When any of
 * these changes the digest does, and what was cached can never be found again.
 */

#ifndef NGX_OSCP_CACHE_H
#define NGX_OSCP_CACHE_H

#include <ngx_config.h>
#include <ngx_core.h>

#define NGX_OSCP_CACHE_SIZE      1048576    /* bytes, by default */
#define NGX_OSCP_CACHE_SIZE_MIN  65536
#define NGX_OSCP_CACHE_KEY_LEN   32

typedef struct {
    u_char  digest[NGX_OSCP_CACHE_KEY_LEN];
} ngx_oscp_cache_key_t;

/*
 * Reads `oscp_token_cache SIZE|off`, whose command's offset is that of the
 * size, NGX_CONF_UNSET_SIZE until then; off is 0.
 */
char *ngx_oscp_cache_set_size(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/*
 * Adds the zone of `size` bytes to the configuration.  Returns NULL on errors
 * (logged).
 */
ngx_shm_zone_t *ngx_oscp_cache_add_zone(ngx_conf_t *cf, size_t size);

/*
 * Makes a key of `n` parts, each with its length: SHA-256.  Returns NGX_OK, or
 * NGX_ERROR (OpenSSL failed).
 */
ngx_int_t ngx_oscp_cache_make_key(const ngx_str_t *parts, ngx_uint_t n,
    ngx_oscp_cache_key_t *key);

/* 1 when the token of that key was stored and has not expired at `now`. */
ngx_uint_t ngx_oscp_cache_find(ngx_shm_zone_t *zone,
    const ngx_oscp_cache_key_t *key, time_t now);

/*
 * Keeps the key until `expires`; those not asked for longest make room.  When
 * there is none even so, nothing is kept: the token is verified again.
 */
void ngx_oscp_cache_store(ngx_shm_zone_t *zone,
    const ngx_oscp_cache_key_t *key, time_t expires);

#endif /* NGX_OSCP_CACHE_H */
