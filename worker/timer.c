/*
 * Alarms at moments of wall time.
 */

#include <sys/timerfd.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "timer.h"


/*
 * The descriptor is always armed, with nothing to wait for until here: only an
 * armed one is told that the clock was set.
 */
#define WORKER_TIMER_IDLE_MS  INT64_C(253370764800000)        /* year 9999 */


struct worker_timers {
    struct event         *event;
    int                   fd;
    oscp_ms_t             armed_ms;      /* what the descriptor waits for */
    unsigned              stepped:1;     /* the clock was set */
    struct worker_timer **heap;          /* borrowed alarms, earliest first */
    size_t                n;
    size_t                size;
    void                (*step)(void *arg);
    void                 *arg;
};


static void
timer_place(struct worker_timers *ts, size_t i, struct worker_timer *t)
{
    ts->heap[i] = t;
    t->slot = i + 1;
}


static void
timer_up(struct worker_timers *ts, size_t i, struct worker_timer *t)
{
    size_t  parent;

    while (i > 0) {
        parent = (i - 1) / 2;
        if (ts->heap[parent]->at_ms <= t->at_ms) {
            break;
        }

        timer_place(ts, i, ts->heap[parent]);
        i = parent;
    }

    timer_place(ts, i, t);
}


static void
timer_down(struct worker_timers *ts, size_t i, struct worker_timer *t)
{
    size_t  child;

    for ( ;; ) {
        child = 2 * i + 1;
        if (child >= ts->n) {
            break;
        }

        if (child + 1 < ts->n
            && ts->heap[child + 1]->at_ms < ts->heap[child]->at_ms)
        {
            child++;
        }

        if (t->at_ms <= ts->heap[child]->at_ms) {
            break;
        }

        timer_place(ts, i, ts->heap[child]);
        i = child;
    }

    timer_place(ts, i, t);
}


static void
timer_remove(struct worker_timers *ts, struct worker_timer *t)
{
    size_t                i = t->slot - 1;
    struct worker_timer  *last;

    t->slot = 0;
    last = ts->heap[--ts->n];

    if (last == t) {
        return;
    }

    if (i > 0 && last->at_ms < ts->heap[(i - 1) / 2]->at_ms) {
        timer_up(ts, i, last);

    } else {
        timer_down(ts, i, last);
    }
}


/* Lets the descriptor wait for the earliest alarm. */
static void
timer_arm(struct worker_timers *ts, int force)
{
    oscp_ms_t          at;
    struct itimerspec  its;

    at = ts->n > 0 ? ts->heap[0]->at_ms : WORKER_TIMER_IDLE_MS;
    at = at > WORKER_TIMER_IDLE_MS ? WORKER_TIMER_IDLE_MS : at;
    at = at < 1 ? 1 : at;

    if (at == ts->armed_ms && !force) {
        return;
    }

    memset(&its, 0, sizeof(its));
    its.it_value.tv_sec = at / 1000;
    its.it_value.tv_nsec = at % 1000 * 1000000;
    ts->armed_ms = at;

    if (timerfd_settime(ts->fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET,
                        &its, NULL)
        == 0)
    {
        return;
    }

    if (errno == ECANCELED) {
        /* armed nonetheless, but the news of the step is spent */
        ts->stepped = 1;
        event_active(ts->event, EV_READ, 0);

    } else {
        worker_log(WORKER_LOG_ERROR, NULL, "timerfd_settime: %s",
                   strerror(errno));
    }
}


static void
callback_alarm(evutil_socket_t fd, short what, void *arg)
{
    size_t                 budget;
    uint64_t               expirations;
    oscp_ms_t              now;
    struct worker_timer   *t;
    struct worker_timers  *ts = arg;

    (void) what;

    if (read(fd, &expirations, sizeof(expirations)) == -1) {
        if (errno == ECANCELED) {
            ts->stepped = 1;

        } else if (errno != EAGAIN) {
            worker_log(WORKER_LOG_ERROR, NULL, "timerfd: %s", strerror(errno));
        }
    }

    if (ts->stepped) {
        ts->stepped = 0;
        worker_log(WORKER_LOG_WARN, NULL, "the clock was set: everything is "
                   "judged anew");
        ts->step(ts->arg);
    }

    now = worker_clock_wall();

    /* an alarm that sets itself again for the past waits for the next turn */
    for (budget = ts->n; budget > 0 && ts->n > 0; budget--) {
        t = ts->heap[0];
        if (t->at_ms > now) {
            break;
        }

        timer_remove(ts, t);
        t->ring(t->arg);
    }

    timer_arm(ts, 1);
}


struct worker_timers *
worker_timer_create(struct event_base *base, void (*step)(void *arg), void *arg)
{
    struct worker_timers  *ts;

    ts = calloc(1, sizeof(*ts));
    if (ts == NULL) {
        goto err0;
    }

    ts->step = step;
    ts->arg = arg;
    ts->fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    if (ts->fd == -1) {
        goto err1;
    }

    ts->event = event_new(base, ts->fd, EV_READ | EV_PERSIST, callback_alarm,
                          ts);
    if (ts->event == NULL || event_add(ts->event, NULL) == -1) {
        goto err2;
    }

    timer_arm(ts, 1);

    return ts;

err2:
    if (ts->event != NULL) {
        event_free(ts->event);
    }
    close(ts->fd);
err1:
    free(ts);
err0:
    worker_log(WORKER_LOG_ERROR, NULL, "no timer: %s", strerror(errno));
    return NULL;
}


void
worker_timer_free(struct worker_timers *ts)
{
    if (ts == NULL) {
        return;
    }

    for (size_t i = 0; i < ts->n; i++) {
        ts->heap[i]->slot = 0;
    }

    event_free(ts->event);
    close(ts->fd);
    free(ts->heap);
    free(ts);
}


int
worker_timer_set(struct worker_timers *ts, struct worker_timer *t,
    oscp_ms_t at_ms)
{
    size_t                 size;
    struct worker_timer  **heap;

    if (at_ms == OSCP_TIME_NONE) {
        worker_timer_cancel(ts, t);
        return 0;
    }

    if (t->slot > 0) {
        if (t->at_ms == at_ms) {
            return 0;
        }

        timer_remove(ts, t);
    }

    if (ts->n == ts->size) {
        size = ts->size == 0 ? 64 : ts->size * 2;
        heap = realloc(ts->heap, size * sizeof(*heap));
        if (heap == NULL) {
            return -1;
        }

        ts->heap = heap;
        ts->size = size;
    }

    t->at_ms = at_ms;
    timer_up(ts, ts->n++, t);
    timer_arm(ts, 0);

    return 0;
}


/* The descriptor may then ring for nothing, once: cheaper than re-arming it. */
void
worker_timer_cancel(struct worker_timers *ts, struct worker_timer *t)
{
    if (t->slot > 0) {
        timer_remove(ts, t);
    }
}
