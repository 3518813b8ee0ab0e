/*
 * `accept` lines: reading them while nginx is configured, and judging requests
 * by them.  The first of all checks of a request.
 */

#include "ngx_oscp_auth.h"


struct ngx_oscp_auth_kind_s {
    ngx_str_t    name;                  /* the word after `accept` */
    ngx_str_t    scheme;                /* of Authorization, lower case */
    char      *(*parse)(ngx_conf_t *cf, ngx_oscp_auth_line_t *line,
                        ngx_str_t *args, ngx_uint_t nargs);
    ngx_uint_t (*check)(const ngx_oscp_auth_line_t *line,
                        const ngx_str_t *credentials);     /* 1: accepted */
};


static char *ngx_oscp_auth_accept_header(ngx_conf_t *cf,
    ngx_oscp_auth_t *auth, ngx_str_t *args, ngx_uint_t nargs);

static char *ngx_oscp_auth_token_parse(ngx_conf_t *cf,
    ngx_oscp_auth_line_t *line, ngx_str_t *args, ngx_uint_t nargs);
static ngx_uint_t ngx_oscp_auth_token_check(const ngx_oscp_auth_line_t *line,
    const ngx_str_t *credentials);

static ngx_uint_t ngx_oscp_auth_check_authorization(
    const ngx_oscp_auth_t *auth, const ngx_oscp_headers_t *found);


static const ngx_oscp_auth_kind_t  ngx_oscp_auth_kinds[] = {

    { ngx_string("token"),
      ngx_string("token"),
      ngx_oscp_auth_token_parse,
      ngx_oscp_auth_token_check },

    { ngx_null_string, ngx_null_string, NULL, NULL }
};

/* Words of the contract that have no row yet. */
static const ngx_str_t  ngx_oscp_auth_planned[] = {
    ngx_string("oauth"),
    ngx_string("jwt"),
    ngx_null_string
};

static const ngx_str_t  ngx_oscp_auth_file = ngx_string("file=");


ngx_int_t
ngx_oscp_auth_init(ngx_oscp_auth_t *auth, ngx_pool_t *pool)
{
    ngx_oscp_header_fixed(auth->headers);
    auth->nheaders = NGX_OSCP_HEADER_FIXED;

    return ngx_array_init(&auth->lines, pool, 1, sizeof(ngx_oscp_auth_line_t));
}


char *
ngx_oscp_auth_accept(ngx_conf_t *cf, ngx_oscp_auth_t *auth, ngx_str_t *args,
    ngx_uint_t nargs)
{
    const ngx_str_t             *word;
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
            line->data = NULL;

            return kind->parse(cf, line, args, nargs);
        }
    }

    for (word = ngx_oscp_auth_planned; word->len; word++) {
        if (ngx_strcmp(args[1].data, word->data) == 0) {
            return "is not supported yet";
        }
    }

    return "must be \"header\" or \"token\"";
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
ngx_oscp_auth_token_parse(ngx_conf_t *cf, ngx_oscp_auth_line_t *line,
    ngx_str_t *args, ngx_uint_t nargs)
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


static ngx_uint_t
ngx_oscp_auth_token_check(const ngx_oscp_auth_line_t *line,
    const ngx_str_t *credentials)
{
    return ngx_oscp_secret_equal(line->data, credentials);
}


ngx_uint_t
ngx_oscp_auth_empty(const ngx_oscp_auth_t *auth)
{
    return auth->nheaders == NGX_OSCP_HEADER_FIXED && auth->lines.nelts == 0;
}


ngx_int_t
ngx_oscp_auth_check(const ngx_oscp_auth_t *auth,
    const ngx_oscp_headers_t *found)
{
    ngx_uint_t        i, good;
    const ngx_str_t  *value;

    static const ngx_str_t  none = ngx_string("");

    good = ngx_oscp_auth_check_authorization(auth, found);

    for (i = NGX_OSCP_HEADER_FIXED; i < auth->nheaders; i++) {
        value = found->count[i] ? &found->value[i] : &none;

        good &= (found->count[i] == 1);
        good &= ngx_oscp_secret_equal(&auth->secrets[i], value);
    }

    return good ? NGX_OK : NGX_DECLINED;
}


/* 1 when one of the Authorization lines holds, or none is configured. */
static ngx_uint_t
ngx_oscp_auth_check_authorization(const ngx_oscp_auth_t *auth,
    const ngx_oscp_headers_t *found)
{
    u_char                      *p, *last;
    ngx_str_t                    scheme, credentials;
    ngx_uint_t                   i, good;
    const ngx_oscp_auth_line_t  *line;

    if (found->count[NGX_OSCP_HEADER_AUTHORIZATION] > 1) {
        return 0;
    }

    if (auth->lines.nelts == 0) {
        return 1;
    }

    if (found->count[NGX_OSCP_HEADER_AUTHORIZATION] == 0) {
        return 0;
    }

    scheme = found->value[NGX_OSCP_HEADER_AUTHORIZATION];
    last = scheme.data + scheme.len;
    p = ngx_strlchr(scheme.data, last, ' ');

    if (p == NULL) {
        return 0;
    }

    scheme.len = p - scheme.data;

    while (p < last && *p == ' ') {
        p++;
    }

    credentials.data = p;
    credentials.len = last - p;

    good = 0;
    line = auth->lines.elts;

    for (i = 0; i < auth->lines.nelts; i++) {
        if (scheme.len == line[i].kind->scheme.len
            && ngx_strncasecmp(scheme.data, line[i].kind->scheme.data,
                               scheme.len)
               == 0)
        {
            good |= line[i].kind->check(&line[i], &credentials);
        }
    }

    return good;
}


ngx_int_t
ngx_oscp_auth_challenge(ngx_http_request_t *r)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    h->hash = 1;
    ngx_str_set(&h->key, "WWW-Authenticate");
    ngx_str_set(&h->value, "Token realm=\"oscp\"");

    r->headers_out.www_authenticate = h;

    return NGX_OK;
}
