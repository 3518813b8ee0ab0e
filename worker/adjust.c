/*
 * Adjustments of a group.
 */

#include <stdio.h>
#include <string.h>

#include "adjust.h"
#include "clock.h"
#include "event.h"
#include "fate.h"
#include "json.h"
#include "log.h"
#include "oscp_adjust.h"
#include "oscp_delivery.h"
#include "oscp_json_check.h"
#include "outcome.h"
#include "post.h"
#include "random.h"


#define ADJUST_REPLACED   "replaced by another one"


enum adjust_field {
    ADJUST_STATE = 0,
    ADJUST_REQ,
    ADJUST_REQUESTED,
    ADJUST_BY,
    ADJUST_BLOCKS,
    ADJUST_ANSWER,
    ADJUST_ENDED,
    ADJUST_COUNT
};

static const char *const  adjust_names[ADJUST_COUNT] = {
    [ADJUST_STATE] = "state",
    [ADJUST_REQ] = "req",
    [ADJUST_REQUESTED] = "requested_at",
    [ADJUST_BY] = "by",
    [ADJUST_BLOCKS] = "blocks",
    [ADJUST_ANSWER] = "answer",
    [ADJUST_ENDED] = "ended_at",
};

/* A change of state. */
struct adjust_change {
    oscp_type_t           type;
    oscp_adjust_state_t   state;
    oscp_ms_t             at_ms;
    const char           *by;
    const char           *cmd;           /* the command that made it, or NULL */
    const char           *answer;        /* or NULL */
};


int
worker_adjust_init(struct worker_adjusts *a, const char *conn,
    const char *group, void (*ring)(void *arg), void *arg)
{
    int  rc = 0;

    a->conn = conn;
    a->group = group;
    a->timer.ring = ring;
    a->timer.arg = arg;

    for (unsigned i = 0; i < OSCP_TYPE_COUNT; i++) {
        rc |= worker_record_init(&a->types[i], adjust_names, ADJUST_COUNT);
    }

    return rc;
}


void
worker_adjust_free(struct worker_context *ctx, struct worker_adjusts *a)
{
    worker_timer_cancel(ctx->timers, &a->timer);

    for (unsigned i = 0; i < OSCP_TYPE_COUNT; i++) {
        worker_record_free(&a->types[i]);
    }
}


char *
worker_adjust_key(const struct worker_context *ctx,
    const struct worker_adjusts *a, oscp_type_t type, char buf[OSCP_KEY_SIZE])
{
    return worker_context_key(ctx, buf, "adjustment", a->conn, a->group,
                              oscp_type_name(type));
}


int
worker_adjust_load(struct worker_adjusts *a, oscp_type_t type,
    const redisReply *reply)
{
    oscp_ms_t  at, now = worker_clock_wall();

    if (worker_record_load(&a->types[type], reply) == -1) {
        return -1;
    }

    /* the clock was set back: forecasts that come now have come since */
    at = worker_record_time(&a->types[type], ADJUST_REQUESTED);
    if (at != OSCP_TIME_NONE && at > now) {
        worker_record_set_time(&a->types[type], ADJUST_REQUESTED, now);
    }

    return 0;
}


void
worker_adjust_forget(struct worker_context *ctx, struct worker_adjusts *a)
{
    char  key[OSCP_KEY_SIZE];

    for (unsigned i = 0; i < OSCP_TYPE_COUNT; i++) {
        worker_record_clear(&a->types[i]);
        worker_commit_delete(ctx->commit, worker_adjust_key(ctx, a, i, key));
    }
}


static int
adjust_is(const struct worker_record *r, oscp_adjust_state_t state)
{
    return strcmp(worker_record_get(r, ADJUST_STATE),
                  oscp_adjust_state_name(state)) == 0;
}


static int
adjust_requested(const struct worker_record *r)
{
    return adjust_is(r, OSCP_ADJUST_REQUESTED);
}


/* When it expires; one whose time cannot be read has. */
static oscp_ms_t
adjust_due(const struct worker_record *r)
{
    oscp_ms_t  at = worker_record_time(r, ADJUST_REQUESTED);

    return at == OSCP_TIME_NONE ? 0
           : at + oscp_delivery_age_ms(OSCP_ADJUST_GROUP_CAPACITY_FORECAST);
}


static void
adjust_event(struct worker_context *ctx, const struct worker_adjusts *a,
    const struct adjust_change *change)
{
    oscp_error_t                 err;
    const char                  *blocks;
    struct worker_buffer         data = { .len = 0 };
    struct worker_event          event = { .event = "adjustment",
                                           .conn = a->conn, .group = a->group,
                                           .at_ms = change->at_ms,
                                           .by = change->by,
                                           .cmd = change->cmd, .data = &data };
    struct worker_log_about      about = { .shard = (int) ctx->shard,
                                           .conn = a->conn,
                                           .group = a->group };
    const struct worker_record  *r = &a->types[change->type];

    about.req = worker_record_get(r, ADJUST_REQ);
    blocks = worker_record_get(r, ADJUST_BLOCKS);

    worker_json_open(&data, NULL);
    worker_json_text(&data, "type", oscp_type_name(change->type));
    worker_json_text(&data, "state", oscp_adjust_state_name(change->state));
    worker_json_text(&data, "req", about.req);
    worker_json_text(&data, "answer", change->answer);

    /* what stands in Redis may have come from anybody */
    if (oscp_json_check(blocks, strlen(blocks), &err) == OSCP_OK) {
        worker_json_raw(&data, "blocks", blocks, strlen(blocks));
    }

    worker_json_close(&data);

    worker_event_write(ctx->commit, &event);
    worker_buffer_free(&data);

    worker_log(WORKER_LOG_INFO, &about, "adjustment of %s %s%s%s",
               oscp_type_name(change->type),
               oscp_adjust_state_name(change->state),
               change->answer ? ": " : "",
               change->answer ? change->answer : "");
}


static void
adjust_write(struct worker_context *ctx, struct worker_adjusts *a,
    oscp_type_t type)
{
    char  key[OSCP_KEY_SIZE];

    if (worker_record_write(&a->types[type], ctx->commit,
                            worker_adjust_key(ctx, a, type, key))
        == -1)
    {
        worker_context_fail(ctx, "no memory for an adjustment");
    }
}


/* It is not requested any more. */
static void
adjust_close(struct worker_context *ctx, struct worker_adjusts *a,
    const struct adjust_change *change)
{
    struct worker_record  *r = &a->types[change->type];

    worker_record_set(r, ADJUST_STATE, oscp_adjust_state_name(change->state));
    worker_record_set(r, ADJUST_ANSWER, change->answer);
    worker_record_set_time(r, ADJUST_ENDED, change->at_ms);

    adjust_event(ctx, a, change);
    adjust_write(ctx, a, change->type);
}


static void
adjust_expire(struct worker_context *ctx, struct worker_adjusts *a,
    oscp_type_t type, oscp_ms_t at_ms, const char *why)
{
    struct adjust_change  change = { .type = type,
                                     .state = OSCP_ADJUST_EXPIRED,
                                     .at_ms = at_ms, .by = "worker",
                                     .answer = why };

    adjust_close(ctx, a, &change);
}


static void
adjust_expire_late(struct worker_context *ctx, struct worker_adjusts *a,
    oscp_type_t type, oscp_ms_t at_ms)
{
    adjust_expire(ctx, a, type, at_ms, "no answer in time");
}


/* The fields of the command; -1 after a refusal. */
static int
adjust_read(const struct worker_adjusts *a, const struct worker_entry *e,
    oscp_type_t *type, oscp_adjust_t *wish,
    struct worker_outcome *result)
{
    int                          found;
    oscp_error_t                 err;
    const struct worker_record  *r;

    found = oscp_type_find(e->type, strlen(e->type));
    if (found < 0) {
        return worker_outcome_refuse(result, "type must be CONSUMPTION, "
                                     "GENERATION, FALLBACK_CONSUMPTION, "
                                     "FALLBACK_GENERATION or OPTIMUM");
    }

    *type = (oscp_type_t) found;

    if (*e->replace != '\0' && strcmp(e->replace, "0") != 0
        && strcmp(e->replace, "1") != 0)
    {
        return worker_outcome_refuse(result, "replace must be 0 or 1");
    }

    if (oscp_adjust_read(wish, e->blocks, strlen(e->blocks),
                         worker_clock_wall(), &err)
        != OSCP_OK)
    {
        return worker_outcome_refuse(result, "blocks%s %s", err.path + 1,
                                     err.text);
    }

    r = &a->types[*type];

    if (adjust_requested(r) && strcmp(e->replace, "1") != 0) {
        return worker_outcome_refuse(result, "%s of %s is requested already, "
                                     "by message %s, since %s: replace it, or "
                                     "wait", oscp_type_name(*type), a->group,
                                     worker_record_get(r, ADJUST_REQ),
                                     worker_record_get(r, ADJUST_REQUESTED));
    }

    return 0;
}


/* The message goes into the outbox. */
static void
adjust_send(struct worker_context *ctx, const struct worker_adjusts *a,
    oscp_type_t type, const oscp_adjust_t *wish, oscp_ms_t now_ms)
{
    char                 *p;
    size_t                size;
    struct worker_buffer  body = { .len = 0 };
    struct worker_post    m = { .conn = a->conn, .group = a->group,
                                .created_ms = now_ms };

    m.kind = OSCP_ADJUST_GROUP_CAPACITY_FORECAST;
    m.req = worker_record_get(&a->types[type], ADJUST_REQ);

    size = oscp_adjust_message(wish, a->group, type, NULL, 0) + 1;
    p = worker_buffer_reserve(&body, size);
    if (p == NULL) {
        worker_context_fail(ctx, "no memory for an adjustment");
        return;
    }

    m.len = oscp_adjust_message(wish, a->group, type, p, size);
    m.body = p;
    worker_post_write(ctx, &m);
    worker_buffer_free(&body);
}


static int
adjust_set_blocks(struct worker_record *r, const oscp_adjust_t *wish)
{
    char                  *p;
    size_t                 size = oscp_adjust_write(wish, NULL, 0) + 1;
    struct worker_buffer   text = { .len = 0 };

    p = worker_buffer_reserve(&text, size);
    if (p == NULL) {
        return -1;
    }

    oscp_adjust_write(wish, p, size);
    worker_record_set(r, ADJUST_BLOCKS, p);
    worker_buffer_free(&text);

    return 0;
}


int
worker_adjust_command(struct worker_context *ctx, struct worker_adjusts *a,
    const struct worker_entry *e, const char *by,
    struct worker_outcome *result)
{
    char                   uuid[WORKER_RANDOM_UUID_SIZE];
    oscp_type_t            type = OSCP_CONSUMPTION;
    oscp_adjust_t          wish;
    struct worker_record  *r;
    struct adjust_change   change = { .state = OSCP_ADJUST_REQUESTED,
                                      .by = by, .cmd = e->id };

    if (adjust_read(a, e, &type, &wish, result) == -1) {
        return -1;
    }

    r = &a->types[type];
    change.type = type;
    change.at_ms = worker_clock_wall();

    if (adjust_requested(r)) {
        adjust_expire(ctx, a, type, change.at_ms, ADJUST_REPLACED);
    }

    worker_record_set(r, ADJUST_STATE, oscp_adjust_state_name(change.state));
    worker_record_set(r, ADJUST_REQ, worker_random_uuid(uuid));
    worker_record_set_time(r, ADJUST_REQUESTED, change.at_ms);
    worker_record_set(r, ADJUST_BY, by);
    worker_record_set(r, ADJUST_ANSWER, NULL);
    worker_record_set(r, ADJUST_ENDED, NULL);

    if (adjust_set_blocks(r, &wish) == -1) {
        worker_context_fail(ctx, "no memory for an adjustment");
    }

    adjust_event(ctx, a, &change);
    adjust_write(ctx, a, type);
    adjust_send(ctx, a, type, &wish, change.at_ms);

    snprintf(result->req, sizeof(result->req), "%s", uuid);
    snprintf(result->text, sizeof(result->text), "%s of %s is requested: %zu "
             "block%s, message %s", oscp_type_name(type), a->group, wish.n,
             wish.n == 1 ? "" : "s", uuid);

    return 0;
}


void
worker_adjust_forecast(struct worker_context *ctx, struct worker_adjusts *a,
    const oscp_forecast_t *forecast, const char *corr)
{
    struct worker_record  *r = &a->types[forecast->type];
    struct adjust_change   change = { .type = forecast->type,
                                      .state = OSCP_ADJUST_ANSWERED,
                                      .at_ms = forecast->received_ms,
                                      .by = "peer", .answer = forecast->req };

    /* a peer may answer what it had refused before it has taken it */
    if (adjust_is(r, OSCP_ADJUST_REFUSED) && *corr != '\0'
        && strcmp(corr, worker_record_get(r, ADJUST_REQ)) == 0)
    {
        adjust_close(ctx, a, &change);
        return;
    }

    if (!adjust_requested(r)) {
        return;
    }

    /* this one waited for somebody to read it, or came too late: that depends
       on when it was received */
    if (forecast->received_ms >= adjust_due(r)) {
        adjust_expire_late(ctx, a, forecast->type, forecast->received_ms);
        return;
    }

    if (oscp_adjust_answers(worker_record_get(r, ADJUST_REQ),
                            worker_record_time(r, ADJUST_REQUESTED), corr,
                            forecast->received_ms))
    {
        adjust_close(ctx, a, &change);
    }
}


/* It had been refused, was sent again by an operator, and is taken now. */
static void
adjust_reopen(struct worker_context *ctx, struct worker_adjusts *a,
    oscp_type_t type, oscp_ms_t requested_ms)
{
    struct worker_record  *r = &a->types[type];
    struct adjust_change   change = { .type = type,
                                      .state = OSCP_ADJUST_REQUESTED,
                                      .at_ms = worker_clock_wall(),
                                      .by = "worker" };

    worker_record_set(r, ADJUST_STATE, oscp_adjust_state_name(change.state));
    worker_record_set_time(r, ADJUST_REQUESTED, requested_ms);
    worker_record_set(r, ADJUST_ANSWER, NULL);
    worker_record_set(r, ADJUST_ENDED, NULL);

    adjust_event(ctx, a, &change);
    adjust_write(ctx, a, type);
}


void
worker_adjust_heard(struct worker_context *ctx, struct worker_adjusts *a,
    const struct worker_fate *fate)
{
    const struct worker_record  *r;
    struct adjust_change         change = { .at_ms = worker_clock_wall() };

    change.state = fate->kind == WORKER_FATE_DEAD ? OSCP_ADJUST_REFUSED
                                                  : OSCP_ADJUST_EXPIRED;
    change.by = fate->kind == WORKER_FATE_DEAD ? "peer" : "worker";
    change.answer = *fate->text != '\0' ? fate->text : fate->why;

    for (unsigned i = 0; i < OSCP_TYPE_COUNT; i++) {
        r = &a->types[i];

        if (strcmp(worker_record_get(r, ADJUST_REQ), fate->letter->req) != 0) {
            continue;
        }

        if (fate->kind != WORKER_FATE_DELIVERED && adjust_requested(r)) {
            change.type = i;
            adjust_close(ctx, a, &change);

        } else if (fate->kind == WORKER_FATE_DELIVERED
                   && adjust_is(r, OSCP_ADJUST_REFUSED))
        {
            adjust_reopen(ctx, a, i, fate->letter->created_ms);
        }
    }
}


/*
 * Age says nothing here: a dead letter that an operator requeues is made anew.
 */
const char *
worker_adjust_unwanted(const struct worker_adjusts *a,
    const struct worker_letter *l)
{
    int                          type;
    const struct worker_record  *r;

    for (unsigned i = 0; i < OSCP_TYPE_COUNT; i++) {
        r = &a->types[i];

        if (strcmp(worker_record_get(r, ADJUST_REQ), l->req) == 0) {
            return adjust_is(r, OSCP_ADJUST_EXPIRED)
                   ? worker_record_get(r, ADJUST_ANSWER) : NULL;
        }
    }

    type = oscp_adjust_type(l->body, l->len);

    return type >= 0 && *worker_record_get(&a->types[type], ADJUST_REQ) != '\0'
           ? ADJUST_REPLACED : NULL;
}


void
worker_adjust_end(struct worker_context *ctx, struct worker_adjusts *a)
{
    oscp_ms_t  now = worker_clock_wall();

    for (unsigned i = 0; i < OSCP_TYPE_COUNT; i++) {
        if (adjust_requested(&a->types[i])) {
            adjust_expire(ctx, a, i, now, WORKER_ADJUST_DISCONNECTED);
        }
    }
}


void
worker_adjust_tick(struct worker_context *ctx, struct worker_adjusts *a)
{
    oscp_ms_t  due, now = worker_clock_wall(), next = OSCP_TIME_NONE;

    if (!ctx->live || ctx->closing) {
        return;
    }

    for (unsigned i = 0; i < OSCP_TYPE_COUNT; i++) {
        if (!adjust_requested(&a->types[i])) {
            continue;
        }

        due = adjust_due(&a->types[i]);

        if (due <= now) {
            adjust_expire_late(ctx, a, i, now);

        } else if (due < next) {
            next = due;
        }
    }

    if (worker_timer_set(ctx->timers, &a->timer, next) == -1) {
        worker_context_fail(ctx, "no memory for a timer");
    }
}
