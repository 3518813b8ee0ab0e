/*
 * Fuzzes the readers of tokens and key sets.  The first byte chooses: 'k' a
 * key set, 's' a token against the key set behind it (after a NUL), 'h' and
 * 'p' header and payload of a token that is then signed by a key of ours, 'b'
 * base64url, 'o' where a token of ours is damaged, anything else a token.  What
 * we sign verifies; what is damaged does not.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/hmac.h>

#include "oscp_error.h"

#include "ngx_oscp_jwt.h"

#define NOW_S      INT64_C(1795000000)
#define TOKEN_MAX  16384

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char  key_line[] =
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

static const ngx_oscp_jwt_expect_t  expect = {
    .issuer = "oscp",
    .audience = "vector",
    .scope = "a b",
    .client_id = "c",
    .now_s = NOW_S,
    .leeway_s = 0
};


static void
require(int holds)
{
    if (!holds) {
        abort();
    }
}


/* A copy exactly as long as it is, so that one byte too many is seen. */
static char *
copy(const uint8_t *data, size_t size)
{
    char  *bytes = malloc(size ? size : 1);

    require(bytes != NULL);
    memcpy(bytes, data, size);

    return bytes;
}


static void
fuzz_skipped(void *data, const oscp_error_t *why)
{
    require(data == NULL);
    require(strncmp(why->path, "$.keys[", 7) == 0);
    require(why->text[0] != '\0');
}


static void
fuzz_set(const char *json, size_t len)
{
    oscp_error_t      err;
    ngx_oscp_jwks_t  *set;

    memset(&err, 0, sizeof(err));
    set = ngx_oscp_jwks_read(json, len, fuzz_skipped, NULL, &err);

    if (set == NULL) {
        require(err.text[0] != '\0');
        return;
    }

    require(ngx_oscp_jwks_count(set) > 0);
    require(ngx_oscp_jwks_find(set, NGX_OSCP_JWA_HS256, "", 0) == NULL);
    ngx_oscp_jwks_free(set);
}


/* The token up to a NUL, then a set. */
static void
fuzz_outside(const char *bytes, size_t len)
{
    int64_t           expires_s;
    const char       *end = memchr(bytes, '\0', len);
    oscp_error_t      err;
    ngx_oscp_jwks_t  *set;

    if (end == NULL) {
        return;
    }

    set = ngx_oscp_jwks_read(end + 1, len - (size_t) (end - bytes) - 1, NULL,
                             NULL, &err);

    if (set) {
        (void) ngx_oscp_jwt_verify(bytes, (size_t) (end - bytes), set, &expect,
                                   &expires_s);
        ngx_oscp_jwks_free(set);
    }
}


static size_t
part(char *token, const char *bytes, size_t len)
{
    return ngx_oscp_jwk_encode((const unsigned char *) bytes, len, token);
}


/* The bytes as header or payload of a token that our key has signed. */
static void
fuzz_signed(const char *bytes, size_t len, int header,
    const ngx_oscp_jwt_key_t *key)
{
    char                   *token, good[128];
    size_t                  n;
    int64_t                 expires_s = 0;
    unsigned                mac_len = 0;
    unsigned char           mac[32];
    ngx_oscp_jwt_result_t   rc;

    token = malloc(TOKEN_MAX);
    require(token != NULL);

    snprintf(good, sizeof(good), "{\"alg\":\"HS256\",\"kid\":\"%s\"}",
             key->kid);

    n = header ? part(token, bytes, len) : part(token, good, strlen(good));
    token[n++] = '.';
    n += header ? part(token + n, "{}", 2) : part(token + n, bytes, len);

    HMAC(EVP_sha256(), key->secret, sizeof(key->secret),
         (unsigned char *) token, n, mac, &mac_len);
    token[n++] = '.';
    n += part(token + n, (char *) mac, mac_len);

    rc = ngx_oscp_jwt_verify_own(token, n, key, 1, &expect, &expires_s);

    require(rc != NGX_OSCP_JWT_OK || expires_s > NOW_S);
    require(ngx_oscp_jwt_reason(rc) != NULL);
    require(header || rc != NGX_OSCP_JWT_SIGNATURE);

    free(token);
}


static void
fuzz_token(const char *bytes, size_t len, const ngx_oscp_jwt_key_t *key)
{
    ngx_oscp_jwt_key_t  other;

    /* Nobody finds a mac of this key by chance. */
    require(ngx_oscp_jwt_verify_own(bytes, len, key, 1, &expect, NULL)
            != NGX_OSCP_JWT_OK);

    if (ngx_oscp_jwt_key_parse(bytes, len, &other) == 0) {
        require(len == 2 * NGX_OSCP_JWT_KEY_SIZE && strlen(other.kid) == 16);
    }
}


static void
fuzz_base64(const char *bytes, size_t len)
{
    int             n;
    char           *text;
    unsigned char  *raw;

    raw = malloc(len + 1);
    text = malloc((len + 2) / 3 * 4 + 1);
    require(raw != NULL && text != NULL);

    /* Strict: only what encoding gives is read. */
    n = ngx_oscp_jwk_decode(bytes, len, raw, len);
    if (n >= 0) {
        require(part(text, (char *) raw, (size_t) n) == len);
        require(memcmp(text, bytes, len) == 0);
    }

    n = (int) part(text, bytes, len);
    require(ngx_oscp_jwk_decode(text, (size_t) n, raw, len) == (int) len);
    require(memcmp(raw, bytes, len) == 0);

    free(text);
    free(raw);
}


/* Ours, with one byte of it changed where the input says. */
static void
fuzz_own(const uint8_t *data, size_t size, const ngx_oscp_jwt_key_t *key)
{
    char                   token[1024];
    size_t                 n, at;
    int64_t                expires_s;
    ngx_oscp_jwt_claims_t  claims = {
        .issuer = "oscp", .audience = "vector", .client_id = "c",
        .scope = "b a", .id = "1", .issued_s = NOW_S,
        .expires_s = NOW_S + 60
    };

    n = ngx_oscp_jwt_sign(&claims, key, token, sizeof(token));
    require(n > 0 && n == strlen(token));
    require(ngx_oscp_jwt_verify_own(token, n, key, 1, &expect, &expires_s)
            == NGX_OSCP_JWT_OK);
    require(expires_s == NOW_S + 60);

    if (size > 2) {
        at = (size_t) (data[0] << 8 | data[1]) % n;

        if (token[at] != (char) data[2]) {
            token[at] = (char) data[2];
            require(ngx_oscp_jwt_verify_own(token, n, key, 1, &expect, NULL)
                    != NGX_OSCP_JWT_OK);
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char                *bytes;
    ngx_oscp_jwt_key_t   key;

    if (size == 0 || size > NGX_OSCP_JWT_SIZE_MAX) {
        return 0;
    }

    require(ngx_oscp_jwt_key_parse(key_line, strlen(key_line), &key) == 0);
    bytes = copy(data + 1, size - 1);

    switch (data[0]) {

    case 'k':
        fuzz_set(bytes, size - 1);
        break;

    case 's':
        fuzz_outside(bytes, size - 1);
        break;

    case 'h':
    case 'p':
        fuzz_signed(bytes, size - 1, data[0] == 'h', &key);
        break;

    case 'b':
        fuzz_base64(bytes, size - 1);
        break;

    case 'o':
        fuzz_own(data + 1, size - 1, &key);
        break;

    default:
        fuzz_token(bytes, size - 1, &key);
        break;
    }

    free(bytes);
    return 0;
}
