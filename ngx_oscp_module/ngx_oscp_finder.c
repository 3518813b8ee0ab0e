/*
 * Questions to sentinels and to nodes of a cluster.  Each is a connection of
 * its own, whose set-up is the question: what bounds a set-up bounds the wait
 * for an answer.
 */

#include "ngx_oscp_finder.h"

#define NGX_OSCP_FINDER_NEXT_MS  1


static void ngx_oscp_finder_changed(void *data);
static ngx_int_t ngx_oscp_finder_ask_master(ngx_oscp_redis_t *redis,
    ngx_oscp_redis_command_t *command, void *data);
static ngx_int_t ngx_oscp_finder_ask_slots(ngx_oscp_redis_t *redis,
    ngx_oscp_redis_command_t *command, void *data);
static ngx_int_t ngx_oscp_finder_answer(ngx_oscp_redis_t *redis,
    const redisReply *reply, void *data);
static ngx_int_t ngx_oscp_finder_fill(ngx_oscp_finder_t *finder,
    const redisReply *host, const redisReply *port,
    ngx_oscp_redis_peer_t *peer);
static ngx_int_t ngx_oscp_finder_numeric(ngx_oscp_finder_t *finder,
    ngx_oscp_redis_peer_t *peer);
static ngx_int_t ngx_oscp_finder_wrong(ngx_oscp_finder_t *finder,
    const char *format, ...);


void
ngx_oscp_finder_init(ngx_oscp_finder_t *finder,
    const ngx_oscp_redis_conf_t *conf, ngx_log_t *log)
{
    ngx_oscp_redis_step_t  ask;

    finder->conf = conf;
    finder->redis.changed = ngx_oscp_finder_changed;
    finder->redis.data = finder;
    ngx_oscp_redis_init(&finder->redis, conf, log);

    ask.check = ngx_oscp_finder_answer;
    ask.data = finder;

    if (conf->kind == OSCP_ADDRESS_SENTINEL) {
        ask.name = "SENTINEL";
        ask.send = ngx_oscp_finder_ask_master;

    } else {
        ask.name = "CLUSTER SLOTS";
        ask.send = ngx_oscp_finder_ask_slots;

        /* The servers' password: sentinels have another one, or none. */
        ngx_oscp_redis_add_step(&finder->redis, &ngx_oscp_redis_auth_step);
    }

    ngx_oscp_redis_add_step(&finder->redis, &ask);
}


void
ngx_oscp_finder_start(ngx_oscp_finder_t *finder,
    const ngx_oscp_redis_peer_t *peers, ngx_uint_t npeers, ngx_uint_t next)
{
    ngx_uint_t  first;

    first = (finder->redis.peer + next) % npeers;

    finder->running = 1;
    finder->left = npeers;

    ngx_oscp_redis_manage(&finder->redis, peers, npeers);
    finder->redis.peer = first;

    ngx_oscp_redis_start(&finder->redis);
}


void
ngx_oscp_finder_stop(ngx_oscp_finder_t *finder)
{
    finder->running = 0;
    ngx_oscp_redis_stop(&finder->redis);
}


/* An answered question leaves nothing to do with its connection. */
static void
ngx_oscp_finder_changed(void *data)
{
    char                          text[NGX_OSCP_REDIS_TEXT_SIZE];
    ngx_uint_t                    asked;
    ngx_oscp_finder_t            *finder = data;

    if (!finder->running
        || finder->redis.state == NGX_OSCP_REDIS_CONNECTING)
    {
        return;
    }

    if (finder->redis.state == NGX_OSCP_REDIS_READY) {
        finder->running = 0;
        ngx_oscp_redis_abort(&finder->redis, "answered");
        finder->ended(finder->data, 1);
        return;
    }

    /* The connection has gone on to the next one already. */
    asked = (finder->redis.peer + finder->redis.npeers - 1)
            % finder->redis.npeers;

    ngx_log_error(NGX_LOG_INFO, finder->redis.log, 0,
                  "oscp: asked where Redis is, %s has no answer: %s",
                  ngx_oscp_redis_peer_text(&finder->redis.peers[asked], text),
                  finder->redis.reason);

    if (--finder->left) {
        ngx_oscp_redis_start_in(&finder->redis, NGX_OSCP_FINDER_NEXT_MS);
        return;
    }

    finder->running = 0;
    finder->ended(finder->data, 0);
}


static ngx_int_t
ngx_oscp_finder_ask_master(ngx_oscp_redis_t *redis,
    ngx_oscp_redis_command_t *command, void *data)
{
    size_t                 lens[3];
    const char            *values[3];
    ngx_oscp_finder_t     *finder = data;
    ngx_oscp_redis_args_t  args = { 3, values, lens };

    values[0] = "SENTINEL";
    lens[0] = sizeof("SENTINEL") - 1;
    values[1] = "GET-MASTER-ADDR-BY-NAME";
    lens[1] = sizeof("GET-MASTER-ADDR-BY-NAME") - 1;
    values[2] = (char *) finder->conf->master.data;
    lens[2] = finder->conf->master.len;

    return ngx_oscp_redis_send_step(redis, command, &args);
}


static ngx_int_t
ngx_oscp_finder_ask_slots(ngx_oscp_redis_t *redis,
    ngx_oscp_redis_command_t *command, void *data)
{
    size_t                 lens[2];
    const char            *values[2];
    ngx_oscp_redis_args_t  args = { 2, values, lens };

    values[0] = "CLUSTER";
    lens[0] = sizeof("CLUSTER") - 1;
    values[1] = "SLOTS";
    lens[1] = sizeof("SLOTS") - 1;

    return ngx_oscp_redis_send_step(redis, command, &args);
}


static ngx_int_t
ngx_oscp_finder_answer(ngx_oscp_redis_t *redis, const redisReply *reply,
    void *data)
{
    ngx_int_t           rc;
    ngx_oscp_finder_t  *finder = data;

    if (reply->type == REDIS_REPLY_NIL) {
        return ngx_oscp_finder_wrong(finder, "it knows no master \"%V\"",
                                     &finder->conf->master);
    }

    if (reply->type != REDIS_REPLY_ARRAY) {
        return NGX_ERROR;
    }

    finder->reply = reply;
    rc = finder->found(finder->data);
    finder->reply = NULL;

    return rc;
}


/*
 * CLUSTER SLOTS: [[first, last, [host, port, id, …], replica, …], …]
 * SENTINEL GET-MASTER-ADDR-BY-NAME: [host, port]
 */
ngx_int_t
ngx_oscp_finder_place(ngx_oscp_finder_t *finder, ngx_uint_t slot,
    ngx_oscp_redis_peer_t *peer)
{
    size_t       i;
    redisReply  *range, *master;

    if (finder->conf->kind == OSCP_ADDRESS_SENTINEL) {
        if (finder->reply->elements != 2) {
            return NGX_ERROR;
        }

        return ngx_oscp_finder_fill(finder, finder->reply->element[0],
                                    finder->reply->element[1], peer);
    }

    for (i = 0; i < finder->reply->elements; i++) {
        range = finder->reply->element[i];

        if (range->type != REDIS_REPLY_ARRAY || range->elements < 3
            || range->element[0]->type != REDIS_REPLY_INTEGER
            || range->element[1]->type != REDIS_REPLY_INTEGER
            || range->element[2]->type != REDIS_REPLY_ARRAY
            || range->element[2]->elements < 2)
        {
            return NGX_ERROR;
        }

        if (range->element[0]->integer <= (ngx_int_t) slot
            && range->element[1]->integer >= (ngx_int_t) slot)
        {
            master = range->element[2];
            return ngx_oscp_finder_fill(finder, master->element[0],
                                        master->element[1], peer);
        }
    }

    return ngx_oscp_finder_wrong(finder, "nobody serves slot %ui", slot);
}


/* A host that is not told is the one that was asked. */
static ngx_int_t
ngx_oscp_finder_fill(ngx_oscp_finder_t *finder, const redisReply *host,
    const redisReply *port, ngx_oscp_redis_peer_t *peer)
{
    long long                     number;
    oscp_host_t                   at;
    const ngx_oscp_redis_peer_t  *asked;

    number = port->type == REDIS_REPLY_INTEGER ? port->integer
             : port->type == REDIS_REPLY_STRING
               ? ngx_atoi((u_char *) port->str, port->len) : 0;

    if ((host->type != REDIS_REPLY_STRING && host->type != REDIS_REPLY_NIL)
        || oscp_address_host_set(&at, host->str ? host->str : "", host->len,
                                 number)
           != 0)
    {
        return ngx_oscp_finder_wrong(finder, "it names no address");
    }

    ngx_memzero(peer, sizeof(ngx_oscp_redis_peer_t));
    peer->at = at;

    if (at.host[0] == '\0') {
        asked = &finder->redis.peers[finder->redis.peer];
        ngx_memcpy(peer->at.host, asked->at.host, sizeof(peer->at.host));
        ngx_memcpy(peer->name, asked->name, sizeof(peer->name));
        return NGX_OK;
    }

    ngx_memcpy(peer->name, at.host, sizeof(peer->name));

    return ngx_oscp_finder_numeric(finder, peer);
}


/*
 * A name would have to be looked up, which would block the worker process; but
 * those that `oscp_redis` lists were, when the configuration was read.
 */
static ngx_int_t
ngx_oscp_finder_numeric(ngx_oscp_finder_t *finder, ngx_oscp_redis_peer_t *peer)
{
    size_t                        len;
    u_char                        bytes[16];
    ngx_uint_t                    i;
    const ngx_oscp_redis_peer_t  *known;

    len = ngx_strlen(peer->name);

    if (ngx_inet_addr((u_char *) peer->name, len) != INADDR_NONE) {
        return NGX_OK;
    }

#if (NGX_HAVE_INET6)
    if (ngx_inet6_addr((u_char *) peer->name, len, bytes) == NGX_OK) {
        return NGX_OK;
    }
#endif

    for (i = 0; i < finder->conf->npeers; i++) {
        known = &finder->conf->peers[i];

        if (ngx_strcmp(known->name, peer->name) == 0) {
            ngx_memcpy(peer->at.host, known->at.host, sizeof(known->at.host));
            return NGX_OK;
        }
    }

    return ngx_oscp_finder_wrong(finder, "it answers with a name, \"%s\", "
                                 "where an address is needed", peer->name);
}


static ngx_int_t
ngx_oscp_finder_wrong(ngx_oscp_finder_t *finder, const char *format, ...)
{
    u_char   *last, *reason = (u_char *) finder->redis.reason;
    va_list   args;

    va_start(args, format);
    last = ngx_vslprintf(reason, reason + NGX_OSCP_REDIS_REASON_SIZE - 1,
                         format, args);
    va_end(args);

    *last = '\0';

    return NGX_ERROR;
}
