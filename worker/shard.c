/*
 * One shard: phases, turns, and the way back to the beginning.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "change.h"
#include "clock.h"
#include "connection.h"
#include "intake.h"
#include "load.h"
#include "log.h"
#include "metering.h"
#include "oscp_backoff.h"
#include "outbound.h"
#include "outbox.h"
#include "random.h"
#include "remains.h"
#include "roster.h"
#include "shard.h"
#include "wait.h"


#define SHARD_BACKOFF          { .min_ms = 50, .max_ms = 2000,                \
                                 .multiplier = 2, .jitter = 0.5 }
#define SHARD_COMMIT_SIZE      131072    /* bytes: groups beyond it wait for the
                                            next commit, and Redis breathes */
#define SHARD_INTAKE_SIZE      262144   /* bytes: messages beyond it wait for
                                            the next commit */
#define SHARD_SETTLE_MS        1500      /* for sends under way, at the end */
#define SHARD_CONFIG_MS        1000      /* for a fresh configuration; then what
                                            was applied last has to do */
#define SHARD_CATCH_UP_MS      30000     /* then time is judged although what
                                            came while loading is not all
                                            applied */
#define SHARD_YIELD_MS         1000      /* until a shard that was given to
                                            another worker is asked for */
#define SHARD_AWAY_MAX_MS      60000     /* sites that were told 503 come again
                                            within that */


enum shard_phase {
    SHARD_DOWN = 0,        /* waits for its next try to connect */
    SHARD_CONNECTING,
    SHARD_STANDBY,         /* wants the lease */
    SHARD_UNCONFIGURED,    /* has it; wants to know the configuration */
    SHARD_LOADING,
    SHARD_CATCHING_UP,     /* applies what was stored; no time is judged yet */
    SHARD_RUNNING,
    SHARD_CLOSING,         /* settles, then gives the lease back */
    SHARD_RELEASING,
    SHARD_CLOSED
};

struct worker_shard {
    const struct worker_shard_conf  *conf;
    enum shard_phase                 phase;
    struct worker_context            ctx;
    char                             key_lease[OSCP_KEY_SIZE];
    char                             key_stats[OSCP_KEY_SIZE];
    char                             key_standby[OSCP_KEY_SIZE];
    struct worker_lease_conf         lease_conf;

    struct worker_redis             *redis;      /* commands */
    struct worker_wait              *wait;       /* waits for work */
    struct worker_intake            *intake;
    struct worker_roster             roster;
    struct worker_load               load;
    struct worker_config_waiter      waiter;     /* for a fresh configuration */
    struct event                    *timer;      /* next try; end of settling;
                                                    end of patience */
    oscp_backoff_t                   backoff;
    oscp_ms_t                        loaded_ms;  /* when all was loaded, */
    int64_t                          loaded_boot_ms;  /* by either clock */
    int64_t                          lost_ms;    /* Redis is away since; 0: it
                                                    is there */
    unsigned                         committing:1;  /* a commit is under way */
    unsigned                         work:1;     /* there may be entries */
    unsigned                         waiting:1;  /* `wait` will tell */
    unsigned                         stop:1;     /* close() was called */
};


static void shard_pump(struct worker_shard *shard);
static void callback_committed(void *arg, redisReply *reply);


static void
shard_log(const struct worker_shard *shard, enum worker_log_level level,
    const char *text)
{
    struct worker_log_about  about = { .shard = (int) shard->ctx.shard };

    worker_log(level, &about, "%s", text);
}


static void
shard_after(struct worker_shard *shard, int64_t ms)
{
    struct timeval  tv = worker_clock_timeval(ms);

    event_add(shard->timer, &tv);
}


/* Forgets all that Redis knows better. */
static void
shard_forget(struct worker_shard *shard)
{
    worker_config_forget(shard->conf->config, &shard->waiter);
    worker_wait_stop(shard->wait);
    worker_lease_drop(shard->ctx.lease);
    worker_redis_close(shard->redis);
    worker_intake_reset(shard->intake, NULL);
    worker_roster_free(&shard->roster);
    worker_remains_free(&shard->ctx);
    worker_commit_reset(shard->ctx.commit);
    event_del(shard->timer);

    shard->ctx.live = 0;
    shard->ctx.closing = shard->stop;
    shard->ctx.failed = 0;
    shard->committing = 0;
    shard->work = 0;
    shard->waiting = 0;
}


static void
shard_closed(struct worker_shard *shard)
{
    shard_forget(shard);
    shard->phase = SHARD_CLOSED;
    shard->conf->closed(shard->conf->arg);
}


/* The way back to the beginning, for whatever reason. */
static void
shard_drop(struct worker_shard *shard)
{
    int                      quiet = shard->phase <= SHARD_CONNECTING;
    struct worker_log_about  about = { .shard = (int) shard->ctx.shard };

    worker_log(quiet ? WORKER_LOG_DEBUG : WORKER_LOG_WARN, &about,
               "begins again: %s", shard->ctx.why);
    shard_forget(shard);

    if (shard->stop) {
        shard_closed(shard);
        return;
    }

    if (!quiet) {
        shard->lost_ms = worker_clock_boot();
    }

    shard->phase = SHARD_DOWN;
    shard_after(shard, oscp_backoff_next(&shard->backoff,
                                         worker_random_bits()));
}


static void
callback_ready(void *arg)
{
    int64_t               away;
    struct worker_shard  *shard = arg;

    if (shard->lost_ms != 0) {
        away = worker_clock_boot() - shard->lost_ms;
        shard->ctx.away_ms = away < SHARD_AWAY_MAX_MS ? away
                                                      : SHARD_AWAY_MAX_MS;
        shard->ctx.back_ms = worker_clock_wall();
        shard->lost_ms = 0;
    }

    shard->phase = SHARD_STANDBY;
    worker_lease_take(shard->ctx.lease, shard->redis);
}


static void
callback_closed(void *arg, const char *why)
{
    struct worker_shard  *shard = arg;

    worker_context_fail(&shard->ctx, "Redis: %s", why);
}


static void
callback_lease_lost(void *arg, const char *why)
{
    struct worker_shard  *shard = arg;

    worker_context_fail(&shard->ctx, "lease: %s", why);
}


static void
callback_wait_lost(void *arg, const char *why)
{
    struct worker_shard  *shard = arg;

    worker_context_fail(&shard->ctx, "Redis (waiting): %s", why);
}


static void
callback_lease_taken(void *arg)
{
    struct worker_shard  *shard = arg;

    shard_log(shard, WORKER_LOG_INFO, "this worker owns the shard");
    shard->phase = SHARD_UNCONFIGURED;
    shard_after(shard, SHARD_CONFIG_MS);
    worker_config_refresh(shard->conf->config, &shard->waiter);
}


static void
callback_lease_released(void *arg)
{
    struct worker_shard  *shard = arg;

    shard_log(shard, WORKER_LOG_INFO, "the shard is given back");

    if (shard->stop) {
        shard_closed(shard);
        return;
    }

    /* whoever waits for it asks sooner */
    shard_forget(shard);
    shard->phase = SHARD_DOWN;
    shard_after(shard, SHARD_YIELD_MS);
}


/*
 * Ends as by close(), and then stands by.  Nothing presses: while messages are
 * under way to peers, which would have to be waited for with those that come
 * in, it is put off until the lease asks again.
 */
static void
callback_lease_surplus(void *arg)
{
    struct worker_shard  *shard = arg;

    if (shard->phase != SHARD_RUNNING || shard->ctx.failed
        || shard->ctx.sends > 0)
    {
        return;
    }

    shard_log(shard, WORKER_LOG_INFO, "goes to a worker that owns fewer");
    shard->ctx.closing = 1;
    shard->phase = SHARD_CLOSING;
    shard_after(shard, SHARD_SETTLE_MS);
    worker_context_wake(&shard->ctx);
}


/*
 * While no fresh reading has been possible, what this process has read last may
 * be older than what its predecessor has applied.
 */
static void
shard_apply(struct worker_shard *shard)
{
    const struct worker_config_set  *set;

    set = worker_config_current(shard->conf->config);
    if (set != NULL && !shard->waiter.queued) {
        worker_change_apply(&shard->ctx, &shard->roster, set);
    }
}


static void
callback_loaded(void *arg)
{
    struct worker_shard  *shard = arg;

    shard_apply(shard);

    shard->phase = SHARD_CATCHING_UP;
    shard->loaded_ms = worker_clock_wall();
    shard->loaded_boot_ms = worker_clock_boot();
    shard->work = 1;
    worker_intake_reset(shard->intake, shard->load.tails);
    worker_context_wake(&shard->ctx);
}


static void
shard_load(struct worker_shard *shard)
{
    event_del(shard->timer);
    shard->phase = SHARD_LOADING;
    shard->load.ctx = &shard->ctx;
    shard->load.redis = shard->redis;
    shard->load.roster = &shard->roster;
    shard->load.config = shard->conf->config;
    shard->load.done = callback_loaded;
    shard->load.arg = shard;
    worker_load_start(&shard->load);
}


/* A configuration has been read since the lease was taken. */
static void
callback_refreshed(void *arg)
{
    struct worker_shard  *shard = arg;

    if (shard->phase != SHARD_UNCONFIGURED) {
        worker_shard_configure(shard);

    } else if (worker_config_current(shard->conf->config) != NULL) {
        shard_load(shard);

    } else {
        event_del(shard->timer);
        shard_log(shard, WORKER_LOG_INFO, "waits for a configuration");
    }
}


void
worker_shard_configure(struct worker_shard *shard)
{
    if (worker_config_current(shard->conf->config) == NULL
        || shard->ctx.failed)
    {
        return;
    }

    if (shard->phase == SHARD_UNCONFIGURED && !shard->waiter.queued) {
        shard_load(shard);

    } else if (shard->phase == SHARD_CATCHING_UP
               || shard->phase == SHARD_RUNNING)
    {
        shard_apply(shard);
    }
}


static void
callback_work(void *arg)
{
    struct worker_shard  *shard = arg;

    shard->waiting = 0;
    shard->work = 1;
    worker_context_wake(&shard->ctx);
}


static void
callback_pump(evutil_socket_t fd, short what, void *arg)
{
    (void) fd;
    (void) what;

    shard_pump(arg);
}


/* What has not been settled is Redis' to give to the next owner. */
static void
shard_release(struct worker_shard *shard)
{
    shard->phase = SHARD_RELEASING;
    shard_after(shard, SHARD_SETTLE_MS);
    worker_wait_stop(shard->wait);
    worker_lease_release(shard->ctx.lease);
}


static void
callback_timer(evutil_socket_t fd, short what, void *arg)
{
    struct worker_shard  *shard = arg;

    (void) fd;
    (void) what;

    if (shard->phase == SHARD_DOWN) {
        shard->phase = SHARD_CONNECTING;
        worker_redis_connect(shard->redis);

    } else if (shard->phase == SHARD_UNCONFIGURED) {
        shard_log(shard, WORKER_LOG_WARN, "the configuration cannot be read: "
                  "goes on with the one that was applied last");
        shard_load(shard);

    } else if (shard->phase == SHARD_CLOSING) {
        shard_release(shard);

    } else {
        worker_context_fail(&shard->ctx, "could not give the lease back");
    }
}


/* Deadlines of before mean nothing any more. */
static void
callback_step(void *arg)
{
    struct worker_shard  *shard = arg;

    worker_context_fail(&shard->ctx, "the clock was set");
}


static void
callback_committed(void *arg, redisReply *reply)
{
    struct worker_shard  *shard = arg;

    shard->committing = 0;

    if (reply->type != REDIS_REPLY_INTEGER) {
        worker_context_fail(&shard->ctx, "commit: %s",
                            reply->type == REDIS_REPLY_ERROR ? reply->str
                            : "not an answer to a commit");
        return;
    }

    worker_outbound_committed(&shard->ctx);
    worker_outbox_committed(&shard->ctx);
    worker_context_wake(&shard->ctx);
}


/*
 * Windows that are due, as far as the open commit has room.  None is closed
 * before all samples that a predecessor has left have been read.
 */
static void
shard_close_windows(struct worker_shard *shard)
{
    struct worker_context        *ctx = &shard->ctx;
    struct worker_metering_read   read = { 0 };

    if (!ctx->live || ctx->closing
        || !worker_intake_caught_up(shard->intake, WORKER_STREAM_METER))
    {
        return;
    }

    read.taken = worker_intake_taken(shard->intake);
    read.drained = worker_intake_drained(shard->intake, WORKER_STREAM_METER);
    read.last_ms = strtoll(worker_intake_last_id(shard->intake,
                                                 WORKER_STREAM_METER),
                           NULL, 10);

    while (worker_commit_size(ctx->commit) < SHARD_COMMIT_SIZE
           && worker_metering_close_next(ctx, &read))
    {
        /* until no window is due, or the commit is large enough */
    }
}


/* As many groups as there is room for, and all that must be in this commit. */
static void
shard_decide(struct worker_shard *shard)
{
    struct worker_context  *ctx = &shard->ctx;

    while (worker_group_decide_next(ctx, worker_commit_size(ctx->commit)
                                         < SHARD_COMMIT_SIZE))
    {
        /* until there are none, or no room */
    }
}


/*
 * What was taken is applied.  The groups that wait come first: messages that
 * fill one commit after the other would keep them waiting for as long as there
 * are any.
 */
static void
shard_apply_taken(struct worker_shard *shard)
{
    if (!worker_intake_waits(shard->intake) || shard->ctx.failed
        || worker_commit_size(shard->ctx.commit) >= SHARD_INTAKE_SIZE)
    {
        return;
    }

    shard_decide(shard);
    worker_intake_continue(shard->intake);
}


/*
 * Groups are decided when all that was stored has been applied, and when it has
 * been judged whether a peer lives: until then what is applied waits for that,
 * so that a circuit is not seen in between, as long as it is not too much for
 * one commit.
 */
static int
shard_commit_later(const struct worker_shard *shard)
{
    int  halfway = worker_intake_waits(shard->intake)
                   && !TAILQ_EMPTY(&shard->ctx.judging);

    return (shard->phase == SHARD_CATCHING_UP
            || (shard->phase == SHARD_RUNNING && halfway))
           && worker_commit_size(shard->ctx.commit) < SHARD_INTAKE_SIZE;
}


/*
 * At most one commit is under way.  What comes together meanwhile goes into the
 * next: a commit that fails can so never be followed by one that was built on
 * it, and a busy shard makes few large commits instead of many small ones.
 */
static void
shard_commit(struct worker_shard *shard)
{
    struct worker_context  *ctx = &shard->ctx;

    if (shard->committing || shard_commit_later(shard)) {
        return;
    }

    shard_decide(shard);
    shard_close_windows(shard);
    worker_remains_give_up(ctx);

    if (ctx->failed
        || (worker_commit_empty(ctx->commit) && TAILQ_EMPTY(&ctx->sending)))
    {
        return;
    }

    if (worker_commit_send(ctx->commit, shard->redis,
                           worker_lease_value(ctx->lease), callback_committed,
                           shard)
        == -1)
    {
        worker_context_fail(ctx, "cannot commit");
        return;
    }

    shard->committing = 1;
    worker_outbound_sealed(ctx);
    worker_outbox_sealed(ctx);
}


/* What has been applied is not waited for. */
static void
shard_wait_seen(struct worker_shard *shard)
{
    for (unsigned i = 0; i < WORKER_STREAM_COUNT; i++) {
        worker_wait_seen(shard->wait, i,
                         worker_intake_last_id(shard->intake, i));
    }
}


/* Takes while there may be more; then lets Redis tell. */
static void
shard_take(struct worker_shard *shard)
{
    if (worker_intake_busy(shard->intake)) {
        return;
    }

    if (shard->work || !TAILQ_EMPTY(&shard->ctx.judging)
        || worker_metering_wants(&shard->ctx))
    {
        shard->work = 0;
        worker_intake_take(shard->intake, shard->redis);
        return;
    }

    if (shard->phase == SHARD_RUNNING && !shard->waiting) {
        shard->waiting = 1;
        shard_wait_seen(shard);
        worker_wait_again(shard->wait);
    }
}


/*
 * 1 when all that was stored has been applied: what was there when the shard
 * was opened, and the messages that came while it was loaded.
 */
static int
shard_caught_up(const struct worker_shard *shard)
{
    const struct worker_intake  *in = shard->intake;

    if (!worker_intake_caught_up(in, WORKER_STREAM_CMD)
        || !worker_intake_caught_up(in, WORKER_STREAM_IN))
    {
        return 0;
    }

    return worker_intake_drained(in, WORKER_STREAM_IN)
           || worker_intake_last_ms(in) >= shard->loaded_ms
           || worker_clock_boot() - shard->loaded_boot_ms > SHARD_CATCH_UP_MS;
}


/* From here on time is judged. */
static void
shard_run(struct worker_shard *shard)
{
    shard_log(shard, WORKER_LOG_INFO, "running");
    shard->phase = SHARD_RUNNING;
    shard->ctx.live = 1;
    oscp_backoff_reset(&shard->backoff);

    for (size_t i = 0; i < shard->roster.n; i++) {
        worker_connection_start(shard->roster.list[i]);
    }

    shard_wait_seen(shard);
    worker_wait_start(shard->wait);
    shard->waiting = 1;
}


/* One turn. */
static void
shard_pump(struct worker_shard *shard)
{
    struct worker_context  *ctx = &shard->ctx;

    if (ctx->failed && shard->phase != SHARD_CLOSED) {
        shard_drop(shard);
        return;
    }

    if (shard->phase < SHARD_CATCHING_UP || shard->phase > SHARD_CLOSING) {
        return;
    }

    if (!worker_intake_busy(shard->intake)) {
        shard->work |= !worker_intake_drained_all(shard->intake);

        if (shard->phase == SHARD_CATCHING_UP && shard_caught_up(shard)) {
            shard_run(shard);
        }
    }

    worker_connection_judge(ctx, worker_intake_taken(shard->intake),
                            worker_intake_drained(shard->intake,
                                                  WORKER_STREAM_IN),
                            worker_intake_last_ms(shard->intake));
    shard_commit(shard);

    if (shard->phase != SHARD_CLOSING) {
        shard_apply_taken(shard);
        shard_take(shard);

    } else if (!shard->committing && ctx->sends == 0
               && worker_commit_empty(ctx->commit))
    {
        shard_release(shard);
    }
}


void
worker_shard_close(struct worker_shard *shard)
{
    shard->stop = 1;
    shard->ctx.closing = 1;

    if (shard->phase == SHARD_CLOSED) {
        return;
    }

    if (shard->phase == SHARD_RUNNING) {
        shard->phase = SHARD_CLOSING;
        shard_after(shard, SHARD_SETTLE_MS);
        worker_context_wake(&shard->ctx);
        return;
    }

    if (shard->phase > SHARD_STANDBY && shard->phase < SHARD_CLOSING) {
        shard_release(shard);
        return;
    }

    if (shard->phase <= SHARD_STANDBY) {
        worker_context_fail(&shard->ctx, "closed");
    }
}


void
worker_shard_forget(struct worker_shard *shard)
{
    for (size_t i = 0; i < shard->roster.n; i++) {
        worker_connection_forget(shard->roster.list[i]);
    }
}


static int
shard_setup(struct worker_shard *shard)
{
    char                             events[OSCP_KEY_SIZE];
    char                             key[OSCP_KEY_SIZE];
    struct worker_context           *ctx = &shard->ctx;
    const struct worker_shard_conf  *conf = shard->conf;

    static const struct worker_lease_events  lease_events = {
        callback_lease_taken, callback_lease_lost, callback_lease_released,
        callback_lease_surplus
    };
    static const struct worker_wait_events  wait_events = {
        callback_work, callback_wait_lost
    };
    static const struct worker_redis_use  use = {
        .ready = callback_ready,
        .closed = callback_closed,
        .patience_ms = 5000,
        .scripts = 1,
    };

    worker_context_key(ctx, shard->key_lease, "lease", NULL, NULL, NULL);
    worker_context_key(ctx, shard->key_stats, "stats", NULL, NULL, NULL);
    worker_context_key(ctx, shard->key_standby, "standby", NULL, NULL, NULL);
    worker_context_key(ctx, events, "events", NULL, NULL, NULL);

    shard->lease_conf.id = conf->id;
    shard->lease_conf.key = shard->key_lease;
    shard->lease_conf.stats = shard->key_stats;
    shard->lease_conf.standby = shard->key_standby;
    shard->lease_conf.share = conf->share;
    shard->lease_conf.shard = (int) ctx->shard;
    shard->lease_conf.lease_ms = conf->lease_ms;

    ctx->pump = evtimer_new(conf->base, callback_pump, shard);
    shard->timer = evtimer_new(conf->base, callback_timer, shard);
    ctx->timers = worker_timer_create(conf->base, callback_step, shard);
    ctx->commit = worker_commit_create(shard->key_lease, shard->key_stats,
                                       events);
    ctx->lease = worker_lease_create(conf->base, &shard->lease_conf,
                                     &lease_events, shard);
    shard->redis = worker_redis_create(conf->base, conf->redis, &use,
                                       shard->key_lease, shard);
    ctx->redis = shard->redis;
    shard->wait = worker_wait_create(conf->base, conf->redis, &wait_events,
                                     shard);
    shard->intake = worker_intake_create(ctx, conf->config, &shard->roster);

    for (unsigned i = 0; shard->wait != NULL && i < WORKER_STREAM_COUNT; i++) {
        worker_wait_key(shard->wait, i,
                        worker_context_key(ctx, key, worker_stream_name(i),
                                           NULL, NULL, NULL));
    }

    return ctx->pump && shard->timer && ctx->timers && ctx->commit && ctx->lease
           && shard->redis && shard->wait && shard->intake ? 0 : -1;
}


struct worker_shard *
worker_shard_create(const struct worker_shard_conf *conf, unsigned number)
{
    struct worker_shard  *shard;

    shard = calloc(1, sizeof(*shard));
    if (shard == NULL) {
        worker_log(WORKER_LOG_ERROR, NULL, "no memory for a shard");
        return NULL;
    }

    shard->conf = conf;
    shard->backoff = (oscp_backoff_t) SHARD_BACKOFF;
    shard->ctx.prefix = conf->prefix;
    shard->ctx.shard = number;
    shard->ctx.http = conf->http;
    TAILQ_INIT(&shard->ctx.dirty);
    TAILQ_INIT(&shard->ctx.sending);
    TAILQ_INIT(&shard->ctx.settling);
    TAILQ_INIT(&shard->ctx.remains);
    TAILQ_INIT(&shard->ctx.judging);
    TAILQ_INIT(&shard->ctx.metering);
    shard->waiter.read = callback_refreshed;
    shard->waiter.arg = shard;

    if (shard_setup(shard) == -1) {
        shard_log(shard, WORKER_LOG_ERROR, "no memory for a shard");
        worker_shard_free(shard);
        return NULL;
    }

    shard_after(shard, 0);

    return shard;
}


void
worker_shard_free(struct worker_shard *shard)
{
    struct worker_context  *ctx;

    if (shard == NULL) {
        return;
    }

    ctx = &shard->ctx;
    worker_config_forget(shard->conf->config, &shard->waiter);
    worker_roster_free(&shard->roster);
    worker_intake_free(shard->intake);
    worker_wait_free(shard->wait);
    worker_lease_free(ctx->lease);
    worker_redis_free(shard->redis);
    worker_commit_free(ctx->commit);
    worker_timer_free(ctx->timers);

    if (shard->timer != NULL) {
        event_free(shard->timer);
    }

    if (ctx->pump != NULL) {
        event_free(ctx->pump);
    }

    free(shard);
}
