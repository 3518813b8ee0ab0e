/*
 * Goal: over random situations a decision equals the design's table, read
 * literally, at every millisecond; and until next_ms it does not change.
 */

#include "oscp_decision.h"
#include "tap.h"

#define NONE    OSCP_TIME_NONE
#define SPAN    48               /* milliseconds in which everything happens */
#define ROUNDS  3000

static uint32_t          seed;
static oscp_timeline_t   timelines[OSCP_TYPE_COUNT];
static oscp_situation_t  s;
static long              wrong, changes, early;


static unsigned
chance(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;

    return seed % n;
}


static void
situation(void)
{
    int              i, m, messages;
    size_t           k;
    oscp_block_t     b[4];
    oscp_forecast_t  f = { 0, b, 0, "", 0, 230 };
    const char      *reqs[] = { "a", "b", "c", "d" };

    for (i = 0; i < OSCP_TYPE_COUNT; i++) {
        oscp_timeline_clear(&timelines[i], &oscp_alloc_libc);
        messages = (int) chance(3);

        for (m = 0; m < messages; m++) {
            f.type = i;
            f.nblocks = 1 + chance(4);
            f.req = reqs[chance(4)];

            for (k = 0; k < f.nblocks; k++) {
                b[k].start_ms = 1 + chance(SPAN - 8);
                b[k].end_ms = b[k].start_ms + 1 + chance(8);
                b[k].capacity = chance(5) * 100;
                b[k].unit = OSCP_UNIT_W;
                b[k].phase = chance(4) ? OSCP_PHASE_ALL
                                       : chance(OSCP_PHASE_COUNT);
            }

            oscp_timeline_apply(&timelines[i], &f, NULL, &oscp_alloc_libc);
        }
    }

    s = (oscp_situation_t) {
        .connection_enabled = chance(10) > 0, .group_enabled = chance(10) > 0,
        .disconnected = chance(10) == 0, .online = chance(4) > 0,
        .liveness_ms = chance(2) ? (oscp_ms_t) chance(SPAN) : NONE,
        .timelines = timelines, .has_circuit = chance(4) > 0,
        .has_safe_default = chance(3) > 0, .rated_w = 250,
        .safe_default_w = 60
    };
}


/* The table, row by row as it is written; returns the row. */
static int
table(int direction, oscp_ms_t at, oscp_limit_t *want)
{
    int                    online = s.online && at < s.liveness_ms;
    oscp_capacity_t        p, f;
    const oscp_timeline_t *primary, *fallback;

    primary = &timelines[direction ? OSCP_GENERATION : OSCP_CONSUMPTION];
    fallback = &timelines[direction ? OSCP_FALLBACK_GENERATION
                                    : OSCP_FALLBACK_CONSUMPTION];
    oscp_timeline_at(primary, at, &p);
    oscp_timeline_at(fallback, at, &f);

    *want = (oscp_limit_t) { .req = "", .from_ms = NONE };

    if (!s.group_enabled || !s.connection_enabled || s.disconnected) {
        return 1;
    }

    if (primary->first_ms == NONE
        && (online || fallback->first_ms == NONE))
    {
        want->reason = OSCP_REASON_NO_FORECAST;
        return 2;
    }

    if (at < (primary->first_ms != NONE ? primary->first_ms
                                        : fallback->first_ms))
    {
        want->reason = OSCP_REASON_NOT_STARTED;
        return 2;
    }

    if (online && p.covered) {
        *want = (oscp_limit_t) { 3, OSCP_MODE_NORMAL, OSCP_REASON_FORECAST,
                                 OSCP_SOURCE_FORECAST, 1, p.watts, p.req,
                                 p.from_ms };
        return 3;
    }

    want->mode = OSCP_MODE_FALLBACK;
    want->reason = online ? OSCP_REASON_FORECAST_GAP
                          : OSCP_REASON_LIVENESS_LOST;

    if (f.covered) {
        want->source = OSCP_SOURCE_FALLBACK;
        want->has_limit = 1;
        want->limit_w = f.watts;
        want->req = f.req;
        want->from_ms = f.from_ms;
        return 4;
    }

    if (direction == OSCP_DIRECTION_IMPORT && s.has_safe_default) {
        want->source = OSCP_SOURCE_GAP_POLICY;
        want->has_limit = 1;
        want->limit_w = s.safe_default_w;
    }

    return 5;
}


static int
same_limit(const oscp_limit_t *a, const oscp_limit_t *b, int row)
{
    return a->row == row && a->mode == b->mode && a->source == b->source
           && (row == 1 || a->reason == b->reason)
           && a->has_limit == b->has_limit && a->limit_w == b->limit_w
           && strcmp(a->req, b->req) == 0 && a->from_ms == b->from_ms;
}


static double
circuit(const oscp_limit_t *import)
{
    if (!s.has_circuit) {
        return 0;
    }

    return import->has_limit && import->limit_w < s.rated_w ? import->limit_w
                                                            : s.rated_w;
}


static void
check_values(oscp_ms_t at, const oscp_decision_t *d)
{
    int           i, row;
    oscp_limit_t  want[OSCP_DIRECTION_COUNT];
    oscp_mode_t   mode;

    for (i = 0; i < OSCP_DIRECTION_COUNT; i++) {
        row = table(i, at, &want[i]);
        wrong += !same_limit(&d->limits[i], &want[i], row);

        /* no limit without its source, no source without its limit */
        wrong += d->limits[i].has_limit
                 != (d->limits[i].source != OSCP_SOURCE_NONE);
    }

    mode = want[0].mode > want[1].mode ? want[0].mode : want[1].mode;
    wrong += d->mode != mode;
    wrong += d->colour != (oscp_colour_t) mode;
    wrong += d->reason != d->limits[0].reason
             && d->reason != d->limits[1].reason;
    wrong += d->has_envelope != (want[0].has_limit || want[1].has_limit);
    wrong += d->available_capacity_w != circuit(&want[0]);
    wrong += (d->control == OSCP_CONTROL_LOCAL) == want[0].has_limit;
}


/* Nothing changes before next_ms; at next_ms something mostly does. */
static void
check_next(const oscp_decision_t *all)
{
    int  at, t, next;

    for (at = 0; at < SPAN; at++) {
        wrong += all[at].next_ms <= at;
        next = all[at].next_ms < SPAN ? (int) all[at].next_ms : SPAN;

        for (t = at + 1; t < next; t++) {
            wrong += !oscp_decision_same(&all[at], &all[t]);

            /* and the next change is the same one, seen from there */
            wrong += all[t].next_ms != all[at].next_ms;
        }

        if (next < SPAN) {
            changes++;
            early += oscp_decision_same(&all[at], &all[next]);
        }
    }
}


int
main(void)
{
    int              i, at, round;
    oscp_decision_t  all[SPAN];
    const uint32_t   seeds[] = { 7, 20261123, 0xfeedface };

    for (i = 0; i < 3; i++) {
        seed = seeds[i];
        wrong = changes = early = 0;

        for (round = 0; round < ROUNDS; round++) {
            situation();

            for (at = 0; at < SPAN; at++) {
                oscp_decide(&s, at, &all[at]);
                check_values(at, &all[at]);
            }

            check_next(all);
        }

        is_int(wrong, 0, "decisions equal the table and hold until next_ms");
        ok(changes > 10000 && early * 3 < changes,
           "seed %u: %ld changes, %ld of them to the same", seeds[i], changes,
           early);
    }

    for (i = 0; i < OSCP_TYPE_COUNT; i++) {
        oscp_timeline_clear(&timelines[i], &oscp_alloc_libc);
    }

    return done_testing();
}
