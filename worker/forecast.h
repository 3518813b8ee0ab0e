/*
 * The five forecast timelines of a group and their hashes (design, section 5,
 * forecast).
 */

#ifndef WORKER_FORECAST_H
#define WORKER_FORECAST_H

#include "context.h"
#include "oscp_timeline.h"

/* A group's; embedded. */
struct worker_forecasts {
    const char       *conn;              /* names, borrowed */
    const char       *group;
    oscp_timeline_t   timelines[OSCP_TYPE_COUNT];
    unsigned          changed;           /* bits of types to be written */
};

/* Empty timelines. */
void worker_forecast_init(struct worker_forecasts *f, const char *conn,
    const char *group);

void worker_forecast_free(struct worker_forecasts *f);

/* The key of one type's hash, in `buf`, which is returned. */
char *worker_forecast_key(const struct worker_context *ctx,
    const struct worker_forecasts *f, oscp_type_t type,
    char buf[OSCP_KEY_SIZE]);

/*
 * Takes over what HGETALL gave for one type.  What cannot be read is logged and
 * counts as no forecast.  Returns 0, or -1: no memory.
 */
int worker_forecast_load(const struct worker_context *ctx,
    struct worker_forecasts *f, oscp_type_t type, const redisReply *reply);

/*
 * Takes a message in and tells the audit.  Returns OSCP_OK, OSCP_ERR_LIMIT or
 * OSCP_ERR_NOMEM; after an error nothing has changed.
 */
oscp_err_t worker_forecast_apply(struct worker_context *ctx,
    struct worker_forecasts *f, const oscp_forecast_t *message);

/* Adds the changed timelines to the open commit. */
void worker_forecast_write(struct worker_context *ctx,
    struct worker_forecasts *f);

/* Empties all of them, here and in Redis. */
void worker_forecast_clear(struct worker_context *ctx,
    struct worker_forecasts *f);

#endif /* WORKER_FORECAST_H */
