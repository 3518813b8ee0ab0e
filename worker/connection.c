/*
 * A connection: configuration, lifecycle, groups.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "clock.h"
#include "connection.h"
#include "entry.h"
#include "event.h"
#include "groups.h"
#include "json.h"
#include "log.h"
#include "outbound.h"
#include "outbox.h"
#include "random.h"
#include "state.h"


struct worker_connection {
    struct worker_context          *ctx;
    char                            name[OSCP_NAME_SIZE];
    char                           *doc;         /* as applied */
    oscp_connection_conf_t         *conf;        /* read from it */
    oscp_lifecycle_conf_t           rules;       /* what the lifecycle needs */
    oscp_lifecycle_t                lc;
    struct worker_record            record;      /* the hash */
    struct worker_group_link        link;        /* what groups see of this */
    struct worker_groups            groups;
    oscp_segments_t                *segments;
    struct worker_peer             *peer;        /* where it all goes */
    struct worker_outbound         *outbound;
    struct worker_outbox           *outbox;
    struct worker_timer             timer;       /* the next deadline */
    uint64_t                        judge_take;  /* judged after this take, */
    oscp_ms_t                       judge_ms;    /* and all stored by then */
    uint64_t                        connect_take;   /* that brought `connect`,
                                                       or came after loading */
    unsigned                        awaiting:1;  /* is in ctx->judging */
    unsigned                        paused:1;    /* and so are its deadlines */
    unsigned                        unsent:1;    /* a handshake was begun that
                                                    nothing has sent yet */
    TAILQ_ENTRY(worker_connection)  next;        /* in ctx->judging */
};


static void connection_timer(struct worker_connection *conn);


static void
callback_timer(void *arg)
{
    connection_timer(arg);
}


static void
connection_rules(struct worker_connection *conn)
{
    conn->rules.heartbeat_interval_ms = conn->conf->heartbeat_interval_ms;
    conn->rules.handshake_timeout_ms = conn->conf->handshake_timeout_ms;
    conn->rules.measurement = conn->conf->measurement;
    conn->rules.initiate_handshake = conn->conf->initiate_handshake;
    conn->link.gap_policy = conn->conf->gap_policy;
    conn->link.compliance.tolerance = conn->conf->compliance_tolerance;
    conn->link.compliance.grace_ms = conn->conf->compliance_grace_ms;
    conn->link.compliance.gap_ms = conn->conf->measurement_window_ms;
    conn->link.profile = conn->conf->profile;
    conn->link.window_ms = conn->conf->measurement_window_ms;
    conn->link.grace_ms = conn->conf->measurement_grace_ms;
}


/* Groups see the new state; those that it concerns are decided anew. */
static void
connection_link(struct worker_connection *conn)
{
    struct worker_group_link         old = conn->link;
    struct worker_group_link *const  link = &conn->link;

    link->enabled = conn->lc.enabled;
    link->disconnected = conn->lc.disconnected;
    link->online = conn->lc.state == OSCP_STATE_ONLINE;
    link->liveness_ms = conn->lc.offline_mode_at_ms;

    /* before the first handshake nothing is negotiated */
    link->measurement = conn->lc.handshake_ms == OSCP_TIME_NONE
                        && conn->lc.measurement == 0
                        ? conn->conf->measurement : conn->lc.measurement;

    if (link->enabled != old.enabled || link->disconnected != old.disconnected
        || link->online != old.online || link->liveness_ms < old.liveness_ms)
    {
        worker_groups_touch(&conn->groups);
    }
}


static void
connection_store(struct worker_connection *conn)
{
    char  key[OSCP_KEY_SIZE];

    worker_state_set(&conn->record, &conn->lc, conn->conf);

    if (worker_record_write(&conn->record, conn->ctx->commit,
                            worker_connection_key(conn, key))
        == -1)
    {
        worker_context_fail(conn->ctx, "no memory for a connection");
    }
}


void
worker_connection_step(struct worker_connection *conn,
    oscp_lifecycle_event_t *event, const char *by,
    oscp_lifecycle_result_t *result)
{
    char  uuid[WORKER_RANDOM_UUID_SIZE];

    event->random = worker_random_bits();
    event->new_req = worker_random_uuid(uuid);
    event->req = event->req ? event->req : "";
    event->corr = event->corr ? event->corr : "";
    event->error = event->error ? event->error : "";

    memset(result, 0, sizeof(*result));
    oscp_lifecycle_step(&conn->lc, &conn->rules, event, result);

    worker_audit_step(conn->ctx, conn->name, event, by, result);

    if (result->actions & OSCP_DO_STORE) {
        connection_store(conn);
    }

    if (result->actions & OSCP_DO_CANCEL) {
        worker_outbound_cancel(conn->outbound);
    }

    if (result->actions & OSCP_DO_CLEAR) {
        worker_groups_clear(&conn->groups);
        worker_connection_expire(conn, OSCP_TIME_NONE / 2);
    }

    /* until stored messages are applied a send may be outdated: START repeats
       what is still owed */
    if (conn->ctx->live) {
        worker_outbound_want(conn->outbound, result->actions);

    } else if (result->actions & OSCP_DO_SEND_HANDSHAKE) {
        conn->unsent = 1;
    }

    connection_link(conn);
    worker_outbox_turn(conn->outbox);
    worker_connection_schedule(conn);
    worker_context_wake(conn->ctx);
}


static void
callback_sent(void *arg, const struct worker_outbound_result *sent)
{
    struct worker_connection  *conn = arg;
    oscp_lifecycle_event_t     event = { .kind = sent->kind };
    oscp_lifecycle_result_t    result;

    event.at_ms = worker_clock_wall();
    event.req = sent->req;
    event.corr = sent->corr;
    event.error = sent->error;
    event.unanswered = sent->unanswered;
    event.offline_mode_at_ms = OSCP_TIME_NONE;

    worker_connection_step(conn, &event, "worker", &result);
}


static void
callback_heard(void *arg, const struct worker_fate *fate)
{
    struct worker_group       *g;
    struct worker_connection  *conn = arg;

    g = worker_groups_get(&conn->groups, fate->letter->group);
    if (g != NULL) {
        worker_group_heard(g, fate);
    }
}


static const char *
callback_unwanted(void *arg, const struct worker_letter *l)
{
    const struct worker_group  *g;
    struct worker_connection   *conn = arg;

    g = worker_groups_get(&conn->groups, l->group);

    return g != NULL ? worker_group_unwanted(g, l)
                     : "the group is not configured any more";
}


void
worker_connection_schedule(struct worker_connection *conn)
{
    oscp_ms_t  next, segments;

    if (!conn->ctx->live || conn->paused) {
        return;
    }

    next = oscp_lifecycle_next(&conn->lc);

    if (!conn->awaiting) {
        segments = oscp_segments_next(conn->segments);
        next = segments < next ? segments : next;
    }

    if (worker_timer_set(conn->ctx->timers, &conn->timer, next) == -1) {
        worker_context_fail(conn->ctx, "no memory for a timer");
    }
}


void
worker_connection_expire(struct worker_connection *conn, oscp_ms_t until)
{
    char                   key[OSCP_KEY_SIZE];
    oscp_segment_whole_t  *set;
    struct worker_buffer   data;
    struct worker_event    event = { .event = "segment_expired",
                                     .conn = conn->name,
                                     .at_ms = worker_clock_wall(),
                                     .by = "worker", .data = &data };

    worker_context_key(conn->ctx, key, "in", NULL, NULL, NULL);

    while ((set = oscp_segments_expire(conn->segments, until)) != NULL) {
        memset(&data, 0, sizeof(data));
        worker_json_open(&data, NULL);
        worker_json_text(&data, "req", set->req);
        worker_json_text(&data, "type", oscp_type_name(set->type));
        worker_json_number(&data, "have", set->have);
        worker_json_number(&data, "count", set->count);
        worker_json_close(&data);

        event.group = set->group_id;
        worker_event_write(conn->ctx->commit, &event);
        worker_commit_count(conn->ctx->commit, WORKER_COUNT_SEGMENTS_EXPIRED,
                            1);

        for (size_t i = 0; i < set->nentries; i++) {
            worker_commit_settle(conn->ctx->commit, key, set->entries[i]);
        }

        worker_buffer_free(&data);
        oscp_segment_whole_free(set, &oscp_alloc_libc);
    }
}


static void
connection_tick(struct worker_connection *conn, oscp_ms_t now)
{
    oscp_lifecycle_event_t   event = { .kind = OSCP_EV_TIMER, .at_ms = now,
                                       .offline_mode_at_ms = OSCP_TIME_NONE };
    oscp_lifecycle_result_t  result;

    worker_connection_step(conn, &event, "worker", &result);
}


/* What was stored before `now` is to be read first. */
static void
connection_await(struct worker_connection *conn, oscp_ms_t now)
{
    if (!conn->awaiting) {
        conn->awaiting = 1;
        TAILQ_INSERT_TAIL(&conn->ctx->judging, conn, next);
    }

    conn->judge_ms = now;
    conn->judge_take = conn->ctx->takes + 1;
    worker_context_wake(conn->ctx);
}


/*
 * What a group's limit and the outbox depend on is liveness alone: they wait
 * for nothing else.
 */
static void
connection_pause(struct worker_connection *conn, oscp_ms_t now)
{
    conn->paused = 1;
    conn->link.judging = conn->lc.state == OSCP_STATE_ONLINE
                         && conn->lc.offline_mode_at_ms <= now;
}


/*
 * A deadline.  A heartbeat, an acknowledge or a segment that came in time may
 * still wait in the stream: it is looked for first.  Segments alone keep the
 * connection from nothing else.
 */
static void
connection_timer(struct worker_connection *conn)
{
    oscp_ms_t  now = worker_clock_wall();

    if (conn->ctx->closing) {
        return;
    }

    if (oscp_lifecycle_awaits(&conn->lc, 0, now)) {
        connection_pause(conn, now);
        connection_await(conn, now);
        return;
    }

    if (!conn->awaiting && oscp_segments_next(conn->segments) <= now) {
        connection_await(conn, now);
    }

    connection_tick(conn, now);
}


static void
connection_judged(struct worker_connection *conn)
{
    conn->paused = 0;
    conn->link.judging = 0;

    if (conn->awaiting) {
        conn->awaiting = 0;
        TAILQ_REMOVE(&conn->ctx->judging, conn, next);
    }
}


/* All that was stored by judge_ms has been read. */
static void
connection_judge(struct worker_connection *conn)
{
    int        paused = conn->paused;
    oscp_ms_t  now = worker_clock_wall();

    worker_connection_expire(conn, conn->judge_ms);

    /* what has passed meanwhile has not been looked for yet */
    if (oscp_segments_next(conn->segments) <= now
        || (paused && oscp_lifecycle_awaits(&conn->lc, conn->judge_ms, now)))
    {
        if (paused) {
            connection_pause(conn, now);
        }
        connection_await(conn, now);
        return;
    }

    connection_judged(conn);

    if (paused) {
        connection_tick(conn, now);
        worker_groups_touch(&conn->groups);

    } else {
        worker_connection_schedule(conn);
    }
}


void
worker_connection_judge(struct worker_context *ctx, uint64_t takes,
    int drained, oscp_ms_t last_ms)
{
    struct worker_connection  *conn, *next;

    for (conn = TAILQ_FIRST(&ctx->judging); conn != NULL; conn = next) {
        next = TAILQ_NEXT(conn, next);

        if (conn->judge_take <= takes && (drained || last_ms >= conn->judge_ms))
        {
            connection_judge(conn);
        }
    }
}


void
worker_connection_start(struct worker_connection *conn)
{
    oscp_ms_t                now = worker_clock_wall();
    oscp_lifecycle_event_t   event = { .kind = OSCP_EV_START, .at_ms = now,
                                       .offline_mode_at_ms = OSCP_TIME_NONE };
    oscp_lifecycle_result_t  result;

    if (conn->unsent) {
        event.req = conn->lc.handshake_req;
        conn->unsent = 0;
    }

    worker_connection_expire(conn, now);
    worker_connection_step(conn, &event, "worker", &result);
    worker_groups_touch(&conn->groups);
}


void
worker_connection_command(struct worker_connection *conn,
    oscp_lifecycle_kind_t kind, const char *by, const char *id,
    oscp_lifecycle_result_t *result)
{
    oscp_lifecycle_event_t  event = { .kind = kind,
                                      .at_ms = worker_clock_wall(),
                                      .offline_mode_at_ms = OSCP_TIME_NONE };

    worker_connection_step(conn, &event, by, result);

    if (kind == OSCP_EV_CONNECT && result->before == OSCP_STATE_DISCONNECTED
        && result->after != OSCP_STATE_DISCONNECTED)
    {
        worker_state_set_connected(&conn->record, id);
        connection_store(conn);
        conn->connect_take = conn->ctx->takes;
    }
}


void
worker_connection_decide(struct worker_connection *conn)
{
    worker_groups_decide(&conn->groups);
}


/*
 * What is taken after the stream was found empty has been stored since: then
 * ids are not asked, for Redis' clock may have been set back.
 */
int
worker_connection_outdated(const struct worker_connection *conn,
    const char *id)
{
    return conn->ctx->drained < conn->connect_take
           && worker_entry_compare(id, worker_state_connected(&conn->record))
              < 0;
}


int
worker_connection_online(const struct worker_connection *conn)
{
    return conn->link.online;
}


int
worker_connection_open(const struct worker_connection *conn, const char **why)
{
    if (!conn->lc.enabled) {
        *why = "the connection is disabled";
        return 0;
    }

    if (conn->lc.disconnected) {
        *why = "the connection is disconnected";
        return 0;
    }

    return 1;
}


int
worker_connection_disconnected(const struct worker_connection *conn)
{
    return conn->lc.disconnected;
}


void
worker_connection_forget(struct worker_connection *conn)
{
    worker_peer_forget(conn->peer);
}


char *
worker_connection_key(const struct worker_connection *conn,
    char buf[OSCP_KEY_SIZE])
{
    return worker_context_key(conn->ctx, buf, "conn", conn->name, NULL,
                              NULL);
}


void
worker_connection_load(struct worker_connection *conn, const redisReply *reply)
{
    struct worker_log_about  about = { .shard = (int) conn->ctx->shard,
                                       .conn = conn->name };

    if (worker_record_load(&conn->record, reply) == -1
        || worker_outbox_load(conn->outbox, reply) == -1)
    {
        worker_context_fail(conn->ctx, "no memory for a connection's state");
        return;
    }

    if (worker_state_read(&conn->record, &conn->lc) == -1) {
        worker_log(WORKER_LOG_WARN, &about, "no usable state is stored: it "
                   "begins anew");
        oscp_lifecycle_init(&conn->lc, worker_clock_wall());
        worker_record_unknown(&conn->record);
        connection_store(conn);
    }

    connection_link(conn);
}


void
worker_connection_begin(struct worker_connection *conn)
{
    oscp_lifecycle_init(&conn->lc, worker_clock_wall());
    worker_record_unknown(&conn->record);
    worker_outbox_begin(conn->outbox);
    connection_store(conn);
    connection_link(conn);

    worker_groups_begin(&conn->groups);

    if (conn->ctx->live) {
        worker_connection_start(conn);
    }
}


void
worker_connection_remove(struct worker_connection *conn)
{
    char  key[OSCP_KEY_SIZE];

    worker_outbound_cancel(conn->outbound);
    worker_outbox_end(conn->outbox);
    worker_connection_expire(conn, OSCP_TIME_NONE / 2);

    worker_groups_remove(&conn->groups);
    worker_commit_delete(conn->ctx->commit, worker_connection_key(conn, key));
}


const char *
worker_connection_name(const struct worker_connection *conn)
{
    return conn->name;
}


const char *
worker_connection_document(const struct worker_connection *conn)
{
    return conn->doc;
}


struct worker_group *
worker_connection_group(const struct worker_connection *conn, const char *id)
{
    return worker_groups_get(&conn->groups, id);
}


struct worker_group *
worker_connection_group_at(const struct worker_connection *conn, size_t i)
{
    return worker_groups_at(&conn->groups, i);
}


struct worker_outbox *
worker_connection_outbox(const struct worker_connection *conn)
{
    return conn->outbox;
}


oscp_segments_t *
worker_connection_segments(const struct worker_connection *conn)
{
    return conn->segments;
}


static oscp_err_t
connection_read(const char *doc, size_t len, char **copy,
    oscp_connection_conf_t **conf, oscp_error_t *err)
{
    *copy = malloc(len + 1);
    if (*copy == NULL) {
        return oscp_error_set(err, OSCP_ERR_NOMEM, "", "no memory");
    }

    memcpy(*copy, doc, len);
    (*copy)[len] = '\0';

    if (oscp_config_read(*copy, len, &oscp_alloc_libc, conf, err) != OSCP_OK) {
        free(*copy);
        *copy = NULL;
        return err->code;
    }

    return OSCP_OK;
}


int
worker_connection_change(struct worker_connection *conn, const char *doc,
    size_t len, oscp_error_t *err)
{
    char                     *copy;
    struct worker_groups      groups;
    oscp_lifecycle_event_t    event = { .kind = OSCP_EV_CONFIGURE };
    oscp_connection_conf_t   *conf;
    oscp_lifecycle_result_t   result;

    if (connection_read(doc, len, &copy, &conf, err) != OSCP_OK) {
        return -1;
    }

    if (worker_groups_make(&groups, &conn->groups, conn->ctx, &conn->link, conf)
        == -1
        || worker_peer_configure(conn->peer, conf) == -1)
    {
        worker_context_fail(conn->ctx, "no memory for a configuration");
        worker_groups_unmake(&groups, &conn->groups);
        free(copy);
        free(conf);
        oscp_error_set(err, OSCP_ERR_NOMEM, "", "no memory");
        return -1;
    }

    worker_groups_exchange(&conn->groups, &groups, conf);
    worker_outbound_configure(conn->outbound, conf);

    free(conn->conf);
    free(conn->doc);
    conn->conf = conf;
    conn->doc = copy;
    connection_rules(conn);

    event.at_ms = worker_clock_wall();
    event.offline_mode_at_ms = OSCP_TIME_NONE;
    worker_connection_step(conn, &event, "nginx", &result);
    connection_store(conn);
    worker_groups_touch(&conn->groups);
    worker_groups_schedule(&conn->groups);
    worker_outbox_changed(conn->outbox);

    return 0;
}


struct worker_connection *
worker_connection_create(struct worker_context *ctx, const char *doc,
    size_t len, oscp_error_t *err)
{
    struct worker_connection  *conn;

    conn = calloc(1, sizeof(*conn));
    if (conn == NULL) {
        oscp_error_set(err, OSCP_ERR_NOMEM, "", "no memory");
        return NULL;
    }

    conn->ctx = ctx;
    conn->connect_take = ctx->takes + 1;
    conn->timer.ring = callback_timer;
    conn->timer.arg = conn;

    if (connection_read(doc, len, &conn->doc, &conn->conf, err) != OSCP_OK) {
        worker_connection_free(conn);
        return NULL;
    }

    snprintf(conn->name, sizeof(conn->name), "%s", conn->conf->name);
    conn->link.conn = conn->name;
    oscp_lifecycle_init(&conn->lc, worker_clock_wall());
    connection_rules(conn);

    conn->segments = oscp_segments_create(&oscp_alloc_libc);
    conn->peer = worker_peer_create(ctx);
    conn->outbound = worker_outbound_create(ctx, conn->peer, &conn->lc,
                                            callback_sent, conn);
    conn->outbox = worker_outbox_create(ctx, &conn->link, &conn->groups,
                                        conn->peer);

    if (conn->segments == NULL || conn->peer == NULL || conn->outbound == NULL
        || conn->outbox == NULL
        || worker_state_init(&conn->record) == -1
        || worker_groups_make(&conn->groups, NULL, ctx, &conn->link, conn->conf)
           == -1
        || worker_peer_configure(conn->peer, conn->conf) == -1)
    {
        oscp_error_set(err, OSCP_ERR_NOMEM, "", "no memory");
        worker_connection_free(conn);
        return NULL;
    }

    worker_outbound_configure(conn->outbound, conn->conf);
    worker_outbox_listen(conn->outbox, OSCP_ADJUST_GROUP_CAPACITY_FORECAST,
                         callback_heard, callback_unwanted, conn);

    return conn;
}


void
worker_connection_free(struct worker_connection *conn)
{
    if (conn == NULL) {
        return;
    }

    connection_judged(conn);
    worker_timer_cancel(conn->ctx->timers, &conn->timer);
    worker_outbound_free(conn->outbound);
    worker_outbox_free(conn->outbox);
    worker_peer_free(conn->peer);

    worker_groups_free(&conn->groups);
    oscp_segments_free(conn->segments);
    worker_record_free(&conn->record);
    free(conn->conf);
    free(conn->doc);
    free(conn);
}
