/*
 * Times, durations and powers as an operator reads and types them.  People get
 * local time; programs (--json) get what stands in Redis.
 */

#ifndef WORKER_OSCPCTL_TEXT_H
#define WORKER_OSCPCTL_TEXT_H

#include <stddef.h>

#include "oscp_time.h"

#define WORKER_CTL_TEXT_SIZE   48     /* holds what these functions write */

/*
 * "02:45:00" on the local day of `today_ms`, "2026-11-24 02:45:00" on any
 * other, "never" for OSCP_TIME_NONE.  Returns `buf`.
 */
char *worker_ctl_text_time(oscp_ms_t ms, oscp_ms_t today_ms,
    char buf[WORKER_CTL_TEXT_SIZE]);

/* The same to the millisecond. */
char *worker_ctl_text_precise(oscp_ms_t ms, oscp_ms_t today_ms,
    char buf[WORKER_CTL_TEXT_SIZE]);

/* Always with the date, and the zone: "2026-11-24 02:45:00 NZDT". */
char *worker_ctl_text_moment(oscp_ms_t ms, char buf[WORKER_CTL_TEXT_SIZE]);

/*
 * "4.2 s", "10 s", "4 min 10 s", "2 h 5 min", "3 d 4 h"; negative as positive.
 */
char *worker_ctl_text_span(int64_t ms, char buf[WORKER_CTL_TEXT_SIZE]);

/* "120 kW", "7.36 kW", "500 W", "0 W". */
char *worker_ctl_text_power(double watts, char buf[WORKER_CTL_TEXT_SIZE]);

/* A moment in Redis' form, or OSCP_TIME_NONE (also for NULL). */
oscp_ms_t worker_ctl_text_stored(const char *text);

/*
 * Reads what was typed: RFC 3339; or local "HH:MM[:SS]" today, or
 * "YYYY-MM-DD HH:MM[:SS]" (a T between them is the same).  Returns 0, or -1.
 */
int worker_ctl_text_read_time(const char *text, oscp_ms_t now_ms,
    oscp_ms_t *ms);

/*
 * Reads a power with its unit: "120kW", "60000 W", "1.5MW", as in nginx's
 * configuration.  From 0 W.  Returns 0, or -1.
 */
int worker_ctl_text_read_power(const char *text, double *watts);

/*
 * Reads a duration: a whole number and ms, s, m or h; s when there is none.
 * From 1 ms to a day.  Returns 0, or -1.
 */
int worker_ctl_text_read_span(const char *text, int64_t *ms);

#endif /* WORKER_OSCPCTL_TEXT_H */
