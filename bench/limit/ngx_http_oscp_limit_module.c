/*
 * The two limits that the benchmark measures the OSCP module against.  Content
 * handlers, without a check of anything:
 *
 *     limit_discard;          reads the body and answers 204
 *     limit_xadd PATH;        sends the body with one XADD to the stream
 *                             "limit" of the Redis at the unix socket PATH,
 *                             over one pipelined connection, and answers on
 *                             its reply
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_oscp_redis_event.h"


typedef struct {
    ngx_str_t  path;                  /* NUL-terminated; empty: discard */
} ngx_http_oscp_limit_conf_t;


static void ngx_http_oscp_limit_body(ngx_http_request_t *r);
static ngx_int_t ngx_http_oscp_limit_whole(ngx_http_request_t *r,
    ngx_str_t *body);
static ngx_int_t ngx_http_oscp_limit_connect(const ngx_str_t *path);
static void ngx_http_oscp_limit_reply(redisAsyncContext *ac, void *reply,
    void *data);
static void ngx_http_oscp_limit_detached(void *data,
    const redisAsyncContext *ac);
static void *ngx_http_oscp_limit_create_conf(ngx_conf_t *cf);
static char *ngx_http_oscp_limit_set(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


static ngx_oscp_redis_event_t  ngx_http_oscp_limit_event;


static ngx_command_t  ngx_http_oscp_limit_commands[] = {

    { ngx_string("limit_discard"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_oscp_limit_set,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("limit_xadd"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_oscp_limit_set,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_oscp_limit_module_ctx = {
    NULL,                                  /* preconfiguration */
    NULL,                                  /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_oscp_limit_create_conf,       /* create location configuration */
    NULL                                   /* merge location configuration */
};


ngx_module_t  ngx_http_oscp_limit_module = {
    NGX_MODULE_V1,
    &ngx_http_oscp_limit_module_ctx,       /* module context */
    ngx_http_oscp_limit_commands,          /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_http_oscp_limit_handler(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    rc = ngx_http_read_client_request_body(r, ngx_http_oscp_limit_body);
    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    return NGX_DONE;
}


static void
ngx_http_oscp_limit_answer(ngx_http_request_t *r, ngx_uint_t status)
{
    r->headers_out.status = status;
    r->headers_out.content_length_n = 0;
    r->header_only = 1;
    ngx_http_finalize_request(r, ngx_http_send_header(r));
}


static void
ngx_http_oscp_limit_body(ngx_http_request_t *r)
{
    ngx_str_t                    body;
    const char                  *argv[5];
    size_t                       argvlen[5];
    redisAsyncContext           *ac;
    ngx_http_oscp_limit_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_oscp_limit_module);

    if (lcf->path.len == 0) {
        ngx_http_oscp_limit_answer(r, NGX_HTTP_NO_CONTENT);
        return;
    }

    if (ngx_http_oscp_limit_whole(r, &body) != NGX_OK) {
        ngx_http_oscp_limit_answer(r, NGX_HTTP_BAD_REQUEST);
        return;
    }

    ac = ngx_http_oscp_limit_event.ac;
    if (ac == NULL) {
        if (ngx_http_oscp_limit_connect(&lcf->path) != NGX_OK) {
            ngx_http_oscp_limit_answer(r, NGX_HTTP_SERVICE_UNAVAILABLE);
            return;
        }
        ac = ngx_http_oscp_limit_event.ac;
    }

    argv[0] = "XADD";
    argv[1] = "limit";
    argv[2] = "*";
    argv[3] = "body";
    argv[4] = (char *) body.data;
    argvlen[0] = argvlen[3] = 4;
    argvlen[1] = 5;
    argvlen[2] = 1;
    argvlen[4] = body.len;

    if (redisAsyncCommandArgv(ac, ngx_http_oscp_limit_reply, r, 5, argv,
                              argvlen)
        != REDIS_OK)
    {
        ngx_http_oscp_limit_answer(r, NGX_HTTP_SERVICE_UNAVAILABLE);
    }
}


/* What came with the headers and what came after them, in one piece. */
static ngx_int_t
ngx_http_oscp_limit_whole(ngx_http_request_t *r, ngx_str_t *body)
{
    u_char       *p;
    ngx_chain_t  *cl;

    body->len = 0;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        if (cl->buf->in_file) {
            return NGX_ERROR;
        }
        body->len += cl->buf->last - cl->buf->pos;
    }

    if (body->len == 0) {
        return NGX_ERROR;
    }

    if (r->request_body->bufs->next == NULL) {
        body->data = r->request_body->bufs->buf->pos;
        return NGX_OK;
    }

    body->data = ngx_pnalloc(r->pool, body->len);
    if (body->data == NULL) {
        return NGX_ERROR;
    }

    p = body->data;
    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        p = ngx_cpymem(p, cl->buf->pos, cl->buf->last - cl->buf->pos);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_oscp_limit_connect(const ngx_str_t *path)
{
    redisAsyncContext  *ac;

    ac = redisAsyncConnectUnix((char *) path->data);
    if (ac == NULL || ac->err) {
        if (ac) {
            redisAsyncFree(ac);
        }
        return NGX_ERROR;
    }

    ngx_http_oscp_limit_event.detached = ngx_http_oscp_limit_detached;

    if (ngx_oscp_redis_event_attach(&ngx_http_oscp_limit_event, ac,
                                    ngx_cycle->log)
        != NGX_OK)
    {
        redisAsyncFree(ac);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_oscp_limit_reply(redisAsyncContext *ac, void *reply, void *data)
{
    redisReply          *answer = reply;
    ngx_connection_t    *c;
    ngx_http_request_t  *r = data;

    c = r->connection;
    ngx_http_oscp_limit_answer(r,
        answer && answer->type == REDIS_REPLY_STRING
        ? NGX_HTTP_NO_CONTENT : NGX_HTTP_SERVICE_UNAVAILABLE);
    ngx_http_run_posted_requests(c);
}


static void
ngx_http_oscp_limit_detached(void *data, const redisAsyncContext *ac)
{
    /* The next request connects again. */
}


static void *
ngx_http_oscp_limit_create_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_http_oscp_limit_conf_t));
}


static char *
ngx_http_oscp_limit_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t                   *value = cf->args->elts;
    ngx_http_core_loc_conf_t    *clcf;
    ngx_http_oscp_limit_conf_t  *lcf = conf;

    if (cf->args->nelts == 2) {
        lcf->path = value[1];
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_oscp_limit_handler;

    return NGX_CONF_OK;
}
