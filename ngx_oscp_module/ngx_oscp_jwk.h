/*
 * JSON Web Key Sets (RFC 7517) of an outside issuer: what `accept jwt
 * jwks_file=…` names.  Knows no nginx: it is fuzzed by itself.
 *
 * Only keys that verify signatures are taken: RSA of 2048 to 8192 bits, P-256,
 * Ed25519.  Each is bound to one algorithm (RFC 8725, section 3.1): its `alg`,
 * else RS256 for RSA, ES256 for P-256, EdDSA for Ed25519.  Symmetric keys are
 * never taken, so that no public key can be used as a shared secret.
 */

#ifndef NGX_OSCP_JWK_H
#define NGX_OSCP_JWK_H

#include <stddef.h>

#include <openssl/evp.h>

#include "oscp_error.h"

#define NGX_OSCP_JWKS_SIZE_MAX   262144   /* bytes of a file */
#define NGX_OSCP_JWKS_KEYS_MAX   64       /* keys in a set */
#define NGX_OSCP_JWK_KID_MAX     128      /* bytes of a key id */

typedef enum {
    NGX_OSCP_JWA_NONE = 0,                /* no algorithm of ours */
    NGX_OSCP_JWA_RS256,
    NGX_OSCP_JWA_PS256,
    NGX_OSCP_JWA_ES256,
    NGX_OSCP_JWA_EDDSA,
    NGX_OSCP_JWA_HS256                    /* our own tokens only */
} ngx_oscp_jwa_t;

/* The algorithm of that exact name, or NGX_OSCP_JWA_NONE. */
ngx_oscp_jwa_t ngx_oscp_jwk_algorithm(const char *name, size_t len);

typedef struct ngx_oscp_jwks_s  ngx_oscp_jwks_t;

/*
 * Told of a key that was passed over although it might have been meant for us:
 * path "$.keys[1].n" and what it must be.
 */
typedef void (*ngx_oscp_jwks_skipped_pt)(void *data, const oscp_error_t *why);

/*
 * Reads a set from `len` bytes of JSON.  What cannot be used is passed over, as
 * RFC 7517, section 5, has it: a set is its issuer's, who may add a key for
 * others at any time.  Keys of other kinds or for other uses (`use` other than
 * "sig", `key_ops` without "verify") go without a word; `skipped` is told of
 * those that are damaged, too short, or have the kid of an earlier one of their
 * algorithm.
 *
 * Returns the set, owned by the caller; or NULL with `err` filled: what is read
 * is no key set, is too large, or has no usable key; or there is no memory.
 */
ngx_oscp_jwks_t *ngx_oscp_jwks_read(const char *json, size_t len,
    ngx_oscp_jwks_skipped_pt skipped, void *data, oscp_error_t *err);

/* NULL is harmless. */
void ngx_oscp_jwks_free(ngx_oscp_jwks_t *set);

size_t ngx_oscp_jwks_count(const ngx_oscp_jwks_t *set);

/*
 * The key for an algorithm and a key id (`kid_len` 0: the token has none).
 * With an id: the key of that id, if it is bound to that algorithm.  Without:
 * the only key of that algorithm; NULL when there are several.  Owned by the
 * set.
 */
EVP_PKEY *ngx_oscp_jwks_find(const ngx_oscp_jwks_t *set, ngx_oscp_jwa_t alg,
    const char *kid, size_t kid_len);

/*
 * Decodes base64url without padding (RFC 7515, section 2), strictly: no other
 * characters, no length of 4n + 1, no stray bits at the end.  `dst` has room
 * for `size` bytes.  Returns the length, or -1.
 */
int ngx_oscp_jwk_decode(const char *text, size_t len, unsigned char *dst,
    size_t size);

/* Encodes; `dst` has room for (len + 2) / 3 * 4 + 1 bytes.  Returns length. */
size_t ngx_oscp_jwk_encode(const unsigned char *data, size_t len, char *dst);

#endif /* NGX_OSCP_JWK_H */
