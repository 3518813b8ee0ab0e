/*
 * JSON Web Key Sets: read once per change of the file, never per request.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include <cjson/cJSON.h>

#include "oscp_json_check.h"

#include "ngx_oscp_jwk.h"

#define RSA_BITS_MIN      2048
#define RSA_BITS_MAX      8192
#define EXPONENT_BITS_MAX 64        /* what OpenSSL takes with long keys */
#define NUMBER_SIZE       (RSA_BITS_MAX / 8 + 8)
#define COORDINATE_SIZE   32
#define ED25519_SIZE      32

typedef struct {
    char            kid[NGX_OSCP_JWK_KID_MAX + 1];
    ngx_oscp_jwa_t  alg;
    EVP_PKEY       *pkey;
} ngx_oscp_jwk_t;

struct ngx_oscp_jwks_s {
    size_t          n;
    ngx_oscp_jwk_t  keys[NGX_OSCP_JWKS_KEYS_MAX];
};

/* Who is told of keys that are passed over. */
typedef struct {
    ngx_oscp_jwks_skipped_pt  skipped;    /* NULL: nobody */
    void                     *data;
} ngx_oscp_jwk_skips_t;

typedef enum {
    NGX_OSCP_JWK_TAKEN = 0,
    NGX_OSCP_JWK_OTHER,                   /* not for us */
    NGX_OSCP_JWK_UNUSABLE,
    NGX_OSCP_JWK_NO_MEMORY
} ngx_oscp_jwk_result_t;

/* Which kinds of keys are taken, and for which algorithms. */
typedef struct {
    const char      *kty;
    const char      *crv;                 /* NULL: the kind has none */
    ngx_oscp_jwa_t   first;               /* when the key names no alg */
    ngx_oscp_jwa_t   second;
    EVP_PKEY      *(*make)(const cJSON *key, const char **member);
} ngx_oscp_jwk_kind_t;


static EVP_PKEY *ngx_oscp_jwk_make_rsa(const cJSON *key, const char **member);
static EVP_PKEY *ngx_oscp_jwk_make_ec(const cJSON *key, const char **member);
static EVP_PKEY *ngx_oscp_jwk_make_ed25519(const cJSON *key,
    const char **member);

static const ngx_oscp_jwk_kind_t  ngx_oscp_jwk_kinds[] = {

    { "RSA", NULL, NGX_OSCP_JWA_RS256, NGX_OSCP_JWA_PS256,
      ngx_oscp_jwk_make_rsa },

    { "EC", "P-256", NGX_OSCP_JWA_ES256, NGX_OSCP_JWA_ES256,
      ngx_oscp_jwk_make_ec },

    { "OKP", "Ed25519", NGX_OSCP_JWA_EDDSA, NGX_OSCP_JWA_EDDSA,
      ngx_oscp_jwk_make_ed25519 }
};

static const struct {
    const char      *name;
    ngx_oscp_jwa_t   alg;
} ngx_oscp_jwk_algorithms[] = {
    { "RS256", NGX_OSCP_JWA_RS256 },
    { "PS256", NGX_OSCP_JWA_PS256 },
    { "ES256", NGX_OSCP_JWA_ES256 },
    { "EdDSA", NGX_OSCP_JWA_EDDSA },
    { "HS256", NGX_OSCP_JWA_HS256 }
};

#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))

static const char  ngx_oscp_jwk_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";


ngx_oscp_jwa_t
ngx_oscp_jwk_algorithm(const char *name, size_t len)
{
    size_t  i;

    for (i = 0; i < COUNT(ngx_oscp_jwk_algorithms); i++) {
        if (strlen(ngx_oscp_jwk_algorithms[i].name) == len
            && memcmp(ngx_oscp_jwk_algorithms[i].name, name, len) == 0)
        {
            return ngx_oscp_jwk_algorithms[i].alg;
        }
    }

    return NGX_OSCP_JWA_NONE;
}


static int
ngx_oscp_jwk_sextet(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }

    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }

    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }

    return c == '-' ? 62 : c == '_' ? 63 : -1;
}


int
ngx_oscp_jwk_decode(const char *text, size_t len, unsigned char *dst,
    size_t size)
{
    int       value;
    size_t    i, n = 0;
    unsigned  bits = 0, nbits = 0;

    if (len % 4 == 1 || len / 4 * 3 + len % 4 > size + 1) {
        return -1;
    }

    for (i = 0; i < len; i++) {
        value = ngx_oscp_jwk_sextet(text[i]);
        if (value < 0) {
            return -1;
        }

        bits = (bits << 6 | (unsigned) value) & 0xffff;
        nbits += 6;

        if (nbits >= 8) {
            nbits -= 8;
            if (n == size) {
                return -1;
            }

            dst[n++] = (unsigned char) (bits >> nbits);
        }
    }

    /* A second spelling of the same bytes would be a second digest. */
    if (bits & ((1u << nbits) - 1)) {
        return -1;
    }

    return (int) n;
}


size_t
ngx_oscp_jwk_encode(const unsigned char *data, size_t len, char *dst)
{
    size_t    i, n = 0;
    unsigned  bits = 0, nbits = 0;

    for (i = 0; i < len; i++) {
        bits = (bits << 8 | data[i]) & 0xffff;
        nbits += 8;

        while (nbits >= 6) {
            nbits -= 6;
            dst[n++] = ngx_oscp_jwk_alphabet[bits >> nbits & 0x3f];
        }
    }

    if (nbits) {
        dst[n++] = ngx_oscp_jwk_alphabet[bits << (6 - nbits) & 0x3f];
    }

    dst[n] = '\0';

    return n;
}


static const char *
ngx_oscp_jwk_string(const cJSON *object, const char *name)
{
    return cJSON_GetStringValue(
               cJSON_GetObjectItemCaseSensitive(object, name));
}


/* The decoded base64url member, or -1 with `*member` its name. */
static int
ngx_oscp_jwk_bytes(const cJSON *key, const char *name, unsigned char *dst,
    size_t size, const char **member)
{
    int          n = -1;
    const char  *text = ngx_oscp_jwk_string(key, name);

    if (text) {
        n = ngx_oscp_jwk_decode(text, strlen(text), dst, size);
    }

    if (n <= 0) {
        *member = name;
        return -1;
    }

    return n;
}


/* Takes over `build`; gives the key that its parameters describe, or NULL. */
static EVP_PKEY *
ngx_oscp_jwk_make_from(const char *type, OSSL_PARAM_BLD *build)
{
    EVP_PKEY      *pkey = NULL;
    OSSL_PARAM    *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX  *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);

    if (params && ctx && EVP_PKEY_fromdata_init(ctx) == 1
        && EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
    {
        pkey = NULL;
    }

    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);

    return pkey;
}


static EVP_PKEY *
ngx_oscp_jwk_make_rsa(const cJSON *key, const char **member)
{
    int              n_len, e_len, e_good, bits;
    BIGNUM          *n, *e;
    EVP_PKEY        *pkey = NULL;
    unsigned char    n_bytes[NUMBER_SIZE], e_bytes[NUMBER_SIZE];
    OSSL_PARAM_BLD  *build;

    n_len = ngx_oscp_jwk_bytes(key, "n", n_bytes, sizeof(n_bytes), member);
    if (n_len < 0) {
        return NULL;
    }

    e_len = ngx_oscp_jwk_bytes(key, "e", e_bytes, sizeof(e_bytes), member);
    if (e_len < 0) {
        return NULL;
    }

    n = BN_bin2bn(n_bytes, n_len, NULL);
    e = BN_bin2bn(e_bytes, e_len, NULL);
    build = OSSL_PARAM_BLD_new();
    bits = n ? BN_num_bits(n) : 0;
    e_good = e && BN_is_odd(e) && !BN_is_one(e)
             && BN_num_bits(e) <= EXPONENT_BITS_MAX;
    *member = e_good ? "n" : "e";

    if (n && e_good && build && bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX
        && BN_is_odd(n)
        && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) == 1
        && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) == 1)
    {
        pkey = ngx_oscp_jwk_make_from("RSA", build);
        build = NULL;
    }

    OSSL_PARAM_BLD_free(build);
    BN_free(n);
    BN_free(e);

    return pkey;
}


static EVP_PKEY *
ngx_oscp_jwk_make_ec(const cJSON *key, const char **member)
{
    EVP_PKEY        *pkey = NULL;
    EVP_PKEY_CTX    *ctx;
    unsigned char    point[1 + 2 * COORDINATE_SIZE];
    OSSL_PARAM_BLD  *build;

    point[0] = POINT_CONVERSION_UNCOMPRESSED;
    *member = "x";
    if (ngx_oscp_jwk_bytes(key, "x", point + 1, COORDINATE_SIZE, member)
        != COORDINATE_SIZE)
    {
        return NULL;
    }

    *member = "y";
    if (ngx_oscp_jwk_bytes(key, "y", point + 1 + COORDINATE_SIZE,
                           COORDINATE_SIZE, member)
        != COORDINATE_SIZE)
    {
        return NULL;
    }

    build = OSSL_PARAM_BLD_new();
    if (build
        && OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME,
                                           "prime256v1", 0) == 1
        && OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY,
                                            point, sizeof(point)) == 1)
    {
        pkey = ngx_oscp_jwk_make_from("EC", build);
        build = NULL;
    }

    OSSL_PARAM_BLD_free(build);

    /* A point that is not on the curve must not become a key. */
    ctx = pkey ? EVP_PKEY_CTX_new(pkey, NULL) : NULL;
    if (pkey && (ctx == NULL || EVP_PKEY_public_check(ctx) != 1)) {
        EVP_PKEY_free(pkey);
        pkey = NULL;
    }

    EVP_PKEY_CTX_free(ctx);

    return pkey;
}


static EVP_PKEY *
ngx_oscp_jwk_make_ed25519(const cJSON *key, const char **member)
{
    unsigned char  x[ED25519_SIZE];

    *member = "x";
    if (ngx_oscp_jwk_bytes(key, "x", x, sizeof(x), member) != ED25519_SIZE) {
        return NULL;
    }

    return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x, sizeof(x));
}


static const ngx_oscp_jwk_kind_t *
ngx_oscp_jwk_kind(const cJSON *key)
{
    size_t       i;
    const char  *kty = ngx_oscp_jwk_string(key, "kty");
    const char  *crv = ngx_oscp_jwk_string(key, "crv");

    for (i = 0; kty && i < COUNT(ngx_oscp_jwk_kinds); i++) {
        if (strcmp(ngx_oscp_jwk_kinds[i].kty, kty) == 0
            && (ngx_oscp_jwk_kinds[i].crv == NULL
                || (crv && strcmp(ngx_oscp_jwk_kinds[i].crv, crv) == 0)))
        {
            return &ngx_oscp_jwk_kinds[i];
        }
    }

    return NULL;
}


/* The first member that is there with a type it must not have, or NULL. */
static const char *
ngx_oscp_jwk_mistyped(const cJSON *key)
{
    size_t        i;
    const cJSON  *value;

    static const char *const  strings[] = { "kty", "use", "alg", "kid" };

    for (i = 0; i < COUNT(strings); i++) {
        value = cJSON_GetObjectItemCaseSensitive(key, strings[i]);

        if (value && !cJSON_IsString(value)) {
            return strings[i];
        }
    }

    value = cJSON_GetObjectItemCaseSensitive(key, "key_ops");

    return (value && !cJSON_IsArray(value)) ? "key_ops" : NULL;
}


/* 1 when the key is meant for verifying signatures. */
static int
ngx_oscp_jwk_verifies(const cJSON *key)
{
    const char   *use = ngx_oscp_jwk_string(key, "use");
    const cJSON  *ops, *op;

    if (use && strcmp(use, "sig") != 0) {
        return 0;
    }

    ops = cJSON_GetObjectItemCaseSensitive(key, "key_ops");
    if (!cJSON_IsArray(ops)) {
        return 1;
    }

    cJSON_ArrayForEach(op, ops) {
        if (cJSON_IsString(op) && strcmp(op->valuestring, "verify") == 0) {
            return 1;
        }
    }

    return 0;
}


/* The public key; what OpenSSL had no memory for is no fault of the key. */
static ngx_oscp_jwk_result_t
ngx_oscp_jwk_make(ngx_oscp_jwk_t *key, const ngx_oscp_jwk_kind_t *kind,
    const cJSON *json, const char **member, const char **must)
{
    unsigned long          e;
    ngx_oscp_jwk_result_t  result = NGX_OSCP_JWK_UNUSABLE;

    ERR_clear_error();

    key->pkey = kind->make(json, member);
    if (key->pkey) {
        return NGX_OSCP_JWK_TAKEN;
    }

    *must = kind->make == ngx_oscp_jwk_make_rsa
            ? "must be base64url of an RSA key of 2048 to 8192 bits"
            : "must be base64url of 32 bytes, of a point on the curve";

    while ((e = ERR_get_error()) != 0) {
        if (ERR_GET_REASON(e) == ERR_R_MALLOC_FAILURE) {
            result = NGX_OSCP_JWK_NO_MEMORY;
        }
    }

    return result;
}


/* Of a key that is UNUSABLE `*member` and `*must` say why. */
static ngx_oscp_jwk_result_t
ngx_oscp_jwk_take(ngx_oscp_jwks_t *set, const cJSON *json, const char **member,
    const char **must)
{
    size_t                      i;
    const char                 *kid, *alg;
    ngx_oscp_jwk_t             *key = &set->keys[set->n];
    ngx_oscp_jwk_result_t       result;
    const ngx_oscp_jwk_kind_t  *kind = ngx_oscp_jwk_kind(json);

    if (!cJSON_IsObject(json)) {
        *member = "";
        *must = "must be an object";
        return NGX_OSCP_JWK_UNUSABLE;
    }

    *member = ngx_oscp_jwk_mistyped(json);
    if (*member) {
        *must = "must be of the type that RFC 7517 says";
        return NGX_OSCP_JWK_UNUSABLE;
    }

    if (kind == NULL || !ngx_oscp_jwk_verifies(json)) {
        return NGX_OSCP_JWK_OTHER;
    }

    alg = ngx_oscp_jwk_string(json, "alg");
    key->alg = alg ? ngx_oscp_jwk_algorithm(alg, strlen(alg)) : kind->first;
    if (key->alg != kind->first && key->alg != kind->second) {
        return NGX_OSCP_JWK_OTHER;
    }

    kid = ngx_oscp_jwk_string(json, "kid");
    *member = "kid";
    if (kid && (kid[0] == '\0' || strlen(kid) > NGX_OSCP_JWK_KID_MAX)) {
        *must = "must be 1 to 128 bytes";
        return NGX_OSCP_JWK_UNUSABLE;
    }

    for (i = 0; kid && i < set->n; i++) {
        if (set->keys[i].alg == key->alg
            && strcmp(set->keys[i].kid, kid) == 0)
        {
            *must = "must be unique among the keys of an algorithm";
            return NGX_OSCP_JWK_UNUSABLE;
        }
    }

    strcpy(key->kid, kid ? kid : "");

    result = ngx_oscp_jwk_make(key, kind, json, member, must);
    set->n += result == NGX_OSCP_JWK_TAKEN;

    return result;
}


static void
ngx_oscp_jwk_tell(const ngx_oscp_jwk_skips_t *skips, int index,
    const char *member, const char *must)
{
    char          path[64];
    oscp_error_t  why;

    if (skips->skipped) {
        snprintf(path, sizeof(path), "$.keys[%d]%s%s", index,
                 member[0] ? "." : "", member);
        oscp_error_set(&why, OSCP_ERR_SCHEMA, path, "%s", must);
        skips->skipped(skips->data, &why);
    }
}


static int
ngx_oscp_jwk_take_all(ngx_oscp_jwks_t *set, const cJSON *root,
    const ngx_oscp_jwk_skips_t *skips, oscp_error_t *err)
{
    int                     index = 0;
    const char             *member = "", *must = "";
    const cJSON            *keys, *key;
    ngx_oscp_jwk_result_t   result;

    keys = cJSON_GetObjectItemCaseSensitive(root, "keys");
    if (!cJSON_IsArray(keys)) {
        oscp_error_set(err, OSCP_ERR_SCHEMA, "$.keys", "must be a list");
        return -1;
    }

    if (cJSON_GetArraySize(keys) > NGX_OSCP_JWKS_KEYS_MAX) {
        oscp_error_set(err, OSCP_ERR_LIMIT, "$.keys",
                       "must have at most %d keys", NGX_OSCP_JWKS_KEYS_MAX);
        return -1;
    }

    cJSON_ArrayForEach(key, keys) {
        result = ngx_oscp_jwk_take(set, key, &member, &must);

        if (result == NGX_OSCP_JWK_NO_MEMORY) {
            oscp_error_set(err, OSCP_ERR_NOMEM, "$", "must fit in memory");
            return -1;
        }

        if (result == NGX_OSCP_JWK_UNUSABLE) {
            ngx_oscp_jwk_tell(skips, index, member, must);
        }

        index++;
    }

    if (set->n == 0) {
        oscp_error_set(err, OSCP_ERR_SCHEMA, "$.keys", "must have a key that "
                       "verifies RS256, PS256, ES256 or EdDSA");
        return -1;
    }

    return 0;
}


ngx_oscp_jwks_t *
ngx_oscp_jwks_read(const char *json, size_t len,
    ngx_oscp_jwks_skipped_pt skipped, void *data, oscp_error_t *err)
{
    cJSON                 *root;
    ngx_oscp_jwks_t       *set;
    ngx_oscp_jwk_skips_t   skips = { skipped, data };

    if (len > NGX_OSCP_JWKS_SIZE_MAX) {
        oscp_error_set(err, OSCP_ERR_LIMIT, "$", "must be at most %d bytes",
                       NGX_OSCP_JWKS_SIZE_MAX);
        return NULL;
    }

    /* cJSON is lenient: what is not JSON to the letter is refused before. */
    if (oscp_json_check(json, len, err) != OSCP_OK) {
        return NULL;
    }

    set = calloc(1, sizeof(*set));
    root = cJSON_ParseWithLength(json, len);

    if (set == NULL || root == NULL) {
        oscp_error_set(err, OSCP_ERR_NOMEM, "$", "must fit in memory");
        free(set);
        set = NULL;

    } else if (ngx_oscp_jwk_take_all(set, root, &skips, err) != 0) {
        ngx_oscp_jwks_free(set);
        set = NULL;
    }

    cJSON_Delete(root);

    /* What stays in OpenSSL's queue would be reported as somebody else's. */
    ERR_clear_error();

    return set;
}


void
ngx_oscp_jwks_free(ngx_oscp_jwks_t *set)
{
    size_t  i;

    if (set == NULL) {
        return;
    }

    for (i = 0; i < set->n; i++) {
        EVP_PKEY_free(set->keys[i].pkey);
    }

    free(set);
}


size_t
ngx_oscp_jwks_count(const ngx_oscp_jwks_t *set)
{
    return set->n;
}


EVP_PKEY *
ngx_oscp_jwks_find(const ngx_oscp_jwks_t *set, ngx_oscp_jwa_t alg,
    const char *kid, size_t kid_len)
{
    size_t                 i;
    const ngx_oscp_jwk_t  *key;
    EVP_PKEY              *only = NULL;

    for (i = 0; i < set->n; i++) {
        key = &set->keys[i];
        if (key->alg != alg) {
            continue;
        }

        if (kid_len) {
            if (strlen(key->kid) == kid_len
                && memcmp(key->kid, kid, kid_len) == 0)
            {
                return key->pkey;
            }

            continue;
        }

        if (only) {
            return NULL;
        }

        only = key->pkey;
    }

    return kid_len ? NULL : only;
}
