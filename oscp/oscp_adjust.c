/*
 * Adjustments.
 */

#include <math.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "oscp_adjust.h"
#include "oscp_out.h"
#include "oscp_read.h"
#include "oscp_timeline_block.h"
#include "oscp_write.h"

#define WATT_DECIMALS   3
#define WATTS_SCALE     1000.0
#define WATTS_PER_KW    1000.0

#define ELEMENT_START   0
#define ELEMENT_END     1
#define ELEMENT_WATTS   2


static const char *const  oscp_adjust_states[OSCP_ADJUST_STATE_COUNT] = {
    [OSCP_ADJUST_NONE] = "",
    [OSCP_ADJUST_REQUESTED] = "requested",
    [OSCP_ADJUST_ANSWERED] = "answered",
    [OSCP_ADJUST_REFUSED] = "refused",
    [OSCP_ADJUST_EXPIRED] = "expired",
};


const char *
oscp_adjust_state_name(oscp_adjust_state_t state)
{
    return (unsigned) state < OSCP_ADJUST_STATE_COUNT
           ? oscp_adjust_states[state] : NULL;
}


int
oscp_adjust_state_find(const char *text, size_t len)
{
    int  state;

    for (state = 0; state < OSCP_ADJUST_STATE_COUNT; state++) {
        if (strlen(oscp_adjust_states[state]) == len
            && memcmp(oscp_adjust_states[state], text, len) == 0)
        {
            return state;
        }
    }

    return -1;
}


/* What a block must be beside the others that came before it. */
static oscp_err_t
oscp_adjust_place(const oscp_adjust_t *a, size_t i, const oscp_span_t *span,
    oscp_ms_t ends[OSCP_LANE_COUNT], oscp_error_t *err)
{
    oscp_lane_t  lane = oscp_timeline_lane(span->phase);

    if (i > 0 && span->start_ms < a->blocks[i - 1].start_ms) {
        return oscp_timeline_block_wrong(err, OSCP_ERR_SEMANTIC, i,
                                         ELEMENT_START, "must not be before "
                                         "the start of the block before");
    }

    if (span->start_ms < ends[lane]) {
        return oscp_timeline_block_wrong(err, OSCP_ERR_SEMANTIC, i,
                                         ELEMENT_START, "must not be before "
                                         "the end of the last block for this "
                                         "phase");
    }

    ends[lane] = span->end_ms;

    return OSCP_OK;
}


static oscp_err_t
oscp_adjust_add(oscp_adjust_t *a, const oscp_span_t *span, oscp_ms_t now_ms,
    oscp_error_t *err)
{
    oscp_block_t  *block = &a->blocks[a->n];

    if (span->end_ms <= now_ms) {
        return oscp_timeline_block_wrong(err, OSCP_ERR_SEMANTIC, a->n,
                                         ELEMENT_END, "must be in the future");
    }

    if (span->watts > OSCP_ADJUST_WATTS_MAX) {
        return oscp_timeline_block_wrong(err, OSCP_ERR_SEMANTIC, a->n,
                                         ELEMENT_WATTS, "must be at most "
                                         "1000000000000");
    }

    block->capacity = round(span->watts * WATTS_SCALE) / WATTS_SCALE;
    block->phase = span->phase;
    block->unit = OSCP_UNIT_W;
    block->start_ms = span->start_ms;
    block->end_ms = span->end_ms;
    a->n++;

    return OSCP_OK;
}


static oscp_err_t
oscp_adjust_blocks(oscp_adjust_t *a, const cJSON *root, oscp_ms_t now_ms,
    oscp_error_t *err)
{
    int           lane;
    oscp_ms_t     ends[OSCP_LANE_COUNT];
    oscp_err_t    rc = OSCP_OK;
    oscp_span_t   span;
    const cJSON  *block;

    if (!cJSON_IsArray(root)) {
        return oscp_error_set(err, OSCP_ERR_SCHEMA, "$", "must be an array");
    }

    if (cJSON_GetArraySize(root) < 1
        || cJSON_GetArraySize(root) > OSCP_ADJUST_BLOCKS_MAX)
    {
        return oscp_error_set(err, OSCP_ERR_LIMIT, "$", "must be 1 to %d "
                              "blocks", OSCP_ADJUST_BLOCKS_MAX);
    }

    for (lane = 0; lane < OSCP_LANE_COUNT; lane++) {
        ends[lane] = INT64_MIN;
    }

    cJSON_ArrayForEach(block, root) {
        rc = oscp_timeline_block_read(block, a->n, OSCP_TIMELINE_BLOCK_ASKED,
                                      &span, err);
        if (rc == OSCP_OK) {
            rc = oscp_adjust_place(a, a->n, &span, ends, err);
        }
        if (rc == OSCP_OK) {
            rc = oscp_adjust_add(a, &span, now_ms, err);
        }
        if (rc != OSCP_OK) {
            break;
        }
    }

    return rc;
}


oscp_err_t
oscp_adjust_read(oscp_adjust_t *a, const char *json, size_t len,
    oscp_ms_t now_ms, oscp_error_t *err)
{
    cJSON       *root;
    oscp_err_t   rc;
    const char  *end = NULL;

    a->n = 0;

    if (len > OSCP_ADJUST_SIZE_MAX) {
        return oscp_error_set(err, OSCP_ERR_LIMIT, "$", "must be at most %d "
                              "bytes", OSCP_ADJUST_SIZE_MAX);
    }

    root = cJSON_ParseWithLengthOpts(json, len, &end, 0);
    if (root == NULL || end != json + len) {
        rc = oscp_error_set(err, OSCP_ERR_SYNTAX, "$", "must be JSON");
    } else {
        rc = oscp_adjust_blocks(a, root, now_ms, err);
    }

    cJSON_Delete(root);

    return rc;
}


static void
oscp_adjust_moment(oscp_out_t *o, oscp_ms_t ms)
{
    char  text[OSCP_TIME_SIZE];

    oscp_time_format(ms, text);
    oscp_out_string(o, text);
    oscp_out_text(o, ",");
}


size_t
oscp_adjust_write(const oscp_adjust_t *a, char *buf, size_t size)
{
    size_t               i;
    oscp_out_t           o;
    const oscp_block_t  *b;

    oscp_out_init(&o, buf, size);
    oscp_out_text(&o, "[");

    for (i = 0; i < a->n; i++) {
        b = &a->blocks[i];
        oscp_out_text(&o, i > 0 ? ",[" : "[");
        oscp_adjust_moment(&o, b->start_ms);
        oscp_adjust_moment(&o, b->end_ms);
        oscp_out_number(&o, b->capacity, WATT_DECIMALS);
        oscp_out_text(&o, ",");
        oscp_out_string(&o, oscp_phase_name(b->phase));
        oscp_out_text(&o, "]");
    }

    oscp_out_text(&o, "]");

    return oscp_out_end(&o);
}


size_t
oscp_adjust_message(const oscp_adjust_t *a, const char *group,
    oscp_type_t type, char *buf, size_t size)
{
    size_t          i;
    oscp_block_t    blocks[OSCP_ADJUST_BLOCKS_MAX];
    oscp_message_t  m;

    oscp_message_init(&m, OSCP_ADJUST_GROUP_CAPACITY_FORECAST);
    strncpy(m.group_id, group, sizeof(m.group_id) - 1);
    m.type = type;
    m.blocks = blocks;
    m.nblocks = a->n;

    for (i = 0; i < a->n; i++) {
        blocks[i] = a->blocks[i];
        blocks[i].capacity /= WATTS_PER_KW;
        blocks[i].unit = OSCP_UNIT_KW;
    }

    return oscp_write(&m, buf, size);
}


int
oscp_adjust_type(const char *body, size_t len)
{
    oscp_error_t         err;
    oscp_block_t         blocks[OSCP_ADJUST_BLOCKS_MAX];
    oscp_message_t       m;
    oscp_read_options_t  options = { 0 };

    oscp_message_init(&m, OSCP_ADJUST_GROUP_CAPACITY_FORECAST);
    m.blocks = blocks;
    m.max_blocks = OSCP_ADJUST_BLOCKS_MAX;

    return oscp_read(&m, body, len, &options, &err) == OSCP_OK
           ? (int) m.type : -1;
}


int
oscp_adjust_answers(const char *req, oscp_ms_t requested_ms,
    const char *corr, oscp_ms_t received_ms)
{
    if (corr != NULL && *corr != '\0') {
        return strcmp(corr, req) == 0;
    }

    return received_ms >= requested_ms;
}
