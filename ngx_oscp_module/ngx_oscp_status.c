/*
 * The status page.  Redis is asked without waiting for it: the answer goes out
 * with the last reply.  Replies may come when the request is gone, so that
 * what waits for them has a pool of its own and outlives both.
 */

#include <ngx_config.h>
#include <ngx_core.h>

#include "oscp_key.h"
#include "oscp_version.h"
#include "oscp_write.h"

#include "ngx_oscp_answer.h"
#include "ngx_oscp_conf.h"
#include "ngx_oscp_process.h"
#include "ngx_oscp_status.h"

#define NGX_OSCP_STATUS_POOL_SIZE   4096
#define NGX_OSCP_STATUS_HEAD_SIZE   320
#define NGX_OSCP_STATUS_EACH_SIZE   640     /* beside what Redis says */
#define NGX_OSCP_STATUS_ERROR_SIZE  512     /* of what Redis says, as it is */
#define NGX_OSCP_STATUS_NODE_SIZE   (64 + 6 * NGX_OSCP_REDIS_TEXT_SIZE)

extern ngx_module_t  ngx_http_oscp_module;

typedef struct ngx_oscp_status_s  ngx_oscp_status_t;

/* One question: of a connection's hash, a shard's stream, or the version. */
typedef struct {
    ngx_oscp_redis_command_t      command;
    ngx_oscp_status_t            *status;
    const ngx_oscp_connection_t  *connection;      /* NULL: a stream, whose */
    int64_t                      *length;          /* length is added here;
                                                      NULL: the version */
    const ngx_str_t              *key;
    ngx_uint_t                    route;           /* as the store counts */
    ngx_str_t                     text;            /* the members it gave */
} ngx_oscp_status_query_t;

struct ngx_oscp_status_s {
    ngx_pool_t                  *pool;       /* of all this */
    ngx_http_request_t          *request;    /* NULL: it has ended */
    const ngx_oscp_main_conf_t  *conf;
    const char                  *redis;      /* the word for its state */
    ngx_uint_t                   pending;    /* replies to come */
    ngx_uint_t                   lost;       /* a reply did not come */
    int64_t                      backlog;    /* messages not yet settled, … */
    int64_t                      samples;    /* … samples; negative: unknown */
    ngx_oscp_status_query_t     *queries;    /* connections, then the others */
    ngx_str_t                    published;  /* the version, quoted; or empty */
    ngx_str_t                    error;      /* the same, of the first reply
                                                that says nothing */
};


static ngx_oscp_status_t *ngx_oscp_status_create(ngx_http_request_t *r);
static void ngx_oscp_status_cleanup(void *data);
static void ngx_oscp_status_ask(ngx_oscp_status_t *status,
    ngx_oscp_process_t *process);
static const char *ngx_oscp_status_redis(const ngx_oscp_store_t *store,
    ngx_int_t shards);
static ngx_int_t ngx_oscp_status_ask_streams(ngx_oscp_status_t *status,
    const ngx_oscp_store_t *store, const ngx_str_t *streams, int64_t *length);
static ngx_int_t ngx_oscp_status_ask_connection(ngx_oscp_redis_t *redis,
    ngx_oscp_status_query_t *query);
static ngx_int_t ngx_oscp_status_ask_stream(ngx_oscp_redis_t *redis,
    ngx_oscp_status_query_t *query);
static ngx_int_t ngx_oscp_status_ask_version(ngx_oscp_redis_t *redis,
    ngx_oscp_status_query_t *query);
static void ngx_oscp_status_reply(ngx_oscp_redis_command_t *command,
    redisReply *reply);
static ngx_int_t ngx_oscp_status_take(ngx_oscp_status_query_t *query,
    const redisReply *reply);
static ngx_uint_t ngx_oscp_status_moved(ngx_oscp_status_query_t *query,
    const redisReply *reply);
static ngx_int_t ngx_oscp_status_members(ngx_oscp_status_query_t *query,
    const redisReply *reply);
static ngx_int_t ngx_oscp_status_published(ngx_oscp_status_query_t *query,
    const redisReply *reply);
static ngx_int_t ngx_oscp_status_unknown(ngx_oscp_status_query_t *query,
    const redisReply *reply);
static ngx_int_t ngx_oscp_status_quote(ngx_pool_t *pool, const ngx_str_t *from,
    ngx_str_t *to);

static ngx_int_t ngx_oscp_status_answer(ngx_oscp_status_t *status);
static u_char *ngx_oscp_status_write(const ngx_oscp_status_t *status,
    u_char *p, u_char *last);
static u_char *ngx_oscp_status_write_text(const char *name,
    const ngx_str_t *value, u_char *p, u_char *last);
static u_char *ngx_oscp_status_write_number(const char *name, int64_t value,
    u_char *p, u_char *last);
static u_char *ngx_oscp_status_write_nodes(const ngx_oscp_store_t *store,
    u_char *p, u_char *last);
static u_char *ngx_oscp_status_write_connection(
    const ngx_oscp_status_t *status, ngx_uint_t n, u_char *p, u_char *last);


/* Asked of a connection's hash, and shown under the same names. */
static const char  *ngx_oscp_status_fields[] = {
    "state",
    "since",
    "enabled",
    "heartbeat_received_at",
    "offline_mode_at",
    "last_error"
};

/* By ngx_oscp_redis_state_e. */
static const char  *ngx_oscp_status_words[] = { "down", "connecting", "up" };

#define NGX_OSCP_STATUS_FIELDS                                                \
    (sizeof(ngx_oscp_status_fields) / sizeof(ngx_oscp_status_fields[0]))

#define NGX_OSCP_STATUS_ENABLED  2      /* 1 and 0 there, a boolean here */


ngx_int_t
ngx_oscp_status_handler(ngx_http_request_t *r)
{
    ngx_int_t            rc;
    ngx_oscp_status_t   *status;
    ngx_oscp_process_t  *process;

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        if (ngx_oscp_answer_header(r, "Allow", "GET, HEAD") != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return ngx_oscp_answer_error(r, NGX_HTTP_NOT_ALLOWED,
                                     "the method must be GET or HEAD");
    }

    status = ngx_oscp_status_create(r);
    if (status == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    process = ngx_oscp_process_get();

    if (process) {
        ngx_oscp_status_ask(status, process);
    }

    if (status->pending == 0) {
        return ngx_oscp_status_answer(status);
    }

    r->main->count++;
    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    return NGX_DONE;
}


static ngx_oscp_status_t *
ngx_oscp_status_create(ngx_http_request_t *r)
{
    ngx_pool_t          *pool;
    ngx_oscp_status_t   *status;
    ngx_http_cleanup_t  *cln;

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NULL;
    }

    pool = ngx_create_pool(NGX_OSCP_STATUS_POOL_SIZE, r->connection->log);
    if (pool == NULL) {
        return NULL;
    }

    /* The connection's log may be gone when the last reply comes. */
    pool->log = ngx_cycle->log;

    status = ngx_pcalloc(pool, sizeof(ngx_oscp_status_t));
    if (status == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    status->pool = pool;
    status->request = r;
    status->conf = ngx_http_get_module_main_conf(r, ngx_http_oscp_module);
    status->redis = "down";

    status->queries = ngx_pcalloc(pool, (status->conf->connections.nelts
                                         + 2 * status->conf->shards + 1)
                                        * sizeof(ngx_oscp_status_query_t));
    if (status->queries == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    cln->handler = ngx_oscp_status_cleanup;
    cln->data = status;

    return status;
}


/* The request has ended: the last reply, or nobody, frees what is left. */
static void
ngx_oscp_status_cleanup(void *data)
{
    ngx_oscp_status_t  *status = data;

    status->request = NULL;

    if (status->pending == 0) {
        ngx_destroy_pool(status->pool);
    }
}


static void
ngx_oscp_status_ask(ngx_oscp_status_t *status, ngx_oscp_process_t *process)
{
    ngx_uint_t                i;
    ngx_oscp_connection_t   **connection;
    ngx_oscp_status_query_t  *query = status->queries;

    status->redis = ngx_oscp_status_redis(&process->store,
                                          status->conf->shards);

    if (ngx_strcmp(status->redis, "up") != 0) {
        return;
    }

    connection = status->conf->connections.elts;

    for (i = 0; i < status->conf->connections.nelts; i++, query++) {
        query->status = status;
        query->connection = connection[i];
        query->key = &connection[i]->key;
        query->route = connection[i]->shard;

        if (ngx_oscp_status_ask_connection(
                ngx_oscp_store_shard(&process->store, connection[i]->shard),
                query)
            != NGX_OK)
        {
            status->lost = 1;
            return;
        }

        status->pending++;
    }

    if (ngx_oscp_status_ask_streams(status, &process->store,
                                    status->conf->streams, &status->backlog)
        != NGX_OK
        || ngx_oscp_status_ask_streams(status, &process->store,
                                       status->conf->meters, &status->samples)
           != NGX_OK)
    {
        status->lost = 1;
        return;
    }

    query = &status->queries[status->pending];
    query->status = status;
    query->key = &status->conf->config_key;
    query->route = status->conf->shards;

    /* In a cluster it lies by itself: what else is known is shown without. */
    if (ngx_oscp_status_ask_version(ngx_oscp_store_config(&process->store),
                                    query)
        == NGX_OK)
    {
        status->pending++;
    }
}


/* One stream of each shard, in the queries that are free. */
static ngx_int_t
ngx_oscp_status_ask_streams(ngx_oscp_status_t *status,
    const ngx_oscp_store_t *store, const ngx_str_t *streams, int64_t *length)
{
    ngx_int_t                 shard;
    ngx_oscp_status_query_t  *query;

    for (shard = 0; shard < status->conf->shards; shard++) {
        query = &status->queries[status->pending];
        query->status = status;
        query->length = length;
        query->key = &streams[shard];
        query->route = shard;

        if (ngx_oscp_status_ask_stream(ngx_oscp_store_shard(store, shard),
                                       query)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        status->pending++;
    }

    return NGX_OK;
}


/* The word for the worst of all shards. */
static const char *
ngx_oscp_status_redis(const ngx_oscp_store_t *store, ngx_int_t shards)
{
    ngx_int_t               i;
    ngx_oscp_redis_state_e  state, worst;

    worst = NGX_OSCP_REDIS_READY;

    for (i = 0; i < shards; i++) {
        state = ngx_oscp_store_state(store, i);
        worst = ngx_min(worst, state);
    }

    return ngx_oscp_status_words[worst];
}


static ngx_int_t
ngx_oscp_status_ask_connection(ngx_oscp_redis_t *redis,
    ngx_oscp_status_query_t *query)
{
    size_t                 lens[2 + NGX_OSCP_STATUS_FIELDS];
    ngx_uint_t             i;
    const char            *values[2 + NGX_OSCP_STATUS_FIELDS];
    ngx_oscp_redis_args_t  args = { 2 + NGX_OSCP_STATUS_FIELDS, values, lens };

    values[0] = "HMGET";
    lens[0] = sizeof("HMGET") - 1;
    values[1] = (char *) query->key->data;
    lens[1] = query->key->len;

    for (i = 0; i < NGX_OSCP_STATUS_FIELDS; i++) {
        values[2 + i] = ngx_oscp_status_fields[i];
        lens[2 + i] = ngx_strlen(ngx_oscp_status_fields[i]);
    }

    query->command.handler = ngx_oscp_status_reply;
    query->command.data = query;
    query->command.holds = 1;

    return ngx_oscp_redis_send(redis, &query->command, &args);
}


static ngx_int_t
ngx_oscp_status_ask_stream(ngx_oscp_redis_t *redis,
    ngx_oscp_status_query_t *query)
{
    size_t                 lens[2];
    const char            *values[2];
    ngx_oscp_redis_args_t  args = { 2, values, lens };

    values[0] = "XLEN";
    lens[0] = sizeof("XLEN") - 1;
    values[1] = (char *) query->key->data;
    lens[1] = query->key->len;

    query->command.handler = ngx_oscp_status_reply;
    query->command.data = query;
    query->command.holds = 1;

    return ngx_oscp_redis_send(redis, &query->command, &args);
}


static ngx_int_t
ngx_oscp_status_ask_version(ngx_oscp_redis_t *redis,
    ngx_oscp_status_query_t *query)
{
    size_t                 lens[3];
    const char            *values[3];
    ngx_oscp_redis_args_t  args = { 3, values, lens };

    values[0] = "HGET";
    lens[0] = sizeof("HGET") - 1;
    values[1] = (char *) query->key->data;
    lens[1] = query->key->len;
    values[2] = "version";
    lens[2] = sizeof("version") - 1;

    query->command.handler = ngx_oscp_status_reply;
    query->command.data = query;
    query->command.holds = 1;

    return redis ? ngx_oscp_redis_send(redis, &query->command, &args)
                 : NGX_ERROR;
}


static void
ngx_oscp_status_reply(ngx_oscp_redis_command_t *command, redisReply *reply)
{
    ngx_int_t                 rc;
    ngx_connection_t         *c;
    ngx_http_request_t       *r;
    ngx_oscp_status_t        *status;
    ngx_oscp_status_query_t  *query = command->data;

    status = query->status;
    status->pending--;
    r = status->request;

    if (r == NULL) {
        if (status->pending == 0) {
            ngx_destroy_pool(status->pool);
        }

        return;
    }

    if (reply == NULL || ngx_oscp_status_moved(query, reply)
        || ngx_oscp_status_take(query, reply) != NGX_OK)
    {
        status->lost |= query->connection || query->length;
    }

    if (status->pending) {
        return;
    }

    c = r->connection;
    ngx_http_set_log_request(c->log, r);

    rc = ngx_oscp_status_answer(status);

    /* This may well be the end of `status`. */
    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}


/* NGX_ERROR: there is no memory for what it says. */
static ngx_int_t
ngx_oscp_status_take(ngx_oscp_status_query_t *query, const redisReply *reply)
{
    if (query->connection) {
        return ngx_oscp_status_members(query, reply);
    }

    if (query->length == NULL) {
        return ngx_oscp_status_published(query, reply);
    }

    if (reply->type != REDIS_REPLY_INTEGER) {
        *query->length = -1;
        return ngx_oscp_status_unknown(query, reply);
    }

    if (*query->length >= 0) {
        *query->length += reply->integer;
    }

    return NGX_OK;
}


/* Whether the one that was asked is not the right one any more. */
static ngx_uint_t
ngx_oscp_status_moved(ngx_oscp_status_query_t *query, const redisReply *reply)
{
    return reply->type == REDIS_REPLY_ERROR
           && ngx_oscp_store_refused(&ngx_oscp_process_get()->store,
                                     query->command.redis, query->route, reply)
              == NGX_AGAIN;
}


/* `"state":"online","since":…`: what the hash says, as JSON members. */
static ngx_int_t
ngx_oscp_status_members(ngx_oscp_status_query_t *query,
    const redisReply *reply)
{
    char        *p, *last;
    size_t       size;
    ngx_uint_t   i;
    redisReply  *value;

    if (reply->type != REDIS_REPLY_ARRAY
        || reply->elements != NGX_OSCP_STATUS_FIELDS)
    {
        return ngx_oscp_status_unknown(query, reply);
    }

    size = 1;

    for (i = 0; i < NGX_OSCP_STATUS_FIELDS; i++) {
        value = reply->element[i];
        size += ngx_strlen(ngx_oscp_status_fields[i]) + sizeof("'':false,");

        if (value->type == REDIS_REPLY_STRING) {
            size += oscp_write_escape(value->str, value->len, NULL, 0) + 2;
        }
    }

    p = ngx_pnalloc(query->status->pool, size);
    if (p == NULL) {
        return NGX_ERROR;
    }

    query->text.data = (u_char *) p;
    last = p + size;

    for (i = 0; i < NGX_OSCP_STATUS_FIELDS; i++) {
        value = reply->element[i];
        p = (char *) ngx_sprintf((u_char *) p, "\"%s\":",
                                 ngx_oscp_status_fields[i]);

        if (i == NGX_OSCP_STATUS_ENABLED) {
            p = (char *) ngx_sprintf((u_char *) p, "%s,",
                                     value->type == REDIS_REPLY_STRING
                                     && ngx_strcmp(value->str, "0") == 0
                                     ? "false" : "true");

        } else if (value->type == REDIS_REPLY_STRING) {
            *p++ = '"';
            p += oscp_write_escape(value->str, value->len, p, last - p);
            *p++ = '"';
            *p++ = ',';

        } else {
            p = (char *) ngx_cpymem(p, "null,", sizeof("null,") - 1);
        }
    }

    query->text.len = (u_char *) p - query->text.data;

    return NGX_OK;
}


static ngx_int_t
ngx_oscp_status_published(ngx_oscp_status_query_t *query,
    const redisReply *reply)
{
    ngx_str_t           version;
    ngx_oscp_status_t  *status = query->status;

    if (reply->type == REDIS_REPLY_NIL) {
        return NGX_OK;
    }

    if (reply->type != REDIS_REPLY_STRING) {
        return ngx_oscp_status_unknown(query, reply);
    }

    version.data = (u_char *) reply->str;
    version.len = reply->len;

    return ngx_oscp_status_quote(status->pool, &version, &status->published);
}


/* A reply that is no answer to the question: one of them is shown. */
static ngx_int_t
ngx_oscp_status_unknown(ngx_oscp_status_query_t *query,
    const redisReply *reply)
{
    u_char              text[NGX_OSCP_STATUS_ERROR_SIZE];
    ngx_str_t           error;
    ngx_oscp_status_t  *status = query->status;

    if (status->error.len) {
        return NGX_OK;
    }

    error.data = text;
    error.len = (reply->type == REDIS_REPLY_ERROR
                 ? ngx_snprintf(text, sizeof(text), "%V: %*s", query->key,
                                (size_t) reply->len, reply->str)
                 : ngx_snprintf(text, sizeof(text), "%V: an unexpected reply "
                                "of type %d", query->key, reply->type))
                - text;

    return ngx_oscp_status_quote(status->pool, &error, &status->error);
}


/* As a JSON string. */
static ngx_int_t
ngx_oscp_status_quote(ngx_pool_t *pool, const ngx_str_t *from, ngx_str_t *to)
{
    char    *p;
    size_t   size;

    size = oscp_write_escape((char *) from->data, from->len, NULL, 0) + 1;

    p = ngx_pnalloc(pool, size + 2);
    if (p == NULL) {
        return NGX_ERROR;
    }

    to->data = (u_char *) p;
    *p++ = '"';
    p += oscp_write_escape((char *) from->data, from->len, p, size);
    *p++ = '"';
    to->len = (u_char *) p - to->data;

    return NGX_OK;
}


static ngx_int_t
ngx_oscp_status_answer(ngx_oscp_status_t *status)
{
    size_t               size;
    ngx_str_t            body;
    ngx_uint_t           i;
    ngx_oscp_process_t  *process = ngx_oscp_process_get();

    if (status->lost) {
        status->redis = "down";
    }

    size = NGX_OSCP_STATUS_HEAD_SIZE + status->published.len
           + status->error.len;

    if (process) {
        size += process->store.nnodes * NGX_OSCP_STATUS_NODE_SIZE;
    }

    for (i = 0; i < status->conf->connections.nelts; i++) {
        size += NGX_OSCP_STATUS_EACH_SIZE + status->queries[i].text.len;
    }

    body.data = ngx_pnalloc(status->request->pool, size);
    if (body.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    body.len = ngx_oscp_status_write(status, body.data, body.data + size)
               - body.data;

    return ngx_oscp_answer_json(status->request, &body);
}


static u_char *
ngx_oscp_status_write(const ngx_oscp_status_t *status, u_char *p, u_char *last)
{
    ngx_uint_t                   i, known;
    ngx_oscp_process_t          *process = ngx_oscp_process_get();
    const ngx_oscp_main_conf_t  *conf = status->conf;

    p = ngx_slprintf(p, last, "{\"version\":\"%s\",\"redis\":\"%s\","
                     "\"shards\":%i,\"configuration\":\"%*s\",",
                     OSCP_VERSION, status->redis, conf->shards,
                     sizeof(conf->version), conf->version);
    p = ngx_oscp_status_write_text("published", &status->published, p, last);
    p = ngx_oscp_status_write_text("error", &status->error, p, last);

    known = !status->lost && !status->pending
            && ngx_strcmp(status->redis, "up") == 0;

    p = ngx_oscp_status_write_number("backlog", known ? status->backlog : -1,
                                     p, last);
    p = ngx_oscp_status_write_number("samples", known ? status->samples : -1,
                                     p, last);

    if (process) {
        p = ngx_oscp_status_write_nodes(&process->store, p, last);
    }

    p = ngx_slprintf(p, last, "\"connections\":[");

    for (i = 0; i < conf->connections.nelts; i++) {
        p = ngx_oscp_status_write_connection(status, i, p, last);
    }

    return ngx_slprintf(p, last, "]}\n");
}


/* `value` is quoted already; empty: null. */
static u_char *
ngx_oscp_status_write_text(const char *name, const ngx_str_t *value,
    u_char *p, u_char *last)
{
    return value->len ? ngx_slprintf(p, last, "\"%s\":%V,", name, value)
                      : ngx_slprintf(p, last, "\"%s\":null,", name);
}


/* Negative: null. */
static u_char *
ngx_oscp_status_write_number(const char *name, int64_t value, u_char *p,
    u_char *last)
{
    return value >= 0 ? ngx_slprintf(p, last, "\"%s\":%L,", name, value)
                      : ngx_slprintf(p, last, "\"%s\":null,", name);
}


/* The servers that this process is connected to, or tries to be. */
static u_char *
ngx_oscp_status_write_nodes(const ngx_oscp_store_t *store, u_char *p,
    u_char *last)
{
    char              text[NGX_OSCP_REDIS_TEXT_SIZE];
    ngx_uint_t        i, n, shards;
    ngx_queue_t      *q;
    ngx_oscp_node_t  *node;

    p = ngx_slprintf(p, last, "\"nodes\":[");
    n = 0;

    for (q = ngx_queue_head(&store->nodes);
         q != ngx_queue_sentinel(&store->nodes);
         q = ngx_queue_next(q))
    {
        node = ngx_queue_data(q, ngx_oscp_node_t, queue);

        if (node->routes == 0) {
            continue;
        }

        for (i = 0, shards = 0; i < store->nshards; i++) {
            shards += store->routes[i].node == node;
        }

        (void) ngx_oscp_redis_peer_text(&node->redis.peers[node->redis.peer],
                                        text);
        p = ngx_slprintf(p, last, "%s{\"address\":\"", n++ ? "," : "");
        p += oscp_write_escape(text, ngx_strlen(text), (char *) p, last - p);
        p = ngx_slprintf(p, last, "\",\"state\":\"%s\",\"shards\":%ui}",
                         ngx_oscp_status_words[node->redis.state], shards);
    }

    return ngx_slprintf(p, last, "],");
}


static u_char *
ngx_oscp_status_write_connection(const ngx_oscp_status_t *status, ngx_uint_t n,
    u_char *p, u_char *last)
{
    ngx_str_t               *name, *text;
    ngx_uint_t               i;
    ngx_oscp_counter_t      *counter;
    ngx_oscp_connection_t  **connection;

    connection = status->conf->connections.elts;
    counter = connection[n]->counter;
    name = &connection[n]->node.str;
    text = &status->queries[n].text;

    p = ngx_slprintf(p, last, "%s{\"name\":\"%V\",\"profile\":\"%s\","
                     "\"groups\":%uz,", n ? "," : "", name,
                     connection[n]->conf.profile->name,
                     connection[n]->conf.ngroups);

    if (text->len) {
        p = ngx_slprintf(p, last, "%V", text);

    } else {
        for (i = 0; i < NGX_OSCP_STATUS_FIELDS; i++) {
            p = ngx_slprintf(p, last, "\"%s\":null,",
                             ngx_oscp_status_fields[i]);
        }
    }

    p = ngx_slprintf(p, last, "\"messages\":{");

    for (i = 0; i < NGX_OSCP_RESULTS; i++) {
        p = ngx_slprintf(p, last, "%s\"%V\":%uA", i ? "," : "",
                         &ngx_oscp_counter_results[i],
                         counter ? counter->results[i] : 0);
    }

    return ngx_slprintf(p, last, "}}");
}
