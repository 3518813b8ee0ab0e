/*
 * Directives of http{} and of locations, and the making of the whole: names
 * are resolved, connections checked against each other, documents and keys
 * written, the version computed.
 */

#include <ngx_config.h>
#include <ngx_core.h>

#include <openssl/evp.h>

#include "oscp_key.h"

#include "ngx_oscp_address.h"
#include "ngx_oscp_conf.h"
#include "ngx_oscp_endpoint.h"
#include "ngx_oscp_measurement.h"
#include "ngx_oscp_status.h"
#include "ngx_oscp_token.h"
#include "ngx_oscp_value.h"

#define NGX_OSCP_CONF_ADDRESS        "127.0.0.1:6379"
#define NGX_OSCP_CONF_TIMEOUT_MS     1000
#define NGX_OSCP_CONF_TIMEOUT_MIN    10
#define NGX_OSCP_CONF_TIMEOUT_MAX    60000
#define NGX_OSCP_CONF_BACKLOG        100000
#define NGX_OSCP_CONF_BACKLOG_MAX    100000000


static char *ngx_oscp_conf_set_redis(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_oscp_conf_set_timeout(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_oscp_conf_set_prefix(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_oscp_conf_set_number(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_oscp_conf_set_connection(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_oscp_conf_set_endpoint(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_oscp_conf_set_measurements(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_oscp_conf_set_token(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_oscp_conf_set_location(ngx_conf_t *cf,
    ngx_oscp_loc_conf_t *lcf, ngx_http_handler_pt handler);
static char *ngx_oscp_conf_set_handler(ngx_conf_t *cf,
    ngx_oscp_loc_conf_t *lcf, ngx_http_handler_pt handler);
static char *ngx_oscp_conf_set_status(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


static ngx_int_t ngx_oscp_conf_finish_connections(ngx_conf_t *cf,
    ngx_oscp_main_conf_t *mcf);
static ngx_int_t ngx_oscp_conf_check_all(ngx_conf_t *cf,
    ngx_oscp_main_conf_t *mcf);
static ngx_int_t ngx_oscp_conf_finish_endpoints(ngx_conf_t *cf,
    ngx_oscp_main_conf_t *mcf);
static ngx_int_t ngx_oscp_conf_finish_tokens(ngx_conf_t *cf,
    ngx_oscp_main_conf_t *mcf);
static ngx_int_t ngx_oscp_conf_finish_keys(ngx_conf_t *cf,
    ngx_oscp_main_conf_t *mcf);
static ngx_int_t ngx_oscp_conf_finish_version(ngx_oscp_main_conf_t *mcf);
static ngx_int_t ngx_oscp_conf_compare(const void *one, const void *two);
static ngx_int_t ngx_oscp_conf_init_zone(ngx_shm_zone_t *zone, void *data);


extern ngx_module_t  ngx_http_oscp_module;

typedef struct {
    ngx_int_t  min;
    ngx_int_t  max;
} ngx_oscp_conf_bounds_t;

static ngx_oscp_conf_bounds_t  ngx_oscp_conf_shards = {
    1, OSCP_SHARDS_MAX
};

static ngx_oscp_conf_bounds_t  ngx_oscp_conf_backlog = {
    1, NGX_OSCP_CONF_BACKLOG_MAX
};


ngx_command_t  ngx_oscp_conf_commands[] = {

    { ngx_string("oscp_redis"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_oscp_conf_set_redis,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("oscp_redis_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_oscp_conf_set_timeout,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("oscp_prefix"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_oscp_conf_set_prefix,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("oscp_shards"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_oscp_conf_set_number,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_oscp_main_conf_t, shards),
      &ngx_oscp_conf_shards },

    { ngx_string("oscp_backlog"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_oscp_conf_set_number,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_oscp_main_conf_t, backlog),
      &ngx_oscp_conf_backlog },

    { ngx_string("oscp_ack"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE12,
      ngx_oscp_ack_set,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_oscp_main_conf_t, ack),
      NULL },

    { ngx_string("oscp_connection"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_oscp_conf_set_connection,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("oscp_endpoint"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_oscp_conf_set_endpoint,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("oscp_measurements"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_oscp_conf_set_measurements,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("oscp_status"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_oscp_conf_set_status,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("oscp_token"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_oscp_conf_set_token,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("oscp_token_key_file"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_oscp_token_key_set_file,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_oscp_main_conf_t, token_keys),
      NULL },

    { ngx_string("oscp_token_lifetime"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_oscp_token_key_set_lifetime,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_oscp_main_conf_t, token_keys),
      NULL },

    { ngx_string("oscp_token_cache"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_oscp_cache_set_size,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_oscp_main_conf_t, token_cache_size),
      NULL },

    ngx_null_command
};


void *
ngx_oscp_conf_create_main(ngx_conf_t *cf)
{
    ngx_oscp_main_conf_t  *mcf;

    mcf = ngx_pcalloc(cf->pool, sizeof(ngx_oscp_main_conf_t));
    if (mcf == NULL) {
        return NULL;
    }

    mcf->redis.timeout = NGX_CONF_UNSET_MSEC;
    mcf->shards = NGX_CONF_UNSET;
    mcf->backlog = NGX_CONF_UNSET;
    mcf->token_cache_size = NGX_CONF_UNSET_SIZE;

    if (ngx_array_init(&mcf->connections, cf->pool, 4,
                       sizeof(ngx_oscp_connection_t *))
        != NGX_OK
        || ngx_array_init(&mcf->endpoints, cf->pool, 4,
                          sizeof(ngx_oscp_endpoint_ref_t))
           != NGX_OK
        || ngx_array_init(&mcf->keysets, cf->pool, 4,
                          sizeof(ngx_oscp_keyset_t *))
           != NGX_OK)
    {
        return NULL;
    }

    return mcf;
}


void *
ngx_oscp_conf_create_loc(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_oscp_loc_conf_t));
}


/*
 * A location is an endpoint by its own directive alone; the blocks inside it
 * that nginx treats as part of it ("if", "limit_except") go on being one.
 * Only now is it seen that another module's directive, further down, has put
 * its own handler in the place of ours.
 */
char *
ngx_oscp_conf_merge_loc(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_oscp_loc_conf_t       *prev = parent;
    ngx_oscp_loc_conf_t       *conf = child;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (conf->handler && clcf->handler != conf->handler) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"%V\" must have a location of its own: another "
                      "directive takes the requests of \"%V\" in %V:%ui",
                      &conf->directive, &clcf->name, &conf->file, conf->line);
        return NGX_CONF_ERROR;
    }

    if (conf->handler == NULL && prev->handler
        && (clcf->noname || clcf->lmt_excpt))
    {
        *conf = *prev;

        if (clcf->lmt_excpt && clcf->handler == NULL) {
            clcf->handler = conf->handler;
        }
    }

    return NGX_CONF_OK;
}


/* `"oscp_redis tls" must be …`: the directive at hand, a value, the mistake. */
char *
ngx_oscp_conf_wrong(ngx_conf_t *cf, const ngx_str_t *value,
    const char *mistake)
{
    ngx_str_t  *args = cf->args->elts;

    if (mistake != NGX_CONF_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V%s%V\" %s", &args[0],
                           value->len ? " " : "", value, mistake);
    }

    return NGX_CONF_ERROR;
}


static char *
ngx_oscp_conf_set_redis(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char                   *rv;
    ngx_str_t              *args = cf->args->elts;
    ngx_uint_t              i;
    ngx_oscp_main_conf_t   *mcf = conf;
    ngx_oscp_redis_conf_t  *redis = &mcf->redis;

    if (redis->url.data) {
        return "is there twice";
    }

    mcf->used = 1;

    rv = ngx_oscp_address_set(cf, redis, &args[1]);
    if (rv) {
        return ngx_oscp_conf_wrong(cf, &args[1], rv);
    }

    for (i = 2; i < cf->args->nelts; i++) {
        rv = ngx_oscp_value_repeated(args, i)
             ? "has a parameter twice"
             : ngx_oscp_address_parameter(cf, redis, &args[i]);
        if (rv) {
            return ngx_oscp_conf_wrong(cf, &args[i], rv);
        }
    }

    rv = ngx_oscp_address_finish(cf, redis);
    if (rv) {
        return ngx_oscp_conf_wrong(cf, &args[1], rv);
    }

    return NGX_CONF_OK;
}


static char *
ngx_oscp_conf_set_timeout(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    int64_t                ms;
    ngx_str_t             *args = cf->args->elts;
    ngx_oscp_main_conf_t  *mcf = conf;

    if (mcf->redis.timeout != NGX_CONF_UNSET_MSEC) {
        return ngx_oscp_conf_wrong(cf, &args[1], "is there twice");
    }

    if (ngx_oscp_value_duration(&args[1], &ms)
        || ms < NGX_OSCP_CONF_TIMEOUT_MIN || ms > NGX_OSCP_CONF_TIMEOUT_MAX)
    {
        return ngx_oscp_conf_wrong(cf, &args[1],
                                   "must be a time from 10ms to 60s");
    }

    mcf->redis.timeout = ms;

    return NGX_CONF_OK;
}


/* A brace in it would move all keys to another slot of a Redis Cluster. */
static char *
ngx_oscp_conf_set_prefix(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    size_t                 i;
    ngx_str_t             *args = cf->args->elts;
    ngx_uint_t             good;
    ngx_oscp_main_conf_t  *mcf = conf;

    if (mcf->prefix.data) {
        return ngx_oscp_conf_wrong(cf, &args[1], "is there twice");
    }

    good = args[1].len > 0 && args[1].len <= OSCP_PREFIX_MAX;

    for (i = 0; i < args[1].len; i++) {
        good &= args[1].data[i] > 0x20 && args[1].data[i] < 0x7f
                && args[1].data[i] != '{' && args[1].data[i] != '}';
    }

    if (!good) {
        return ngx_oscp_conf_wrong(cf, &args[1], "must be 1 to 64 visible "
                                   "characters but { }");
    }

    mcf->prefix = args[1];

    return NGX_CONF_OK;
}


static char *
ngx_oscp_conf_set_number(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char                     text[64];
    ngx_int_t                n, *member;
    ngx_str_t               *args = cf->args->elts;
    ngx_oscp_conf_bounds_t  *bounds = cmd->post;

    member = (ngx_int_t *) ((char *) conf + cmd->offset);

    if (*member != NGX_CONF_UNSET) {
        return ngx_oscp_conf_wrong(cf, &args[1], "is there twice");
    }

    n = ngx_atoi(args[1].data, args[1].len);

    if (n == NGX_ERROR || n < bounds->min || n > bounds->max) {
        *ngx_snprintf((u_char *) text, sizeof(text) - 1,
                      "must be a number from %i to %i", bounds->min,
                      bounds->max) = '\0';
        return ngx_oscp_conf_wrong(cf, &args[1], text);
    }

    *member = n;

    return NGX_CONF_OK;
}


static char *
ngx_oscp_conf_set_connection(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char                    *rv;
    ngx_str_t                name, *args = cf->args->elts;
    ngx_uint_t               i;
    ngx_oscp_main_conf_t    *mcf = conf;
    ngx_oscp_connection_t  **connection;

    name = args[1];
    connection = mcf->connections.elts;

    for (i = 0; i < mcf->connections.nelts; i++) {
        if (connection[i]->node.str.len == name.len
            && ngx_memcmp(connection[i]->node.str.data, name.data, name.len)
               == 0)
        {
            return ngx_oscp_conf_wrong(cf, &name, "is there twice");
        }
    }

    mcf->used = 1;

    connection = ngx_array_push(&mcf->connections);
    if (connection == NULL) {
        return NGX_CONF_ERROR;
    }

    rv = ngx_oscp_connection_parse(cf, &name, connection);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    (*connection)->node.node.key = ngx_crc32_short(name.data, name.len);

    return NGX_CONF_OK;
}


static char *
ngx_oscp_conf_set_endpoint(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return ngx_oscp_conf_set_location(cf, conf, ngx_oscp_endpoint_handler);
}


static char *
ngx_oscp_conf_set_measurements(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return ngx_oscp_conf_set_location(cf, conf, ngx_oscp_measurement_handler);
}


static char *
ngx_oscp_conf_set_token(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return ngx_oscp_conf_set_location(cf, conf, ngx_oscp_token_handler);
}


/* One that names a connection. */
static char *
ngx_oscp_conf_set_location(ngx_conf_t *cf, ngx_oscp_loc_conf_t *lcf,
    ngx_http_handler_pt handler)
{
    char                              *rv;
    ngx_str_t                         *args = cf->args->elts;
    ngx_oscp_main_conf_t              *mcf;
    ngx_oscp_endpoint_ref_t           *ref;
    ngx_http_compile_complex_value_t   ccv;

    rv = ngx_oscp_conf_set_handler(cf, lcf, handler);
    if (rv) {
        return ngx_oscp_conf_wrong(cf, &args[1], rv);
    }

    lcf->endpoint = ngx_pcalloc(cf->pool, sizeof(ngx_http_complex_value_t));
    if (lcf->endpoint == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));
    ccv.cf = cf;
    ccv.value = &args[1];
    ccv.complex_value = lcf->endpoint;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (lcf->endpoint->lengths == NULL) {
        mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_oscp_module);

        ref = ngx_array_push(&mcf->endpoints);
        if (ref == NULL) {
            return NGX_CONF_ERROR;
        }

        ref->conf = lcf;
        ref->name = args[1];
    }

    return NGX_CONF_OK;
}


static char *
ngx_oscp_conf_set_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return ngx_oscp_conf_set_handler(cf, conf, ngx_oscp_status_handler);
}


/* A location is one of them.  NULL, or what is wrong with the directive. */
static char *
ngx_oscp_conf_set_handler(ngx_conf_t *cf, ngx_oscp_loc_conf_t *lcf,
    ngx_http_handler_pt handler)
{
    ngx_str_t                 *args = cf->args->elts;
    ngx_oscp_main_conf_t      *mcf;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (lcf->handler == handler) {
        return "is there twice";
    }

    if (lcf->handler || clcf->handler) {
        return "must have a location of its own";
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_oscp_module);
    mcf->used = 1;

    clcf->handler = handler;

    lcf->handler = handler;
    lcf->location = clcf;
    lcf->directive = args[0];
    lcf->file = cf->conf_file->file.name;
    lcf->line = cf->conf_file->line;

    return NULL;
}


char *
ngx_oscp_conf_init_main(ngx_conf_t *cf, void *conf)
{
    ngx_str_t              address = ngx_string(NGX_OSCP_CONF_ADDRESS);
    ngx_oscp_main_conf_t  *mcf = conf;

    ngx_conf_init_msec_value(mcf->redis.timeout, NGX_OSCP_CONF_TIMEOUT_MS);
    ngx_conf_init_value(mcf->shards, 1);
    ngx_conf_init_value(mcf->backlog, NGX_OSCP_CONF_BACKLOG);

    if (mcf->prefix.data == NULL) {
        ngx_str_set(&mcf->prefix, OSCP_PREFIX_DEFAULT);
    }

    if (!mcf->used) {
        return NGX_CONF_OK;
    }

    if (mcf->redis.url.data == NULL
        && ngx_oscp_address_set(cf, &mcf->redis, &address) != NULL)
    {
        return NGX_CONF_ERROR;
    }

    if (ngx_oscp_ack_finish(cf, &mcf->ack, mcf->redis.timeout) != NGX_OK
        || ngx_oscp_conf_finish_connections(cf, mcf) != NGX_OK
        || ngx_oscp_conf_finish_endpoints(cf, mcf) != NGX_OK
        || ngx_oscp_conf_finish_tokens(cf, mcf) != NGX_OK
        || ngx_oscp_conf_finish_keys(cf, mcf) != NGX_OK
        || ngx_oscp_conf_finish_version(mcf) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    mcf->zone = ngx_oscp_counter_add_zone(cf, mcf->connections.nelts,
                                          ngx_oscp_conf_init_zone, mcf);

    return mcf->zone ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* What some server lets in may be meant for it: only that none does is told. */
ngx_int_t
ngx_oscp_conf_postconfigure(ngx_conf_t *cf)
{
    ngx_uint_t                  i;
    const ngx_str_t            *header;
    ngx_oscp_main_conf_t       *mcf;
    ngx_oscp_connection_t     **connection;
    ngx_http_core_srv_conf_t  **server;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    server = cmcf->servers.elts;

    for (i = 0; i < cmcf->servers.nelts; i++) {
        if (server[i]->underscores_in_headers) {
            return NGX_OK;
        }
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_oscp_module);
    connection = mcf->connections.elts;

    for (i = 0; i < mcf->connections.nelts; i++) {
        header = ngx_oscp_auth_underscored(&connection[i]->auth);

        if (header) {
            ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                          "\"accept header %V\" cannot hold: nginx drops "
                          "header lines with \"_\" in their names unless "
                          "\"underscores_in_headers\" is on, in "
                          "oscp_connection \"%V\"", header,
                          &connection[i]->node.str);
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_oscp_conf_finish_connections(ngx_conf_t *cf, ngx_oscp_main_conf_t *mcf)
{
    ngx_uint_t               i;
    ngx_oscp_connection_t  **connection;

    connection = mcf->connections.elts;

    ngx_sort(connection, mcf->connections.nelts,
             sizeof(ngx_oscp_connection_t *), ngx_oscp_conf_compare);
    ngx_rbtree_init(&mcf->names, &mcf->sentinel, ngx_str_rbtree_insert_value);

    for (i = 0; i < mcf->connections.nelts; i++) {
        ngx_rbtree_insert(&mcf->names, &connection[i]->node.node);

        if (ngx_oscp_connection_finish(cf, connection[i], &mcf->prefix,
                                       mcf->shards)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return ngx_oscp_conf_check_all(cf, mcf);
}


static ngx_int_t
ngx_oscp_conf_compare(const void *one, const void *two)
{
    ngx_oscp_connection_t *const  *a = one;
    ngx_oscp_connection_t *const  *b = two;

    return ngx_strcmp((*a)->conf.name, (*b)->conf.name);
}


static ngx_int_t
ngx_oscp_conf_check_all(ngx_conf_t *cf, ngx_oscp_main_conf_t *mcf)
{
    ngx_uint_t                      i;
    oscp_error_t                    err;
    ngx_oscp_connection_t         **connection;
    const oscp_connection_conf_t  **list;

    list = ngx_palloc(cf->temp_pool, mcf->connections.nelts
                                     * sizeof(oscp_connection_conf_t *));
    if (list == NULL) {
        return NGX_ERROR;
    }

    connection = mcf->connections.elts;

    for (i = 0; i < mcf->connections.nelts; i++) {
        list[i] = &connection[i]->conf;
    }

    if (oscp_config_check_all(list, mcf->connections.nelts, &err) != OSCP_OK) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "\"%s\" %s", err.path,
                      err.text);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_oscp_conf_finish_endpoints(ngx_conf_t *cf, ngx_oscp_main_conf_t *mcf)
{
    ngx_uint_t                i;
    ngx_oscp_endpoint_ref_t  *ref;

    ref = mcf->endpoints.elts;

    for (i = 0; i < mcf->endpoints.nelts; i++) {
        ref[i].conf->connection = ngx_oscp_conf_connection(mcf, &ref[i].name);

        if (ref[i].conf->connection == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"%V %V\" names no oscp_connection in %V:%ui",
                          &ref[i].conf->directive, &ref[i].name,
                          &ref[i].conf->file, ref[i].conf->line);
            return NGX_ERROR;
        }

        if (ref[i].conf->handler == ngx_oscp_token_handler
            && !ngx_oscp_auth_has_client(&ref[i].conf->connection->auth))
        {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"%V %V\" names a connection without \"accept "
                          "oauth\" in %V:%ui", &ref[i].conf->directive,
                          &ref[i].name, &ref[i].conf->file,
                          ref[i].conf->line);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_oscp_conf_finish_tokens(ngx_conf_t *cf, ngx_oscp_main_conf_t *mcf)
{
    if (mcf->clients && mcf->token_keys.nkeys == 0) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"oscp_token_key_file\" must be there when a "
                      "connection has \"accept oauth\"");
        return NGX_ERROR;
    }

    if (mcf->token_keys.lifetime_s == 0) {
        mcf->token_keys.lifetime_s = NGX_OSCP_TOKEN_LIFETIME_S;
    }

    ngx_conf_init_size_value(mcf->token_cache_size, NGX_OSCP_CACHE_SIZE);

    if ((mcf->keysets.nelts == 0 && mcf->clients == 0)
        || mcf->token_cache_size == 0)
    {
        return NGX_OK;
    }

    mcf->token_cache = ngx_oscp_cache_add_zone(cf, mcf->token_cache_size);

    return mcf->token_cache ? NGX_OK : NGX_ERROR;
}


/* One key for each shard, under the same name. */
static ngx_str_t *
ngx_oscp_conf_shard_keys(ngx_conf_t *cf, const ngx_oscp_main_conf_t *mcf,
    const char *name)
{
    char        text[OSCP_KEY_SIZE];
    ngx_int_t   i;
    ngx_str_t   key, *keys;

    keys = ngx_pcalloc(cf->pool, mcf->shards * sizeof(ngx_str_t));
    if (keys == NULL) {
        return NULL;
    }

    key.data = (u_char *) text;

    for (i = 0; i < mcf->shards; i++) {
        key.len = oscp_key(text, sizeof(text), (char *) mcf->prefix.data, i,
                           name, NULL);
        keys[i].len = key.len;
        keys[i].data = ngx_pstrdup(cf->pool, &key);
        if (keys[i].data == NULL) {
            return NULL;
        }
    }

    return keys;
}


static ngx_int_t
ngx_oscp_conf_finish_keys(ngx_conf_t *cf, ngx_oscp_main_conf_t *mcf)
{
    char       key[OSCP_KEY_SIZE];
    ngx_str_t  name;

    mcf->streams = ngx_oscp_conf_shard_keys(cf, mcf, "in");
    mcf->meters = ngx_oscp_conf_shard_keys(cf, mcf, "meter");
    mcf->verdicts = ngx_oscp_conf_shard_keys(cf, mcf, "verdicts");

    if (mcf->streams == NULL || mcf->meters == NULL || mcf->verdicts == NULL) {
        return NGX_ERROR;
    }

    name.data = (u_char *) key;
    name.len = oscp_key_config(key, sizeof(key), (char *) mcf->prefix.data);
    mcf->config_key.len = name.len;
    mcf->config_key.data = ngx_pstrdup(cf->pool, &name);

    return mcf->config_key.data ? NGX_OK : NGX_ERROR;
}


/*
 * SHA-256 over the number of shards and, by name, each connection's name and
 * document; a NUL ends each of them, so that no two contents look alike.
 */
static ngx_int_t
ngx_oscp_conf_finish_version(ngx_oscp_main_conf_t *mcf)
{
    u_char                   digest[EVP_MAX_MD_SIZE], shards[NGX_INT_T_LEN + 1];
    ngx_int_t                rc;
    ngx_str_t               *document, *name;
    ngx_uint_t               i;
    EVP_MD_CTX              *ctx;
    ngx_oscp_connection_t  **connection;

    ctx = EVP_MD_CTX_new();

    rc = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1
         && EVP_DigestUpdate(ctx, shards, ngx_sprintf(shards, "%i%Z",
                                                      mcf->shards) - shards);

    connection = mcf->connections.elts;

    for (i = 0; i < mcf->connections.nelts && rc; i++) {
        name = &connection[i]->node.str;
        document = &connection[i]->document;
        rc = EVP_DigestUpdate(ctx, name->data, name->len) == 1
             && EVP_DigestUpdate(ctx, "", 1) == 1
             && EVP_DigestUpdate(ctx, document->data, document->len) == 1
             && EVP_DigestUpdate(ctx, "", 1) == 1;
    }

    rc = rc && EVP_DigestFinal_ex(ctx, digest, NULL) == 1;

    EVP_MD_CTX_free(ctx);

    if (!rc) {
        return NGX_ERROR;
    }

    ngx_hex_dump(mcf->version, digest, NGX_OSCP_VERSION_LEN / 2);

    return NGX_OK;
}


/* Before any process is forked, and so before any request. */
static ngx_int_t
ngx_oscp_conf_init_zone(ngx_shm_zone_t *zone, void *data)
{
    ngx_uint_t               i;
    ngx_oscp_main_conf_t    *mcf = zone->data;
    ngx_oscp_connection_t  **connection;

    if (ngx_oscp_counter_init_zone(zone) != NGX_OK) {
        return NGX_ERROR;
    }

    connection = mcf->connections.elts;

    for (i = 0; i < mcf->connections.nelts; i++) {
        connection[i]->counter =
            ngx_oscp_counter_find(zone, &connection[i]->node.str);
    }

    return NGX_OK;
}


ngx_oscp_connection_t *
ngx_oscp_conf_connection(const ngx_oscp_main_conf_t *conf,
    const ngx_str_t *name)
{
    ngx_str_t  copy = *name;

    return (ngx_oscp_connection_t *)
               ngx_str_rbtree_lookup((ngx_rbtree_t *) &conf->names, &copy,
                                     ngx_crc32_short(copy.data, copy.len));
}
