/*
 * An operator's command from the stream `cmd` takes effect (design, sections 5
 * and 6): connect and disconnect for a connection; enable and disable for a
 * connection, or for one of its groups; adjust and compliance for a group;
 * requeue and drop for the dead letter `entry`.
 *
 * Each is answered by exactly one event `command` that bears its entry's id:
 * data has `op`, `outcome` (done, unchanged, refused), `text` (a sentence for
 * the operator), `reason` (what the operator gave) and `req` (the message that
 * it made).  Effects, answer and the entry's settling are one transaction.
 */

#ifndef WORKER_COMMAND_H
#define WORKER_COMMAND_H

#include "connection.h"
#include "entry.h"

#define WORKER_COMMAND_BY_MAX       64      /* bytes in `by` */
#define WORKER_COMMAND_REASON_MAX   500     /* bytes in `reason` */

/*
 * Carries out `e`, for the connection that it names; NULL when that is not
 * configured.  A command that is not what it should be is refused, and the text
 * names the field.  `by` may be missing: then it is "operator unknown".
 * Connecting what is disabled is refused as well: it must be enabled first.
 */
void worker_command_entry(struct worker_context *ctx,
    struct worker_connection *conn, const struct worker_entry *e);

#endif /* WORKER_COMMAND_H */
