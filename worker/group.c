/*
 * A group: its forecasts, and the decision that follows from them.
 */

#include <stdlib.h>
#include <string.h>

#include "adjust.h"
#include "clock.h"
#include "compliance.h"
#include "envelope.h"
#include "fate.h"
#include "forecast.h"
#include "group.h"
#include "metering.h"
#include "random.h"
#include "yellow.h"


#define WORKER_GROUP_RENEW_MS   10000   /* how often valid_until is renewed */
#define WORKER_GROUP_JITTER     0.2     /* so that not all come at once, */
#define WORKER_GROUP_BATCH_MS   500     /* but many in one commit */


struct worker_group {
    struct worker_context           *ctx;
    const struct worker_group_link  *link;
    const oscp_group_conf_t         *binding;
    struct worker_forecasts          forecasts;
    struct worker_envelope           envelope;
    struct worker_yellow             yellow;
    struct worker_incident           undeliverable;
    struct worker_adjusts            adjusts;
    struct worker_metering           metering;
    struct worker_compliance         compliance;
    struct worker_timer              timer;     /* the next change or renewal */
    TAILQ_ENTRY(worker_group)        next;      /* in ctx->dirty */
    unsigned                         dirty:1;
};


static void group_measured(struct worker_group *g,
    const struct worker_metering_power *power);


static void
callback_timer(void *arg)
{
    worker_group_touch(arg);
}


static void
callback_measured(void *arg, const struct worker_metering_power *power)
{
    group_measured(arg, power);
}


struct worker_group *
worker_group_create(struct worker_context *ctx,
    const struct worker_group_link *link, const oscp_group_conf_t *binding)
{
    struct worker_group  *g;

    g = calloc(1, sizeof(*g));
    if (g == NULL) {
        return NULL;
    }

    g->ctx = ctx;
    g->link = link;
    g->binding = binding;
    g->timer.ring = callback_timer;
    g->timer.arg = g;
    worker_forecast_init(&g->forecasts, link->conn, binding->id);

    if ((worker_envelope_init(&g->envelope)
         | worker_yellow_init(&g->yellow)
         | worker_incident_init(&g->undeliverable,
                                WORKER_INCIDENT_UNDELIVERABLE)
         | worker_adjust_init(&g->adjusts, link->conn, binding->id,
                              callback_timer, g)
         | worker_metering_init(&g->metering, ctx, link, &g->envelope)
         | worker_compliance_init(&g->compliance)) != 0)
    {
        worker_group_free(g);
        return NULL;
    }

    g->metering.measured = callback_measured;
    g->metering.arg = g;
    worker_metering_bind(&g->metering, binding);

    return g;
}


void
worker_group_free(struct worker_group *g)
{
    if (g == NULL) {
        return;
    }

    if (g->dirty) {
        TAILQ_REMOVE(&g->ctx->dirty, g, next);
    }

    worker_timer_cancel(g->ctx->timers, &g->timer);
    worker_forecast_free(&g->forecasts);
    worker_envelope_free(&g->envelope);
    worker_yellow_free(&g->yellow);
    worker_incident_free(&g->undeliverable);
    worker_adjust_free(g->ctx, &g->adjusts);
    worker_metering_free(&g->metering);
    worker_compliance_free(&g->compliance);
    free(g);
}


const char *
worker_group_id(const struct worker_group *g)
{
    return g->binding->id;
}


struct worker_incident *
worker_group_undeliverable(struct worker_group *g)
{
    return &g->undeliverable;
}


void
worker_group_begin(struct worker_group *g)
{
    char  key[OSCP_KEY_SIZE];

    worker_forecast_clear(g->ctx, &g->forecasts);
    worker_adjust_forget(g->ctx, &g->adjusts);
    worker_envelope_unknown(&g->envelope);
    worker_yellow_unknown(&g->yellow);
    worker_metering_unknown(&g->metering);
    worker_incident_unknown(&g->undeliverable);
    worker_incident_store(g->ctx, &g->undeliverable,
                          worker_group_key(g, 0, key));
    worker_compliance_unknown(g->ctx, &g->compliance,
                              worker_group_key(g, 0, key));
    worker_group_touch(g);
}


char *
worker_group_key(const struct worker_group *g, unsigned i,
    char buf[OSCP_KEY_SIZE])
{
    const unsigned            first = WORKER_GROUP_KEYS - 2 * OSCP_TYPE_COUNT;
    const oscp_group_conf_t  *b = g->binding;

    if (i >= first + OSCP_TYPE_COUNT) {
        return worker_adjust_key(g->ctx, &g->adjusts,
                                 i - first - OSCP_TYPE_COUNT, buf);
    }

    switch (i) {

    case 0:
        return worker_context_key(g->ctx, buf, "group", g->link->conn, b->id,
                                  NULL);
    case 1:
        return worker_context_key(g->ctx, buf, "envelope", b->scope, NULL,
                                  NULL);
    case 2:
        /* without a circuit: a key that no circuit can have */
        return worker_context_key(g->ctx, buf, "circuit",
                                  b->circuit ? b->circuit : "", NULL, NULL);
    default:
        return worker_forecast_key(g->ctx, &g->forecasts, i - first, buf);
    }
}


/* What could not be kept for want of memory is not what is not there. */
void
worker_group_load(struct worker_group *g, unsigned i, const redisReply *reply)
{
    int                    rc;
    struct worker_record  *records[] = { &g->envelope.group,
                                         &g->envelope.envelope,
                                         &g->envelope.circuit };

    const unsigned         first = sizeof(records) / sizeof(*records);

    if (i < first) {
        rc = worker_record_load(records[i], reply);

        if (i == 0) {
            rc |= worker_yellow_load(&g->yellow, reply);
            rc |= worker_metering_load(&g->metering, reply);
            rc |= worker_incident_load(&g->undeliverable, reply);
            rc |= worker_compliance_load(&g->compliance, reply);
        }

    } else if (i < first + OSCP_TYPE_COUNT) {
        rc = worker_forecast_load(g->ctx, &g->forecasts, i - first, reply);

    } else {
        rc = worker_adjust_load(&g->adjusts, i - first - OSCP_TYPE_COUNT,
                                reply);
    }

    if (rc != 0) {
        worker_context_fail(g->ctx, "no memory for a group's state");
    }
}


void
worker_group_rebind(struct worker_group *g, const oscp_group_conf_t *binding)
{
    g->binding = binding;
    g->forecasts.group = binding->id;
    g->adjusts.group = binding->id;
    worker_metering_bind(&g->metering, binding);
}


static int
group_same(const char *a, const char *b)
{
    return a != NULL && b != NULL ? strcmp(a, b) == 0 : a == b;
}


void
worker_group_change(struct worker_group *g, const oscp_group_conf_t *binding)
{
    if (!group_same(g->binding->scope, binding->scope)) {
        worker_envelope_release_scope(g->ctx, &g->envelope, g->binding);
    }

    if (!group_same(g->binding->circuit, binding->circuit)) {
        worker_envelope_release_circuit(g->ctx, &g->envelope, g->binding,
                                        worker_clock_wall());
    }

    worker_group_rebind(g, binding);
    worker_group_touch(g);
}


void
worker_group_remove(struct worker_group *g)
{
    char  key[OSCP_KEY_SIZE];

    worker_yellow_end(g->ctx, &g->yellow, g->link->conn, g->binding,
                        worker_clock_wall());
    worker_metering_remove(&g->metering);
    worker_compliance_remove(g->ctx, &g->compliance, g->link->conn, g->binding,
                             worker_clock_wall());
    worker_forecast_clear(g->ctx, &g->forecasts);
    worker_adjust_forget(g->ctx, &g->adjusts);
    worker_envelope_release_scope(g->ctx, &g->envelope, g->binding);
    worker_envelope_release_circuit(g->ctx, &g->envelope, g->binding,
                                    worker_clock_wall());
    worker_fate_end(g->ctx, &g->undeliverable, worker_group_key(g, 0, key),
                    worker_clock_wall());
    worker_commit_delete(g->ctx->commit, key);
}


void
worker_group_clear(struct worker_group *g)
{
    char  key[OSCP_KEY_SIZE];

    worker_fate_end(g->ctx, &g->undeliverable, worker_group_key(g, 0, key),
                    worker_clock_wall());
    worker_forecast_clear(g->ctx, &g->forecasts);
    worker_adjust_end(g->ctx, &g->adjusts);
    worker_group_touch(g);
}


int
worker_group_enabled(const struct worker_group *g)
{
    return worker_envelope_enabled(&g->envelope);
}


int
worker_group_enable(struct worker_group *g, int on)
{
    return worker_envelope_enable(g->ctx, &g->envelope, g->link->conn,
                                  g->binding, on);
}


/* Before those that only time has touched. */
static void
group_touch_first(struct worker_group *g)
{
    if (g->dirty) {
        TAILQ_REMOVE(&g->ctx->dirty, g, next);
    }

    g->dirty = 1;
    TAILQ_INSERT_HEAD(&g->ctx->dirty, g, next);
    worker_context_wake(g->ctx);
}


oscp_err_t
worker_group_forecast(struct worker_group *g, const oscp_forecast_t *message,
    const char *corr)
{
    oscp_err_t       rc;
    oscp_forecast_t  bound = *message;

    bound.voltage_v = g->binding->voltage_v;

    rc = worker_forecast_apply(g->ctx, &g->forecasts, &bound);
    if (rc == OSCP_OK) {
        worker_adjust_forecast(g->ctx, &g->adjusts, &bound, corr);
        group_touch_first(g);
    }

    return rc;
}


int
worker_group_adjust(struct worker_group *g, const struct worker_entry *e,
    const char *by, struct worker_outcome *result)
{
    worker_group_touch(g);

    return worker_adjust_command(g->ctx, &g->adjusts, e, by, result);
}


void
worker_group_heard(struct worker_group *g, const struct worker_fate *fate)
{
    worker_adjust_heard(g->ctx, &g->adjusts, fate);
    worker_group_touch(g);
}


/* Of what is refused, but requeued, the hash does not say that it waits. */
const char *
worker_group_unwanted(const struct worker_group *g,
    const struct worker_letter *l)
{
    return g->link->disconnected ? WORKER_ADJUST_DISCONNECTED
                                 : worker_adjust_unwanted(&g->adjusts, l);
}


const char *
worker_group_sample(struct worker_group *g,
    const struct worker_metering_sample *s)
{
    return worker_metering_sample(&g->metering, s);
}


void
worker_group_schedule(struct worker_group *g)
{
    worker_metering_schedule(&g->metering);
}


void
worker_group_touch(struct worker_group *g)
{
    if (!g->dirty) {
        g->dirty = 1;
        TAILQ_INSERT_TAIL(&g->ctx->dirty, g, next);
        worker_context_wake(g->ctx);
    }
}


/*
 * The end of liveness is kept out of the situation: each heartbeat moves it,
 * and an envelope's `until` shall not move with it.
 */
static void
group_decide(const struct worker_group *g, oscp_ms_t now, oscp_decision_t *d)
{
    oscp_situation_t                 s = { 0 };
    const oscp_group_conf_t         *b = g->binding;
    const struct worker_group_link  *link = g->link;

    s.connection_enabled = link->enabled;
    s.group_enabled = worker_group_enabled(g) != 0;
    s.disconnected = link->disconnected;
    s.online = link->online && now < link->liveness_ms;
    s.liveness_ms = OSCP_TIME_NONE;
    s.timelines = g->forecasts.timelines;
    s.has_circuit = b->circuit != NULL;
    s.has_safe_default = b->has_safe_default;
    s.rated_w = b->rated_w;
    s.safe_default_w = b->safe_default_w;
    s.gap_policy = link->gap_policy;

    oscp_decide(&s, now, d);
}


static oscp_zero_t
group_zero(const struct worker_group *g, const oscp_decision_t *d)
{
    oscp_zero_t                zero = OSCP_ZERO_NONE;
    const oscp_limit_t        *limit;

    static const oscp_type_t   primary[OSCP_DIRECTION_COUNT] = {
        [OSCP_DIRECTION_IMPORT] = OSCP_CONSUMPTION,
        [OSCP_DIRECTION_EXPORT] = OSCP_GENERATION,
    };

    for (unsigned i = 0; i < OSCP_DIRECTION_COUNT; i++) {
        limit = &d->limits[i];

        if (!g->forecasts.timelines[primary[i]].zero) {
            continue;
        }

        if (limit->source == OSCP_SOURCE_FORECAST && limit->limit_w <= 0) {
            return OSCP_ZERO_HOLDS;
        }

        zero = OSCP_ZERO_WAITS;
    }

    return zero;
}


static struct worker_compliance_scene
group_scene(const struct worker_group *g, const oscp_decision_t *d,
    oscp_ms_t now)
{
    struct worker_compliance_scene  scene = { .conn = g->link->conn,
                                              .binding = g->binding,
                                              .conf = &g->link->compliance,
                                              .decision = d, .now_ms = now };

    scene.timelines = g->forecasts.timelines;

    return scene;
}


static oscp_ms_t
group_comply(struct worker_group *g, const oscp_decision_t *d, oscp_ms_t now)
{
    struct worker_compliance_scene  scene = group_scene(g, d, now);

    return worker_compliance_tick(g->ctx, &g->compliance, &scene);
}


static void
group_write(struct worker_group *g)
{
    oscp_ms_t              now = worker_clock_wall();
    oscp_ms_t              renew, compliance;
    oscp_decision_t        d;
    struct worker_decided  decided = { 0 };

    group_decide(g, now, &d);
    decided.until_ms = d.next_ms;

    if (g->link->online && g->link->liveness_ms < d.next_ms) {
        d.next_ms = g->link->liveness_ms;
    }

    decided.conn = g->link->conn;
    decided.binding = g->binding;
    decided.enabled = worker_group_enabled(g) != 0;
    decided.decision = &d;
    decided.now_ms = now;
    decided.valid_ms = oscp_decision_valid_until(&d, now);
    worker_envelope_write(g->ctx, &g->envelope, &decided);
    worker_yellow_step(g->ctx, &g->yellow, &decided, group_zero(g, &d));

    compliance = group_comply(g, &d, now);
    d.next_ms = compliance < d.next_ms ? compliance : d.next_ms;

    if (g->binding->circuit != NULL) {
        renew = now + worker_random_pause(WORKER_GROUP_RENEW_MS,
                                          WORKER_GROUP_JITTER);
        renew -= renew % WORKER_GROUP_BATCH_MS;
        d.next_ms = renew < d.next_ms ? renew : d.next_ms;
    }

    if (worker_timer_set(g->ctx->timers, &g->timer, d.next_ms) == -1) {
        worker_context_fail(g->ctx, "no memory for a timer");
    }
}


/*
 * 1 when it may be decided now.  What row 1 says no clock can change.  Else
 * stored messages must have been applied, and the end of liveness must have
 * been judged: its `state` event comes before the decisions that follow.
 */
static int
group_ready(const struct worker_group *g)
{
    const struct worker_group_link  *link = g->link;

    if (!link->enabled || link->disconnected || !worker_group_enabled(g)) {
        return 1;
    }

    return g->ctx->live && !link->judging
           && (!link->online || worker_clock_wall() < link->liveness_ms);
}


static void
group_measured(struct worker_group *g,
    const struct worker_metering_power *power)
{
    oscp_ms_t                        now = worker_clock_wall();
    oscp_decision_t                  d;
    struct worker_compliance_scene   scene;
    struct worker_compliance_sample  s = { .at_ms = power->at_ms,
                                           .power_w = power->power_w,
                                           .entry = g->metering.last };

    if (power->assets == 0 || !group_ready(g)
        || !worker_compliance_wants(&g->compliance, &g->link->compliance, &s,
                                    now))
    {
        return;
    }

    group_decide(g, worker_compliance_moment(&g->compliance, &s, now), &d);
    scene = group_scene(g, &d, now);

    if (worker_compliance_judge(g->ctx, &g->compliance, &scene, &s)) {
        worker_group_touch(g);
    }
}


int
worker_group_compliance(struct worker_group *g, const struct worker_entry *e,
    const char *by, struct worker_outcome *result)
{
    oscp_ms_t                       now = worker_clock_wall();
    oscp_decision_t                 d;
    struct worker_compliance_scene  scene;

    group_decide(g, now, &d);
    scene = group_scene(g, &d, now);

    return worker_compliance_command(g->ctx, &scene, e, by, result);
}


void
worker_group_decide(struct worker_group *g)
{
    if (g->dirty) {
        TAILQ_REMOVE(&g->ctx->dirty, g, next);
        g->dirty = 0;
    }

    worker_forecast_write(g->ctx, &g->forecasts);
    worker_adjust_tick(g->ctx, &g->adjusts);

    /* else it is touched again when time may be judged */
    if (group_ready(g)) {
        group_write(g);
    }
}


int
worker_group_decide_next(struct worker_context *ctx, int all)
{
    struct worker_group  *g;

    g = TAILQ_FIRST(&ctx->dirty);
    if (g == NULL || (!all && g->forecasts.changed == 0)) {
        return 0;
    }

    worker_group_decide(g);

    return 1;
}
