/*
 * What everything that belongs to one shard shares.
 */

#include <stdarg.h>
#include <stdio.h>

#include "context.h"


void
worker_context_wake(struct worker_context *ctx)
{
    event_active(ctx->pump, EV_TIMEOUT, 0);
}


/* An event that activates itself would run again before anything else does. */
void
worker_context_wake_later(struct worker_context *ctx)
{
    struct timeval  none = { 0, 0 };

    if (event_add(ctx->pump, &none) == -1) {
        worker_context_wake(ctx);
    }
}


void
worker_context_fail(struct worker_context *ctx, const char *fmt, ...)
{
    va_list  args;

    if (!ctx->failed) {
        ctx->failed = 1;

        va_start(args, fmt);
        vsnprintf(ctx->why, sizeof(ctx->why), fmt, args);
        va_end(args);
    }

    worker_context_wake(ctx);
}


char *
worker_context_key(const struct worker_context *ctx, char buf[OSCP_KEY_SIZE],
    const char *name, const char *a, const char *b, const char *c)
{
    oscp_key(buf, OSCP_KEY_SIZE, ctx->prefix, ctx->shard, name, a, b, c, NULL);

    return buf;
}
