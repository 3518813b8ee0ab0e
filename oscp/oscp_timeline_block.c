/*
 * A block as it stands in Redis.
 */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "oscp_timeline_block.h"

#define ELEMENT_START    0
#define ELEMENT_END      1
#define ELEMENT_WATTS    2
#define ELEMENT_PHASE    3
#define ELEMENT_REQ      4
#define ELEMENT_COUNT    5

#define PATH_SIZE        64


static const struct {
    int          least;
    int          most;
    const char  *text;
} oscp_timeline_block_forms[] = {
    [OSCP_TIMELINE_BLOCK_STORED] = { 5, 5, "must be an array of start, end, "
                                     "watts, phase, req" },
    [OSCP_TIMELINE_BLOCK_ASKED] = { 3, 4, "must be an array of start, end, "
                                    "watts, and maybe phase" },
};


oscp_err_t
oscp_timeline_block_wrong(oscp_error_t *err, oscp_err_t code, size_t i,
    int element, const char *text)
{
    char  path[PATH_SIZE];

    if (element < 0) {
        snprintf(path, sizeof(path), "$[%zu]", i);
    } else {
        snprintf(path, sizeof(path), "$[%zu][%d]", i, element);
    }

    return oscp_error_set(err, code, path, "%s", text);
}


static oscp_err_t
oscp_timeline_block_moment(const cJSON *item, size_t i, int element,
    oscp_ms_t *ms, oscp_error_t *err)
{
    if (!cJSON_IsString(item)
        || oscp_time_parse(item->valuestring, strlen(item->valuestring), ms)
           != 0)
    {
        return oscp_timeline_block_wrong(err, OSCP_ERR_SCHEMA, i, element,
                                         "must be a date-time");
    }

    return OSCP_OK;
}


static oscp_err_t
oscp_timeline_block_times(const cJSON *items[], size_t i, oscp_span_t *span,
    oscp_error_t *err)
{
    oscp_err_t  rc;

    rc = oscp_timeline_block_moment(items[ELEMENT_START], i, ELEMENT_START,
                                    &span->start_ms, err);
    if (rc == OSCP_OK) {
        rc = oscp_timeline_block_moment(items[ELEMENT_END], i, ELEMENT_END,
                                        &span->end_ms, err);
    }

    if (rc == OSCP_OK && span->end_ms <= span->start_ms) {
        return oscp_timeline_block_wrong(err, OSCP_ERR_SEMANTIC, i,
                                         ELEMENT_END, "must be after the "
                                         "start");
    }

    return rc;
}


/* Elements that the form leaves out are NULL. */
static oscp_err_t
oscp_timeline_block_values(const cJSON *items[], size_t i,
    oscp_timeline_block_form_t form, oscp_span_t *span, oscp_error_t *err)
{
    int           phase = OSCP_PHASE_ALL;
    const cJSON  *item;

    item = items[ELEMENT_WATTS];
    if (!cJSON_IsNumber(item) || !isfinite(item->valuedouble)
        || item->valuedouble < 0)
    {
        return oscp_timeline_block_wrong(err, OSCP_ERR_SCHEMA, i,
                                         ELEMENT_WATTS,
                                         "must be a number, 0 or more");
    }

    span->watts = item->valuedouble;

    item = items[ELEMENT_PHASE];
    if (item != NULL) {
        phase = cJSON_IsString(item)
                ? oscp_phase_find(item->valuestring, strlen(item->valuestring))
                : -1;
    }

    if (phase < 0) {
        return oscp_timeline_block_wrong(err, OSCP_ERR_SCHEMA, i,
                                         ELEMENT_PHASE, "must be a phase");
    }

    span->phase = phase;

    if (form == OSCP_TIMELINE_BLOCK_ASKED) {
        return OSCP_OK;
    }

    item = items[ELEMENT_REQ];
    if (!cJSON_IsString(item)
        || !oscp_id_valid(item->valuestring, strlen(item->valuestring)))
    {
        return oscp_timeline_block_wrong(err, OSCP_ERR_SCHEMA, i, ELEMENT_REQ,
                                         "must be a request id");
    }

    strcpy(span->req, item->valuestring);

    return OSCP_OK;
}


oscp_err_t
oscp_timeline_block_read(const cJSON *block, size_t i,
    oscp_timeline_block_form_t form, oscp_span_t *span, oscp_error_t *err)
{
    int           k = 0, n;
    oscp_err_t    rc;
    const cJSON  *items[ELEMENT_COUNT] = { NULL }, *item;

    n = cJSON_IsArray(block) ? cJSON_GetArraySize(block) : -1;

    if (n < oscp_timeline_block_forms[form].least
        || n > oscp_timeline_block_forms[form].most)
    {
        return oscp_timeline_block_wrong(err, OSCP_ERR_SCHEMA, i, -1,
                                         oscp_timeline_block_forms[form].text);
    }

    cJSON_ArrayForEach(item, block) {
        items[k++] = item;
    }

    memset(span, 0, sizeof(*span));

    rc = oscp_timeline_block_times(items, i, span, err);

    return rc == OSCP_OK ? oscp_timeline_block_values(items, i, form, span, err)
                         : rc;
}
