/*
 * Goal: pauses grow from min to max, jitter only shortens them, a reset starts
 * again, and no setting overflows.
 */

#include "oscp_backoff.h"
#include "tap.h"


static void
without_jitter(void)
{
    oscp_backoff_t  b = { 60000, 600000, 2, 0, 0 };

    is_int(oscp_backoff_next(&b, 0), 60000, "the first pause is min_ms");
    is_int(oscp_backoff_next(&b, 0), 120000, "doubled");
    is_int(oscp_backoff_next(&b, UINT32_MAX), 240000, "without jitter chance "
           "has no say");
    is_int(oscp_backoff_next(&b, 0), 480000, "doubled again");
    is_int(oscp_backoff_next(&b, 0), 600000, "cut at max_ms");
    is_int(oscp_backoff_next(&b, 0), 600000, "and stays there");

    oscp_backoff_reset(&b);
    is_int(b.current_ms, 0, "a reset forgets");
    is_int(oscp_backoff_next(&b, 0), 60000, "and begins with min_ms");
}


static void
with_jitter(void)
{
    int             i, within = 1, grew = 1;
    int64_t         pause, low, high;
    uint32_t        random = 1;
    oscp_backoff_t  b = { 1000, 60000, 2, 0.25, 0 };

    is_int(oscp_backoff_next(&b, 0), 1000, "random 0 takes nothing off");
    is_int(b.current_ms, 1000, "current_ms is the pause before jitter");

    b.current_ms = 0;
    is_int(oscp_backoff_next(&b, UINT32_MAX), 751, "the greatest takes "
           "almost all of the share off");
    is_int(oscp_backoff_next(&b, 0), 2000, "growth does not build on jitter");

    low = INT64_MAX;
    high = 0;
    for (i = 0; i < 10000; i++) {
        random = random * 1664525u + 1013904223u;
        b.current_ms = 30000;
        pause = oscp_backoff_next(&b, random);
        within &= pause > 45000 && pause <= 60000;
        grew &= b.current_ms == 60000;
        low = pause < low ? pause : low;
        high = pause > high ? pause : high;
    }

    ok(within, "always within the share");
    ok(grew, "the base grows alike whatever chance says");
    ok(low < 45500 && high > 59500, "the whole share is used");
}


static void
edges(void)
{
    oscp_backoff_t  b = { 0, 0, 2, 0, 0 };

    is_int(oscp_backoff_next(&b, 0), 1, "never less than 1");

    b = (oscp_backoff_t) { 1, 10, 2, 1, 0 };
    is_int(oscp_backoff_next(&b, UINT32_MAX), 1, "full jitter leaves 1");

    b = (oscp_backoff_t) { 500, 100, 2, 0, 0 };
    is_int(oscp_backoff_next(&b, 0), 100, "max_ms wins over min_ms");

    b = (oscp_backoff_t) { 1, INT64_MAX, 1e18, 0, INT64_MAX / 2 };
    is_int(oscp_backoff_next(&b, 0), INT64_MAX, "growth cannot overflow");

    b = (oscp_backoff_t) { 100, 1000, 1, 0, 0 };
    oscp_backoff_next(&b, 0);
    is_int(oscp_backoff_next(&b, 0), 100, "multiplier 1 stays");
}


int
main(void)
{
    without_jitter();
    with_jitter();
    edges();

    return done_testing();
}
