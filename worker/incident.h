/*
 * A group's yellow episodes as others read them: the open incident, the
 * notifications (design, sections 5 and 6), and what the group's hash keeps of
 * them so that another owner continues the same episode.
 */

#ifndef WORKER_INCIDENT_H
#define WORKER_INCIDENT_H

#include "envelope.h"
#include "oscp_episode.h"

/* How long a resolved incident is kept: 90 days. */
#define WORKER_INCIDENT_KEEP_S   "7776000"

/* One group's; embedded. */
struct worker_incident {
    struct worker_record   state;     /* in the group's hash */
    struct worker_record   hash;      /* the open incident's */
    oscp_episode_t         episode;
};

/* Nothing has happened yet.  Returns 0, or -1 without memory (free it all the
   same). */
int worker_incident_init(struct worker_incident *in);

void worker_incident_free(struct worker_incident *in);

/* Takes over what HGETALL gave for the group's hash. */
void worker_incident_load(struct worker_incident *in, const redisReply *reply);

/* The group is new, whatever Redis has under its name. */
void worker_incident_unknown(struct worker_incident *in);

/*
 * A decision holds: what follows for the incident and the notifications goes
 * into the open commit.  `zero`: the primary forecast in force is all zero.
 */
void worker_incident_step(struct worker_context *ctx,
    struct worker_incident *in, const struct worker_decided *decided,
    int zero);

/*
 * The group is no longer configured: an open incident is resolved.  The group's
 * hash is the caller's to remove.
 */
void worker_incident_end(struct worker_context *ctx,
    struct worker_incident *in, const char *conn,
    const oscp_group_conf_t *binding, oscp_ms_t now_ms);

#endif /* WORKER_INCIDENT_H */
