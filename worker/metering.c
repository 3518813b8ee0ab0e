/*
 * A group's meters.
 *
 * Nothing is remembered of a sample but the sample itself.  Which of those that
 * a successor finds pending are still needed, though their windows are closed,
 * `metered_entry` tells: all up to that entry that were not needed have been
 * settled, so what is still there is held, however old.  What came behind it is
 * judged again, by the same rules and so to the same end.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "event.h"
#include "group_link.h"
#include "json.h"
#include "metering.h"
#include "oscp_report.h"
#include "window.h"


#define METERING_AHEAD_MS   60000     /* how far ahead of its arrival a sample
                                         may lie: clocks of meters differ */
#define METERING_GROWTH     16


static void
callback_timer(void *arg)
{
    struct worker_metering  *m = arg;

    if (!m->due) {
        m->due = 1;
        m->due_ms = worker_clock_wall();
        m->take = m->ctx->takes + 1;
        TAILQ_INSERT_TAIL(&m->ctx->metering, m, next);
    }

    worker_context_wake(m->ctx);
}


int
worker_metering_init(struct worker_metering *m, struct worker_context *ctx,
    const struct worker_group_link *link,
    const struct worker_envelope *envelope)
{
    memset(m, 0, sizeof(*m));
    m->ctx = ctx;
    m->link = link;
    m->envelope = envelope;
    m->until_ms = OSCP_TIME_NONE;
    m->timer.ring = callback_timer;
    m->timer.arg = m;

    return worker_window_init(&m->state);
}


static void
metering_done(struct worker_metering *m)
{
    if (m->due) {
        m->due = 0;
        TAILQ_REMOVE(&m->ctx->metering, m, next);
    }
}


static void
metering_free_asset(struct worker_metering_asset *a)
{
    oscp_meter_clear(&a->meter, &oscp_alloc_libc);
    free(a);
}


void
worker_metering_free(struct worker_metering *m)
{
    metering_done(m);
    worker_timer_cancel(m->ctx->timers, &m->timer);

    for (size_t i = 0; i < m->n; i++) {
        metering_free_asset(m->assets[i]);
    }

    free(m->assets);
    worker_table_free(&m->index);
    worker_record_free(&m->state);
}


int
worker_metering_load(struct worker_metering *m, const redisReply *reply)
{
    int  rc = worker_record_load(&m->state, reply);

    worker_window_load(m);
    m->loaded = m->held[0] != '\0';

    return rc;
}


void
worker_metering_unknown(struct worker_metering *m)
{
    worker_record_clear(&m->state);
    worker_record_unknown(&m->state);
    m->until_ms = OSCP_TIME_NONE;
    m->held[0] = '\0';
    m->loaded = 0;
}


void
worker_metering_bind(struct worker_metering *m,
    const oscp_group_conf_t *binding)
{
    m->binding = binding;
}


/* The first sample at or after `at_ms`. */
static oscp_ms_t
metering_next(const struct worker_metering *m, oscp_ms_t at_ms)
{
    oscp_ms_t  ms, next = OSCP_TIME_NONE;

    for (size_t i = 0; i < m->n; i++) {
        ms = oscp_meter_next(&m->assets[i]->meter, at_ms);
        next = ms < next ? ms : next;
    }

    return next;
}


/*
 * The next window; 0 when there is none.  The first one is that of the first
 * sample.  Where the configured length has changed, it is shorter than either:
 * nothing between the old grid and the new one is lost.
 */
static int
metering_window(const struct worker_metering *m, oscp_window_t *w)
{
    oscp_ms_t  first_ms = m->until_ms;

    if (m->n == 0) {
        return 0;
    }

    w->length_ms = m->link->window_ms;
    w->grace_ms = m->link->grace_ms;

    if (first_ms == OSCP_TIME_NONE) {
        first_ms = metering_next(m, INT64_MIN);
        first_ms = oscp_meter_window(first_ms, w->length_ms);
    }

    w->start_ms = first_ms;
    w->end_ms = oscp_meter_window(first_ms, w->length_ms) + w->length_ms;

    return 1;
}


/*
 * When a window may be closed.  While Redis was away sites were told to come
 * again: what they have kept since is waited for, as long as Redis was away, or
 * a window's length.
 */
static oscp_ms_t
metering_due_ms(const struct worker_metering *m, const oscp_window_t *w)
{
    int64_t    away = m->ctx->away_ms;
    oscp_ms_t  due = w->end_ms + w->grace_ms, back;

    back = m->ctx->back_ms + (away < w->length_ms ? away : w->length_ms);

    return due < m->ctx->back_ms && due < back ? back : due;
}


/* When an asset is forgotten. */
static oscp_ms_t
metering_forget_ms(const struct worker_metering_asset *a)
{
    return a->meter.samples[a->meter.n - 1].at_ms
           + WORKER_METERING_ASSET_KEEP_MS;
}


/* When the meters are to be looked at next. */
void
worker_metering_schedule(struct worker_metering *m)
{
    oscp_ms_t      ms, at_ms = OSCP_TIME_NONE;
    oscp_window_t  w;

    if (!m->asleep && metering_window(m, &w)) {
        at_ms = m->waits ? w.end_ms + w.grace_ms + w.length_ms
                         : metering_due_ms(m, &w);
    }

    for (size_t i = 0; i < m->n; i++) {
        ms = metering_forget_ms(m->assets[i]);
        at_ms = ms < at_ms ? ms : at_ms;
    }

    if (worker_timer_set(m->ctx->timers, &m->timer, at_ms) == -1) {
        worker_context_fail(m->ctx, "no memory for a timer");
    }
}


/* Adds an asset without samples.  NULL without memory. */
static struct worker_metering_asset *
metering_add_asset(struct worker_metering *m, const char *name)
{
    size_t                          size;
    struct worker_metering_asset   *a, **list;

    if (m->n == m->size) {
        size = m->size + METERING_GROWTH;
        list = realloc(m->assets, size * sizeof(*list));
        if (list == NULL) {
            return NULL;
        }

        m->assets = list;
        m->size = size;
    }

    a = calloc(1, sizeof(*a));
    if (a == NULL) {
        return NULL;
    }

    snprintf(a->name, sizeof(a->name), "%s", name);
    oscp_meter_init(&a->meter);

    if (worker_table_put(&m->index, a->name, a) == -1) {
        free(a);
        return NULL;
    }

    m->assets[m->n++] = a;

    return a;
}


static void
metering_remove_asset(struct worker_metering *m, size_t i)
{
    worker_table_remove(&m->index, m->assets[i]->name);
    metering_free_asset(m->assets[i]);
    memmove(m->assets + i, m->assets + i + 1,
            (m->n - i - 1) * sizeof(*m->assets));
    m->n--;
}


/* Gives back the entries of an asset's samples. */
static void
metering_settle_asset(struct worker_metering *m,
    const struct worker_metering_asset *a)
{
    char  key[OSCP_KEY_SIZE];

    worker_context_key(m->ctx, key, worker_stream_name(WORKER_STREAM_METER),
                       NULL, NULL, NULL);

    for (size_t i = 0; i < a->meter.n; i++) {
        worker_commit_settle(m->ctx->commit, key, a->meter.samples[i].entry);
    }
}


void
worker_metering_remove(struct worker_metering *m)
{
    for (size_t i = 0; i < m->n; i++) {
        metering_settle_asset(m, m->assets[i]);
    }

    worker_timer_cancel(m->ctx->timers, &m->timer);
    metering_done(m);
}


static void
metering_gone(struct worker_metering *m, const struct worker_metering_asset *a,
    oscp_ms_t now)
{
    const oscp_sample_t   *last = &a->meter.samples[a->meter.n - 1];
    struct worker_buffer   data = { .len = 0 };
    struct worker_event    event = { .event = "asset_gone",
                                     .conn = m->link->conn,
                                     .group = m->binding->id, .at_ms = now,
                                     .by = "worker", .data = &data };

    worker_json_open(&data, NULL);
    worker_json_text(&data, "asset", a->name);
    worker_json_time(&data, "last", last->at_ms);
    worker_json_number(&data, "energy_import_wh",
                       (double) last->import_mwh / 1e3);
    worker_json_close(&data);

    worker_event_write(m->ctx->commit, &event);
    worker_buffer_free(&data);
}


/* Assets without a sample for long are no longer part of the group. */
static void
metering_forget(struct worker_metering *m, oscp_ms_t now)
{
    for (size_t i = m->n; i-- > 0; ) {
        if (metering_forget_ms(m->assets[i]) <= now) {
            metering_gone(m, m->assets[i], now);
            metering_settle_asset(m, m->assets[i]);
            metering_remove_asset(m, i);
        }
    }
}


/* Where the windows end that are due: all up to there can be skipped as one. */
static oscp_ms_t
metering_due_until(const oscp_window_t *w, oscp_ms_t now)
{
    return oscp_meter_window(now - w->grace_ms, w->length_ms);
}


/* Out of service, by command: NULL when not. */
static const char *
metering_disabled(const struct worker_metering *m)
{
    if (!m->link->enabled) {
        return "the connection is disabled";
    }

    return worker_envelope_enabled(m->envelope) ? NULL
                                                : "the group is disabled";
}


/* No asset was there.  Windows up to the next sample are alike. */
static void
metering_empty(struct worker_metering *m, const oscp_window_t *w,
    oscp_ms_t now)
{
    oscp_ms_t  next, until = metering_due_until(w, now);

    next = metering_next(m, w->start_ms);
    if (next == OSCP_TIME_NONE) {
        m->asleep = 1;
        return;
    }

    next = oscp_meter_window(next, w->length_ms);
    until = next < until ? next : until;
    worker_window_skip(m, w->start_ms, until > w->end_ms ? until : w->end_ms,
                       "no samples", NULL);
}


static void
metering_judge(struct worker_metering *m, const oscp_window_t *w,
    const oscp_report_asset_t *assets, oscp_ms_t now)
{
    const char         *disabled = metering_disabled(m);
    oscp_report_sum_t   sum;

    oscp_report_sum(assets, m->n, &sum);

    if (sum.state == OSCP_REPORT_EMPTY) {
        metering_empty(m, w, now);

    } else if (disabled != NULL) {
        worker_window_skip(m, w->start_ms, metering_due_until(w, now), disabled,
                           NULL);

    } else if (sum.state == OSCP_REPORT_WAITING) {
        m->waits = 1;

    } else if (sum.state == OSCP_REPORT_MISSING) {
        worker_window_skip(m, w->start_ms, w->end_ms, "too little data",
                           sum.asset);

    } else if (sum.state == OSCP_REPORT_JOINED) {
        worker_window_skip(m, w->start_ms, w->end_ms, "too little data: all "
                           "assets only joined", NULL);

    } else {
        worker_window_close(m, w, assets, &sum);
    }
}


/* One window that is due. */
static void
metering_step(struct worker_metering *m, const oscp_window_t *w, oscp_ms_t now)
{
    oscp_report_asset_t  *assets;

    assets = calloc(m->n, sizeof(*assets));
    if (assets == NULL) {
        worker_context_fail(m->ctx, "no memory for a window");
        return;
    }

    for (size_t i = 0; i < m->n; i++) {
        assets[i].name = m->assets[i]->name;
        oscp_meter_read(&m->assets[i]->meter, w, now, &assets[i].reading);
    }

    m->waits = 0;
    metering_judge(m, w, assets, now);
    free(assets);
}


/* 1 when its next window has ended, and the grace too. */
static int
metering_is_due(const struct worker_metering *m, oscp_window_t *w,
    oscp_ms_t now)
{
    return !m->asleep && !m->waits && metering_window(m, w)
           && now >= metering_due_ms(m, w);
}


int
worker_metering_wants(const struct worker_context *ctx)
{
    const struct worker_metering  *m;

    m = TAILQ_LAST(&ctx->metering, worker_metering_list);

    return m != NULL && m->take > ctx->takes;
}


/*
 * All is judged as of the moment at which the timer rang: up to there samples
 * have been read.  What became due since is looked at after another ring.
 */
int
worker_metering_close_next(struct worker_context *ctx,
    const struct worker_metering_read *read)
{
    oscp_ms_t                now;
    oscp_window_t            w;
    struct worker_metering  *m;

    m = TAILQ_FIRST(&ctx->metering);
    if (m == NULL || ctx->failed || m->take > read->taken
        || (!read->drained && read->last_ms < m->due_ms))
    {
        return 0;
    }

    /* a wait is over when the timer has rung */
    m->waits = 0;
    now = m->due_ms;

    if (metering_is_due(m, &w, now)) {
        metering_step(m, &w, now);

        /* the next one may go into another commit: others come first, and the
           take that the last of them waits for is waited for here as well */
        if (metering_is_due(m, &w, now)) {
            m->take = TAILQ_LAST(&ctx->metering, worker_metering_list)->take;
            TAILQ_REMOVE(&ctx->metering, m, next);
            TAILQ_INSERT_TAIL(&ctx->metering, m, next);
            return 1;
        }
    }

    metering_forget(m, now);
    metering_done(m);
    worker_metering_schedule(m);

    return 1;
}


static const char *
metering_result(struct worker_metering *m, oscp_meter_result_t result)
{
    switch (result) {

    case OSCP_METER_ADDED:
        return NULL;

    case OSCP_METER_REPEATED:
        return "";

    case OSCP_METER_CONFLICT:
        return "another sample of the asset says otherwise of that moment";

    case OSCP_METER_LATE:
        return "too late: its window, or the one before, is measured without "
               "it";

    case OSCP_METER_FULL:
        return "too many samples of the asset are waiting for their window";

    case OSCP_METER_NOMEM:
        break;
    }

    worker_context_fail(m->ctx, "no memory for a sample");

    return NULL;
}


/*
 * Bounds go by the sample's arrival, not by now alone: read again after the
 * clock was set, a sample must be judged as it was.
 */
static const char *
metering_bounds(const struct worker_metering_sample *s)
{
    oscp_ms_t  early, late, now = worker_clock_wall();

    late = s->stored_ms > now ? s->stored_ms : now;
    early = s->stored_ms < now ? s->stored_ms : now;

    if (s->reading.at_ms > late + METERING_AHEAD_MS) {
        return "at must not be more than a minute ahead";
    }

    if (s->reading.at_ms < early - WORKER_METERING_ASSET_KEEP_MS) {
        return "at must not be more than 7 days ago";
    }

    return NULL;
}


/* The newest powers of the assets, for those who judge them. */
static void
metering_measured(const struct worker_metering *m, oscp_ms_t at_ms)
{
    const oscp_sample_t           *s;
    struct worker_metering_power   power = { .at_ms = at_ms };

    if (m->measured == NULL) {
        return;
    }

    for (size_t i = 0; i < m->n; i++) {
        s = &m->assets[i]->meter.samples[m->assets[i]->meter.n - 1];
        if (s->has_power && s->at_ms >= at_ms - m->link->window_ms) {
            power.power_w += s->power_w;
            power.assets++;
        }
    }

    m->measured(m->arg, &power);
}


static void
metering_taken(struct worker_metering *m, const struct worker_metering_asset *a,
    const struct worker_metering_sample *s)
{
    oscp_window_t  w;

    snprintf(m->last, sizeof(m->last), "%s", s->reading.entry);

    /* what was waited for may have come; the first window may begin earlier */
    if (m->asleep || m->until_ms == OSCP_TIME_NONE || m->timer.slot == 0
        || (m->waits && metering_window(m, &w) && s->reading.at_ms >= w.end_ms))
    {
        m->asleep = 0;
        m->waits = 0;
        worker_metering_schedule(m);
    }

    if (a->meter.samples[a->meter.n - 1].at_ms == s->reading.at_ms) {
        metering_measured(m, s->reading.at_ms);
    }
}


/*
 * 1 for a sample that a predecessor held beyond its window's end.  They come
 * before all others: when they have, the ends that they gave stand as they did.
 */
static int
metering_held(struct worker_metering *m, const char *entry)
{
    if (!m->loaded) {
        return 0;
    }

    if (worker_entry_compare(entry, m->held) <= 0) {
        return 1;
    }

    m->loaded = 0;
    for (size_t i = 0; i < m->n; i++) {
        oscp_meter_firm(&m->assets[i]->meter, m->until_ms, m->link->window_ms);
    }

    return 0;
}


const char *
worker_metering_sample(struct worker_metering *m,
    const struct worker_metering_sample *s)
{
    int                            held;
    const char                    *why;
    oscp_meter_result_t            result;
    struct worker_metering_asset  *a;

    held = metering_held(m, s->reading.entry);
    why = held ? NULL : metering_bounds(s);
    if (why != NULL) {
        return why;
    }

    a = worker_table_get(&m->index, s->asset);
    if (a == NULL) {
        if (!held && m->until_ms != OSCP_TIME_NONE
            && s->reading.at_ms < m->until_ms)
        {
            return metering_result(m, OSCP_METER_LATE);
        }

        if (m->n == WORKER_METERING_ASSETS_MAX) {
            return "the group has too many assets";
        }

        a = metering_add_asset(m, s->asset);
        if (a == NULL) {
            return metering_result(m, OSCP_METER_NOMEM);
        }
    }

    result = oscp_meter_add(&a->meter, &s->reading,
                            held ? OSCP_TIME_NONE : m->until_ms,
                            &oscp_alloc_libc);

    if (result == OSCP_METER_ADDED) {
        metering_taken(m, a, s);
    }

    return metering_result(m, result);
}
