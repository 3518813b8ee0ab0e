/*
 * A connection to the Redis that has a key, inside the event loop: finds the
 * server, connects, makes sure that it is a master, loads the scripts; then
 * carries commands, pipelined, and tells when it is gone, also when the server
 * is no master any more.  It never connects again by itself: its owner decides
 * when, and the server is looked for anew.
 */

#ifndef WORKER_REDIS_H
#define WORKER_REDIS_H

#include "link.h"

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

/* A reply, as link.h's. */
typedef worker_link_reply worker_redis_reply;

/*
 * A connection at rest, for `key` and all that shares its slot.  `conf`, `use`
 * and `key` are kept, not copied; `arg` is for the functions of `use`.  NULL
 * without memory.
 */
struct worker_redis *worker_redis_create(struct event_base *base,
    const struct worker_redis_conf *conf, const struct worker_redis_use *use,
    const char *key, void *arg);

/* Closes without a word and frees; NULL is harmless. */
void worker_redis_free(struct worker_redis *redis);

/* Begins to connect; what comes of it comes as an event. */
void worker_redis_connect(struct worker_redis *redis);

/* Closes without an event.  No reply comes any more.  Harmless when closed. */
void worker_redis_close(struct worker_redis *redis);

/* Sends a command: worker_link_command(), worker_link_send(). */
int worker_redis_command(struct worker_redis *redis, int argc,
    const char *const *argv, worker_redis_reply *reply, void *arg);
int worker_redis_send(struct worker_redis *redis, const char *data, size_t len,
    worker_redis_reply *reply, void *arg);

/*
 * The boot time (clock.h) at which the server was found to be another one than
 * before, by a failover or because a slot has moved; 0: it never was.
 */
int64_t worker_redis_moved_ms(const struct worker_redis *redis);

/* Closes with an event: what came back is not what was asked for. */
void worker_redis_fail(struct worker_redis *redis, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Reads the secret of a Redis user: the file's one line of visible text,
 * without its newline; nginx refuses the same files.  A string to be freed (and
 * wiped) by the caller; or NULL with the reason, for behind the file's name, in
 * `why`.
 */
char *worker_redis_password(const char *file, const char **why);

#endif /* WORKER_REDIS_H */
