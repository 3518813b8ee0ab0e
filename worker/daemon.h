/*
 * The whole of the daemon: the configuration it follows, its shards, and what
 * they share.
 */

#ifndef WORKER_DAEMON_H
#define WORKER_DAEMON_H

#include <event2/event.h>

#include "options.h"

struct worker_daemon;

/*
 * Begins; `options` is borrowed.  NULL on failure (logged).
 */
struct worker_daemon *worker_daemon_create(struct event_base *base,
    const struct worker_options *options);

/* NULL is harmless. */
void worker_daemon_free(struct worker_daemon *d);

/* Reads secret files again. */
void worker_daemon_reload(struct worker_daemon *d);

/*
 * Settles, gives every shard back, and breaks the loop; the second call breaks
 * it at once.
 */
void worker_daemon_stop(struct worker_daemon *d);

#endif /* WORKER_DAEMON_H */
