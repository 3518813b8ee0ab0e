/*
 * One connection to Redis inside the event loop.
 */

#include <sys/socket.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hiredis/async.h>
#include <hiredis/adapters/libevent.h>

#include "clock.h"
#include "script.h"
#include "redis.h"


#define WORKER_REDIS_PASSWORD_MAX   512      /* bytes of a password file */


/* A name being resolved; outlives the connection that asked. */
struct redis_lookup {
    struct worker_redis               *redis;     /* NULL: nobody waits */
    struct evdns_getaddrinfo_request  *request;   /* NULL: answered */
};

struct worker_redis {
    struct event_base               *base;
    const struct worker_redis_conf  *conf;
    const struct worker_redis_use   *use;
    void                            *arg;

    redisAsyncContext               *ac;        /* NULL when closed */
    struct redis_lookup             *lookup;    /* NULL when none is open */
    struct event                    *watchdog;  /* pending while replies are
                                                   owed */
    struct event                    *farewell;  /* tells the owner */
    unsigned                         owed;      /* replies */
    unsigned                         setup;     /* replies until ready */
    unsigned                         tries;     /* since it was ready last */
    char                             why[WORKER_REDIS_WHY_SIZE];
};

/* A command under way. */
struct redis_request {
    worker_redis_reply  *reply;
    void                *arg;
};


static void
redis_watch(struct worker_redis *redis)
{
    struct timeval  tv = worker_clock_timeval(redis->use->patience_ms);

    event_add(redis->watchdog, &tv);
}


void
worker_redis_close(struct worker_redis *redis)
{
    redisAsyncContext  *ac = redis->ac;

    if (redis->lookup != NULL) {
        redis->lookup->redis = NULL;
        if (redis->lookup->request != NULL) {
            evdns_getaddrinfo_cancel(redis->lookup->request);
        }
        redis->lookup = NULL;
    }

    event_del(redis->watchdog);
    event_del(redis->farewell);
    redis->owed = 0;
    redis->setup = 0;
    redis->ac = NULL;

    if (ac != NULL) {
        /* the callbacks that hiredis runs now find nobody */
        ac->data = NULL;
        redisAsyncFree(ac);
    }
}


void
worker_redis_fail(struct worker_redis *redis, const char *fmt, ...)
{
    va_list  args;

    worker_redis_close(redis);

    va_start(args, fmt);
    vsnprintf(redis->why, sizeof(redis->why), fmt, args);
    va_end(args);

    event_active(redis->farewell, EV_TIMEOUT, 0);
}


static void
callback_farewell(evutil_socket_t fd, short what, void *arg)
{
    struct worker_redis  *redis = arg;

    (void) fd;
    (void) what;

    redis->use->closed(redis->arg, redis->why);
}


static void
callback_watchdog(evutil_socket_t fd, short what, void *arg)
{
    struct worker_redis  *redis = arg;

    (void) fd;
    (void) what;

    worker_redis_fail(redis, "no answer within %lld ms",
                      (long long) redis->use->patience_ms);
}


/* hiredis frees `ac` when these return: it must not be freed here. */
static void
redis_lost(const redisAsyncContext *ac)
{
    struct worker_redis  *redis = ac->data;

    if (redis != NULL) {
        redis->ac = NULL;
        worker_redis_fail(redis, "%s", ac->err ? ac->errstr : "closed");
    }
}


static void
callback_connect(const redisAsyncContext *ac, int status)
{
    if (status != REDIS_OK) {
        redis_lost(ac);
    }
}


static void
callback_disconnect(const redisAsyncContext *ac, int status)
{
    (void) status;

    redis_lost(ac);
}


static void
callback_reply(redisAsyncContext *ac, void *data, void *privdata)
{
    redisReply            *reply = data;
    struct worker_redis   *redis = ac->data;
    struct redis_request   request = *(struct redis_request *) privdata;

    free(privdata);

    if (redis == NULL || reply == NULL) {
        return;
    }

    if (--redis->owed > 0) {
        redis_watch(redis);

    } else {
        event_del(redis->watchdog);
    }

    if (request.reply != NULL) {
        request.reply(request.arg, reply);

    } else if (reply->type == REDIS_REPLY_ERROR) {
        worker_redis_fail(redis, "%s", reply->str);
    }
}


static struct redis_request *
redis_request_create(struct worker_redis *redis, worker_redis_reply *reply,
    void *arg)
{
    struct redis_request  *request;

    if (redis->ac == NULL) {
        return NULL;
    }

    request = malloc(sizeof(*request));
    if (request == NULL) {
        return NULL;
    }

    request->reply = reply;
    request->arg = arg;

    return request;
}


static int
redis_request_sent(struct worker_redis *redis, struct redis_request *request,
    int status)
{
    if (status != REDIS_OK) {
        free(request);
        return -1;
    }

    if (redis->owed++ == 0) {
        redis_watch(redis);
    }

    return 0;
}


int
worker_redis_command(struct worker_redis *redis, int argc,
    const char *const *argv, worker_redis_reply *reply, void *arg)
{
    const char            *list[WORKER_REDIS_ARGS_MAX];
    struct redis_request  *request;

    request = redis_request_create(redis, reply, arg);
    if (request == NULL || argc > WORKER_REDIS_ARGS_MAX) {
        free(request);
        return -1;
    }

    /* hiredis takes the same array, but without the inner const */
    memcpy(list, argv, (size_t) argc * sizeof(*list));

    return redis_request_sent(redis, request,
                              redisAsyncCommandArgv(redis->ac, callback_reply,
                                                    request, argc, list,
                                                    NULL));
}


int
worker_redis_send(struct worker_redis *redis, const char *data, size_t len,
    worker_redis_reply *reply, void *arg)
{
    struct redis_request  *request;

    request = redis_request_create(redis, reply, arg);
    if (request == NULL) {
        return -1;
    }

    return redis_request_sent(redis, request,
                              redisAsyncFormattedCommand(redis->ac,
                                                         callback_reply,
                                                         request, data, len));
}


/* AUTH, SELECT, SCRIPT LOAD: ready when the last of them was answered. */
static void
callback_setup(void *arg, redisReply *reply)
{
    struct worker_redis  *redis = arg;

    if (reply->type == REDIS_REPLY_ERROR) {
        worker_redis_fail(redis, "%s", reply->str);
        return;
    }

    if (--redis->setup == 0) {
        redis->tries = 0;
        redis->use->ready(redis->arg);
    }
}


static int
redis_setup_command(struct worker_redis *redis, int argc,
    const char *const *argv)
{
    if (worker_redis_command(redis, argc, argv, callback_setup, redis) == -1) {
        return -1;
    }

    redis->setup++;

    return 0;
}


static int
redis_setup(struct worker_redis *redis)
{
    int          rc = 0;
    char         db[16];
    const char  *argv[3];

    if (redis->conf->password != NULL) {
        argv[0] = "AUTH";
        argv[1] = redis->conf->user ? redis->conf->user : "default";
        argv[2] = redis->conf->password;
        rc |= redis_setup_command(redis, 3, argv);
    }

    if (redis->conf->db > 0) {
        snprintf(db, sizeof(db), "%u", redis->conf->db);
        argv[0] = "SELECT";
        argv[1] = db;
        rc |= redis_setup_command(redis, 2, argv);
    }

    for (unsigned i = 0; redis->use->scripts && i < WORKER_SCRIPT_COUNT; i++) {
        argv[0] = "SCRIPT";
        argv[1] = "LOAD";
        argv[2] = worker_script_text(i);
        rc |= redis_setup_command(redis, 3, argv);
    }

    argv[0] = "PING";
    rc |= redis_setup_command(redis, 1, argv);

    return rc;
}


static void
redis_open(struct worker_redis *redis, redisAsyncContext *ac)
{
    if (ac == NULL) {
        worker_redis_fail(redis, "no memory");
        return;
    }

    if (ac->err) {
        worker_redis_fail(redis, "%s", ac->errstr);
        redisAsyncFree(ac);
        return;
    }

    redis->ac = ac;
    ac->data = redis;
    fcntl(ac->c.fd, F_SETFD, FD_CLOEXEC);

    if (redisLibeventAttach(ac, redis->base) != REDIS_OK
        || redisAsyncSetConnectCallback(ac, callback_connect) != REDIS_OK
        || redisAsyncSetDisconnectCallback(ac, callback_disconnect) != REDIS_OK
        || redis_setup(redis) != 0)
    {
        worker_redis_fail(redis, "no memory");
    }
}


/* Connects to one of a name's addresses; each try to another one. */
static void
redis_open_one(struct worker_redis *redis, const struct evutil_addrinfo *list)
{
    char                           ip[INET6_ADDRSTRLEN] = "";
    unsigned                       n = 0;
    const oscp_host_t             *host = &redis->conf->address.hosts[0];
    const struct evutil_addrinfo  *ai;

    for (ai = list; ai != NULL; ai = ai->ai_next) {
        n++;
    }

    ai = list;
    for (unsigned i = redis->tries++ % n; i > 0; i--) {
        ai = ai->ai_next;
    }

    if (ai->ai_family == AF_INET6) {
        evutil_inet_ntop(AF_INET6,
                         &((const struct sockaddr_in6 *) (const void *)
                                     ai->ai_addr)->sin6_addr, ip, sizeof(ip));

    } else {
        evutil_inet_ntop(AF_INET, &((const struct sockaddr_in *) (const void *)
                                    ai->ai_addr)->sin_addr, ip, sizeof(ip));
    }

    redis_open(redis, redisAsyncConnect(ip, (int) host->port));
}


static void
callback_resolved(int result, struct evutil_addrinfo *list, void *arg)
{
    struct redis_lookup  *lookup = arg;
    struct worker_redis  *redis = lookup->redis;

    free(lookup);

    if (redis != NULL) {
        redis->lookup = NULL;

        if (result == 0 && list != NULL) {
            redis_open_one(redis, list);

        } else {
            worker_redis_fail(redis, "%s: %s",
                              redis->conf->address.hosts[0].host,
                              evutil_gai_strerror(result));
        }
    }

    if (list != NULL) {
        evutil_freeaddrinfo(list);
    }
}


/*
 * hiredis would resolve a name in a blocking call, which would hold up every
 * heartbeat: it gets numbers only.
 */
static void
redis_resolve(struct worker_redis *redis)
{
    struct redis_lookup               *lookup;
    struct evutil_addrinfo             hints;
    struct evdns_getaddrinfo_request  *request;

    lookup = calloc(1, sizeof(*lookup));
    if (lookup == NULL) {
        worker_redis_fail(redis, "no memory");
        return;
    }

    memset(&hints, 0, sizeof(hints));
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_protocol = IPPROTO_TCP;

    lookup->redis = redis;
    redis->lookup = lookup;

    /* an answer that is known is given within the call, and `lookup` is gone */
    request = evdns_getaddrinfo(redis->conf->dns,
                                redis->conf->address.hosts[0].host, NULL,
                                &hints, callback_resolved, lookup);
    if (request != NULL) {
        lookup->request = request;
    }
}


void
worker_redis_connect(struct worker_redis *redis)
{
    worker_redis_close(redis);

    if (redis->conf->address.kind == OSCP_ADDRESS_UNIX) {
        redis_open(redis, redisAsyncConnectUnix(redis->conf->address.path));
        return;
    }

    redis_resolve(redis);
}


struct worker_redis *
worker_redis_create(struct event_base *base,
    const struct worker_redis_conf *conf, const struct worker_redis_use *use,
    void *arg)
{
    struct worker_redis  *redis;

    redis = calloc(1, sizeof(*redis));
    if (redis == NULL) {
        return NULL;
    }

    redis->base = base;
    redis->conf = conf;
    redis->use = use;
    redis->arg = arg;
    redis->watchdog = evtimer_new(base, callback_watchdog, redis);
    redis->farewell = evtimer_new(base, callback_farewell, redis);

    if (redis->watchdog == NULL || redis->farewell == NULL) {
        worker_redis_free(redis);
        return NULL;
    }

    return redis;
}


void
worker_redis_free(struct worker_redis *redis)
{
    if (redis == NULL) {
        return;
    }

    if (redis->watchdog != NULL && redis->farewell != NULL) {
        worker_redis_close(redis);
    }

    if (redis->watchdog != NULL) {
        event_free(redis->watchdog);
    }

    if (redis->farewell != NULL) {
        event_free(redis->farewell);
    }

    free(redis);
}


char *
worker_redis_password(const char *file)
{
    int      fd, saved;
    char    *text;
    ssize_t  n;

    text = calloc(1, WORKER_REDIS_PASSWORD_MAX + 2);
    fd = open(file, O_RDONLY | O_CLOEXEC);
    if (text == NULL || fd == -1) {
        goto err;
    }

    n = read(fd, text, WORKER_REDIS_PASSWORD_MAX + 1);
    if (n < 0) {
        goto err;
    }

    if (n > 0 && text[n - 1] == '\n') {
        text[--n] = '\0';
    }

    if (n == 0 || n > WORKER_REDIS_PASSWORD_MAX
        || strlen(text) != (size_t) n)
    {
        errno = EINVAL;
        goto err;
    }

    close(fd);
    return text;

err:
    saved = errno;
    if (fd != -1) {
        close(fd);
    }
    if (text != NULL) {
        explicit_bzero(text, WORKER_REDIS_PASSWORD_MAX + 2);
        free(text);
    }
    errno = saved;
    return NULL;
}
