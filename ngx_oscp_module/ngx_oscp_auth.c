/*
 * `accept` lines: reading them while nginx is configured, and judging requests
 * by them.  The first of all checks of a request.
 */

#include "ngx_oscp_answer.h"
#include "ngx_oscp_auth.h"
#include "ngx_oscp_bearer.h"


struct ngx_oscp_auth_kind_s {
    ngx_str_t    name;                  /* the word after `accept` */
    ngx_str_t    scheme;                /* of Authorization, lower case */
    char      *(*parse)(ngx_conf_t *cf, ngx_oscp_auth_t *auth,
                        ngx_oscp_auth_line_t *line, ngx_str_t *args,
                        ngx_uint_t nargs);

    /*
     * NULL: accepted; else the reason, for the log, and in `reached`, above 0,
     * how far the credentials got with this line.
     */
    const char *(*check)(const ngx_oscp_auth_line_t *line,
                         const ngx_str_t *credentials, ngx_uint_t *reached);
};


static char *ngx_oscp_auth_accept_header(ngx_conf_t *cf,
    ngx_oscp_auth_t *auth, ngx_str_t *args, ngx_uint_t nargs);

static char *ngx_oscp_auth_token_parse(ngx_conf_t *cf, ngx_oscp_auth_t *auth,
    ngx_oscp_auth_line_t *line, ngx_str_t *args, ngx_uint_t nargs);
static const char *ngx_oscp_auth_token_check(const ngx_oscp_auth_line_t *line,
    const ngx_str_t *credentials, ngx_uint_t *reached);

static const char *ngx_oscp_auth_check_authorization(
    const ngx_oscp_auth_t *auth, const ngx_oscp_headers_t *found);
static const char *ngx_oscp_auth_check_lines(const ngx_oscp_auth_t *auth,
    const ngx_str_t *scheme, const ngx_str_t *credentials);


static const ngx_oscp_auth_kind_t  ngx_oscp_auth_kinds[] = {

    { ngx_string("oauth"),
      ngx_string("bearer"),
      ngx_oscp_bearer_oauth_parse,
      ngx_oscp_bearer_check },

    { ngx_string("jwt"),
      ngx_string("bearer"),
      ngx_oscp_bearer_jwt_parse,
      ngx_oscp_bearer_check },

    { ngx_string("token"),
      ngx_string("token"),
      ngx_oscp_auth_token_parse,
      ngx_oscp_auth_token_check },

    { ngx_null_string, ngx_null_string, NULL, NULL }
};

const char  ngx_oscp_auth_unjudged[] = "no memory to judge the credentials";

static const ngx_str_t  ngx_oscp_auth_file = ngx_string("file=");


ngx_int_t
ngx_oscp_auth_init(ngx_oscp_auth_t *auth, ngx_pool_t *pool,
    const ngx_str_t *connection)
{
    auth->connection = *connection;

    ngx_oscp_header_fixed(auth->headers);
    auth->nheaders = NGX_OSCP_HEADER_FIXED;

    return ngx_array_init(&auth->lines, pool, 1, sizeof(ngx_oscp_auth_line_t));
}


char *
ngx_oscp_auth_accept(ngx_conf_t *cf, ngx_oscp_auth_t *auth, ngx_str_t *args,
    ngx_uint_t nargs)
{
    ngx_oscp_auth_line_t        *line;
    const ngx_oscp_auth_kind_t  *kind;

    if (ngx_strcmp(args[1].data, "header") == 0) {
        return ngx_oscp_auth_accept_header(cf, auth, args, nargs);
    }

    for (kind = ngx_oscp_auth_kinds; kind->parse; kind++) {
        if (ngx_strcmp(args[1].data, kind->name.data) == 0) {
            line = ngx_array_push(&auth->lines);
            if (line == NULL) {
                return NGX_CONF_ERROR;
            }

            line->kind = kind;
            line->client = NULL;
            line->data = NULL;

            return kind->parse(cf, auth, line, args, nargs);
        }
    }

    return "must be \"oauth\", \"jwt\", \"token\" or \"header\"";
}


/* accept header NAME VALUE | accept header NAME file=PATH */
static char *
ngx_oscp_auth_accept_header(ngx_conf_t *cf, ngx_oscp_auth_t *auth,
    ngx_str_t *args, ngx_uint_t nargs)
{
    ngx_int_t           rc;
    ngx_str_t           value;
    ngx_uint_t          i;
    ngx_oscp_header_t  *header;

    if (nargs != 4 || args[3].len == 0) {
        return "must be \"header NAME VALUE\" or \"header NAME file=PATH\"";
    }

    if (auth->nheaders == NGX_OSCP_HEADER_SLOTS) {
        return "comes too often: at most 16 header lines";
    }

    header = &auth->headers[auth->nheaders];

    rc = ngx_oscp_header_init(header, cf->pool, &args[2]);

    if (rc != NGX_OK) {
        return (rc == NGX_ERROR) ? NGX_CONF_ERROR
                                 : "must name a header of the peer's own";
    }

    for (i = NGX_OSCP_HEADER_FIXED; i < auth->nheaders; i++) {
        if (auth->headers[i].name.len == header->name.len
            && ngx_memcmp(auth->headers[i].name.data, header->name.data,
                          header->name.len)
               == 0)
        {
            return "names the same header twice";
        }
    }

    value = args[3];

    if (value.len >= ngx_oscp_auth_file.len
        && ngx_memcmp(value.data, ngx_oscp_auth_file.data,
                      ngx_oscp_auth_file.len)
           == 0)
    {
        value.data += ngx_oscp_auth_file.len;
        value.len -= ngx_oscp_auth_file.len;
        rc = ngx_oscp_secret_set_file(cf, &value,
                                      &auth->secrets[auth->nheaders]);

    } else {
        rc = ngx_oscp_secret_set(&auth->secrets[auth->nheaders], &value);
    }

    if (rc != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    auth->nheaders++;

    return NGX_CONF_OK;
}


/* accept token file=PATH: OSCP's own "Authorization: Token …" */
static char *
ngx_oscp_auth_token_parse(ngx_conf_t *cf, ngx_oscp_auth_t *auth,
    ngx_oscp_auth_line_t *line, ngx_str_t *args, ngx_uint_t nargs)
{
    ngx_str_t  path;

    if (nargs != 3
        || args[2].len <= ngx_oscp_auth_file.len
        || ngx_memcmp(args[2].data, ngx_oscp_auth_file.data,
                      ngx_oscp_auth_file.len)
           != 0)
    {
        return "must be \"token file=PATH\"";
    }

    line->data = ngx_palloc(cf->pool, sizeof(ngx_oscp_secret_t));
    if (line->data == NULL) {
        return NGX_CONF_ERROR;
    }

    path.data = args[2].data + ngx_oscp_auth_file.len;
    path.len = args[2].len - ngx_oscp_auth_file.len;

    if (ngx_oscp_secret_set_file(cf, &path, line->data) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static const char *
ngx_oscp_auth_token_check(const ngx_oscp_auth_line_t *line,
    const ngx_str_t *credentials, ngx_uint_t *reached)
{
    ngx_int_t  rc = ngx_oscp_secret_equal(line->data, credentials);

    *reached = rc == NGX_ERROR ? 2 : 1;

    return rc == NGX_OK ? NULL
           : rc == NGX_ERROR ? ngx_oscp_auth_unjudged : "wrong token";
}


ngx_uint_t
ngx_oscp_auth_empty(const ngx_oscp_auth_t *auth)
{
    return auth->nheaders == NGX_OSCP_HEADER_FIXED && auth->lines.nelts == 0;
}


ngx_uint_t
ngx_oscp_auth_has_client(const ngx_oscp_auth_t *auth)
{
    ngx_uint_t                   i;
    const ngx_oscp_auth_line_t  *line = auth->lines.elts;

    for (i = 0; i < auth->lines.nelts; i++) {
        if (line[i].client) {
            return 1;
        }
    }

    return 0;
}


const ngx_str_t *
ngx_oscp_auth_underscored(const ngx_oscp_auth_t *auth)
{
    ngx_uint_t        i;
    const ngx_str_t  *name;

    for (i = NGX_OSCP_HEADER_FIXED; i < auth->nheaders; i++) {
        name = &auth->headers[i].name;

        if (ngx_strlchr(name->data, name->data + name->len, '_')) {
            return name;
        }
    }

    return NULL;
}


ngx_int_t
ngx_oscp_auth_check(const ngx_oscp_auth_t *auth,
    const ngx_oscp_headers_t *found, const char **reason)
{
    ngx_int_t         rc;
    ngx_uint_t        i, good;
    const ngx_str_t  *value;

    static const ngx_str_t  none = ngx_string("");

    *reason = ngx_oscp_auth_check_authorization(auth, found);

    for (i = NGX_OSCP_HEADER_FIXED; i < auth->nheaders; i++) {
        value = found->count[i] ? &found->value[i] : &none;

        rc = ngx_oscp_secret_equal(&auth->secrets[i], value);
        good = (found->count[i] == 1);
        good &= (rc == NGX_OK);

        if (!good && *reason == NULL) {
            *reason = rc == NGX_ERROR ? ngx_oscp_auth_unjudged
                      : found->count[i] > 1 ? "a header line twice"
                      : found->count[i] ? "a wrong header line"
                      : "a header line is missing";
        }
    }

    return *reason == NULL ? NGX_OK
           : *reason == ngx_oscp_auth_unjudged ? NGX_ERROR : NGX_DECLINED;
}


/* NULL when one of the Authorization lines holds, or none is configured. */
static const char *
ngx_oscp_auth_check_authorization(const ngx_oscp_auth_t *auth,
    const ngx_oscp_headers_t *found)
{
    u_char     *p, *last;
    ngx_str_t   scheme, credentials;

    if (found->count[NGX_OSCP_HEADER_AUTHORIZATION] > 1) {
        return "Authorization twice";
    }

    if (auth->lines.nelts == 0) {
        return NULL;
    }

    if (found->count[NGX_OSCP_HEADER_AUTHORIZATION] == 0) {
        return "no Authorization";
    }

    scheme = found->value[NGX_OSCP_HEADER_AUTHORIZATION];
    last = scheme.data + scheme.len;
    p = ngx_strlchr(scheme.data, last, ' ');

    if (p == NULL) {
        return "Authorization of one word";
    }

    scheme.len = p - scheme.data;

    while (p < last && *p == ' ') {
        p++;
    }

    credentials.data = p;
    credentials.len = last - p;

    return ngx_oscp_auth_check_lines(auth, &scheme, &credentials);
}


/*
 * Of several lines the reason of the one with which they got furthest is the
 * one to look for: it is the line that was meant.
 */
static const char *
ngx_oscp_auth_check_lines(const ngx_oscp_auth_t *auth,
    const ngx_str_t *scheme, const ngx_str_t *credentials)
{
    const char                  *wrong, *reason = "wrong scheme";
    ngx_uint_t                   i, reached, furthest = 0, good = 0;
    const ngx_oscp_auth_line_t  *line = auth->lines.elts;

    for (i = 0; i < auth->lines.nelts; i++) {
        if (scheme->len == line[i].kind->scheme.len
            && ngx_strncasecmp(scheme->data, line[i].kind->scheme.data,
                               scheme->len)
               == 0)
        {
            wrong = line[i].kind->check(&line[i], credentials, &reached);
            good |= (wrong == NULL);

            if (wrong && reached > furthest) {
                reason = wrong;
                furthest = reached;
            }
        }
    }

    return good ? NULL : reason;
}


ngx_int_t
ngx_oscp_auth_challenge(ngx_http_request_t *r, const ngx_oscp_auth_t *auth)
{
    ngx_uint_t                   i, bearer = 0, token = 0;
    const char                  *value;
    const ngx_oscp_auth_line_t  *line;

    line = auth ? auth->lines.elts : NULL;

    for (i = 0; line && i < auth->lines.nelts; i++) {
        if (line[i].kind->scheme.data[0] == 'b') {
            bearer = 1;

        } else {
            token = 1;
        }
    }

    value = !bearer ? "Token realm=\"oscp\""
            : token ? "Bearer realm=\"oscp\", Token realm=\"oscp\""
            : "Bearer realm=\"oscp\"";

    return ngx_oscp_answer_challenge(r, value);
}
