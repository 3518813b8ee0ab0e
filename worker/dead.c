/*
 * Dead letters.
 */

#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "dead.h"
#include "entry.h"
#include "event.h"
#include "redis.h"
#include "script.h"


int
worker_dead_id_valid(const char *id)
{
    size_t  ms = strspn(id, "0123456789"), seq;

    if (ms == 0 || ms > 20 || id[ms] != '-') {
        return 0;
    }

    seq = strspn(id + ms + 1, "0123456789");

    return seq > 0 && seq <= 20 && id[ms + 1 + seq] == '\0';
}


static void
callback_carried(void *arg, redisReply *reply)
{
    struct worker_context  *ctx = arg;

    if (reply->type != REDIS_REPLY_INTEGER) {
        worker_context_fail(ctx, "dead letter: %s",
                            reply->type == REDIS_REPLY_ERROR ? reply->str
                            : "not what was asked for");
    }
}


void
worker_dead_carry(struct worker_context *ctx,
    const struct worker_dead_order *order)
{
    int          argc = 0;
    char         lease[OSCP_KEY_SIZE], stats[OSCP_KEY_SIZE];
    char         dead[OSCP_KEY_SIZE], out[OSCP_KEY_SIZE], cmd[OSCP_KEY_SIZE];
    char         now[OSCP_TIME_SIZE];
    const char  *argv[20];

    if (order->done->failed || order->missing->failed) {
        worker_context_fail(ctx, "no memory for an answer");
        return;
    }

    oscp_time_format(worker_clock_wall(), now);

    argv[argc++] = "EVALSHA";
    argv[argc++] = worker_script_sha(WORKER_SCRIPT_DEAD);
    argv[argc++] = "6";
    argv[argc++] = worker_context_key(ctx, lease, "lease", NULL, NULL, NULL);
    argv[argc++] = worker_context_key(ctx, stats, "stats", NULL, NULL, NULL);
    argv[argc++] = worker_context_key(ctx, dead, "dead", NULL, NULL, NULL);
    argv[argc++] = worker_context_key(ctx, out,
                                      worker_stream_name(WORKER_STREAM_OUT),
                                      NULL, NULL, NULL);
    argv[argc++] = worker_context_key(ctx, cmd,
                                      worker_stream_name(WORKER_STREAM_CMD),
                                      NULL, NULL, NULL);
    argv[argc++] = worker_commit_events(ctx->commit);
    argv[argc++] = worker_lease_value(ctx->lease);
    argv[argc++] = WORKER_COMMIT_GROUP;
    argv[argc++] = order->requeue ? "requeue" : "drop";
    argv[argc++] = order->entry;
    argv[argc++] = order->conn;
    argv[argc++] = order->cmd;
    argv[argc++] = order->by;
    argv[argc++] = now;
    argv[argc++] = WORKER_EVENT_KEEP;
    argv[argc++] = order->done->data;
    argv[argc++] = order->missing->data;

    if (worker_redis_command(ctx->redis, argc, argv, callback_carried, ctx)
        == -1)
    {
        worker_context_fail(ctx, "cannot carry out an order");
    }
}
