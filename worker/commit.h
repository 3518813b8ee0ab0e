/*
 * What one transaction in Redis shall do: the commands that write state, the
 * entries it settles, the counters it moves.  Collected while messages and
 * deadlines are judged, sent as one fenced script: either all of it has
 * happened or none (design, section 9).
 *
 * Errors are sticky, as in a buffer: worker_commit_send() tells.
 */

#ifndef WORKER_COMMIT_H
#define WORKER_COMMIT_H

#include "redis.h"

/* The consumer group of every stream that is worked off, and its consumer. */
#define WORKER_COMMIT_GROUP   "oscp-worker"

struct worker_commit;

/* The counters in the stats hash. */
enum worker_commit_count {
    WORKER_COUNT_COMMITS = 0,
    WORKER_COUNT_APPLIED,
    WORKER_COUNT_IGNORED,
    WORKER_COUNT_HANDSHAKES_RECEIVED,
    WORKER_COUNT_ACKNOWLEDGES_RECEIVED,
    WORKER_COUNT_HEARTBEATS_RECEIVED,
    WORKER_COUNT_FORECASTS_RECEIVED,
    WORKER_COUNT_SEGMENTS_EXPIRED,
    WORKER_COUNT_HANDSHAKES_SENT,
    WORKER_COUNT_ACKNOWLEDGES_SENT,
    WORKER_COUNT_HEARTBEATS_SENT,
    WORKER_COUNT_SENDS_FAILED,
    WORKER_COUNT_OUT_SENT,
    WORKER_COUNT_OUT_RETRIES,
    WORKER_COUNT_OUT_DEAD,
    WORKER_COUNT_OUT_GIVEN_UP,
    WORKER_COUNT_DECISIONS,
    WORKER_COUNT_COMMANDS,
    WORKER_COUNT_INCIDENTS,
    WORKER_COUNT_WINDOWS_CLOSED,
    WORKER_COUNT_WINDOWS_SKIPPED,
    WORKER_COUNT_SAMPLES_REFUSED,
    WORKER_COUNT_MAX
};

/*
 * An empty one, for a shard whose lease, stats and events keys are given
 * (copied).  NULL without memory.
 */
struct worker_commit *worker_commit_create(const char *lease,
    const char *stats, const char *events);

/* NULL is harmless. */
void worker_commit_free(struct worker_commit *c);

/*
 * Adds a command, word by word: begin with its name and the one key it
 * touches, then its arguments, then end.
 */
void worker_commit_begin(struct worker_commit *c, const char *command,
    const char *key);
void worker_commit_text(struct worker_commit *c, const char *text);
void worker_commit_bytes(struct worker_commit *c, const char *data, size_t len);
void worker_commit_end(struct worker_commit *c);

/*
 * Adds a field of an entry, name and value, as two words; none where the value
 * is NULL or "".
 */
void worker_commit_field(struct worker_commit *c, const char *name,
    const char *value);

/* DEL key. */
void worker_commit_delete(struct worker_commit *c, const char *key);

/* The entry `id` of the stream whose key is `stream` is done with. */
void worker_commit_settle(struct worker_commit *c, const char *stream,
    const char *id);

/* Moves a counter up. */
void worker_commit_count(struct worker_commit *c,
    enum worker_commit_count counter, unsigned n);

/* What should have been added could not be made: sending will fail. */
void worker_commit_fail(struct worker_commit *c);

/* The key of the events stream. */
const char *worker_commit_events(const struct worker_commit *c);

/* 1 when nothing is to be done, else 0. */
int worker_commit_empty(const struct worker_commit *c);

/* Bytes collected: how large the transaction has become. */
size_t worker_commit_size(const struct worker_commit *c);

/*
 * Sends all of it over `redis` as one transaction that holds only while the
 * lease's value is `lease`, and is empty again.  `reply` is called with an
 * integer or an error.  Returns 0, or -1: no memory, or no connection.
 */
int worker_commit_send(struct worker_commit *c, struct worker_redis *redis,
    const char *lease, worker_redis_reply *reply, void *arg);

/* Throws away what was collected. */
void worker_commit_reset(struct worker_commit *c);

#endif /* WORKER_COMMIT_H */
