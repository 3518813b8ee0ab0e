/*
 * Answers.
 */

#include <ngx_config.h>
#include <ngx_core.h>

#include "oscp_write.h"

#include "ngx_oscp_answer.h"


static ngx_table_elt_t *ngx_oscp_answer_line(ngx_http_request_t *r,
    const char *name, const char *value);


ngx_int_t
ngx_oscp_answer_empty(ngx_http_request_t *r)
{
    r->headers_out.status = NGX_HTTP_NO_CONTENT;
    r->header_only = 1;

    return ngx_http_send_header(r);
}


ngx_int_t
ngx_oscp_answer_error(ngx_http_request_t *r, ngx_uint_t status,
    const char *text)
{
    char       json[2 * NGX_OSCP_ANSWER_TEXT_SIZE + sizeof("{'message':''}")];
    ngx_str_t  body;

    body.len = oscp_write_error(text, json, sizeof(json));

    if (body.len >= sizeof(json)) {
        body.len = oscp_write_error("error", json, sizeof(json));
    }

    body.data = ngx_pnalloc(r->pool, body.len);
    if (body.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(body.data, json, body.len);

    return ngx_oscp_answer_status(r, status, &body);
}


ngx_int_t
ngx_oscp_answer_json(ngx_http_request_t *r, const ngx_str_t *body)
{
    return ngx_oscp_answer_status(r, NGX_HTTP_OK, body);
}


ngx_int_t
ngx_oscp_answer_status(ngx_http_request_t *r, ngx_uint_t status,
    const ngx_str_t *body)
{
    ngx_int_t    rc;
    ngx_buf_t   *b;
    ngx_chain_t  out;

    r->headers_out.status = status;
    r->headers_out.content_length_n = body->len;
    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = body->data;
    b->last = body->data + body->len;
    b->memory = 1;
    b->last_buf = (r == r->main);
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


static ngx_table_elt_t *
ngx_oscp_answer_line(ngx_http_request_t *r, const char *name,
    const char *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NULL;
    }

    /* Newer versions of nginx have a further member, to be zero. */
    ngx_memzero(h, sizeof(ngx_table_elt_t));

    h->hash = 1;
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->value.data = (u_char *) value;
    h->value.len = ngx_strlen(value);

    return h;
}


ngx_int_t
ngx_oscp_answer_challenge(ngx_http_request_t *r, const char *value)
{
    ngx_table_elt_t  *h;

    h = ngx_oscp_answer_line(r, "WWW-Authenticate", value);
    r->headers_out.www_authenticate = h;

    return h ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_oscp_answer_header(ngx_http_request_t *r, const char *name,
    const char *value)
{
    return ngx_oscp_answer_line(r, name, value) ? NGX_OK : NGX_ERROR;
}
