/*
 * The rows of the decision table in words (design, section 6).
 */

#ifndef WORKER_OSCPCTL_RULE_H
#define WORKER_OSCPCTL_RULE_H

#include "buffer.h"
#include "oscpctl_facts.h"

/* Adds why one direction is decided as it is: "Rule 3: …". */
void worker_ctl_rule_why(struct worker_buffer *b,
    const struct worker_ctl_facts *f, oscp_direction_t direction);

/* Adds which block or default gives the limit, and which message it came in. */
void worker_ctl_rule_source(struct worker_buffer *b,
    const struct worker_ctl_facts *f, oscp_direction_t direction);

/*
 * The limits of both directions: "import at most 120 kW, export at most 5 kW".
 */
void worker_ctl_rule_limits(struct worker_buffer *b, const oscp_decision_t *d);

/* A decision at another moment in few words: "90 kW, normal (forecast …)". */
void worker_ctl_rule_brief(struct worker_buffer *b,
    const struct worker_ctl_facts *f, const oscp_decision_t *d);

#endif /* WORKER_OSCPCTL_RULE_H */
