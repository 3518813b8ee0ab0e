/*
 * Bearer tokens: reading the `accept` lines for them, and judging requests.
 */

#include "ngx_oscp_bearer.h"
#include "ngx_oscp_cache.h"
#include "ngx_oscp_conf.h"
#include "ngx_oscp_jwt.h"
#include "ngx_oscp_value.h"

#include <openssl/err.h>

#define NGX_OSCP_BEARER_LEEWAY_S  30        /* on times of outside tokens */

/* What a line demands; all text of the configuration. */
typedef struct {
    ngx_oscp_bearer_client_t     client;    /* of `accept oauth` */
    ngx_oscp_keyset_t           *keyset;    /* of `accept jwt`, else NULL */
    ngx_oscp_jwt_expect_t        expect;    /* but for the time */
    ngx_oscp_cache_key_t         demands;   /* digest of all that, and of the
                                               connection's name */
    const ngx_oscp_main_conf_t  *main;
} ngx_oscp_bearer_rule_t;

/* A parameter "KEY=VALUE" of a line. */
typedef struct {
    const char  *key;                       /* with its "=" */
    ngx_str_t   *value;
} ngx_oscp_bearer_parameter_t;


static ngx_int_t ngx_oscp_bearer_parameters(
    const ngx_oscp_bearer_parameter_t *parameter, ngx_str_t *args,
    ngx_uint_t nargs);
static char *ngx_oscp_bearer_finish(ngx_conf_t *cf, ngx_oscp_auth_t *auth,
    ngx_oscp_auth_line_t *line, ngx_oscp_bearer_rule_t *rule);
static ngx_uint_t ngx_oscp_bearer_plain(const ngx_str_t *text, size_t max);
static ngx_uint_t ngx_oscp_bearer_exhausted(void);
static ngx_oscp_jwt_result_t ngx_oscp_bearer_verify(
    const ngx_oscp_bearer_rule_t *rule, const ngx_str_t *credentials,
    int64_t *expires_s);
static ngx_uint_t ngx_oscp_bearer_matches(
    const ngx_oscp_bearer_client_t *client, const ngx_str_t *id,
    const ngx_str_t *secret, ngx_uint_t *failed);


extern ngx_module_t  ngx_http_oscp_module;


/* NGX_OK: each at most once, with a value, and no others. */
static ngx_int_t
ngx_oscp_bearer_parameters(const ngx_oscp_bearer_parameter_t *parameter,
    ngx_str_t *args, ngx_uint_t nargs)
{
    ngx_str_t                           value;
    ngx_uint_t                          i;
    const ngx_oscp_bearer_parameter_t  *p;

    for (i = 2; i < nargs; i++) {
        for (p = parameter; p->key; p++) {
            if (ngx_oscp_value_named(&args[i], p->key, &value)) {
                break;
            }
        }

        if (p->key == NULL || p->value->data || value.len == 0) {
            return NGX_DECLINED;
        }

        *p->value = value;
    }

    return NGX_OK;
}


/* Visible characters that need no escape in JSON (RFC 6749, scope-token). */
static ngx_uint_t
ngx_oscp_bearer_plain(const ngx_str_t *text, size_t max)
{
    size_t  i;

    for (i = 0; i < text->len; i++) {
        if (text->data[i] <= 0x20 || text->data[i] >= 0x7f
            || text->data[i] == '"' || text->data[i] == '\\')
        {
            return 0;
        }
    }

    return text->len > 0 && text->len <= max;
}


ngx_uint_t
ngx_oscp_bearer_scope_valid(const ngx_str_t *scope)
{
    u_char     *p, *end, *last = scope->data + scope->len;
    ngx_str_t   word;

    if (scope->len == 0 || scope->len > NGX_OSCP_BEARER_SCOPE_MAX) {
        return 0;
    }

    for (p = scope->data; p <= last; p = end + 1) {
        end = ngx_strlchr(p, last, ' ');
        if (end == NULL) {
            end = last;
        }

        word.data = p;
        word.len = end - p;

        if (!ngx_oscp_bearer_plain(&word, NGX_OSCP_BEARER_SCOPE_MAX)) {
            return 0;
        }
    }

    return 1;
}


ngx_uint_t
ngx_oscp_bearer_scope_within(const ngx_str_t *part, const ngx_str_t *whole)
{
    size_t   len;
    u_char  *p, *end, *q, *qend, *last, *qlast;

    last = part->data + part->len;
    qlast = whole->data + whole->len;

    for (p = part->data; p < last; p = end + 1) {
        end = ngx_strlchr(p, last, ' ');
        end = end ? end : last;
        len = end - p;

        for (q = whole->data; q < qlast; q = qend + 1) {
            qend = ngx_strlchr(q, qlast, ' ');
            qend = qend ? qend : qlast;

            if ((size_t) (qend - q) == len && ngx_memcmp(p, q, len) == 0) {
                break;
            }
        }

        if (q >= qlast) {
            return 0;
        }
    }

    return 1;
}


/* accept oauth client_id=ID client_secret_file=PATH [scope=SCOPE] */
char *
ngx_oscp_bearer_oauth_parse(ngx_conf_t *cf, ngx_oscp_auth_t *auth,
    ngx_oscp_auth_line_t *line, ngx_str_t *args, ngx_uint_t nargs)
{
    ngx_str_t                           file = ngx_null_string;
    ngx_uint_t                          i;
    ngx_oscp_auth_line_t               *other = auth->lines.elts;
    ngx_oscp_main_conf_t               *mcf;
    ngx_oscp_bearer_rule_t             *rule;
    ngx_oscp_bearer_client_t           *client;
    const ngx_oscp_bearer_parameter_t  *known;

    rule = ngx_pcalloc(cf->pool, sizeof(ngx_oscp_bearer_rule_t));
    if (rule == NULL) {
        return NGX_CONF_ERROR;
    }

    client = &rule->client;
    known = (ngx_oscp_bearer_parameter_t[]) {
        { "client_id=", &client->id },
        { "client_secret_file=", &file },
        { "scope=", &client->scope },
        { NULL, NULL }
    };

    if (ngx_oscp_bearer_parameters(known, args, nargs) != NGX_OK
        || client->id.len == 0 || file.len == 0)
    {
        return "must be \"oauth client_id=ID client_secret_file=PATH "
               "[scope=SCOPE]\"";
    }

    if (!ngx_oscp_bearer_plain(&client->id, NGX_OSCP_BEARER_CLIENT_MAX)) {
        return "must have a client_id of 1 to 128 visible characters but \" "
               "and \\";
    }

    /* The line at hand is the last one. */
    for (i = 0; i + 1 < auth->lines.nelts; i++) {
        if (other[i].client
            && ngx_strcmp(other[i].client->id.data, client->id.data) == 0)
        {
            return "names the same client_id twice";
        }
    }

    if (ngx_oscp_secret_set(&client->id_digest, &client->id) != NGX_OK
        || ngx_oscp_secret_set_file(cf, &file, &client->secret) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_oscp_module);
    mcf->clients++;

    client->audience = auth->connection;
    line->client = client;

    rule->expect.issuer = NGX_OSCP_BEARER_ISSUER;
    rule->expect.audience = (char *) client->audience.data;
    rule->expect.client_id = (char *) client->id.data;
    rule->expect.scope = (char *) client->scope.data;

    return ngx_oscp_bearer_finish(cf, auth, line, rule);
}


/* accept jwt jwks_file=PATH issuer=ISS audience=AUD [scope=SCOPE] */
char *
ngx_oscp_bearer_jwt_parse(ngx_conf_t *cf, ngx_oscp_auth_t *auth,
    ngx_oscp_auth_line_t *line, ngx_str_t *args, ngx_uint_t nargs)
{
    ngx_str_t                           file = ngx_null_string;
    ngx_str_t                           issuer = ngx_null_string;
    ngx_str_t                           audience = ngx_null_string;
    ngx_str_t                           scope = ngx_null_string;
    ngx_oscp_main_conf_t               *mcf;
    ngx_oscp_bearer_rule_t             *rule;
    const ngx_oscp_bearer_parameter_t  *known;

    known = (ngx_oscp_bearer_parameter_t[]) {
        { "jwks_file=", &file },
        { "issuer=", &issuer },
        { "audience=", &audience },
        { "scope=", &scope },
        { NULL, NULL }
    };

    if (ngx_oscp_bearer_parameters(known, args, nargs) != NGX_OK
        || file.len == 0 || issuer.len == 0 || audience.len == 0)
    {
        return "must be \"jwt jwks_file=PATH issuer=ISSUER audience=AUDIENCE "
               "[scope=SCOPE]\"";
    }

    rule = ngx_pcalloc(cf->pool, sizeof(ngx_oscp_bearer_rule_t));
    if (rule == NULL) {
        return NGX_CONF_ERROR;
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_oscp_module);
    rule->keyset = ngx_oscp_keyset_get(cf, &mcf->keysets, &file);
    if (rule->keyset == NULL) {
        return "must name a key set that can be read";
    }

    rule->expect.issuer = (char *) issuer.data;
    rule->expect.audience = (char *) audience.data;
    rule->expect.scope = (char *) scope.data;
    rule->expect.leeway_s = NGX_OSCP_BEARER_LEEWAY_S;

    return ngx_oscp_bearer_finish(cf, auth, line, rule);
}


/* What both kinds need in the end. */
static char *
ngx_oscp_bearer_finish(ngx_conf_t *cf, ngx_oscp_auth_t *auth,
    ngx_oscp_auth_line_t *line, ngx_oscp_bearer_rule_t *rule)
{
    ngx_str_t                     parts[6];
    ngx_uint_t                    i;
    const ngx_oscp_jwt_expect_t  *expect = &rule->expect;

    parts[0] = auth->connection;
    ngx_str_set(&parts[1], "oauth");
    if (rule->keyset) {
        ngx_str_set(&parts[1], "jwt");
    }

    parts[2].data = (u_char *) expect->issuer;
    parts[3].data = (u_char *) expect->audience;
    parts[4].data = (u_char *) expect->scope;
    parts[5].data = (u_char *) expect->client_id;

    for (i = 2; i < 6; i++) {
        parts[i].len = parts[i].data ? ngx_strlen(parts[i].data) : 0;
    }

    if (parts[4].len && !ngx_oscp_bearer_scope_valid(&parts[4])) {
        return "must have a scope of words with one blank between, at most "
               "256 bytes";
    }

    if (ngx_oscp_cache_make_key(parts, 6, &rule->demands) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    rule->main = ngx_http_conf_get_module_main_conf(cf, ngx_http_oscp_module);
    line->data = rule;

    return NGX_CONF_OK;
}


const char *
ngx_oscp_bearer_check(const ngx_oscp_auth_line_t *line,
    const ngx_str_t *credentials, ngx_uint_t *reached)
{
    int64_t                        expires_s = 0;
    ngx_str_t                      parts[3];
    ngx_shm_zone_t                *cache;
    ngx_oscp_cache_key_t           key;
    ngx_oscp_jwt_result_t          rc;
    const ngx_oscp_bearer_rule_t  *rule = line->data;

    if (credentials->len > NGX_OSCP_JWT_SIZE_MAX) {
        *reached = NGX_OSCP_JWT_OVERSIZED;
        return ngx_oscp_jwt_reason(NGX_OSCP_JWT_OVERSIZED);
    }

    cache = rule->main->token_cache;

    parts[0].data = rule->keyset
                    ? rule->keyset->content.digest
                    : (u_char *) rule->main->token_keys.content.digest;
    parts[0].len = NGX_OSCP_CACHE_KEY_LEN;
    parts[1].data = (u_char *) rule->demands.digest;
    parts[1].len = NGX_OSCP_CACHE_KEY_LEN;
    parts[2] = *credentials;

    if (cache && ngx_oscp_cache_make_key(parts, 3, &key) != NGX_OK) {
        cache = NULL;
    }

    if (cache && ngx_oscp_cache_find(cache, &key, ngx_time())) {
        return NULL;
    }

    ERR_clear_error();
    rc = ngx_oscp_bearer_verify(rule, credentials, &expires_s);

    if (rc != NGX_OSCP_JWT_OK && ngx_oscp_bearer_exhausted()) {
        *reached = NGX_OSCP_JWT_NOMEM;
        return ngx_oscp_auth_unjudged;
    }

    if (rc != NGX_OSCP_JWT_OK) {
        *reached = rc;
        return ngx_oscp_jwt_reason(rc);
    }

    if (cache) {
        ngx_oscp_cache_store(cache, &key, expires_s + rule->expect.leeway_s);
    }

    return NULL;
}


/* Whether OpenSSL has found no memory since its errors were cleared. */
static ngx_uint_t
ngx_oscp_bearer_exhausted(void)
{
    ngx_uint_t     exhausted = 0;
    unsigned long  e;

    while ((e = ERR_get_error()) != 0) {
        exhausted |= (ERR_GET_REASON(e) == ERR_R_MALLOC_FAILURE);
    }

    return exhausted;
}


static ngx_oscp_jwt_result_t
ngx_oscp_bearer_verify(const ngx_oscp_bearer_rule_t *rule,
    const ngx_str_t *credentials, int64_t *expires_s)
{
    ngx_oscp_jwt_expect_t         expect = rule->expect;
    const ngx_oscp_token_keys_t  *own = &rule->main->token_keys;

    expect.now_s = ngx_time();

    if (rule->keyset) {
        return ngx_oscp_jwt_verify((char *) credentials->data,
                                   credentials->len, rule->keyset->set,
                                   &expect, expires_s);
    }

    return ngx_oscp_jwt_verify_own((char *) credentials->data,
                                   credentials->len, own->keys, own->nkeys,
                                   &expect, expires_s);
}


static ngx_uint_t
ngx_oscp_bearer_matches(const ngx_oscp_bearer_client_t *client,
    const ngx_str_t *id, const ngx_str_t *secret, ngx_uint_t *failed)
{
    ngx_int_t  is_id, is_secret;

    is_id = ngx_oscp_secret_equal(&client->id_digest, id);
    is_secret = ngx_oscp_secret_equal(&client->secret, secret);

    *failed |= (is_id == NGX_ERROR) | (is_secret == NGX_ERROR);

    return (is_id == NGX_OK) & (is_secret == NGX_OK);
}


ngx_int_t
ngx_oscp_bearer_find(const ngx_oscp_auth_t *auth,
    const ngx_oscp_form_client_t *given,
    const ngx_oscp_bearer_client_t **found)
{
    ngx_uint_t             i, good, failed = 0;
    ngx_oscp_auth_line_t  *line = auth->lines.elts;

    *found = NULL;

    for (i = 0; i < auth->lines.nelts; i++) {
        if (line[i].client == NULL) {
            continue;
        }

        good = ngx_oscp_bearer_matches(line[i].client, &given->id,
                                       &given->secret, &failed);
        good |= ngx_oscp_bearer_matches(line[i].client, &given->raw_id,
                                        &given->raw_secret, &failed);

        if (good) {
            *found = line[i].client;
        }
    }

    return failed ? NGX_ERROR : *found ? NGX_OK : NGX_DECLINED;
}
