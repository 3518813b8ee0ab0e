/*
 * A stored message takes effect: it is read again, judged by the rules, and its
 * effects go into the open commit (design, sections 6 and 10).
 */

#ifndef WORKER_RECEIVE_H
#define WORKER_RECEIVE_H

#include "connection.h"
#include "entry.h"

#define WORKER_RECEIVE_WHY_SIZE   400

struct worker_receive;                   /* one shard's room to read in */

enum worker_verdict {
    WORKER_VERDICT_APPLIED = 0,          /* the entry is to be settled */
    WORKER_VERDICT_IGNORED,              /* so is this one; it had no effect */
    WORKER_VERDICT_HELD                  /* a segment: settled with its set */
};

/* NULL without memory. */
struct worker_receive *worker_receive_create(struct worker_context *ctx);

/* NULL is harmless. */
void worker_receive_free(struct worker_receive *r);

/*
 * Applies `e` to its connection; NULL when that is not configured.  When it is
 * ignored, `why` says why, for the audit.
 */
enum worker_verdict worker_receive_entry(struct worker_receive *r,
    struct worker_connection *conn, const struct worker_entry *e,
    char why[WORKER_RECEIVE_WHY_SIZE]);

#endif /* WORKER_RECEIVE_H */
