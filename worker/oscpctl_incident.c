/*
 * Open incidents.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oscp_number.h"
#include "oscpctl_incident.h"
#include "oscpctl_json.h"
#include "oscpctl_out.h"
#include "oscpctl_text.h"


static int
incident_compare(const void *a, const void *b)
{
    const struct worker_ctl_incident  *x = a, *y = b;

    if (x->opened_ms != y->opened_ms) {
        return x->opened_ms < y->opened_ms ? -1 : 1;
    }

    return strcmp(x->id, y->id);
}


/* Takes over the incidents named in `ids`; both replies are kept. */
static int
incident_take(struct worker_ctl_incidents *in, redisReply *ids,
    redisReply *hashes)
{
    void                        *list;
    const redisReply            *fields;
    struct worker_ctl_incident  *incident;

    list = realloc(in->list, (in->n + ids->elements + 1) * sizeof(*in->list));
    if (list == NULL) {
        return -1;
    }

    in->list = list;

    for (size_t i = 0; i < ids->elements; i++) {
        fields = hashes->element[i];

        /* resolved between the two questions */
        if (fields->elements == 0) {
            continue;
        }

        incident = &in->list[in->n++];
        incident->id = ids->element[i]->str;
        incident->fields = fields;
        incident->opened_ms = worker_ctl_text_stored(
            worker_ctl_store_field(fields, "opened_at"));
    }

    return 0;
}


static int
incident_keep(struct worker_ctl_incidents *in, redisReply *reply)
{
    void  *list;

    list = realloc(in->replies, (in->nreplies + 1) * sizeof(*in->replies));
    if (list == NULL) {
        worker_ctl_out_error("no memory");
        freeReplyObject(reply);
        return -1;
    }

    in->replies = list;
    in->replies[in->nreplies++] = reply;

    return 0;
}


static int
incident_shard(struct worker_ctl *ctl, unsigned shard,
    struct worker_ctl_incidents *in)
{
    int           rc = 0;
    char          key[OSCP_KEY_SIZE], (*keys)[OSCP_KEY_SIZE];
    redisReply   *ids, *hashes;
    const char   *argv[] = { "SMEMBERS", key };
    const char   *prefix = ctl->prefix;

    oscp_key(key, sizeof(key), prefix, shard, "incidents", NULL);
    ids = worker_ctl_store_command(ctl->store, 2, argv);
    if (ids == NULL || incident_keep(in, ids) == -1) {
        return -1;
    }

    if (ids->type != REDIS_REPLY_ARRAY || ids->elements == 0) {
        return 0;
    }

    keys = calloc(ids->elements, sizeof(*keys));
    if (keys == NULL) {
        worker_ctl_out_error("no memory");
        return -1;
    }

    for (size_t i = 0; i < ids->elements; i++) {
        oscp_key(keys[i], sizeof(keys[i]), prefix, shard, "incident",
                 ids->element[i]->str, NULL);
    }

    hashes = worker_ctl_store_hashes(ctl->store, keys, ids->elements);
    free(keys);

    if (hashes == NULL || incident_keep(in, hashes) == -1) {
        return -1;
    }

    rc = incident_take(in, ids, hashes);
    if (rc == -1) {
        worker_ctl_out_error("no memory");
    }

    return rc;
}


int
worker_ctl_incident_read(struct worker_ctl *ctl,
    struct worker_ctl_incidents *in)
{
    memset(in, 0, sizeof(*in));

    for (unsigned s = 0; s < ctl->catalog->shards; s++) {
        if (incident_shard(ctl, s, in) == -1) {
            return -1;
        }
    }

    if (in->n > 0) {
        qsort(in->list, in->n, sizeof(*in->list), incident_compare);
    }

    return 0;
}


void
worker_ctl_incident_free(struct worker_ctl_incidents *in)
{
    for (size_t i = 0; i < in->nreplies; i++) {
        freeReplyObject(in->replies[i]);
    }

    free(in->replies);
    free(in->list);
}


static int
incident_yellow(const redisReply *fields)
{
    const char  *reason = worker_ctl_store_field(fields, "reason");

    return reason != NULL
           && (strcmp(reason, oscp_reason_name(OSCP_REASON_LIVENESS_LOST)) == 0
               || strcmp(reason, oscp_reason_name(OSCP_REASON_FORECAST_GAP))
                  == 0);
}


const struct worker_ctl_incident *
worker_ctl_incident_find(const struct worker_ctl_incidents *in,
    const char *conn, const char *group)
{
    const char  *c, *g;

    for (size_t i = 0; i < in->n; i++) {
        c = worker_ctl_store_field(in->list[i].fields, "conn");
        g = worker_ctl_store_field(in->list[i].fields, "group");

        if (c != NULL && g != NULL && strcmp(c, conn) == 0
            && strcmp(g, group) == 0 && incident_yellow(in->list[i].fields))
        {
            return &in->list[i];
        }
    }

    return NULL;
}


cJSON *
worker_ctl_incident_json(const struct worker_ctl_incident *incident)
{
    cJSON  *object = worker_ctl_json_fields(incident->fields);

    cJSON_AddStringToObject(object, "id", incident->id);

    return object;
}


static const char *
incident_field(const struct worker_ctl_incident *incident, const char *name)
{
    const char  *value = worker_ctl_store_field(incident->fields, name);

    return value != NULL ? value : "-";
}


void
worker_ctl_incident_print(const struct worker_ctl_incident *incident,
    oscp_ms_t now_ms)
{
    char         at[WORKER_CTL_TEXT_SIZE], span[WORKER_CTL_TEXT_SIZE];
    double       watts;
    const char  *limit = incident_field(incident, "limit_w");
    const char  *severity = incident_field(incident, "severity");

    worker_ctl_out_line(strcmp(severity, "critical") == 0 ? WORKER_CTL_RED
                                                          : WORKER_CTL_YELLOW,
                        0, "%s: %s", severity,
                        incident_field(incident, "title"));

    if (incident->opened_ms != OSCP_TIME_NONE) {
        worker_ctl_out_pair(2, 7, "since", "%s, for %s",
                            worker_ctl_text_time(incident->opened_ms, now_ms,
                                                 at),
                            worker_ctl_text_span(now_ms - incident->opened_ms,
                                                 span));
    }

    worker_ctl_out_pair(2, 7, "where", "%s / %s",
                        incident_field(incident, "conn"),
                        incident_field(incident, "group"));
    worker_ctl_out_pair(2, 7, "reason", "%s",
                        incident_field(incident, "reason"));

    if (oscp_number_parse(limit, strlen(limit), &watts) == 0) {
        worker_ctl_out_pair(2, 7, "limit", "%s",
                            worker_ctl_text_power(watts, at));
    }

    worker_ctl_out_pair(2, 7, "detail", "%s",
                        incident_field(incident, "detail"));
    worker_ctl_out_pair(2, 7, "id", "%s", incident->id);
}


int
worker_ctl_incident_run(struct worker_ctl *ctl)
{
    int                          rc;
    cJSON                       *doc;
    struct worker_ctl_incidents  in;

    rc = worker_ctl_incident_read(ctl, &in);

    if (rc == 0 && ctl->options->json) {
        doc = cJSON_CreateArray();
        for (size_t i = 0; i < in.n; i++) {
            cJSON_AddItemToArray(doc, worker_ctl_incident_json(&in.list[i]));
        }
        rc = worker_ctl_out_json(doc);

    } else if (rc == 0) {
        if (in.n == 0) {
            worker_ctl_out_line(WORKER_CTL_GREEN, 0, "No incident is open.");
        }

        for (size_t i = 0; i < in.n; i++) {
            worker_ctl_incident_print(&in.list[i], ctl->now_ms);
        }
    }

    worker_ctl_incident_free(&in);

    return rc == 0 ? WORKER_CTL_EXIT_DONE : WORKER_CTL_EXIT_FAILED;
}
