/*
 * Connections to Redis, as oscpctl makes them: one to each server whose keys
 * are asked for, made when it is first needed.
 */

#ifndef WORKER_OSCPCTL_DIAL_H
#define WORKER_OSCPCTL_DIAL_H

#include <hiredis/hiredis.h>

#include "access.h"

#define WORKER_CTL_DIAL_WHY_SIZE   256

struct worker_ctl_dial;

/* None yet; `access` is kept.  NULL on failure: `why` says why. */
struct worker_ctl_dial *worker_ctl_dial_create(
    const struct worker_access *access, char why[WORKER_CTL_DIAL_WHY_SIZE]);

/* Closes all of them; NULL is harmless. */
void worker_ctl_dial_free(struct worker_ctl_dial *dial);

/*
 * The connection to the server that has `key`, logged in; it belongs to `dial`.
 * NULL on failure: `why` says why.  Each step may take seconds.
 */
redisContext *worker_ctl_dial_key(struct worker_ctl_dial *dial,
    const char *key, char why[WORKER_CTL_DIAL_WHY_SIZE]);

/*
 * From now on nothing is waited for much longer than until `end_ms`, by the
 * boot's clock (clock.h): about a second longer, for what is under way then.
 */
void worker_ctl_dial_end(struct worker_ctl_dial *dial, int64_t end_ms);

/* 1 when what worker_ctl_dial_key() failed of last will not mend itself. */
int worker_ctl_dial_final(const struct worker_ctl_dial *dial);

/*
 * A connection has failed, or a server has said that the key is not there: all
 * are closed, and where the servers are is asked anew.
 */
void worker_ctl_dial_reset(struct worker_ctl_dial *dial);

#endif /* WORKER_OSCPCTL_DIAL_H */
