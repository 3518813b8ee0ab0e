/*
 * The audit, replayed: which event changes what.
 */

#include <math.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "oscp_json_check.h"
#include "oscp_replay.h"
#include "oscp_replay_data.h"
#include "oscp_replay_read.h"
#include "oscp_replay_table.h"


/* An event on its way: what it is about, made where it was not there yet. */
typedef struct {
    oscp_replay_t               *replay;
    const oscp_replay_record_t  *record;
    const cJSON                 *data;
    oscp_replay_connection_t    *connection;
    oscp_replay_group_t         *group;         /* NULL: the whole connection */
    oscp_error_t                *err;
} oscp_replay_event_t;

typedef oscp_err_t (*oscp_replay_handler_t)(oscp_replay_event_t *e);


static oscp_err_t oscp_replay_config(oscp_replay_event_t *e);
static oscp_err_t oscp_replay_state(oscp_replay_event_t *e);
static oscp_err_t oscp_replay_command(oscp_replay_event_t *e);
static oscp_err_t oscp_replay_forecast(oscp_replay_event_t *e);
static oscp_err_t oscp_replay_envelope(oscp_replay_event_t *e);

static const struct {
    const char             *event;
    unsigned                group:1;            /* it is always about one */
    oscp_replay_handler_t   take;
} oscp_replay_events[] = {
    { "config", 0, oscp_replay_config },
    { "state", 0, oscp_replay_state },
    { "command", 0, oscp_replay_command },
    { "forecast", 1, oscp_replay_forecast },
    { "envelope", 1, oscp_replay_envelope },
};


/* The groups of one connection stand side by side. */
static void
oscp_replay_forget_all(oscp_replay_event_t *e)
{
    size_t          i;
    oscp_replay_t  *r = e->replay;

    for (i = 0; i < r->ngroups; i++) {
        if (r->groups[i]->connection == e->connection) {
            oscp_replay_table_forget(r, r->groups[i]);
        }
    }
}


static oscp_err_t
oscp_replay_config_group(oscp_replay_event_t *e, const cJSON *old,
    const cJSON *new)
{
    oscp_replay_group_t  *g = e->group;

    if (new == NULL) {
        oscp_replay_table_begin(e->replay, g);
        g->bound = 0;
        g->whole = 1;
        return OSCP_OK;
    }

    if (old == NULL) {
        oscp_replay_table_begin(e->replay, g);
        g->bound = 1;
        g->whole = 1;
    }

    return oscp_replay_data_binding(old, new, g, e->err);
}


static oscp_err_t
oscp_replay_config(oscp_replay_event_t *e)
{
    int                        policy;
    const char                *text;
    const cJSON               *old, *new;
    oscp_replay_connection_t  *c = e->connection;

    old = cJSON_GetObjectItemCaseSensitive(e->data, "old");
    new = cJSON_GetObjectItemCaseSensitive(e->data, "new");

    if (old == NULL && new == NULL) {
        return oscp_error_set(e->err, OSCP_ERR_SCHEMA, "$",
                              "must hold old or new");
    }

    if (e->group != NULL) {
        return oscp_replay_config_group(e, old, new);
    }

    /* new, or gone: what comes next under this name has no past */
    if (old == NULL || new == NULL) {
        c->known = 1;
        c->state = OSCP_STATE_OFFLINE;
        c->disconnected = 0;
        c->since_ms = e->record->at_ms;
    }

    text = oscp_replay_read_text(new, "gap_policy");
    if (*text != '\0') {
        policy = oscp_gap_policy_find(text, strlen(text));
        if (policy < 0) {
            return oscp_replay_read_wrong(e->err, "$.new", "gap_policy",
                                          "a known policy");
        }
        c->gap_policy = (oscp_gap_policy_t) policy;
    }

    return OSCP_OK;
}


static oscp_err_t
oscp_replay_state(oscp_replay_event_t *e)
{
    int                        state;
    const char                *text = oscp_replay_read_text(e->data, "to");
    oscp_replay_connection_t  *c = e->connection;

    state = oscp_state_find(text, strlen(text));
    if (state < 0) {
        return oscp_replay_read_wrong(e->err, "$", "to", "a state");
    }

    c->known = 1;
    c->state = (oscp_state_t) state;
    c->since_ms = e->record->at_ms;

    if (state == OSCP_STATE_DISCONNECTED) {
        c->disconnected = 1;
        oscp_replay_forget_all(e);

    } else if (state != OSCP_STATE_DISABLED) {
        c->disconnected = 0;
    }

    return OSCP_OK;
}


/*
 * Most of what a command does has a `state` event as well; what it does to a
 * group, or to a connection that is disabled, has none.
 */
static oscp_err_t
oscp_replay_command(oscp_replay_event_t *e)
{
    const char                *op = oscp_replay_read_text(e->data, "op");
    oscp_replay_connection_t  *c = e->connection;

    if (e->group != NULL) {
        if (strcmp(op, "enable") == 0 || strcmp(op, "disable") == 0) {
            e->group->enabled = op[0] == 'e';
        }
        return OSCP_OK;
    }

    if (strcmp(op, "disconnect") == 0) {
        c->disconnected = 1;
        oscp_replay_forget_all(e);

    } else if (strcmp(op, "connect") == 0) {
        c->disconnected = 0;
    }

    return OSCP_OK;
}


/* What the worker forgets is forgotten here, too: a timeline has a limit. */
static oscp_err_t
oscp_replay_forecast(oscp_replay_event_t *e)
{
    oscp_err_t           rc;
    oscp_ms_t            at = e->record->at_ms;
    oscp_forecast_t      f;
    oscp_timeline_t     *t;
    const oscp_alloc_t  *alloc = e->replay->alloc;

    rc = oscp_replay_data_forecast(e->data, &f, alloc, e->err);

    if (rc == OSCP_OK) {
        f.received_ms = at;
        f.voltage_v = OSCP_CONFIG_VOLTAGE_V;
        t = &e->group->timelines[f.type];

        oscp_timeline_prune(t, at - OSCP_REPLAY_KEEP_MS);
        rc = oscp_timeline_apply(t, &f, NULL, alloc);

        if (rc == OSCP_ERR_LIMIT && oscp_timeline_prune(t, at) > 0) {
            rc = oscp_timeline_apply(t, &f, NULL, alloc);
        }

        if (rc != OSCP_OK) {
            oscp_error_set(e->err, rc, "$.blocks", "%s",
                           rc == OSCP_ERR_NOMEM ? "no memory"
                                                : "too many blocks");
        }
    }

    alloc->resize(alloc->ctx, (void *) f.blocks, 0);

    return rc;
}


static oscp_err_t
oscp_replay_envelope(oscp_replay_event_t *e)
{
    return oscp_replay_data_envelope(e->data, e->record->at_ms,
                                     &e->group->recorded, e->err);
}


/* One that was not carried out may name what there is not, or nothing. */
static int
oscp_replay_idle(const oscp_replay_event_t *e, size_t kind)
{
    return oscp_replay_events[kind].take == oscp_replay_command
           && strcmp(oscp_replay_read_text(e->data, "outcome"), "done") != 0;
}


static oscp_err_t
oscp_replay_dispatch(oscp_replay_event_t *e, size_t kind)
{
    const char  *conn = e->record->conn, *group = e->record->group;

    if (oscp_replay_idle(e, kind)) {
        return OSCP_OK;
    }

    if (conn == NULL || *conn == '\0' || strlen(conn) > OSCP_NAME_MAX
        || (group != NULL && strlen(group) > OSCP_NAME_MAX)
        || (oscp_replay_events[kind].group && (group == NULL || !*group)))
    {
        return oscp_error_set(e->err, OSCP_ERR_SCHEMA, "",
                              "conn and group must be names");
    }

    e->connection = oscp_replay_table_connection(e->replay, conn);

    if (e->connection != NULL && group != NULL && *group != '\0') {
        e->group = oscp_replay_table_group(e->replay, e->connection, group);
    }

    if (e->connection == NULL
        || (group != NULL && *group != '\0' && e->group == NULL))
    {
        return oscp_error_set(e->err, OSCP_ERR_NOMEM, "", "no memory");
    }

    return oscp_replay_events[kind].take(e);
}


oscp_err_t
oscp_replay_take(oscp_replay_t *r, const oscp_replay_record_t *record,
    oscp_error_t *err)
{
    cJSON                *data;
    size_t                kind;
    const size_t          kinds = sizeof(oscp_replay_events)
                                  / sizeof(*oscp_replay_events);
    oscp_err_t            rc;
    oscp_replay_event_t   e = { r, record, NULL, NULL, NULL, err };

    for (kind = 0; kind < kinds; kind++) {
        if (record->event != NULL
            && strcmp(record->event, oscp_replay_events[kind].event) == 0)
        {
            break;
        }
    }

    if (kind == kinds) {
        return OSCP_OK;
    }

    data = record->data != NULL
           ? cJSON_ParseWithLength(record->data, record->len) : NULL;
    if (data == NULL && record->data != NULL) {
        return oscp_json_check_refused(record->data, record->len,
                                       "must be a JSON object", err);
    }

    if (!cJSON_IsObject(data)) {
        cJSON_Delete(data);
        return oscp_error_set(err, OSCP_ERR_SYNTAX, "$",
                              "must be a JSON object");
    }

    e.data = data;
    rc = oscp_replay_dispatch(&e, kind);
    cJSON_Delete(data);

    return rc;
}


int
oscp_replay_situation(const oscp_replay_group_t *g, oscp_situation_t *s)
{
    const oscp_replay_connection_t  *c = g->connection;

    memset(s, 0, sizeof(*s));

    if (!g->bound || !g->whole || !c->known) {
        return -1;
    }

    s->connection_enabled = c->state != OSCP_STATE_DISABLED;
    s->group_enabled = g->enabled;
    s->disconnected = c->disconnected;
    s->online = c->state == OSCP_STATE_ONLINE;
    s->liveness_ms = OSCP_TIME_NONE;
    s->timelines = g->timelines;
    s->has_circuit = g->binding.circuit != NULL;
    s->rated_w = g->binding.rated_w;
    s->has_safe_default = g->binding.has_safe_default;
    s->safe_default_w = g->binding.safe_default_w;
    s->gap_policy = c->gap_policy;

    return 0;
}


void
oscp_replay_envelope_copy(oscp_replay_envelope_t *to,
    const oscp_replay_envelope_t *from)
{
    int  i;

    *to = *from;

    for (i = 0; i < OSCP_DIRECTION_COUNT; i++) {
        to->decision.limits[i].req = to->reqs[i];
    }
}


static int
oscp_replay_close(double a, double b)
{
    return fabs(a - b) <= OSCP_REPLAY_TOLERANCE_W;
}


int
oscp_replay_same(const oscp_decision_t *a, const oscp_decision_t *b)
{
    int              i;
    oscp_decision_t  copy = *b;

    for (i = 0; i < OSCP_DIRECTION_COUNT; i++) {
        if (!oscp_replay_close(a->limits[i].limit_w, b->limits[i].limit_w)) {
            return 0;
        }
        copy.limits[i].limit_w = a->limits[i].limit_w;
    }

    if (!oscp_replay_close(a->optimum_w, b->optimum_w)
        || !oscp_replay_close(a->available_capacity_w,
                              b->available_capacity_w))
    {
        return 0;
    }

    copy.optimum_w = a->optimum_w;
    copy.available_capacity_w = a->available_capacity_w;

    return oscp_decision_same(a, &copy);
}
