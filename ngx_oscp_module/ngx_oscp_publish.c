/*
 * Publication of the configuration.  A process that is on its way out, or that
 * an already running reload or a newer nginx binary has overtaken, keeps
 * silent: the newest one speaks.  When that binary is gone again, what it has
 * published is replaced.  What another nginx has published is not: two that do
 * not know of each other would replace it for ever.  It is told in the log.
 */

#include "ngx_oscp_master.h"
#include "ngx_oscp_publish.h"
#include "ngx_oscp_script.h"


static ngx_int_t ngx_oscp_publish_prepare(ngx_oscp_publish_t *publish,
    ngx_pool_t *pool);
static ngx_uint_t ngx_oscp_publish_overtaken(ngx_oscp_publish_t *publish);
static ngx_int_t ngx_oscp_publish_send(ngx_oscp_redis_t *redis,
    ngx_oscp_redis_command_t *command, void *data);
static ngx_int_t ngx_oscp_publish_sent(ngx_oscp_redis_t *redis,
    const redisReply *reply, void *data);
static ngx_int_t ngx_oscp_publish_transmit(ngx_oscp_publish_t *publish,
    ngx_oscp_redis_command_t *command, const ngx_oscp_redis_args_t *args);
static void ngx_oscp_publish_timer_handler(ngx_event_t *ev);
static void ngx_oscp_publish_check_handler(ngx_oscp_redis_command_t *command,
    redisReply *reply);
static void ngx_oscp_publish_compare(ngx_oscp_publish_t *publish,
    const redisReply *reply);
static void ngx_oscp_publish_repeat(ngx_oscp_publish_t *publish);
static void ngx_oscp_publish_repeat_handler(ngx_oscp_redis_command_t *command,
    redisReply *reply);


/* Of this master, one behind the other, the newest first. */
static u_char  ngx_oscp_publish_past[NGX_OSCP_PUBLISH_PAST
                                     * NGX_OSCP_VERSION_LEN];
static size_t  ngx_oscp_publish_past_len;


void
ngx_oscp_publish_remember(const ngx_oscp_main_conf_t *conf)
{
    u_char  *past = ngx_oscp_publish_past;

    if (conf->connections.nelts == 0
        || (ngx_oscp_publish_past_len
            && ngx_memcmp(past, conf->version, NGX_OSCP_VERSION_LEN) == 0))
    {
        return;
    }

    ngx_memmove(past + NGX_OSCP_VERSION_LEN, past,
                sizeof(ngx_oscp_publish_past) - NGX_OSCP_VERSION_LEN);
    ngx_memcpy(past, conf->version, NGX_OSCP_VERSION_LEN);

    ngx_oscp_publish_past_len = ngx_min(ngx_oscp_publish_past_len
                                        + NGX_OSCP_VERSION_LEN,
                                        sizeof(ngx_oscp_publish_past));
}


ngx_int_t
ngx_oscp_publish_init(ngx_oscp_publish_t *publish,
    const ngx_oscp_main_conf_t *conf, ngx_oscp_store_t *store,
    ngx_pool_t *pool)
{
    ngx_oscp_redis_step_t  step;

    publish->conf = conf;
    publish->store = store;
    publish->log = store->log;

    if (ngx_oscp_publish_prepare(publish, pool) != NGX_OK) {
        return NGX_ERROR;
    }

    publish->check.handler = ngx_oscp_publish_check_handler;
    publish->check.data = publish;
    publish->repeat.handler = ngx_oscp_publish_repeat_handler;
    publish->repeat.data = publish;

    step.name = "publication";
    step.send = ngx_oscp_publish_send;
    step.check = ngx_oscp_publish_sent;
    step.data = publish;

    ngx_oscp_store_set_publish(store, &step);

    publish->timer.handler = ngx_oscp_publish_timer_handler;
    publish->timer.data = publish;
    publish->timer.log = publish->log;
    publish->timer.cancelable = 1;

    ngx_add_timer(&publish->timer, NGX_OSCP_PUBLISH_SILENT_MS);

    return NGX_OK;
}


/*
 * EVAL SCRIPT 1 oscp:config VERSION SHARDS [NAME DOCUMENT]…, or what this
 * nginx had published before; and the same without a version and what follows
 * the shards.
 */
static ngx_int_t
ngx_oscp_publish_prepare(ngx_oscp_publish_t *publish, ngx_pool_t *pool)
{
    u_char                        *shards;
    size_t                        *lens;
    ngx_int_t                      n;
    ngx_uint_t                     i;
    const char                   **values;
    ngx_oscp_connection_t        **connection;
    const ngx_oscp_main_conf_t    *conf = publish->conf;

    n = 6 + 2 * conf->connections.nelts + 1;

    values = ngx_palloc(pool, n * sizeof(char *));
    lens = ngx_palloc(pool, n * sizeof(size_t));
    shards = ngx_pnalloc(pool, NGX_INT_T_LEN);

    if (values == NULL || lens == NULL || shards == NULL) {
        return NGX_ERROR;
    }

    values[0] = "EVAL";
    lens[0] = sizeof("EVAL") - 1;
    values[1] = (char *) ngx_oscp_script_publish.data;
    lens[1] = ngx_oscp_script_publish.len;
    values[2] = "1";
    lens[2] = 1;
    values[3] = (char *) conf->config_key.data;
    lens[3] = conf->config_key.len;
    values[4] = (char *) conf->version;
    lens[4] = sizeof(conf->version);
    values[5] = (char *) shards;
    lens[5] = ngx_sprintf(shards, "%i", conf->shards) - shards;

    connection = conf->connections.elts;

    for (i = 0, n = 6; i < conf->connections.nelts; i++) {
        values[n] = (char *) connection[i]->node.str.data;
        lens[n++] = connection[i]->node.str.len;
        values[n] = (char *) connection[i]->document.data;
        lens[n++] = connection[i]->document.len;
    }

    if (conf->connections.nelts == 0) {
        values[n] = (char *) ngx_oscp_publish_past;
        lens[n++] = ngx_oscp_publish_past_len;
    }

    publish->args.n = n;
    publish->args.values = values;
    publish->args.lens = lens;

    n = 6;

    values = ngx_palloc(pool, n * sizeof(char *));
    lens = ngx_palloc(pool, n * sizeof(size_t));

    if (values == NULL || lens == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(values, publish->args.values, n * sizeof(char *));
    ngx_memcpy(lens, publish->args.lens, n * sizeof(size_t));
    lens[4] = 0;

    publish->ask.n = n;
    publish->ask.values = values;
    publish->ask.lens = lens;

    return NGX_OK;
}


static ngx_uint_t
ngx_oscp_publish_overtaken(ngx_oscp_publish_t *publish)
{
    publish->silent = ngx_exiting || ngx_quit || ngx_terminate
                      || ngx_oscp_counter_generation(publish->conf->zone)
                         != publish->conf->generation
                      || !ngx_oscp_master_speaks();

    return publish->silent;
}


static ngx_int_t
ngx_oscp_publish_send(ngx_oscp_redis_t *redis,
    ngx_oscp_redis_command_t *command, void *data)
{
    ngx_oscp_publish_t  *publish = data;

    if (redis != ngx_oscp_store_config(publish->store)) {
        return NGX_DECLINED;
    }

    return ngx_oscp_redis_send_step(redis, command,
                                    ngx_oscp_publish_overtaken(publish)
                                    ? &publish->ask : &publish->args);
}


static ngx_int_t
ngx_oscp_publish_sent(ngx_oscp_redis_t *redis, const redisReply *reply,
    void *data)
{
    ngx_oscp_publish_t  *publish = data;

    if (reply->type != REDIS_REPLY_INTEGER) {
        return NGX_ERROR;
    }

    if (reply->integer) {
        ngx_log_error(NGX_LOG_NOTICE, publish->log, 0,
                      "oscp: configuration %*s published, %ui connections",
                      sizeof(publish->conf->version), publish->conf->version,
                      publish->conf->connections.nelts);
    }

    return NGX_OK;
}


/*
 * Every process asks, which also finds out about a connection that is dead;
 * the first of them acts on the answer.
 */
static void
ngx_oscp_publish_timer_handler(ngx_event_t *ev)
{
    size_t                 lens[3];
    ngx_uint_t             silent;
    const char            *values[3];
    ngx_oscp_publish_t    *publish = ev->data;
    ngx_oscp_redis_args_t  args = { 3, values, lens };

    if (ngx_exiting) {
        return;
    }

    silent = publish->silent;

    if (!ngx_oscp_publish_overtaken(publish) && silent) {
        ngx_oscp_publish_repeat(publish);
    }

    ngx_add_timer(ev, publish->silent ? NGX_OSCP_PUBLISH_SILENT_MS
                                      : NGX_OSCP_PUBLISH_CHECK_MS);

    values[0] = "HGET";
    lens[0] = sizeof("HGET") - 1;
    values[1] = (char *) publish->conf->config_key.data;
    lens[1] = publish->conf->config_key.len;
    values[2] = "version";
    lens[2] = sizeof("version") - 1;

    /* Not sent, the connection is not ready, and will publish when it is. */
    if (!publish->checking
        && ngx_oscp_publish_transmit(publish, &publish->check, &args)
           == NGX_OK)
    {
        publish->checking = 1;
        publish->spoke = !publish->silent;
    }
}


/* To where the configuration lies at this moment. */
static ngx_int_t
ngx_oscp_publish_transmit(ngx_oscp_publish_t *publish,
    ngx_oscp_redis_command_t *command, const ngx_oscp_redis_args_t *args)
{
    ngx_oscp_redis_t  *redis = ngx_oscp_store_config(publish->store);

    return redis ? ngx_oscp_redis_send(redis, command, args) : NGX_ERROR;
}


static void
ngx_oscp_publish_check_handler(ngx_oscp_redis_command_t *command,
    redisReply *reply)
{
    ngx_oscp_publish_t  *publish = command->data;

    publish->checking = 0;

    if (reply && reply->type == REDIS_REPLY_ERROR) {
        (void) ngx_oscp_store_refused(publish->store, command->redis,
                                      publish->conf->shards, reply);
    }

    if (reply == NULL || ngx_worker != 0
        || publish->conf->connections.nelts == 0
        || ngx_oscp_publish_overtaken(publish))
    {
        return;
    }

    if (reply->type == REDIS_REPLY_NIL) {
        ngx_oscp_publish_repeat(publish);

    } else if (reply->type == REDIS_REPLY_STRING && publish->spoke) {
        ngx_oscp_publish_compare(publish, reply);
    }
}


/* Each version that is not ours is named once. */
static void
ngx_oscp_publish_compare(ngx_oscp_publish_t *publish, const redisReply *reply)
{
    size_t         len;
    const u_char  *ours = publish->conf->version;

    if (reply->len == NGX_OSCP_VERSION_LEN
        && ngx_memcmp(reply->str, ours, NGX_OSCP_VERSION_LEN) == 0)
    {
        publish->foreign_len = 0;
        return;
    }

    len = ngx_min(reply->len, NGX_OSCP_VERSION_LEN);

    if (publish->foreign_len == len
        && ngx_memcmp(publish->foreign, reply->str, len) == 0)
    {
        return;
    }

    ngx_memcpy(publish->foreign, reply->str, len);
    publish->foreign_len = len;

    ngx_log_error(NGX_LOG_ERR, publish->log, 0,
                  "oscp: another nginx has published configuration %*s in "
                  "place of %*s: only one nginx may publish under a prefix",
                  len, reply->str, (size_t) NGX_OSCP_VERSION_LEN, ours);
}


/*
 * Not sent, the connection is not ready, and will publish when it is; or a
 * command is under way, behind which the timer comes again.
 */
static void
ngx_oscp_publish_repeat(ngx_oscp_publish_t *publish)
{
    if (publish->checking) {
        publish->silent = 1;
        return;
    }

    if (ngx_oscp_publish_transmit(publish, &publish->repeat, &publish->args)
        == NGX_OK)
    {
        publish->checking = 1;
    }
}


/*
 * What was refused must not be acted upon: a new connection begins with the
 * same question, and stores nothing before that is answered.
 */
static void
ngx_oscp_publish_repeat_handler(ngx_oscp_redis_command_t *command,
    redisReply *reply)
{
    ngx_oscp_publish_t  *publish = command->data;

    publish->checking = 0;

    if (reply && ngx_oscp_publish_sent(command->redis, reply, publish)
                 != NGX_OK)
    {
        ngx_log_error(NGX_LOG_ERR, publish->log, 0,
                      "oscp: Redis refused the configuration: \"%*s\"",
                      (size_t) reply->len, reply->str ? reply->str : "");
        ngx_oscp_redis_abort(command->redis,
                             "the configuration was refused");
    }
}
