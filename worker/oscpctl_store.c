/*
 * Redis, as oscpctl uses it.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "oscpctl_out.h"
#include "oscpctl_store.h"
#include "redis.h"


#define STORE_CONNECT_S    5        /* for a connection */
#define STORE_ANSWER_S     20       /* for an answer, blocking aside */
#define STORE_WORDS_MAX    1024     /* words of a command */


struct worker_ctl_store {
    const struct worker_access  *access;
    redisContext                *redis;
};


static void
store_tell(const struct worker_ctl_store *store, const char *what)
{
    worker_ctl_out_error("Redis at %s: %s", store->access->text, what);
}


/* The next reply that is owed; NULL on failure and on an error (told). */
static redisReply *
store_reply(struct worker_ctl_store *store)
{
    void        *data = NULL;
    redisReply  *reply;

    errno = 0;

    if (redisGetReply(store->redis, &data) != REDIS_OK || data == NULL) {
        store_tell(store, errno == EAGAIN ? "no answer"
                                          : store->redis->errstr);
        return NULL;
    }

    reply = data;

    if (reply->type == REDIS_REPLY_ERROR) {
        store_tell(store, reply->str);
        freeReplyObject(reply);
        return NULL;
    }

    return reply;
}


/* Puts a command behind those that wait to be sent. */
static int
store_append(struct worker_ctl_store *store, int argc, const char *const *argv)
{
    const char  *words[STORE_WORDS_MAX];

    if (argc > STORE_WORDS_MAX) {
        store_tell(store, "command too long");
        return -1;
    }

    /* hiredis takes the same array, but without the inner const */
    memcpy(words, argv, (size_t) argc * sizeof(*words));

    if (redisAppendCommandArgv(store->redis, argc, words, NULL) != REDIS_OK) {
        store_tell(store, store->redis->errstr);
        return -1;
    }

    return 0;
}


redisReply *
worker_ctl_store_command(struct worker_ctl_store *store, int argc,
    const char *const *argv)
{
    return store_append(store, argc, argv) == 0 ? store_reply(store) : NULL;
}


static int
store_done(struct worker_ctl_store *store, int argc, const char *const *argv)
{
    redisReply  *reply = worker_ctl_store_command(store, argc, argv);

    freeReplyObject(reply);

    return reply != NULL ? 0 : -1;
}


static redisContext *
store_dial(const struct worker_ctl_store *store)
{
    redisContext          *redis;
    const oscp_address_t  *a = &store->access->address;
    const struct timeval   patience = { .tv_sec = STORE_CONNECT_S };
    const struct timeval   answer = { .tv_sec = STORE_ANSWER_S };

    redis = a->kind == OSCP_ADDRESS_UNIX
            ? redisConnectUnixWithTimeout(a->path, patience)
            : redisConnectWithTimeout(a->hosts[0].host,
                                      (int) a->hosts[0].port, patience);

    if (redis == NULL) {
        store_tell(store, "no memory");
        return NULL;
    }

    if (redis->err || redisSetTimeout(redis, answer) != REDIS_OK) {
        store_tell(store, redis->errstr);
        redisFree(redis);
        return NULL;
    }

    return redis;
}


static int
store_authenticate(struct worker_ctl_store *store)
{
    int          rc;
    char        *password;
    const char  *file = store->access->password_file;
    const char  *argv[] = { "AUTH", store->access->user ? store->access->user
                                                        : "default", NULL };

    if (file == NULL) {
        return 0;
    }

    password = worker_redis_password(file);
    if (password == NULL) {
        worker_ctl_out_error("password file %s: %s", file, strerror(errno));
        return -1;
    }

    argv[2] = password;
    rc = store_done(store, 3, argv);

    explicit_bzero(password, strlen(password));
    free(password);

    return rc;
}


struct worker_ctl_store *
worker_ctl_store_open(const struct worker_access *access)
{
    char                      db[16];
    const char               *argv[] = { "SELECT", db };
    struct worker_ctl_store  *store;

    store = calloc(1, sizeof(*store));
    if (store == NULL) {
        worker_ctl_out_error("no memory");
        return NULL;
    }

    store->access = access;
    store->redis = store_dial(store);

    if (store->redis == NULL || store_authenticate(store) == -1) {
        worker_ctl_store_close(store);
        return NULL;
    }

    snprintf(db, sizeof(db), "%u", access->db);
    if (access->db > 0 && store_done(store, 2, argv) == -1) {
        worker_ctl_store_close(store);
        return NULL;
    }

    return store;
}


void
worker_ctl_store_close(struct worker_ctl_store *store)
{
    if (store == NULL) {
        return;
    }

    if (store->redis != NULL) {
        redisFree(store->redis);
    }

    free(store);
}


/* What EXEC gave is one hash for each key, or it is told what else it is. */
static int
store_check(struct worker_ctl_store *store, const redisReply *reply,
    char (*keys)[OSCP_KEY_SIZE], size_t n)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != n) {
        store_tell(store, "unexpected answer");
        return -1;
    }

    for (size_t i = 0; i < n; i++) {
        if (reply->element[i]->type != REDIS_REPLY_ARRAY) {
            worker_ctl_out_error("%s: %s", keys[i],
                                 reply->element[i]->type == REDIS_REPLY_ERROR
                                 ? reply->element[i]->str : "not a hash");
            return -1;
        }
    }

    return 0;
}


redisReply *
worker_ctl_store_hashes(struct worker_ctl_store *store,
    char (*keys)[OSCP_KEY_SIZE], size_t n)
{
    redisReply  *reply = NULL;
    const char  *multi[] = { "MULTI" }, *exec[] = { "EXEC" };
    const char  *argv[] = { "HGETALL", NULL };

    if (store_append(store, 1, multi) == -1) {
        return NULL;
    }

    for (size_t i = 0; i < n; i++) {
        argv[1] = keys[i];
        if (store_append(store, 2, argv) == -1) {
            return NULL;
        }
    }

    if (store_append(store, 1, exec) == -1) {
        return NULL;
    }

    /* an OK, a QUEUED for each, and all of it */
    for (size_t i = 0; i < n + 2; i++) {
        freeReplyObject(reply);
        reply = store_reply(store);
        if (reply == NULL) {
            return NULL;
        }
    }

    if (store_check(store, reply, keys, n) == -1) {
        freeReplyObject(reply);
        return NULL;
    }

    return reply;
}


const char *
worker_ctl_store_field(const redisReply *hash, const char *name)
{
    for (size_t i = 0; i + 1 < hash->elements; i += 2) {
        if (hash->element[i]->type == REDIS_REPLY_STRING
            && hash->element[i + 1]->type == REDIS_REPLY_STRING
            && strcmp(hash->element[i]->str, name) == 0)
        {
            return hash->element[i + 1]->str;
        }
    }

    return NULL;
}
