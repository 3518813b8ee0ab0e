/*
 * What an operator should see: one entry in the notifications stream (design,
 * section 5), part of the transaction of what it tells.
 */

#ifndef WORKER_NOTICE_H
#define WORKER_NOTICE_H

#include "context.h"
#include "oscp_episode.h"

/*
 * How many notifications are kept (about: Redis trims whole nodes).  Months of
 * a bad link for a hundred groups.
 */
#define WORKER_NOTICE_KEEP   "100000"

struct worker_notice {
    oscp_severity_t   severity;
    const char       *conn;
    const char       *group;                 /* NULL: of no group */
    const char       *title;
    const char       *detail;
    const char       *incident;              /* its id; NULL: of none */
};

/* Adds it to the open commit.  Fields that say nothing are left out. */
void worker_notice_write(struct worker_context *ctx,
    const struct worker_notice *notice);

#endif /* WORKER_NOTICE_H */
