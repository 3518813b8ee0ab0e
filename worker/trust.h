/*
 * Whom we trust: the CAs of a PEM file, read once for all connections that are
 * checked by it, and again when the file has changed.  A system's bundle takes
 * some 50 ms to read, in which nothing else happens.
 */

#ifndef WORKER_TRUST_H
#define WORKER_TRUST_H

#include <openssl/x509.h>

#define WORKER_TRUST_WHY_SIZE   256

struct worker_trust;                         /* the process's */

/* Nothing read yet.  NULL without memory. */
struct worker_trust *worker_trust_create(void);

/* NULL is harmless; connections keep what they were given. */
void worker_trust_free(struct worker_trust *trust);

/*
 * The CAs in `path`, as the file is now, and those that are looked up one by
 * one in `directory` (NULL: none), which is always the same for a path:
 * borrowed, until the next call.  NULL: the file cannot be read, or there is no
 * CA in it, and `why` says so.
 */
X509_STORE *worker_trust_store(struct worker_trust *trust, const char *path,
    const char *directory, char why[WORKER_TRUST_WHY_SIZE]);

#endif /* WORKER_TRUST_H */
