/*
 * A connection: its configuration as applied, its lifecycle, its groups, and
 * what it sends by itself.
 */

#ifndef WORKER_CONNECTION_H
#define WORKER_CONNECTION_H

#include "context.h"
#include "group.h"
#include "oscp_config.h"
#include "oscp_lifecycle.h"
#include "oscp_segment.h"

struct worker_connection;

/*
 * A connection with the groups of its document (`len` bytes at `doc`, copied).
 * Nothing is known of what stands in Redis: either all of it is loaded, or
 * worker_connection_begin() makes it new.  NULL with the reason in `err`.
 */
struct worker_connection *worker_connection_create(struct worker_context *ctx,
    const char *doc, size_t len, oscp_error_t *err);

/* Forgets it; Redis keeps all.  NULL is harmless. */
void worker_connection_free(struct worker_connection *conn);

const char *worker_connection_name(const struct worker_connection *conn);

/* The document applied last, NUL-terminated. */
const char *worker_connection_document(const struct worker_connection *conn);

/* The group of that id, or NULL. */
struct worker_group *worker_connection_group(
    const struct worker_connection *conn, const char *id);

/* The groups one by one: number `i` from 0, NULL behind the last. */
struct worker_group *worker_connection_group_at(
    const struct worker_connection *conn, size_t i);

/* What waits for delivery to its peer. */
struct worker_outbox *worker_connection_outbox(
    const struct worker_connection *conn);

/*
 * Segmented messages that were not complete by `until` have no effect: to be
 * said before a segment of that time is taken in.
 */
void worker_connection_expire(struct worker_connection *conn,
    oscp_ms_t until);

/* Segments that wait for their whole. */
oscp_segments_t *worker_connection_segments(
    const struct worker_connection *conn);

/* The key of its hash, and what HGETALL gave for it. */
char *worker_connection_key(const struct worker_connection *conn,
    char buf[OSCP_KEY_SIZE]);
void worker_connection_load(struct worker_connection *conn,
    const redisReply *reply);

/* A connection that was not there before: everything is new. */
void worker_connection_begin(struct worker_connection *conn);

/*
 * Stored messages have been applied: time is judged, owed sends are made, every
 * group is decided.
 */
void worker_connection_start(struct worker_connection *conn);

/*
 * Takes another document.  Groups that are gone are removed, new ones begin,
 * the rest is changed.  Returns 0, or -1 with the reason in `err`: nothing has
 * changed then.
 */
int worker_connection_change(struct worker_connection *conn, const char *doc,
    size_t len, oscp_error_t *err);

/* It is no longer configured.  Free it afterwards. */
void worker_connection_remove(struct worker_connection *conn);

/*
 * One lifecycle event: steps, stores, tells the audit, touches groups, wants
 * sends.  `by` is the event's author in the audit.  kind, at_ms and what
 * belongs to the kind are the caller's; randomness and a request id are added.
 */
void worker_connection_step(struct worker_connection *conn,
    oscp_lifecycle_event_t *event, const char *by,
    oscp_lifecycle_result_t *result);

/*
 * A command of the operator `by`, the entry `id` of the stream `cmd`, as such a
 * step.  Its groups are not decided anew yet: worker_connection_decide() does
 * that, in the same commit.
 */
void worker_connection_command(struct worker_connection *conn,
    oscp_lifecycle_kind_t kind, const char *by, const char *id,
    oscp_lifecycle_result_t *result);

/* Decides its groups at once, into the open commit. */
void worker_connection_decide(struct worker_connection *conn);

/*
 * 1 when the entry `id` of the stream `in` was stored before the operator
 * connected it again: it must have no effect.
 */
int worker_connection_outdated(const struct worker_connection *conn,
    const char *id);

/* 1 while the operator has taken control back, disabled or not. */
int worker_connection_disconnected(const struct worker_connection *conn);

/* 1 when a forecast for it may take effect; else 0 and why not. */
int worker_connection_open(const struct worker_connection *conn,
    const char **why);

/* 1 while messages are exchanged. */
int worker_connection_online(const struct worker_connection *conn);

/* Deadlines have changed: the connection is woken in time. */
void worker_connection_schedule(struct worker_connection *conn);

/* Secret files are read again before the next send. */
void worker_connection_forget(struct worker_connection *conn);

/*
 * What a stored message may still meet (liveness, an acknowledge of our
 * handshake, segments) is judged only when all that was stored before is
 * applied.  All takes up to number `takes` have been; `drained`: nothing was
 * left; `last_ms`: when the last message taken was received.
 */
void worker_connection_judge(struct worker_context *ctx, uint64_t takes,
    int drained, oscp_ms_t last_ms);

#endif /* WORKER_CONNECTION_H */
