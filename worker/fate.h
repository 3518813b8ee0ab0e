/*
 * What became of a message of the outbox, told: the audit, the counters, the
 * dead letters, the incident and its notification (design, section 8), all in
 * the open commit, and the log.
 */

#ifndef WORKER_FATE_H
#define WORKER_FATE_H

#include "incident.h"
#include "letter.h"

/*
 * How many dead letters are kept (about: Redis trims whole nodes): some 100 MB
 * for each KB of a message.  It is more than a week of quarter hours of 100
 * groups: a peer that is back and refuses all that has waited for it must not
 * be the end of any of it.
 */
#define WORKER_FATE_DEAD_KEEP   "100000"

enum worker_fate_kind {
    WORKER_FATE_DELIVERED = 0,
    WORKER_FATE_DEAD,                /* the peer will not have it: it is kept
                                        in the stream `dead` */
    WORKER_FATE_GIVEN_UP,            /* it is of no use any more */
    WORKER_FATE_WITHDRAWN            /* the same, because we say so: no fault
                                        of anybody, no incident */
};

/* Strings are borrowed, "" where there is nothing. */
struct worker_fate {
    enum worker_fate_kind         kind;
    const char                   *conn;
    const struct worker_letter   *letter;
    long                          status;     /* HTTP, of the last try; 0 */
    const char                   *why;        /* one line; "" when delivered */
    const char                   *text;       /* what the peer said */
};

/*
 * Tells it, and settles the message's entry.  `incident` is that of the
 * message's group or connection, `key` of the hash that keeps it; NULL: none
 * is opened or resolved.  `now_ms` is the time.
 */
void worker_fate_write(struct worker_context *ctx,
    const struct worker_fate *fate, struct worker_incident *incident,
    const char *key, oscp_ms_t now_ms);

/*
 * An entry of the stream `out` that is none, or of no connection: it is given
 * up, and settled.
 */
void worker_fate_refuse(struct worker_context *ctx,
    const struct worker_entry *e, const char *why);

/*
 * The incident ends because its owner does, or because the operator took
 * control back.
 */
void worker_fate_end(struct worker_context *ctx,
    struct worker_incident *incident, const char *key, oscp_ms_t now_ms);

#endif /* WORKER_FATE_H */
