/*
 * Goal: each sentence of the design about the forecast timeline (section 6;
 * section 10, "Envelope" and "More") holds.
 */

#include "oscp_timeline.h"
#include "tap.h"

#define MIN  INT64_C(60000)

static oscp_timeline_t  t;
static size_t           overlaps;


/* A block in minutes and watts. */
static oscp_block_t
block(int from, int until, double watts, oscp_phase_t phase)
{
    return (oscp_block_t) { watts, phase, OSCP_UNIT_W, from * MIN,
                            until * MIN };
}


static oscp_err_t
apply_type(oscp_type_t type, const char *req, const oscp_block_t *blocks,
    size_t n)
{
    oscp_forecast_t  f = { type, blocks, n, req, 1000, 230 };

    return oscp_timeline_apply(&t, &f, &overlaps, &oscp_alloc_libc);
}


static void
apply(const char *req, const oscp_block_t *blocks, size_t n)
{
    ok(apply_type(OSCP_CONSUMPTION, req, blocks, n) == OSCP_OK,
       "message %s is taken in", req);
}


static void
holds(int minute, double watts, const char *req, const char *name)
{
    oscp_capacity_t  c;

    oscp_timeline_at(&t, minute * MIN, &c);
    if (!ok(c.covered && c.watts == watts && strcmp(c.req, req) == 0, "%s",
            name))
    {
        printf("#   got %d %g %s\n", c.covered, c.watts, c.req);
    }
}


static void
bare(int minute, const char *name)
{
    oscp_capacity_t  c;

    oscp_timeline_at(&t, minute * MIN, &c);
    ok(!c.covered && c.watts == 0 && strcmp(c.req, "") == 0
       && c.from_ms == OSCP_TIME_NONE, "%s", name);
}


static void
restart(void)
{
    oscp_timeline_clear(&t, &oscp_alloc_libc);
}


static void
empty(void)
{
    oscp_ms_t        from, until;
    oscp_capacity_t  c;

    oscp_timeline_init(&t);
    bare(0, "an empty timeline covers nothing");
    oscp_timeline_at(&t, 0, &c);
    is_int(c.until_ms, OSCP_TIME_NONE, "for ever");
    is_int(t.first_ms, OSCP_TIME_NONE, "it has no first block");
    is_int(t.received_ms, OSCP_TIME_NONE, "and no message");
    oscp_timeline_range(&t, &from, &until);
    ok(from == OSCP_TIME_NONE && until == OSCP_TIME_NONE, "no range");
    is_int(oscp_timeline_prune(&t, 1), 0, "nothing to prune");
    oscp_timeline_clear(&t, &oscp_alloc_libc);
    bare(0, "and can be cleared");
}


static void
half_open(void)
{
    oscp_block_t     b[] = { block(10, 20, 500, OSCP_PHASE_ALL),
                             block(20, 30, 700, OSCP_PHASE_ALL) };
    oscp_ms_t        from, until;
    oscp_capacity_t  c;

    apply("m1", b, 2);
    is_int(overlaps, 0, "neighbours do not overlap");
    is_str(t.req, "m1", "the newest message");
    is_int(t.received_ms, 1000, "its receipt");
    is_int(t.first_ms, 10 * MIN, "its first block's start");

    oscp_timeline_at(&t, 10 * MIN - 1, &c);
    ok(!c.covered, "a millisecond before the start nothing holds");
    is_int(c.until_ms, 10 * MIN, "until the start");
    oscp_timeline_at(&t, 10 * MIN, &c);
    ok(c.covered && c.watts == 500, "at the start the block holds");
    is_int(c.from_ms, 10 * MIN, "from its start");
    is_int(c.until_ms, 20 * MIN, "until its end");
    is_int(c.lane, OSCP_LANE_TOTAL, "as a bound of the total");
    oscp_timeline_at(&t, 20 * MIN - 1, &c);
    ok(c.covered && c.watts == 500, "a millisecond before its end too");
    oscp_timeline_at(&t, 20 * MIN, &c);
    ok(c.covered && c.watts == 700, "at its end the next one");
    oscp_timeline_at(&t, 30 * MIN, &c);
    ok(!c.covered && c.until_ms == OSCP_TIME_NONE, "then nothing, for ever");

    oscp_timeline_range(&t, &from, &until);
    ok(from == 10 * MIN && until == 30 * MIN, "the range is both");
    restart();
}


static void
supersession(void)
{
    oscp_block_t  a[] = { block(0, 60, 100, OSCP_PHASE_ALL),
                          block(60, 120, 200, OSCP_PHASE_ALL) };
    oscp_block_t  b[] = { block(50, 70, 300, OSCP_PHASE_ALL),
                          block(30, 40, 400, OSCP_PHASE_ALL) };
    oscp_block_t  n[] = { block(90, 95, 900, OSCP_PHASE_ALL) };

    apply("a", a, 2);
    apply("b", b, 2);
    holds(29, 100, "a", "before the new message's first block the old holds");
    holds(30, 400, "b", "a block that spans it is cut there");
    bare(40, "the newest speaks for all time: also for its gaps");
    holds(50, 300, "b", "blocks in any order");
    bare(70, "nothing of the old is left behind it");
    bare(100, "for all time");
    is_int(t.first_ms, 0, "the earliest block is remembered, though nothing "
           "is left of it");
    is_str(t.req, "b", "the newest message is the later one");

    apply("n", n, 1);
    holds(60, 300, "b", "a message that begins later leaves what is before");
    holds(92, 900, "n", "and adds its own");
    restart();

    apply("b", b, 1);
    apply("a", a, 2);
    holds(0, 100, "a", "newest is by arrival, not by start");
    holds(55, 100, "a", "an earlier start replaces all later blocks");
    is_int(t.first_ms, 0, "and begins earlier");
    restart();
}


static void
overlapping(void)
{
    oscp_block_t  b[] = { block(0, 60, 100, OSCP_PHASE_ALL),
                          block(10, 20, 50, OSCP_PHASE_ALL),
                          block(15, 30, 150, OSCP_PHASE_ALL),
                          block(40, 80, 70, OSCP_PHASE_ALL) };
    oscp_capacity_t  c;

    apply("lower", b, 4);
    is_int(overlaps, 4, "four pairs overlap");
    holds(5, 100, "lower", "alone");
    holds(10, 50, "lower", "the lower capacity holds");
    holds(15, 50, "lower", "of three the lowest");
    holds(20, 100, "lower", "a higher one never holds under a lower");
    oscp_timeline_at(&t, 25 * MIN, &c);
    is_int(c.from_ms, 20 * MIN, "the piece begins where the lower one ended");
    is_int(c.until_ms, 40 * MIN, "one piece, not cut where nothing changes");
    holds(40, 70, "lower", "a lower one begins");
    holds(79, 70, "lower", "and goes on");
    restart();

    ok(apply_type(OSCP_OPTIMUM, "later", b, 4) == OSCP_OK, "as OPTIMUM");
    is_int(overlaps, 4, "the same pairs");
    holds(5, 100, "later", "alone");
    holds(10, 50, "later", "the later block holds");
    holds(15, 150, "later", "though it is higher");
    holds(29, 150, "later", "to its end");
    holds(30, 100, "later", "then the one that is left");
    holds(40, 70, "later", "and the last");
    restart();

    b[1] = block(0, 60, 100, OSCP_PHASE_ALL);
    b[2] = block(20, 30, 90, OSCP_PHASE_ONE);
    apply("same", b, 3);
    is_int(overlaps, 1, "twice the same block overlaps; another phase does "
           "not");
    is_int(t.lanes[OSCP_LANE_TOTAL].n, 1, "and leaves one span");
    restart();
}


static void
phases(void)
{
    oscp_block_t  all[] = { block(0, 60, 1000, OSCP_PHASE_ALL),
                            block(0, 60, 400, OSCP_PHASE_ONE),
                            block(10, 60, 500, OSCP_PHASE_TWO),
                            block(0, 30, 600, OSCP_PHASE_THREE) };
    oscp_block_t  two[] = { block(20, 40, 10, OSCP_PHASE_TWO) };
    oscp_block_t  unknown[] = { block(30, 50, 2000, OSCP_PHASE_UNKNOWN) };
    oscp_block_t  three[] = { block(70, 80, 7, OSCP_PHASE_THREE) };
    oscp_capacity_t  c;

    apply("all", all, 4);
    is_int(overlaps, 0, "blocks on different phases do not overlap");
    holds(0, 1000, "all", "total and sum alike: the total");
    oscp_timeline_at(&t, 0, &c);
    is_int(c.lane, OSCP_LANE_TOTAL, "bound by the total");
    is_int(c.until_ms, 10 * MIN, "until a phase joins");
    holds(10, 1000, "all", "the sum of the phases given is more");
    holds(30, 900, "all", "the sum is less: it bounds");
    oscp_timeline_at(&t, 30 * MIN, &c);
    is_int(c.lane, OSCP_LANE_TWO, "bound by the sum, of which TWO began last");
    is_int(c.from_ms, 10 * MIN, "from its start");

    apply("two", two, 1);
    holds(0, 1000, "all", "before a single phase's message all is as it was");
    holds(20, 1000, "all", "400 + 10 + 600 is not less");
    holds(30, 410, "two", "a message for one phase replaces that one only");
    holds(40, 400, "all", "and to the end of time: TWO is gone");

    apply("unknown", unknown, 1);
    holds(20, 1000, "all", "before");
    holds(35, 2000, "unknown", "UNKNOWN replaces every phase as ALL does");
    bare(50, "so that nothing is left after it");

    apply("three", three, 1);
    holds(35, 2000, "unknown", "a phase later on leaves the total");
    holds(70, 7, "three", "and alone it bounds the total");
    oscp_timeline_at(&t, 70 * MIN, &c);
    is_int(c.lane, OSCP_LANE_THREE, "as the sum of one");
    restart();

    ok(oscp_timeline_lane(OSCP_PHASE_ALL) == OSCP_LANE_TOTAL
       && oscp_timeline_lane(OSCP_PHASE_UNKNOWN) == OSCP_LANE_TOTAL
       && oscp_timeline_lane(OSCP_PHASE_ONE) == OSCP_LANE_ONE
       && oscp_timeline_lane(OSCP_PHASE_TWO) == OSCP_LANE_TWO
       && oscp_timeline_lane(OSCP_PHASE_THREE) == OSCP_LANE_THREE,
       "the lane of each phase");
}


static void
units(void)
{
    static const struct {
        oscp_block_t  block;
        double        watts;
        const char   *name;
    } list[] = {
        { { 7, OSCP_PHASE_ALL, OSCP_UNIT_KW, 0, MIN }, 7000, "KW x 1000" },
        { { 16, OSCP_PHASE_ALL, OSCP_UNIT_A, 0, MIN }, 11040,
          "A x voltage x 3" },
        { { 16, OSCP_PHASE_UNKNOWN, OSCP_UNIT_A, 0, MIN }, 11040,
          "UNKNOWN likewise" },
        { { 16, OSCP_PHASE_TWO, OSCP_UNIT_A, 0, MIN }, 3680, "one phase: x 1" },
        { { 2, OSCP_PHASE_ALL, OSCP_UNIT_KWH, 0, 15 * MIN }, 8000,
          "KWH by the block's duration" },
        { { 500, OSCP_PHASE_ALL, OSCP_UNIT_WH, 0, 30 * MIN }, 1000, "WH too" },
        { { 1, OSCP_PHASE_ALL, OSCP_UNIT_WH, 0, 21 * MIN }, 2.857,
          "to the milliwatt, as Redis shows it" },
        { { 1e308, OSCP_PHASE_ALL, OSCP_UNIT_KWH, 0, 1 }, 1e18,
          "beyond all measure: the most that is written" },
        { { 0.0004, OSCP_PHASE_ALL, OSCP_UNIT_W, 0, MIN }, 0, "almost nothing" }
    };
    size_t        i;
    oscp_block_t  two[] = {
        { 2, OSCP_PHASE_ALL, OSCP_UNIT_KWH, 0, 60 * MIN },
        { 1000, OSCP_PHASE_ALL, OSCP_UNIT_W, 30 * MIN, 60 * MIN }
    };

    for (i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        apply("u", &list[i].block, 1);
        holds(0, list[i].watts, "u", list[i].name);
        restart();
    }

    apply("cut", two, 2);
    holds(0, 2000, "cut", "an energy is spread over its whole block, cut or "
          "not");
    holds(30, 1000, "cut", "where the lower one holds");
    restart();
}


static void
zero(void)
{
    oscp_block_t  b[] = { block(0, 10, 0, OSCP_PHASE_ALL),
                          block(10, 20, 0, OSCP_PHASE_ONE) };

    apply("z", b, 2);
    is_int(t.zero, 1, "a message whose blocks are all 0");
    holds(5, 0, "z", "is obeyed: 0 W, not nothing");
    b[1].capacity = 1;
    apply("y", b, 2);
    is_int(t.zero, 0, "one block above 0 is enough");
    restart();
    is_int(t.zero, 0, "an empty timeline is not zero");
}


static void
pruning(void)
{
    oscp_block_t  b[] = { block(0, 10, 1, OSCP_PHASE_ALL),
                          block(10, 20, 2, OSCP_PHASE_ALL),
                          block(0, 10, 3, OSCP_PHASE_ONE),
                          block(5, 15, 4, OSCP_PHASE_TWO) };
    oscp_ms_t     from, until;

    apply("p", b, 4);
    is_int(oscp_timeline_prune(&t, 10 * MIN - 1), 0, "nothing has ended");
    is_int(oscp_timeline_prune(&t, 10 * MIN), 2, "two ended at that moment");
    holds(10, 2, "p", "what goes on is kept");
    oscp_timeline_range(&t, &from, &until);
    ok(from == 5 * MIN && until == 20 * MIN, "the range shrinks");
    is_int(oscp_timeline_prune(&t, 100 * MIN), 2, "all ended");
    bare(10, "nothing is left");
    is_str(t.req, "p", "but the newest message's name");
    is_int(t.first_ms, 0, "and the first block's start");

    b[0] = block(30, 40, 9, OSCP_PHASE_ALL);
    apply("q", b, 1);
    is_int(t.first_ms, 0, "which only clearing forgets");
    restart();
    is_int(t.first_ms, OSCP_TIME_NONE, "clearing forgets it");
    is_str(t.req, "", "and the message");
}


/* As many blocks as a message may have; spans up to the limit and one over. */
static void
limits(void)
{
    int                  i;
    oscp_ms_t            from, until;
    static oscp_block_t  b[OSCP_TIMELINE_SPANS_MAX + 1];

    for (i = 0; i <= OSCP_TIMELINE_SPANS_MAX; i++) {
        b[i] = block(i, i + 1, i, OSCP_PHASE_ALL);
    }

    is_int(apply_type(OSCP_CONSUMPTION, "max", b, OSCP_TIMELINE_SPANS_MAX),
           OSCP_OK, "OSCP_TIMELINE_SPANS_MAX spans");
    b[0] = block(OSCP_TIMELINE_SPANS_MAX, OSCP_TIMELINE_SPANS_MAX + 1, 1,
                 OSCP_PHASE_ALL);
    is_int(apply_type(OSCP_CONSUMPTION, "more", b, 1), OSCP_ERR_LIMIT,
           "one more is refused");
    is_str(t.req, "max", "and changes nothing");
    oscp_timeline_range(&t, &from, &until);
    is_int(until, OSCP_TIMELINE_SPANS_MAX * MIN, "nothing at all");
    is_int(apply_type(OSCP_CONSUMPTION, "many", b,
                      OSCP_TIMELINE_SPANS_MAX + 1), OSCP_ERR_LIMIT,
           "a message of more is refused");
    oscp_timeline_prune(&t, MIN);
    is_int(apply_type(OSCP_CONSUMPTION, "more", b, 1), OSCP_OK,
           "pruning makes room");
    restart();

    /* nested like onions: each block but the innermost falls in two */
    for (i = 0; i < OSCP_TIMELINE_SPANS_MAX / 2; i++) {
        b[i] = block(i, 100000 - i, 1e6 - i, OSCP_PHASE_ALL);
    }
    is_int(apply_type(OSCP_CONSUMPTION, "nested", b,
                      OSCP_TIMELINE_SPANS_MAX / 2), OSCP_OK,
           "4096 nested blocks");
    is_int(t.lanes[OSCP_LANE_TOTAL].n, OSCP_TIMELINE_SPANS_MAX - 1,
           "become 8191 spans");
    is_int(overlaps, 4096 * 4095 / 2, "every pair overlaps");
    holds(50000, 1e6 - 4095, "nested", "the innermost is the lowest");
    holds(99998, 1e6 - 1, "nested", "and the layers come back");
    restart();
}


static void
binding(void)
{
    const oscp_span_t  *spans[OSCP_LANE_COUNT];
    oscp_block_t        a[] = { block(0, 60, 100, OSCP_PHASE_ALL),
                                block(10, 60, 20, OSCP_PHASE_ONE),
                                block(10, 60, 30, OSCP_PHASE_TWO) };
    oscp_block_t        b[] = { block(20, 30, 10, OSCP_PHASE_TWO) };

    is_int(oscp_timeline_binding(&t, 0, spans), 0, "no block, none in force");
    apply("a", a, 3);
    apply("b", b, 1);
    is_int(oscp_timeline_binding(&t, 5 * MIN, spans), 1, "the total's");
    ok(spans[0]->watts == 100 && spans[0]->end_ms == 60 * MIN, "is it");
    is_int(oscp_timeline_binding(&t, 10 * MIN, spans), 2,
           "the phases of a sum");
    ok(spans[0]->phase == OSCP_PHASE_ONE && spans[1]->phase == OSCP_PHASE_TWO,
       "are both");
    is_int(oscp_timeline_binding(&t, 20 * MIN, spans), 1,
           "of the message that is named");
    is_str(spans[0]->req, "b", "and of no other");
    is_int(oscp_timeline_binding(&t, 60 * MIN, spans), 0, "half-open");
    restart();
}


static void
nothing(void)
{
    oscp_block_t  b[] = { block(10, 10, 5, OSCP_PHASE_ALL),
                          block(20, 10, 5, OSCP_PHASE_ALL) };

    is_int(apply_type(OSCP_CONSUMPTION, "n", b, 2), OSCP_OK,
           "blocks without duration");
    bare(10, "cover nothing");
    is_int(t.first_ms, OSCP_TIME_NONE, "and start nothing");
    is_int(apply_type(OSCP_CONSUMPTION, "n", NULL, 0), OSCP_OK, "no blocks");
    restart();
}


int
main(void)
{
    empty();
    half_open();
    supersession();
    overlapping();
    phases();
    units();
    zero();
    pruning();
    limits();
    binding();
    nothing();

    return done_testing();
}
