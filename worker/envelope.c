/*
 * A decision as others read it.
 */

#include <string.h>

#include "envelope.h"
#include "event.h"
#include "json.h"
#include "table.h"


enum group_field {
    GROUP_MODE = 0,
    GROUP_COLOUR,
    GROUP_REASON,
    GROUP_SINCE,
    GROUP_ENABLED,
    GROUP_SCOPE,
    GROUP_CIRCUIT,
    GROUP_ASSET,
    GROUP_REVISION,
    GROUP_COUNT
};

static const char *const  group_names[GROUP_COUNT] = {
    [GROUP_MODE] = "mode",
    [GROUP_COLOUR] = "colour",
    [GROUP_REASON] = "reason",
    [GROUP_SINCE] = "since",
    [GROUP_ENABLED] = "enabled",
    [GROUP_SCOPE] = "scope",
    [GROUP_CIRCUIT] = "circuit",
    [GROUP_ASSET] = "asset",

    /* the envelope comes and goes, the count of its changes stays */
    [GROUP_REVISION] = "envelope_revision",
};

enum envelope_field {
    ENVELOPE_IMPORT = 0,
    ENVELOPE_EXPORT,
    ENVELOPE_OPTIMUM,
    ENVELOPE_MODE,
    ENVELOPE_REASON,
    ENVELOPE_FROM,
    ENVELOPE_UNTIL,
    ENVELOPE_SOURCE,
    ENVELOPE_REQ,
    ENVELOPE_REVISION,
    ENVELOPE_UPDATED,
    ENVELOPE_COUNT
};

static const char *const  envelope_names[ENVELOPE_COUNT] = {
    [ENVELOPE_IMPORT] = "import_limit_w",
    [ENVELOPE_EXPORT] = "export_limit_w",
    [ENVELOPE_OPTIMUM] = "optimum_w",
    [ENVELOPE_MODE] = "mode",
    [ENVELOPE_REASON] = "reason",
    [ENVELOPE_FROM] = "from",
    [ENVELOPE_UNTIL] = "until",
    [ENVELOPE_SOURCE] = "source",
    [ENVELOPE_REQ] = "req",
    [ENVELOPE_REVISION] = "revision",
    [ENVELOPE_UPDATED] = "updated_at",
};

enum circuit_field {
    CIRCUIT_AVAILABLE = 0,
    CIRCUIT_RATED,
    CIRCUIT_SAFE_DEFAULT,
    CIRCUIT_CONTROL,
    CIRCUIT_VALID,
    CIRCUIT_UPDATED,
    CIRCUIT_SCOPE,
    CIRCUIT_CONN,
    CIRCUIT_GROUP,
    CIRCUIT_COUNT
};

/* `revision` is not here: it is counted in Redis, over all owners. */
static const char *const  circuit_names[CIRCUIT_COUNT] = {
    [CIRCUIT_AVAILABLE] = "available_capacity_w",
    [CIRCUIT_RATED] = "rated_capacity_w",
    [CIRCUIT_SAFE_DEFAULT] = "safe_default_w",
    [CIRCUIT_CONTROL] = "control",
    [CIRCUIT_VALID] = "valid_until",
    [CIRCUIT_UPDATED] = "updated_at",
    [CIRCUIT_SCOPE] = "scope",
    [CIRCUIT_CONN] = "conn",
    [CIRCUIT_GROUP] = "group",
};


int
worker_envelope_init(struct worker_envelope *e)
{
    int  rc = 0;

    rc |= worker_record_init(&e->group, group_names, GROUP_COUNT);
    rc |= worker_record_init(&e->envelope, envelope_names, ENVELOPE_COUNT);
    rc |= worker_record_init(&e->circuit, circuit_names, CIRCUIT_COUNT);

    return rc;
}


void
worker_envelope_free(struct worker_envelope *e)
{
    worker_record_free(&e->group);
    worker_record_free(&e->envelope);
    worker_record_free(&e->circuit);
}


void
worker_envelope_unknown(struct worker_envelope *e)
{
    worker_record_unknown(&e->group);
    worker_record_unknown(&e->envelope);
    worker_record_unknown(&e->circuit);
}


int
worker_envelope_enabled(const struct worker_envelope *e)
{
    return strcmp(worker_record_get(&e->group, GROUP_ENABLED), "0") != 0;
}


int
worker_envelope_enable(struct worker_context *ctx,
    struct worker_envelope *e, const char *conn,
    const oscp_group_conf_t *binding, int on)
{
    char  key[OSCP_KEY_SIZE];

    if (worker_envelope_enabled(e) == (on != 0)) {
        return 0;
    }

    worker_record_set(&e->group, GROUP_ENABLED, on ? "1" : "0");
    worker_context_key(ctx, key, "group", conn, binding->id, NULL);

    if (worker_record_write(&e->group, ctx->commit, key) == -1) {
        worker_context_fail(ctx, "no memory for a group");
    }

    return 1;
}


/* The direction whose block, source and message the envelope names. */
static const oscp_limit_t *
envelope_leading(const oscp_decision_t *d)
{
    const oscp_limit_t  *import = &d->limits[OSCP_DIRECTION_IMPORT];
    const oscp_limit_t  *export = &d->limits[OSCP_DIRECTION_EXPORT];

    if (import->has_limit || export->has_limit) {
        return import->has_limit ? import : export;
    }

    return import->mode == d->mode && import->reason == d->reason ? import
                                                                  : export;
}


static int
envelope_set_limit(struct worker_record *r, unsigned field,
    const oscp_limit_t *limit)
{
    return limit->has_limit
           ? worker_record_set_number(r, field, limit->limit_w)
           : worker_record_set(r, field, NULL);
}


static int
envelope_set_group(struct worker_envelope *e, const struct worker_decided *w)
{
    int                       changed = 0;
    struct worker_record     *r = &e->group;
    const oscp_decision_t    *d = w->decision;
    const oscp_group_conf_t  *b = w->binding;

    changed |= worker_record_set(r, GROUP_MODE, oscp_mode_name(d->mode));
    changed |= worker_record_set(r, GROUP_COLOUR, oscp_colour_name(d->colour));
    changed |= worker_record_set(r, GROUP_REASON, oscp_reason_name(d->reason));
    if (changed) {
        worker_record_set_time(r, GROUP_SINCE, w->now_ms);
    }

    changed |= worker_record_set(r, GROUP_ENABLED, w->enabled ? "1" : "0");
    changed |= worker_record_set(r, GROUP_SCOPE, b->scope);
    changed |= worker_record_set(r, GROUP_CIRCUIT, b->circuit);
    changed |= worker_record_set(r, GROUP_ASSET, b->asset);

    return changed;
}


static int
envelope_set_envelope(struct worker_context *ctx, struct worker_envelope *e,
    const struct worker_decided *w)
{
    int                     changed = 0;
    char                    key[OSCP_KEY_SIZE];
    int64_t                 revision;
    const oscp_limit_t     *lead = envelope_leading(w->decision);
    struct worker_record   *r = &e->envelope;
    const oscp_decision_t  *d = w->decision;

    if (!d->has_envelope) {
        changed = *worker_record_get(r, ENVELOPE_REVISION) != '\0';
        if (changed || worker_record_changed(r)) {
            worker_commit_delete(ctx->commit,
                                 worker_context_key(ctx, key, "envelope",
                                                    w->binding->scope, NULL,
                                                    NULL));
            worker_record_clear(r);
        }
        return changed;
    }

    changed |= envelope_set_limit(r, ENVELOPE_IMPORT,
                                  &d->limits[OSCP_DIRECTION_IMPORT]);
    changed |= envelope_set_limit(r, ENVELOPE_EXPORT,
                                  &d->limits[OSCP_DIRECTION_EXPORT]);
    changed |= d->has_optimum
               ? worker_record_set_number(r, ENVELOPE_OPTIMUM, d->optimum_w)
               : worker_record_set(r, ENVELOPE_OPTIMUM, NULL);
    changed |= worker_record_set(r, ENVELOPE_MODE, oscp_mode_name(d->mode));
    changed |= worker_record_set(r, ENVELOPE_REASON,
                                 oscp_reason_name(d->reason));
    changed |= worker_record_set(r, ENVELOPE_SOURCE,
                                 oscp_source_name(lead->source));
    changed |= worker_record_set(r, ENVELOPE_REQ, lead->req);

    /* what no block gives holds since it was decided so */
    if (lead->from_ms != OSCP_TIME_NONE) {
        changed |= worker_record_set_time(r, ENVELOPE_FROM, lead->from_ms);

    } else if (changed) {
        worker_record_set_time(r, ENVELOPE_FROM, w->now_ms);
    }

    changed |= worker_record_set_time(r, ENVELOPE_UNTIL, w->until_ms);

    if (changed) {
        revision = (int64_t) worker_record_number(&e->group, GROUP_REVISION, 0)
                   + 1;
        worker_record_set_integer(&e->group, GROUP_REVISION, revision);
        worker_record_set_integer(r, ENVELOPE_REVISION, revision);
        worker_record_set_time(r, ENVELOPE_UPDATED, w->now_ms);
    }

    return changed;
}


/* Counts the circuit's change in Redis, where its key outlives its owners. */
static void
envelope_count_circuit(struct worker_context *ctx, const char *key)
{
    worker_commit_begin(ctx->commit, "HINCRBY", key);
    worker_commit_text(ctx->commit, "revision");
    worker_commit_text(ctx->commit, "1");
    worker_commit_end(ctx->commit);
}


static int
envelope_set_circuit(struct worker_context *ctx, struct worker_envelope *e,
    const struct worker_decided *w)
{
    int                       changed = 0;
    char                      key[OSCP_KEY_SIZE];
    struct worker_record     *r = &e->circuit;
    const oscp_decision_t    *d = w->decision;
    const oscp_group_conf_t  *b = w->binding;

    if (b->circuit == NULL) {
        return 0;
    }

    worker_record_set(r, CIRCUIT_SCOPE, b->scope);
    worker_record_set(r, CIRCUIT_CONN, w->conn);
    worker_record_set(r, CIRCUIT_GROUP, b->id);
    worker_record_set_time(r, CIRCUIT_VALID, w->valid_ms);

    changed |= worker_record_set_number(r, CIRCUIT_AVAILABLE,
                                        d->available_capacity_w);
    changed |= worker_record_set_number(r, CIRCUIT_RATED, b->rated_w);
    changed |= b->has_safe_default
               ? worker_record_set_number(r, CIRCUIT_SAFE_DEFAULT,
                                          b->safe_default_w)
               : worker_record_set(r, CIRCUIT_SAFE_DEFAULT, NULL);
    changed |= worker_record_set(r, CIRCUIT_CONTROL,
                                 oscp_control_name(d->control));

    worker_context_key(ctx, key, "circuit", b->circuit, NULL, NULL);
    if (changed) {
        worker_record_set_time(r, CIRCUIT_UPDATED, w->now_ms);
        envelope_count_circuit(ctx, key);
    }

    if (worker_record_write(r, ctx->commit, key) == -1) {
        worker_context_fail(ctx, "no memory for a circuit");
    }

    return changed;
}


static void
envelope_json_limit(struct worker_buffer *data, const char *name,
    const oscp_limit_t *limit)
{
    worker_json_open(data, name);
    worker_json_number(data, "row", limit->row);
    worker_json_text(data, "mode", oscp_mode_name(limit->mode));
    worker_json_text(data, "reason", oscp_reason_name(limit->reason));
    worker_json_text(data, "source", oscp_source_name(limit->source));

    if (limit->has_limit) {
        worker_json_number(data, "limit_w", limit->limit_w);
    }

    worker_json_text(data, "req", limit->req);
    worker_json_time(data, "from", limit->from_ms);
    worker_json_close(data);
}


static void
envelope_event(struct worker_context *ctx, const struct worker_envelope *e,
    const struct worker_decided *w)
{
    const oscp_limit_t       *lead = envelope_leading(w->decision);
    const oscp_decision_t    *d = w->decision;
    const oscp_group_conf_t  *b = w->binding;
    struct worker_buffer      data = { .len = 0 };
    struct worker_event       event = { .event = "envelope", .conn = w->conn,
                                        .group = b->id, .at_ms = w->now_ms,
                                        .by = "worker", .data = &data };

    worker_json_open(&data, NULL);
    worker_json_text(&data, "mode", oscp_mode_name(d->mode));
    worker_json_text(&data, "colour", oscp_colour_name(d->colour));
    worker_json_text(&data, "reason", oscp_reason_name(d->reason));
    worker_json_number(&data, "row", lead->row);
    worker_json_text(&data, "source", oscp_source_name(lead->source));
    worker_json_text(&data, "req", lead->req);
    worker_json_text(&data, "from", worker_record_get(&e->envelope,
                                                      ENVELOPE_FROM));
    worker_json_time(&data, "until", w->until_ms);
    worker_json_text(&data, "scope", b->scope);

    if (b->circuit != NULL) {
        worker_json_text(&data, "circuit", b->circuit);
        worker_json_text(&data, "control", oscp_control_name(d->control));
        worker_json_number(&data, "available_capacity_w",
                           d->available_capacity_w);
    }

    if (d->has_optimum) {
        worker_json_number(&data, "optimum_w", d->optimum_w);
    }

    envelope_json_limit(&data, "import", &d->limits[OSCP_DIRECTION_IMPORT]);
    envelope_json_limit(&data, "export", &d->limits[OSCP_DIRECTION_EXPORT]);
    worker_json_close(&data);

    worker_event_write(ctx->commit, &event);
    worker_buffer_free(&data);
}


void
worker_envelope_write(struct worker_context *ctx, struct worker_envelope *e,
    const struct worker_decided *w)
{
    int   changed, rc = 0;
    char  key[OSCP_KEY_SIZE];

    changed = envelope_set_group(e, w);
    changed |= envelope_set_envelope(ctx, e, w);
    changed |= envelope_set_circuit(ctx, e, w);

    worker_context_key(ctx, key, "group", w->conn, w->binding->id, NULL);
    rc |= worker_record_write(&e->group, ctx->commit, key);

    worker_context_key(ctx, key, "envelope", w->binding->scope, NULL, NULL);
    rc |= worker_record_write(&e->envelope, ctx->commit, key);

    if (rc != 0) {
        worker_context_fail(ctx, "no memory for an envelope");
    }

    if (changed) {
        worker_commit_count(ctx->commit, WORKER_COUNT_DECISIONS, 1);
        envelope_event(ctx, e, w);
    }
}


/* 1 when another group has it now: what stands there is its to replace. */
static int
envelope_kept(const struct worker_table *kept, const char *name)
{
    return kept != NULL && worker_table_get(kept, name) != NULL;
}


void
worker_envelope_release_scope(struct worker_context *ctx,
    struct worker_envelope *e, const oscp_group_conf_t *binding)
{
    char  key[OSCP_KEY_SIZE];

    if (!envelope_kept(ctx->kept_scopes, binding->scope)) {
        worker_commit_delete(ctx->commit,
                             worker_context_key(ctx, key, "envelope",
                                                binding->scope, NULL, NULL));
    }

    worker_record_clear(&e->envelope);
    worker_record_unknown(&e->envelope);
}


void
worker_envelope_release_circuit(struct worker_context *ctx,
    struct worker_envelope *e, const oscp_group_conf_t *binding,
    oscp_ms_t now_ms)
{
    char                   key[OSCP_KEY_SIZE];
    struct worker_record  *r = &e->circuit;

    /* whoever has a circuit next knows nothing of what stands there */
    if (binding->circuit == NULL
        || envelope_kept(ctx->kept_circuits, binding->circuit))
    {
        worker_record_clear(r);
        worker_record_unknown(r);
        return;
    }

    worker_context_key(ctx, key, "circuit", binding->circuit, NULL, NULL);

    worker_record_set(r, CIRCUIT_VALID, NULL);
    worker_record_set(r, CIRCUIT_SCOPE, NULL);
    worker_record_set(r, CIRCUIT_CONN, NULL);
    worker_record_set(r, CIRCUIT_GROUP, NULL);
    worker_record_set(r, CIRCUIT_CONTROL,
                      oscp_control_name(OSCP_CONTROL_LOCAL));
    worker_record_set_number(r, CIRCUIT_RATED, binding->rated_w);
    worker_record_set_number(r, CIRCUIT_AVAILABLE, binding->rated_w);
    worker_record_set_time(r, CIRCUIT_UPDATED, now_ms);
    envelope_count_circuit(ctx, key);

    if (worker_record_write(r, ctx->commit, key) == -1) {
        worker_context_fail(ctx, "no memory for a circuit");
    }

    worker_record_clear(r);
    worker_record_unknown(r);
}
