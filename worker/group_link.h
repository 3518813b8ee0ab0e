/*
 * What a group, its meters and the outbox see of their connection.
 */

#ifndef WORKER_GROUP_LINK_H
#define WORKER_GROUP_LINK_H

#include "oscp_compliance.h"
#include "oscp_config.h"

/* The connection owns and updates it. */
struct worker_group_link {
    const char         *conn;
    unsigned            enabled:1;
    unsigned            disconnected:1;
    unsigned            online:1;
    unsigned            judging:1;       /* liveness is being judged: wait */
    oscp_ms_t           liveness_ms;     /* when it ends; NONE: open */
    oscp_gap_policy_t   gap_policy;
    oscp_compliance_conf_t  compliance;

    /* metering */
    const oscp_profile_t  *profile;
    unsigned               measurement;  /* negotiated; ours until then */
    int64_t                window_ms;
    int64_t                grace_ms;
};

#endif /* WORKER_GROUP_LINK_H */
