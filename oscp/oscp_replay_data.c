/*
 * The `data` of audit events, read.
 */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "oscp_replay_data.h"
#include "oscp_replay_read.h"


static const char *
oscp_replay_mode(int value)
{
    return oscp_mode_name((oscp_mode_t) value);
}


static const char *
oscp_replay_reason(int value)
{
    return oscp_reason_name((oscp_reason_t) value);
}


static const char *
oscp_replay_source(int value)
{
    return oscp_source_name((oscp_source_t) value);
}


static const char *
oscp_replay_control(int value)
{
    return oscp_control_name((oscp_control_t) value);
}


static const char *
oscp_replay_colour(int value)
{
    return oscp_colour_name((oscp_colour_t) value);
}


/*
 * 1 when a member changes: to what `new` has, or, `old` alone having it, away.
 */
static int
oscp_replay_changes(const cJSON *old, const cJSON *new, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(new, name) != NULL
           || cJSON_GetObjectItemCaseSensitive(old, name) != NULL;
}


static oscp_err_t
oscp_replay_binding_names(const cJSON *old, const cJSON *new,
    oscp_replay_group_t *g, oscp_error_t *err)
{
    size_t      i;
    oscp_err_t  rc;

    const struct {
        const char  *name;
        char        *text;
    } members[] = {
        { "scope", g->scope }, { "circuit", g->circuit }, { "asset", g->asset },
    };

    for (i = 0; i < sizeof(members) / sizeof(*members); i++) {
        if (!oscp_replay_changes(old, new, members[i].name)) {
            continue;
        }

        rc = oscp_replay_read_name(new, "$.new", members[i].name,
                                   members[i].text, err);
        if (rc != OSCP_OK) {
            return rc;
        }
    }

    return OSCP_OK;
}


static oscp_err_t
oscp_replay_binding_powers(const cJSON *old, const cJSON *new,
    oscp_group_conf_t *b, oscp_error_t *err)
{
    int         has;
    oscp_err_t  rc = OSCP_OK;

    if (oscp_replay_changes(old, new, "rated_w")) {
        rc = oscp_replay_read_number(new, "$.new", "rated_w", &has, &b->rated_w,
                                     err);
        b->has_rated = has != 0;
    }

    if (rc == OSCP_OK && oscp_replay_changes(old, new, "safe_default_w")) {
        rc = oscp_replay_read_number(new, "$.new", "safe_default_w", &has,
                                     &b->safe_default_w, err);
        b->has_safe_default = has != 0;
    }

    if (rc == OSCP_OK && oscp_replay_changes(old, new, "voltage_v")) {
        rc = oscp_replay_read_number(new, "$.new", "voltage_v", &has,
                                     &b->voltage_v, err);
    }

    return rc;
}


oscp_err_t
oscp_replay_data_binding(const cJSON *old, const cJSON *new,
    oscp_replay_group_t *g, oscp_error_t *err)
{
    oscp_err_t           rc;
    oscp_replay_group_t  copy = *g;

    rc = oscp_replay_binding_names(old, new, &copy, err);
    if (rc == OSCP_OK) {
        rc = oscp_replay_binding_powers(old, new, &copy.binding, err);
    }

    if (rc != OSCP_OK) {
        return rc;
    }

    *g = copy;
    g->binding.id = g->group;
    g->binding.scope = g->scope;
    g->binding.circuit = g->circuit[0] ? g->circuit : NULL;
    g->binding.asset = g->asset;

    return OSCP_OK;
}


/* [start, end, watts, phase, req] */
static int
oscp_replay_block(const cJSON *item, oscp_block_t *b)
{
    int           phase;
    oscp_ms_t    *times[] = { &b->start_ms, &b->end_ms };
    const cJSON  *member = cJSON_IsArray(item) ? item->child : NULL;

    for (size_t i = 0; i < 2; i++, member = member->next) {
        if (!cJSON_IsString(member)
            || oscp_time_parse(member->valuestring,
                               strlen(member->valuestring), times[i])
               == -1)
        {
            return -1;
        }
    }

    if (!cJSON_IsNumber(member) || !(member->valuedouble >= 0)
        || !isfinite(member->valuedouble) || b->end_ms <= b->start_ms)
    {
        return -1;
    }

    b->capacity = member->valuedouble;
    b->unit = OSCP_UNIT_W;
    member = member->next;

    phase = cJSON_IsString(member)
            ? oscp_phase_find(member->valuestring, strlen(member->valuestring))
            : -1;
    b->phase = (oscp_phase_t) phase;

    return phase < 0 ? -1 : 0;
}


oscp_err_t
oscp_replay_data_forecast(const cJSON *data, oscp_forecast_t *f,
    const oscp_alloc_t *alloc, oscp_error_t *err)
{
    int            type;
    char           path[OSCP_ERROR_PATH_LEN];
    const char    *text = oscp_replay_read_text(data, "type");
    const cJSON   *list, *item;
    oscp_block_t  *blocks;

    memset(f, 0, sizeof(*f));

    type = oscp_type_find(text, strlen(text));
    if (type < 0) {
        return oscp_replay_read_wrong(err, "$", "type", "a type of forecast");
    }

    f->type = (oscp_type_t) type;
    f->req = oscp_replay_read_text(data, "req");
    list = cJSON_GetObjectItemCaseSensitive(data, "blocks");

    if (!cJSON_IsArray(list) || list->child == NULL
        || !oscp_id_valid(f->req, strlen(f->req)))
    {
        return oscp_error_set(err, OSCP_ERR_SCHEMA, "$",
                              "must hold a req and one block or more");
    }

    blocks = alloc->resize(alloc->ctx, NULL,
                           (size_t) cJSON_GetArraySize(list)
                           * sizeof(*blocks));
    if (blocks == NULL) {
        return oscp_error_set(err, OSCP_ERR_NOMEM, "$", "no memory");
    }

    f->blocks = blocks;

    cJSON_ArrayForEach(item, list) {
        if (oscp_replay_block(item, &blocks[f->nblocks]) == -1) {
            snprintf(path, sizeof(path), "$.blocks[%zu]", f->nblocks);
            return oscp_error_set(err, OSCP_ERR_SCHEMA, path,
                                  "must be [start, end, watts, phase, req]");
        }
        f->nblocks++;
    }

    return OSCP_OK;
}


static oscp_err_t
oscp_replay_limit(const cJSON *data, const char *name, oscp_limit_t *limit,
    char req[OSCP_ID_SIZE], oscp_error_t *err)
{
    int           mode, reason, source, has;
    char          path[OSCP_ERROR_PATH_LEN];
    double        row = 0;
    oscp_err_t    rc;
    const cJSON  *item = cJSON_GetObjectItemCaseSensitive(data, name);

    snprintf(path, sizeof(path), "$.%s", name);

    if ((rc = oscp_replay_read_word(item, path, "mode", oscp_replay_mode, &mode,
                                    err)) != OSCP_OK
        || (rc = oscp_replay_read_word(item, path, "reason", oscp_replay_reason,
                                       &reason, err)) != OSCP_OK
        || (rc = oscp_replay_read_word(item, path, "source", oscp_replay_source,
                                       &source, err)) != OSCP_OK
        || (rc = oscp_replay_read_number(item, path, "row", &has, &row, err))
           != OSCP_OK
        || (rc = oscp_replay_read_time(item, path, "from", &limit->from_ms,
                                       err)) != OSCP_OK
        || (rc = oscp_replay_read_number(item, path, "limit_w", &has,
                                         &limit->limit_w, err)) != OSCP_OK)
    {
        return rc;
    }

    if (!(row >= 1 && row <= 5)) {
        return oscp_replay_read_wrong(err, path, "row", "1 to 5");
    }

    limit->row = (int) row;
    limit->mode = (oscp_mode_t) mode;
    limit->reason = (oscp_reason_t) reason;
    limit->source = (oscp_source_t) source;
    limit->has_limit = has != 0;
    snprintf(req, OSCP_ID_SIZE, "%s", oscp_replay_read_text(item, "req"));

    return OSCP_OK;
}


/* The circuit's part; without a circuit the decision has its `control` all the
   same, and nothing says it here: it follows from the import limit. */
static oscp_err_t
oscp_replay_circuit(const cJSON *data, oscp_replay_envelope_t *e,
    oscp_error_t *err)
{
    int               has, control = OSCP_CONTROL_LOCAL;
    oscp_err_t        rc;
    oscp_decision_t  *d = &e->decision;

    static const oscp_control_t  controls[] = {
        [OSCP_SOURCE_NONE] = OSCP_CONTROL_LOCAL,
        [OSCP_SOURCE_FORECAST] = OSCP_CONTROL_OSCP,
        [OSCP_SOURCE_FALLBACK] = OSCP_CONTROL_FALLBACK,
        [OSCP_SOURCE_GAP_POLICY] = OSCP_CONTROL_SAFE_DEFAULT
    };

    rc = oscp_replay_read_name(data, "$", "circuit", e->circuit, err);
    if (rc != OSCP_OK) {
        return rc;
    }

    if (e->circuit[0] == '\0') {
        d->control = controls[d->limits[OSCP_DIRECTION_IMPORT].source];
        return OSCP_OK;
    }

    rc = oscp_replay_read_word(data, "$", "control", oscp_replay_control,
                               &control, err);
    d->control = (oscp_control_t) control;

    return rc != OSCP_OK ? rc
           : oscp_replay_read_number(data, "$", "available_capacity_w", &has,
                                     &d->available_capacity_w, err);
}


oscp_err_t
oscp_replay_data_envelope(const cJSON *data, oscp_ms_t at_ms,
    oscp_replay_envelope_t *e, oscp_error_t *err)
{
    int                     mode, reason, colour, has;
    oscp_err_t              rc;
    oscp_decision_t        *d;
    oscp_replay_envelope_t  read;

    memset(&read, 0, sizeof(read));
    d = &read.decision;

    if ((rc = oscp_replay_read_word(data, "$", "mode", oscp_replay_mode, &mode,
                                    err)) != OSCP_OK
        || (rc = oscp_replay_read_word(data, "$", "reason", oscp_replay_reason,
                                       &reason, err)) != OSCP_OK
        || (rc = oscp_replay_read_word(data, "$", "colour", oscp_replay_colour,
                                       &colour, err)) != OSCP_OK
        || (rc = oscp_replay_limit(data, "import",
                                   &d->limits[OSCP_DIRECTION_IMPORT],
                                   read.reqs[OSCP_DIRECTION_IMPORT], err))
           != OSCP_OK
        || (rc = oscp_replay_limit(data, "export",
                                   &d->limits[OSCP_DIRECTION_EXPORT],
                                   read.reqs[OSCP_DIRECTION_EXPORT], err))
           != OSCP_OK
        || (rc = oscp_replay_read_name(data, "$", "scope", read.scope, err))
           != OSCP_OK
        || (rc = oscp_replay_circuit(data, &read, err)) != OSCP_OK
        || (rc = oscp_replay_read_time(data, "$", "until", &d->next_ms, err))
           != OSCP_OK
        || (rc = oscp_replay_read_number(data, "$", "optimum_w", &has,
                                         &d->optimum_w, err)) != OSCP_OK)
    {
        return rc;
    }

    d->mode = (oscp_mode_t) mode;
    d->reason = (oscp_reason_t) reason;
    d->colour = (oscp_colour_t) colour;
    d->has_optimum = has != 0;
    d->has_envelope = d->limits[OSCP_DIRECTION_IMPORT].has_limit
                      || d->limits[OSCP_DIRECTION_EXPORT].has_limit;
    read.at_ms = at_ms;

    oscp_replay_envelope_copy(e, &read);

    return OSCP_OK;
}
