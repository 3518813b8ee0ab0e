/*
 * One entry of the audit, as people and as programs read it.
 */

#ifndef WORKER_OSCPCTL_ENTRY_H
#define WORKER_OSCPCTL_ENTRY_H

#include "oscpctl.h"

/*
 * Prints an entry of the `events` stream: a line, or (--json) a document.  What
 * is no entry is passed over.  Returns 0, or -1 (told).
 */
int worker_ctl_entry_print(const struct worker_ctl *ctl,
    const redisReply *entry);

#endif /* WORKER_OSCPCTL_ENTRY_H */
