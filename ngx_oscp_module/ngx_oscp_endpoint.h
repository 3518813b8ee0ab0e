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

#define NGX_OSCP_ENDPOINT_SEGMENT_SIZE  8     /* "100/100" */

typedef struct ngx_oscp_endpoint_ctx_s  ngx_oscp_endpoint_ctx_t;

/* A row of the status table. */
typedef struct {
    ngx_uint_t          status;
    ngx_oscp_result_e   result;
    const char         *text;          /* of the answer, unless … */

    /*
     * NGX_OK: the request passes.  NGX_DECLINED: it does not; the function may
     * then have written a better text.  NGX_ERROR: 500.
     */
    ngx_int_t         (*check)(ngx_http_request_t *r,
                               ngx_oscp_endpoint_ctx_t *ctx, char *text);
} ngx_oscp_endpoint_row_t;

/*
 * What a kind of location takes in: how its requests are recognised, and the
 * rows of the status table in their order, each list ended by a row without a
 * check.  What passes all of them is ctx->entry, and goes to Redis.
 */
typedef struct {
    /* Which connection, and which message.  NGX_OK or NGX_ERROR. */
    ngx_int_t                     (*find)(ngx_http_request_t *r,
                                          ngx_oscp_endpoint_ctx_t *ctx);
    const ngx_oscp_endpoint_row_t  *head;      /* by the request's head */
    const ngx_oscp_endpoint_row_t  *body;      /* when its body is there */
} ngx_oscp_endpoint_service_t;

/* What is known of a request; the variables are read from it. */
struct ngx_oscp_endpoint_ctx_s {
    ngx_http_request_t                 *request;
    const ngx_oscp_endpoint_service_t  *service;
    const ngx_oscp_connection_t        *connection;   /* NULL: not known */
    ngx_int_t                           kind;         /* -1: none of OSCP's */
    ngx_str_t                           message;      /* its name, or empty */
    ngx_str_t                           group;        /* as it is named there */
    ngx_int_t                           result;       /* -1: not yet */

    const char                         *reason;       /* of a 401, for the
                                                         log */
    ngx_uint_t                          body_read;
    ngx_oscp_headers_t                  headers;
    ngx_oscp_entry_t                    entry;
    u_char                              segment[NGX_OSCP_ENDPOINT_SEGMENT_SIZE];
};

/*
 * Stores the connection that the request's location names, or NULL when a
 * variable in it has no such name.  Returns NGX_OK or NGX_ERROR (no memory).
 */
ngx_int_t ngx_oscp_endpoint_connection(ngx_http_request_t *r,
    const ngx_oscp_connection_t **connection);

/* nginx's content handler of `oscp_endpoint`. */
ngx_int_t ngx_oscp_endpoint_handler(ngx_http_request_t *r);

/*
 * The work of a content handler: takes the request through the rows of
 * `service` and into Redis, and answers it.  Returns what such a handler does.
 */
ngx_int_t ngx_oscp_endpoint_serve(ngx_http_request_t *r,
    const ngx_oscp_endpoint_service_t *service);

/* Checks that several services have: POST, and application/json. */
ngx_int_t ngx_oscp_endpoint_check_method(ngx_http_request_t *r,
    ngx_oscp_endpoint_ctx_t *ctx, char *text);
ngx_int_t ngx_oscp_endpoint_check_type(ngx_http_request_t *r,
    ngx_oscp_endpoint_ctx_t *ctx, char *text);

/*
 * Takes the id in the header line of `slot`, which was found, into `id`.
 * Returns NGX_OK, or NGX_DECLINED: it is there twice or unusable; `id` is then
 * empty.
 */
ngx_int_t ngx_oscp_endpoint_take_id(const ngx_oscp_headers_t *found,
    ngx_uint_t slot, ngx_str_t *id);

#endif /* NGX_OSCP_ENDPOINT_H */
