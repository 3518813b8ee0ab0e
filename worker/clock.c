/*
 * The two clocks.
 */

#include <time.h>

#include "clock.h"


static int64_t
clock_read(clockid_t id)
{
    struct timespec  ts;

    /* neither clock can fail on a Linux that runs this program */
    clock_gettime(id, &ts);

    return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}


oscp_ms_t
worker_clock_wall(void)
{
    return clock_read(CLOCK_REALTIME);
}


int64_t
worker_clock_boot(void)
{
    return clock_read(CLOCK_BOOTTIME);
}


struct timeval
worker_clock_timeval(int64_t ms)
{
    struct timeval  tv;

    ms = ms < 0 ? 0 : ms;
    tv.tv_sec = ms / 1000;
    tv.tv_usec = ms % 1000 * 1000;

    return tv;
}
