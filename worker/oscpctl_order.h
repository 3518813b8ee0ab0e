/*
 * Orders: entries in the `cmd` stream, each of which the worker answers by an
 * event that bears its id.
 */

#ifndef WORKER_OSCPCTL_ORDER_H
#define WORKER_OSCPCTL_ORDER_H

#include "oscpctl.h"

#define WORKER_CTL_ORDER_FIELDS_MAX   8

/* A field of the entry that only some orders have. */
struct worker_ctl_order_field {
    const char  *name;
    const char  *value;
};

/* All is borrowed. */
struct worker_ctl_order {
    unsigned                             shard;
    const char                          *op;
    const char                          *conn;
    const char                          *group;     /* NULL: of none */
    const struct worker_ctl_order_field *fields;
    size_t                               nfields;
};

/*
 * The connection of that name, whose group must exist unless it is NULL.  NULL
 * when there is none (told).
 */
const struct worker_ctl_connection *worker_ctl_order_target(
    const struct worker_ctl *ctl, const char *conn, const char *group);

/*
 * Sends it, with --by and --reason, waits for its outcome, prints that, and
 * returns the exit status.
 */
int worker_ctl_order_carry(struct worker_ctl *ctl,
    const struct worker_ctl_order *order);

#endif /* WORKER_OSCPCTL_ORDER_H */
