/*
 * A group's yellow episodes as others read them: the incident, the
 * notifications (design, section 6), and what the group's hash keeps of them so
 * that another owner continues the same episode.
 */

#ifndef WORKER_YELLOW_H
#define WORKER_YELLOW_H

#include "envelope.h"
#include "incident.h"

/* One group's; embedded. */
struct worker_yellow {
    struct worker_incident   incident;
    struct worker_record     state;     /* in the group's hash */
    oscp_episode_t           episode;
};

/* Nothing has happened yet.  Returns 0, or -1 without memory (free it all the
   same). */
int worker_yellow_init(struct worker_yellow *y);

void worker_yellow_free(struct worker_yellow *y);

/* Takes over what HGETALL gave for the group's hash.  0, or -1: no memory. */
int worker_yellow_load(struct worker_yellow *y, const redisReply *reply);

/* The group is new, whatever Redis has under its name. */
void worker_yellow_unknown(struct worker_yellow *y);

/*
 * A decision holds: what follows for the incident and the notifications goes
 * into the open commit.
 */
void worker_yellow_step(struct worker_context *ctx,
    struct worker_yellow *y, const struct worker_decided *decided,
    oscp_zero_t zero);

/*
 * The group is no longer configured: an open incident is resolved.  The group's
 * hash is the caller's to remove.
 */
void worker_yellow_end(struct worker_context *ctx,
    struct worker_yellow *y, const char *conn,
    const oscp_group_conf_t *binding, oscp_ms_t now_ms);

#endif /* WORKER_YELLOW_H */
