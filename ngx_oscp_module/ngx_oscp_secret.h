/*
 * Values that a peer must know: read from their files while nginx reads its
 * configuration, kept as digests, compared in constant time (design, sections
 * 3, 4 and 10).
 */

#ifndef NGX_OSCP_SECRET_H
#define NGX_OSCP_SECRET_H

#include <ngx_config.h>
#include <ngx_core.h>

#define NGX_OSCP_SECRET_MAX         4096    /* bytes of a secret */
#define NGX_OSCP_SECRET_DIGEST_LEN  32

/* A value that can be recognised and not be read back. */
typedef struct {
    u_char  digest[NGX_OSCP_SECRET_DIGEST_LEN];
} ngx_oscp_secret_t;

/*
 * Reads the file `path` (relative to the configuration's directory): one line
 * of visible text, of which one trailing newline is dropped.
 *
 * Stores in `value` bytes of the heap, NUL-terminated, that the caller gives
 * to ngx_oscp_secret_wipe().  Returns NGX_OK, or NGX_ERROR after naming the
 * file and the reason in the log of the configuration.
 */
ngx_int_t ngx_oscp_secret_read(ngx_conf_t *cf, const ngx_str_t *path,
    ngx_str_t *value);

/* Overwrites and frees what ngx_oscp_secret_read() gave; empties `value`. */
void ngx_oscp_secret_wipe(ngx_str_t *value);

/*
 * Overwrites `value`, which lives in `pool`, when the pool is destroyed.
 * Returns NGX_OK or NGX_ERROR (no memory).
 */
ngx_int_t ngx_oscp_secret_wipe_with(ngx_pool_t *pool, ngx_str_t *value);

/* Makes `secret` of a value.  Returns NGX_OK, or NGX_ERROR (OpenSSL failed). */
ngx_int_t ngx_oscp_secret_set(ngx_oscp_secret_t *secret,
    const ngx_str_t *value);

/*
 * As above with the value in the file `path`, which is wiped from memory.
 * Errors are logged.
 */
ngx_int_t ngx_oscp_secret_set_file(ngx_conf_t *cf, const ngx_str_t *path,
    ngx_oscp_secret_t *secret);

/*
 * NGX_OK when `value` is what `secret` was made of, else NGX_DECLINED;
 * NGX_ERROR when OpenSSL failed and nothing can be said.  The time depends on
 * the length of `value` alone.
 */
ngx_int_t ngx_oscp_secret_equal(const ngx_oscp_secret_t *secret,
    const ngx_str_t *value);

#endif /* NGX_OSCP_SECRET_H */
