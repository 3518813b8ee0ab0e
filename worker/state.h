/*
 * A connection's record in its hash (design, section 5, conn): text there, the
 * lifecycle's structure here.
 */

#ifndef WORKER_STATE_H
#define WORKER_STATE_H

#include "oscp_config.h"
#include "oscp_lifecycle.h"
#include "record.h"

/* Initialises `r` with the fields of a conn hash.  Returns 0, or -1. */
int worker_state_init(struct worker_record *r);

/*
 * Reads the record.  Returns 0, or -1 when there is none, or none that makes
 * sense: then `lc` is as it was.
 */
int worker_state_read(const struct worker_record *r, oscp_lifecycle_t *lc);

/*
 * The id of the `connect` command that left `disconnected` last; "" when there
 * was none.  worker_state_set() leaves it alone.
 */
const char *worker_state_connected(const struct worker_record *r);
void worker_state_set_connected(struct worker_record *r, const char *id);

/* Sets the record from the lifecycle and the configuration. */
void worker_state_set(struct worker_record *r, const oscp_lifecycle_t *lc,
    const oscp_connection_conf_t *conf);

#endif /* WORKER_STATE_H */
