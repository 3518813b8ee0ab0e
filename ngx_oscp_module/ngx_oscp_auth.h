/*
 * What a peer must present to us: one of the Authorization lines, and every
 * header line (design, section 4, `accept`).  Kinds of Authorization are rows
 * of a table in ngx_oscp_auth.c: a further one is a row and its two functions.
 */

#ifndef NGX_OSCP_AUTH_H
#define NGX_OSCP_AUTH_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_oscp_header.h"
#include "ngx_oscp_secret.h"

typedef struct ngx_oscp_auth_kind_s      ngx_oscp_auth_kind_t;
typedef struct ngx_oscp_bearer_client_s  ngx_oscp_bearer_client_t;

/* `accept KIND …`: one acceptable Authorization. */
typedef struct {
    const ngx_oscp_auth_kind_t      *kind;
    const ngx_oscp_bearer_client_t  *client;  /* of `accept oauth`, or NULL */
    void                            *data;    /* the kind's own, of cf->pool */
} ngx_oscp_auth_line_t;

typedef struct {
    ngx_str_t           connection;         /* its name, with its NUL */
    ngx_oscp_header_t   headers[NGX_OSCP_HEADER_SLOTS];   /* to look for */
    ngx_uint_t          nheaders;           /* NGX_OSCP_HEADER_FIXED and more */
    ngx_oscp_secret_t   secrets[NGX_OSCP_HEADER_SLOTS];   /* of `accept
                                               header` lines, same slots */
    ngx_array_t         lines;              /* of ngx_oscp_auth_line_t */
} ngx_oscp_auth_t;

/*
 * Prepares an empty list for the connection of that name, whose bytes must
 * live as long.  Returns NGX_OK or NGX_ERROR (no memory).
 */
ngx_int_t ngx_oscp_auth_init(ngx_oscp_auth_t *auth, ngx_pool_t *pool,
    const ngx_str_t *connection);

/*
 * Reads one `accept` directive; args[0] is "accept", args[1] the kind.
 * Returns NGX_CONF_OK, NGX_CONF_ERROR (logged), or a text that says what is
 * wrong with the directive.
 */
char *ngx_oscp_auth_accept(ngx_conf_t *cf, ngx_oscp_auth_t *auth,
    ngx_str_t *args, ngx_uint_t nargs);

/* The reason of a check that could not be made, for want of memory. */
extern const char  ngx_oscp_auth_unjudged[];

/* 1 when nothing is demanded: no `accept` line was given. */
ngx_uint_t ngx_oscp_auth_empty(const ngx_oscp_auth_t *auth);

/* 1 when there is an `accept oauth` line. */
ngx_uint_t ngx_oscp_auth_has_client(const ngx_oscp_auth_t *auth);

/*
 * The name of a demanded header line with "_" in it, which nginx does not let
 * in by default, or NULL.
 */
const ngx_str_t *ngx_oscp_auth_underscored(const ngx_oscp_auth_t *auth);

/*
 * Judges a request by the header lines found in it.  Every line is looked at,
 * whatever the others gave, so that the time tells nothing.
 *
 * Returns NGX_OK, or NGX_DECLINED (answer 401); then `reason` is a static text
 * for the log, and for nobody else.  NGX_ERROR when nothing can be said.
 */
ngx_int_t ngx_oscp_auth_check(const ngx_oscp_auth_t *auth,
    const ngx_oscp_headers_t *found, const char **reason);

/*
 * Adds WWW-Authenticate to the response, with the schemes that `auth` demands;
 * whatever was wrong, it is the same.  NULL, and header lines alone, count as
 * OSCP's own scheme, Token.  Returns NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_oscp_auth_challenge(ngx_http_request_t *r,
    const ngx_oscp_auth_t *auth);

#endif /* NGX_OSCP_AUTH_H */
