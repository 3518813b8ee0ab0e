/*
 * Alarms at moments of wall time, exact to what the kernel's timers give, and
 * told when somebody sets the clock: blocks begin and end by wall time.
 *
 * A heap of alarms over one timerfd; thousands of them cost a comparison of
 * the logarithm of their number each time one is moved.
 */

#ifndef WORKER_TIMER_H
#define WORKER_TIMER_H

#include <event2/event.h>

#include "oscp_time.h"

struct worker_timers;                    /* one shard's */

/*
 * One alarm, embedded in what it wakes.  Zeroed, with `ring` and `arg` set, it
 * is ready; it must be cancelled before its memory goes.
 */
struct worker_timer {
    oscp_ms_t    at_ms;                  /* valid while set */
    size_t       slot;                   /* 1 + index in the heap; 0: not set */
    void       (*ring)(void *arg);       /* may set or cancel any alarm */
    void        *arg;
};

/*
 * `step` is called with `arg` after the clock was set by somebody; it should
 * judge everything anew.  NULL on failure (logged).
 */
struct worker_timers *worker_timer_create(struct event_base *base,
    void (*step)(void *arg), void *arg);

/* Alarms that are still set are forgotten.  NULL is harmless. */
void worker_timer_free(struct worker_timers *timers);

/*
 * Sets the alarm for `at_ms` (also when it was set already); a moment in the
 * past rings at once, in the loop's next turn; OSCP_TIME_NONE cancels.
 * Returns 0, or -1 without memory: then the alarm is not set.
 */
int worker_timer_set(struct worker_timers *timers, struct worker_timer *t,
    oscp_ms_t at_ms);

/* The alarm will not ring; harmless when it is not set. */
void worker_timer_cancel(struct worker_timers *timers, struct worker_timer *t);

#endif /* WORKER_TIMER_H */
