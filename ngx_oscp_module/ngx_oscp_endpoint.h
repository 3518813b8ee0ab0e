/*
 * `oscp_endpoint`: one inbound message, from its request to its answer (design,
 * section 3).  Content phase.
 */

#ifndef NGX_OSCP_ENDPOINT_H
#define NGX_OSCP_ENDPOINT_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_oscp_conf.h"
#include "ngx_oscp_counter.h"
#include "ngx_oscp_header.h"
#include "ngx_oscp_ingest.h"

#define NGX_OSCP_ENDPOINT_ID_SIZE       48    /* "1700000000000-0" and longer */
#define NGX_OSCP_ENDPOINT_SEGMENT_SIZE  8     /* "100/100" */

/* What is known of a request; the variables are read from it. */
typedef struct {
    ngx_http_request_t           *request;
    const ngx_oscp_connection_t  *connection;     /* NULL: not known */
    ngx_int_t                     kind;           /* -1: no such message */
    ngx_str_t                     group;          /* as the message names it */
    ngx_int_t                     result;         /* -1: not yet */
    ngx_str_t                     id;             /* of the stored entry */

    const char                   *reason;         /* of a 401, for the log */
    ngx_uint_t                    body_read;
    ngx_oscp_headers_t            headers;
    ngx_oscp_entry_t              entry;
    u_char                        id_text[NGX_OSCP_ENDPOINT_ID_SIZE];
    u_char                        segment[NGX_OSCP_ENDPOINT_SEGMENT_SIZE];
} ngx_oscp_endpoint_ctx_t;

/*
 * Stores the connection that the request's location names, or NULL when a
 * variable in it has no such name.  Returns NGX_OK or NGX_ERROR (no memory).
 */
ngx_int_t ngx_oscp_endpoint_connection(ngx_http_request_t *r,
    const ngx_oscp_connection_t **connection);

/* nginx's content handler. */
ngx_int_t ngx_oscp_endpoint_handler(ngx_http_request_t *r);

#endif /* NGX_OSCP_ENDPOINT_H */
