/*
 * Takes entries from the streams, batch by batch, and lets each take effect:
 * first those that a predecessor took and did not settle, then new ones; of one
 * batch the commands before the messages.
 */

#ifndef WORKER_INTAKE_H
#define WORKER_INTAKE_H

#include "config.h"
#include "entry.h"
#include "roster.h"

struct worker_intake;                        /* one shard's */

/*
 * `config` and `roster` are borrowed.  NULL without memory.
 */
struct worker_intake *worker_intake_create(struct worker_context *ctx,
    struct worker_config *config, const struct worker_roster *roster);

/* NULL is harmless. */
void worker_intake_free(struct worker_intake *in);

/*
 * Begins from the beginning: what was taken and not applied is forgotten, Redis
 * has it.  `tails` are the last ids in the streams now, by which the intake
 * knows when it has caught up; NULL: not known yet.
 */
void worker_intake_reset(struct worker_intake *in,
    char tails[WORKER_STREAM_COUNT][WORKER_ENTRY_ID_SIZE]);

/*
 * Takes a batch, unless one is under way or not yet applied.  The shard is
 * woken when it is here.  Errors fail the context.
 */
void worker_intake_take(struct worker_intake *in, struct worker_redis *redis);

/* 1 while a batch is here that is to be applied, or what is left of it. */
int worker_intake_waits(const struct worker_intake *in);

/*
 * Applies it, for as long as one turn may take.  The shard is woken when there
 * is more to do, and when the batch is done.
 */
void worker_intake_continue(struct worker_intake *in);

/* 1 while a batch is under way or not yet applied. */
int worker_intake_busy(const struct worker_intake *in);

/* 1 when the last batch applied was all there was in a stream; in all. */
int worker_intake_drained(const struct worker_intake *in,
    enum worker_stream stream);
int worker_intake_drained_all(const struct worker_intake *in);

/* 1 when all that was in a stream at the reset has been applied. */
int worker_intake_caught_up(const struct worker_intake *in,
    enum worker_stream stream);

/* The number of the last take that has been applied (see ctx->takes). */
uint64_t worker_intake_taken(const struct worker_intake *in);

/* When the last message applied was received. */
oscp_ms_t worker_intake_last_ms(const struct worker_intake *in);

/* The id of the last entry of a stream that was applied, "0-0" at first. */
const char *worker_intake_last_id(const struct worker_intake *in,
    enum worker_stream stream);

#endif /* WORKER_INTAKE_H */
