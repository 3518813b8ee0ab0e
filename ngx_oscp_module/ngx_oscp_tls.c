/*
 * TLS to Redis.
 */

#include "ngx_oscp_tls.h"

#if (NGX_OSCP_HIREDIS_SSL)

#include <hiredis/hiredis_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>


static void ngx_oscp_tls_cleanup(void *data);
static int ngx_oscp_tls_expect(SSL *ssl, const char *name);


char *
ngx_oscp_tls_create(ngx_conf_t *cf, const char *ca, SSL_CTX **ctx)
{
    int                  rc;
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NGX_CONF_ERROR;
    }

    *ctx = SSL_CTX_new(TLS_client_method());
    if (*ctx == NULL) {
        return "is not possible: OpenSSL has no memory";
    }

    cln->handler = ngx_oscp_tls_cleanup;
    cln->data = *ctx;

    rc = ca ? SSL_CTX_load_verify_locations(*ctx, ca, NULL)
            : SSL_CTX_set_default_verify_paths(*ctx);

    if (rc == 1) {
        rc = SSL_CTX_set_min_proto_version(*ctx, TLS1_2_VERSION);
    }

    ngx_oscp_tls_clear();

    if (rc != 1) {
        return ca ? "has no certificates of CAs"
                  : "is not possible: the system's CAs cannot be read";
    }

    SSL_CTX_set_verify(*ctx, SSL_VERIFY_PEER, NULL);

    /* hiredis's buffer grows, and moves, while a write waits. */
    (void) SSL_CTX_set_mode(*ctx, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);

    return NULL;
}


static void
ngx_oscp_tls_cleanup(void *data)
{
    SSL_CTX_free(data);
}


/* Where the server is quick, all is known at once, a refusal too. */
const char *
ngx_oscp_tls_start(SSL_CTX *ctx, redisContext *c, const char *name, SSL **ssl)
{
    const char  *why;

    ngx_oscp_tls_clear();

    why = "TLS cannot be begun";

    *ssl = SSL_new(ctx);
    if (*ssl == NULL) {
        return why;
    }

    if (ngx_oscp_tls_expect(*ssl, name) == 1) {
        ngx_oscp_tls_clear();

        if (redisInitiateSSL(c, *ssl) == REDIS_OK) {
            ngx_oscp_tls_clear();
            return NULL;
        }

        why = ngx_oscp_tls_reason(*ssl);
        if (why == NULL && c->err) {
            why = c->errstr;
        }
    }

    SSL_free(*ssl);
    *ssl = NULL;
    ngx_oscp_tls_clear();

    return why ? why : "TLS cannot be begun";
}


/* A name goes into the greeting as well; an address must not. */
static int
ngx_oscp_tls_expect(SSL *ssl, const char *name)
{
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1) {
        return 1;
    }

    return SSL_set1_host(ssl, name) == 1
           && SSL_set_tlsext_host_name(ssl, name) == 1;
}


const char *
ngx_oscp_tls_reason(const SSL *ssl)
{
    long           rc;
    unsigned long  error;

    rc = ssl ? SSL_get_verify_result(ssl) : X509_V_OK;

    if (rc != X509_V_OK) {
        return X509_verify_cert_error_string(rc);
    }

    error = ssl ? ERR_peek_last_error() : 0;

    return error ? ERR_reason_error_string(error) : NULL;
}


void
ngx_oscp_tls_clear(void)
{
    ERR_clear_error();
}


#else


char *
ngx_oscp_tls_create(ngx_conf_t *cf, const char *ca, struct ssl_ctx_st **ctx)
{
    return "is not possible: hiredis was built without TLS";
}


const char *
ngx_oscp_tls_start(struct ssl_ctx_st *ctx, redisContext *c, const char *name,
    struct ssl_st **ssl)
{
    return "hiredis was built without TLS";
}


const char *
ngx_oscp_tls_reason(const struct ssl_st *ssl)
{
    return NULL;
}


void
ngx_oscp_tls_clear(void)
{
}


#endif
