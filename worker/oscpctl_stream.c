/*
 * Streams in Redis.
 */

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "oscpctl_out.h"
#include "oscpctl_stream.h"


#define STREAM_BLOCK_MS   1000    /* longest block in one command */
#define STREAM_POLL_MS    100     /* before servers are asked again */


static redisReply *
stream_range(struct worker_ctl_store *store, const char *command,
    const char *key, const char *from, unsigned count)
{
    int          back = strcmp(command, "XREVRANGE") == 0;
    char         id[WORKER_CTL_STREAM_ID_SIZE + 1], number[16];
    redisReply  *reply;
    const char  *argv[6];

    snprintf(id, sizeof(id), "%s%s", *from ? "(" : back ? "+" : "-", from);
    snprintf(number, sizeof(number), "%u", count);

    argv[0] = command;
    argv[1] = key;
    argv[2] = id;
    argv[3] = back ? "-" : "+";
    argv[4] = "COUNT";
    argv[5] = number;
    reply = worker_ctl_store_command(store, 6, argv);

    if (reply != NULL && reply->type != REDIS_REPLY_ARRAY) {
        worker_ctl_out_error("%s: not a stream", key);
        freeReplyObject(reply);
        return NULL;
    }

    return reply;
}


redisReply *
worker_ctl_stream_read(struct worker_ctl_store *store, const char *key,
    const char *after, unsigned count)
{
    return stream_range(store, "XRANGE", key, after, count);
}


redisReply *
worker_ctl_stream_read_back(struct worker_ctl_store *store, const char *key,
    const char *before, unsigned count)
{
    return stream_range(store, "XREVRANGE", key, before, count);
}


/* XREAD; 0 ms: does not wait. */
static redisReply *
stream_xread(struct worker_ctl_store *store, char (*keys)[OSCP_KEY_SIZE],
    char (*ids)[WORKER_CTL_STREAM_ID_SIZE], size_t n, int64_t wait_ms)
{
    int          argc = 0;
    char         block[24], count[16];
    const char  *argv[6 + 2 * OSCP_SHARDS_MAX];

    snprintf(block, sizeof(block), "%lld", (long long) wait_ms);
    snprintf(count, sizeof(count), "%d", WORKER_CTL_STREAM_PIECE);

    argv[argc++] = "XREAD";
    argv[argc++] = "COUNT";
    argv[argc++] = count;

    if (wait_ms > 0) {
        argv[argc++] = "BLOCK";
        argv[argc++] = block;
    }

    argv[argc++] = "STREAMS";

    for (size_t i = 0; i < n && i < OSCP_SHARDS_MAX; i++) {
        argv[argc + (int) i] = keys[i];
        argv[argc + (int) (n + i)] = ids[i];
    }

    return worker_ctl_store_command(store, argc + 2 * (int) n, argv);
}


/* No command waits at several servers: each is asked, then there is a pause. */
static redisReply *
stream_poll(struct worker_ctl_store *store, char (*keys)[OSCP_KEY_SIZE],
    char (*ids)[WORKER_CTL_STREAM_ID_SIZE], size_t n)
{
    redisReply       *reply = NULL;
    struct timespec   pause = { .tv_nsec = STREAM_POLL_MS * 1000000L };

    nanosleep(&pause, NULL);

    for (size_t i = 0; i < n; i++) {
        reply = stream_xread(store, &keys[i], &ids[i], 1, 0);
        if (reply == NULL || reply->type == REDIS_REPLY_ARRAY || i + 1 == n) {
            break;
        }

        freeReplyObject(reply);
    }

    return reply;
}


/* One command blocks for a second at most, far below the answer's timeout. */
redisReply *
worker_ctl_stream_wait(struct worker_ctl_store *store,
    char (*keys)[OSCP_KEY_SIZE], char (*ids)[WORKER_CTL_STREAM_ID_SIZE],
    size_t n, int64_t wait_ms)
{
    if (n > 1 && worker_ctl_store_parted(store)) {
        return stream_poll(store, keys, ids, n);
    }

    wait_ms = wait_ms < 1 ? 1 : wait_ms;
    wait_ms = wait_ms > STREAM_BLOCK_MS ? STREAM_BLOCK_MS : wait_ms;

    return stream_xread(store, keys, ids, n, wait_ms);
}


int
worker_ctl_stream_last(struct worker_ctl_store *store, const char *key,
    char id[WORKER_CTL_STREAM_ID_SIZE])
{
    redisReply        *reply;
    const char        *text = "0-0";
    const redisReply  *fields;

    reply = worker_ctl_stream_read_back(store, key, "", 1);
    if (reply == NULL) {
        return -1;
    }

    if (reply->elements > 0) {
        worker_ctl_stream_entry(reply->element[0], &text, &fields);
    }

    snprintf(id, WORKER_CTL_STREAM_ID_SIZE, "%s", text);
    freeReplyObject(reply);

    return 0;
}


int
worker_ctl_stream_entry(const redisReply *entry, const char **id,
    const redisReply **fields)
{
    if (entry->type != REDIS_REPLY_ARRAY || entry->elements != 2
        || entry->element[0]->type != REDIS_REPLY_STRING
        || entry->element[1]->type != REDIS_REPLY_ARRAY)
    {
        return -1;
    }

    *id = entry->element[0]->str;
    *fields = entry->element[1];

    return 0;
}
