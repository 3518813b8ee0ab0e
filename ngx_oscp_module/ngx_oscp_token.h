/*
 * `oscp_token`: the token endpoint (RFC 6749, sections 4.4 and 5; design,
 * sections 4 and 10).  A client of a connection, `accept oauth`, gets an access
 * token that the connection's endpoint accepts.  Content phase.
 */

#ifndef NGX_OSCP_TOKEN_H
#define NGX_OSCP_TOKEN_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#define NGX_OSCP_TOKEN_BODY_MAX  8192       /* bytes of a form */

/* nginx's content handler. */
ngx_int_t ngx_oscp_token_handler(ngx_http_request_t *r);

#endif /* NGX_OSCP_TOKEN_H */
