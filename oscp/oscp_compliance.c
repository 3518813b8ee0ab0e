/*
 * Compliance episodes.
 */

#include "oscp_compliance.h"


void
oscp_compliance_init(oscp_compliance_t *c)
{
    c->over_since_ms = OSCP_TIME_NONE;
    c->open = 0;
}


oscp_compliance_step_t
oscp_compliance_step(oscp_compliance_t *c, const oscp_compliance_conf_t *conf,
    double limit_w, double power_w, oscp_ms_t at_ms)
{
    int  was_open = c->open;

    if (limit_w < 0 || power_w <= limit_w * (1 + conf->tolerance)) {
        oscp_compliance_init(c);
        return was_open ? OSCP_COMPLIANCE_ENDED : OSCP_COMPLIANCE_NONE;
    }

    if (c->over_since_ms == OSCP_TIME_NONE) {
        c->over_since_ms = at_ms;
    }

    if (c->open || at_ms - c->over_since_ms < conf->grace_ms) {
        return OSCP_COMPLIANCE_NONE;
    }

    c->open = 1;
    return OSCP_COMPLIANCE_BEGUN;
}


oscp_ms_t
oscp_compliance_next(const oscp_compliance_t *c,
    const oscp_compliance_conf_t *conf)
{
    if (c->open || c->over_since_ms == OSCP_TIME_NONE) {
        return OSCP_TIME_NONE;
    }

    return c->over_since_ms + conf->grace_ms;
}
