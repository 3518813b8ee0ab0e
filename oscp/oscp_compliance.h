/*
 * Compliance: whether a group's measured power keeps its limit (design, section
 * 8, last paragraph).  One episode from the moment it has been above the limit
 * for longer than the grace until it is back under it.
 */

#ifndef OSCP_COMPLIANCE_H
#define OSCP_COMPLIANCE_H

#include "oscp_time.h"

typedef struct {
    double   tolerance;            /* 0.02: 2 % of the limit */
    int64_t  grace_ms;
} oscp_compliance_conf_t;

/* Kept in the group's hash. */
typedef struct {
    oscp_ms_t  over_since_ms;      /* NONE: not above the limit */
    unsigned   open:1;             /* an episode is open */
} oscp_compliance_t;

typedef enum {
    OSCP_COMPLIANCE_NONE = 0,
    OSCP_COMPLIANCE_BEGUN,         /* tell the peer, open an incident */
    OSCP_COMPLIANCE_ENDED
} oscp_compliance_step_t;

void oscp_compliance_init(oscp_compliance_t *c);

/*
 * The state at `at_ms`: `power_w` is drawn, `limit_w` holds (negative: no
 * limit, and power not known is passed as 0).  Called for each sample, each
 * change of the limit, and at oscp_compliance_next().
 */
oscp_compliance_step_t oscp_compliance_step(oscp_compliance_t *c,
    const oscp_compliance_conf_t *conf, double limit_w, double power_w,
    oscp_ms_t at_ms);

/* When an excess that goes on becomes an episode; NONE. */
oscp_ms_t oscp_compliance_next(const oscp_compliance_t *c,
    const oscp_compliance_conf_t *conf);

#endif /* OSCP_COMPLIANCE_H */
