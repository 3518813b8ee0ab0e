/*
 * A group's yellow episodes as others read them.
 */

#include <string.h>

#include "notice.h"
#include "yellow.h"


/* Beside the fields of the decision; see envelope.c. */
enum state_field {
    STATE_IMPORT_SOURCE = 0,
    STATE_EXPORT_SOURCE,
    STATE_ZERO_NOTIFIED,
    STATE_COUNT
};

static const char *const  state_names[STATE_COUNT] = {
    [STATE_IMPORT_SOURCE] = "import_source",
    [STATE_EXPORT_SOURCE] = "export_source",
    [STATE_ZERO_NOTIFIED] = "zero_notified",
};


int
worker_yellow_init(struct worker_yellow *y)
{
    int  rc = 0;

    rc |= worker_incident_init(&y->incident, WORKER_INCIDENT_FALLBACK);
    rc |= worker_record_init(&y->state, state_names, STATE_COUNT);

    return rc;
}


void
worker_yellow_free(struct worker_yellow *y)
{
    worker_incident_free(&y->incident);
    worker_record_free(&y->state);
}


static oscp_source_t
yellow_source(const struct worker_record *r, enum state_field field)
{
    const char  *text = worker_record_get(r, field);

    for (int s = OSCP_SOURCE_NONE; s <= OSCP_SOURCE_GAP_POLICY; s++) {
        if (strcmp(oscp_source_name((oscp_source_t) s), text) == 0) {
            return (oscp_source_t) s;
        }
    }

    return OSCP_SOURCE_NONE;
}


/*
 * The mode that held follows from the rest: yellow is what has an incident, and
 * what has neither that nor a source is local.
 */
int
worker_yellow_load(struct worker_yellow *y, const redisReply *reply)
{
    oscp_episode_t              *e = &y->episode;
    const struct worker_record  *r = &y->state;

    if (worker_incident_load(&y->incident, reply) == -1
        || worker_record_load(&y->state, reply) == -1)
    {
        return -1;
    }

    memset(e, 0, sizeof(*e));
    e->has_incident = *worker_incident_id(&y->incident) != '\0';
    e->zero_notified = strcmp(worker_record_get(r, STATE_ZERO_NOTIFIED), "1")
                       == 0;
    e->import_source = yellow_source(r, STATE_IMPORT_SOURCE);
    e->export_source = yellow_source(r, STATE_EXPORT_SOURCE);
    e->mode = e->has_incident ? OSCP_MODE_FALLBACK
              : e->import_source != OSCP_SOURCE_NONE
                || e->export_source != OSCP_SOURCE_NONE ? OSCP_MODE_NORMAL
              : OSCP_MODE_LOCAL;

    return 0;
}


void
worker_yellow_unknown(struct worker_yellow *y)
{
    worker_incident_unknown(&y->incident);
    worker_record_clear(&y->state);
    worker_record_unknown(&y->state);
    memset(&y->episode, 0, sizeof(y->episode));
}


/* What the open incident says now; its title stays. */
static void
yellow_say(struct worker_context *ctx, struct worker_yellow *y,
    const oscp_episode_context_t *context, const oscp_episode_step_t *step)
{
    char                         title[OSCP_EPISODE_TITLE_SIZE];
    struct worker_incident_text  text = { .conn = context->conn,
                                          .group = context->group,
                                          .title = title };

    oscp_episode_title(context, title);
    text.reason = oscp_reason_name(y->episode.reason);
    text.severity = step->severity;
    text.detail = step->detail;
    text.has_limit = step->has_limit;
    text.limit_w = step->limit_w;
    worker_incident_say(ctx, &y->incident, &text);
}


static void
yellow_notice(struct worker_context *ctx, const struct worker_yellow *y,
    const oscp_episode_context_t *context, const oscp_episode_step_t *step)
{
    struct worker_notice  notice = { .severity = step->severity,
                                     .conn = context->conn,
                                     .group = context->group,
                                     .title = step->title,
                                     .detail = step->detail };

    if (step->incident != OSCP_INCIDENT_NONE) {
        notice.incident = worker_incident_id(&y->incident);
    }

    if (step->notice != OSCP_NOTICE_NONE) {
        worker_notice_write(ctx, &notice);
    }
}


static void
yellow_apply(struct worker_context *ctx, struct worker_yellow *y,
    const oscp_episode_context_t *context, const oscp_episode_step_t *step)
{
    if (step->incident == OSCP_INCIDENT_OPEN) {
        worker_incident_open(ctx, &y->incident, context->now_ms);
    }

    if (step->incident == OSCP_INCIDENT_OPEN
        || step->incident == OSCP_INCIDENT_UPDATE)
    {
        yellow_say(ctx, y, context, step);
    }

    yellow_notice(ctx, y, context, step);

    if (step->incident == OSCP_INCIDENT_RESOLVE) {
        worker_incident_resolve(ctx, &y->incident, context->now_ms);
    }
}


static oscp_episode_context_t
yellow_context(const struct worker_yellow *y, const char *conn,
    const oscp_group_conf_t *binding, oscp_ms_t now_ms)
{
    oscp_episode_context_t  context = { .conn = conn, .group = binding->id,
                                        .circuit = binding->circuit,
                                        .now_ms = now_ms };

    context.since_ms = worker_incident_since(&y->incident);
    if (context.since_ms == OSCP_TIME_NONE) {
        context.since_ms = now_ms;
    }

    return context;
}


void
worker_yellow_step(struct worker_context *ctx,
    struct worker_yellow *y, const struct worker_decided *w, oscp_zero_t zero)
{
    char                     key[OSCP_KEY_SIZE];
    oscp_decision_t          d = *w->decision;
    oscp_episode_step_t      step;
    oscp_episode_context_t   context;

    /* the end of liveness moves with each heartbeat: it is no news */
    d.next_ms = w->until_ms;

    do {
        context = yellow_context(y, w->conn, w->binding, w->now_ms);
        context.zero = zero;
        oscp_episode_step(&y->episode, &d, &context, &step);
        yellow_apply(ctx, y, &context, &step);
    } while (step.notice != OSCP_NOTICE_NONE);

    worker_record_set(&y->state, STATE_IMPORT_SOURCE,
                      oscp_source_name(y->episode.import_source));
    worker_record_set(&y->state, STATE_EXPORT_SOURCE,
                      oscp_source_name(y->episode.export_source));
    worker_record_set(&y->state, STATE_ZERO_NOTIFIED,
                      y->episode.zero_notified ? "1" : NULL);

    worker_context_key(ctx, key, "group", w->conn, w->binding->id, NULL);
    worker_incident_store(ctx, &y->incident, key);
    if (worker_record_write(&y->state, ctx->commit, key) == -1) {
        worker_context_fail(ctx, "no memory for an incident");
    }
}


void
worker_yellow_end(struct worker_context *ctx,
    struct worker_yellow *y, const char *conn,
    const oscp_group_conf_t *binding, oscp_ms_t now_ms)
{
    oscp_episode_step_t     step;
    oscp_episode_context_t  context;

    context = yellow_context(y, conn, binding, now_ms);
    oscp_episode_end(&y->episode, &context, &step);
    yellow_apply(ctx, y, &context, &step);
    worker_record_clear(&y->state);
}
