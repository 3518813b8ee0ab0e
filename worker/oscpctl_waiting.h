/*
 * What waits for delivery, and what will never be delivered, counted.
 */

#ifndef WORKER_OSCPCTL_WAITING_H
#define WORKER_OSCPCTL_WAITING_H

#include "oscpctl.h"

/* One connection's. */
struct worker_ctl_waiting_queue {
    size_t     n;                    /* messages */
    oscp_ms_t  since_ms;             /* when the oldest was made; NONE: none */
};

struct worker_ctl_waiting {
    struct worker_ctl_waiting_queue  *queues;    /* as in the catalog */
    long long                         dead;      /* dead letters, of all */
};

/* Counts them.  Returns 0, or -1 (told); free it all the same. */
int worker_ctl_waiting_read(struct worker_ctl *ctl,
    struct worker_ctl_waiting *w);

void worker_ctl_waiting_free(struct worker_ctl_waiting *w);

#endif /* WORKER_OSCPCTL_WAITING_H */
