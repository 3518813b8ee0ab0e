/*
 * The five forecast timelines of a group and their hashes.
 */

#include <string.h>

#include "clock.h"
#include "event.h"
#include "forecast.h"
#include "json.h"
#include "log.h"


/*
 * Spans that ended longer ago than this are dropped: nothing asks for them any
 * more, and the audit has them.
 */
#define WORKER_FORECAST_KEEP_MS   3600000


void
worker_forecast_init(struct worker_forecasts *f, const char *conn,
    const char *group)
{
    memset(f, 0, sizeof(*f));
    f->conn = conn;
    f->group = group;

    for (unsigned i = 0; i < OSCP_TYPE_COUNT; i++) {
        oscp_timeline_init(&f->timelines[i]);
    }
}


void
worker_forecast_free(struct worker_forecasts *f)
{
    for (unsigned i = 0; i < OSCP_TYPE_COUNT; i++) {
        oscp_timeline_clear(&f->timelines[i], &oscp_alloc_libc);
    }
}


char *
worker_forecast_key(const struct worker_context *ctx,
    const struct worker_forecasts *f, oscp_type_t type,
    char buf[OSCP_KEY_SIZE])
{
    return worker_context_key(ctx, buf, "forecast", f->conn, f->group,
                              oscp_type_name(type));
}


static oscp_ms_t
forecast_time(const redisReply *value)
{
    oscp_ms_t  ms = OSCP_TIME_NONE;

    return oscp_time_parse(value->str, value->len, &ms) == 0 ? ms
                                                             : OSCP_TIME_NONE;
}


static oscp_err_t
forecast_field(oscp_timeline_t *t, const char *name, const redisReply *value,
    oscp_error_t *err)
{
    if (strcmp(name, "req") == 0 && value->len < sizeof(t->req)) {
        memcpy(t->req, value->str, value->len + 1);

    } else if (strcmp(name, "received_at") == 0) {
        t->received_ms = forecast_time(value);

    } else if (strcmp(name, "first_from") == 0) {
        t->first_ms = forecast_time(value);

    } else if (strcmp(name, "zero") == 0) {
        t->zero = strcmp(value->str, "1") == 0;

    } else if (strcmp(name, "blocks") == 0) {
        return oscp_timeline_read(t, value->str, value->len, &oscp_alloc_libc,
                                  err);
    }

    return OSCP_OK;
}


int
worker_forecast_load(const struct worker_context *ctx,
    struct worker_forecasts *f, oscp_type_t type, const redisReply *reply)
{
    char                     why[OSCP_ERROR_PATH_LEN + OSCP_ERROR_TEXT_LEN];
    oscp_error_t             err;
    oscp_timeline_t         *t = &f->timelines[type];
    struct worker_log_about  about = { .shard = (int) ctx->shard,
                                       .conn = f->conn, .group = f->group };

    for (size_t i = 0; i + 1 < reply->elements; i += 2) {
        if (reply->element[i]->type != REDIS_REPLY_STRING
            || reply->element[i + 1]->type != REDIS_REPLY_STRING)
        {
            continue;
        }

        if (forecast_field(t, reply->element[i]->str, reply->element[i + 1],
                           &err)
            != OSCP_OK)
        {
            oscp_timeline_clear(t, &oscp_alloc_libc);
            if (err.code == OSCP_ERR_NOMEM) {
                return -1;
            }

            oscp_error_format(&err, why, sizeof(why));
            worker_log(WORKER_LOG_ERROR, &about, "the stored %s forecast "
                       "cannot be read and counts as none: %s",
                       oscp_type_name(type), why);
            return 0;
        }
    }

    return 0;
}


/* Writes a timeline's blocks as JSON. */
static void
forecast_blocks(const oscp_timeline_t *t, struct worker_buffer *b)
{
    char    *p;
    size_t   size = oscp_timeline_write(t, NULL, 0) + 1;

    p = worker_buffer_reserve(b, size);
    if (p != NULL) {
        b->len += oscp_timeline_write(t, p, size);
    }
}


/*
 * The message by itself, in watts, its overlaps resolved, is what is audited.
 */
static oscp_err_t
forecast_audit(struct worker_context *ctx, const struct worker_forecasts *f,
    const oscp_forecast_t *message)
{
    size_t                overlaps;
    oscp_err_t            rc;
    oscp_timeline_t       alone;
    struct worker_buffer  data = { .len = 0 }, blocks = { .len = 0 };
    struct worker_event   event = { .event = "forecast", .conn = f->conn,
                                    .group = f->group, .by = "peer",
                                    .at_ms = message->received_ms,
                                    .data = &data };

    oscp_timeline_init(&alone);
    rc = oscp_timeline_apply(&alone, message, &overlaps, &oscp_alloc_libc);

    if (rc == OSCP_OK) {
        forecast_blocks(&alone, &blocks);
        worker_json_open(&data, NULL);
        worker_json_text(&data, "type", oscp_type_name(message->type));
        worker_json_text(&data, "req", message->req);
        worker_json_number(&data, "overlaps", (double) overlaps);
        worker_json_raw(&data, "blocks", blocks.data, blocks.len);
        worker_json_close(&data);
        data.failed |= blocks.failed;
        worker_event_write(ctx->commit, &event);
    }

    oscp_timeline_clear(&alone, &oscp_alloc_libc);
    worker_buffer_free(&blocks);
    worker_buffer_free(&data);

    return rc;
}


oscp_err_t
worker_forecast_apply(struct worker_context *ctx, struct worker_forecasts *f,
    const oscp_forecast_t *message)
{
    oscp_ms_t         now = worker_clock_wall();
    oscp_err_t        rc;
    oscp_timeline_t  *t = &f->timelines[message->type];

    oscp_timeline_prune(t, now - WORKER_FORECAST_KEEP_MS);
    rc = oscp_timeline_apply(t, message, NULL, &oscp_alloc_libc);

    if (rc == OSCP_ERR_LIMIT && oscp_timeline_prune(t, now) > 0) {
        rc = oscp_timeline_apply(t, message, NULL, &oscp_alloc_libc);
    }

    if (rc != OSCP_OK) {
        return rc;
    }

    f->changed |= 1u << message->type;

    if (forecast_audit(ctx, f, message) != OSCP_OK) {
        worker_context_fail(ctx, "no memory for a forecast");
    }

    return OSCP_OK;
}


static void
forecast_text(struct worker_commit *c, const char *name, const char *value)
{
    if (*value != '\0') {
        worker_commit_text(c, name);
        worker_commit_text(c, value);
    }
}


static void
forecast_write_one(struct worker_context *ctx, struct worker_forecasts *f,
    oscp_type_t type)
{
    char                    key[OSCP_KEY_SIZE], at[OSCP_TIME_SIZE];
    oscp_ms_t               from, until;
    oscp_timeline_t        *t = &f->timelines[type];
    struct worker_buffer    blocks = { .len = 0 };
    struct worker_commit   *c = ctx->commit;

    oscp_timeline_range(t, &from, &until);
    forecast_blocks(t, &blocks);

    /* whole and at once: a field that has no value now must not stay */
    worker_forecast_key(ctx, f, type, key);
    worker_commit_delete(c, key);

    worker_commit_begin(c, "HSET", key);
    forecast_text(c, "req", t->req);
    oscp_time_format(t->received_ms, at);
    forecast_text(c, "received_at", at);
    oscp_time_format(from, at);
    forecast_text(c, "from", at);
    oscp_time_format(until, at);
    forecast_text(c, "until", at);
    oscp_time_format(t->first_ms, at);
    forecast_text(c, "first_from", at);
    forecast_text(c, "zero", t->zero ? "1" : "0");
    worker_commit_text(c, "blocks");
    worker_commit_bytes(c, blocks.data, blocks.len);
    worker_commit_end(c);

    if (blocks.failed) {
        worker_commit_fail(c);
    }

    worker_buffer_free(&blocks);
}


void
worker_forecast_write(struct worker_context *ctx, struct worker_forecasts *f)
{
    for (unsigned i = 0; i < OSCP_TYPE_COUNT; i++) {
        if (f->changed & (1u << i)) {
            forecast_write_one(ctx, f, i);
        }
    }

    f->changed = 0;
}


void
worker_forecast_clear(struct worker_context *ctx, struct worker_forecasts *f)
{
    char  key[OSCP_KEY_SIZE];

    for (unsigned i = 0; i < OSCP_TYPE_COUNT; i++) {
        oscp_timeline_clear(&f->timelines[i], &oscp_alloc_libc);
        worker_commit_delete(ctx->commit, worker_forecast_key(ctx, f, i, key));
    }

    f->changed = 0;
}
