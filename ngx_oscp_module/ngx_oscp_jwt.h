/*
 * JSON Web Tokens (RFC 7519, compact JWS of RFC 7515): the tokens of an outside
 * issuer, and the access tokens that we issue ourselves (RFC 9068 style
 * claims, HS256).  Knows no nginx and no clock: it is fuzzed by itself.
 *
 * RFC 8725 is followed: the algorithm is bound to the key; `none`, a symmetric
 * algorithm on an outside token and an asymmetric one on ours fail; any `crit`
 * fails; a key id is only ever compared.
 */

#ifndef NGX_OSCP_JWT_H
#define NGX_OSCP_JWT_H

#include <stddef.h>
#include <stdint.h>

#include "ngx_oscp_jwk.h"

#define NGX_OSCP_JWT_SIZE_MAX     8192    /* bytes of a token */
#define NGX_OSCP_JWT_KEY_SIZE     32      /* bytes of a key of ours */
#define NGX_OSCP_JWT_KEYS_MAX     16      /* keys in oscp_token_key_file */

/* In the order of the checks: the higher, the further a token got. */
typedef enum {
    NGX_OSCP_JWT_OK = 0,
    NGX_OSCP_JWT_OVERSIZED,
    NGX_OSCP_JWT_MALFORMED,     /* not a compact JWS of JSON objects */
    NGX_OSCP_JWT_ALGORITHM,     /* none, unknown, or not of this kind */
    NGX_OSCP_JWT_CRITICAL,      /* a crit header */
    NGX_OSCP_JWT_TYPE,          /* typ is neither JWT nor at+jwt */
    NGX_OSCP_JWT_KEY,           /* no such key for that algorithm */
    NGX_OSCP_JWT_SIGNATURE,
    NGX_OSCP_JWT_EXPIRED,       /* or without exp */
    NGX_OSCP_JWT_NOT_YET,
    NGX_OSCP_JWT_ISSUER,
    NGX_OSCP_JWT_AUDIENCE,
    NGX_OSCP_JWT_CLIENT,
    NGX_OSCP_JWT_SCOPE,
    NGX_OSCP_JWT_NOMEM
} ngx_oscp_jwt_result_t;

/* "expired", "wrong audience", …: for the log, never for an answer. */
const char *ngx_oscp_jwt_reason(ngx_oscp_jwt_result_t result);

/* What a token must say; NULL members are not looked at. */
typedef struct {
    const char  *issuer;
    const char  *audience;      /* must be `aud` or one of its list */
    const char  *scope;         /* each of its words must be in `scope` (or,
                                   as some issuers write it, `scp`) */
    const char  *client_id;
    int64_t      now_s;         /* seconds since the epoch */
    int64_t      leeway_s;      /* on exp and nbf */
} ngx_oscp_jwt_expect_t;

/*
 * Verifies an outside issuer's token.  `*expires_s` (may be NULL) becomes its
 * exp.  The signature is checked before any claim is believed.
 */
ngx_oscp_jwt_result_t ngx_oscp_jwt_verify(const char *token, size_t len,
    const ngx_oscp_jwks_t *set, const ngx_oscp_jwt_expect_t *expect,
    int64_t *expires_s);

/* A key of ours, with the id that tokens name it by. */
typedef struct {
    unsigned char  secret[NGX_OSCP_JWT_KEY_SIZE];
    char           kid[17];     /* hex of the first 8 bytes of its SHA-256 */
} ngx_oscp_jwt_key_t;

/*
 * Reads one line of oscp_token_key_file, 64 hex digits.  Returns 0, or -1.
 */
int ngx_oscp_jwt_key_parse(const char *line, size_t len,
    ngx_oscp_jwt_key_t *key);

/* Verifies a token of ours with any of `n` keys; as above. */
ngx_oscp_jwt_result_t ngx_oscp_jwt_verify_own(const char *token, size_t len,
    const ngx_oscp_jwt_key_t *keys, size_t n,
    const ngx_oscp_jwt_expect_t *expect, int64_t *expires_s);

/* What a token of ours says; plain names, no quotes or backslashes in them. */
typedef struct {
    const char  *issuer;
    const char  *audience;
    const char  *client_id;
    const char  *scope;         /* NULL: none */
    const char  *id;            /* jti */
    int64_t      issued_s;
    int64_t      expires_s;
} ngx_oscp_jwt_claims_t;

/*
 * Writes a signed token to `buf` of `size` bytes, NUL-terminated.  Returns its
 * length, or 0 when it does not fit or signing failed.
 */
size_t ngx_oscp_jwt_sign(const ngx_oscp_jwt_claims_t *claims,
    const ngx_oscp_jwt_key_t *key, char *buf, size_t size);

#endif /* NGX_OSCP_JWT_H */
