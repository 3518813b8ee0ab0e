/*
 * Dead letters: messages that the peer refused for good, in the stream `dead`
 * until an operator has decided (design, section 8).
 */

#ifndef WORKER_DEAD_H
#define WORKER_DEAD_H

#include "buffer.h"
#include "context.h"

#define WORKER_DEAD_ID_MAX   41          /* bytes in "MS-SEQ" */

/* An operator's order about one of them; all is borrowed. */
struct worker_dead_order {
    const char                  *cmd;        /* its entry in the stream `cmd` */
    const char                  *conn;       /* whose dead letter it must be */
    const char                  *by;
    const char                  *entry;      /* the dead letter's */
    unsigned                     requeue:1;  /* else it is dropped */
    const struct worker_buffer  *done;       /* `data` of the answer when it is
                                                carried out, */
    const struct worker_buffer  *missing;    /* and when there is no such dead
                                                letter */
};

/* 1 when `id` is that of an entry in a stream: "MS-SEQ". */
int worker_dead_id_valid(const char *id);

/*
 * Carries it out, in a transaction of its own that answers the command and
 * settles it, for only Redis knows whether the dead letter is there.  Requeued,
 * it goes behind all that waits, made now, under the same request id.  What
 * goes wrong fails the context: the command is then carried out again.
 */
void worker_dead_carry(struct worker_context *ctx,
    const struct worker_dead_order *order);

#endif /* WORKER_DEAD_H */
