/*
 * Redis, as oscpctl uses it.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "buffer.h"
#include "clock.h"
#include "locate.h"
#include "oscpctl_dial.h"
#include "oscpctl_out.h"
#include "oscpctl_store.h"


#define STORE_WORDS_MAX    1024     /* words of a command */
#define STORE_AGAIN_MS     10000    /* how long a master, or a slot's node, is
                                       waited for: a failover takes that long */
#define STORE_PAUSE_MS     100      /* between two tries */


struct worker_ctl_store {
    const struct worker_access  *access;
    struct worker_ctl_dial      *dial;
    redisContext                *redis;     /* of the question under way */
    char                         why[WORKER_CTL_DIAL_WHY_SIZE];
    int64_t                      end_ms;    /* since boot; 0: none */
    unsigned                     again:1;   /* what failed may be tried again */
};

/* A question: one command, or the hashes of `keys`. */
struct store_question {
    int                  argc;
    const char *const   *argv;
    char               (*keys)[OSCP_KEY_SIZE];
    size_t               n;
};

typedef redisReply *store_ask(struct worker_ctl_store *store,
    const struct store_question *q);


static void
store_tell(const struct worker_ctl_store *store, const char *what)
{
    worker_ctl_out_error("Redis at %s: %s", store->access->text, what);
}


static void
store_failed(struct worker_ctl_store *store, const char *why, int again)
{
    snprintf(store->why, sizeof(store->why), "%s", why);
    store->again = again && worker_locate_needed(&store->access->address);
}


/* The next reply that is owed; NULL on failure and on an error. */
static redisReply *
store_reply(struct worker_ctl_store *store, int harmless)
{
    char         text[WORKER_CTL_DIAL_WHY_SIZE];
    void        *data = NULL;
    redisReply  *reply;
    const char  *why;

    errno = 0;

    if (redisGetReply(store->redis, &data) != REDIS_OK || data == NULL) {
        why = errno == EAGAIN ? "no answer" : store->redis->errstr;
        snprintf(text, sizeof(text), "%.100s%s", why, harmless ? ""
                 : "; the order may have been taken all the same: look with "
                   "oscpctl events");
        store_failed(store, text, harmless);
        return NULL;
    }

    reply = data;

    if (reply->type == REDIS_REPLY_ERROR) {
        store_failed(store, reply->str, worker_locate_elsewhere(reply->str));
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
        store_failed(store, "command too long", 0);
        return -1;
    }

    /* hiredis takes the same array, but without the inner const */
    memcpy(words, argv, (size_t) argc * sizeof(*words));

    if (redisAppendCommandArgv(store->redis, argc, words, NULL) != REDIS_OK) {
        store_failed(store, store->redis->errstr, 0);
        return -1;
    }

    return 0;
}


static int
store_dial(struct worker_ctl_store *store, const char *key)
{
    store->redis = worker_ctl_dial_key(store->dial, key, store->why);
    store->again = worker_locate_needed(&store->access->address)
                   && !worker_ctl_dial_final(store->dial);

    return store->redis != NULL ? 0 : -1;
}


/*
 * Asks; and where servers come and go, asks again for a while, as long as it is
 * certain that what was asked has not happened, or does no harm to happen
 * twice.  NULL on failure (told).
 */
static redisReply *
store_answer(struct worker_ctl_store *store, store_ask *ask,
    const struct store_question *q)
{
    int64_t          end = worker_clock_boot() + STORE_AGAIN_MS;
    redisReply      *reply;
    struct timespec  pause = { .tv_nsec = STORE_PAUSE_MS * 1000000L };

    if (store->end_ms != 0 && store->end_ms < end) {
        end = store->end_ms;
    }

    for ( ;; ) {
        reply = ask(store, q);
        if (reply != NULL) {
            return reply;
        }

        /* replies may still be owed on this connection */
        worker_ctl_dial_reset(store->dial);

        if (!store->again || worker_clock_boot() >= end) {
            store_tell(store, store->why);
            return NULL;
        }

        nanosleep(&pause, NULL);
    }
}


/* The key of a command: behind STREAMS, or right behind the command's name. */
static const char *
store_key(const struct store_question *q)
{
    for (int i = 1; i + 1 < q->argc; i++) {
        if (strcmp(q->argv[0], "XREAD") == 0
            && strcmp(q->argv[i], "STREAMS") == 0)
        {
            return q->argv[i + 1];
        }
    }

    return q->argc > 1 ? q->argv[1] : "";
}


static redisReply *
store_ask_command(struct worker_ctl_store *store,
    const struct store_question *q)
{
    if (store_dial(store, store_key(q)) == -1
        || store_append(store, q->argc, q->argv) == -1)
    {
        return NULL;
    }

    return store_reply(store, strcmp(q->argv[0], "XADD") != 0);
}


redisReply *
worker_ctl_store_command(struct worker_ctl_store *store, int argc,
    const char *const *argv)
{
    struct store_question  q = { .argc = argc, .argv = argv };

    return store_answer(store, store_ask_command, &q);
}


int
worker_ctl_store_parted(const struct worker_ctl_store *store)
{
    return store->access->address.kind == OSCP_ADDRESS_CLUSTER;
}


struct worker_ctl_store *
worker_ctl_store_open(const struct worker_access *access)
{
    struct worker_ctl_store  *store;

    store = calloc(1, sizeof(*store));
    if (store == NULL) {
        worker_ctl_out_error("no memory");
        return NULL;
    }

    store->access = access;
    store->dial = worker_ctl_dial_create(access, store->why);

    if (store->dial == NULL) {
        worker_ctl_out_error("%s", store->why);
        worker_ctl_store_close(store);
        return NULL;
    }

    return store;
}


void
worker_ctl_store_end(struct worker_ctl_store *store, int64_t end_ms)
{
    store->end_ms = end_ms;
    worker_ctl_dial_end(store->dial, end_ms);
}


void
worker_ctl_store_close(struct worker_ctl_store *store)
{
    if (store != NULL) {
        worker_ctl_dial_free(store->dial);
        free(store);
    }
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


/* All keys are of one shard, and so on one server. */
static redisReply *
store_ask_hashes(struct worker_ctl_store *store,
    const struct store_question *q)
{
    redisReply  *reply = NULL;
    const char  *multi[] = { "MULTI" }, *exec[] = { "EXEC" };
    const char  *argv[] = { "HGETALL", NULL };

    if (store_dial(store, q->keys[0]) == -1
        || store_append(store, 1, multi) == -1)
    {
        return NULL;
    }

    for (size_t i = 0; i < q->n; i++) {
        argv[1] = q->keys[i];
        if (store_append(store, 2, argv) == -1) {
            return NULL;
        }
    }

    if (store_append(store, 1, exec) == -1) {
        return NULL;
    }

    /* an OK, a QUEUED for each, and all of it */
    for (size_t i = 0; i < q->n + 2; i++) {
        freeReplyObject(reply);
        reply = store_reply(store, 1);
        if (reply == NULL) {
            return NULL;
        }
    }

    return reply;
}


redisReply *
worker_ctl_store_hashes(struct worker_ctl_store *store,
    char (*keys)[OSCP_KEY_SIZE], size_t n)
{
    redisReply             *reply;
    struct store_question   q = { .keys = keys, .n = n };

    reply = store_answer(store, store_ask_hashes, &q);

    if (reply != NULL && store_check(store, reply, keys, n) == -1) {
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
