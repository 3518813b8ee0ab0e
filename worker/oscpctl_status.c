/*
 * status: everything, on one screen.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oscpctl.h"
#include "oscpctl_incident.h"
#include "oscpctl_json.h"
#include "oscpctl_live.h"
#include "oscpctl_out.h"
#include "oscpctl_overview.h"
#include "oscpctl_table.h"
#include "oscpctl_text.h"
#include "oscpctl_waiting.h"
#include "oscp_version.h"


#define STATUS_CELL_SIZE   160

/* What it is made of. */
struct status {
    struct worker_ctl            *ctl;
    struct worker_ctl_lease      *leases;        /* one per shard */
    struct worker_ctl_overview   *overviews;     /* one per connection */
    struct worker_ctl_incidents   incidents;
    struct worker_ctl_waiting     waiting;
    size_t                        stale;         /* circuits */
    size_t                        nobody;        /* shards */
};


static int
status_read(struct status *s)
{
    struct worker_ctl_catalog  *catalog = s->ctl->catalog;

    s->leases = calloc(catalog->shards, sizeof(*s->leases));
    s->overviews = calloc(catalog->n + 1, sizeof(*s->overviews));
    if (s->leases == NULL || s->overviews == NULL) {
        worker_ctl_out_error("no memory");
        return -1;
    }

    for (unsigned i = 0; i < catalog->shards; i++) {
        if (worker_ctl_live_lease(s->ctl, i, &s->leases[i]) == -1) {
            return -1;
        }
        s->nobody += s->leases[i].owner[0] == '\0';
    }

    for (size_t i = 0; i < catalog->n; i++) {
        if (worker_ctl_overview_read(s->ctl, &catalog->connections[i],
                                     &s->overviews[i])
            == -1)
        {
            return -1;
        }

        for (size_t k = 0; k < s->overviews[i].ngroups; k++) {
            s->stale += s->overviews[i].groups[k].stale;
        }
    }

    return worker_ctl_incident_read(s->ctl, &s->incidents) == -1
           || worker_ctl_waiting_read(s->ctl, &s->waiting) == -1 ? -1 : 0;
}


static void
status_free(struct status *s)
{
    for (size_t i = 0; s->overviews != NULL && i < s->ctl->catalog->n; i++) {
        worker_ctl_overview_free(&s->overviews[i]);
    }

    worker_ctl_incident_free(&s->incidents);
    worker_ctl_waiting_free(&s->waiting);
    free(s->leases);
    free(s->overviews);
}


static int
status_shards(const struct status *s)
{
    char                      cell[STATUS_CELL_SIZE];
    struct worker_ctl_table  *t;

    static const char *const  heads[] = {
        "SHARD", "OWNER", "TOKEN", "LEASE LEFT", "UNSETTLED", NULL
    };

    t = worker_ctl_table_create(heads);

    for (unsigned i = 0; i < s->ctl->catalog->shards; i++) {
        const struct worker_ctl_lease  *lease = &s->leases[i];
        int                             owned = lease->owner[0] != '\0';

        snprintf(cell, sizeof(cell), "%u", i);
        worker_ctl_table_cell(t, WORKER_CTL_PLAIN, cell);
        worker_ctl_table_cell(t, owned ? WORKER_CTL_PLAIN : WORKER_CTL_RED,
                              owned ? lease->owner
                                    : "nobody: no worker is alive");
        snprintf(cell, sizeof(cell), "%lld", lease->token);
        worker_ctl_table_cell(t, WORKER_CTL_PLAIN, owned ? cell : "");
        snprintf(cell, sizeof(cell), "%lld ms", (long long) lease->left_ms);
        worker_ctl_table_cell(t, WORKER_CTL_PLAIN, owned ? cell : "");
        snprintf(cell, sizeof(cell), "%lld", lease->backlog);
        worker_ctl_table_cell(t, WORKER_CTL_PLAIN, cell);
    }

    return worker_ctl_table_print(t);
}


static void
status_schemas(const struct status *s)
{
    for (unsigned i = 0; i < s->ctl->catalog->shards; i++) {
        if (s->leases[i].schema > OSCP_SCHEMA) {
            worker_ctl_out_line(WORKER_CTL_RED, 0, "NEWER: the state of shard "
                                "%u has schema %lld.  Programs of this version "
                                "know up to %d: its workers refuse the shard, "
                                "and what is shown here may be misread.", i,
                                s->leases[i].schema, OSCP_SCHEMA);
        }
    }
}


static enum worker_ctl_style
status_state_style(const char *state)
{
    if (strcmp(state, "online") == 0) {
        return WORKER_CTL_GREEN;
    }

    return strcmp(state, "disabled") == 0 || strcmp(state, "disconnected") == 0
           ? WORKER_CTL_GREY : WORKER_CTL_YELLOW;
}


static void
status_outbox(const struct status *s,
    const struct worker_ctl_waiting_queue *queue, struct worker_ctl_table *t)
{
    char  at[WORKER_CTL_TEXT_SIZE], cell[STATUS_CELL_SIZE];

    snprintf(cell, sizeof(cell), "%zu since %s", queue->n,
             worker_ctl_text_time(queue->since_ms, s->ctl->now_ms, at));
    worker_ctl_table_cell(t, WORKER_CTL_PLAIN, queue->n > 0 ? cell : "");
}


static void
status_connection(const struct status *s, size_t i,
    struct worker_ctl_table *t)
{
    char         at[WORKER_CTL_TEXT_SIZE], cell[STATUS_CELL_SIZE];
    oscp_ms_t    now = s->ctl->now_ms, liveness, error;
    const char  *state, *text;

    const struct worker_ctl_overview  *o = &s->overviews[i];

    state = worker_ctl_store_field(o->conn, "state");
    state = state != NULL ? state : "not taken up";
    worker_ctl_table_cell(t, WORKER_CTL_PLAIN, o->connection->name);
    worker_ctl_table_cell(t, status_state_style(state), state);

    text = worker_ctl_store_field(o->conn, "since");
    worker_ctl_table_cell(t, WORKER_CTL_PLAIN, text == NULL ? ""
                          : worker_ctl_text_time(worker_ctl_text_stored(text),
                                                 now, at));

    liveness = worker_ctl_text_stored(worker_ctl_store_field(
                                          o->conn, "offline_mode_at"));
    if (strcmp(state, "online") != 0 || liveness == OSCP_TIME_NONE) {
        worker_ctl_table_cell(t, WORKER_CTL_PLAIN, "");

    } else if (liveness <= now) {
        snprintf(cell, sizeof(cell), "ended %s",
                 worker_ctl_text_time(liveness, now, at));
        worker_ctl_table_cell(t, WORKER_CTL_RED, cell);

    } else {
        snprintf(cell, sizeof(cell), "until %s",
                 worker_ctl_text_time(liveness, now, at));
        worker_ctl_table_cell(t, WORKER_CTL_PLAIN, cell);
    }

    status_outbox(s, &s->waiting.queues[i], t);

    text = worker_ctl_store_field(o->conn, "last_error");
    error = worker_ctl_text_stored(worker_ctl_store_field(o->conn,
                                                          "last_error_at"));
    cell[0] = '\0';
    if (text != NULL) {
        snprintf(cell, sizeof(cell), "%s%s%.100s",
                 error == OSCP_TIME_NONE ? ""
                 : worker_ctl_text_time(error, now, at),
                 error == OSCP_TIME_NONE ? "" : " ", text);
    }
    worker_ctl_table_cell(t, WORKER_CTL_PLAIN, cell);
}


static int
status_connections(const struct status *s)
{
    struct worker_ctl_table  *t;

    static const char *const  heads[] = {
        "CONNECTION", "STATE", "SINCE", "LIVENESS", "OUTBOX",
        "LAST ERROR", NULL
    };

    t = worker_ctl_table_create(heads);
    for (size_t i = 0; i < s->ctl->catalog->n; i++) {
        status_connection(s, i, t);
    }

    return worker_ctl_table_print(t);
}


/* "120 kW", "120 kW, export 50 kW", "" */
static void
status_limit(const redisReply *envelope, char cell[STATUS_CELL_SIZE])
{
    char    in[WORKER_CTL_TEXT_SIZE], out[WORKER_CTL_TEXT_SIZE];
    double  import = worker_ctl_live_number(envelope, "import_limit_w");
    double  export = worker_ctl_live_number(envelope, "export_limit_w");

    snprintf(cell, STATUS_CELL_SIZE, "%s%s%s%s",
             import >= 0 ? worker_ctl_text_power(import, in) : "",
             import >= 0 && export >= 0 ? ", " : "",
             export >= 0 ? "export " : "",
             export >= 0 ? worker_ctl_text_power(export, out) : "");
}


static enum worker_ctl_style
status_colour_style(const char *colour)
{
    if (colour != NULL && strcmp(colour, "green") == 0) {
        return WORKER_CTL_GREEN;
    }

    return colour != NULL && strcmp(colour, "yellow") == 0 ? WORKER_CTL_YELLOW
                                                           : WORKER_CTL_GREY;
}


static void
status_group(const struct status *s, const char *conn,
    const struct worker_ctl_overview_group *g, struct worker_ctl_table *t)
{
    char                    cell[STATUS_CELL_SIZE], at[WORKER_CTL_TEXT_SIZE];
    double                  value;
    oscp_ms_t               valid;
    const char             *mode, *colour;
    enum worker_ctl_style   style;

    colour = worker_ctl_store_field(g->group, "colour");
    style = status_colour_style(colour);

    snprintf(cell, sizeof(cell), "%s/%s", conn, g->conf->id);
    worker_ctl_table_cell(t, WORKER_CTL_PLAIN, cell);
    worker_ctl_table_cell(t, WORKER_CTL_PLAIN, g->conf->scope);
    mode = worker_ctl_store_field(g->group, "mode");
    snprintf(cell, sizeof(cell), "%.30s %.30s", mode ? mode : "",
             colour ? colour : "");
    worker_ctl_table_cell(t, style, mode != NULL ? cell : "");

    status_limit(g->envelope, cell);
    worker_ctl_table_cell(t, WORKER_CTL_PLAIN, cell);
    worker_ctl_table_cell(t, WORKER_CTL_PLAIN, g->conf->circuit);

    value = worker_ctl_live_number(g->circuit, "available_capacity_w");
    worker_ctl_table_cell(t, style, value < 0 ? ""
                                    : worker_ctl_text_power(value, cell));

    valid = worker_ctl_text_stored(worker_ctl_store_field(g->circuit,
                                                          "valid_until"));
    cell[0] = '\0';
    if (valid != OSCP_TIME_NONE) {
        snprintf(cell, sizeof(cell), "%s%s", g->stale ? "STALE " : "",
                 worker_ctl_text_time(valid, s->ctl->now_ms, at));
    }
    worker_ctl_table_cell(t, g->stale ? WORKER_CTL_RED : WORKER_CTL_PLAIN,
                          cell);
}


static int
status_groups(const struct status *s)
{
    struct worker_ctl_table           *t;
    const struct worker_ctl_overview  *o;

    static const char *const  heads[] = {
        "GROUP", "SCOPE", "MODE", "LIMIT", "CIRCUIT", "AVAILABLE",
        "VALID UNTIL", NULL
    };

    t = worker_ctl_table_create(heads);

    for (size_t i = 0; i < s->ctl->catalog->n; i++) {
        o = &s->overviews[i];
        for (size_t k = 0; k < o->ngroups; k++) {
            status_group(s, o->connection->name, &o->groups[k], t);
        }
    }

    return worker_ctl_table_print(t);
}


static int
status_text(const struct status *s)
{
    char                             at[WORKER_CTL_TEXT_SIZE];
    const struct worker_ctl_catalog *catalog = s->ctl->catalog;

    worker_ctl_out_line(WORKER_CTL_PLAIN, 0, "oscpctl %s, %s, configuration %s",
                        OSCP_VERSION,
                        worker_ctl_text_moment(s->ctl->now_ms, at),
                        catalog->version);
    worker_ctl_out_gap();

    if (status_shards(s) == -1) {
        return -1;
    }

    status_schemas(s);
    worker_ctl_out_gap();
    if (status_connections(s) == -1) {
        return -1;
    }

    worker_ctl_out_gap();
    if (status_groups(s) == -1) {
        return -1;
    }

    if (s->stale > 0) {
        worker_ctl_out_line(WORKER_CTL_RED, 0, "STALE: %zu value%s out of "
                            "date. A site that keeps to the contract has gone "
                            "to its safe default by itself.", s->stale,
                            s->stale == 1 ? " is" : "s are");
    }

    if (s->waiting.dead > 0) {
        worker_ctl_out_line(WORKER_CTL_YELLOW, 0, "Dead letters: %lld; see "
                            "oscpctl dead", s->waiting.dead);
    }

    worker_ctl_out_gap();
    worker_ctl_out_line(s->incidents.n > 0 ? WORKER_CTL_YELLOW
                                           : WORKER_CTL_GREEN, 0,
                        "Open incidents: %zu", s->incidents.n);

    for (size_t i = 0; i < s->incidents.n; i++) {
        const struct worker_ctl_incident  *in = &s->incidents.list[i];
        const char  *title = worker_ctl_store_field(in->fields, "title");

        worker_ctl_out_line(WORKER_CTL_YELLOW, 2, "%s  %s",
                            worker_ctl_text_time(in->opened_ms, s->ctl->now_ms,
                                                 at),
                            title != NULL ? title : in->id);
    }

    return 0;
}


static int
status_json(const struct status *s)
{
    cJSON                             *doc = cJSON_CreateObject();
    cJSON                             *list, *object, *groups;
    const struct worker_ctl_catalog   *catalog = s->ctl->catalog;
    const struct worker_ctl_overview  *o;

    cJSON_AddStringToObject(doc, "version", OSCP_VERSION);
    cJSON_AddStringToObject(doc, "configuration", catalog->version);
    worker_ctl_json_time(doc, "at", s->ctl->now_ms);

    list = cJSON_AddArrayToObject(doc, "shards");
    for (unsigned i = 0; i < catalog->shards; i++) {
        cJSON_AddItemToArray(list,
                             worker_ctl_live_lease_json(i, &s->leases[i]));
    }

    list = cJSON_AddArrayToObject(doc, "connections");
    for (size_t i = 0; i < catalog->n; i++) {
        o = &s->overviews[i];
        object = worker_ctl_json_fields(o->conn);
        cJSON_AddStringToObject(object, "name", o->connection->name);
        cJSON_AddNumberToObject(object, "waiting",
                                (double) s->waiting.queues[i].n);
        worker_ctl_json_time(object, "waiting_since",
                             s->waiting.queues[i].since_ms);
        groups = cJSON_AddArrayToObject(object, "groups");
        for (size_t k = 0; k < o->ngroups; k++) {
            cJSON_AddItemToArray(groups,
                                 worker_ctl_overview_json(&o->groups[k]));
        }
        cJSON_AddItemToArray(list, object);
    }

    list = cJSON_AddArrayToObject(doc, "unreadable");
    for (size_t i = 0; i < catalog->nunreadable; i++) {
        cJSON_AddItemToArray(list,
                             cJSON_CreateString(catalog->unreadable[i]));
    }

    cJSON_AddNumberToObject(doc, "dead_letters", (double) s->waiting.dead);

    list = cJSON_AddArrayToObject(doc, "incidents");
    for (size_t i = 0; i < s->incidents.n; i++) {
        cJSON_AddItemToArray(list, worker_ctl_incident_json(
                                       &s->incidents.list[i]));
    }

    return worker_ctl_out_json(doc);
}


int
worker_ctl_status_run(struct worker_ctl *ctl)
{
    int            rc;
    struct status  s = { .ctl = ctl };

    rc = status_read(&s);
    if (rc == 0) {
        rc = ctl->options->json ? status_json(&s) : status_text(&s);
    }

    status_free(&s);

    return rc == 0 ? WORKER_CTL_EXIT_DONE : WORKER_CTL_EXIT_FAILED;
}
