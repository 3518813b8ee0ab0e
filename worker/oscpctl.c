/*
 * oscpctl: look at and command an OSCP Flexibility Provider.  Everything it
 * knows stands in Redis; what it wants done it writes there, for the worker.
 */

#include <signal.h>
#include <time.h>

#include "clock.h"
#include "oscpctl.h"
#include "oscpctl_out.h"


static const struct worker_ctl_command  oscpctl_commands[] = {
    { "status", "", 0, 0, WORKER_CTL_TAKES_JSON, worker_ctl_status_run },
    { "show", "NAME", 1, 1, WORKER_CTL_TAKES_JSON, worker_ctl_show_run },
    { "explain", "SCOPE [--at TIME]", 1, 1,
      WORKER_CTL_TAKES_JSON | WORKER_CTL_TAKES_AT, worker_ctl_explain_run },
    { "incidents", "", 0, 0, WORKER_CTL_TAKES_JSON, worker_ctl_incident_run },
    { "events", "[-f] [-n N]", 0, 0,
      WORKER_CTL_TAKES_JSON | WORKER_CTL_TAKES_FOLLOW, worker_ctl_event_run },
    { "connect", "CONN", 1, 1, WORKER_CTL_TAKES_JSON | WORKER_CTL_TAKES_SEND,
      worker_ctl_order_run },
    { "disconnect", "CONN", 1, 1,
      WORKER_CTL_TAKES_JSON | WORKER_CTL_TAKES_SEND, worker_ctl_order_run },
    { "enable", "CONN [GROUP]", 1, 2,
      WORKER_CTL_TAKES_JSON | WORKER_CTL_TAKES_SEND, worker_ctl_order_run },
    { "disable", "CONN [GROUP]", 1, 2,
      WORKER_CTL_TAKES_JSON | WORKER_CTL_TAKES_SEND, worker_ctl_order_run },
    { "adjust", "CONN GROUP --type T --capacity P [--from TIME] --until TIME "
      "[--replace]", 2, 2, WORKER_CTL_TAKES_JSON | WORKER_CTL_TAKES_SEND
      | WORKER_CTL_TAKES_ADJUST, worker_ctl_wish_run },
    { "compliance", "CONN GROUP --message TEXT", 2, 2,
      WORKER_CTL_TAKES_JSON | WORKER_CTL_TAKES_SEND
      | WORKER_CTL_TAKES_MESSAGE, worker_ctl_wish_run },
    { "dead", "[list | show ID | requeue ID|all | drop ID|all]", 0, 2,
      WORKER_CTL_TAKES_JSON | WORKER_CTL_TAKES_SEND, worker_ctl_dead_run },
    { NULL, NULL, 0, 0, 0, NULL }
};


static int
oscpctl_run(const struct worker_ctl_options *options)
{
    int                rc = WORKER_CTL_EXIT_FAILED;
    struct worker_ctl  ctl = { .options = options,
                               .prefix = options->access.prefix };

    ctl.store = worker_ctl_store_open(&options->access);

    if (ctl.store != NULL && options->command->takes & WORKER_CTL_TAKES_SEND) {
        worker_ctl_store_end(ctl.store,
                             worker_clock_boot() + options->timeout_ms);
    }

    if (ctl.store != NULL) {
        ctl.catalog = worker_ctl_catalog_read(ctl.store, ctl.prefix);
    }

    if (ctl.catalog != NULL) {
        ctl.now_ms = worker_clock_wall();
        rc = options->command->run(&ctl);
    }

    if (worker_ctl_out_end() == -1) {
        rc = WORKER_CTL_EXIT_FAILED;
    }

    worker_ctl_catalog_free(ctl.catalog);
    worker_ctl_store_close(ctl.store);

    return rc;
}


int
main(int argc, char **argv)
{
    int                        rc;
    struct worker_ctl_options  options;

    tzset();

    /* Redis may go while it is written to: that must be told */
    signal(SIGPIPE, SIG_IGN);
    worker_ctl_out_setup();

    rc = worker_ctl_options_read(&options, argc, argv, oscpctl_commands);

    return rc == -1 ? oscpctl_run(&options) : rc;
}
