/*
 * One connection to Redis inside the event loop: connects, authenticates,
 * selects, loads the scripts; then carries commands, pipelined, and tells when
 * it is gone.  It never connects again by itself: its owner decides when.
 *
 * hiredis 0.14 has no timeouts, so this file has: a connection that owes a
 * reply and says nothing for `patience_ms` is given up.
 */

#ifndef WORKER_REDIS_H
#define WORKER_REDIS_H

#include <event2/event.h>
#include <event2/dns.h>
#include <hiredis/hiredis.h>

#include "oscp_address.h"

#define WORKER_REDIS_WHY_SIZE   256

/* Where Redis is and who we are there; kept by its owner, outlives users. */
struct worker_redis_conf {
    oscp_address_t         address;
    const char            *user;         /* NULL: the default user */
    const char            *password;     /* NULL: none */
    unsigned               db;
    struct evdns_base     *dns;          /* resolves names */
};

struct worker_redis;

/*
 * What a connection is for, and who hears what becomes of it.  Both functions
 * are called from the loop, never from within a function of this file.
 */
struct worker_redis_use {
    void    (*ready)(void *arg);         /* commands may be sent */
    void    (*closed)(void *arg, const char *why);
                                         /* it is gone; a reply still owed
                                            never comes */
    int64_t   patience_ms;               /* longest silence that owes a reply */
    unsigned  scripts:1;                 /* loads the scripts of script.h */
};

/*
 * A reply: `reply` is never NULL, may be an error (REDIS_REPLY_ERROR), and
 * belongs to hiredis.
 */
typedef void worker_redis_reply(void *arg, redisReply *reply);

/*
 * A connection at rest.  `conf` and `use` are kept, not copied; `arg` is for
 * the functions of `use`.  NULL without memory.
 */
struct worker_redis *worker_redis_create(struct event_base *base,
    const struct worker_redis_conf *conf, const struct worker_redis_use *use,
    void *arg);

/* Closes without a word and frees; NULL is harmless. */
void worker_redis_free(struct worker_redis *redis);

/* Begins to connect; what comes of it comes as an event. */
void worker_redis_connect(struct worker_redis *redis);

/* Closes without an event.  No reply comes any more.  Harmless when closed. */
void worker_redis_close(struct worker_redis *redis);

#define WORKER_REDIS_ARGS_MAX   32

/*
 * Sends a command of `argc` arguments, at most WORKER_REDIS_ARGS_MAX.  `reply`
 * may be NULL: then only an error reply is looked at, and it closes the
 * connection.  Returns 0, or -1 when the connection is closed or memory gave
 * out: `reply` is then not called.
 */
int worker_redis_command(struct worker_redis *redis, int argc,
    const char *const *argv, worker_redis_reply *reply, void *arg);

/*
 * The same with `len` bytes at `data` that are the command in Redis' protocol.
 */
int worker_redis_send(struct worker_redis *redis, const char *data, size_t len,
    worker_redis_reply *reply, void *arg);

/* Closes with an event: what came back is not what was asked for. */
void worker_redis_fail(struct worker_redis *redis, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Reads the secret of a Redis user: the file's first 512 bytes at most, one
 * trailing newline dropped.  A string to be freed (and wiped) by the caller, or
 * NULL with errno set.
 */
char *worker_redis_password(const char *file);

#endif /* WORKER_REDIS_H */
