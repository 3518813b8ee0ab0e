/*
 * A wall clock that a test can set: takes the place of worker/clock.c in
 * build/oscp-worker-clock, which is built for tests and never installed.
 *
 * The file that OSCP_CLOCK_FILE names holds by how many milliseconds the wall
 * clock is off; it is read at the start and at SIGUSR2, which is the step.  To
 * worker/timer.c a step looks as one of the kernel's clock does: the linker
 * leads its calls for timers here (--wrap), where moments are translated and
 * a step ends the wait of every armed descriptor with ECANCELED.
 */

#include <sys/timerfd.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"


#define CLOCK_FDS_MAX   256          /* descriptors that can be told */


int __real_timerfd_create(int clock, int flags);
int __real_timerfd_settime(int fd, int flags, const struct itimerspec *set,
    struct itimerspec *old);
ssize_t __real_read(int fd, void *buf, size_t size);

int __wrap_timerfd_create(int clock, int flags);
int __wrap_timerfd_settime(int fd, int flags, const struct itimerspec *set,
    struct itimerspec *old);
ssize_t __wrap_read(int fd, void *buf, size_t size);


static _Atomic int64_t  clock_offset_ms;
static atomic_int       clock_timers[CLOCK_FDS_MAX];     /* by descriptor */
static atomic_int       clock_stepped[CLOCK_FDS_MAX];


static int64_t
clock_read(clockid_t id)
{
    struct timespec  ts;

    clock_gettime(id, &ts);

    return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}


/* Safe in a signal's handler.  A file that cannot be read is no offset. */
static int64_t
clock_file(void)
{
    int          fd, negative;
    char         text[32], *p = text;
    int64_t      ms = 0;
    ssize_t      n;
    const char  *name = getenv("OSCP_CLOCK_FILE");

    fd = name != NULL ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    if (fd == -1) {
        return 0;
    }

    n = __real_read(fd, text, sizeof(text) - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';

    negative = *p == '-';
    for (p += negative; *p >= '0' && *p <= '9'; p++) {
        ms = ms * 10 + (*p - '0');
    }

    return negative ? -ms : ms;
}


/* Whatever is waited for, the wait is over. */
static void
clock_step(int number)
{
    int                saved = errno;
    struct itimerspec  now;

    (void) number;

    clock_offset_ms = clock_file();
    memset(&now, 0, sizeof(now));
    now.it_value.tv_nsec = 1;

    for (int fd = 0; fd < CLOCK_FDS_MAX; fd++) {
        if (clock_timers[fd]) {
            clock_stepped[fd] = 1;
            __real_timerfd_settime(fd, TFD_TIMER_ABSTIME, &now, NULL);
        }
    }

    errno = saved;
}


__attribute__((constructor))
static void
clock_setup(void)
{
    struct sigaction  action;

    clock_offset_ms = clock_file();

    memset(&action, 0, sizeof(action));
    action.sa_handler = clock_step;
    action.sa_flags = SA_RESTART;
    sigaction(SIGUSR2, &action, NULL);
}


int
__wrap_timerfd_create(int clock, int flags)
{
    int  fd;

    fd = __real_timerfd_create(clock, flags);

    if (fd >= 0 && fd < CLOCK_FDS_MAX) {
        clock_stepped[fd] = 0;
        clock_timers[fd] = clock == CLOCK_REALTIME;
    }

    return fd;
}


/* The news of a step is told once, here or by read(). */
static int
clock_news(int fd)
{
    return fd >= 0 && fd < CLOCK_FDS_MAX && clock_timers[fd]
           && atomic_exchange(&clock_stepped[fd], 0);
}


int
__wrap_timerfd_settime(int fd, int flags, const struct itimerspec *set,
    struct itimerspec *old)
{
    int                rc;
    int64_t            ms;
    struct itimerspec  real = *set;

    ms = (int64_t) set->it_value.tv_sec * 1000
         + set->it_value.tv_nsec / 1000000 - clock_offset_ms;
    ms = ms < 1 ? 1 : ms;
    real.it_value.tv_sec = ms / 1000;
    real.it_value.tv_nsec = ms % 1000 * 1000000;

    rc = __real_timerfd_settime(fd, flags, &real, old);

    if (clock_news(fd)) {
        errno = ECANCELED;
        return -1;
    }

    return rc;
}


ssize_t
__wrap_read(int fd, void *buf, size_t size)
{
    ssize_t  n;

    n = __real_read(fd, buf, size);

    if (clock_news(fd)) {
        errno = ECANCELED;
        return -1;
    }

    return n;
}


oscp_ms_t
worker_clock_wall(void)
{
    return clock_read(CLOCK_REALTIME) + clock_offset_ms;
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
