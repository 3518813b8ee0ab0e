/*
 * oscp-worker: runs the rules of OSCP connections that nginx stores in Redis
 * (design, sections 1, 2 and 9).
 */

#include <sys/prctl.h>
#include <sys/resource.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "daemon.h"
#include "options.h"
#include "script.h"


#define MAIN_SIGNALS   3


static const int  main_signals[MAIN_SIGNALS] = { SIGTERM, SIGINT, SIGHUP };


static void
callback_signal(evutil_socket_t number, short what, void *arg)
{
    (void) what;

    if (number == SIGHUP) {
        worker_daemon_reload(arg);

    } else {
        worker_daemon_stop(arg);
    }
}


/* Timers exact to the microsecond: blocks begin when they begin. */
static struct event_base *
main_base(void)
{
    struct event_base    *base = NULL;
    struct event_config  *config;

    config = event_config_new();
    if (config != NULL) {
        event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
        base = event_base_new_with_config(config);
        event_config_free(config);
    }

    return base;
}


static int
main_watch_signals(struct event_base *base, struct worker_daemon *d,
    struct event **events)
{
    signal(SIGPIPE, SIG_IGN);

    for (int i = 0; i < MAIN_SIGNALS; i++) {
        events[i] = evsignal_new(base, main_signals[i], callback_signal, d);
        if (events[i] == NULL || event_add(events[i], NULL) == -1) {
            return -1;
        }
    }

    return 0;
}


/*
 * No image of a crash, which would hold secrets: neither as a core file nor for
 * another process of the same user to read.  Nothing is lost where the system
 * does not know how.
 */
static void
main_conceal(void)
{
    struct rlimit  none = { 0, 0 };

    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0);
}


/*
 * Each connection has up to four sockets, and the usual limit of 1,024 is one
 * of the days of select().  What may be had without asking is taken.
 */
static void
main_descriptors(void)
{
    struct rlimit  limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0
        && limit.rlim_cur < limit.rlim_max)
    {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}


static int
main_run(const struct worker_options *options)
{
    int                    rc = EXIT_FAILURE;
    struct event          *signals[MAIN_SIGNALS] = { NULL };
    struct event_base     *base;
    struct worker_daemon  *d = NULL;

    if (worker_script_prepare() == -1) {
        worker_log(WORKER_LOG_ERROR, NULL, "the cryptographic library cannot "
                   "begin");
        return EXIT_FAILURE;
    }

    base = main_base();
    if (base != NULL) {
        d = worker_daemon_create(base, options);
    }

    if (d != NULL && main_watch_signals(base, d, signals) == 0
        && event_base_dispatch(base) == 0)
    {
        rc = EXIT_SUCCESS;
    }

    if (rc != EXIT_SUCCESS) {
        worker_log(WORKER_LOG_ERROR, NULL, "ends: it cannot go on");
    }

    worker_daemon_free(d);

    for (int i = 0; i < MAIN_SIGNALS; i++) {
        if (signals[i] != NULL) {
            event_free(signals[i]);
        }
    }

    if (base != NULL) {
        event_base_free(base);
    }

    libevent_global_shutdown();

    return rc;
}


int
main(int argc, char **argv)
{
    struct worker_options  options;

    switch (worker_options_read(&options, argc, argv)) {

    case WORKER_OPTIONS_RUN:
        break;

    case WORKER_OPTIONS_DONE:
        return EXIT_SUCCESS;

    default:
        return 2;
    }

    main_conceal();
    main_descriptors();
    worker_log_setup(options.log_level, options.log_json);

    return main_run(&options);
}
