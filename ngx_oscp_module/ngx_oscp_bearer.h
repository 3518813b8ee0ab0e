/*
 * `accept oauth` and `accept jwt`: the two kinds of Authorization that are
 * bearer tokens (design, sections 4 and 10): ours, from our own token endpoint,
 * and those of an outside issuer.
 */

#ifndef NGX_OSCP_BEARER_H
#define NGX_OSCP_BEARER_H

#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_oscp_auth.h"
#include "ngx_oscp_form.h"

#define NGX_OSCP_BEARER_ISSUER      "oscp"  /* `iss` of our own tokens */
#define NGX_OSCP_BEARER_CLIENT_MAX  128     /* bytes of a client_id */
#define NGX_OSCP_BEARER_SCOPE_MAX   256     /* bytes of a scope */

/* A client that may fetch tokens for a connection: `accept oauth`. */
struct ngx_oscp_bearer_client_s {
    ngx_str_t           id;                 /* with its NUL, as all here */
    ngx_oscp_secret_t   id_digest;
    ngx_oscp_secret_t   secret;
    ngx_str_t           scope;              /* what tokens say; may be empty */
    ngx_str_t           audience;           /* the connection's name */
};

/*
 * The functions of the two kinds; see ngx_oscp_auth.c.  Once verified, a token
 * is known by its digest: ngx_oscp_cache.h.
 */
char *ngx_oscp_bearer_oauth_parse(ngx_conf_t *cf, ngx_oscp_auth_t *auth,
    ngx_oscp_auth_line_t *line, ngx_str_t *args, ngx_uint_t nargs);
char *ngx_oscp_bearer_jwt_parse(ngx_conf_t *cf, ngx_oscp_auth_t *auth,
    ngx_oscp_auth_line_t *line, ngx_str_t *args, ngx_uint_t nargs);
const char *ngx_oscp_bearer_check(const ngx_oscp_auth_line_t *line,
    const ngx_str_t *credentials, ngx_uint_t *reached);

/*
 * The client of a connection that these credentials are of, into `found`.  All
 * of them are compared, in constant time.  NGX_OK; NGX_DECLINED when there is
 * none; NGX_ERROR when nothing can be said.
 */
ngx_int_t ngx_oscp_bearer_find(const ngx_oscp_auth_t *auth,
    const ngx_oscp_form_client_t *given,
    const ngx_oscp_bearer_client_t **found);

/*
 * 1 when `scope` is words of RFC 6749's characters with one blank between, at
 * least one of them.
 */
ngx_uint_t ngx_oscp_bearer_scope_valid(const ngx_str_t *scope);

/* 1 when each word of `part` is one of `whole`. */
ngx_uint_t ngx_oscp_bearer_scope_within(const ngx_str_t *part,
    const ngx_str_t *whole);

#endif /* NGX_OSCP_BEARER_H */
