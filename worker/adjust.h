/*
 * Adjustments of a group, the latest of each type: asked for by an operator,
 * sent through the outbox, and visible in their hash until the peer's forecast
 * answers them, the peer refuses them, or they expire (design, section 8).
 *
 * Each change of state is an event `adjustment`, part of the transaction that
 * changes the hash: data has `type`, `state`, `req` (the adjustment's message),
 * `blocks`, and `answer`: the forecast's request id (answered), what the peer
 * said (refused), or why (expired).
 */

#ifndef WORKER_ADJUST_H
#define WORKER_ADJUST_H

#include "context.h"
#include "entry.h"
#include "oscp_timeline.h"
#include "record.h"

/* Why what was asked for is not any more, after a `disconnect`. */
#define WORKER_ADJUST_DISCONNECTED   "disconnected by the operator"

struct worker_outcome;
struct worker_fate;
struct worker_letter;

/* A group's; embedded. */
struct worker_adjusts {
    const char            *conn;         /* names, borrowed */
    const char            *group;
    struct worker_record   types[OSCP_TYPE_COUNT];
    struct worker_timer    timer;        /* when the next one expires */
};

/*
 * None yet.  `ring` is called with `arg` when worker_adjust_tick() has
 * something to do.  Returns 0, or -1 without memory (free it all the same).
 */
int worker_adjust_init(struct worker_adjusts *a, const char *conn,
    const char *group, void (*ring)(void *arg), void *arg);

void worker_adjust_free(struct worker_context *ctx, struct worker_adjusts *a);

/* The key of one type's hash, in `buf`, which is returned. */
char *worker_adjust_key(const struct worker_context *ctx,
    const struct worker_adjusts *a, oscp_type_t type, char buf[OSCP_KEY_SIZE]);

/* Takes over what HGETALL gave for one type.  0, or -1: no memory. */
int worker_adjust_load(struct worker_adjusts *a, oscp_type_t type,
    const redisReply *reply);

/* The group is new, or gone: nothing was ever asked for, in Redis neither. */
void worker_adjust_forget(struct worker_context *ctx,
    struct worker_adjusts *a);

/*
 * The operator's command `e`, by `by`: its fields `type`, `blocks` and
 * `replace` are checked, and the message goes into the outbox.  While one of
 * that type is still requested another one is refused, unless `replace` is 1:
 * then the earlier one has expired.  Returns 0, or -1 when it is refused;
 * `result` says what was done, or names the field.
 */
int worker_adjust_command(struct worker_context *ctx, struct worker_adjusts *a,
    const struct worker_entry *e, const char *by,
    struct worker_outcome *result);

/* A forecast has been taken in; `corr` is what it says it answers, or "". */
void worker_adjust_forecast(struct worker_context *ctx,
    struct worker_adjusts *a, const oscp_forecast_t *forecast,
    const char *corr);

/*
 * What became of a message of the outbox: one that is refused, or given up; or
 * delivered, which is news where it had been refused: an operator has sent it
 * again, and it is requested once more.
 */
void worker_adjust_heard(struct worker_context *ctx, struct worker_adjusts *a,
    const struct worker_fate *fate);

/*
 * Why the adjustment whose message waits in the outbox is not asked for any
 * more, as worker_outbox_unwanted(): it has expired, by the operator's hand or
 * in time, or the latest of its type is another one, however old the message.
 */
const char *worker_adjust_unwanted(const struct worker_adjusts *a,
    const struct worker_letter *l);

/* The operator has taken control back: what is requested expires. */
void worker_adjust_end(struct worker_context *ctx, struct worker_adjusts *a);

/*
 * What was requested too long ago expires, by the time of now; the timer is set
 * for the next one.  Not before stored messages have been applied.
 */
void worker_adjust_tick(struct worker_context *ctx, struct worker_adjusts *a);

#endif /* WORKER_ADJUST_H */
