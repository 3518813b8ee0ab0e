/*
 * An incident as others read it (design, section 5): its hash, its place among
 * the open ones, and what its owner's hash keeps of it so that another worker
 * goes on with the same one.
 *
 * An owner (a group, a connection) has at most one open incident of each kind.
 * Its incidents of one kind are counted in the last twelve digits of their ids:
 * the next one follows from the last one's, and so does the one that goes.
 */

#ifndef WORKER_INCIDENT_H
#define WORKER_INCIDENT_H

#include "context.h"
#include "oscp_episode.h"
#include "record.h"

/*
 * How long a resolved incident is kept: 90 days; and how many an owner has of
 * each kind.  A peer whose blocks all end too early makes one in each quarter
 * of an hour, for as long as nobody mends it.
 */
#define WORKER_INCIDENT_KEEP_S   "7776000"
#define WORKER_INCIDENT_KEEP     1000

/* Each kind has fields of its own in the owner's hash. */
enum worker_incident_kind {
    WORKER_INCIDENT_FALLBACK = 0,     /* a yellow episode */
    WORKER_INCIDENT_UNDELIVERABLE,    /* the peer does not get what we owe it */
    WORKER_INCIDENT_COMPLIANCE,       /* measured power above the limit */
    WORKER_INCIDENT_KINDS
};

/* Embedded in its owner. */
struct worker_incident {
    struct worker_record   state;     /* in the owner's hash: which is open,
                                         and which was the last */
    struct worker_record   hash;      /* the open incident's */
};

/* What it says; strings are borrowed. */
struct worker_incident_text {
    const char        *conn;
    const char        *group;         /* NULL: of no group */
    const char        *reason;        /* a word: "liveness_lost" … */
    oscp_severity_t    severity;
    const char        *title;         /* the same as long as it is open */
    const char        *detail;
    unsigned           has_limit:1;
    double             limit_w;
};

/* None is open.  Returns 0, or -1 without memory (free it all the same). */
int worker_incident_init(struct worker_incident *in,
    enum worker_incident_kind kind);

void worker_incident_free(struct worker_incident *in);

/* Takes over what HGETALL gave for the owner's hash.  0, or -1: no memory. */
int worker_incident_load(struct worker_incident *in, const redisReply *reply);

/* The owner is new, whatever Redis has under its name. */
void worker_incident_unknown(struct worker_incident *in);

/* The id of the open one; "" when none is. */
const char *worker_incident_id(const struct worker_incident *in);

/* When it was opened; OSCP_TIME_NONE when none is. */
oscp_ms_t worker_incident_since(const struct worker_incident *in);

/*
 * Opens one at `now_ms`, unless one is open: worker_incident_say() follows, in
 * the same commit.  Returns 1 when it was opened: then the oldest goes, if
 * there are too many.
 */
int worker_incident_open(struct worker_context *ctx,
    struct worker_incident *in, oscp_ms_t now_ms);

/* What the open one says now; only what has changed is written. */
void worker_incident_say(struct worker_context *ctx,
    struct worker_incident *in, const struct worker_incident_text *text);

/* It is over; harmless when none is open.  Returns 1 when one was. */
int worker_incident_resolve(struct worker_context *ctx,
    struct worker_incident *in, oscp_ms_t now_ms);

/* Writes what the owner's hash `key` keeps, after any of the three. */
void worker_incident_store(struct worker_context *ctx,
    struct worker_incident *in, const char *key);

#endif /* WORKER_INCIDENT_H */
