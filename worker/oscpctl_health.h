/*
 * Who looks after a scope, and whether what the site reads is what it should.
 */

#ifndef WORKER_OSCPCTL_HEALTH_H
#define WORKER_OSCPCTL_HEALTH_H

#include "buffer.h"
#include "oscpctl_facts.h"

/*
 * Notes to facts from the live state what is wrong around them: no worker, a
 * value that is stale or not the one that the rules give, work that waits.
 */
void worker_ctl_health_note(struct worker_ctl_facts *f);

/*
 * Adds a sentence: how the connection is; and, from the live state, which
 * worker owns the shard, and which incident is open.
 */
void worker_ctl_health_link(struct worker_buffer *b,
    const struct worker_ctl_facts *f);
void worker_ctl_health_worker(struct worker_buffer *b,
    const struct worker_ctl_facts *f);
void worker_ctl_health_incident(struct worker_buffer *b,
    const struct worker_ctl_facts *f);

#endif /* WORKER_OSCPCTL_HEALTH_H */
