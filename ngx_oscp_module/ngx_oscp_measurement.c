/*
 * The content handler of `oscp_measurements`: the status table of the contract
 * as it holds for samples.  Everything behind it is the endpoint's.
 */

#include <ngx_config.h>
#include <ngx_core.h>

#include "oscp_sample.h"

#include "ngx_oscp_answer.h"
#include "ngx_oscp_body.h"
#include "ngx_oscp_endpoint.h"
#include "ngx_oscp_measurement.h"


static ngx_int_t ngx_oscp_measurement_find(ngx_http_request_t *r,
    ngx_oscp_endpoint_ctx_t *ctx);
static ngx_int_t ngx_oscp_measurement_check_connection(ngx_http_request_t *r,
    ngx_oscp_endpoint_ctx_t *ctx, char *text);
static ngx_int_t ngx_oscp_measurement_check_id(ngx_http_request_t *r,
    ngx_oscp_endpoint_ctx_t *ctx, char *text);
static ngx_int_t ngx_oscp_measurement_check_length(ngx_http_request_t *r,
    ngx_oscp_endpoint_ctx_t *ctx, char *text);
static ngx_int_t ngx_oscp_measurement_check_content(ngx_http_request_t *r,
    ngx_oscp_endpoint_ctx_t *ctx, char *text);
static ngx_int_t ngx_oscp_measurement_check_groups(ngx_http_request_t *r,
    ngx_oscp_endpoint_ctx_t *ctx, char *text);
static void ngx_oscp_measurement_add_group(ngx_oscp_entry_t *entry,
    const ngx_oscp_group_t *group);
static ngx_uint_t ngx_oscp_measurement_is_list(const ngx_str_t *body);


static const ngx_oscp_endpoint_row_t  ngx_oscp_measurement_head_rows[] = {

    { NGX_HTTP_NOT_FOUND, NGX_OSCP_REFUSED,
      "no such connection",
      ngx_oscp_measurement_check_connection },

    { NGX_HTTP_NOT_ALLOWED, NGX_OSCP_REFUSED,
      "the method must be POST",
      ngx_oscp_endpoint_check_method },

    { NGX_HTTP_UNSUPPORTED_MEDIA_TYPE, NGX_OSCP_INVALID,
      "Content-Type: must be application/json",
      ngx_oscp_endpoint_check_type },

    { NGX_HTTP_BAD_REQUEST, NGX_OSCP_INVALID,
      "X-Request-ID: must be 1 to 128 visible ASCII characters, once, or not "
      "there",
      ngx_oscp_measurement_check_id },

    { 0, 0, NULL, NULL }
};

static const ngx_oscp_endpoint_row_t  ngx_oscp_measurement_body_rows[] = {

    { NGX_HTTP_REQUEST_ENTITY_TOO_LARGE, NGX_OSCP_INVALID,
      "the body must have at most 1 MB",
      ngx_oscp_measurement_check_length },

    { NGX_HTTP_BAD_REQUEST, NGX_OSCP_INVALID, NULL,
      ngx_oscp_measurement_check_content },

    { NGX_HTTP_NOT_FOUND, NGX_OSCP_REFUSED, NULL,
      ngx_oscp_measurement_check_groups },

    { 0, 0, NULL, NULL }
};

static const ngx_oscp_endpoint_service_t  ngx_oscp_measurement_service = {
    ngx_oscp_measurement_find,
    ngx_oscp_measurement_head_rows,
    ngx_oscp_measurement_body_rows
};


ngx_int_t
ngx_oscp_measurement_handler(ngx_http_request_t *r)
{
    return ngx_oscp_endpoint_serve(r, &ngx_oscp_measurement_service);
}


static ngx_int_t
ngx_oscp_measurement_find(ngx_http_request_t *r, ngx_oscp_endpoint_ctx_t *ctx)
{
    ngx_str_set(&ctx->message, NGX_OSCP_CONNECTION_SAMPLES);

    return ngx_oscp_endpoint_connection(r, &ctx->connection);
}


static ngx_int_t
ngx_oscp_measurement_check_connection(ngx_http_request_t *r,
    ngx_oscp_endpoint_ctx_t *ctx, char *text)
{
    return ctx->connection ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_oscp_measurement_check_id(ngx_http_request_t *r,
    ngx_oscp_endpoint_ctx_t *ctx, char *text)
{
    /* The fixed lines come first in every connection's list. */
    ngx_oscp_header_scan(r, ctx->connection->auth.headers,
                         NGX_OSCP_HEADER_FIXED, &ctx->headers);

    if (ctx->headers.count[NGX_OSCP_HEADER_REQUEST_ID] == 0) {
        return NGX_OK;
    }

    return ngx_oscp_endpoint_take_id(&ctx->headers, NGX_OSCP_HEADER_REQUEST_ID,
                                     &ctx->entry.request_id);
}


static ngx_int_t
ngx_oscp_measurement_check_length(ngx_http_request_t *r,
    ngx_oscp_endpoint_ctx_t *ctx, char *text)
{
    ngx_int_t  rc;

    rc = ngx_oscp_body_get(r, &ctx->entry.body);

    if (rc == NGX_OK
        && ctx->entry.body.len > NGX_OSCP_MEASUREMENT_BODY_MAX)
    {
        return NGX_DECLINED;
    }

    return rc;
}


static ngx_int_t
ngx_oscp_measurement_check_content(ngx_http_request_t *r,
    ngx_oscp_endpoint_ctx_t *ctx, char *text)
{
    oscp_err_t           rc;
    oscp_error_t         err;
    oscp_sample_list_t  *list;
    const ngx_str_t     *body = &ctx->entry.body;

    list = ngx_palloc(r->pool, sizeof(oscp_sample_list_t));
    if (list == NULL) {
        return NGX_ERROR;
    }

    list->max = ngx_min(body->len / OSCP_SAMPLE_BYTES_MIN + 1,
                        OSCP_SAMPLE_LIST_MAX);
    list->items = ngx_palloc(r->pool, list->max * sizeof(oscp_sample_site_t));
    if (list->items == NULL) {
        return NGX_ERROR;
    }

    rc = oscp_sample_read(list, (char *) body->data, body->len, &err);

    if (rc != OSCP_OK) {
        (void) oscp_error_format(&err, text, NGX_OSCP_ANSWER_TEXT_SIZE);
        return NGX_DECLINED;
    }

    ctx->entry.samples = list;

    return list->n <= list->max ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_oscp_measurement_check_groups(ngx_http_request_t *r,
    ngx_oscp_endpoint_ctx_t *ctx, char *text)
{
    char                    *p;
    size_t                   i;
    ngx_str_t                name;
    ngx_oscp_entry_t        *entry = &ctx->entry;
    const ngx_oscp_group_t  *group;

    entry->groups = ngx_palloc(r->pool, entry->samples->n
                                        * sizeof(ngx_oscp_group_t *));
    if (entry->groups == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < entry->samples->n; i++) {
        name.data = (u_char *) entry->samples->items[i].group;
        name.len = ngx_strlen(name.data);
        group = ngx_oscp_connection_group(ctx->connection, &name);

        if (group == NULL) {
            p = (char *) ngx_cpymem(text, "$", 1);
            if (ngx_oscp_measurement_is_list(&entry->body)) {
                p = (char *) ngx_sprintf((u_char *) p, "[%uz]", i);
            }
            (void) ngx_sprintf((u_char *) p, ".group: must be a group of this "
                               "connection%Z");
            return NGX_DECLINED;
        }

        ngx_oscp_measurement_add_group(entry, group);
    }

    /* For the log, where there is one that all of them share. */
    if (entry->ngroups == 1) {
        ctx->group = entry->groups[0]->node.str;
    }

    return NGX_OK;
}


/* Samples come group by group: the last one is looked at first. */
static void
ngx_oscp_measurement_add_group(ngx_oscp_entry_t *entry,
    const ngx_oscp_group_t *group)
{
    ngx_uint_t  i;

    for (i = entry->ngroups; i > 0; i--) {
        if (entry->groups[i - 1] == group) {
            return;
        }
    }

    entry->groups[entry->ngroups++] = group;
}


static ngx_uint_t
ngx_oscp_measurement_is_list(const ngx_str_t *body)
{
    size_t  i;

    for (i = 0; i < body->len; i++) {
        if (body->data[i] == '[' || body->data[i] == '{') {
            return body->data[i] == '[';
        }
    }

    return 0;
}
