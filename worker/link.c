/*
 * One connection to one server, inside the event loop.
 */

#include <sys/socket.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/async.h>

#include "buffer.h"
#include "clock.h"
#include "link.h"
#include "socket.h"


/* A name being resolved; outlives the connection that asked. */
struct link_lookup {
    struct worker_link               *link;      /* NULL: nobody waits */
    struct evdns_getaddrinfo_request *request;   /* NULL: answered */
};

struct worker_link {
    struct event_base               *base;
    const struct worker_redis_conf  *conf;
    const struct worker_link_use    *use;
    void                            *arg;

    oscp_host_t                      host;      /* asked for; "": the socket */
    redisAsyncContext               *ac;        /* NULL when closed */
    struct ssl_st                   *ssl;       /* of `ac`; NULL: none */
    struct link_lookup              *lookup;    /* NULL when none is open */
    struct event                    *watchdog;  /* pending while replies are
                                                   owed */
    struct event                    *farewell;  /* tells the owner */
    unsigned                         owed;      /* replies */
    unsigned                         tries;     /* since one answered */
    char                             why[WORKER_LINK_WHY_SIZE];
};

/* A command under way. */
struct link_request {
    worker_link_reply  *reply;
    void               *arg;
};


static void
link_watch(struct worker_link *link)
{
    struct timeval  tv = worker_clock_timeval(link->use->patience_ms);

    event_add(link->watchdog, &tv);
}


void
worker_link_close(struct worker_link *link)
{
    redisAsyncContext  *ac = link->ac;

    if (link->lookup != NULL) {
        link->lookup->link = NULL;
        if (link->lookup->request != NULL) {
            evdns_getaddrinfo_cancel(link->lookup->request);
        }
        link->lookup = NULL;
    }

    event_del(link->watchdog);
    event_del(link->farewell);
    link->owed = 0;
    link->ac = NULL;

    if (ac != NULL) {
        /* the callbacks that hiredis runs now find nobody */
        ac->data = NULL;
        redisAsyncFree(ac);
    }

    worker_tls_end(link->ssl);
    link->ssl = NULL;
}


void
worker_link_fail(struct worker_link *link, const char *fmt, ...)
{
    va_list  args;

    /* what is told may lie in what is closed */
    va_start(args, fmt);
    vsnprintf(link->why, sizeof(link->why), fmt, args);
    va_end(args);

    worker_link_close(link);
    event_active(link->farewell, EV_TIMEOUT, 0);
}


static void
callback_farewell(evutil_socket_t fd, short what, void *arg)
{
    struct worker_link  *link = arg;

    (void) fd;
    (void) what;

    link->use->closed(link->arg, link->why);
}


static void
callback_watchdog(evutil_socket_t fd, short what, void *arg)
{
    struct worker_link  *link = arg;

    (void) fd;
    (void) what;

    worker_link_fail(link, "no answer within %lld ms",
                     (long long) link->use->patience_ms);
}


/* Closes with the reason that the connection knows best. */
static void
link_broken(struct worker_link *link, const redisAsyncContext *ac)
{
    const char  *refused = worker_tls_refused(link->ssl);

    if (refused != NULL) {
        worker_link_fail(link, "its certificate is refused: %s", refused);
        return;
    }

    /* a connection that was refused says so in `c` only */
    worker_link_fail(link, "%s", ac->err ? ac->errstr
                     : ac->c.err ? ac->c.errstr : "closed");
}


/* hiredis frees `ac` when these return: it must not be freed here. */
static void
link_lost(const redisAsyncContext *ac)
{
    struct worker_link  *link = ac->data;

    if (link != NULL) {
        link->ac = NULL;
        link_broken(link, ac);
    }
}


static void
callback_connect(const redisAsyncContext *ac, int status)
{
    if (status != REDIS_OK) {
        link_lost(ac);
    }
}


static void
callback_disconnect(const redisAsyncContext *ac, int status)
{
    (void) status;

    link_lost(ac);
}


static void
callback_reply(redisAsyncContext *ac, void *data, void *privdata)
{
    redisReply           *reply = data;
    struct worker_link   *link = ac->data;
    struct link_request   request = *(struct link_request *) privdata;

    free(privdata);

    if (link == NULL || reply == NULL) {
        return;
    }

    link->tries = 0;

    if (--link->owed > 0) {
        link_watch(link);

    } else {
        event_del(link->watchdog);
    }

    if (reply->type == REDIS_REPLY_ERROR && link->use->refused != NULL) {
        link->use->refused(link->arg, reply->str);
    }

    if (request.reply != NULL) {
        request.reply(request.arg, reply);

    } else if (reply->type == REDIS_REPLY_ERROR) {
        worker_link_fail(link, "%s", reply->str);
    }
}


static struct link_request *
link_request_create(struct worker_link *link, worker_link_reply *reply,
    void *arg)
{
    struct link_request  *request;

    if (link->ac == NULL) {
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


/*
 * Without memory for its callback hiredis 0.14 sends the command all the same,
 * and gives its reply to whoever comes next: such a connection must end.
 */
int
worker_link_send(struct worker_link *link, const char *data, size_t len,
    worker_link_reply *reply, void *arg)
{
    int                    status;
    struct link_request   *request;
    const redisCallback   *last;

    request = link_request_create(link, reply, arg);
    if (request == NULL) {
        return -1;
    }

    last = link->ac->replies.tail;
    status = redisAsyncFormattedCommand(link->ac, callback_reply, request,
                                        data, len);

    if (status != REDIS_OK || link->ac->replies.tail == last) {
        free(request);
        worker_link_fail(link, "cannot send: %s",
                         link->ac->errstr ? link->ac->errstr : "no memory");
        return -1;
    }

    if (link->owed++ == 0) {
        link_watch(link);
    }

    return 0;
}


/* Formatted here: hiredis 0.14 does not look whether it got the memory. */
int
worker_link_command(struct worker_link *link, int argc,
    const char *const *argv, worker_link_reply *reply, void *arg)
{
    int                   rc = -1;
    struct worker_buffer  frame = { .len = 0 };

    worker_buffer_format(&frame, "*%d\r\n", argc);
    for (int i = 0; i < argc; i++) {
        worker_buffer_format(&frame, "$%zu\r\n", strlen(argv[i]));
        worker_buffer_text(&frame, argv[i]);
        worker_buffer_text(&frame, "\r\n");
    }

    if (!frame.failed) {
        rc = worker_link_send(link, frame.data, frame.len, reply, arg);
    }

    /* it may be the password */
    worker_buffer_wipe(&frame);

    return rc;
}


/* Who we are, and where: what is sent first of all. */
static int
link_login(struct worker_link *link)
{
    int          rc = 0;
    char         db[16];
    const char  *argv[3];

    if (link->conf->password != NULL) {
        argv[0] = "AUTH";
        argv[1] = link->conf->user ? link->conf->user : "default";
        argv[2] = link->conf->password;
        rc |= worker_link_command(link, 3, argv, NULL, NULL);
    }

    if (link->conf->db > 0) {
        snprintf(db, sizeof(db), "%u", link->conf->db);
        argv[0] = "SELECT";
        argv[1] = db;
        rc |= worker_link_command(link, 2, argv, NULL, NULL);
    }

    return rc;
}


static int
link_secure(struct worker_link *link)
{
    return link->conf->tls == NULL
           || worker_tls_start(link->conf->tls, &link->ac->c, link->host.host,
                               &link->ssl) == 0 ? 0 : -1;
}


static void
link_begin(struct worker_link *link, redisAsyncContext *ac)
{
    if (ac == NULL) {
        worker_link_fail(link, "no memory");
        return;
    }

    if (ac->err) {
        worker_link_fail(link, "%s", ac->errstr);
        redisAsyncFree(ac);
        return;
    }

    link->ac = ac;
    ac->data = link;
    fcntl(ac->c.fd, F_SETFD, FD_CLOEXEC);

    if (link_secure(link) == -1) {
        link_broken(link, ac);
        return;
    }

    if (worker_socket_attach(link->base, ac) == -1
        || redisAsyncSetConnectCallback(ac, callback_connect) != REDIS_OK
        || redisAsyncSetDisconnectCallback(ac, callback_disconnect) != REDIS_OK
        || (link->use->login && link_login(link) == -1))
    {
        worker_link_fail(link, "no memory");
        return;
    }

    link->use->opened(link->arg);
}


/* Connects to one of a name's addresses; each try to another one. */
static void
link_begin_one(struct worker_link *link, const struct evutil_addrinfo *list)
{
    char                           ip[INET6_ADDRSTRLEN] = "";
    unsigned                       n = 0;
    const struct evutil_addrinfo  *ai;

    for (ai = list; ai != NULL; ai = ai->ai_next) {
        n++;
    }

    ai = list;
    for (unsigned i = link->tries++ % n; i > 0; i--) {
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

    link_begin(link, redisAsyncConnect(ip, (int) link->host.port));
}


static void
callback_resolved(int result, struct evutil_addrinfo *list, void *arg)
{
    struct link_lookup  *lookup = arg;
    struct worker_link  *link = lookup->link;

    free(lookup);

    if (link != NULL) {
        link->lookup = NULL;

        if (result == 0 && list != NULL) {
            link_begin_one(link, list);

        } else {
            worker_link_fail(link, "%s: %s", link->host.host,
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
link_resolve(struct worker_link *link)
{
    struct link_lookup                *lookup;
    struct evutil_addrinfo             hints;
    struct evdns_getaddrinfo_request  *request;

    lookup = calloc(1, sizeof(*lookup));
    if (lookup == NULL) {
        worker_link_fail(link, "no memory");
        return;
    }

    memset(&hints, 0, sizeof(hints));
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_protocol = IPPROTO_TCP;

    lookup->link = link;
    link->lookup = lookup;

    /* an answer that is known is given within the call, and `lookup` is gone */
    request = evdns_getaddrinfo(link->conf->dns, link->host.host, NULL, &hints,
                                callback_resolved, lookup);
    if (request != NULL) {
        lookup->request = request;
    }
}


void
worker_link_open(struct worker_link *link, const oscp_host_t *host)
{
    worker_link_close(link);

    if (host == NULL) {
        memset(&link->host, 0, sizeof(link->host));
        link_begin(link, redisAsyncConnectUnix(link->conf->address.path));
        return;
    }

    link->host = *host;
    link_resolve(link);
}


struct worker_link *
worker_link_create(struct event_base *base,
    const struct worker_redis_conf *conf, const struct worker_link_use *use,
    void *arg)
{
    struct worker_link  *link;

    link = calloc(1, sizeof(*link));
    if (link == NULL) {
        return NULL;
    }

    link->base = base;
    link->conf = conf;
    link->use = use;
    link->arg = arg;
    link->watchdog = evtimer_new(base, callback_watchdog, link);
    link->farewell = evtimer_new(base, callback_farewell, link);

    if (link->watchdog == NULL || link->farewell == NULL) {
        worker_link_free(link);
        return NULL;
    }

    return link;
}


void
worker_link_free(struct worker_link *link)
{
    if (link == NULL) {
        return;
    }

    if (link->watchdog != NULL && link->farewell != NULL) {
        worker_link_close(link);
    }

    if (link->watchdog != NULL) {
        event_free(link->watchdog);
    }

    if (link->farewell != NULL) {
        event_free(link->farewell);
    }

    free(link);
}
