/*
 * A message goes into the outbox: an entry in the stream `out`, written in the
 * same transaction as its cause (design, sections 5 and 8).
 */

#ifndef WORKER_POST_H
#define WORKER_POST_H

#include "context.h"
#include "oscp_message.h"

/* All is borrowed. */
struct worker_post {
    oscp_message_kind_t   kind;
    const char           *conn;
    const char           *group;         /* NULL: of no group */
    const char           *req;           /* its X-Request-ID, for all tries */
    const char           *corr;          /* NULL: answers none */
    oscp_ms_t             created_ms;
    const char           *body;          /* JSON */
    size_t                len;
};

/* Adds it to the open commit. */
void worker_post_write(struct worker_context *ctx,
    const struct worker_post *post);

#endif /* WORKER_POST_H */
