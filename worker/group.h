/*
 * A group: its forecasts, and the decision that follows from them at every
 * moment (design, section 6).
 *
 * Nothing is decided at once.  What changes something touches the group; the
 * shard decides all touched groups in its next turn, so that what came together
 * is written together.
 */

#ifndef WORKER_GROUP_H
#define WORKER_GROUP_H

#include "context.h"
#include "group_link.h"
#include "incident.h"

struct worker_outcome;
struct worker_entry;
struct worker_fate;
struct worker_group;
struct worker_letter;
struct worker_metering_sample;

/*
 * A group of the connection behind `link`, bound as `binding` says; both are
 * borrowed.  Nothing is known of what stands in Redis: either it is loaded, or
 * worker_group_begin() makes it new.  NULL without memory.
 */
struct worker_group *worker_group_create(struct worker_context *ctx,
    const struct worker_group_link *link, const oscp_group_conf_t *binding);

/* Forgets it; Redis keeps all.  NULL is harmless. */
void worker_group_free(struct worker_group *g);

/* Its id. */
const char *worker_group_id(const struct worker_group *g);

/* A group that was not there before: whatever Redis has under its name goes. */
void worker_group_begin(struct worker_group *g);

/* The keys that the group is loaded from, one after the other. */
#define WORKER_GROUP_KEYS   (3 + 2 * OSCP_TYPE_COUNT)
char *worker_group_key(const struct worker_group *g, unsigned i,
    char buf[OSCP_KEY_SIZE]);

/* Takes over what HGETALL gave for key `i`. */
void worker_group_load(struct worker_group *g, unsigned i,
    const redisReply *reply);

/*
 * The same binding, at another place in memory.  Does nothing else.
 */
void worker_group_rebind(struct worker_group *g,
    const oscp_group_conf_t *binding);

/*
 * Another binding: scope and circuit that are no longer the group's are
 * released, and it is decided anew.
 */
void worker_group_change(struct worker_group *g,
    const oscp_group_conf_t *binding);

/*
 * The group is no longer configured: forecasts and envelope go, the circuit
 * returns to the non-OSCP path.  Free it afterwards.
 */
void worker_group_remove(struct worker_group *g);

/* The incident that is open while its messages do not reach the peer. */
struct worker_incident *worker_group_undeliverable(struct worker_group *g);

/*
 * The operator took control back: forecasts and envelope go, what the peer was
 * asked for is not waited for any more, and no incident stays open.
 */
void worker_group_clear(struct worker_group *g);

/* 1 when the operator has not disabled it. */
int worker_group_enabled(const struct worker_group *g);

/*
 * The operator enables or disables it.  Returns 1, or 0 when that changes
 * nothing.  Decide it then.
 */
int worker_group_enable(struct worker_group *g, int on);

/*
 * Decides it at once, into the open commit, for what must be one transaction;
 * where time must be judged first, it is decided after that.
 */
void worker_group_decide(struct worker_group *g);

/*
 * Takes a forecast in (voltage_v is the binding's, whatever the message says);
 * `corr` is the id of what it answers, or "".  Returns OSCP_OK, or why it has
 * no effect.
 */
oscp_err_t worker_group_forecast(struct worker_group *g,
    const oscp_forecast_t *message, const char *corr);

/*
 * The operator's commands `adjust` and `compliance`, as worker_adjust_command()
 * and worker_compliance_command().
 */
int worker_group_adjust(struct worker_group *g, const struct worker_entry *e,
    const char *by, struct worker_outcome *result);
int worker_group_compliance(struct worker_group *g,
    const struct worker_entry *e, const char *by,
    struct worker_outcome *result);

/*
 * What became of an adjustment's message in the outbox, and whether one that
 * waits there is still wanted: as worker_adjust_heard() and _unwanted().
 */
void worker_group_heard(struct worker_group *g, const struct worker_fate *fate);
const char *worker_group_unwanted(const struct worker_group *g,
    const struct worker_letter *l);

/* Takes a sample of one of its assets: see worker_metering_sample(). */
const char *worker_group_sample(struct worker_group *g,
    const struct worker_metering_sample *s);

/* What metering depends on has changed: see worker_metering_schedule(). */
void worker_group_schedule(struct worker_group *g);

/* It is to be decided anew in the shard's next turn. */
void worker_group_touch(struct worker_group *g);

/*
 * Decides one touched group and writes it to the open commit; one that has
 * taken a forecast in comes first, since that must be in the same commit as the
 * message's acknowledgement.  Returns 1; or 0 when none is left, or, unless
 * `all`, none that must not wait for another commit.
 */
int worker_group_decide_next(struct worker_context *ctx, int all);

#endif /* WORKER_GROUP_H */
