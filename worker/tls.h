/*
 * TLS to Redis, where hiredis was built with it: the server's certificate must
 * be signed by a CA that we are given, and be for the host that we asked for.
 */

#ifndef WORKER_TLS_H
#define WORKER_TLS_H

#include <stddef.h>

#include <hiredis/hiredis.h>

struct ssl_st;                               /* OpenSSL's SSL */
struct worker_tls;

/* 1 when this build has TLS for Redis, else 0. */
int worker_tls_available(void);

/*
 * Reads the CA certificates in the file `ca` (PEM).  NULL on failure: `why`, of
 * `size` bytes, then says why.  What is in use survives its freeing.
 */
struct worker_tls *worker_tls_create(const char *ca, char *why, size_t size);

/* NULL is harmless. */
void worker_tls_free(struct worker_tls *tls);

/*
 * From here on `c`, a connection that has been begun and has not said a word,
 * speaks TLS.  `host` is whom we asked for: a name, or an address.  `*ssl` may
 * be NULL; it is to be given to worker_tls_end() before or after `c` is freed.
 * Returns 0, or -1: the connection is of no use.
 */
int worker_tls_start(struct worker_tls *tls, redisContext *c,
    const char *host, struct ssl_st **ssl);

/* NULL is harmless. */
void worker_tls_end(struct ssl_st *ssl);

/*
 * Why the server's certificate was refused; NULL: it was not, or has not been
 * seen.  NULL is harmless.
 */
const char *worker_tls_refused(const struct ssl_st *ssl);

#endif /* WORKER_TLS_H */
