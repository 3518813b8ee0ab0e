/*
 * A block as it stands in Redis: a JSON array of start, end, watts, phase and
 * the message it came from.  Internal to oscp/.
 */

#ifndef OSCP_TIMELINE_BLOCK_H
#define OSCP_TIMELINE_BLOCK_H

#include <cjson/cJSON.h>

#include "oscp_timeline.h"

typedef enum {
    OSCP_TIMELINE_BLOCK_STORED = 0,   /* of a timeline: all five elements */
    OSCP_TIMELINE_BLOCK_ASKED         /* asked for: three, or with a phase
                                         four; ALL without one */
} oscp_timeline_block_form_t;

/*
 * Reads the block number `i` of its list.  Errors name the element: "$[3][1]";
 * what holds is: the end is after the start, watts are finite and >= 0.
 */
oscp_err_t oscp_timeline_block_read(const cJSON *block, size_t i,
    oscp_timeline_block_form_t form, oscp_span_t *span, oscp_error_t *err);

/* Fills `err` for an element of block `i`; `element` negative: the block. */
oscp_err_t oscp_timeline_block_wrong(oscp_error_t *err, oscp_err_t code,
    size_t i, int element, const char *text);

#endif /* OSCP_TIMELINE_BLOCK_H */
