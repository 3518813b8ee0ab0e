/*
 * TLS to Redis, where hiredis has it (libhiredis_ssl, Debian 13); elsewhere
 * everything here says that it is not there.
 *
 * hiredis encrypts; whom we speak to is checked by OpenSSL, with the name or
 * address that was configured, or that a sentinel or cluster node has told.
 */

#ifndef NGX_OSCP_TLS_H
#define NGX_OSCP_TLS_H

#include <ngx_config.h>
#include <ngx_core.h>

#include <hiredis/hiredis.h>

struct ssl_st;
struct ssl_ctx_st;

/*
 * Makes the context, freed with cf->pool: certificates of the CAs in the file
 * `ca`, or of the system's when it is NULL.  Returns NULL, or what is wrong, or
 * NGX_CONF_ERROR (logged).
 */
char *ngx_oscp_tls_create(ngx_conf_t *cf, const char *ca,
    struct ssl_ctx_st **ctx);

/*
 * Begins TLS on a connection that was just begun; the certificate must be for
 * `name`.  NULL with `ssl`, which is hiredis's and goes with `c`; or why not,
 * to be read before anything else is done with `c`.
 */
const char *ngx_oscp_tls_start(struct ssl_ctx_st *ctx, redisContext *c,
    const char *name, struct ssl_st **ssl);

/* Why a connection has ended, or NULL when that had nothing to do with TLS. */
const char *ngx_oscp_tls_reason(const struct ssl_st *ssl);

/*
 * Empties OpenSSL's list of errors, which nginx and hiredis share and both of
 * them expect to be empty: to be called before and after hiredis has the word.
 */
void ngx_oscp_tls_clear(void);

#endif /* NGX_OSCP_TLS_H */
