/*
 * Whether a group keeps its limits: each sample of its power is judged, and
 * what stays above a limit for longer than the grace is an episode (design,
 * section 8, last paragraph): an incident, a notification, an event
 * `compliance`, and, where a forecast set the limit, one message to the peer.
 *
 * Import and export are judged by themselves; power is a group's net, so that
 * at most one of them is exceeded.  What is known stands in the group's hash:
 * another owner goes on with the same episode, and judges no sample again.
 *
 * The event's data: `state` (begun, ended; told: what an operator has said to
 * the peer), `direction`, `power_w`, `limit_w`, `since`, `measured_at`, `why`
 * (ended without a sample), `req` (the message to the peer), `corr` (the
 * forecast that it is about).
 */

#ifndef WORKER_COMPLIANCE_H
#define WORKER_COMPLIANCE_H

#include "entry.h"
#include "incident.h"
#include "oscp_compliance.h"
#include "oscp_config.h"

struct worker_outcome;

/* One group's; embedded. */
struct worker_compliance {
    struct worker_record     state;      /* in the group's hash */
    struct worker_incident   incident;
    oscp_compliance_t        directions[OSCP_DIRECTION_COUNT];
    oscp_ms_t                at_ms;      /* judged up to; NONE: never */
    double                   power_w;    /* then; fed in is negative */
    oscp_ms_t                stored_ms;  /* when the hash last said so */
};

/* What a group is judged by; borrowed. */
struct worker_compliance_scene {
    const char                     *conn;
    const oscp_group_conf_t        *binding;
    const oscp_compliance_conf_t   *conf;
    const oscp_timeline_t          *timelines;
    const oscp_decision_t          *decision;    /* of the moment */
    oscp_ms_t                       now_ms;
};

/* A sample of the group's power. */
struct worker_compliance_sample {
    oscp_ms_t     at_ms;                 /* a site's clock may be ahead */
    double        power_w;
    const char   *entry;                 /* its entry in the stream */
};

/* Nothing was measured yet.  Returns 0, or -1 without memory (free it all the
   same). */
int worker_compliance_init(struct worker_compliance *c);

void worker_compliance_free(struct worker_compliance *c);

/* Takes over what HGETALL gave for the group's hash.  0, or -1: no memory. */
int worker_compliance_load(struct worker_compliance *c,
    const redisReply *reply);

/* The group is new, whatever its hash `key` has. */
void worker_compliance_unknown(struct worker_context *ctx,
    struct worker_compliance *c, const char *key);

/*
 * 1 when the sample is to be judged: it has not been, and it is not so old that
 * it says nothing of now.
 */
int worker_compliance_wants(const struct worker_compliance *c,
    const oscp_compliance_conf_t *conf,
    const struct worker_compliance_sample *s, oscp_ms_t now_ms);

/*
 * The moment that it stands for: samples of several assets may cross, and the
 * clock may have been set back.
 */
oscp_ms_t worker_compliance_moment(const struct worker_compliance *c,
    const struct worker_compliance_sample *s, oscp_ms_t now_ms);

/*
 * Judges it, by the decision for that moment.  Returns 1 when an episode has
 * begun: worker_compliance_tick() is to be called soon.
 */
int worker_compliance_judge(struct worker_context *ctx,
    struct worker_compliance *c, const struct worker_compliance_scene *scene,
    const struct worker_compliance_sample *s);

/*
 * What needs no sample: a limit that is gone ends its episode, and so does
 * power that nobody measures any more.  Returns when to call again, or NONE.
 */
oscp_ms_t worker_compliance_tick(struct worker_context *ctx,
    struct worker_compliance *c, const struct worker_compliance_scene *scene);

/* The group is no longer configured; its hash is the caller's to remove. */
void worker_compliance_remove(struct worker_context *ctx,
    struct worker_compliance *c, const char *conn,
    const oscp_group_conf_t *binding, oscp_ms_t now_ms);

/*
 * The operator's command `e`, by `by`: its `message` goes to the peer, about
 * the forecast that is in force.  Returns 0, or -1 when it is refused; `result`
 * says what was done, or names the field.
 */
int worker_compliance_command(struct worker_context *ctx,
    const struct worker_compliance_scene *scene, const struct worker_entry *e,
    const char *by, struct worker_outcome *result);

#endif /* WORKER_COMPLIANCE_H */
