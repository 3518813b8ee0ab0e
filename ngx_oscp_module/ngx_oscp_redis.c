/*
 * A connection to Redis.
 *
 * WAITING → CONNECTING by the retry timer, → READY by the last reply of the
 * set-up; from both back to WAITING when hiredis lets go of the socket, for
 * whatever reason.  There is one way out of a connection, the detached hook,
 * and one way in, ngx_oscp_redis_connect().
 */

#include "ngx_oscp_redis.h"
#include "ngx_oscp_tls.h"

#define NGX_OSCP_REDIS_BACKOFF_MIN_MS  50
#define NGX_OSCP_REDIS_BACKOFF_MAX_MS  2000


static void ngx_oscp_redis_connect(ngx_oscp_redis_t *redis);
static redisAsyncContext *ngx_oscp_redis_open(ngx_oscp_redis_t *redis);
static void ngx_oscp_redis_setup(ngx_oscp_redis_t *redis);
static void ngx_oscp_redis_setup_handler(ngx_oscp_redis_command_t *command,
    redisReply *reply);
static void ngx_oscp_redis_ready(ngx_oscp_redis_t *redis);

static ngx_int_t ngx_oscp_redis_write(ngx_oscp_redis_t *redis,
    redisCallbackFn *handler, void *data, const ngx_oscp_redis_args_t *args);
static ngx_int_t ngx_oscp_redis_transmit(ngx_oscp_redis_t *redis,
    ngx_oscp_redis_command_t *command, const ngx_oscp_redis_args_t *args);
static void ngx_oscp_redis_reply(redisAsyncContext *ac, void *reply,
    void *data);
static void ngx_oscp_redis_part_reply(redisAsyncContext *ac, void *reply,
    void *data);

static void ngx_oscp_redis_close(ngx_oscp_redis_t *redis, const char *reason);
static void ngx_oscp_redis_detached(void *data, const redisAsyncContext *ac);
static void ngx_oscp_redis_wait(ngx_oscp_redis_t *redis, const char *reason);
static void ngx_oscp_redis_retry_handler(ngx_event_t *ev);
static void ngx_oscp_redis_deadline_handler(ngx_event_t *ev);

static ngx_int_t ngx_oscp_redis_auth(ngx_oscp_redis_t *redis,
    ngx_oscp_redis_command_t *command, void *data);
static ngx_int_t ngx_oscp_redis_select(ngx_oscp_redis_t *redis,
    ngx_oscp_redis_command_t *command, void *data);
static ngx_int_t ngx_oscp_redis_ping(ngx_oscp_redis_t *redis,
    ngx_oscp_redis_command_t *command, void *data);


const ngx_oscp_redis_step_t  ngx_oscp_redis_auth_step = {
    "AUTH", ngx_oscp_redis_auth, NULL, NULL
};

const ngx_oscp_redis_step_t  ngx_oscp_redis_select_step = {
    "SELECT", ngx_oscp_redis_select, NULL, NULL
};

/* The reply that makes the connection ready. */
const ngx_oscp_redis_step_t  ngx_oscp_redis_ping_step = {
    "PING", ngx_oscp_redis_ping, NULL, NULL
};


void
ngx_oscp_redis_init(ngx_oscp_redis_t *redis, const ngx_oscp_redis_conf_t *conf,
    ngx_log_t *log)
{
    redis->conf = conf;
    redis->peers = conf->peers;
    redis->npeers = conf->npeers;
    redis->log = log;

    redis->event.detached = ngx_oscp_redis_detached;
    redis->event.data = redis;

    redis->backoff.min_ms = NGX_OSCP_REDIS_BACKOFF_MIN_MS;
    redis->backoff.max_ms = NGX_OSCP_REDIS_BACKOFF_MAX_MS;
    redis->backoff.multiplier = 2;
    redis->backoff.jitter = 0.5;

    ngx_queue_init(&redis->commands);

    /*
     * Neither timer keeps a worker alive that is on its way out; a deadline
     * that a request depends on does (ngx_oscp_redis_transmit).
     */
    redis->retry.handler = ngx_oscp_redis_retry_handler;
    redis->retry.data = redis;
    redis->retry.log = log;
    redis->retry.cancelable = 1;

    redis->deadline.handler = ngx_oscp_redis_deadline_handler;
    redis->deadline.data = redis;
    redis->deadline.log = log;
    redis->deadline.cancelable = 1;
}


void
ngx_oscp_redis_manage(ngx_oscp_redis_t *redis,
    const ngx_oscp_redis_peer_t *peers, ngx_uint_t npeers)
{
    redis->managed = 1;
    redis->peers = peers;
    redis->npeers = npeers;
    redis->peer = 0;
}


char *
ngx_oscp_redis_peer_text(const ngx_oscp_redis_peer_t *peer, char *buf)
{
    u_char      *last;
    const char  *host = peer->at.host;

    if (peer->at.port == 0) {
        last = ngx_sprintf((u_char *) buf, "unix:%s", host);

    } else {
        last = ngx_sprintf((u_char *) buf, ngx_strchr(host, ':') ? "[%s]:%ui"
                                                                 : "%s:%ui",
                           host, (ngx_uint_t) peer->at.port);
    }

    *last = '\0';

    return buf;
}


void
ngx_oscp_redis_add_step(ngx_oscp_redis_t *redis,
    const ngx_oscp_redis_step_t *step)
{
    if (redis->nsteps < NGX_OSCP_REDIS_STEPS_MAX) {
        redis->steps[redis->nsteps++] = *step;
    }
}


void
ngx_oscp_redis_start(ngx_oscp_redis_t *redis)
{
    ngx_oscp_redis_connect(redis);
}


void
ngx_oscp_redis_start_in(ngx_oscp_redis_t *redis, ngx_msec_t ms)
{
    ngx_add_timer(&redis->retry, ms);
}


void
ngx_oscp_redis_stop(ngx_oscp_redis_t *redis)
{
    redis->stopped = 1;

    if (redis->retry.timer_set) {
        ngx_del_timer(&redis->retry);
    }

    ngx_oscp_redis_close(redis, "stopped");

    if (redis->deadline.timer_set) {
        ngx_del_timer(&redis->deadline);
    }

    ngx_oscp_resp_wipe(&redis->resp);
}


static void
ngx_oscp_redis_connect(ngx_oscp_redis_t *redis)
{
    const char         *why;
    redisAsyncContext  *ac;

    redis->reason[0] = '\0';

    ac = ngx_oscp_redis_open(redis);

    if (ac == NULL) {
        ngx_oscp_redis_wait(redis, "no memory");
        return;
    }

    if (ac->err) {
        ngx_oscp_redis_wait(redis, ac->errstr);
        redisAsyncFree(ac);
        return;
    }

    redis->ssl = NULL;
    redis->event.secure = redis->conf->tls != NULL;

    if (redis->conf->tls) {
        why = ngx_oscp_tls_start(redis->conf->tls, &ac->c,
                                 redis->peers[redis->peer].name, &redis->ssl);
        if (why) {
            ngx_oscp_redis_wait(redis, why);
            redisAsyncFree(ac);
            return;
        }
    }

    if (ngx_oscp_redis_event_attach(&redis->event, ac, redis->log) != NGX_OK) {
        ngx_oscp_redis_wait(redis, "nginx has no free connection");
        redisAsyncFree(ac);
        return;
    }

    redis->state = NGX_OSCP_REDIS_CONNECTING;
    ngx_oscp_redis_setup(redis);
    redis->changed(redis->data);
}


/*
 * hiredis resolves whatever it is given: a numeric address costs no more than
 * its parsing, a name would block the worker.
 */
static redisAsyncContext *
ngx_oscp_redis_open(ngx_oscp_redis_t *redis)
{
    redisAsyncContext            *ac;
    const ngx_oscp_redis_peer_t  *peer = &redis->peers[redis->peer];

    if (peer->at.port == 0) {
        return redisAsyncConnectUnix(peer->at.host);
    }

    ac = redisAsyncConnect(peer->at.host, peer->at.port);

    /* A peer that vanished is found out although nothing is sent. */
    if (ac && ac->err == 0) {
        (void) redisEnableKeepAlive(&ac->c);
    }

    return ac;
}


/* All at once: hiredis keeps them until the socket is connected. */
static void
ngx_oscp_redis_setup(ngx_oscp_redis_t *redis)
{
    ngx_int_t                  rc;
    ngx_uint_t                 i;
    ngx_oscp_redis_command_t  *command;

    redis->pending = 0;

    for (i = 0; i < redis->nsteps; i++) {
        command = &redis->setup[i];
        command->holds = 0;
        command->handler = ngx_oscp_redis_setup_handler;
        command->data = &redis->steps[i];

        rc = redis->steps[i].send(redis, command, redis->steps[i].data);

        if (rc == NGX_OK) {
            redis->pending++;

        } else if (rc == NGX_ERROR) {
            ngx_oscp_redis_close(redis, "no memory for its set-up");
            return;
        }
    }
}


static void
ngx_oscp_redis_setup_handler(ngx_oscp_redis_command_t *command,
    redisReply *reply)
{
    u_char                       *last;
    ngx_oscp_redis_t             *redis = command->redis;
    const ngx_oscp_redis_step_t  *step = command->data;

    /* The connection has ended, or is being closed for an earlier step. */
    if (reply == NULL || redis->reason[0]) {
        return;
    }

    if (reply->type == REDIS_REPLY_ERROR) {
        last = ngx_snprintf((u_char *) redis->reason,
                            sizeof(redis->reason) - 1, "%s answered \"%*s\"",
                            step->name, (size_t) reply->len, reply->str);
        *last = '\0';
        ngx_oscp_redis_close(redis, NULL);
        return;
    }

    if (step->check && step->check(redis, reply, step->data) != NGX_OK) {
        if (redis->reason[0] == '\0') {
            last = ngx_snprintf((u_char *) redis->reason,
                                sizeof(redis->reason) - 1,
                                "%s answered something unexpected",
                                step->name);
            *last = '\0';
        }

        ngx_oscp_redis_close(redis, NULL);
        return;
    }

    if (--redis->pending == 0) {
        ngx_oscp_redis_ready(redis);
    }
}


static void
ngx_oscp_redis_ready(ngx_oscp_redis_t *redis)
{
    if (redis->failed && !redis->managed) {
        ngx_log_error(NGX_LOG_NOTICE, redis->log, 0,
                      "oscp: Redis at %V is back", &redis->conf->url);
    }

    redis->failed = 0;
    oscp_backoff_reset(&redis->backoff);

    redis->state = NGX_OSCP_REDIS_READY;
    redis->changed(redis->data);
}


ngx_int_t
ngx_oscp_redis_send(ngx_oscp_redis_t *redis, ngx_oscp_redis_command_t *command,
    const ngx_oscp_redis_args_t *args)
{
    if (redis->state != NGX_OSCP_REDIS_READY) {
        return NGX_ERROR;
    }

    return ngx_oscp_redis_transmit(redis, command, args);
}


ngx_int_t
ngx_oscp_redis_send_part(ngx_oscp_redis_t *redis,
    const ngx_oscp_redis_args_t *args)
{
    if (redis->state != NGX_OSCP_REDIS_READY) {
        return NGX_ERROR;
    }

    return ngx_oscp_redis_write(redis, ngx_oscp_redis_part_reply, redis, args);
}


/*
 * Why a transaction was discarded is said here alone: its own reply tells only
 * that it was.
 */
static void
ngx_oscp_redis_part_reply(redisAsyncContext *ac, void *reply, void *data)
{
    redisReply        *r = reply;
    ngx_oscp_redis_t  *redis = data;

    if (r == NULL || r->type != REDIS_REPLY_ERROR
        || (redis->refused && redis->refused(redis->data, r) != NGX_OK)
        || ngx_time() == redis->complained)
    {
        return;
    }

    redis->complained = ngx_time();
    ngx_log_error(NGX_LOG_ERR, redis->log, 0,
                  "oscp: Redis refused a command: \"%*s\"", (size_t) r->len,
                  r->str);
}


void
ngx_oscp_redis_abort(ngx_oscp_redis_t *redis, const char *reason)
{
    ngx_oscp_redis_close(redis, reason);
}


ngx_int_t
ngx_oscp_redis_send_step(ngx_oscp_redis_t *redis,
    ngx_oscp_redis_command_t *command, const ngx_oscp_redis_args_t *args)
{
    return ngx_oscp_redis_transmit(redis, command, args);
}


/*
 * Into hiredis's buffer; `handler` is called with the reply and `data`.
 *
 * Without memory for the callback hiredis 0.14 sends the command all the same,
 * and would give its reply to the next one: a 204 for what is not stored.  The
 * error makes it end the connection before anything more is written.
 */
static ngx_int_t
ngx_oscp_redis_write(ngx_oscp_redis_t *redis, redisCallbackFn *handler,
    void *data, const ngx_oscp_redis_args_t *args)
{
    redisAsyncContext    *ac = redis->event.ac;
    const redisCallback  *last;

    if (ac == NULL
        || ngx_oscp_resp_encode(&redis->resp, args->n, args->values,
                                args->lens)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    last = ac->replies.tail;

    if (redisAsyncFormattedCommand(ac, handler, data,
                                   (char *) redis->resp.data, redis->resp.len)
        != REDIS_OK)
    {
        return NGX_ERROR;
    }

    if (ac->replies.tail == last) {
        ac->c.err = REDIS_ERR_OOM;
        (void) ngx_cpystrn((u_char *) ac->c.errstr,
                           (u_char *) "no memory for a reply",
                           sizeof(ac->c.errstr));
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_oscp_redis_transmit(ngx_oscp_redis_t *redis,
    ngx_oscp_redis_command_t *command, const ngx_oscp_redis_args_t *args)
{
    if (ngx_oscp_redis_write(redis, ngx_oscp_redis_reply, command, args)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    command->redis = redis;
    command->expires = ngx_current_msec + redis->conf->timeout;
    ngx_queue_insert_tail(&redis->commands, &command->queue);

    if (command->holds) {
        redis->holding++;
        redis->deadline.cancelable = 0;
    }

    /* Left in place when a reply comes: it finds the next one by itself. */
    if (!redis->deadline.timer_set) {
        ngx_add_timer(&redis->deadline, redis->conf->timeout);
    }

    return NGX_OK;
}


static void
ngx_oscp_redis_reply(redisAsyncContext *ac, void *reply, void *data)
{
    ngx_oscp_redis_command_t  *command = data;

    ngx_queue_remove(&command->queue);

    if (command->holds && --command->redis->holding == 0) {
        command->redis->deadline.cancelable = 1;
    }

    command->handler(command, reply);
}


/* `reason` NULL: it is in redis->reason already. */
static void
ngx_oscp_redis_close(ngx_oscp_redis_t *redis, const char *reason)
{
    if (reason) {
        (void) ngx_cpystrn((u_char *) redis->reason, (u_char *) reason,
                           sizeof(redis->reason));
    }

    /* Inside a reply's callback hiredis puts the end off until it returns. */
    if (redis->event.ac) {
        redisAsyncFree(redis->event.ac);
    }
}


static void
ngx_oscp_redis_detached(void *data, const redisAsyncContext *ac)
{
    const char        *reason;
    ngx_oscp_redis_t  *redis = data;

    if (redis->reason[0] == '\0' && ac->err) {
        reason = ngx_oscp_tls_reason(redis->ssl);
        (void) ngx_cpystrn((u_char *) redis->reason,
                           (u_char *) (reason ? reason : ac->c.errstr),
                           sizeof(redis->reason));
    }

    redis->ssl = NULL;

    ngx_oscp_redis_wait(redis, redis->reason[0] ? redis->reason : "closed");
}


static void
ngx_oscp_redis_wait(ngx_oscp_redis_t *redis, const char *reason)
{
    ngx_msec_t  pause;
    ngx_uint_t  level;

    /* A host with several addresses is tried at each of them. */
    if (redis->state != NGX_OSCP_REDIS_READY) {
        redis->peer = (redis->peer + 1) % redis->npeers;
    }

    redis->state = NGX_OSCP_REDIS_WAITING;

    if (redis->stopped) {
        return;
    }

    if (redis->managed) {
        if (reason != redis->reason) {
            (void) ngx_cpystrn((u_char *) redis->reason, (u_char *) reason,
                               sizeof(redis->reason));
        }

        redis->changed(redis->data);
        return;
    }

    pause = oscp_backoff_next(&redis->backoff, (uint32_t) ngx_random());

    /* An outage is one line in the log, not one for every attempt. */
    level = redis->failed ? NGX_LOG_INFO : NGX_LOG_ERR;
    ngx_log_error(level, redis->log, 0,
                  "oscp: Redis at %V: %s; trying again in %M ms",
                  &redis->conf->url, reason, pause);

    redis->failed++;
    ngx_add_timer(&redis->retry, pause);

    redis->changed(redis->data);
}


static void
ngx_oscp_redis_retry_handler(ngx_event_t *ev)
{
    ngx_oscp_redis_t  *redis = ev->data;

    if (redis->event.ac == NULL) {
        ngx_oscp_redis_connect(redis);
    }
}


/*
 * A Redis that does not answer in time is given up together with its
 * connection: replies come in order, so nothing behind this one would.
 */
static void
ngx_oscp_redis_deadline_handler(ngx_event_t *ev)
{
    ngx_queue_t               *q;
    ngx_msec_int_t             rest;
    ngx_oscp_redis_t          *redis = ev->data;
    ngx_oscp_redis_command_t  *oldest;

    if (ngx_queue_empty(&redis->commands)) {
        return;
    }

    q = ngx_queue_head(&redis->commands);
    oldest = ngx_queue_data(q, ngx_oscp_redis_command_t, queue);
    rest = (ngx_msec_int_t) (oldest->expires - ngx_current_msec);

    if (rest > 0) {
        ngx_add_timer(ev, rest);
        return;
    }

    ngx_oscp_redis_close(redis, "no answer in time");
}


static ngx_int_t
ngx_oscp_redis_auth(ngx_oscp_redis_t *redis, ngx_oscp_redis_command_t *command,
    void *data)
{
    const char                   *values[3];
    size_t                        lens[3];
    ngx_int_t                     rc;
    ngx_oscp_redis_args_t         args;
    const ngx_oscp_redis_conf_t  *conf = redis->conf;

    if (conf->password.len == 0) {
        return NGX_DECLINED;
    }

    args.n = 0;
    args.values = values;
    args.lens = lens;

    values[args.n] = "AUTH";
    lens[args.n++] = sizeof("AUTH") - 1;

    if (conf->user.len) {
        values[args.n] = (char *) conf->user.data;
        lens[args.n++] = conf->user.len;
    }

    values[args.n] = (char *) conf->password.data;
    lens[args.n++] = conf->password.len;

    rc = ngx_oscp_redis_send_step(redis, command, &args);
    ngx_oscp_resp_wipe(&redis->resp);

    return rc;
}


static ngx_int_t
ngx_oscp_redis_select(ngx_oscp_redis_t *redis,
    ngx_oscp_redis_command_t *command, void *data)
{
    u_char                 number[NGX_INT_T_LEN];
    size_t                 lens[2];
    const char            *values[2];
    ngx_oscp_redis_args_t  args = { 2, values, lens };

    if (redis->conf->db == 0) {
        return NGX_DECLINED;
    }

    values[0] = "SELECT";
    lens[0] = sizeof("SELECT") - 1;
    values[1] = (char *) number;
    lens[1] = ngx_sprintf(number, "%ui", redis->conf->db) - number;

    return ngx_oscp_redis_send_step(redis, command, &args);
}


static ngx_int_t
ngx_oscp_redis_ping(ngx_oscp_redis_t *redis,
    ngx_oscp_redis_command_t *command, void *data)
{
    size_t                 len = sizeof("PING") - 1;
    const char            *value = "PING";
    ngx_oscp_redis_args_t  args = { 1, &value, &len };

    return ngx_oscp_redis_send_step(redis, command, &args);
}
