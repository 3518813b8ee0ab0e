/*
 * A new configuration takes effect: connections and groups come, change and go,
 * and the audit says what was and what is (design, section 6; section 10, "A
 * removed group or connection").
 */

#ifndef WORKER_CHANGE_H
#define WORKER_CHANGE_H

#include "config.h"
#include "roster.h"

/*
 * Makes the roster of the shard what `set` says of it.  Everything goes into
 * the open commit, what was applied too.  A document that cannot be read leaves
 * its connection as it is (logged).
 */
void worker_change_apply(struct worker_context *ctx,
    struct worker_roster *roster, const struct worker_config_set *set);

#endif /* WORKER_CHANGE_H */
