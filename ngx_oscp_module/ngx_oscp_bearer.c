/*
 * Bearer tokens: reading the `accept` lines for them, and judging requests.
 */

#include "ngx_oscp_bearer.h"
#include "ngx_oscp_cache.h"
#include "ngx_oscp_conf.h"
#include "ngx_oscp_jwt.h"
#include "ngx_oscp_value.h"

#define NGX_OSCP_BEARER_LEEWAY_S  30        /* on times of outside tokens */

typedef struct {
    ngx_oscp_bearer_client_t      client;
    const ngx_oscp_token_keys_t  *keys;
} ngx_oscp_bearer_oauth_t;

typedef struct {
    ngx_oscp_keyset_t           *keyset;
    ngx_str_t                    issuer;
    ngx_str_t                    audience;
    ngx_str_t                    scope;
    ngx_oscp_cache_key_t         demands;   /* digest of all that, and of the
                                               connection's name */
    const ngx_oscp_main_conf_t  *main;
} ngx_oscp_bearer_jwt_t;

/* A parameter "KEY=VALUE" of a line. */
typedef struct {
    const char  *key;                       /* with its "=" */
    ngx_str_t   *value;
} ngx_oscp_bearer_parameter_t;


static ngx_int_t ngx_oscp_bearer_parameters(
    const ngx_oscp_bearer_parameter_t *parameter, ngx_str_t *args,
    ngx_uint_t nargs);
static ngx_uint_t ngx_oscp_bearer_plain(const ngx_str_t *text, size_t max);
static ngx_uint_t ngx_oscp_bearer_matches(
    const ngx_oscp_bearer_client_t *client, const ngx_str_t *id,
    const ngx_str_t *secret);


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
    ngx_str_t                 file = ngx_null_string;
    ngx_uint_t                i;
    ngx_oscp_auth_line_t     *other = auth->lines.elts;
    ngx_oscp_main_conf_t     *mcf;
    ngx_oscp_bearer_oauth_t  *oauth;

    oauth = ngx_pcalloc(cf->pool, sizeof(ngx_oscp_bearer_oauth_t));
    if (oauth == NULL) {
        return NGX_CONF_ERROR;
    }

    {
        const ngx_oscp_bearer_parameter_t  known[] = {
            { "client_id=", &oauth->client.id },
            { "client_secret_file=", &file },
            { "scope=", &oauth->client.scope },
            { NULL, NULL }
        };

        if (ngx_oscp_bearer_parameters(known, args, nargs) != NGX_OK
            || oauth->client.id.len == 0 || file.len == 0)
        {
            return "must be \"oauth client_id=ID client_secret_file=PATH "
                   "[scope=SCOPE]\"";
        }
    }

    if (!ngx_oscp_bearer_plain(&oauth->client.id, NGX_OSCP_BEARER_CLIENT_MAX))
    {
        return "must have a client_id of 1 to 128 visible characters but \" "
               "and \\";
    }

    if (oauth->client.scope.len
        && !ngx_oscp_bearer_scope_valid(&oauth->client.scope))
    {
        return "must have a scope of words with one blank between, at most "
               "256 bytes";
    }

    /* The line at hand is the last one. */
    for (i = 0; i + 1 < auth->lines.nelts; i++) {
        if (other[i].client
            && ngx_strcmp(other[i].client->id.data, oauth->client.id.data)
               == 0)
        {
            return "names the same client_id twice";
        }
    }

    if (ngx_oscp_secret_set(&oauth->client.id_digest, &oauth->client.id)
        != NGX_OK
        || ngx_oscp_secret_set_file(cf, &file, &oauth->client.secret)
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_oscp_module);
    mcf->clients++;

    oauth->client.audience = auth->connection;
    oauth->keys = &mcf->token_keys;
    line->client = &oauth->client;
    line->data = oauth;

    return NGX_CONF_OK;
}


const char *
ngx_oscp_bearer_oauth_check(const ngx_oscp_auth_line_t *line,
    const ngx_str_t *credentials)
{
    ngx_oscp_jwt_expect_t           expect;
    ngx_oscp_jwt_result_t           rc;
    const ngx_oscp_bearer_oauth_t  *oauth = line->data;

    expect.issuer = NGX_OSCP_BEARER_ISSUER;
    expect.audience = (char *) oauth->client.audience.data;
    expect.client_id = (char *) oauth->client.id.data;
    expect.scope = (char *) oauth->client.scope.data;
    expect.now_s = ngx_time();
    expect.leeway_s = 0;

    rc = ngx_oscp_jwt_verify_own((char *) credentials->data, credentials->len,
                                 oauth->keys->keys, oauth->keys->nkeys,
                                 &expect, NULL);

    return (rc == NGX_OSCP_JWT_OK) ? NULL : ngx_oscp_jwt_reason(rc);
}


/* accept jwt jwks_file=PATH issuer=ISS audience=AUD [scope=SCOPE] */
char *
ngx_oscp_bearer_jwt_parse(ngx_conf_t *cf, ngx_oscp_auth_t *auth,
    ngx_oscp_auth_line_t *line, ngx_str_t *args, ngx_uint_t nargs)
{
    ngx_str_t               file = ngx_null_string, demands[4];
    ngx_oscp_main_conf_t   *mcf;
    ngx_oscp_bearer_jwt_t  *jwt;

    jwt = ngx_pcalloc(cf->pool, sizeof(ngx_oscp_bearer_jwt_t));
    if (jwt == NULL) {
        return NGX_CONF_ERROR;
    }

    {
        const ngx_oscp_bearer_parameter_t  known[] = {
            { "jwks_file=", &file },
            { "issuer=", &jwt->issuer },
            { "audience=", &jwt->audience },
            { "scope=", &jwt->scope },
            { NULL, NULL }
        };

        if (ngx_oscp_bearer_parameters(known, args, nargs) != NGX_OK
            || file.len == 0 || jwt->issuer.len == 0
            || jwt->audience.len == 0)
        {
            return "must be \"jwt jwks_file=PATH issuer=ISSUER "
                   "audience=AUDIENCE [scope=SCOPE]\"";
        }
    }

    if (jwt->scope.len && !ngx_oscp_bearer_scope_valid(&jwt->scope)) {
        return "must have a scope of words with one blank between, at most "
               "256 bytes";
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_oscp_module);

    jwt->main = mcf;
    jwt->keyset = ngx_oscp_keyset_get(cf, &mcf->keysets, &file);
    if (jwt->keyset == NULL) {
        return "must name a key set that can be read";
    }

    demands[0] = auth->connection;
    demands[1] = jwt->issuer;
    demands[2] = jwt->audience;
    demands[3] = jwt->scope;

    if (ngx_oscp_cache_make_key(demands, 4, &jwt->demands) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    line->data = jwt;

    return NGX_CONF_OK;
}


const char *
ngx_oscp_bearer_jwt_check(const ngx_oscp_auth_line_t *line,
    const ngx_str_t *credentials)
{
    int64_t                       expires_s;
    ngx_str_t                     parts[3];
    ngx_shm_zone_t               *cache;
    ngx_oscp_cache_key_t          key;
    ngx_oscp_jwt_expect_t         expect;
    ngx_oscp_jwt_result_t         rc;
    const ngx_oscp_bearer_jwt_t  *jwt = line->data;

    if (credentials->len > NGX_OSCP_JWT_SIZE_MAX) {
        return ngx_oscp_jwt_reason(NGX_OSCP_JWT_OVERSIZED);
    }

    cache = jwt->main->token_cache;

    parts[0].data = jwt->keyset->content.digest;
    parts[0].len = NGX_OSCP_CACHE_KEY_LEN;
    parts[1].data = (u_char *) jwt->demands.digest;
    parts[1].len = NGX_OSCP_CACHE_KEY_LEN;
    parts[2] = *credentials;

    if (cache && ngx_oscp_cache_make_key(parts, 3, &key) != NGX_OK) {
        cache = NULL;
    }

    if (cache && ngx_oscp_cache_find(cache, &key, ngx_time())) {
        return NULL;
    }

    expect.issuer = (char *) jwt->issuer.data;
    expect.audience = (char *) jwt->audience.data;
    expect.scope = (char *) jwt->scope.data;
    expect.client_id = NULL;
    expect.now_s = ngx_time();
    expect.leeway_s = NGX_OSCP_BEARER_LEEWAY_S;

    rc = ngx_oscp_jwt_verify((char *) credentials->data, credentials->len,
                             jwt->keyset->set, &expect, &expires_s);

    if (rc != NGX_OSCP_JWT_OK) {
        return ngx_oscp_jwt_reason(rc);
    }

    if (cache) {
        ngx_oscp_cache_store(cache, &key,
                             expires_s + NGX_OSCP_BEARER_LEEWAY_S);
    }

    return NULL;
}


static ngx_uint_t
ngx_oscp_bearer_matches(const ngx_oscp_bearer_client_t *client,
    const ngx_str_t *id, const ngx_str_t *secret)
{
    return ngx_oscp_secret_equal(&client->id_digest, id)
           & ngx_oscp_secret_equal(&client->secret, secret);
}


const ngx_oscp_bearer_client_t *
ngx_oscp_bearer_find(const ngx_oscp_auth_t *auth,
    const ngx_oscp_form_client_t *given)
{
    ngx_uint_t                       i, good;
    ngx_oscp_auth_line_t            *line = auth->lines.elts;
    const ngx_oscp_bearer_client_t  *found = NULL;

    for (i = 0; i < auth->lines.nelts; i++) {
        if (line[i].client == NULL) {
            continue;
        }

        good = ngx_oscp_bearer_matches(line[i].client, &given->id,
                                       &given->secret);
        good |= ngx_oscp_bearer_matches(line[i].client, &given->raw_id,
                                        &given->raw_secret);

        if (good) {
            found = line[i].client;
        }
    }

    return found;
}
