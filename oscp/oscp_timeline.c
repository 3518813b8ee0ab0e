/*
 * What a timeline holds, and how a message changes it.
 */

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "oscp_overlap.h"
#include "oscp_timeline.h"
#include "oscp_unit.h"

#define WATTS_MAX      1e18
#define WATTS_SCALE    1000.0       /* Redis shows milliwatts */


/* A message on its way into the timeline. */
typedef struct {
    oscp_overlap_t   work;
    oscp_piece_t    *pieces[OSCP_LANE_COUNT];
    size_t           npieces[OSCP_LANE_COUNT];
    unsigned         touched[OSCP_LANE_COUNT];
    oscp_spans_t     lanes[OSCP_LANE_COUNT];    /* what touched ones become */
    oscp_ms_t        from_ms;                   /* first block's start */
    size_t           overlaps;
    unsigned         zero:1;
} oscp_change_t;


static const oscp_lane_t  oscp_timeline_lanes[OSCP_PHASE_COUNT] = {
    [OSCP_PHASE_UNKNOWN] = OSCP_LANE_TOTAL,
    [OSCP_PHASE_ONE] = OSCP_LANE_ONE,
    [OSCP_PHASE_TWO] = OSCP_LANE_TWO,
    [OSCP_PHASE_THREE] = OSCP_LANE_THREE,
    [OSCP_PHASE_ALL] = OSCP_LANE_TOTAL
};


oscp_lane_t
oscp_timeline_lane(oscp_phase_t phase)
{
    return oscp_timeline_lanes[phase];
}


void
oscp_timeline_init(oscp_timeline_t *t)
{
    memset(t, 0, sizeof(*t));

    t->received_ms = OSCP_TIME_NONE;
    t->first_ms = OSCP_TIME_NONE;
}


void
oscp_timeline_clear(oscp_timeline_t *t, const oscp_alloc_t *alloc)
{
    int  lane;

    for (lane = 0; lane < OSCP_LANE_COUNT; lane++) {
        if (t->lanes[lane].spans) {
            alloc->resize(alloc->ctx, t->lanes[lane].spans, 0);
        }
    }

    oscp_timeline_init(t);
}


/*
 * As exact as the text in Redis, so that what is read back after a restart
 * equals what was decided before it.
 */
static double
oscp_timeline_watts(const oscp_block_t *b, double voltage_v)
{
    double  watts;

    watts = oscp_unit_watts(b->capacity, b->unit, b->phase, voltage_v,
                            b->end_ms - b->start_ms);

    if (!(watts < WATTS_MAX)) {
        return WATTS_MAX;
    }

    return watts > 0 ? round(watts * WATTS_SCALE) / WATTS_SCALE : 0;
}


/* The first span of the lane that ends after `at_ms`, or lane->n. */
static size_t
oscp_timeline_find(const oscp_spans_t *lane, oscp_ms_t at_ms)
{
    size_t  low = 0, high = lane->n, middle;

    while (low < high) {
        middle = low + (high - low) / 2;

        if (lane->spans[middle].end_ms > at_ms) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }

    return low;
}


/* The blocks of one lane, in watts, into the work area. */
static size_t
oscp_timeline_collect(oscp_change_t *change, const oscp_forecast_t *f,
    oscp_lane_t lane)
{
    size_t               i, n = 0;
    oscp_piece_t        *piece;
    const oscp_block_t  *b;

    for (i = 0; i < f->nblocks; i++) {
        b = &f->blocks[i];

        if (oscp_timeline_lane(b->phase) != lane || b->end_ms <= b->start_ms)
        {
            continue;
        }

        piece = &change->work.blocks[n++];
        piece->start_ms = b->start_ms;
        piece->end_ms = b->end_ms;
        piece->watts = oscp_timeline_watts(b, f->voltage_v);
        piece->phase = b->phase;
        piece->index = i;

        if (b->start_ms < change->from_ms) {
            change->from_ms = b->start_ms;
        }

        if (piece->watts > 0) {
            change->zero = 0;
        }
    }

    return n;
}


/* Sorts the message into lanes of pieces that do not overlap. */
static void
oscp_timeline_resolve(oscp_change_t *change, const oscp_forecast_t *f)
{
    int                  lane;
    size_t               n;
    oscp_overlap_rule_t  rule;

    rule = f->type == OSCP_OPTIMUM ? OSCP_OVERLAP_LATER : OSCP_OVERLAP_LOWER;

    for (lane = 0; lane < OSCP_LANE_COUNT; lane++) {
        n = oscp_timeline_collect(change, f, lane);

        change->pieces[lane] = change->work.pieces;
        change->npieces[lane] = oscp_overlap_resolve(&change->work, n, rule,
                                                     &change->overlaps);
        change->work.pieces += change->npieces[lane];

        /* a block for ALL speaks for every lane */
        change->touched[lane] = n > 0 || change->touched[OSCP_LANE_TOTAL];
    }
}


/* How many spans of the lane begin before the message does. */
static size_t
oscp_timeline_kept(const oscp_spans_t *lane, oscp_ms_t from_ms)
{
    size_t  i = oscp_timeline_find(lane, from_ms);

    return i < lane->n && lane->spans[i].start_ms < from_ms ? i + 1 : i;
}


static void
oscp_timeline_fill(oscp_spans_t *lane, const oscp_change_t *change, int which,
    const char *req)
{
    size_t               i;
    oscp_span_t         *span;
    const oscp_piece_t  *piece;

    for (i = 0; i < change->npieces[which]; i++) {
        piece = &change->pieces[which][i];
        span = &lane->spans[lane->n++];

        memset(span, 0, sizeof(*span));
        span->start_ms = piece->start_ms;
        span->end_ms = piece->end_ms;
        span->watts = piece->watts;
        span->phase = piece->phase;
        strncpy(span->req, req, OSCP_ID_MAX);
    }
}


/* What a lane becomes: the spans before the message, the last cut, then its. */
static oscp_err_t
oscp_timeline_build(const oscp_timeline_t *t, oscp_change_t *change, int which,
    const char *req, const oscp_alloc_t *alloc)
{
    size_t               kept, n;
    oscp_spans_t        *lane = &change->lanes[which];
    const oscp_spans_t  *old = &t->lanes[which];

    kept = oscp_timeline_kept(old, change->from_ms);
    n = kept + change->npieces[which];

    if (n == 0) {
        return OSCP_OK;
    }

    lane->spans = alloc->resize(alloc->ctx, NULL, n * sizeof(oscp_span_t));
    if (lane->spans == NULL) {
        return OSCP_ERR_NOMEM;
    }

    lane->size = n;

    if (kept > 0) {
        memcpy(lane->spans, old->spans, kept * sizeof(oscp_span_t));
        lane->n = kept;

        if (lane->spans[kept - 1].end_ms > change->from_ms) {
            lane->spans[kept - 1].end_ms = change->from_ms;
        }
    }

    oscp_timeline_fill(lane, change, which, req);

    return OSCP_OK;
}


static size_t
oscp_timeline_total(const oscp_timeline_t *t, const oscp_change_t *change)
{
    int     lane;
    size_t  n = 0;

    for (lane = 0; lane < OSCP_LANE_COUNT; lane++) {
        n += change->touched[lane]
             ? oscp_timeline_kept(&t->lanes[lane], change->from_ms)
               + change->npieces[lane]
             : t->lanes[lane].n;
    }

    return n;
}


static oscp_err_t
oscp_timeline_change(oscp_timeline_t *t, oscp_change_t *change,
    const oscp_forecast_t *f, const oscp_alloc_t *alloc)
{
    int           lane;
    oscp_err_t    rc = OSCP_OK;
    oscp_spans_t  drop;

    if (oscp_timeline_total(t, change) > OSCP_TIMELINE_SPANS_MAX) {
        return OSCP_ERR_LIMIT;
    }

    for (lane = 0; lane < OSCP_LANE_COUNT && rc == OSCP_OK; lane++) {
        if (change->touched[lane]) {
            rc = oscp_timeline_build(t, change, lane, f->req, alloc);
        }
    }

    /* all or nothing: the new lanes change places with the old ones */
    for (lane = 0; lane < OSCP_LANE_COUNT; lane++) {
        drop = change->lanes[lane];

        if (rc == OSCP_OK && change->touched[lane]) {
            drop = t->lanes[lane];
            t->lanes[lane] = change->lanes[lane];
        }

        if (drop.spans) {
            alloc->resize(alloc->ctx, drop.spans, 0);
        }
    }

    return rc;
}


oscp_err_t
oscp_timeline_apply(oscp_timeline_t *t, const oscp_forecast_t *f,
    size_t *overlaps, const oscp_alloc_t *alloc)
{
    char           *room;
    oscp_err_t      rc;
    oscp_change_t   change;
    const size_t    n = f->nblocks;

    memset(&change, 0, sizeof(change));
    change.from_ms = OSCP_TIME_NONE;
    change.zero = 1;

    if (n > OSCP_TIMELINE_SPANS_MAX) {
        return OSCP_ERR_LIMIT;
    }

    room = alloc->resize(alloc->ctx, NULL, 1 + n
                         * (3 * sizeof(oscp_piece_t) + sizeof(oscp_ms_t)
                            + sizeof(size_t)));
    if (room == NULL) {
        return OSCP_ERR_NOMEM;
    }

    change.work.blocks = (void *) room;
    change.work.pieces = change.work.blocks + n;
    change.work.ends = (void *) (change.work.pieces + 2 * n);
    change.work.heap = (void *) (change.work.ends + n);

    oscp_timeline_resolve(&change, f);

    rc = oscp_timeline_change(t, &change, f, alloc);

    alloc->resize(alloc->ctx, room, 0);

    if (rc != OSCP_OK) {
        return rc;
    }

    if (overlaps) {
        *overlaps = change.overlaps;
    }

    memset(t->req, 0, sizeof(t->req));
    strncpy(t->req, f->req, OSCP_ID_MAX);
    t->received_ms = f->received_ms;
    t->zero = change.zero;

    /* NONE is later than any */
    if (change.from_ms < t->first_ms) {
        t->first_ms = change.from_ms;
    }

    return OSCP_OK;
}


static void
oscp_timeline_bind(oscp_capacity_t *c, oscp_lane_t lane,
    const oscp_span_t *span)
{
    c->lane = lane;
    c->req = span->req;
    c->from_ms = span->start_ms;
}


void
oscp_timeline_at(const oscp_timeline_t *t, oscp_ms_t at_ms, oscp_capacity_t *c)
{
    int                  lane;
    double               sum = 0;
    size_t               i;
    oscp_ms_t            until;
    const oscp_span_t   *span, *total = NULL, *phase = NULL;

    memset(c, 0, sizeof(*c));
    c->req = "";
    c->from_ms = OSCP_TIME_NONE;
    c->until_ms = OSCP_TIME_NONE;

    for (lane = 0; lane < OSCP_LANE_COUNT; lane++) {
        i = oscp_timeline_find(&t->lanes[lane], at_ms);
        if (i == t->lanes[lane].n) {
            continue;
        }

        span = &t->lanes[lane].spans[i];
        until = span->start_ms > at_ms ? span->start_ms : span->end_ms;
        if (until < c->until_ms) {
            c->until_ms = until;
        }

        if (span->start_ms > at_ms) {
            continue;
        }

        if (lane == OSCP_LANE_TOTAL) {
            total = span;
            continue;
        }

        sum += span->watts;

        /* of the phases in the sum the one that changed it last speaks */
        if (phase == NULL || span->start_ms > phase->start_ms) {
            phase = span;
        }
    }

    if (total && (phase == NULL || total->watts <= sum)) {
        c->covered = 1;
        c->watts = total->watts;
        oscp_timeline_bind(c, OSCP_LANE_TOTAL, total);

    } else if (phase) {
        c->covered = 1;
        c->watts = sum;
        oscp_timeline_bind(c, oscp_timeline_lane(phase->phase), phase);
    }
}


size_t
oscp_timeline_binding(const oscp_timeline_t *t, oscp_ms_t at_ms,
    const oscp_span_t *spans[OSCP_LANE_COUNT])
{
    int                 lane;
    size_t              i, n = 0;
    oscp_capacity_t     c;
    const oscp_span_t  *span;

    oscp_timeline_at(t, at_ms, &c);

    for (lane = 0; c.covered && lane < OSCP_LANE_COUNT; lane++) {
        if ((lane == OSCP_LANE_TOTAL) != (c.lane == OSCP_LANE_TOTAL)) {
            continue;
        }

        i = oscp_timeline_find(&t->lanes[lane], at_ms);
        if (i == t->lanes[lane].n) {
            continue;
        }

        span = &t->lanes[lane].spans[i];
        if (span->start_ms <= at_ms && strcmp(span->req, c.req) == 0) {
            spans[n++] = span;
        }
    }

    return n;
}


size_t
oscp_timeline_prune(oscp_timeline_t *t, oscp_ms_t before_ms)
{
    int            lane;
    size_t         n, dropped = 0;
    oscp_spans_t  *spans;

    for (lane = 0; lane < OSCP_LANE_COUNT; lane++) {
        spans = &t->lanes[lane];
        n = oscp_timeline_find(spans, before_ms);
        if (n == 0) {
            continue;
        }

        spans->n -= n;
        memmove(spans->spans, spans->spans + n,
                spans->n * sizeof(oscp_span_t));
        dropped += n;
    }

    return dropped;
}


void
oscp_timeline_range(const oscp_timeline_t *t, oscp_ms_t *from_ms,
    oscp_ms_t *until_ms)
{
    int                  lane;
    const oscp_spans_t  *spans;

    *from_ms = OSCP_TIME_NONE;
    *until_ms = OSCP_TIME_NONE;

    for (lane = 0; lane < OSCP_LANE_COUNT; lane++) {
        spans = &t->lanes[lane];
        if (spans->n == 0) {
            continue;
        }

        if (spans->spans[0].start_ms < *from_ms) {
            *from_ms = spans->spans[0].start_ms;
        }

        if (*until_ms == OSCP_TIME_NONE
            || spans->spans[spans->n - 1].end_ms > *until_ms)
        {
            *until_ms = spans->spans[spans->n - 1].end_ms;
        }
    }
}
