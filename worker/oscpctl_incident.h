/*
 * Open incidents.
 */

#ifndef WORKER_OSCPCTL_INCIDENT_H
#define WORKER_OSCPCTL_INCIDENT_H

#include <cjson/cJSON.h>
#include <hiredis/hiredis.h>

#include "oscpctl.h"

/* One of them. */
struct worker_ctl_incident {
    char              *id;
    const redisReply  *fields;           /* as HGETALL gave them */
    oscp_ms_t          opened_ms;
};

struct worker_ctl_incidents {
    struct worker_ctl_incident  *list;   /* oldest first */
    size_t                       n;
    redisReply                 **replies;
    size_t                       nreplies;
};

/*
 * The open ones of all shards.  Returns 0, or -1 (told); free it all the same.
 */
int worker_ctl_incident_read(struct worker_ctl *ctl,
    struct worker_ctl_incidents *incidents);

void worker_ctl_incident_free(struct worker_ctl_incidents *incidents);

/* The one that is open because a group is in fallback, or NULL. */
const struct worker_ctl_incident *worker_ctl_incident_find(
    const struct worker_ctl_incidents *incidents, const char *conn,
    const char *group);

/* An object with its fields and `id`. */
cJSON *worker_ctl_incident_json(const struct worker_ctl_incident *incident);

/* Prints it as a paragraph. */
void worker_ctl_incident_print(const struct worker_ctl_incident *incident,
    oscp_ms_t now_ms);

#endif /* WORKER_OSCPCTL_INCIDENT_H */
