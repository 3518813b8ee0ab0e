/*
 * A group's yellow episodes as others read them.
 */

#include <string.h>

#include "incident.h"
#include "notice.h"
#include "random.h"


/* Beside the fields of the decision; see envelope.c. */
enum state_field {
    STATE_INCIDENT = 0,
    STATE_INCIDENT_AT,
    STATE_IMPORT_SOURCE,
    STATE_EXPORT_SOURCE,
    STATE_ZERO_NOTIFIED,
    STATE_COUNT
};

static const char *const  state_names[STATE_COUNT] = {
    [STATE_INCIDENT] = "incident",
    [STATE_INCIDENT_AT] = "incident_at",
    [STATE_IMPORT_SOURCE] = "import_source",
    [STATE_EXPORT_SOURCE] = "export_source",
    [STATE_ZERO_NOTIFIED] = "zero_notified",
};

enum hash_field {
    HASH_CONN = 0,
    HASH_GROUP,
    HASH_REASON,
    HASH_SEVERITY,
    HASH_TITLE,
    HASH_DETAIL,
    HASH_LIMIT,
    HASH_OPENED,
    HASH_RESOLVED,
    HASH_COUNT
};

static const char *const  hash_names[HASH_COUNT] = {
    [HASH_CONN] = "conn",
    [HASH_GROUP] = "group",
    [HASH_REASON] = "reason",
    [HASH_SEVERITY] = "severity",
    [HASH_TITLE] = "title",
    [HASH_DETAIL] = "detail",
    [HASH_LIMIT] = "limit_w",
    [HASH_OPENED] = "opened_at",
    [HASH_RESOLVED] = "resolved_at",
};


int
worker_incident_init(struct worker_incident *in)
{
    int  rc = 0;

    rc |= worker_record_init(&in->state, state_names, STATE_COUNT);
    rc |= worker_record_init(&in->hash, hash_names, HASH_COUNT);

    return rc;
}


void
worker_incident_free(struct worker_incident *in)
{
    worker_record_free(&in->state);
    worker_record_free(&in->hash);
}


static oscp_source_t
incident_source(const struct worker_record *r, enum state_field field)
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
void
worker_incident_load(struct worker_incident *in, const redisReply *reply)
{
    oscp_episode_t              *e = &in->episode;
    const struct worker_record  *r = &in->state;

    worker_record_load(&in->state, reply);

    memset(e, 0, sizeof(*e));
    e->has_incident = *worker_record_get(r, STATE_INCIDENT) != '\0';
    e->zero_notified = strcmp(worker_record_get(r, STATE_ZERO_NOTIFIED), "1")
                       == 0;
    e->import_source = incident_source(r, STATE_IMPORT_SOURCE);
    e->export_source = incident_source(r, STATE_EXPORT_SOURCE);
    e->mode = e->has_incident ? OSCP_MODE_FALLBACK
              : e->import_source != OSCP_SOURCE_NONE
                || e->export_source != OSCP_SOURCE_NONE ? OSCP_MODE_NORMAL
              : OSCP_MODE_LOCAL;

    /* what stands in the incident's own hash is written anew */
    worker_record_unknown(&in->hash);
}


void
worker_incident_unknown(struct worker_incident *in)
{
    worker_record_clear(&in->state);
    worker_record_unknown(&in->state);
    worker_record_clear(&in->hash);
    memset(&in->episode, 0, sizeof(in->episode));
}


/* Adds or removes it among the open ones. */
static void
incident_list(struct worker_context *ctx, const char *command, const char *id)
{
    char  key[OSCP_KEY_SIZE];

    worker_commit_begin(ctx->commit, command,
                        worker_context_key(ctx, key, "incidents", NULL, NULL,
                                           NULL));
    worker_commit_text(ctx->commit, id);
    worker_commit_end(ctx->commit);
}


static void
incident_open(struct worker_context *ctx, struct worker_incident *in,
    oscp_ms_t now_ms)
{
    char  id[WORKER_RANDOM_UUID_SIZE];

    worker_random_uuid(id);
    worker_record_clear(&in->hash);
    worker_record_set(&in->state, STATE_INCIDENT, id);
    worker_record_set_time(&in->state, STATE_INCIDENT_AT, now_ms);
    worker_commit_count(ctx->commit, WORKER_COUNT_INCIDENTS, 1);
    incident_list(ctx, "SADD", id);
}


/* Sets what the open incident says now; its title stays. */
static void
incident_set(struct worker_incident *in, const oscp_episode_context_t *context,
    const oscp_episode_step_t *step, oscp_reason_t reason)
{
    char                   title[OSCP_EPISODE_TITLE_SIZE];
    struct worker_record  *r = &in->hash;

    oscp_episode_title(context, title);

    worker_record_set(r, HASH_CONN, context->conn);
    worker_record_set(r, HASH_GROUP, context->group);
    worker_record_set(r, HASH_REASON, oscp_reason_name(reason));
    worker_record_set(r, HASH_SEVERITY, oscp_severity_name(step->severity));
    worker_record_set(r, HASH_TITLE, title);
    worker_record_set(r, HASH_DETAIL, step->detail);
    worker_record_set(r, HASH_OPENED,
                      worker_record_get(&in->state, STATE_INCIDENT_AT));

    if (step->has_limit) {
        worker_record_set_number(r, HASH_LIMIT, step->limit_w);

    } else {
        worker_record_set(r, HASH_LIMIT, NULL);
    }
}


static void
incident_write(struct worker_context *ctx, struct worker_incident *in)
{
    char  key[OSCP_KEY_SIZE];

    worker_context_key(ctx, key, "incident",
                       worker_record_get(&in->state, STATE_INCIDENT), NULL,
                       NULL);

    if (worker_record_write(&in->hash, ctx->commit, key) == -1) {
        worker_context_fail(ctx, "no memory for an incident");
    }
}


/*
 * Only the end is written: what the incident said last is worth keeping, and
 * stands there already.
 */
static void
incident_resolve(struct worker_context *ctx, struct worker_incident *in,
    oscp_ms_t now_ms)
{
    char         key[OSCP_KEY_SIZE], at[OSCP_TIME_SIZE];
    const char  *id = worker_record_get(&in->state, STATE_INCIDENT);

    worker_context_key(ctx, key, "incident", id, NULL, NULL);
    oscp_time_format(now_ms, at);

    worker_commit_begin(ctx->commit, "HSET", key);
    worker_commit_text(ctx->commit, hash_names[HASH_RESOLVED]);
    worker_commit_text(ctx->commit, at);
    worker_commit_end(ctx->commit);

    worker_commit_begin(ctx->commit, "EXPIRE", key);
    worker_commit_text(ctx->commit, WORKER_INCIDENT_KEEP_S);
    worker_commit_end(ctx->commit);

    incident_list(ctx, "SREM", id);

    worker_record_clear(&in->hash);
    worker_record_set(&in->state, STATE_INCIDENT, NULL);
    worker_record_set(&in->state, STATE_INCIDENT_AT, NULL);
}


static void
incident_notice(struct worker_context *ctx, const struct worker_incident *in,
    const oscp_episode_context_t *context, const oscp_episode_step_t *step)
{
    struct worker_notice  notice = { .severity = step->severity,
                                     .conn = context->conn,
                                     .group = context->group,
                                     .title = step->title,
                                     .detail = step->detail };

    if (step->incident != OSCP_INCIDENT_NONE) {
        notice.incident = worker_record_get(&in->state, STATE_INCIDENT);
    }

    if (step->notice != OSCP_NOTICE_NONE) {
        worker_notice_write(ctx, &notice);
    }
}


static void
incident_apply(struct worker_context *ctx, struct worker_incident *in,
    const oscp_episode_context_t *context, const oscp_episode_step_t *step)
{
    if (step->incident == OSCP_INCIDENT_OPEN) {
        incident_open(ctx, in, context->now_ms);
    }

    if (step->incident == OSCP_INCIDENT_OPEN
        || step->incident == OSCP_INCIDENT_UPDATE)
    {
        incident_set(in, context, step, in->episode.reason);
        incident_write(ctx, in);
    }

    incident_notice(ctx, in, context, step);

    if (step->incident == OSCP_INCIDENT_RESOLVE) {
        incident_resolve(ctx, in, context->now_ms);
    }
}


static oscp_episode_context_t
incident_context(const struct worker_incident *in, const char *conn,
    const oscp_group_conf_t *binding, oscp_ms_t now_ms)
{
    oscp_episode_context_t  context = { .conn = conn, .group = binding->id,
                                        .circuit = binding->circuit,
                                        .now_ms = now_ms };

    context.since_ms = worker_record_time(&in->state, STATE_INCIDENT_AT);
    if (context.since_ms == OSCP_TIME_NONE) {
        context.since_ms = now_ms;
    }

    return context;
}


void
worker_incident_step(struct worker_context *ctx,
    struct worker_incident *in, const struct worker_decided *w, int zero)
{
    char                     key[OSCP_KEY_SIZE];
    oscp_decision_t          d = *w->decision;
    oscp_episode_step_t      step;
    oscp_episode_context_t   context;

    /* the end of liveness moves with each heartbeat: it is no news */
    d.next_ms = w->until_ms;

    do {
        context = incident_context(in, w->conn, w->binding, w->now_ms);
        context.zero = zero != 0;
        oscp_episode_step(&in->episode, &d, &context, &step);
        incident_apply(ctx, in, &context, &step);
    } while (step.notice != OSCP_NOTICE_NONE);

    worker_record_set(&in->state, STATE_IMPORT_SOURCE,
                      oscp_source_name(in->episode.import_source));
    worker_record_set(&in->state, STATE_EXPORT_SOURCE,
                      oscp_source_name(in->episode.export_source));
    worker_record_set(&in->state, STATE_ZERO_NOTIFIED,
                      in->episode.zero_notified ? "1" : NULL);

    worker_context_key(ctx, key, "group", w->conn, w->binding->id, NULL);
    if (worker_record_write(&in->state, ctx->commit, key) == -1) {
        worker_context_fail(ctx, "no memory for an incident");
    }
}


void
worker_incident_end(struct worker_context *ctx,
    struct worker_incident *in, const char *conn,
    const oscp_group_conf_t *binding, oscp_ms_t now_ms)
{
    oscp_episode_step_t     step;
    oscp_episode_context_t  context;

    context = incident_context(in, conn, binding, now_ms);
    oscp_episode_end(&in->episode, &context, &step);
    incident_apply(ctx, in, &context, &step);
    worker_record_clear(&in->state);
}
