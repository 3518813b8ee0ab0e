/*
 * A timeline from Redis.  Nobody but the worker writes there, but what does
 * not hold the timeline's rules must not decide over a depot.
 */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "oscp_timeline.h"

#define ELEMENT_START    0
#define ELEMENT_END      1
#define ELEMENT_WATTS    2
#define ELEMENT_PHASE    3
#define ELEMENT_REQ      4
#define ELEMENT_COUNT    5

#define PATH_SIZE        64


typedef struct {
    oscp_spans_t         lanes[OSCP_LANE_COUNT];
    const oscp_alloc_t  *alloc;
    oscp_error_t        *err;
} oscp_timeline_reader_t;


/* `element` negative: the block itself. */
static oscp_err_t
oscp_timeline_wrong(oscp_timeline_reader_t *r, oscp_err_t code, size_t block,
    int element, const char *text)
{
    char  path[PATH_SIZE];

    if (element < 0) {
        snprintf(path, sizeof(path), "$[%zu]", block);
    } else {
        snprintf(path, sizeof(path), "$[%zu][%d]", block, element);
    }

    return oscp_error_set(r->err, code, path, "%s", text);
}


static oscp_err_t
oscp_timeline_moment(oscp_timeline_reader_t *r, const cJSON *item,
    size_t block, int element, oscp_ms_t *ms)
{
    if (!cJSON_IsString(item)
        || oscp_time_parse(item->valuestring, strlen(item->valuestring), ms)
           != 0)
    {
        return oscp_timeline_wrong(r, OSCP_ERR_SCHEMA, block, element,
                                   "must be a date-time");
    }

    return OSCP_OK;
}


static oscp_err_t
oscp_timeline_times(oscp_timeline_reader_t *r, const cJSON *items[],
    size_t block, oscp_span_t *span)
{
    oscp_err_t  rc;

    rc = oscp_timeline_moment(r, items[ELEMENT_START], block, ELEMENT_START,
                              &span->start_ms);
    if (rc == OSCP_OK) {
        rc = oscp_timeline_moment(r, items[ELEMENT_END], block, ELEMENT_END,
                                  &span->end_ms);
    }

    if (rc == OSCP_OK && span->end_ms <= span->start_ms) {
        return oscp_timeline_wrong(r, OSCP_ERR_SEMANTIC, block, ELEMENT_END,
                                   "must be after the start");
    }

    return rc;
}


static oscp_err_t
oscp_timeline_values(oscp_timeline_reader_t *r, const cJSON *items[],
    size_t block, oscp_span_t *span)
{
    int           phase;
    const cJSON  *item;

    item = items[ELEMENT_WATTS];
    if (!cJSON_IsNumber(item) || !isfinite(item->valuedouble)
        || item->valuedouble < 0)
    {
        return oscp_timeline_wrong(r, OSCP_ERR_SCHEMA, block, ELEMENT_WATTS,
                                   "must be a number, 0 or more");
    }

    span->watts = item->valuedouble;

    item = items[ELEMENT_PHASE];
    phase = cJSON_IsString(item)
            ? oscp_phase_find(item->valuestring, strlen(item->valuestring))
            : -1;
    if (phase < 0) {
        return oscp_timeline_wrong(r, OSCP_ERR_SCHEMA, block, ELEMENT_PHASE,
                                   "must be a phase");
    }

    span->phase = phase;

    item = items[ELEMENT_REQ];
    if (!cJSON_IsString(item)
        || !oscp_id_valid(item->valuestring, strlen(item->valuestring)))
    {
        return oscp_timeline_wrong(r, OSCP_ERR_SCHEMA, block, ELEMENT_REQ,
                                   "must be a request id");
    }

    strcpy(span->req, item->valuestring);

    return OSCP_OK;
}


static oscp_err_t
oscp_timeline_block(oscp_timeline_reader_t *r, const cJSON *block, size_t i,
    oscp_span_t *span)
{
    int           k = 0;
    oscp_err_t    rc;
    const cJSON  *items[ELEMENT_COUNT] = { NULL }, *item;

    if (!cJSON_IsArray(block) || cJSON_GetArraySize(block) != ELEMENT_COUNT) {
        return oscp_timeline_wrong(r, OSCP_ERR_SCHEMA, i, -1, "must be an "
                                   "array of start, end, watts, phase, req");
    }

    cJSON_ArrayForEach(item, block) {
        items[k++] = item;
    }

    memset(span, 0, sizeof(*span));

    rc = oscp_timeline_times(r, items, i, span);

    return rc == OSCP_OK ? oscp_timeline_values(r, items, i, span) : rc;
}


static oscp_err_t
oscp_timeline_append(oscp_timeline_reader_t *r, size_t i,
    const oscp_span_t *span)
{
    size_t         size;
    oscp_span_t   *grown;
    oscp_spans_t  *lane = &r->lanes[oscp_timeline_lane(span->phase)];

    if (lane->n > 0 && span->start_ms < lane->spans[lane->n - 1].end_ms) {
        return oscp_timeline_wrong(r, OSCP_ERR_SEMANTIC, i, ELEMENT_START,
                                   "must not be before the last one's end");
    }

    if (lane->n == lane->size) {
        size = lane->size ? 2 * lane->size : 16;
        grown = r->alloc->resize(r->alloc->ctx, lane->spans,
                                 size * sizeof(*grown));
        if (grown == NULL) {
            return oscp_timeline_wrong(r, OSCP_ERR_NOMEM, i, -1, "no memory");
        }

        lane->spans = grown;
        lane->size = size;
    }

    lane->spans[lane->n++] = *span;

    return OSCP_OK;
}


static oscp_err_t
oscp_timeline_blocks(oscp_timeline_reader_t *r, const cJSON *root)
{
    size_t        i = 0;
    oscp_err_t    rc;
    oscp_span_t   span;
    const cJSON  *block;

    if (!cJSON_IsArray(root)) {
        return oscp_error_set(r->err, OSCP_ERR_SCHEMA, "$",
                              "must be an array");
    }

    if (cJSON_GetArraySize(root) > OSCP_TIMELINE_SPANS_MAX) {
        return oscp_error_set(r->err, OSCP_ERR_LIMIT, "$",
                              "must be at most %d blocks",
                              OSCP_TIMELINE_SPANS_MAX);
    }

    cJSON_ArrayForEach(block, root) {
        rc = oscp_timeline_block(r, block, i, &span);
        if (rc == OSCP_OK) {
            rc = oscp_timeline_append(r, i, &span);
        }
        if (rc != OSCP_OK) {
            return rc;
        }

        i++;
    }

    return OSCP_OK;
}


oscp_err_t
oscp_timeline_read(oscp_timeline_t *t, const char *json, size_t len,
    const oscp_alloc_t *alloc, oscp_error_t *err)
{
    int                     lane;
    cJSON                  *root;
    oscp_err_t              rc;
    const char             *end = NULL;
    oscp_spans_t            drop;
    oscp_timeline_reader_t  reader;

    memset(&reader, 0, sizeof(reader));
    reader.alloc = alloc;
    reader.err = err;

    root = cJSON_ParseWithLengthOpts(json, len, &end, 0);
    if (root == NULL || end != json + len) {
        rc = oscp_error_set(err, OSCP_ERR_SYNTAX, "$", "must be JSON");
    } else {
        rc = oscp_timeline_blocks(&reader, root);
    }

    cJSON_Delete(root);

    /* all or nothing: the new lanes change places with the old ones */
    for (lane = 0; lane < OSCP_LANE_COUNT; lane++) {
        drop = reader.lanes[lane];

        if (rc == OSCP_OK) {
            drop = t->lanes[lane];
            t->lanes[lane] = reader.lanes[lane];
        }

        if (drop.spans) {
            alloc->resize(alloc->ctx, drop.spans, 0);
        }
    }

    return rc;
}
