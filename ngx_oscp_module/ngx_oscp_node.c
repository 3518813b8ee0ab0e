/*
 * Nodes.
 */

#include "ngx_oscp_node.h"


static ngx_int_t ngx_oscp_node_part_refused(void *data,
    const redisReply *error);
static ngx_oscp_node_refusal_e ngx_oscp_node_classify(
    const redisReply *error);
static void ngx_oscp_node_probe_handler(ngx_oscp_redis_command_t *command,
    redisReply *reply);
static ngx_int_t ngx_oscp_node_ask_role(ngx_oscp_redis_t *redis,
    ngx_oscp_redis_command_t *command, void *data);
static ngx_int_t ngx_oscp_node_check_role(ngx_oscp_redis_t *redis,
    const redisReply *reply, void *data);


/* A sentinel may be behind the times. */
static const ngx_oscp_redis_step_t  ngx_oscp_node_role_step = {
    "ROLE", ngx_oscp_node_ask_role, ngx_oscp_node_check_role, NULL
};


ngx_oscp_node_t *
ngx_oscp_node_create(ngx_pool_t *pool, const ngx_oscp_redis_conf_t *conf,
    const ngx_oscp_redis_step_t *publish)
{
    ngx_oscp_node_t   *node;
    ngx_oscp_redis_t  *redis;

    node = ngx_pcalloc(pool, sizeof(ngx_oscp_node_t));
    if (node == NULL) {
        return NULL;
    }

    node->probe.handler = ngx_oscp_node_probe_handler;
    node->probe.data = node;

    redis = &node->redis;
    redis->data = node;

    ngx_oscp_redis_init(redis, conf, pool->log);
    ngx_oscp_redis_add_step(redis, &ngx_oscp_redis_auth_step);
    ngx_oscp_redis_add_step(redis, &ngx_oscp_redis_select_step);

    if (conf->kind == OSCP_ADDRESS_SENTINEL) {
        ngx_oscp_redis_add_step(redis, &ngx_oscp_node_role_step);
    }

    ngx_oscp_redis_add_step(redis, &ngx_oscp_redis_ping_step);
    ngx_oscp_redis_add_step(redis, publish);

    if (conf->kind == OSCP_ADDRESS_SENTINEL
        || conf->kind == OSCP_ADDRESS_CLUSTER)
    {
        redis->refused = ngx_oscp_node_part_refused;
        ngx_oscp_redis_manage(redis, &node->peer, 1);
    }

    return node;
}


/*
 * A transaction is refused as a whole: one of its commands when it is queued,
 * and then EXEC for that, or EXEC itself when the slot has moved in between.
 */
ngx_oscp_node_refusal_e
ngx_oscp_node_refused(ngx_oscp_node_t *node, const redisReply *error)
{
    ngx_oscp_node_refusal_e  refusal;

    refusal = node->refusal;
    node->refusal = NGX_OSCP_NODE_OTHER;

    return refusal != NGX_OSCP_NODE_OTHER ? refusal
                                          : ngx_oscp_node_classify(error);
}


static ngx_int_t
ngx_oscp_node_part_refused(void *data, const redisReply *error)
{
    ngx_oscp_node_t          *node = data;
    ngx_oscp_node_refusal_e   refusal;

    if (node->redis.conf->kind == OSCP_ADDRESS_SENTINEL) {
        if (ngx_strncmp(error->str, "READONLY", 8) == 0) {
            ngx_oscp_redis_abort(&node->redis, "is not the master any more");
        }

        return NGX_OK;
    }

    refusal = ngx_oscp_node_classify(error);

    if (refusal != NGX_OSCP_NODE_OTHER) {
        node->refusal = refusal;
    }

    return refusal == NGX_OSCP_NODE_ELSEWHERE ? NGX_DECLINED : NGX_OK;
}


static ngx_oscp_node_refusal_e
ngx_oscp_node_classify(const redisReply *error)
{
    ngx_uint_t  i;

    static const struct {
        ngx_str_t                word;
        ngx_oscp_node_refusal_e  refusal;
    } words[] = {
        { ngx_string("MOVED "), NGX_OSCP_NODE_ELSEWHERE },
        { ngx_string("ASK "), NGX_OSCP_NODE_ELSEWHERE },
        { ngx_string("TRYAGAIN "), NGX_OSCP_NODE_ELSEWHERE },
        { ngx_string("CLUSTERDOWN "), NGX_OSCP_NODE_DOWN }
    };

    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if ((size_t) error->len >= words[i].word.len
            && ngx_memcmp(error->str, words[i].word.data, words[i].word.len)
               == 0)
        {
            return words[i].refusal;
        }
    }

    return NGX_OSCP_NODE_OTHER;
}


void
ngx_oscp_node_probe(ngx_oscp_node_t *node)
{
    size_t                 len = sizeof("PING") - 1;
    const char            *value = "PING";
    ngx_oscp_redis_args_t  args = { 1, &value, &len };

    if (!node->probing
        && ngx_oscp_redis_send(&node->redis, &node->probe, &args) == NGX_OK)
    {
        node->probing = 1;
    }
}


/* An answer is all that is wanted; without one the connection ends. */
static void
ngx_oscp_node_probe_handler(ngx_oscp_redis_command_t *command,
    redisReply *reply)
{
    ngx_oscp_node_t  *node = command->data;

    node->probing = 0;
}


void
ngx_oscp_node_close_unused(ngx_oscp_node_t *node)
{
    if (node->routes == 0 && node->redis.state != NGX_OSCP_REDIS_WAITING
        && ngx_queue_empty(&node->redis.commands))
    {
        ngx_oscp_redis_abort(&node->redis, "not needed any more");
    }
}


static ngx_int_t
ngx_oscp_node_ask_role(ngx_oscp_redis_t *redis,
    ngx_oscp_redis_command_t *command, void *data)
{
    size_t                 len = sizeof("ROLE") - 1;
    const char            *value = "ROLE";
    ngx_oscp_redis_args_t  args = { 1, &value, &len };

    return ngx_oscp_redis_send_step(redis, command, &args);
}


static ngx_int_t
ngx_oscp_node_check_role(ngx_oscp_redis_t *redis, const redisReply *reply,
    void *data)
{
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements
        && reply->element[0]->type == REDIS_REPLY_STRING
        && ngx_strcmp(reply->element[0]->str, "master") == 0)
    {
        return NGX_OK;
    }

    (void) ngx_cpystrn((u_char *) redis->reason,
                       (u_char *) "is not the master",
                       sizeof(redis->reason));

    return NGX_ERROR;
}
