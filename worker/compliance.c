/*
 * Whether a group keeps its limits.
 */

#include <stdio.h>
#include <string.h>

#include "compliance.h"
#include "event.h"
#include "json.h"
#include "log.h"
#include "notice.h"
#include "outcome.h"
#include "post.h"
#include "random.h"


#define COMPLIANCE_STORE_MS   10000   /* how often the hash says what was
                                         measured while nothing happens */
#define COMPLIANCE_REASON     "limit_exceeded"

enum state_field {
    STATE_POWER = 0,
    STATE_AT,
    STATE_ENTRY,
    STATE_IMPORT_OVER,
    STATE_EXPORT_OVER,
    STATE_EXCEEDED,
    STATE_REQ,
    STATE_COUNT
};

static const char *const  state_names[STATE_COUNT] = {
    [STATE_POWER] = "measured_w",
    [STATE_AT] = "measured_at",
    [STATE_ENTRY] = "measured_entry",
    [STATE_IMPORT_OVER] = "import_over_since",
    [STATE_EXPORT_OVER] = "export_over_since",
    [STATE_EXCEEDED] = "exceeded",
    [STATE_REQ] = "exceeded_req",
};

static const enum state_field  state_over[OSCP_DIRECTION_COUNT] = {
    [OSCP_DIRECTION_IMPORT] = STATE_IMPORT_OVER,
    [OSCP_DIRECTION_EXPORT] = STATE_EXPORT_OVER,
};

/* What is told of a direction. */
struct compliance_news {
    const char               *state;     /* "begun", "ended", "told" */
    oscp_compliance_case_t    about;
    const char               *req;       /* of the message; "" */
    const char               *corr;      /* of the forecast; "" */
    const char               *by;
    const char               *cmd;       /* NULL: of no command */
    const char               *message;   /* of an operator; NULL */
};


int
worker_compliance_init(struct worker_compliance *c)
{
    int  rc = 0;

    c->at_ms = OSCP_TIME_NONE;
    oscp_compliance_init(&c->directions[OSCP_DIRECTION_IMPORT]);
    oscp_compliance_init(&c->directions[OSCP_DIRECTION_EXPORT]);
    rc |= worker_record_init(&c->state, state_names, STATE_COUNT);
    rc |= worker_incident_init(&c->incident, WORKER_INCIDENT_COMPLIANCE);

    return rc;
}


void
worker_compliance_free(struct worker_compliance *c)
{
    worker_record_free(&c->state);
    worker_incident_free(&c->incident);
}


/* An episode without its beginning is none: the next sample will tell. */
int
worker_compliance_load(struct worker_compliance *c, const redisReply *reply)
{
    const char         *exceeded;
    oscp_compliance_t  *d;

    if (worker_record_load(&c->state, reply) == -1
        || worker_incident_load(&c->incident, reply) == -1)
    {
        return -1;
    }

    c->power_w = worker_record_number(&c->state, STATE_POWER, 0);
    c->at_ms = worker_record_time(&c->state, STATE_AT);
    c->stored_ms = c->at_ms == OSCP_TIME_NONE ? 0 : c->at_ms;
    exceeded = worker_record_get(&c->state, STATE_EXCEEDED);

    for (unsigned i = 0; i < OSCP_DIRECTION_COUNT; i++) {
        d = &c->directions[i];
        d->over_since_ms = worker_record_time(&c->state, state_over[i]);
        d->open = d->over_since_ms != OSCP_TIME_NONE
                  && strcmp(oscp_compliance_direction(i), exceeded) == 0;
    }

    return 0;
}


static void
compliance_write(struct worker_context *ctx, struct worker_compliance *c,
    const char *key)
{
    worker_incident_store(ctx, &c->incident, key);
    if (worker_record_write(&c->state, ctx->commit, key) == -1) {
        worker_context_fail(ctx, "no memory for a compliance episode");
    }
}


void
worker_compliance_unknown(struct worker_context *ctx,
    struct worker_compliance *c, const char *key)
{
    worker_record_clear(&c->state);
    worker_record_unknown(&c->state);
    worker_incident_unknown(&c->incident);
    oscp_compliance_init(&c->directions[OSCP_DIRECTION_IMPORT]);
    oscp_compliance_init(&c->directions[OSCP_DIRECTION_EXPORT]);
    c->at_ms = OSCP_TIME_NONE;
    c->stored_ms = 0;
    c->power_w = 0;
    compliance_write(ctx, c, key);
}


static void
compliance_store(struct worker_context *ctx, struct worker_compliance *c,
    const struct worker_compliance_scene *scene)
{
    char         key[OSCP_KEY_SIZE];
    const char  *exceeded = NULL;

    for (unsigned i = 0; i < OSCP_DIRECTION_COUNT; i++) {
        worker_record_set_time(&c->state, state_over[i],
                               c->directions[i].over_since_ms);
        if (c->directions[i].open) {
            exceeded = oscp_compliance_direction(i);
        }
    }

    worker_record_set(&c->state, STATE_EXCEEDED, exceeded);

    worker_context_key(ctx, key, "group", scene->conn, scene->binding->id,
                       NULL);
    compliance_write(ctx, c, key);
    c->stored_ms = c->at_ms;
}


static void
compliance_event(struct worker_context *ctx,
    const struct compliance_news *news, oscp_ms_t now_ms)
{
    const oscp_compliance_case_t  *e = &news->about;
    struct worker_buffer           data = { .len = 0 };
    struct worker_event            event = { .event = "compliance",
                                             .conn = e->conn,
                                             .group = e->group,
                                             .at_ms = now_ms, .by = news->by,
                                             .cmd = news->cmd, .data = &data };

    worker_json_open(&data, NULL);
    worker_json_text(&data, "state", news->state);
    worker_json_text(&data, "direction",
                     oscp_compliance_direction(e->direction));

    if (news->message == NULL) {
        worker_json_number(&data, "power_w", e->power_w);
    }

    if (e->has_limit) {
        worker_json_number(&data, "limit_w", e->limit_w);
    }

    worker_json_time(&data, "since", e->since_ms);
    worker_json_time(&data, "measured_at", e->at_ms);
    worker_json_text(&data, "why", e->why);
    worker_json_text(&data, "req", news->req);
    worker_json_text(&data, "corr", news->corr);
    worker_json_text(&data, "message", news->message);
    worker_json_close(&data);

    worker_event_write(ctx->commit, &event);
    worker_buffer_free(&data);
}


/*
 * The message to the peer goes into the outbox, about the forecast that set the
 * limit.  `req` becomes its id; "" where no forecast set it.  Returns the
 * forecast's.
 */
static const char *
compliance_send(struct worker_context *ctx,
    const struct worker_compliance_scene *scene, oscp_direction_t direction,
    oscp_ms_t at_ms, const char *text, char req[WORKER_RANDOM_UUID_SIZE])
{
    int                            type;
    char                          *p;
    size_t                         n, size;
    struct worker_buffer           body = { .len = 0 };
    const oscp_span_t             *spans[OSCP_LANE_COUNT];
    const oscp_limit_t            *limit = &scene->decision->limits[direction];
    struct worker_post             m = { .conn = scene->conn, .req = req };

    req[0] = '\0';
    type = oscp_compliance_type(direction, limit->source);
    if (type < 0) {
        return "";
    }

    n = oscp_timeline_binding(&scene->timelines[type], at_ms, spans);
    size = oscp_compliance_message(text, spans, n, NULL, 0) + 1;
    p = worker_buffer_reserve(&body, size);
    if (p == NULL) {
        worker_context_fail(ctx, "no memory for a compliance error");
        return "";
    }

    m.kind = OSCP_GROUP_CAPACITY_COMPLIANCE_ERROR;
    m.group = scene->binding->id;
    m.req = worker_random_uuid(req);
    m.corr = limit->req;
    m.created_ms = scene->now_ms;
    m.len = oscp_compliance_message(text, spans, n, p, size);
    m.body = p;
    worker_post_write(ctx, &m);
    worker_buffer_free(&body);

    return limit->req;
}


/* What there is to say of a direction now. */
static void
compliance_about(const struct worker_compliance *c,
    const struct worker_compliance_scene *scene, oscp_direction_t direction,
    oscp_ms_t since_ms, oscp_compliance_case_t *e)
{
    const oscp_limit_t  *limit = NULL;

    if (scene->decision != NULL) {
        limit = &scene->decision->limits[direction];
    }

    memset(e, 0, sizeof(*e));
    e->conn = scene->conn;
    e->group = scene->binding->id;
    e->direction = direction;
    e->since_ms = since_ms;
    e->at_ms = c->at_ms;
    e->power_w = direction == OSCP_DIRECTION_IMPORT ? c->power_w : -c->power_w;
    e->power_w = e->power_w > 0 ? e->power_w : 0;

    if (limit != NULL && limit->has_limit) {
        e->has_limit = 1;
        e->limit_w = limit->limit_w;
        e->source = limit->source;
    }
}


static void
compliance_say(struct worker_context *ctx, struct worker_compliance *c,
    const oscp_compliance_case_t *e)
{
    char                         title[OSCP_COMPLIANCE_TITLE_SIZE];
    char                         detail[OSCP_COMPLIANCE_DETAIL_SIZE];
    struct worker_incident_text  text = { .conn = e->conn, .group = e->group,
                                          .reason = COMPLIANCE_REASON,
                                          .severity = OSCP_SEVERITY_CRITICAL,
                                          .title = title, .detail = detail };

    oscp_compliance_title(e, title);
    oscp_compliance_detail(e, detail);
    text.has_limit = e->has_limit;
    text.limit_w = e->limit_w;
    worker_incident_say(ctx, &c->incident, &text);
}


static void
compliance_notice(struct worker_context *ctx,
    const struct worker_compliance *c, const oscp_compliance_case_t *e)
{
    char                  title[OSCP_COMPLIANCE_TITLE_SIZE];
    char                  detail[OSCP_COMPLIANCE_DETAIL_SIZE];
    struct worker_notice  notice = { .conn = e->conn, .group = e->group,
                                     .title = title, .detail = detail };

    oscp_compliance_title(e, title);
    oscp_compliance_detail(e, detail);
    notice.severity = e->ended ? OSCP_SEVERITY_INFO : OSCP_SEVERITY_CRITICAL;
    notice.incident = worker_incident_id(&c->incident);
    worker_notice_write(ctx, &notice);
}


/* Tells the peer, once an episode, as soon as a forecast is what is broken. */
static void
compliance_tell_peer(struct worker_context *ctx, struct worker_compliance *c,
    const struct worker_compliance_scene *scene, struct compliance_news *news)
{
    char  text[OSCP_COMPLIANCE_TEXT_MAX + 1], uuid[WORKER_RANDOM_UUID_SIZE];

    oscp_compliance_text(&news->about, text);
    news->corr = compliance_send(ctx, scene, news->about.direction,
                                 news->about.at_ms, text, uuid);
    worker_record_set(&c->state, STATE_REQ, uuid);
    news->req = worker_record_get(&c->state, STATE_REQ);
    news->about.told = *news->req != '\0';
}


static void
compliance_begin(struct worker_context *ctx, struct worker_compliance *c,
    const struct worker_compliance_scene *scene, oscp_direction_t direction)
{
    struct compliance_news  news = { .state = "begun", .by = "worker" };

    compliance_about(c, scene, direction,
                     c->directions[direction].over_since_ms, &news.about);
    compliance_tell_peer(ctx, c, scene, &news);

    worker_incident_open(ctx, &c->incident, scene->now_ms);
    compliance_say(ctx, c, &news.about);
    compliance_notice(ctx, c, &news.about);
    compliance_event(ctx, &news, scene->now_ms);
    compliance_store(ctx, c, scene);
}


/* `why` is NULL when a sample says so. */
static void
compliance_end(struct worker_context *ctx, struct worker_compliance *c,
    const struct worker_compliance_scene *scene, oscp_direction_t direction,
    oscp_ms_t since_ms, const char *why)
{
    struct compliance_news  news = { .state = "ended", .by = "worker" };

    compliance_about(c, scene, direction, since_ms, &news.about);
    news.about.ended = 1;
    news.about.why = why;
    news.about.at_ms = why != NULL ? scene->now_ms : c->at_ms;
    news.req = worker_record_get(&c->state, STATE_REQ);

    compliance_notice(ctx, c, &news.about);
    compliance_event(ctx, &news, scene->now_ms);
    worker_incident_resolve(ctx, &c->incident, scene->now_ms);
    worker_record_set(&c->state, STATE_REQ, NULL);
    compliance_store(ctx, c, scene);
}


/* An episode goes on: what its incident says moves with what is measured. */
static void
compliance_go_on(struct worker_context *ctx, struct worker_compliance *c,
    const struct worker_compliance_scene *scene, oscp_direction_t direction)
{
    struct compliance_news  news = { .state = "told", .by = "worker" };

    compliance_about(c, scene, direction,
                     c->directions[direction].over_since_ms, &news.about);
    news.about.told = *worker_record_get(&c->state, STATE_REQ) != '\0';

    if (!news.about.told) {
        compliance_tell_peer(ctx, c, scene, &news);
        if (news.about.told) {
            compliance_event(ctx, &news, scene->now_ms);
            compliance_store(ctx, c, scene);
        }
    }

    if (c->at_ms - c->stored_ms >= COMPLIANCE_STORE_MS) {
        compliance_say(ctx, c, &news.about);
    }
}


/* Returns 1 when an episode has begun. */
static int
compliance_step(struct worker_context *ctx, struct worker_compliance *c,
    const struct worker_compliance_scene *scene, oscp_direction_t direction,
    oscp_ms_t last_ms)
{
    double                   power;
    oscp_compliance_t       *d = &c->directions[direction];
    oscp_ms_t                since = d->over_since_ms;
    const oscp_limit_t      *limit = &scene->decision->limits[direction];

    power = direction == OSCP_DIRECTION_IMPORT ? c->power_w : -c->power_w;

    switch (oscp_compliance_step(d, scene->conf,
                                 limit->has_limit ? limit->limit_w : -1, power,
                                 c->at_ms, last_ms))
    {

    case OSCP_COMPLIANCE_BEGUN:
        compliance_begin(ctx, c, scene, direction);
        return 1;

    case OSCP_COMPLIANCE_ENDED:
        compliance_end(ctx, c, scene, direction, since, NULL);
        break;

    case OSCP_COMPLIANCE_NONE:
        if (d->open) {
            compliance_go_on(ctx, c, scene, direction);

        } else if (d->over_since_ms != since) {
            /* the grace has begun, or is over: that must not be forgotten */
            compliance_store(ctx, c, scene);
        }
        break;
    }

    return 0;
}


int
worker_compliance_wants(const struct worker_compliance *c,
    const oscp_compliance_conf_t *conf,
    const struct worker_compliance_sample *s, oscp_ms_t now_ms)
{
    const char  *judged = worker_record_get(&c->state, STATE_ENTRY);

    return now_ms - s->at_ms <= conf->gap_ms
           && (*judged == '\0' || worker_entry_compare(s->entry, judged) > 0);
}


oscp_ms_t
worker_compliance_moment(const struct worker_compliance *c,
    const struct worker_compliance_sample *s, oscp_ms_t now_ms)
{
    oscp_ms_t  at = s->at_ms;

    if (c->at_ms != OSCP_TIME_NONE && c->at_ms > at) {
        at = c->at_ms;
    }

    return at < now_ms ? at : now_ms;
}


/* Nothing has happened after now, whatever the clock said then. */
static void
compliance_set_back(struct worker_compliance *c, oscp_ms_t now_ms)
{
    oscp_compliance_t  *d;

    for (unsigned i = 0; i < OSCP_DIRECTION_COUNT; i++) {
        d = &c->directions[i];
        if (d->over_since_ms != OSCP_TIME_NONE && d->over_since_ms > now_ms) {
            d->over_since_ms = now_ms;
        }
    }

    if (c->at_ms != OSCP_TIME_NONE && c->at_ms > now_ms) {
        c->at_ms = now_ms;
        c->stored_ms = 0;
    }
}


int
worker_compliance_judge(struct worker_context *ctx,
    struct worker_compliance *c, const struct worker_compliance_scene *scene,
    const struct worker_compliance_sample *s)
{
    int        open = 0;
    unsigned   first;
    oscp_ms_t  last;

    compliance_set_back(c, scene->now_ms);
    last = c->at_ms;

    /* what ends, ends before another begins: there is one incident */
    first = c->directions[OSCP_DIRECTION_EXPORT].open ? OSCP_DIRECTION_EXPORT
                                                      : OSCP_DIRECTION_IMPORT;

    c->at_ms = worker_compliance_moment(c, s, scene->now_ms);
    c->power_w = s->power_w;
    worker_record_set_number(&c->state, STATE_POWER, c->power_w);
    worker_record_set_time(&c->state, STATE_AT, c->at_ms);
    worker_record_set(&c->state, STATE_ENTRY, s->entry);

    for (unsigned i = 0; i < OSCP_DIRECTION_COUNT; i++) {
        open |= compliance_step(ctx, c, scene,
                                (first + i) % OSCP_DIRECTION_COUNT, last);
    }

    if (c->at_ms - c->stored_ms >= COMPLIANCE_STORE_MS) {
        compliance_store(ctx, c, scene);
    }

    return open;
}


oscp_ms_t
worker_compliance_tick(struct worker_context *ctx,
    struct worker_compliance *c, const struct worker_compliance_scene *scene)
{
    oscp_ms_t           since, due, next = OSCP_TIME_NONE;
    const char         *why;
    oscp_compliance_t  *d;

    due = c->at_ms == OSCP_TIME_NONE ? 0 : c->at_ms + scene->conf->gap_ms;

    for (unsigned i = 0; i < OSCP_DIRECTION_COUNT; i++) {
        d = &c->directions[i];
        since = d->over_since_ms;

        if (since == OSCP_TIME_NONE) {
            continue;
        }

        if (!scene->decision->limits[i].has_limit) {
            why = "no limit holds any more";

        } else if (d->open && due <= scene->now_ms) {
            why = "nobody measures it any more";

        } else {
            next = d->open && due < next ? due : next;
            continue;
        }

        if (oscp_compliance_end(d) == OSCP_COMPLIANCE_ENDED) {
            compliance_end(ctx, c, scene, i, since, why);

        } else {
            compliance_store(ctx, c, scene);
        }
    }

    return next;
}


void
worker_compliance_remove(struct worker_context *ctx,
    struct worker_compliance *c, const char *conn,
    const oscp_group_conf_t *binding, oscp_ms_t now_ms)
{
    oscp_ms_t                       since;
    struct worker_compliance_scene  scene = { .conn = conn,
                                              .binding = binding,
                                              .now_ms = now_ms };

    for (unsigned i = 0; i < OSCP_DIRECTION_COUNT; i++) {
        since = c->directions[i].over_since_ms;

        if (oscp_compliance_end(&c->directions[i]) == OSCP_COMPLIANCE_ENDED) {
            compliance_end(ctx, c, &scene, i, since,
                           "the group is no longer configured");
        }
    }
}


int
worker_compliance_command(struct worker_context *ctx,
    const struct worker_compliance_scene *scene, const struct worker_entry *e,
    const char *by, struct worker_outcome *result)
{
    int                        found = -1;
    char                       uuid[WORKER_RANDOM_UUID_SIZE];
    const oscp_limit_t        *limit;
    struct compliance_news     news = { .state = "told", .by = by,
                                        .cmd = e->id, .message = e->message };
    struct worker_compliance   none = { .at_ms = OSCP_TIME_NONE };

    if (*e->message == '\0') {
        return worker_outcome_refuse(result, "message must be what the peer "
                                     "is to be told");
    }

    for (int i = OSCP_DIRECTION_COUNT - 1; i >= 0; i--) {
        limit = &scene->decision->limits[i];
        found = oscp_compliance_type(i, limit->source) >= 0 ? i : found;
    }

    if (found < 0) {
        return worker_outcome_refuse(result, "no forecast is in force for %s: "
                                     "a compliance error is about one",
                                     scene->binding->id);
    }

    compliance_about(&none, scene, found, OSCP_TIME_NONE, &news.about);
    news.corr = compliance_send(ctx, scene, found, scene->now_ms, e->message,
                                uuid);
    news.req = uuid;
    compliance_event(ctx, &news, scene->now_ms);

    snprintf(result->req, sizeof(result->req), "%s", uuid);
    snprintf(result->text, sizeof(result->text), "the peer is told about the "
             "%s limit of %s, forecast %s, message %s",
             oscp_compliance_direction(found), scene->binding->id, news.corr,
             uuid);

    return 0;
}
