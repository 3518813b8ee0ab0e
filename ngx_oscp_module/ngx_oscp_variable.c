/*
 * Variables: each shows a member of the request's context, or nothing.
 */

#include "ngx_oscp_endpoint.h"
#include "ngx_oscp_variable.h"


static ngx_int_t ngx_oscp_variable_get(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);

typedef void (*ngx_oscp_variable_pt)(const ngx_oscp_endpoint_ctx_t *ctx,
    ngx_str_t *value);

static void ngx_oscp_variable_connection(const ngx_oscp_endpoint_ctx_t *ctx,
    ngx_str_t *value);
static void ngx_oscp_variable_message(const ngx_oscp_endpoint_ctx_t *ctx,
    ngx_str_t *value);
static void ngx_oscp_variable_group(const ngx_oscp_endpoint_ctx_t *ctx,
    ngx_str_t *value);
static void ngx_oscp_variable_result(const ngx_oscp_endpoint_ctx_t *ctx,
    ngx_str_t *value);
static void ngx_oscp_variable_entry_id(const ngx_oscp_endpoint_ctx_t *ctx,
    ngx_str_t *value);


extern ngx_module_t  ngx_http_oscp_module;

static const struct {
    ngx_str_t             name;
    ngx_oscp_variable_pt  get;
} ngx_oscp_variables[] = {
    { ngx_string("oscp_connection"), ngx_oscp_variable_connection },
    { ngx_string("oscp_message"), ngx_oscp_variable_message },
    { ngx_string("oscp_group"), ngx_oscp_variable_group },
    { ngx_string("oscp_result"), ngx_oscp_variable_result },
    { ngx_string("oscp_entry_id"), ngx_oscp_variable_entry_id }
};


ngx_int_t
ngx_oscp_variable_add(ngx_conf_t *cf)
{
    ngx_str_t             name;
    ngx_uint_t            i;
    ngx_http_variable_t  *var;

    for (i = 0;
         i < sizeof(ngx_oscp_variables) / sizeof(ngx_oscp_variables[0]);
         i++)
    {
        name = ngx_oscp_variables[i].name;

        var = ngx_http_add_variable(cf, &name, NGX_HTTP_VAR_NOCACHEABLE);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = ngx_oscp_variable_get;
        var->data = i;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_oscp_variable_get(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_str_t                       value;
    const ngx_oscp_endpoint_ctx_t  *ctx;

    ngx_str_null(&value);

    ctx = ngx_http_get_module_ctx(r, ngx_http_oscp_module);

    if (ctx) {
        ngx_oscp_variables[data].get(ctx, &value);
    }

    if (value.len == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    v->data = value.data;
    v->len = value.len;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


static void
ngx_oscp_variable_connection(const ngx_oscp_endpoint_ctx_t *ctx,
    ngx_str_t *value)
{
    if (ctx->connection) {
        *value = ctx->connection->node.str;
    }
}


static void
ngx_oscp_variable_message(const ngx_oscp_endpoint_ctx_t *ctx, ngx_str_t *value)
{
    *value = ctx->message;
}


static void
ngx_oscp_variable_group(const ngx_oscp_endpoint_ctx_t *ctx, ngx_str_t *value)
{
    *value = ctx->group;
}


static void
ngx_oscp_variable_result(const ngx_oscp_endpoint_ctx_t *ctx, ngx_str_t *value)
{
    if (ctx->result >= 0) {
        *value = ngx_oscp_counter_results[ctx->result];
    }
}


static void
ngx_oscp_variable_entry_id(const ngx_oscp_endpoint_ctx_t *ctx,
    ngx_str_t *value)
{
    *value = ctx->entry.id;
}
