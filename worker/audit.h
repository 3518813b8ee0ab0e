/*
 * What a lifecycle event is in the audit, the counters and the log.
 */

#ifndef WORKER_AUDIT_H
#define WORKER_AUDIT_H

#include "context.h"
#include "oscp_lifecycle.h"

/*
 * Adds to the open commit what `event` did to the connection `conn`: a
 * `handshake` event for what was received, delivered or failed, a
 * `heartbeat_failed` event, a `state` event for a change of state, and the
 * counters.  What was ignored is told by whoever brought it.
 */
void worker_audit_step(struct worker_context *ctx, const char *conn,
    const oscp_lifecycle_event_t *event, const char *by,
    const oscp_lifecycle_result_t *result);

#endif /* WORKER_AUDIT_H */
