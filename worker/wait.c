/*
 * Waits for work.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wait.h"


#define WORKER_WAIT_BLOCK_MS      "1000"
#define WORKER_WAIT_PATIENCE_MS   4000      /* well beyond it */


struct worker_wait {
    struct worker_redis              *redis;
    const struct worker_wait_events  *events;
    void                             *arg;
    char                              keys[WORKER_STREAM_COUNT][OSCP_KEY_SIZE];
    char                              last[WORKER_STREAM_COUNT]
                                          [WORKER_ENTRY_ID_SIZE];
    unsigned                          ready:1;    /* connected */
    unsigned                          wanted:1;   /* to wait once it is */
};


static void wait_send(struct worker_wait *w);


void
worker_wait_key(struct worker_wait *w, enum worker_stream stream,
    const char *key)
{
    snprintf(w->keys[stream], sizeof(w->keys[stream]), "%s", key);
}


/* Never waits twice for one entry, whatever became of it. */
void
worker_wait_seen(struct worker_wait *w, enum worker_stream stream,
    const char *last)
{
    if (worker_entry_compare(last, w->last[stream]) > 0) {
        snprintf(w->last[stream], sizeof(w->last[stream]), "%s", last);
    }
}


/* [stream, [[id, fields]]] */
static void
wait_stream(struct worker_wait *w, const redisReply *stream)
{
    const redisReply  *entries;

    if (stream->type != REDIS_REPLY_ARRAY || stream->elements != 2
        || stream->element[0]->type != REDIS_REPLY_STRING)
    {
        return;
    }

    entries = stream->element[1];
    if (entries->type != REDIS_REPLY_ARRAY || entries->elements == 0
        || entries->element[0]->type != REDIS_REPLY_ARRAY
        || entries->element[0]->elements != 2
        || entries->element[0]->element[0]->type != REDIS_REPLY_STRING)
    {
        return;
    }

    for (unsigned i = 0; i < WORKER_STREAM_COUNT; i++) {
        if (strcmp(stream->element[0]->str, w->keys[i]) == 0) {
            worker_wait_seen(w, i, entries->element[0]->element[0]->str);
        }
    }
}


static void
callback_read(void *arg, redisReply *reply)
{
    struct worker_wait  *w = arg;

    if (reply->type == REDIS_REPLY_ERROR) {
        worker_redis_fail(w->redis, "%s", reply->str);
        return;
    }

    if (reply->type == REDIS_REPLY_ARRAY) {
        for (size_t i = 0; i < reply->elements; i++) {
            wait_stream(w, reply->element[i]);
        }
    }

    w->events->work(w->arg);
}


static void
wait_send(struct worker_wait *w)
{
    int          argc = 6;
    const char  *argv[6 + 2 * WORKER_STREAM_COUNT] = {
        "XREAD", "COUNT", "1", "BLOCK", WORKER_WAIT_BLOCK_MS, "STREAMS"
    };

    for (unsigned i = 0; i < WORKER_STREAM_COUNT; i++) {
        argv[argc] = w->keys[i];
        argv[argc + WORKER_STREAM_COUNT] = w->last[i];
        argc++;
    }

    argc += WORKER_STREAM_COUNT;
    w->wanted = 0;

    if (worker_redis_command(w->redis, argc, argv, callback_read, w) == -1) {
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
worker_wait_start(struct worker_wait *w)
{
    w->ready = 0;
    w->wanted = 1;
    worker_redis_connect(w->redis);
}


void
worker_wait_again(struct worker_wait *w)
{
    w->wanted = 1;

    if (w->ready) {
        wait_send(w);
    }
}


static void
wait_forget(struct worker_wait *w)
{
    for (unsigned i = 0; i < WORKER_STREAM_COUNT; i++) {
        snprintf(w->last[i], sizeof(w->last[i]), "0-0");
    }
}


void
worker_wait_stop(struct worker_wait *w)
{
    w->ready = 0;
    w->wanted = 0;
    wait_forget(w);
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
    wait_forget(w);
    w->redis = worker_redis_create(base, conf, &use, w->keys[0], w);
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
