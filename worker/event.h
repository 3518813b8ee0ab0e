/*
 * The audit: one entry in the events stream (design, section 5), part of the
 * transaction of what it tells.
 */

#ifndef WORKER_EVENT_H
#define WORKER_EVENT_H

#include "buffer.h"
#include "commit.h"
#include "oscp_time.h"

/*
 * How many events are kept (about: Redis trims whole nodes): years of a depot,
 * some 400 MB.
 */
#define WORKER_EVENT_KEEP   "1000000"

struct worker_event {
    const char                  *event;      /* "state", "envelope" … */
    const char                  *conn;       /* NULL: of no connection */
    const char                  *group;      /* NULL: of no group */
    oscp_ms_t                    at_ms;      /* when it took effect */
    const char                  *by;         /* "peer", "worker", "nginx",
                                                "operator NAME" */
    const char                  *cmd;        /* entry id of the command that it
                                                answers; NULL: none */
    const struct worker_buffer  *data;       /* a JSON object; NULL: none */
};

/* Adds it to `c`.  Fields that say nothing are left out. */
void worker_event_write(struct worker_commit *c, const struct worker_event *e);

#endif /* WORKER_EVENT_H */
