/*
 * Goal: over random messages a timeline says at every moment what an array of
 * minutes says that is filled by brute force.
 */

#include "oscp_timeline.h"
#include "tap.h"

#define MIN        INT64_C(60000)
#define MINUTES    120
#define BLOCKS     12
#define ROUNDS     400
#define MESSAGES   12

/* A minute of one lane: which block of which message holds. */
typedef struct {
    int     message;                 /* 0: none */
    int     block;
    double  watts;
} slot_t;

static uint32_t         seed;
static slot_t           model[OSCP_LANE_COUNT][MINUTES];
static oscp_timeline_t  timeline;
static long             wrong, pairs;


static unsigned
chance(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;

    return seed % n;
}


static void
say(const char *what, int minute)
{
    if (wrong++ < 10) {
        printf("# %s at minute %d\n", what, minute);
    }
}


/* Of two blocks on one minute the one that holds. */
static int
beats(oscp_type_t type, const slot_t *old, int message, double watts)
{
    return old->message != message || type == OSCP_OPTIMUM
           || watts < old->watts;
}


static void
model_apply(int message, const oscp_forecast_t *f)
{
    int                  lane, all = 0, from = MINUTES, m;
    int                  touched[OSCP_LANE_COUNT] = { 0 };
    size_t               i, k;
    const oscp_block_t  *b;

    for (i = 0; i < f->nblocks; i++) {
        b = &f->blocks[i];
        lane = oscp_timeline_lane(b->phase);
        touched[lane] = 1;
        all |= lane == OSCP_LANE_TOTAL;
        from = b->start_ms / MIN < from ? (int) (b->start_ms / MIN) : from;

        for (k = 0; k < i; k++) {
            pairs += (int) oscp_timeline_lane(f->blocks[k].phase) == lane
                     && f->blocks[k].start_ms < b->end_ms
                     && b->start_ms < f->blocks[k].end_ms;
        }
    }

    for (lane = 0; lane < OSCP_LANE_COUNT; lane++) {
        for (m = from; m < MINUTES && (all || touched[lane]); m++) {
            model[lane][m].message = 0;
        }
    }

    for (i = 0; i < f->nblocks; i++) {
        b = &f->blocks[i];
        lane = oscp_timeline_lane(b->phase);

        for (m = (int) (b->start_ms / MIN); m < b->end_ms / MIN; m++) {
            if (beats(f->type, &model[lane][m], message, b->capacity)) {
                model[lane][m] = (slot_t) { message, (int) i, b->capacity };
            }
        }
    }
}


static int
same(const slot_t *a, const slot_t *b)
{
    return a->message == b->message
           && (a->message == 0 || a->block == b->block);
}


/* The start of the piece that covers the minute. */
static int
model_start(int lane, int m)
{
    while (m > 0 && same(&model[lane][m - 1], &model[lane][m])) {
        m--;
    }

    return m;
}


/* The first minute at which any lane has another block, or MINUTES. */
static int
model_until(int m)
{
    int  lane, next;

    for (next = m + 1; next < MINUTES; next++) {
        for (lane = 0; lane < OSCP_LANE_COUNT; lane++) {
            if (!same(&model[lane][next], &model[lane][m])) {
                return next;
            }
        }
    }

    return MINUTES;
}


static void
model_at(int m, oscp_capacity_t *c, int *message)
{
    int     lane, phase = 0;
    double  sum = 0;

    memset(c, 0, sizeof(*c));
    c->from_ms = OSCP_TIME_NONE;
    *message = 0;

    for (lane = OSCP_LANE_ONE; lane < OSCP_LANE_COUNT; lane++) {
        if (model[lane][m].message == 0) {
            continue;
        }

        sum += model[lane][m].watts;
        if (phase == 0 || model_start(lane, m) > model_start(phase, m)) {
            phase = lane;
        }
    }

    if (phase) {
        c->covered = 1;
        c->watts = sum;
        c->lane = phase;
    }

    if (model[0][m].message && (!phase || model[0][m].watts <= sum)) {
        c->covered = 1;
        c->watts = model[0][m].watts;
        c->lane = OSCP_LANE_TOTAL;
    }

    if (c->covered) {
        *message = model[c->lane][m].message;
        c->from_ms = model_start(c->lane, m) * MIN;
    }
}


static void
compare(int first)
{
    int              m, message;
    char             req[16];
    oscp_ms_t        at, until;
    oscp_capacity_t  want, got;

    for (m = first; m < MINUTES; m++) {
        model_at(m, &want, &message);
        snprintf(req, sizeof(req), "m%d", message);
        req[message ? sizeof(req) - 1 : 0] = '\0';
        until = model_until(m) * MIN;

        for (at = m * MIN; at < (m + 1) * MIN; at += MIN - 1) {
            oscp_timeline_at(&timeline, at, &got);

            if (got.covered != want.covered || got.watts != want.watts
                || got.lane != want.lane || strcmp(got.req, req) != 0
                || got.from_ms != want.from_ms)
            {
                say("another answer", m);
            }

            if (got.until_ms <= at
                || (until < MINUTES * MIN && got.until_ms != until)
                || (until == MINUTES * MIN && got.until_ms < until))
            {
                say("another until", m);
            }
        }
    }
}


/* Sorted, half-open, never overlapping, never more than it says. */
static void
well_formed(void)
{
    int                  lane;
    size_t               i;
    const oscp_spans_t  *s;

    for (lane = 0; lane < OSCP_LANE_COUNT; lane++) {
        s = &timeline.lanes[lane];

        for (i = 0; i < s->n; i++) {
            if (s->spans[i].start_ms >= s->spans[i].end_ms
                || (i && s->spans[i - 1].end_ms > s->spans[i].start_ms)
                || (int) oscp_timeline_lane(s->spans[i].phase) != lane
                || s->n > s->size)
            {
                say("spans are not in order", lane);
            }
        }
    }
}


static void
one_round(oscp_type_t type)
{
    int              m, zero, first = MINUTES, start, pruned;
    char             req[16];
    size_t           i, overlaps;
    oscp_block_t     blocks[BLOCKS];
    oscp_forecast_t  f = { type, blocks, 0, req, 0, 230 };

    memset(model, 0, sizeof(model));
    oscp_timeline_init(&timeline);

    for (m = 1; m <= MESSAGES; m++) {
        f.nblocks = 1 + chance(BLOCKS);
        f.received_ms = m;
        snprintf(req, sizeof(req), "m%d", m);
        zero = 1;
        start = MINUTES;

        for (i = 0; i < f.nblocks; i++) {
            blocks[i].start_ms = chance(MINUTES - 1);
            blocks[i].end_ms = blocks[i].start_ms + 1
                               + chance((unsigned) (MINUTES - 1
                                                    - blocks[i].start_ms));
            start = blocks[i].start_ms < start ? (int) blocks[i].start_ms
                                               : start;
            blocks[i].start_ms *= MIN;
            blocks[i].end_ms *= MIN;
            blocks[i].capacity = chance(6) * 100;
            blocks[i].unit = OSCP_UNIT_W;
            blocks[i].phase = chance(3) ? OSCP_PHASE_ALL
                                        : chance(OSCP_PHASE_COUNT);
            zero &= blocks[i].capacity == 0;
        }

        /* often a message that only some phases are in */
        if (chance(3) == 0) {
            for (i = 0; i < f.nblocks; i++) {
                blocks[i].phase = OSCP_PHASE_ONE + chance(3);
            }
        }

        first = start < first ? start : first;
        pairs = 0;
        model_apply(m, &f);

        if (oscp_timeline_apply(&timeline, &f, &overlaps, &oscp_alloc_libc)
            != OSCP_OK || (long) overlaps != pairs)
        {
            say("another number of overlaps", m);
        }

        if (timeline.zero != (unsigned) zero || timeline.received_ms != m
            || timeline.first_ms != first * MIN
            || strcmp(timeline.req, req) != 0)
        {
            say("another newest message", m);
        }

        well_formed();
        compare(0);
    }

    pruned = (int) chance(MINUTES);
    oscp_timeline_prune(&timeline, pruned * MIN);
    compare(pruned);
    oscp_timeline_clear(&timeline, &oscp_alloc_libc);
}


int
main(void)
{
    int             i, round;
    const uint32_t  seeds[] = { 1, 20261123, 0xdecafbad };

    for (i = 0; i < 3; i++) {
        seed = seeds[i];
        wrong = 0;

        for (round = 0; round < ROUNDS; round++) {
            one_round(round % 4 ? OSCP_CONSUMPTION : OSCP_OPTIMUM);
        }

        ok(wrong == 0, "%d messages from seed %u", ROUNDS * MESSAGES,
           seeds[i]);
    }

    return done_testing();
}
