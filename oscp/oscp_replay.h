/*
 * The audit, replayed: from the entries of the `events` stream, taken in their
 * order, follows what each group's decision depended on at that time, so that
 * oscp_decide() can be asked again (design, section 2: "a recorded stream can
 * be replayed to the same decisions").
 *
 * What the events must hold for that (`data` is one JSON object each):
 *
 *   config    conn, or conn and group.  data: old, new.  Without old it is new,
 *             and new holds all its members; without new it is gone; with both
 *             they hold the members that differ.  Members are those of the
 *             documents in oscp:config; of a connection gap_policy counts, of a
 *             group all.
 *   state     conn.  data: to, the state's word.  Reaching `disconnected` means
 *             that all forecasts were forgotten.
 *   command   conn, or conn and group.  data: op, outcome; one whose outcome is
 *             `done` counts.
 *   forecast  conn, group, at: its receipt.  data: type, req, blocks: those of
 *             this message alone, in watts, [start, end, watts, phase, req].
 *   envelope  conn, group, at.  data: the decision as it was written.
 *
 * Events with other words, and members with other names, are passed over.  A
 * heartbeat has no event: a connection is online until a `state` event says
 * otherwise, so that liveness ends where it was found to have ended.
 */

#ifndef OSCP_REPLAY_H
#define OSCP_REPLAY_H

#include "oscp_config.h"
#include "oscp_decision.h"
#include "oscp_lifecycle.h"

/*
 * Watts are written with three digits: two sums of them are the same when they
 * do not differ by more than this.
 */
#define OSCP_REPLAY_TOLERANCE_W   0.01

/*
 * Spans that ended longer ago than this are forgotten: no decision sees them.
 */
#define OSCP_REPLAY_KEEP_MS       3600000

typedef struct oscp_replay_s  oscp_replay_t;

/* One entry of the stream; strings may be NULL, which is the same as "". */
typedef struct {
    const char  *event;
    const char  *conn;
    const char  *group;
    oscp_ms_t    at_ms;
    const char  *data;                    /* `len` bytes of JSON */
    size_t       len;
} oscp_replay_record_t;

typedef struct {
    char               name[OSCP_NAME_SIZE];
    unsigned           known:1;           /* its state has been told */
    oscp_state_t       state;
    unsigned           disconnected:1;    /* also under `disabled` */
    oscp_ms_t          since_ms;          /* of the state */
    oscp_gap_policy_t  gap_policy;
} oscp_replay_connection_t;

/* The decision that an `envelope` event tells. */
typedef struct {
    oscp_ms_t          at_ms;             /* NONE: there was no such event */
    oscp_decision_t    decision;          /* its `req` point to `reqs`; next_ms
                                             is the change that was due next */
    char               reqs[OSCP_DIRECTION_COUNT][OSCP_ID_SIZE];
    char               scope[OSCP_NAME_SIZE];
    char               circuit[OSCP_NAME_SIZE];   /* "": none */
} oscp_replay_envelope_t;

typedef struct {
    char                       group[OSCP_NAME_SIZE];
    oscp_replay_connection_t  *connection;
    unsigned                   whole:1;   /* nothing is missing: it was seen to
                                             begin */
    unsigned                   bound:1;   /* configured, as far as is known */
    unsigned                   enabled:1;
    oscp_group_conf_t          binding;   /* while `bound` and `whole`; its
                                             strings are the four below */
    char                       scope[OSCP_NAME_SIZE];
    char                       circuit[OSCP_NAME_SIZE];
    char                       asset[OSCP_NAME_SIZE];
    oscp_timeline_t            timelines[OSCP_TYPE_COUNT];
    oscp_replay_envelope_t     recorded;  /* the last one */
} oscp_replay_group_t;

/* Nothing is known yet.  NULL without memory; `alloc` must outlive it. */
oscp_replay_t *oscp_replay_create(const oscp_alloc_t *alloc);

/* NULL is harmless. */
void oscp_replay_free(oscp_replay_t *r);

/*
 * Takes the next entry.  Returns OSCP_OK, also for what has no bearing on
 * decisions; OSCP_ERR_SYNTAX or OSCP_ERR_SCHEMA when the data are not what they
 * should be (the entry then had no effect), OSCP_ERR_LIMIT, OSCP_ERR_NOMEM.
 */
oscp_err_t oscp_replay_take(oscp_replay_t *r,
    const oscp_replay_record_t *record, oscp_error_t *err);

/*
 * A group by its names, or by the scope it is bound to; NULL where the entries
 * taken so far do not speak of it.  Valid until the next oscp_replay_take().
 */
const oscp_replay_group_t *oscp_replay_group(const oscp_replay_t *r,
    const char *conn, const char *group);
const oscp_replay_group_t *oscp_replay_scope(const oscp_replay_t *r,
    const char *scope);

/* All groups, by connection and id; NULL behind the last. */
const oscp_replay_group_t *oscp_replay_each(const oscp_replay_t *r, size_t i);

/*
 * What a decision for the group depends on, after the entries taken so far; it
 * points into `g`.  Returns 0; or -1 when the group is not bound, or not whole:
 * then only what was recorded can be told.
 *
 * Moments to ask for are those of the last entry and later.
 */
int oscp_replay_situation(const oscp_replay_group_t *g, oscp_situation_t *s);

/* Copies what was recorded; a plain copy would point into the original. */
void oscp_replay_envelope_copy(oscp_replay_envelope_t *to,
    const oscp_replay_envelope_t *from);

/*
 * 1 when the decisions say the same but for what rounding in the audit
 * explains, else 0.  next_ms is not compared.
 */
int oscp_replay_same(const oscp_decision_t *a, const oscp_decision_t *b);

#endif /* OSCP_REPLAY_H */
