/*
 * Takes entries from the streams and lets each take effect.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aside.h"
#include "clock.h"
#include "command.h"
#include "event.h"
#include "intake.h"
#include "json.h"
#include "log.h"
#include "outbox.h"
#include "receive.h"
#include "sample.h"
#include "script.h"


#define INTAKE_BATCH     64      /* entries of each stream in one take */
#define INTAKE_TURN_MS   20      /* then timers and answers have their turn,
                                    which a few long forecasts would keep from
                                    them */


enum intake_end {
    INTAKE_ALL = 0,              /* of the stream's batch is applied */
    INTAKE_FULL,                 /* no more can be set aside */
    INTAKE_LATER                 /* the turn is over */
};


struct intake_stream {
    struct worker_entry           entries[INTAKE_BATCH];
    size_t                        n;           /* in this batch */
    size_t                        next;        /* to be applied */
    char                          from[WORKER_ENTRY_ID_SIZE];  /* pending ones
                                                  after this; "" once there are
                                                  none */
    char                          last[WORKER_ENTRY_ID_SIZE];  /* applied */
    char                          tail[WORKER_ENTRY_ID_SIZE];
    unsigned                      drained:1;
    unsigned                      caught_up:1;
};

struct worker_intake {
    struct worker_context        *ctx;
    struct worker_config         *config;
    const struct worker_roster   *roster;
    struct worker_receive        *receive;
    struct worker_config_waiter   waiter;
    struct worker_aside           aside;       /* for the configuration */
    size_t                        asked;       /* the first so many of them wait
                                                  for the reading that has been
                                                  asked for, */
    size_t                        released;    /* or for none any more */
    struct intake_stream          streams[WORKER_STREAM_COUNT];
    oscp_ms_t                     last_ms;
    uint64_t                      taken;
    unsigned                      taking:1;
    unsigned                      refreshed:1; /* there was a reading: look */
    unsigned                      batch:1;     /* one is here, not yet done */
    unsigned                      full:1;      /* no more can be set aside: the
                                                  batch waits as well */
    unsigned                      later:1;     /* the batch goes on when the
                                                  shard says so */
};


static void
intake_ignored(struct worker_intake *in, const struct worker_entry *e,
    const char *why)
{
    struct worker_log_about  about = { .shard = (int) in->ctx->shard,
                                       .conn = e->conn, .group = e->group,
                                       .req = e->req };
    struct worker_buffer     data = { .len = 0 };
    struct worker_event      event = { .event = "ignored", .conn = e->conn,
                                       .group = e->group, .at_ms = e->at_ms,
                                       .by = "peer", .data = &data };

    worker_log(WORKER_LOG_WARN, &about, "%s ignored: %s", e->msg, why);

    worker_json_open(&data, NULL);
    worker_json_text(&data, "msg", e->msg);
    worker_json_text(&data, "req", e->req);
    worker_json_text(&data, "why", why);
    worker_json_close(&data);

    worker_event_write(in->ctx->commit, &event);
    worker_commit_count(in->ctx->commit, WORKER_COUNT_IGNORED, 1);
    worker_buffer_free(&data);
}


/*
 * 1 when the entry's connection and group are ones that we know.  What waits
 * for delivery goes out whether or not its group is there any more.
 */
static int
intake_known(const struct worker_intake *in, enum worker_stream stream,
    const struct worker_entry *e)
{
    const struct worker_connection  *conn;

    conn = worker_roster_get(in->roster, e->conn);

    return conn != NULL && (*e->group == '\0' || stream == WORKER_STREAM_OUT
                            || worker_connection_group(conn, e->group) != NULL);
}


static void
intake_message(struct worker_intake *in, const struct worker_entry *e,
    struct worker_connection *conn)
{
    char                 key[OSCP_KEY_SIZE], why[WORKER_RECEIVE_WHY_SIZE];
    enum worker_verdict  verdict;

    verdict = worker_receive_entry(in->receive, conn, e, why);

    if (verdict == WORKER_VERDICT_IGNORED) {
        intake_ignored(in, e, why);

    } else if (verdict == WORKER_VERDICT_APPLIED) {
        worker_commit_count(in->ctx->commit, WORKER_COUNT_APPLIED, 1);
    }

    if (verdict != WORKER_VERDICT_HELD) {
        worker_context_key(in->ctx, key, "in", NULL, NULL, NULL);
        worker_commit_settle(in->ctx->commit, key, e->id);
    }
}


static void
intake_command(struct worker_intake *in, const struct worker_entry *e,
    struct worker_connection *conn)
{
    worker_command_entry(in->ctx, conn, e);
}


static void
intake_sample(struct worker_intake *in, const struct worker_entry *e,
    struct worker_connection *conn)
{
    worker_sample_entry(in->ctx, conn, e);
}


/* It is settled when it is known what became of it. */
static void
intake_letter(struct worker_intake *in, const struct worker_entry *e,
    struct worker_connection *conn)
{
    if (conn != NULL) {
        worker_outbox_take(worker_connection_outbox(conn), e);

    } else {
        worker_fate_refuse(in->ctx, e, e->gone
                           ? "the entry was deleted from the stream"
                           : "the connection is not configured");
    }
}


static void (*const intake_handlers[WORKER_STREAM_COUNT])(
    struct worker_intake *in, const struct worker_entry *e,
    struct worker_connection *conn) = {

    [WORKER_STREAM_CMD] = intake_command,
    [WORKER_STREAM_IN] = intake_message,
    [WORKER_STREAM_METER] = intake_sample,
    [WORKER_STREAM_OUT] = intake_letter,
};


static void
intake_free_entries(struct intake_stream *s)
{
    for (size_t i = 0; i < s->n; i++) {
        worker_entry_free(&s->entries[i]);
    }

    s->n = 0;
    s->next = 0;
}


static void
intake_stream_done(struct intake_stream *s)
{
    int  pending = s->from[0] != '\0';

    if (!pending) {
        s->drained = s->n < INTAKE_BATCH;
        s->caught_up |= s->drained
                        || worker_entry_compare(s->last, s->tail) >= 0;

    } else if (s->n == 0) {
        s->from[0] = '\0';

    } else {
        memcpy(s->from, s->entries[s->n - 1].id, sizeof(s->from));
    }

    intake_free_entries(s);
}


static void
intake_done(struct worker_intake *in)
{
    for (unsigned i = 0; i < WORKER_STREAM_COUNT; i++) {
        intake_stream_done(&in->streams[i]);
    }

    if (in->streams[WORKER_STREAM_IN].drained) {
        in->ctx->drained = in->ctx->takes;
    }

    in->batch = 0;
    in->taken = in->ctx->takes;
}


static void
intake_handle(struct worker_intake *in, enum worker_stream stream,
    const struct worker_entry *e)
{
    intake_handlers[stream](in, e, worker_roster_get(in->roster, e->conn));
}


/* A configuration is read that is newer than all that is set aside by now. */
static void
intake_ask(struct worker_intake *in)
{
    if (!in->waiter.queued) {
        in->asked = in->aside.n;
        worker_config_refresh(in->config, &in->waiter);
    }
}


/*
 * An entry is stored after the configuration under which nginx accepted it is:
 * a name that is not known is judged only by a configuration that was read
 * after the entry.  What names it waits; others do not wait for that, for the
 * configuration may be out of reach while the shard is not.
 */
static enum intake_end
intake_run_stream(struct worker_intake *in, enum worker_stream stream,
    int64_t until_ms)
{
    struct worker_entry       *e;
    struct intake_stream      *s = &in->streams[stream];
    struct worker_aside_item  *item;

    while (s->next < s->n) {
        e = &s->entries[s->next];

        if (worker_clock_boot() >= until_ms) {
            return INTAKE_LATER;
        }

        if (!e->gone
            && (!intake_known(in, stream, e)
                || worker_aside_ahead(&in->aside, stream, e)))
        {
            item = worker_aside_put(&in->aside, stream, e);
            if (item == NULL) {
                return INTAKE_FULL;
            }

            item->drained = in->ctx->drained;

        } else {
            intake_handle(in, stream, e);
        }

        if (stream == WORKER_STREAM_IN) {
            in->last_ms = e->at_ms;
        }

        memcpy(s->last, e->id, sizeof(s->last));
        s->next++;
    }

    return INTAKE_ALL;
}


/* As if it took effect when it was taken: before what drained the stream. */
static void
intake_handle_aside(struct worker_intake *in, struct worker_aside_item *item)
{
    uint64_t  drained = in->ctx->drained;

    in->ctx->drained = item->drained;
    intake_handle(in, item->stream, &item->entry);
    in->ctx->drained = drained;

    worker_entry_free(&item->entry);
    free(item);
}


/*
 * After a reading.  What was set aside since it was asked for waits for the
 * next, unless it names somebody who is known by now.
 */
static enum intake_end
intake_run_aside(struct worker_intake *in, int64_t until_ms)
{
    size_t                     i = 0;
    struct worker_aside_item  *item, *next;

    if (!in->refreshed) {
        return INTAKE_ALL;
    }

    for (item = TAILQ_FIRST(&in->aside.items); item != NULL; item = next) {
        next = TAILQ_NEXT(item, next);

        if (i >= in->released && !intake_known(in, item->stream, &item->entry))
        {
            i++;
            continue;
        }

        if (worker_clock_boot() >= until_ms) {
            return INTAKE_LATER;
        }

        /* the first so many are fewer now */
        in->released -= i < in->released;
        in->asked -= i < in->asked;
        worker_aside_take(&in->aside, item);
        intake_handle_aside(in, item);
    }

    in->refreshed = 0;
    in->released = 0;

    return INTAKE_ALL;
}


static void
intake_run(struct worker_intake *in)
{
    int64_t          until_ms = worker_clock_boot() + INTAKE_TURN_MS;
    enum intake_end  end;

    end = intake_run_aside(in, until_ms);

    for (unsigned i = 0; i < WORKER_STREAM_COUNT && end == INTAKE_ALL; i++) {
        end = intake_run_stream(in, i, until_ms);
    }

    in->full = end == INTAKE_FULL;
    in->later = end == INTAKE_LATER;

    if (in->aside.n > 0 || in->full) {
        intake_ask(in);
    }

    if (in->later) {
        worker_context_wake_later(in->ctx);
        return;
    }

    if (end == INTAKE_ALL && in->batch) {
        intake_done(in);
    }

    worker_context_wake(in->ctx);
}


int
worker_intake_waits(const struct worker_intake *in)
{
    return in->later;
}


void
worker_intake_continue(struct worker_intake *in)
{
    if (in->later) {
        intake_run(in);
    }
}


/* At once: a group that is new is decided by what has come for it. */
static void
callback_refreshed(void *arg)
{
    struct worker_intake  *in = arg;

    in->refreshed = 1;
    in->released = in->asked;
    in->asked = 0;
    intake_run(in);
}


static int
intake_read(struct intake_stream *s, const redisReply *entries)
{
    if (entries->type != REDIS_REPLY_ARRAY || entries->elements > INTAKE_BATCH)
    {
        return -1;
    }

    for (size_t i = 0; i < entries->elements; i++) {
        if (worker_entry_read(&s->entries[s->n++], entries->element[i]) == -1) {
            return -1;
        }
    }

    return 0;
}


static void
callback_taken(void *arg, redisReply *reply)
{
    struct worker_intake  *in = arg;

    in->taking = 0;

    if (reply->type != REDIS_REPLY_ARRAY
        || reply->elements != WORKER_STREAM_COUNT)
    {
        worker_context_fail(in->ctx, "take: %s",
                            reply->type == REDIS_REPLY_ERROR ? reply->str
                            : "not a list of streams");
        return;
    }

    for (unsigned i = 0; i < WORKER_STREAM_COUNT; i++) {
        if (intake_read(&in->streams[i], reply->element[i]) == -1) {
            worker_context_fail(in->ctx, "take: no memory, or not a list of "
                                "entries");
            return;
        }
    }

    in->batch = 1;
    in->later = 1;
    worker_context_wake(in->ctx);
}


void
worker_intake_take(struct worker_intake *in, struct worker_redis *redis)
{
    int          argc = 0;
    char         lease[OSCP_KEY_SIZE], keys[16], count[16];
    char         streams[WORKER_STREAM_COUNT][OSCP_KEY_SIZE];
    const char  *argv[7 + 2 * WORKER_STREAM_COUNT], *from;

    if (worker_intake_busy(in)) {
        return;
    }

    snprintf(keys, sizeof(keys), "%d", 1 + WORKER_STREAM_COUNT);
    snprintf(count, sizeof(count), "%d", INTAKE_BATCH);

    argv[argc++] = "EVALSHA";
    argv[argc++] = worker_script_sha(WORKER_SCRIPT_TAKE);
    argv[argc++] = keys;
    argv[argc++] = worker_context_key(in->ctx, lease, "lease", NULL, NULL,
                                      NULL);
    for (unsigned i = 0; i < WORKER_STREAM_COUNT; i++) {
        argv[argc++] = worker_context_key(in->ctx, streams[i],
                                          worker_stream_name(i), NULL, NULL,
                                          NULL);
    }
    argv[argc++] = worker_lease_value(in->ctx->lease);
    argv[argc++] = WORKER_COMMIT_GROUP;
    argv[argc++] = count;
    for (unsigned i = 0; i < WORKER_STREAM_COUNT; i++) {
        from = in->streams[i].from;
        argv[argc++] = *from != '\0' ? from : ">";
    }

    if (worker_redis_command(redis, argc, argv, callback_taken, in) == -1) {
        worker_context_fail(in->ctx, "cannot take entries");
        return;
    }

    in->taking = 1;
    in->ctx->takes++;
}


int
worker_intake_busy(const struct worker_intake *in)
{
    int  left = 0;

    for (unsigned i = 0; i < WORKER_STREAM_COUNT; i++) {
        left |= in->streams[i].next < in->streams[i].n;
    }

    return in->taking || in->full || in->later || left;
}


int
worker_intake_drained(const struct worker_intake *in,
    enum worker_stream stream)
{
    return in->streams[stream].drained;
}


int
worker_intake_drained_all(const struct worker_intake *in)
{
    int  drained = 1;

    for (unsigned i = 0; i < WORKER_STREAM_COUNT; i++) {
        drained &= in->streams[i].drained;
    }

    return drained;
}


int
worker_intake_caught_up(const struct worker_intake *in,
    enum worker_stream stream)
{
    return in->streams[stream].caught_up;
}


uint64_t
worker_intake_taken(const struct worker_intake *in)
{
    return in->taken;
}


oscp_ms_t
worker_intake_last_ms(const struct worker_intake *in)
{
    return in->last_ms;
}


const char *
worker_intake_last_id(const struct worker_intake *in,
    enum worker_stream stream)
{
    return in->streams[stream].last;
}


void
worker_intake_reset(struct worker_intake *in,
    char tails[WORKER_STREAM_COUNT][WORKER_ENTRY_ID_SIZE])
{
    struct intake_stream  *s;

    worker_config_forget(in->config, &in->waiter);
    worker_aside_free(&in->aside);
    in->asked = 0;
    in->released = 0;
    in->refreshed = 0;
    in->batch = 0;
    in->full = 0;
    in->later = 0;

    for (unsigned i = 0; i < WORKER_STREAM_COUNT; i++) {
        s = &in->streams[i];
        intake_free_entries(s);
        s->drained = 0;
        s->caught_up = 0;
        snprintf(s->from, sizeof(s->from), "0-0");
        snprintf(s->last, sizeof(s->last), "0-0");
        snprintf(s->tail, sizeof(s->tail), "%s", tails ? tails[i] : "0-0");
    }

    in->taking = 0;
    in->last_ms = 0;
}


struct worker_intake *
worker_intake_create(struct worker_context *ctx, struct worker_config *config,
    const struct worker_roster *roster)
{
    struct worker_intake  *in;

    in = calloc(1, sizeof(*in));
    if (in == NULL) {
        return NULL;
    }

    in->ctx = ctx;
    in->config = config;
    in->roster = roster;
    worker_aside_init(&in->aside);
    in->waiter.read = callback_refreshed;
    in->waiter.arg = in;
    in->receive = worker_receive_create(ctx);

    if (in->receive == NULL) {
        free(in);
        return NULL;
    }

    worker_intake_reset(in, NULL);

    return in;
}


void
worker_intake_free(struct worker_intake *in)
{
    if (in != NULL) {
        worker_intake_reset(in, NULL);
        worker_receive_free(in->receive);
        free(in);
    }
}
