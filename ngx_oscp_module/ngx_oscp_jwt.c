/*
 * JSON Web Tokens: signature first, then the claims.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

#include <cjson/cJSON.h>

#include "oscp_json_check.h"

#include "ngx_oscp_jwt.h"

#define ES256_HALF       32
#define ES256_DER_SIZE   80
#define SIGNATURE_SIZE   1024      /* RSA of 8192 bits */
#define SECONDS_MAX      4e15      /* whole seconds that a double holds */

/* The three parts of a compact token, still encoded. */
typedef struct {
    const char      *header;
    size_t           header_len;
    const char      *payload;
    size_t           payload_len;
    unsigned char    signature[SIGNATURE_SIZE];
    size_t           signature_len;
    size_t           signed_len;   /* of "header.payload" */
    ngx_oscp_jwa_t   alg;
    char             kid[NGX_OSCP_JWK_KID_MAX + 1];
} ngx_oscp_jwt_parts_t;

static const char *const  ngx_oscp_jwt_reasons[] = {
    [NGX_OSCP_JWT_OK] = "valid",
    [NGX_OSCP_JWT_MALFORMED] = "malformed",
    [NGX_OSCP_JWT_OVERSIZED] = "oversized",
    [NGX_OSCP_JWT_ALGORITHM] = "algorithm not allowed",
    [NGX_OSCP_JWT_CRITICAL] = "crit header",
    [NGX_OSCP_JWT_TYPE] = "wrong typ",
    [NGX_OSCP_JWT_KEY] = "unknown key",
    [NGX_OSCP_JWT_SIGNATURE] = "wrong signature",
    [NGX_OSCP_JWT_EXPIRED] = "expired",
    [NGX_OSCP_JWT_NOT_YET] = "not yet valid",
    [NGX_OSCP_JWT_ISSUER] = "wrong issuer",
    [NGX_OSCP_JWT_AUDIENCE] = "wrong audience",
    [NGX_OSCP_JWT_SCOPE] = "wrong scope",
    [NGX_OSCP_JWT_CLIENT] = "wrong client",
    [NGX_OSCP_JWT_NOMEM] = "no memory"
};


const char *
ngx_oscp_jwt_reason(ngx_oscp_jwt_result_t result)
{
    return ngx_oscp_jwt_reasons[result];
}


static const char *
ngx_oscp_jwt_text(const cJSON *object, const char *name)
{
    return cJSON_GetStringValue(
               cJSON_GetObjectItemCaseSensitive(object, name));
}


/* A JSON object from its base64url form; NULL when it is none. */
static cJSON *
ngx_oscp_jwt_decode(const char *text, size_t len)
{
    int             n;
    cJSON          *json = NULL;
    unsigned char  *buf;

    buf = malloc(len + 1);
    if (buf == NULL) {
        return NULL;
    }

    n = ngx_oscp_jwk_decode(text, len, buf, len);
    if (n > 0 && oscp_json_check((char *) buf, (size_t) n, NULL) == OSCP_OK) {
        json = cJSON_ParseWithLength((char *) buf, (size_t) n);
    }

    OPENSSL_cleanse(buf, len);
    free(buf);

    if (json && !cJSON_IsObject(json)) {
        cJSON_Delete(json);
        json = NULL;
    }

    return json;
}


/* A string member: 1 and the text, 0 when absent, -1 when it is no string. */
static int
ngx_oscp_jwt_member(const cJSON *object, const char *name, const char **text)
{
    const cJSON  *value = cJSON_GetObjectItemCaseSensitive(object, name);

    *text = cJSON_GetStringValue(value);

    return value == NULL ? 0 : *text ? 1 : -1;
}


/* "at+jwt", "JWT" or "application/at+jwt", in any case. */
static int
ngx_oscp_jwt_type_allowed(const char *typ)
{
    static const char *const  types[] = {
        "JWT", "at+jwt", "application/at+jwt"
    };

    size_t  i;

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcasecmp(typ, types[i]) == 0) {
            return 1;
        }
    }

    return 0;
}


static ngx_oscp_jwt_result_t
ngx_oscp_jwt_read_header(ngx_oscp_jwt_parts_t *p)
{
    int                     typ_given, kid_given;
    cJSON                  *json;
    const char             *alg, *kid, *typ;
    ngx_oscp_jwt_result_t   rc = NGX_OSCP_JWT_OK;

    json = ngx_oscp_jwt_decode(p->header, p->header_len);
    if (json == NULL) {
        return NGX_OSCP_JWT_MALFORMED;
    }

    alg = ngx_oscp_jwt_text(json, "alg");
    typ_given = ngx_oscp_jwt_member(json, "typ", &typ);
    kid_given = ngx_oscp_jwt_member(json, "kid", &kid);
    p->alg = alg ? ngx_oscp_jwk_algorithm(alg, strlen(alg))
                 : NGX_OSCP_JWA_NONE;
    p->kid[0] = '\0';

    if (p->alg == NGX_OSCP_JWA_NONE) {
        rc = NGX_OSCP_JWT_ALGORITHM;

    } else if (cJSON_GetObjectItemCaseSensitive(json, "crit")) {
        rc = NGX_OSCP_JWT_CRITICAL;

    } else if (typ_given && (typ == NULL || !ngx_oscp_jwt_type_allowed(typ))) {
        rc = NGX_OSCP_JWT_TYPE;

    } else if (kid_given && (kid == NULL || kid[0] == '\0'
                             || strlen(kid) > NGX_OSCP_JWK_KID_MAX))
    {
        rc = NGX_OSCP_JWT_KEY;

    } else if (kid_given) {
        strcpy(p->kid, kid);
    }

    cJSON_Delete(json);

    return rc;
}


static ngx_oscp_jwt_result_t
ngx_oscp_jwt_split(const char *token, size_t len, ngx_oscp_jwt_parts_t *p)
{
    int          n;
    const char  *first, *second, *end = token + len;

    if (len > NGX_OSCP_JWT_SIZE_MAX) {
        return NGX_OSCP_JWT_OVERSIZED;
    }

    first = memchr(token, '.', len);
    if (first == NULL) {
        return NGX_OSCP_JWT_MALFORMED;
    }

    second = memchr(first + 1, '.', (size_t) (end - first - 1));
    if (second == NULL) {
        return NGX_OSCP_JWT_MALFORMED;
    }

    p->header = token;
    p->header_len = (size_t) (first - token);
    p->payload = first + 1;
    p->payload_len = (size_t) (second - first - 1);
    p->signed_len = (size_t) (second - token);

    n = ngx_oscp_jwk_decode(second + 1, (size_t) (end - second - 1),
                            p->signature, sizeof(p->signature));
    if (n < 0) {
        return NGX_OSCP_JWT_MALFORMED;
    }

    p->signature_len = (size_t) n;

    return ngx_oscp_jwt_read_header(p);
}


/* JWS has r and s side by side (RFC 7518, section 3.4), OpenSSL wants DER. */
static int
ngx_oscp_jwt_es256_to_der(const ngx_oscp_jwt_parts_t *p, unsigned char *der)
{
    int             n = -1;
    BIGNUM         *r, *s;
    ECDSA_SIG      *sig;
    unsigned char  *end = der;

    if (p->signature_len != 2 * ES256_HALF) {
        return -1;
    }

    sig = ECDSA_SIG_new();
    r = BN_bin2bn(p->signature, ES256_HALF, NULL);
    s = BN_bin2bn(p->signature + ES256_HALF, ES256_HALF, NULL);

    if (sig && r && s && ECDSA_SIG_set0(sig, r, s) == 1) {
        n = i2d_ECDSA_SIG(sig, &end);
    } else {
        BN_free(r);
        BN_free(s);
    }

    ECDSA_SIG_free(sig);

    return n;
}


static int
ngx_oscp_jwt_signature_holds(const char *token, const ngx_oscp_jwt_parts_t *p,
    EVP_PKEY *pkey)
{
    int                   n, ok;
    EVP_MD_CTX           *ctx;
    EVP_PKEY_CTX         *pctx = NULL;
    const EVP_MD         *md = EVP_sha256();
    unsigned char         der[ES256_DER_SIZE];
    size_t                len = p->signature_len;
    const unsigned char  *signature = p->signature;

    if (p->alg == NGX_OSCP_JWA_EDDSA) {
        md = NULL;

    } else if (p->alg == NGX_OSCP_JWA_ES256) {
        n = ngx_oscp_jwt_es256_to_der(p, der);
        if (n < 0) {
            return 0;
        }

        signature = der;
        len = (size_t) n;
    }

    ctx = EVP_MD_CTX_new();
    ok = ctx && EVP_DigestVerifyInit(ctx, &pctx, md, NULL, pkey) == 1;

    if (ok && p->alg == NGX_OSCP_JWA_PS256) {
        ok = EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) == 1
             && EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST)
                == 1;
    }

    ok = ok && EVP_DigestVerify(ctx, signature, len,
                                (const unsigned char *) token, p->signed_len)
               == 1;
    EVP_MD_CTX_free(ctx);

    /* What stays in OpenSSL's queue would be reported as somebody else's. */
    ERR_clear_error();

    return ok;
}


/* 1 and whole seconds, 0 when absent, -1 when it is no usable number. */
static int
ngx_oscp_jwt_seconds(const cJSON *claims, const char *name, int64_t *seconds)
{
    const cJSON  *value = cJSON_GetObjectItemCaseSensitive(claims, name);

    if (value == NULL) {
        return 0;
    }

    if (!cJSON_IsNumber(value) || !(value->valuedouble > -SECONDS_MAX
                                    && value->valuedouble < SECONDS_MAX))
    {
        return -1;
    }

    *seconds = (int64_t) value->valuedouble;
    return 1;
}


static int
ngx_oscp_jwt_audience_matches(const cJSON *claims, const char *audience)
{
    const cJSON  *item, *aud = cJSON_GetObjectItemCaseSensitive(claims, "aud");

    if (cJSON_IsString(aud)) {
        return strcmp(aud->valuestring, audience) == 0;
    }

    if (!cJSON_IsArray(aud)) {
        return 0;
    }

    cJSON_ArrayForEach(item, aud) {
        if (cJSON_IsString(item) && strcmp(item->valuestring, audience) == 0) {
            return 1;
        }
    }

    return 0;
}


/* 1 when the `len` bytes at `word` are one of the words of `list`. */
static int
ngx_oscp_jwt_word_in(const char *list, const char *word, size_t len)
{
    size_t  n;

    while (*list) {
        list += strspn(list, " ");
        n = strcspn(list, " ");
        if (n == len && n && memcmp(list, word, n) == 0) {
            return 1;
        }

        list += n;
    }

    return 0;
}


static int
ngx_oscp_jwt_scope_has(const cJSON *claims, const char *word, size_t len)
{
    const char   *list = ngx_oscp_jwt_text(claims, "scope");
    const cJSON  *item, *scp = cJSON_GetObjectItemCaseSensitive(claims, "scp");

    if (list && ngx_oscp_jwt_word_in(list, word, len)) {
        return 1;
    }

    if (cJSON_IsString(scp)
        && ngx_oscp_jwt_word_in(scp->valuestring, word, len))
    {
        return 1;
    }

    if (!cJSON_IsArray(scp)) {
        return 0;
    }

    cJSON_ArrayForEach(item, scp) {
        if (cJSON_IsString(item) && strlen(item->valuestring) == len
            && memcmp(item->valuestring, word, len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static int
ngx_oscp_jwt_scopes_match(const cJSON *claims, const char *wanted)
{
    size_t  n;

    while (*wanted) {
        wanted += strspn(wanted, " ");
        n = strcspn(wanted, " ");
        if (n && !ngx_oscp_jwt_scope_has(claims, wanted, n)) {
            return 0;
        }

        wanted += n;
    }

    return 1;
}


static ngx_oscp_jwt_result_t
ngx_oscp_jwt_check_claims(const cJSON *claims, const ngx_oscp_jwt_expect_t *e,
    int64_t *expires_s)
{
    int64_t      exp = 0, nbf = 0;
    const char  *text;

    if (ngx_oscp_jwt_seconds(claims, "exp", &exp) != 1
        || e->now_s - e->leeway_s >= exp)
    {
        return NGX_OSCP_JWT_EXPIRED;
    }

    switch (ngx_oscp_jwt_seconds(claims, "nbf", &nbf)) {
    case -1:
        return NGX_OSCP_JWT_NOT_YET;
    case 1:
        if (e->now_s + e->leeway_s < nbf) {
            return NGX_OSCP_JWT_NOT_YET;
        }
        break;
    default:
        break;
    }

    text = ngx_oscp_jwt_text(claims, "iss");
    if (e->issuer && (text == NULL || strcmp(text, e->issuer) != 0)) {
        return NGX_OSCP_JWT_ISSUER;
    }

    if (e->audience && !ngx_oscp_jwt_audience_matches(claims, e->audience)) {
        return NGX_OSCP_JWT_AUDIENCE;
    }

    text = ngx_oscp_jwt_text(claims, "client_id");
    if (e->client_id && (text == NULL || strcmp(text, e->client_id) != 0)) {
        return NGX_OSCP_JWT_CLIENT;
    }

    if (e->scope && !ngx_oscp_jwt_scopes_match(claims, e->scope)) {
        return NGX_OSCP_JWT_SCOPE;
    }

    if (expires_s) {
        *expires_s = exp;
    }

    return NGX_OSCP_JWT_OK;
}


static ngx_oscp_jwt_result_t
ngx_oscp_jwt_check_payload(const ngx_oscp_jwt_parts_t *p,
    const ngx_oscp_jwt_expect_t *expect, int64_t *expires_s)
{
    cJSON                  *claims;
    ngx_oscp_jwt_result_t   rc;

    claims = ngx_oscp_jwt_decode(p->payload, p->payload_len);
    if (claims == NULL) {
        return NGX_OSCP_JWT_MALFORMED;
    }

    rc = ngx_oscp_jwt_check_claims(claims, expect, expires_s);
    cJSON_Delete(claims);

    return rc;
}


ngx_oscp_jwt_result_t
ngx_oscp_jwt_verify(const char *token, size_t len, const ngx_oscp_jwks_t *set,
    const ngx_oscp_jwt_expect_t *expect, int64_t *expires_s)
{
    EVP_PKEY               *pkey;
    ngx_oscp_jwt_parts_t    p;
    ngx_oscp_jwt_result_t   rc;

    rc = ngx_oscp_jwt_split(token, len, &p);
    if (rc != NGX_OSCP_JWT_OK) {
        return rc;
    }

    if (p.alg == NGX_OSCP_JWA_HS256) {
        return NGX_OSCP_JWT_ALGORITHM;
    }

    pkey = ngx_oscp_jwks_find(set, p.alg, p.kid, strlen(p.kid));
    if (pkey == NULL) {
        return NGX_OSCP_JWT_KEY;
    }

    if (!ngx_oscp_jwt_signature_holds(token, &p, pkey)) {
        return NGX_OSCP_JWT_SIGNATURE;
    }

    return ngx_oscp_jwt_check_payload(&p, expect, expires_s);
}


static int
ngx_oscp_jwt_hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    return (c >= 'a' && c <= 'f') ? c - 'a' + 10 : -1;
}


int
ngx_oscp_jwt_key_parse(const char *line, size_t len, ngx_oscp_jwt_key_t *key)
{
    int            value;
    size_t         i;
    unsigned char  digest[SHA256_DIGEST_LENGTH];

    if (len != 2 * NGX_OSCP_JWT_KEY_SIZE) {
        return -1;
    }

    memset(key, 0, sizeof(*key));
    for (i = 0; i < len; i++) {
        value = ngx_oscp_jwt_hex_digit(line[i]);
        if (value < 0) {
            OPENSSL_cleanse(key, sizeof(*key));
            return -1;
        }

        key->secret[i / 2] = (unsigned char) (key->secret[i / 2] << 4 | value);
    }

    if (SHA256(key->secret, sizeof(key->secret), digest) == NULL) {
        OPENSSL_cleanse(key, sizeof(*key));
        return -1;
    }

    for (i = 0; i < 8; i++) {
        snprintf(key->kid + 2 * i, 3, "%02x", digest[i]);
    }

    return 0;
}


static int
ngx_oscp_jwt_hmac(const ngx_oscp_jwt_key_t *key, const char *text, size_t len,
    unsigned char *mac)
{
    unsigned  n = 0;

    return HMAC(EVP_sha256(), key->secret, sizeof(key->secret),
                (const unsigned char *) text, len, mac, &n) != NULL
           && n == SHA256_DIGEST_LENGTH;
}


ngx_oscp_jwt_result_t
ngx_oscp_jwt_verify_own(const char *token, size_t len,
    const ngx_oscp_jwt_key_t *keys, size_t n,
    const ngx_oscp_jwt_expect_t *expect, int64_t *expires_s)
{
    int                    holds;
    size_t                 i;
    unsigned char          mac[SHA256_DIGEST_LENGTH];
    ngx_oscp_jwt_parts_t   p;
    ngx_oscp_jwt_result_t  rc;

    rc = ngx_oscp_jwt_split(token, len, &p);
    if (rc != NGX_OSCP_JWT_OK) {
        return rc;
    }

    if (p.alg != NGX_OSCP_JWA_HS256) {
        return NGX_OSCP_JWT_ALGORITHM;
    }

    for (i = 0; i < n; i++) {
        if (strcmp(p.kid, keys[i].kid) == 0) {
            break;
        }
    }

    if (i == n) {
        return NGX_OSCP_JWT_KEY;
    }

    holds = ngx_oscp_jwt_hmac(&keys[i], token, p.signed_len, mac)
            && p.signature_len == sizeof(mac)
            && CRYPTO_memcmp(mac, p.signature, sizeof(mac)) == 0;

    /* It would make any token a good one. */
    OPENSSL_cleanse(mac, sizeof(mac));

    if (!holds) {
        return NGX_OSCP_JWT_SIGNATURE;
    }

    return ngx_oscp_jwt_check_payload(&p, expect, expires_s);
}


size_t
ngx_oscp_jwt_sign(const ngx_oscp_jwt_claims_t *c,
    const ngx_oscp_jwt_key_t *key, char *buf, size_t size)
{
    int            n;
    char           header[128], payload[1024];
    size_t         used;
    unsigned char  mac[SHA256_DIGEST_LENGTH];

    n = snprintf(header, sizeof(header),
                 "{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}",
                 key->kid);
    if (n < 0 || (size_t) n >= sizeof(header)) {
        return 0;
    }

    used = (size_t) n;

    n = snprintf(payload, sizeof(payload),
                 "{\"iss\":\"%s\",\"aud\":\"%s\",\"sub\":\"%s\","
                 "\"client_id\":\"%s\",\"iat\":%lld,\"exp\":%lld,"
                 "\"jti\":\"%s\"%s%s%s}",
                 c->issuer, c->audience, c->client_id, c->client_id,
                 (long long) c->issued_s, (long long) c->expires_s, c->id,
                 c->scope ? ",\"scope\":\"" : "", c->scope ? c->scope : "",
                 c->scope ? "\"" : "");
    if (n < 0 || (size_t) n >= sizeof(payload)) {
        return 0;
    }

    /* Each part is padded by itself; two dots, and a NUL. */
    if ((used + 2) / 3 * 4 + ((size_t) n + 2) / 3 * 4
        + (sizeof(mac) + 2) / 3 * 4 + 3
        > size)
    {
        return 0;
    }

    used = ngx_oscp_jwk_encode((unsigned char *) header, used, buf);
    buf[used++] = '.';
    used += ngx_oscp_jwk_encode((unsigned char *) payload, (size_t) n,
                                buf + used);

    if (!ngx_oscp_jwt_hmac(key, buf, used, mac)) {
        return 0;
    }

    buf[used++] = '.';
    used += ngx_oscp_jwk_encode(mac, sizeof(mac), buf + used);

    return used;
}
