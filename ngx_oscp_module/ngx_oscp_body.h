/*
 * The request's body as one piece of memory, however nginx has read it: in one
 * buffer, in several, or in a temporary file.
 */

#ifndef NGX_OSCP_BODY_H
#define NGX_OSCP_BODY_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

/*
 * What client_max_body_size lets through is limited here as well: a whole
 * forecast of as many blocks as we read is about an eighth of it.
 */
#define NGX_OSCP_BODY_MAX  8388608     /* bytes */

/*
 * Stores in `body` the bytes of the body that nginx has read: its only buffer,
 * or a copy from r->pool.  Empty when there was none.
 * Returns NGX_OK, NGX_DECLINED (longer than NGX_OSCP_BODY_MAX) or NGX_ERROR
 * (no memory, or the file could not be read; logged).
 */
ngx_int_t ngx_oscp_body_get(ngx_http_request_t *r, ngx_str_t *body);

#endif /* NGX_OSCP_BODY_H */
