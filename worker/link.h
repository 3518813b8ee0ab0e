/*
 * One connection to one server, Redis or a sentinel, inside the event loop:
 * resolves its name, connects, secures, authenticates, selects; then carries
 * commands, pipelined, and tells when it is gone.  What redis.h and node.h are
 * made of; it knows nothing of shards, masters and slots.
 *
 * hiredis 0.14 has no timeouts, so this file has: a connection that owes a
 * reply and says nothing for `patience_ms` is given up.
 */

#ifndef WORKER_LINK_H
#define WORKER_LINK_H

#include <event2/event.h>
#include <event2/dns.h>
#include <hiredis/hiredis.h>

#include "oscp_address.h"
#include "tls.h"

#define WORKER_LINK_WHY_SIZE   256

struct worker_lookout;

/* Where Redis is and who we are there; kept by its owner, outlives users. */
struct worker_redis_conf {
    oscp_address_t         address;
    const char            *user;         /* NULL: the default user */
    const char            *password;     /* NULL: none */
    unsigned               db;
    struct worker_tls     *tls;          /* NULL: none */
    struct evdns_base     *dns;          /* resolves names */
    struct worker_lookout *lookout;      /* NULL: nobody tells of masters */
};

struct worker_link;

/* Who hears what becomes of a connection. */
struct worker_link_use {
    /* Commands may be sent: they will follow the login.  May be called within
       worker_link_open(). */
    void    (*opened)(void *arg);

    /* It is gone; a reply still owed never comes.  Called from the loop. */
    void    (*closed)(void *arg, const char *why);

    /* A command was answered with this error; its reply function is called
       behind this one.  NULL: nobody wants to know. */
    void    (*refused)(void *arg, const char *error);

    int64_t   patience_ms;               /* longest silence that owes a reply */
    unsigned  login:1;                   /* authenticates and selects */
};

/*
 * A reply: `reply` is never NULL, may be an error (REDIS_REPLY_ERROR), and
 * belongs to hiredis.
 */
typedef void worker_link_reply(void *arg, redisReply *reply);

/*
 * A connection at rest.  `conf` and `use` are kept, not copied; `arg` is for
 * the functions of `use`.  NULL without memory.
 */
struct worker_link *worker_link_create(struct event_base *base,
    const struct worker_redis_conf *conf, const struct worker_link_use *use,
    void *arg);

/* Closes without a word and frees; NULL is harmless. */
void worker_link_free(struct worker_link *link);

/*
 * Begins to connect to `host` (copied), or to the socket of `conf` where that
 * is NULL; what comes of it comes as an event.
 */
void worker_link_open(struct worker_link *link, const oscp_host_t *host);

/* Closes without an event.  No reply comes any more.  Harmless when closed. */
void worker_link_close(struct worker_link *link);

/*
 * Sends a command of `argc` arguments.  `reply` may be NULL: then only an error
 * reply is looked at, and it closes the connection.  Returns 0, or -1 when the
 * connection is closed or memory gave out: `reply` is then not called.
 */
int worker_link_command(struct worker_link *link, int argc,
    const char *const *argv, worker_link_reply *reply, void *arg);

/*
 * The same with `len` bytes at `data` that are the command in Redis' protocol.
 */
int worker_link_send(struct worker_link *link, const char *data, size_t len,
    worker_link_reply *reply, void *arg);

/* Closes with an event; harmless when it was closed: then only the event. */
void worker_link_fail(struct worker_link *link, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif /* WORKER_LINK_H */
