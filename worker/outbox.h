/*
 * The outbox: messages that must reach the peer, in the stream `out` until they
 * have (design, sections 5 and 8).  Each is written in the same transaction as
 * its cause.
 */

#ifndef WORKER_OUTBOX_H
#define WORKER_OUTBOX_H

#include "context.h"
#include "oscp_message.h"

/* A message for the outbox; all is borrowed. */
struct worker_outbox_message {
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
void worker_outbox_write(struct worker_context *ctx,
    const struct worker_outbox_message *m);

#endif /* WORKER_OUTBOX_H */
