/*
 * Bodies in one piece.
 */

#include "ngx_oscp_body.h"


static ngx_int_t ngx_oscp_body_copy(ngx_http_request_t *r, ngx_buf_t *b,
    u_char *to);


ngx_int_t
ngx_oscp_body_get(ngx_http_request_t *r, ngx_str_t *body)
{
    off_t         len;
    u_char       *p;
    ngx_buf_t    *b;
    ngx_uint_t    n;
    ngx_chain_t  *cl;

    ngx_str_null(body);

    if (r->request_body == NULL) {
        return NGX_OK;
    }

    b = NULL;
    len = 0;
    n = 0;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        if (ngx_buf_size(cl->buf) > 0) {
            b = cl->buf;
            len += ngx_buf_size(b);
            n++;
        }
    }

    if (len > NGX_OSCP_BODY_MAX) {
        return NGX_DECLINED;
    }

    if (n == 0) {
        return NGX_OK;
    }

    body->len = len;

    if (n == 1 && !b->in_file) {
        body->data = b->pos;
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, body->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    body->data = p;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        if (ngx_buf_size(cl->buf) == 0) {
            continue;
        }

        if (ngx_oscp_body_copy(r, cl->buf, p) != NGX_OK) {
            return NGX_ERROR;
        }

        p += ngx_buf_size(cl->buf);
    }

    return NGX_OK;
}


/*
 * A file is one that nginx has written just now, because the body is larger
 * than its buffer: it comes from the page cache.
 */
static ngx_int_t
ngx_oscp_body_copy(ngx_http_request_t *r, ngx_buf_t *b, u_char *to)
{
    size_t   size = ngx_buf_size(b);
    ssize_t  n;
    off_t    offset;

    if (!b->in_file || ngx_buf_in_memory(b)) {
        ngx_memcpy(to, b->pos, size);
        return NGX_OK;
    }

    offset = b->file_pos;

    while (size > 0) {
        n = ngx_read_file(b->file, to, size, offset);

        if (n == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (n == 0) {
            ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0,
                          "oscp: \"%V\" is shorter than it should be",
                          &b->file->name);
            return NGX_ERROR;
        }

        to += n;
        offset += n;
        size -= n;
    }

    return NGX_OK;
}
