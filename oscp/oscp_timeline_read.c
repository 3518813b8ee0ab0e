/*
 * A timeline from Redis.  Nobody but the worker writes there, but what does
 * not hold the timeline's rules must not decide over a depot.
 */

#include <string.h>

#include <cjson/cJSON.h>

#include "oscp_json_check.h"
#include "oscp_timeline.h"
#include "oscp_timeline_block.h"


typedef struct {
    oscp_spans_t         lanes[OSCP_LANE_COUNT];
    const oscp_alloc_t  *alloc;
    oscp_error_t        *err;
} oscp_timeline_reader_t;


static oscp_err_t
oscp_timeline_append(oscp_timeline_reader_t *r, size_t i,
    const oscp_span_t *span)
{
    size_t         size;
    oscp_span_t   *grown;
    oscp_spans_t  *lane = &r->lanes[oscp_timeline_lane(span->phase)];

    if (lane->n > 0 && span->start_ms < lane->spans[lane->n - 1].end_ms) {
        return oscp_timeline_block_wrong(r->err, OSCP_ERR_SEMANTIC, i, 0,
                                         "must not be before the last one's "
                                         "end");
    }

    if (lane->n == lane->size) {
        size = lane->size ? 2 * lane->size : 16;
        grown = r->alloc->resize(r->alloc->ctx, lane->spans,
                                 size * sizeof(*grown));
        if (grown == NULL) {
            return oscp_timeline_block_wrong(r->err, OSCP_ERR_NOMEM, i, -1,
                                             "no memory");
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
        rc = oscp_timeline_block_read(block, i, OSCP_TIMELINE_BLOCK_STORED,
                                      &span, r->err);
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
    if (root == NULL) {
        rc = oscp_json_check_refused(json, len, "must be JSON", err);

    } else if (end != json + len) {
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
