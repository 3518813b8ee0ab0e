/*
 * The two clocks: wall time for everything the protocol speaks of, and the time
 * since boot, which no one can set and which goes on while the machine sleeps,
 * for what must be proven (leases, timeouts).
 */

#ifndef WORKER_CLOCK_H
#define WORKER_CLOCK_H

#include <sys/time.h>

#include "oscp_time.h"

/* Milliseconds since 1970. */
oscp_ms_t worker_clock_wall(void);

/* Milliseconds since boot, suspended time included. */
int64_t worker_clock_boot(void);

/* A duration for libevent; negative ones are 0. */
struct timeval worker_clock_timeval(int64_t ms);

#endif /* WORKER_CLOCK_H */
