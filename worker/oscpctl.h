/*
 * What every command of oscpctl works with, and the commands.
 */

#ifndef WORKER_OSCPCTL_H
#define WORKER_OSCPCTL_H

#include "oscpctl_catalog.h"
#include "oscpctl_options.h"
#include "oscpctl_store.h"

/* All of it is main()'s. */
struct worker_ctl {
    const struct worker_ctl_options  *options;
    const char                       *prefix;     /* of all keys */
    struct worker_ctl_store          *store;
    struct worker_ctl_catalog        *catalog;
    oscp_ms_t                         now_ms;     /* when the command began */
};

/* Each prints its answer and returns the exit status. */
int worker_ctl_status_run(struct worker_ctl *ctl);
int worker_ctl_show_run(struct worker_ctl *ctl);
int worker_ctl_order_run(struct worker_ctl *ctl);
int worker_ctl_incident_run(struct worker_ctl *ctl);
int worker_ctl_event_run(struct worker_ctl *ctl);
int worker_ctl_explain_run(struct worker_ctl *ctl);
int worker_ctl_dead_run(struct worker_ctl *ctl);
int worker_ctl_wish_run(struct worker_ctl *ctl);

#endif /* WORKER_OSCPCTL_H */
