/*
 * Waits for work.
 */

#include <stdio.h>
#include <stdlib.h>

#include "entry.h"
#include "oscp_key.h"
#include "wait.h"


#define WORKER_WAIT_BLOCK_MS      "1000"
#define WORKER_WAIT_PATIENCE_MS   4000      /* well beyond it */


struct worker_wait {
    struct worker_redis              *redis;
    const struct worker_wait_events  *events;
    void                             *arg;
    char                              key[OSCP_KEY_SIZE];
    char                              last[WORKER_ENTRY_ID_SIZE];
    unsigned                          ready:1;    /* connected */
    unsigned                          wanted:1;   /* to wait once it is */
};


static void wait_send(struct worker_wait *w);


/* Never waits twice for one entry, whatever became of it. */
static void
wait_seen(struct worker_wait *w, const char *id)
{
    if (worker_entry_compare(id, w->last) > 0) {
        snprintf(w->last, sizeof(w->last), "%s", id);
    }
}


static void
callback_read(void *arg, redisReply *reply)
{
    struct worker_wait  *w = arg;
    const redisReply    *entries;

    if (reply->type == REDIS_REPLY_ERROR) {
        worker_redis_fail(w->redis, "%s", reply->str);
        return;
    }

    /* [[stream, [[id, fields]]]] */
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 1
        && reply->element[0]->type == REDIS_REPLY_ARRAY
        && reply->element[0]->elements == 2)
    {
        entries = reply->element[0]->element[1];
        if (entries->type == REDIS_REPLY_ARRAY && entries->elements > 0
            && entries->element[0]->type == REDIS_REPLY_ARRAY
            && entries->element[0]->elements == 2
            && entries->element[0]->element[0]->type == REDIS_REPLY_STRING)
        {
            wait_seen(w, entries->element[0]->element[0]->str);
        }
    }

    w->events->work(w->arg);
}


static void
wait_send(struct worker_wait *w)
{
    const char  *argv[] = { "XREAD", "COUNT", "1", "BLOCK",
                            WORKER_WAIT_BLOCK_MS, "STREAMS", w->key, w->last };

    w->wanted = 0;

    if (worker_redis_command(w->redis, sizeof(argv) / sizeof(*argv), argv,
                             callback_read, w)
        == -1)
    {
        worker_redis_fail(w->redis, "no memory");
    }
}


static void
callback_ready(void *arg)
{
    struct worker_wait  *w = arg;

    w->ready = 1;
    if (w->wanted) {
        wait_send(w);
    }
}


static void
callback_closed(void *arg, const char *why)
{
    struct worker_wait  *w = arg;

    w->ready = 0;
    w->events->lost(w->arg, why);
}


void
worker_wait_start(struct worker_wait *w, const char *key, const char *last)
{
    snprintf(w->key, sizeof(w->key), "%s", key);
    snprintf(w->last, sizeof(w->last), "%s", last);
    w->ready = 0;
    w->wanted = 1;
    worker_redis_connect(w->redis);
}


void
worker_wait_again(struct worker_wait *w, const char *last)
{
    wait_seen(w, last);
    w->wanted = 1;

    if (w->ready) {
        wait_send(w);
    }
}


void
worker_wait_stop(struct worker_wait *w)
{
    w->ready = 0;
    w->wanted = 0;
    worker_redis_close(w->redis);
}


struct worker_wait *
worker_wait_create(struct event_base *base,
    const struct worker_redis_conf *conf,
    const struct worker_wait_events *events, void *arg)
{
    struct worker_wait  *w;

    static const struct worker_redis_use  use = {
        .ready = callback_ready,
        .closed = callback_closed,
        .patience_ms = WORKER_WAIT_PATIENCE_MS,
    };

    w = calloc(1, sizeof(*w));
    if (w == NULL) {
        return NULL;
    }

    w->events = events;
    w->arg = arg;
    w->redis = worker_redis_create(base, conf, &use, w);
    if (w->redis == NULL) {
        free(w);
        return NULL;
    }

    return w;
}


void
worker_wait_free(struct worker_wait *w)
{
    if (w != NULL) {
        worker_redis_free(w->redis);
        free(w);
    }
}
