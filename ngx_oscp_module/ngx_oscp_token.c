/*
 * The content handler of `oscp_token`.
 *
 * What can be wrong is a table, as in ngx_oscp_endpoint.c; the client is
 * authenticated before its wishes are looked at.  Answers are RFC 6749's.
 */

#include <ngx_config.h>
#include <ngx_core.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "ngx_oscp_answer.h"
#include "ngx_oscp_bearer.h"
#include "ngx_oscp_body.h"
#include "ngx_oscp_endpoint.h"
#include "ngx_oscp_form.h"
#include "ngx_oscp_token.h"

#define NGX_OSCP_TOKEN_ID_LEN       16      /* bytes of a jti */
#define NGX_OSCP_TOKEN_SIZE         2048    /* of a token, with its NUL */
#define NGX_OSCP_TOKEN_ANSWER_SIZE                                            \
    (NGX_OSCP_TOKEN_SIZE + NGX_OSCP_BEARER_SCOPE_MAX + 128)

typedef struct {
    ngx_oscp_endpoint_ctx_t          endpoint;  /* first: variables read it */
    ngx_oscp_form_t                  form;
    ngx_uint_t                       basic;     /* Authorization was used */
    ngx_str_t                        named;     /* client_id, beside that */
    ngx_oscp_form_client_t           given;
    const ngx_oscp_bearer_client_t  *client;    /* NULL: not known yet */
    ngx_str_t                        scope;     /* what the token will say */
} ngx_oscp_token_ctx_t;

/* What can be wrong with a request. */
typedef struct {
    ngx_uint_t          status;
    ngx_oscp_result_e   result;
    const char         *error;                  /* the RFC's word */
    const char         *text;                   /* unless … */

    /* NGX_OK, NGX_DECLINED (it may then have set `text`) or NGX_ERROR. */
    ngx_int_t         (*check)(ngx_http_request_t *r,
                               ngx_oscp_token_ctx_t *ctx, const char **text);
} ngx_oscp_token_row_t;


static ngx_int_t ngx_oscp_token_run(ngx_http_request_t *r,
    ngx_oscp_token_ctx_t *ctx, const ngx_oscp_token_row_t *row);
static void ngx_oscp_token_body_handler(ngx_http_request_t *r);

static ngx_int_t ngx_oscp_token_check_method(ngx_http_request_t *r,
    ngx_oscp_token_ctx_t *ctx, const char **text);
static ngx_int_t ngx_oscp_token_check_type(ngx_http_request_t *r,
    ngx_oscp_token_ctx_t *ctx, const char **text);
static ngx_int_t ngx_oscp_token_check_promise(ngx_http_request_t *r,
    ngx_oscp_token_ctx_t *ctx, const char **text);
static ngx_int_t ngx_oscp_token_check_length(ngx_http_request_t *r,
    ngx_oscp_token_ctx_t *ctx, const char **text);
static ngx_int_t ngx_oscp_token_check_form(ngx_http_request_t *r,
    ngx_oscp_token_ctx_t *ctx, const char **text);
static ngx_int_t ngx_oscp_token_check_one_way(ngx_http_request_t *r,
    ngx_oscp_token_ctx_t *ctx, const char **text);
static ngx_int_t ngx_oscp_token_check_client(ngx_http_request_t *r,
    ngx_oscp_token_ctx_t *ctx, const char **text);
static ngx_int_t ngx_oscp_token_check_grant(ngx_http_request_t *r,
    ngx_oscp_token_ctx_t *ctx, const char **text);
static ngx_int_t ngx_oscp_token_check_grant_type(ngx_http_request_t *r,
    ngx_oscp_token_ctx_t *ctx, const char **text);
static ngx_int_t ngx_oscp_token_check_scope(ngx_http_request_t *r,
    ngx_oscp_token_ctx_t *ctx, const char **text);

static ngx_int_t ngx_oscp_token_basic(ngx_http_request_t *r,
    ngx_oscp_token_ctx_t *ctx);
static ngx_int_t ngx_oscp_token_refuse(ngx_http_request_t *r,
    ngx_oscp_token_ctx_t *ctx, const ngx_oscp_token_row_t *row,
    const char *text);
static ngx_int_t ngx_oscp_token_issue(ngx_http_request_t *r,
    ngx_oscp_token_ctx_t *ctx);
static size_t ngx_oscp_token_sign(ngx_oscp_token_ctx_t *ctx,
    const ngx_oscp_token_keys_t *keys, char *token);
static ngx_int_t ngx_oscp_token_answer(ngx_http_request_t *r,
    ngx_uint_t status, const ngx_str_t *body);


extern ngx_module_t  ngx_http_oscp_module;

static const ngx_oscp_token_row_t  ngx_oscp_token_head_rows[] = {

    { NGX_HTTP_NOT_ALLOWED, NGX_OSCP_REFUSED, "invalid_request",
      "the method must be POST",
      ngx_oscp_token_check_method },

    { NGX_HTTP_BAD_REQUEST, NGX_OSCP_INVALID, "invalid_request",
      "Content-Type: must be application/x-www-form-urlencoded",
      ngx_oscp_token_check_type },

    { NGX_HTTP_BAD_REQUEST, NGX_OSCP_INVALID, "invalid_request",
      "the form must be at most 8192 bytes",
      ngx_oscp_token_check_promise },

    { 0, 0, NULL, NULL, NULL }
};

static const ngx_oscp_token_row_t  ngx_oscp_token_body_rows[] = {

    { NGX_HTTP_BAD_REQUEST, NGX_OSCP_INVALID, "invalid_request",
      "the form must be at most 8192 bytes",
      ngx_oscp_token_check_length },

    { NGX_HTTP_BAD_REQUEST, NGX_OSCP_INVALID, "invalid_request", NULL,
      ngx_oscp_token_check_form },

    { NGX_HTTP_BAD_REQUEST, NGX_OSCP_INVALID, "invalid_request",
      "the client must authenticate in one way, not in two",
      ngx_oscp_token_check_one_way },

    { NGX_HTTP_UNAUTHORIZED, NGX_OSCP_UNAUTHENTICATED, "invalid_client",
      "the client's credentials are missing or wrong",
      ngx_oscp_token_check_client },

    { NGX_HTTP_BAD_REQUEST, NGX_OSCP_INVALID, "invalid_request",
      "grant_type must be there",
      ngx_oscp_token_check_grant },

    { NGX_HTTP_BAD_REQUEST, NGX_OSCP_INVALID, "unsupported_grant_type",
      "grant_type must be client_credentials",
      ngx_oscp_token_check_grant_type },

    { NGX_HTTP_BAD_REQUEST, NGX_OSCP_INVALID, "invalid_scope",
      "scope must be of what the client may have",
      ngx_oscp_token_check_scope },

    { 0, 0, NULL, NULL, NULL }
};


ngx_int_t
ngx_oscp_token_handler(ngx_http_request_t *r)
{
    ngx_int_t              rc;
    ngx_oscp_token_ctx_t  *ctx;

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_oscp_token_ctx_t));
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->endpoint.request = r;
    ctx->endpoint.kind = -1;
    ctx->endpoint.result = -1;

    ngx_http_set_ctx(r, ctx, ngx_http_oscp_module);

    if (ngx_oscp_endpoint_connection(r, &ctx->endpoint.connection) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_oscp_token_run(r, ctx, ngx_oscp_token_head_rows);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    /* In memory: a secret has no business in a temporary file. */
    r->request_body_in_single_buf = 1;

    rc = ngx_http_read_client_request_body(r, ngx_oscp_token_body_handler);

    return (rc >= NGX_HTTP_SPECIAL_RESPONSE) ? rc : NGX_DONE;
}


/* NGX_DECLINED: all rows passed; else what the answer gave. */
static ngx_int_t
ngx_oscp_token_run(ngx_http_request_t *r, ngx_oscp_token_ctx_t *ctx,
    const ngx_oscp_token_row_t *row)
{
    ngx_int_t    rc;
    const char  *text;

    for ( /* void */ ; row->check; row++) {
        text = row->text;
        rc = row->check(r, ctx, &text);

        if (rc == NGX_ERROR) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        if (rc == NGX_DECLINED) {
            return ngx_oscp_token_refuse(r, ctx, row, text);
        }
    }

    return NGX_DECLINED;
}


static void
ngx_oscp_token_body_handler(ngx_http_request_t *r)
{
    ngx_int_t              rc;
    ngx_str_t             *body;
    ngx_oscp_token_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_oscp_module);
    ctx->endpoint.body_read = 1;

    rc = ngx_oscp_token_run(r, ctx, ngx_oscp_token_body_rows);

    if (rc == NGX_DECLINED) {
        rc = ngx_oscp_token_issue(r, ctx);
    }

    /* The form held the secret, and nobody reads it any more. */
    body = &ctx->endpoint.entry.body;
    if (body->len) {
        OPENSSL_cleanse(body->data, body->len);
    }

    ngx_http_finalize_request(r, rc);
}


static ngx_int_t
ngx_oscp_token_check_method(ngx_http_request_t *r, ngx_oscp_token_ctx_t *ctx,
    const char **text)
{
    return (r->method == NGX_HTTP_POST) ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_oscp_token_check_type(ngx_http_request_t *r, ngx_oscp_token_ctx_t *ctx,
    const char **text)
{
    ngx_str_t  type;

    static const ngx_str_t  form =
        ngx_string("application/x-www-form-urlencoded");

    if (r->headers_in.content_type == NULL) {
        return NGX_DECLINED;
    }

    type = r->headers_in.content_type->value;

    if (type.len < form.len
        || ngx_strncasecmp(type.data, form.data, form.len) != 0)
    {
        return NGX_DECLINED;
    }

    return (type.len == form.len || type.data[form.len] == ';'
            || type.data[form.len] == ' ')
           ? NGX_OK : NGX_DECLINED;
}


/* What is too long by its own word is not read at all. */
static ngx_int_t
ngx_oscp_token_check_promise(ngx_http_request_t *r, ngx_oscp_token_ctx_t *ctx,
    const char **text)
{
    return (r->headers_in.content_length_n > NGX_OSCP_TOKEN_BODY_MAX)
           ? NGX_DECLINED : NGX_OK;
}


static ngx_int_t
ngx_oscp_token_check_length(ngx_http_request_t *r, ngx_oscp_token_ctx_t *ctx,
    const char **text)
{
    ngx_int_t   rc;
    ngx_str_t  *body = &ctx->endpoint.entry.body;

    rc = ngx_oscp_body_get(r, body);

    return (rc == NGX_OK && body->len > NGX_OSCP_TOKEN_BODY_MAX)
           ? NGX_DECLINED : rc;
}


static ngx_int_t
ngx_oscp_token_check_form(ngx_http_request_t *r, ngx_oscp_token_ctx_t *ctx,
    const char **text)
{
    *text = ngx_oscp_form_parse(&ctx->form, &ctx->endpoint.entry.body);

    return *text ? NGX_DECLINED : NGX_OK;
}


static ngx_int_t
ngx_oscp_token_check_one_way(ngx_http_request_t *r, ngx_oscp_token_ctx_t *ctx,
    const char **text)
{
    ngx_str_t  id, secret;

    id = ngx_oscp_form_get(&ctx->form, "client_id");
    secret = ngx_oscp_form_get(&ctx->form, "client_secret");

    ctx->basic = (r->headers_in.authorization != NULL);

    if (ctx->basic) {
        ctx->named = id;
        return secret.len ? NGX_DECLINED : NGX_OK;
    }

    ctx->given.id = ctx->given.raw_id = id;
    ctx->given.secret = ctx->given.raw_secret = secret;

    return NGX_OK;
}


static ngx_int_t
ngx_oscp_token_check_client(ngx_http_request_t *r, ngx_oscp_token_ctx_t *ctx,
    const char **text)
{
    ngx_int_t                     rc;
    const ngx_oscp_connection_t  *connection = ctx->endpoint.connection;

    if (ctx->basic) {
        rc = ngx_oscp_token_basic(r, ctx);
        if (rc != NGX_OK) {
            return rc;
        }

        if (ctx->named.len
            && (ctx->named.len != ctx->given.id.len
                || ngx_memcmp(ctx->named.data, ctx->given.id.data,
                              ctx->named.len) != 0))
        {
            return NGX_DECLINED;
        }
    }

    if (connection == NULL) {
        return NGX_DECLINED;
    }

    return ngx_oscp_bearer_find(&connection->auth, &ctx->given, &ctx->client);
}


static ngx_int_t
ngx_oscp_token_basic(ngx_http_request_t *r, ngx_oscp_token_ctx_t *ctx)
{
    u_char     *p, *last;
    ngx_str_t   credentials;

    static const ngx_str_t  scheme = ngx_string("basic ");

    credentials = r->headers_in.authorization->value;
    p = credentials.data + scheme.len;
    last = credentials.data + credentials.len;

    if (credentials.len < scheme.len
        || ngx_strncasecmp(credentials.data, scheme.data, scheme.len) != 0)
    {
        return NGX_DECLINED;
    }

    while (p < last && *p == ' ') {
        p++;
    }

    credentials.data = p;
    credentials.len = last - p;

    return ngx_oscp_form_basic(r->pool, &credentials, &ctx->given);
}


static ngx_int_t
ngx_oscp_token_check_grant(ngx_http_request_t *r, ngx_oscp_token_ctx_t *ctx,
    const char **text)
{
    return ngx_oscp_form_get(&ctx->form, "grant_type").len ? NGX_OK
                                                           : NGX_DECLINED;
}


static ngx_int_t
ngx_oscp_token_check_grant_type(ngx_http_request_t *r,
    ngx_oscp_token_ctx_t *ctx, const char **text)
{
    ngx_str_t  grant;

    static const ngx_str_t  ours = ngx_string("client_credentials");

    grant = ngx_oscp_form_get(&ctx->form, "grant_type");

    return (grant.len == ours.len
            && ngx_memcmp(grant.data, ours.data, ours.len) == 0)
           ? NGX_OK : NGX_DECLINED;
}


/* Without a wish a client gets all that it may have. */
static ngx_int_t
ngx_oscp_token_check_scope(ngx_http_request_t *r, ngx_oscp_token_ctx_t *ctx,
    const char **text)
{
    ngx_str_t  wish;

    wish = ngx_oscp_form_get(&ctx->form, "scope");
    ctx->scope = ctx->client->scope;

    if (wish.len == 0) {
        return NGX_OK;
    }

    if (!ngx_oscp_bearer_scope_valid(&wish)
        || !ngx_oscp_bearer_scope_within(&wish, &ctx->scope))
    {
        return NGX_DECLINED;
    }

    /* With a NUL, for the token. */
    ctx->scope.data = ngx_pnalloc(r->pool, wish.len + 1);
    if (ctx->scope.data == NULL) {
        return NGX_ERROR;
    }

    ctx->scope.len = wish.len;
    *ngx_cpymem(ctx->scope.data, wish.data, wish.len) = '\0';

    return NGX_OK;
}


static ngx_int_t
ngx_oscp_token_refuse(ngx_http_request_t *r, ngx_oscp_token_ctx_t *ctx,
    const ngx_oscp_token_row_t *row, const char *text)
{
    u_char      json[256];
    ngx_int_t   rc;
    ngx_str_t   body, name = ngx_string("-");

    ctx->endpoint.result = row->result;

    if (ctx->endpoint.connection) {
        name = ctx->endpoint.connection->node.str;
    }

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "oscp: answered %ui %s to a client of connection %V: %s",
                  row->status, row->error, &name, text);

    if (!ctx->endpoint.body_read) {
        rc = ngx_http_discard_request_body(r);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if ((row->status == NGX_HTTP_UNAUTHORIZED
         && ngx_oscp_answer_challenge(r, "Basic realm=\"oscp\"") != NGX_OK)
        || (row->status == NGX_HTTP_NOT_ALLOWED
            && ngx_oscp_answer_header(r, "Allow", "POST") != NGX_OK))
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* Both are texts of our own, which need no escapes. */
    body.len = ngx_snprintf(json, sizeof(json), "{\"error\":\"%s\","
                            "\"error_description\":\"%s\"}", row->error, text)
               - json;
    body.data = ngx_pnalloc(r->pool, body.len);
    if (body.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memcpy(body.data, json, body.len);

    return ngx_oscp_token_answer(r, row->status, &body);
}


static ngx_int_t
ngx_oscp_token_issue(ngx_http_request_t *r, ngx_oscp_token_ctx_t *ctx)
{
    char                         token[NGX_OSCP_TOKEN_SIZE];
    u_char                      *p, *last;
    ngx_str_t                    body;
    const ngx_oscp_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_oscp_module);

    body.len = NGX_OSCP_TOKEN_ANSWER_SIZE;
    body.data = ngx_pnalloc(r->pool, body.len);
    if (body.data == NULL
        || ngx_oscp_secret_wipe_with(r->pool, &body) != NGX_OK
        || ngx_oscp_token_sign(ctx, &mcf->token_keys, token) == 0)
    {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "oscp: a token could not be made");
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    last = body.data + body.len;
    p = ngx_slprintf(body.data, last, "{\"access_token\":\"%s\","
                     "\"token_type\":\"Bearer\",\"expires_in\":%T", token,
                     mcf->token_keys.lifetime_s);

    if (ctx->scope.len) {
        p = ngx_slprintf(p, last, ",\"scope\":\"%V\"", &ctx->scope);
    }

    p = ngx_slprintf(p, last, "}");
    body.len = p - body.data;

    OPENSSL_cleanse(token, sizeof(token));

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "oscp: issued a token for connection %V to client %V",
                  &ctx->endpoint.connection->node.str, &ctx->client->id);

    return ngx_oscp_token_answer(r, NGX_HTTP_OK, &body);
}


/* The token's length, or 0. */
static size_t
ngx_oscp_token_sign(ngx_oscp_token_ctx_t *ctx,
    const ngx_oscp_token_keys_t *keys, char *token)
{
    u_char                 random[NGX_OSCP_TOKEN_ID_LEN];
    u_char                 id[2 * NGX_OSCP_TOKEN_ID_LEN + 1];
    ngx_oscp_jwt_claims_t  claims;

    if (RAND_bytes(random, sizeof(random)) != 1) {
        return 0;
    }

    *ngx_hex_dump(id, random, sizeof(random)) = '\0';

    claims.issuer = NGX_OSCP_BEARER_ISSUER;
    claims.audience = (char *) ctx->client->audience.data;
    claims.client_id = (char *) ctx->client->id.data;
    claims.scope = ctx->scope.len ? (char *) ctx->scope.data : NULL;
    claims.id = (char *) id;
    claims.issued_s = ngx_time();
    claims.expires_s = claims.issued_s + keys->lifetime_s;

    return ngx_oscp_jwt_sign(&claims, &keys->keys[0], token,
                             NGX_OSCP_TOKEN_SIZE);
}


/* No cache may keep what is answered here (RFC 6749, section 5.1). */
static ngx_int_t
ngx_oscp_token_answer(ngx_http_request_t *r, ngx_uint_t status,
    const ngx_str_t *body)
{
    if (ngx_oscp_answer_header(r, "Cache-Control", "no-store") != NGX_OK
        || ngx_oscp_answer_header(r, "Pragma", "no-cache") != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_oscp_answer_status(r, status, body);
}
