/*
 * The request's header lines that this module looks at, all found in one pass
 * over the list that nginx has read.
 */

#ifndef NGX_OSCP_HEADER_H
#define NGX_OSCP_HEADER_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

/* Slots that every connection looks for; `accept header` lines follow. */
enum {
    NGX_OSCP_HEADER_AUTHORIZATION = 0,
    NGX_OSCP_HEADER_REQUEST_ID,
    NGX_OSCP_HEADER_CORRELATION_ID,
    NGX_OSCP_HEADER_SEGMENT_INDEX,
    NGX_OSCP_HEADER_SEGMENT_COUNT,
    NGX_OSCP_HEADER_FIXED
};

#define NGX_OSCP_HEADER_ACCEPT_MAX  16     /* accept header lines */
#define NGX_OSCP_HEADER_SLOTS                                                 \
    (NGX_OSCP_HEADER_FIXED + NGX_OSCP_HEADER_ACCEPT_MAX)

/* A line to look for; the slot is its place in the list of them. */
typedef struct {
    ngx_uint_t  hash;                      /* as nginx hashes header names */
    ngx_str_t   name;                      /* in lower case */
} ngx_oscp_header_t;

/* What was found: the first value of each slot, and how often it came. */
typedef struct {
    ngx_str_t   value[NGX_OSCP_HEADER_SLOTS];
    u_char      count[NGX_OSCP_HEADER_SLOTS];      /* 2 means "2 or more" */
} ngx_oscp_headers_t;

/*
 * Fills `list` (room for NGX_OSCP_HEADER_FIXED) with the fixed lines.
 */
void ngx_oscp_header_fixed(ngx_oscp_header_t *list);

/*
 * Prepares `header` for `name`, whose lower-case copy comes from `pool`.
 * Returns NGX_OK, NGX_DECLINED (no header name, or one of the fixed) or
 * NGX_ERROR (no memory).
 */
ngx_int_t ngx_oscp_header_init(ngx_oscp_header_t *header, ngx_pool_t *pool,
    const ngx_str_t *name);

/*
 * Looks for the `n` lines of `list`; values point into the request.
 */
void ngx_oscp_header_scan(ngx_http_request_t *r, const ngx_oscp_header_t *list,
    ngx_uint_t n, ngx_oscp_headers_t *found);

#endif /* NGX_OSCP_HEADER_H */
