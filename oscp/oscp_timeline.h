/*
 * The forecast timeline of one group and one type: which capacity holds when,
 * and which message said so (design, sections 6 and 10, "Forecast timeline").
 *
 * A timeline has four lanes: the total (phase ALL or UNKNOWN) and one for each
 * single phase.  Within a lane spans are sorted, half-open and never overlap.
 */

#ifndef OSCP_TIMELINE_H
#define OSCP_TIMELINE_H

#include <stddef.h>

#include "oscp_alloc.h"
#include "oscp_error.h"
#include "oscp_message.h"

#define OSCP_TIMELINE_SPANS_MAX   8192    /* spans in one timeline */

typedef enum {
    OSCP_LANE_TOTAL = 0,
    OSCP_LANE_ONE,
    OSCP_LANE_TWO,
    OSCP_LANE_THREE,
    OSCP_LANE_COUNT
} oscp_lane_t;

/* A piece of a block, in watts, with the id of the message it came from. */
typedef struct {
    oscp_ms_t     start_ms;
    oscp_ms_t     end_ms;
    double        watts;
    oscp_phase_t  phase;                  /* as sent */
    char          req[OSCP_ID_SIZE];
} oscp_span_t;

typedef struct {
    oscp_span_t  *spans;                  /* owned, from the caller's alloc */
    size_t        n;
    size_t        size;
} oscp_spans_t;

/* A zeroed structure with oscp_timeline_init() is an empty timeline. */
typedef struct {
    oscp_spans_t  lanes[OSCP_LANE_COUNT];
    char          req[OSCP_ID_SIZE];      /* newest message; "" when none */
    oscp_ms_t     received_ms;            /* its receipt; NONE when none */
    oscp_ms_t     first_ms;               /* start of the earliest block of any
                                             message since the timeline was
                                             emptied; NONE when none */
    unsigned      zero:1;                 /* the newest message's blocks are
                                             all 0 */
} oscp_timeline_t;

/* A message as the timeline takes it. */
typedef struct {
    oscp_type_t          type;            /* OPTIMUM: the later block */
    const oscp_block_t  *blocks;          /* 1 or more, in any order */
    size_t               nblocks;
    const char          *req;             /* request id, OSCP_ID_MAX at most */
    oscp_ms_t            received_ms;
    double               voltage_v;       /* of the group's binding */
} oscp_forecast_t;

/* What a timeline says of one moment. */
typedef struct {
    unsigned     covered:1;               /* a span covers the moment */
    double       watts;                   /* the limit; 0 when not covered */
    oscp_lane_t  lane;                    /* which bound it: the total, or a
                                             single phase for "the sum" */
    const char  *req;                     /* the message that said so; points
                                             into the timeline; "" when not
                                             covered */
    oscp_ms_t    from_ms;                 /* start of the binding span */
    oscp_ms_t    until_ms;                /* the next moment after `at` at which
                                             this answer can change; NONE when
                                             it never does */
} oscp_capacity_t;

/* The lane that a block for `phase` belongs to. */
oscp_lane_t oscp_timeline_lane(oscp_phase_t phase);

void oscp_timeline_init(oscp_timeline_t *t);

/* Frees the spans and empties the timeline; harmless on an empty one. */
void oscp_timeline_clear(oscp_timeline_t *t, const oscp_alloc_t *alloc);

/*
 * Takes a message in.  It speaks for all time from its first block's start on:
 * in each lane it has blocks for (all lanes, when one of them is for ALL or
 * UNKNOWN) earlier spans are dropped from there, and a span across that moment
 * is cut.  Blocks of one message that overlap on one lane: the lower capacity
 * holds, for OPTIMUM the later block in the message.
 *
 * `*overlaps` (may be NULL) becomes the number of overlapping pairs resolved.
 *
 * Returns OSCP_OK; OSCP_ERR_LIMIT over OSCP_TIMELINE_SPANS_MAX; OSCP_ERR_NOMEM.
 * After an error the timeline is as it was.
 */
oscp_err_t oscp_timeline_apply(oscp_timeline_t *t, const oscp_forecast_t *f,
    size_t *overlaps, const oscp_alloc_t *alloc);

/*
 * The capacity at `at_ms`: the lower of the total's span and of the sum of the
 * single phases' spans that cover the moment; of the two the one that exists
 * when only one does.
 */
void oscp_timeline_at(const oscp_timeline_t *t, oscp_ms_t at_ms,
    oscp_capacity_t *c);

/*
 * The spans whose message oscp_timeline_at() names at `at_ms`: the total's, or
 * those of the phases in the sum that are of that message.  Returns how many, 0
 * when the moment is not covered; they point into the timeline.
 */
size_t oscp_timeline_binding(const oscp_timeline_t *t, oscp_ms_t at_ms,
    const oscp_span_t *spans[OSCP_LANE_COUNT]);

/* Drops spans that ended at or before `before_ms`.  Returns how many. */
size_t oscp_timeline_prune(oscp_timeline_t *t, oscp_ms_t before_ms);

/*
 * The earliest start and the latest end over all spans; NONE (both) when
 * there are none.
 */
void oscp_timeline_range(const oscp_timeline_t *t, oscp_ms_t *from_ms,
    oscp_ms_t *until_ms);

/*
 * The `blocks` field of a forecast hash: a JSON array of
 * ["START","END",WATTS,"PHASE","REQ"], sorted by start, then phase.
 *
 * Writes to `buf` of `size` bytes, NUL-terminated; returns the whole length as
 * snprintf does.
 */
size_t oscp_timeline_write(const oscp_timeline_t *t, char *buf, size_t size);

/*
 * Reads what oscp_timeline_write() wrote into the spans of `t`, replacing
 * them; req, received_ms, first_ms and zero are left alone.  Errors name the
 * element: "$[3][1]".  After an error the timeline is as it was.
 */
oscp_err_t oscp_timeline_read(oscp_timeline_t *t, const char *json, size_t len,
    const oscp_alloc_t *alloc, oscp_error_t *err);

#endif /* OSCP_TIMELINE_H */
