/*
 * Facts as data, for programs.
 */

#include "buffer.h"
#include "oscpctl_json.h"
#include "oscpctl_report.h"
#include "oscpctl_rule.h"


static const char *const  report_directions[OSCP_DIRECTION_COUNT] = {
    [OSCP_DIRECTION_IMPORT] = "import",
    [OSCP_DIRECTION_EXPORT] = "export"
};


static void
report_limit(cJSON *object, const oscp_limit_t *limit)
{
    cJSON_AddNumberToObject(object, "row", limit->row);
    cJSON_AddStringToObject(object, "mode", oscp_mode_name(limit->mode));
    cJSON_AddStringToObject(object, "reason", oscp_reason_name(limit->reason));
    cJSON_AddStringToObject(object, "source", oscp_source_name(limit->source));

    if (limit->has_limit) {
        cJSON_AddNumberToObject(object, "limit_w", limit->limit_w);
    }

    worker_ctl_json_text(object, "req", limit->req);
    worker_ctl_json_time(object, "from", limit->from_ms);
}


static void
report_decision(cJSON *object, const struct worker_ctl_facts *f,
    const oscp_decision_t *d)
{
    cJSON_AddStringToObject(object, "mode", oscp_mode_name(d->mode));
    cJSON_AddStringToObject(object, "colour", oscp_colour_name(d->colour));
    cJSON_AddStringToObject(object, "reason", oscp_reason_name(d->reason));

    if (f->circuit != NULL) {
        cJSON_AddStringToObject(object, "control",
                                oscp_control_name(d->control));
        cJSON_AddNumberToObject(object, "available_capacity_w",
                                d->available_capacity_w);
    }

    if (d->has_optimum) {
        cJSON_AddNumberToObject(object, "optimum_w", d->optimum_w);
    }

    for (int i = 0; i < OSCP_DIRECTION_COUNT; i++) {
        report_limit(cJSON_AddObjectToObject(object, report_directions[i]),
                     &d->limits[i]);
    }
}


/* What only the decision in question has: words, its blocks and messages. */
static void
report_words(cJSON *decision, const struct worker_ctl_facts *f)
{
    cJSON                 *object;
    struct worker_buffer   b = { .len = 0 };

    for (int i = 0; i < OSCP_DIRECTION_COUNT; i++) {
        object = cJSON_GetObjectItemCaseSensitive(decision,
                                                  report_directions[i]);

        worker_ctl_rule_why(&b, f, (oscp_direction_t) i);
        worker_ctl_json_text(object, "rule", b.failed ? NULL : b.data);
        worker_buffer_reset(&b);

        if (f->blocks[i].covered) {
            worker_ctl_json_time(object, "until", f->blocks[i].until_ms);
        }

        worker_ctl_json_time(object, "received_at", f->received_ms[i]);
    }

    worker_buffer_free(&b);
}


static void
report_moment(cJSON *doc, const char *name, const struct worker_ctl_facts *f,
    const struct worker_ctl_moment *m)
{
    cJSON  *object;

    if (m->at_ms == OSCP_TIME_NONE) {
        return;
    }

    object = cJSON_AddObjectToObject(doc, name);
    worker_ctl_json_time(object, "at", m->at_ms);
    report_decision(object, f, &m->decision);
}


static void
report_told(cJSON *object, const struct worker_ctl_told *told)
{
    if (told->at_ms != OSCP_TIME_NONE) {
        worker_ctl_json_text(object, "by", told->by);
        worker_ctl_json_text(object, "why", told->why);
    }
}


static void
report_circuit(cJSON *doc, const struct worker_ctl_facts *f)
{
    cJSON                    *object;
    const oscp_limit_t       *import = &f->decision.limits[0];
    const oscp_group_conf_t  *g = f->binding;

    if (f->circuit == NULL) {
        return;
    }

    object = cJSON_AddObjectToObject(doc, "circuit");
    cJSON_AddStringToObject(object, "name", f->circuit);

    if (g == NULL) {
        return;
    }

    cJSON_AddNumberToObject(object, "rated_w", g->rated_w);
    if (g->has_safe_default) {
        cJSON_AddNumberToObject(object, "safe_default_w", g->safe_default_w);
    }

    cJSON_AddStringToObject(object, "bound",
                            !import->has_limit ? "rating"
                            : import->source == OSCP_SOURCE_GAP_POLICY
                            ? "safe_default"
                            : import->limit_w >= g->rated_w ? "rating"
                            : "limit");

    if (f->written_w >= 0) {
        cJSON_AddNumberToObject(object, "written_w", f->written_w);
    }
}


static void
report_connection(cJSON *doc, const struct worker_ctl_facts *f)
{
    cJSON  *object = cJSON_AddObjectToObject(doc, "connection");

    cJSON_AddStringToObject(object, "name", f->conn);

    if (f->state_known) {
        cJSON_AddStringToObject(object, "state", oscp_state_name(f->state));
        worker_ctl_json_time(object, "since", f->state_since_ms);
        report_told(object, &f->told);
    }

    worker_ctl_json_time(object, "liveness_until", f->liveness_ms);
}


static void
report_live(cJSON *doc, const struct worker_ctl_facts *f)
{
    cJSON_AddItemToObject(doc, "worker",
                          worker_ctl_live_lease_json(f->live->context.shard,
                                                     &f->live->lease));

    if (f->live->circuit->elements > 0) {
        cJSON_AddItemToObject(doc, "stored_circuit",
                              worker_ctl_json_fields(f->live->circuit));
    }

    if (f->live->envelope->elements > 0) {
        cJSON_AddItemToObject(doc, "stored_envelope",
                              worker_ctl_json_fields(f->live->envelope));
    }
}


cJSON *
worker_ctl_report_json(const struct worker_ctl_facts *f)
{
    cJSON  *doc = cJSON_CreateObject(), *decision, *notes;

    cJSON_AddStringToObject(doc, "scope", f->scope);
    cJSON_AddStringToObject(doc, "group", f->group);
    worker_ctl_json_time(doc, "at", f->at_ms);
    cJSON_AddStringToObject(doc, "basis", worker_ctl_facts_basis(f->basis));

    decision = cJSON_AddObjectToObject(doc, "decision");
    report_decision(decision, f, &f->decision);
    report_words(decision, f);

    worker_ctl_json_time(doc, "since", f->since_ms);
    report_moment(doc, "next", f, &f->next);
    report_moment(doc, f->state == OSCP_STATE_ONLINE ? "if_lost" : "if_back", f,
                  &f->otherwise);
    worker_ctl_json_time(doc, "removed_at", f->removed_ms);
    report_circuit(doc, f);
    report_connection(doc, f);

    if (f->live != NULL) {
        report_live(doc, f);
    }

    if (f->incident != NULL) {
        cJSON_AddItemToObject(doc, "incident",
                              worker_ctl_incident_json(f->incident));
    }

    notes = cJSON_AddArrayToObject(doc, "notes");
    for (size_t i = 0; i < f->nnotes; i++) {
        cJSON_AddItemToArray(notes, cJSON_CreateString(f->notes[i]));
    }

    return doc;
}
