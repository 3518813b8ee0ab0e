/*
 * Goal: one episode for power that stays above the limit longer than the grace,
 * none for what does not.
 */

#include "oscp_compliance.h"
#include "tap.h"

static const oscp_compliance_conf_t  conf = { 0.02, 60000 };


int
main(void)
{
    oscp_compliance_t  c;

    oscp_compliance_init(&c);
    is_int(oscp_compliance_step(&c, &conf, 100000, 102000, 0),
           OSCP_COMPLIANCE_NONE, "2 % above is tolerated");
    is_int(oscp_compliance_next(&c, &conf), OSCP_TIME_NONE, "for ever");

    is_int(oscp_compliance_step(&c, &conf, 100000, 102001, 1000),
           OSCP_COMPLIANCE_NONE, "more is not, but has its grace");
    is_int(oscp_compliance_next(&c, &conf), 61000, "of a minute");
    is_int(oscp_compliance_step(&c, &conf, 100000, 99000, 30000),
           OSCP_COMPLIANCE_NONE, "back in time: no episode");

    oscp_compliance_step(&c, &conf, 100000, 150000, 40000);
    is_int(oscp_compliance_step(&c, &conf, 100000, 150000, 99999),
           OSCP_COMPLIANCE_NONE, "just under a minute");
    is_int(oscp_compliance_step(&c, &conf, 100000, 150000, 100000),
           OSCP_COMPLIANCE_BEGUN, "a minute: an episode");
    is_int(oscp_compliance_step(&c, &conf, 100000, 160000, 200000),
           OSCP_COMPLIANCE_NONE, "told once");
    is_int(oscp_compliance_step(&c, &conf, 160000, 160000, 201000),
           OSCP_COMPLIANCE_ENDED, "a higher limit ends it");

    oscp_compliance_step(&c, &conf, 0, 1, 0);
    is_int(oscp_compliance_step(&c, &conf, 0, 1, 60000),
           OSCP_COMPLIANCE_BEGUN, "0 W is a limit like any other");
    is_int(oscp_compliance_step(&c, &conf, -1, 1, 60001),
           OSCP_COMPLIANCE_ENDED, "without a limit there is nothing to keep");
    return done_testing();
}
