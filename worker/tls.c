/*
 * TLS to Redis.
 *
 * The SSL object is made here and not by hiredis, which checks the chain but
 * not for whom a certificate is.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tls.h"


#if (WORKER_TLS)

#include <hiredis/hiredis_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>


struct worker_tls {
    SSL_CTX  *ctx;
};


int
worker_tls_available(void)
{
    return 1;
}


struct worker_tls *
worker_tls_create(const char *ca, char *why, size_t size)
{
    const char         *reason;
    struct worker_tls  *tls;

    tls = calloc(1, sizeof(*tls));
    if (tls == NULL) {
        snprintf(why, size, "no memory");
        return NULL;
    }

    ERR_clear_error();
    tls->ctx = SSL_CTX_new(TLS_client_method());

    if (tls->ctx == NULL
        || SSL_CTX_set_min_proto_version(tls->ctx, TLS1_2_VERSION) != 1
        || SSL_CTX_load_verify_locations(tls->ctx, ca, NULL) != 1)
    {
        reason = ERR_reason_error_string(ERR_peek_error());
        snprintf(why, size, "%s: %s", ca, reason ? reason
                                                 : "no certificates");
        ERR_clear_error();
        worker_tls_free(tls);
        return NULL;
    }

    SSL_CTX_set_verify(tls->ctx, SSL_VERIFY_PEER, NULL);

    return tls;
}


void
worker_tls_free(struct worker_tls *tls)
{
    if (tls != NULL) {
        SSL_CTX_free(tls->ctx);
        free(tls);
    }
}


/* An address must stand in the certificate as one, a name as a name. */
static int
tls_expect(SSL *ssl, const char *host)
{
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1) {
        return 0;
    }

    return SSL_set1_host(ssl, host) == 1
           && SSL_set_tlsext_host_name(ssl, host) == 1 ? 0 : -1;
}


int
worker_tls_start(struct worker_tls *tls, redisContext *c, const char *host,
    struct ssl_st **ssl)
{
    *ssl = SSL_new(tls->ctx);
    if (*ssl == NULL) {
        return -1;
    }

    if (tls_expect(*ssl, host) == -1 || SSL_up_ref(*ssl) != 1) {
        return -1;
    }

    if (redisInitiateSSL(c, *ssl) != REDIS_OK) {
        /* the reference that was to be hiredis' own */
        SSL_free(*ssl);
        return -1;
    }

    return 0;
}


void
worker_tls_end(struct ssl_st *ssl)
{
    SSL_free(ssl);
}


const char *
worker_tls_refused(const struct ssl_st *ssl)
{
    long  result;

    result = ssl != NULL ? SSL_get_verify_result(ssl) : X509_V_OK;

    return result == X509_V_OK ? NULL : X509_verify_cert_error_string(result);
}

#else

int
worker_tls_available(void)
{
    return 0;
}


struct worker_tls *
worker_tls_create(const char *ca, char *why, size_t size)
{
    snprintf(why, size, "%s: this build has no TLS for Redis", ca);

    return NULL;
}


void
worker_tls_free(struct worker_tls *tls)
{
    (void) tls;
}


int
worker_tls_start(struct worker_tls *tls, redisContext *c, const char *host,
    struct ssl_st **ssl)
{
    (void) tls;
    (void) c;
    (void) host;

    *ssl = NULL;

    return -1;
}


void
worker_tls_end(struct ssl_st *ssl)
{
    (void) ssl;
}


const char *
worker_tls_refused(const struct ssl_st *ssl)
{
    (void) ssl;

    return NULL;
}

#endif
