/*
 * A decision as others read it: the hashes of the group, its envelope and its
 * circuit (design, section 5), and the audit event that tells the change.
 */

#ifndef WORKER_ENVELOPE_H
#define WORKER_ENVELOPE_H

#include "context.h"
#include "oscp_config.h"
#include "record.h"

/* What stands in Redis for one group; embedded. */
struct worker_envelope {
    struct worker_record   group;
    struct worker_record   envelope;
    struct worker_record   circuit;
};

/* A decision and all that its readers want to know beside it. */
struct worker_decided {
    const char                 *conn;
    const oscp_group_conf_t    *binding;
    unsigned                    enabled:1;   /* the group, by the operator */
    const oscp_decision_t      *decision;
    oscp_ms_t                   now_ms;
    oscp_ms_t                   until_ms;    /* next change by the blocks */
    oscp_ms_t                   valid_ms;    /* the circuit's valid_until */
};

/* Empty records.  Returns 0, or -1 without memory (free it all the same). */
int worker_envelope_init(struct worker_envelope *e);

void worker_envelope_free(struct worker_envelope *e);

/* Takes it that nothing is known of the three keys: all of it is written. */
void worker_envelope_unknown(struct worker_envelope *e);

/* 1 when the operator has not disabled the group. */
int worker_envelope_enabled(const struct worker_envelope *e);

/*
 * The operator enables or disables the group: its hash says so with the open
 * commit.  Returns 1, or 0 when that changes nothing.
 */
int worker_envelope_enable(struct worker_context *ctx,
    struct worker_envelope *e, const char *conn,
    const oscp_group_conf_t *binding, int on);

/*
 * Adds to the open commit what makes Redis say this decision, and an event when
 * a reader sees a change; the circuit's valid_until moves without one.
 */
void worker_envelope_write(struct worker_context *ctx,
    struct worker_envelope *e, const struct worker_decided *decided);

/*
 * The scope, or the circuit, is not this binding's any more: the envelope goes;
 * the circuit returns to the non-OSCP path, its rated power.  Nobody renews its
 * valid_until from now on, so it has none.
 */
void worker_envelope_release_scope(struct worker_context *ctx,
    struct worker_envelope *e, const oscp_group_conf_t *binding);
void worker_envelope_release_circuit(struct worker_context *ctx,
    struct worker_envelope *e, const oscp_group_conf_t *binding,
    oscp_ms_t now_ms);

#endif /* WORKER_ENVELOPE_H */
