/*
 * A connection to the Redis that has a key.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "lookout.h"
#include "node.h"
#include "oscp_slot.h"
#include "redis.h"
#include "script.h"


#define WORKER_REDIS_PASSWORD_MAX   4096     /* bytes of a password */
#define REDIS_PASSWORD_ROOM         (WORKER_REDIS_PASSWORD_MAX + 3)
                                          /* a newline, and one too many */
#define WORKER_REDIS_ROLE_MS        2000     /* a server that was made a replica
                                                by hand keeps its clients */


struct worker_redis {
    const struct worker_redis_conf  *conf;
    const struct worker_redis_use   *use;
    void                            *arg;

    struct worker_node              *node;      /* who tells where */
    struct worker_link              *link;      /* to there */
    struct worker_link_use           link_use;
    struct worker_lookout_member     member;    /* of the process's lookout */
    struct event                    *role;      /* asks again for the role */
    oscp_host_t                      host;      /* the last one; port 0: none */
    int64_t                          moved_ms;  /* boot time when it changed;
                                                   0: never */
    unsigned                         setup;     /* replies until ready */
    unsigned                         open:1;    /* to `host`, or on the way */
};


void
worker_redis_close(struct worker_redis *redis)
{
    event_del(redis->role);
    worker_node_stop(redis->node);
    worker_link_close(redis->link);
    redis->setup = 0;
    redis->open = 0;
}


void
worker_redis_fail(struct worker_redis *redis, const char *fmt, ...)
{
    char     why[WORKER_LINK_WHY_SIZE];
    va_list  args;

    va_start(args, fmt);
    vsnprintf(why, sizeof(why), fmt, args);
    va_end(args);

    worker_redis_close(redis);
    worker_link_fail(redis->link, "%s", why);
}


static void
callback_closed(void *arg, const char *why)
{
    struct worker_redis  *redis = arg;

    worker_redis_close(redis);
    redis->use->closed(redis->arg, why);
}


int
worker_redis_command(struct worker_redis *redis, int argc,
    const char *const *argv, worker_redis_reply *reply, void *arg)
{
    return worker_link_command(redis->link, argc, argv, reply, arg);
}


int
worker_redis_send(struct worker_redis *redis, const char *data, size_t len,
    worker_redis_reply *reply, void *arg)
{
    return worker_link_send(redis->link, data, len, reply, arg);
}


/*
 * An error of any command.  What to do about it is for whoever sent the
 * command; where the key has gone is remembered for the next search.
 */
static void
callback_refused(void *arg, const char *error)
{
    struct worker_redis   *redis = arg;
    oscp_slot_redirect_t   to;

    if (oscp_slot_redirect(error, strlen(error), &to) == -1
        || to.kind != OSCP_SLOT_MOVED)
    {
        return;
    }

    if (to.host.host[0] == '\0') {
        memcpy(to.host.host, redis->host.host, sizeof(to.host.host));
    }

    worker_node_hint(redis->node, &to.host);
}


static void
callback_role(void *arg, redisReply *reply)
{
    struct timeval        tv = worker_clock_timeval(WORKER_REDIS_ROLE_MS);
    struct worker_redis  *redis = arg;

    if (worker_locate_master(reply)) {
        event_add(redis->role, &tv);
        return;
    }

    worker_redis_fail(redis, "%s:%u: %s", redis->host.host, redis->host.port,
                      reply->type == REDIS_REPLY_ERROR ? reply->str
                      : "it is not a master");
}


static int
redis_ask_role(struct worker_redis *redis)
{
    const char  *argv[] = { "ROLE" };

    return worker_link_command(redis->link, 1, argv, callback_role, redis);
}


static void
callback_role_due(evutil_socket_t fd, short what, void *arg)
{
    struct worker_redis  *redis = arg;

    (void) fd;
    (void) what;

    if (redis_ask_role(redis) == -1) {
        worker_redis_fail(redis, "no memory");
    }
}


/* SCRIPT LOAD, PING: ready when the last of them was answered. */
static void
callback_setup(void *arg, redisReply *reply)
{
    struct worker_redis  *redis = arg;

    if (reply->type == REDIS_REPLY_ERROR) {
        worker_redis_fail(redis, "%s", reply->str);
        return;
    }

    if (--redis->setup == 0) {
        redis->use->ready(redis->arg);
    }
}


static int
redis_setup_command(struct worker_redis *redis, int argc,
    const char *const *argv)
{
    redis->setup++;

    return worker_link_command(redis->link, argc, argv, callback_setup, redis);
}


static void
callback_opened(void *arg)
{
    int                   rc = 0;
    const char           *argv[3];
    struct worker_redis  *redis = arg;

    if (redis->conf->address.kind == OSCP_ADDRESS_SENTINEL) {
        rc |= redis_ask_role(redis);
    }

    for (unsigned i = 0; redis->use->scripts && i < WORKER_SCRIPT_COUNT; i++) {
        argv[0] = "SCRIPT";
        argv[1] = "LOAD";
        argv[2] = worker_script_text(i);
        rc |= redis_setup_command(redis, 3, argv);
    }

    argv[0] = "PING";
    rc |= redis_setup_command(redis, 1, argv);

    if (rc != 0) {
        worker_redis_fail(redis, "no memory");
    }
}


/* An operator who reads of a lost connection wants to know what came of it. */
static void
redis_tell(struct worker_redis *redis, const oscp_host_t *host)
{
    int  moved;

    if (worker_locate_same(&redis->host, host)) {
        return;
    }

    moved = redis->host.port != 0;
    worker_log(moved ? WORKER_LOG_INFO : WORKER_LOG_DEBUG, NULL,
               "Redis is %s%s:%u", moved ? "now " : "", host->host, host->port);
    redis->host = *host;
    redis->moved_ms = moved ? worker_clock_boot() : 0;
}


int64_t
worker_redis_moved_ms(const struct worker_redis *redis)
{
    return redis->moved_ms;
}


static void
callback_found(void *arg, const oscp_host_t *host)
{
    struct worker_redis  *redis = arg;

    if (worker_locate_needed(&redis->conf->address)) {
        redis_tell(redis, host);
    }

    redis->open = 1;
    worker_link_open(redis->link, host);
}


/* The sentinels name a master. */
static void
callback_told(void *arg, const oscp_host_t *master)
{
    struct worker_redis  *redis = arg;

    if (redis->open && !worker_locate_same(&redis->host, master)) {
        worker_redis_fail(redis, "the master is now %s:%u", master->host,
                          master->port);
    }
}


static void
callback_missed(void *arg, const char *why)
{
    struct worker_redis  *redis = arg;

    worker_link_fail(redis->link, "%s", why);
}


void
worker_redis_connect(struct worker_redis *redis)
{
    worker_redis_close(redis);
    worker_node_find(redis->node);
}


struct worker_redis *
worker_redis_create(struct event_base *base,
    const struct worker_redis_conf *conf, const struct worker_redis_use *use,
    const char *key, void *arg)
{
    struct worker_redis  *redis;

    static const struct worker_node_use  node_use = {
        callback_found, callback_missed
    };

    redis = calloc(1, sizeof(*redis));
    if (redis == NULL) {
        return NULL;
    }

    redis->conf = conf;
    redis->use = use;
    redis->arg = arg;
    redis->link_use.opened = callback_opened;
    redis->link_use.closed = callback_closed;
    redis->link_use.refused = callback_refused;
    redis->link_use.patience_ms = use->patience_ms;
    redis->link_use.login = 1;

    redis->role = evtimer_new(base, callback_role_due, redis);
    redis->node = worker_node_create(base, conf, key, &node_use, redis);
    redis->link = worker_link_create(base, conf, &redis->link_use, redis);

    if (redis->role == NULL || redis->node == NULL || redis->link == NULL) {
        worker_redis_free(redis);
        return NULL;
    }

    if (conf->lookout != NULL) {
        redis->member.told = callback_told;
        redis->member.arg = redis;
        worker_lookout_join(conf->lookout, &redis->member);
    }

    return redis;
}


void
worker_redis_free(struct worker_redis *redis)
{
    if (redis == NULL) {
        return;
    }

    if (redis->member.told != NULL) {
        worker_lookout_leave(redis->conf->lookout, &redis->member);
    }

    worker_node_free(redis->node);
    worker_link_free(redis->link);

    if (redis->role != NULL) {
        event_free(redis->role);
    }

    free(redis);
}


/*
 * Drops one newline at the end.  NULL, or why what is left is no password:
 * nginx takes the same file, and must not take another one.
 */
static const char *
redis_password_mistake(char *text, size_t len)
{
    if (len > 0 && text[len - 1] == '\n') {
        len--;
        len -= len > 0 && text[len - 1] == '\r';
        text[len] = '\0';
    }

    if (len == 0) {
        return "is empty";
    }

    if (len > WORKER_REDIS_PASSWORD_MAX) {
        return "holds more than 4096 bytes";
    }

    for (size_t i = 0; i < len; i++) {
        if ((unsigned char) text[i] < 0x20 || text[i] == 0x7f) {
            return "must be one line without control characters";
        }
    }

    return text[0] == ' ' || text[len - 1] == ' '
           ? "must not begin or end with a blank" : NULL;
}


char *
worker_redis_password(const char *file, const char **why)
{
    int      fd;
    char    *text;
    size_t   len = 0;
    ssize_t  n;

    text = calloc(1, REDIS_PASSWORD_ROOM + 1);
    if (text == NULL) {
        *why = "no memory";
        return NULL;
    }

    fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd == -1) {
        *why = strerror(errno);
        free(text);
        return NULL;
    }

    do {
        n = read(fd, text + len, REDIS_PASSWORD_ROOM - len);
        len += n > 0 ? (size_t) n : 0;
    } while (n > 0 || (n < 0 && errno == EINTR));

    *why = n < 0 ? strerror(errno) : redis_password_mistake(text, len);
    close(fd);

    if (*why != NULL) {
        explicit_bzero(text, REDIS_PASSWORD_ROOM);
        free(text);
        return NULL;
    }

    return text;
}
