/*
 * The lifecycle of a connection: handshake, heartbeats, liveness, the
 * operator's hand (design, section 6 "Connection", section 10 "Lifecycle";
 * protocol, section 1.6).
 *
 * A state machine as a table (states × events) over a plain record.  No clock,
 * no I/O: time and randomness come in with the event, what is to be sent goes
 * out as action bits, and the record itself is what the worker stores in the
 * conn hash and loads again after a restart.
 */

#ifndef OSCP_LIFECYCLE_H
#define OSCP_LIFECYCLE_H

#include "oscp_backoff.h"
#include "oscp_message.h"

#define OSCP_LIFECYCLE_MARGIN         3       /* × interval: offline_mode_at */
#define OSCP_LIFECYCLE_AHEAD_MAX_MS   86400000   /* offline_mode_at further
                                                 ahead counts as this */
#define OSCP_LIFECYCLE_PAUSE_MS       10000   /* between handshakes we start */
#define OSCP_LIFECYCLE_RETRY_MIN_MS   60000   /* back-off of our handshakes */
#define OSCP_LIFECYCLE_RETRY_MAX_MS   600000
#define OSCP_LIFECYCLE_ERROR_SIZE     128

typedef enum {
    OSCP_STATE_DISABLED = 0,
    OSCP_STATE_DISCONNECTED,
    OSCP_STATE_OFFLINE,
    OSCP_STATE_HANDSHAKING,
    OSCP_STATE_ONLINE,
    OSCP_STATE_COUNT
} oscp_state_t;

typedef enum {
    OSCP_BY_NONE = 0,
    OSCP_BY_US,
    OSCP_BY_PEER
} oscp_by_t;

typedef enum {
    OSCP_EV_START = 0,          /* the record was loaded or made; stored
                                   messages have been applied */
    OSCP_EV_CONFIGURE,          /* the configuration changed */
    OSCP_EV_TIMER,              /* now may be past a deadline */
    OSCP_EV_PEER_HANDSHAKE,     /* a stored Handshake */
    OSCP_EV_PEER_ACKNOWLEDGE,   /* a stored HandshakeAcknowledge */
    OSCP_EV_PEER_HEARTBEAT,     /* a stored Heartbeat */
    OSCP_EV_HANDSHAKE_SENT,     /* 2xx to our Handshake */
    OSCP_EV_HANDSHAKE_FAILED,   /* anything else, or nothing: `unanswered` */
    OSCP_EV_ACKNOWLEDGE_SENT,   /* 2xx to our HandshakeAcknowledge */
    OSCP_EV_ACKNOWLEDGE_FAILED,
    OSCP_EV_HEARTBEAT_SENT,     /* 2xx to our Heartbeat */
    OSCP_EV_HEARTBEAT_FAILED,
    OSCP_EV_CONNECT,            /* operator commands */
    OSCP_EV_DISCONNECT,
    OSCP_EV_ENABLE,
    OSCP_EV_DISABLE,
    OSCP_EV_COUNT
} oscp_lifecycle_kind_t;

/* The words in Redis and in logs; NULL for no value; `_find` gives -1. */
const char *oscp_state_name(oscp_state_t state);
int oscp_state_find(const char *text, size_t len);
const char *oscp_by_name(oscp_by_t by);                  /* "us", "peer", "" */
int oscp_by_find(const char *text, size_t len);
const char *oscp_lifecycle_event_name(oscp_lifecycle_kind_t kind);

/* What of the configuration the lifecycle depends on. */
typedef struct {
    int64_t   heartbeat_interval_ms;     /* ours: what we ask of the peer */
    int64_t   handshake_timeout_ms;
    unsigned  measurement;               /* our list */
    unsigned  initiate_handshake:1;
} oscp_lifecycle_conf_t;

/*
 * The record.  Everything here is kept in Redis; nothing else is.  Times are
 * OSCP_TIME_NONE when not set, strings "" when not set.
 */
typedef struct {
    oscp_state_t    state;
    oscp_ms_t       since_ms;
    unsigned        enabled:1;
    unsigned        disconnected:1;           /* kept under `disabled` too */
    oscp_ms_t       offline_mode_at_ms;       /* when liveness ends */
    oscp_ms_t       heartbeat_received_ms;
    oscp_ms_t       heartbeat_sent_ms;        /* the last delivered one */
    oscp_ms_t       promised_ms;              /* offline_mode_at of the last
                                                 beat we tried */
    int64_t         interval_expected_ms;     /* ours, as the peer knows it */
    int64_t         interval_told_ms;         /* ours, as our last Handshake or
                                                 acknowledge says it, whatever
                                                 is configured meanwhile */
    int64_t         interval_required_ms;     /* the peer's; 0: it wants none */
    oscp_ms_t       handshake_ms;             /* last completed */
    oscp_by_t       handshake_by;
    unsigned        measurement;              /* negotiated: the peer's list,
                                                 else ours */
    oscp_dialect_t  dialect;                  /* the peer's last */

    /* our handshake */
    char            handshake_req[OSCP_ID_SIZE];   /* "" when none is open */
    unsigned        handshake_sent:1;         /* it was answered 2xx */
    oscp_ms_t       handshake_deadline_ms;    /* for answer and acknowledge */
    oscp_ms_t       handshake_started_ms;     /* of the last one started */
    oscp_ms_t       retry_ms;                 /* when to start the next */
    int64_t         retry_pause_ms;           /* the back-off's current pause */

    /* our acknowledge of the peer's handshake */
    char            ack_req[OSCP_ID_SIZE];    /* "" when none is owed */
    char            ack_corr[OSCP_ID_SIZE];   /* the handshake's request id */
    oscp_ms_t       ack_deadline_ms;
    oscp_ms_t       ack_due_ms;               /* when to try (again) */
    unsigned        ack_tries;

    /* our heartbeat */
    oscp_ms_t       heartbeat_due_ms;         /* NONE unless online, wanted */

    char            last_error[OSCP_LIFECYCLE_ERROR_SIZE];
    oscp_ms_t       last_error_ms;
} oscp_lifecycle_t;

/* What happened.  Unused members are 0, "" or NULL. */
typedef struct {
    oscp_lifecycle_kind_t  kind;
    oscp_ms_t              at_ms;         /* when: for messages their receipt,
                                             else now */
    uint32_t               random;        /* 32 fresh random bits */
    const char            *new_req;       /* a fresh request id, never "": taken
                                             over where a send is started */
    /* peer's messages; req also for results of sends: a result that names
       another send than the one in hand is stale and changes nothing ("" is
       taken for the one in hand); for START that of a handshake of ours which
       has surely not been sent yet, "": there is none */
    const char            *req;           /* its request id */
    const char            *corr;          /* its correlation id, "" if absent */
    unsigned               has_interval:1;
    unsigned               has_measurement:1;
    int64_t                interval_ms;
    unsigned               measurement;
    oscp_dialect_t         dialect;
    oscp_ms_t              offline_mode_at_ms;   /* NONE: absent */
    /* results of sends */
    const char            *error;         /* why it failed, no secrets */
    unsigned               unanswered:1;  /* it left, and nothing came back that
                                             is surely the peer's own answer: it
                                             may have it */
} oscp_lifecycle_event_t;

/* What is to be done now; several may be set. */
#define OSCP_DO_SEND_HANDSHAKE     0x01u  /* with handshake_req */
#define OSCP_DO_SEND_ACKNOWLEDGE   0x02u  /* with ack_req and ack_corr */
#define OSCP_DO_SEND_HEARTBEAT     0x04u  /* offline_mode_at: promised_ms */
#define OSCP_DO_CLEAR              0x08u  /* forget forecasts and envelopes:
                                             the operator disconnected */
#define OSCP_DO_STORE              0x10u  /* the record changed */
#define OSCP_DO_CANCEL             0x20u  /* drop sends under way: their results
                                             no longer matter */

typedef enum {
    OSCP_OUTCOME_DONE = 0,      /* it had its effect */
    OSCP_OUTCOME_UNCHANGED,     /* a command that changes nothing */
    OSCP_OUTCOME_IGNORED        /* no effect: worth an audit event */
} oscp_outcome_t;

typedef struct {
    unsigned        actions;    /* OSCP_DO_… */
    oscp_state_t    before;
    oscp_state_t    after;
    oscp_outcome_t  outcome;
    const char     *why;        /* static text for outcome and state change:
                                   "liveness lost", "no such handshake", … */
} oscp_lifecycle_result_t;

/*
 * A new record: enabled, `offline` since `now_ms`, nothing negotiated.
 * Follow with OSCP_EV_START.
 */
void oscp_lifecycle_init(oscp_lifecycle_t *lc, oscp_ms_t now_ms);

/*
 * One event.  A message judges liveness, and the deadlines of handshakes, up
 * to its own receipt first: a heartbeat that was received after offline_mode_at
 * finds the state `offline`.  At most one action bit of each kind results, the
 * record says the rest.  `result->why` is never NULL.
 *
 * TIMER and START must come after the messages that were received before them.
 * A clock that was set is told by START.
 *
 * The rules, beside those of the design:
 *   - OSCP_EV_START and OSCP_EV_TIMER act on every deadline that has passed;
 *     START also resends an acknowledge that was owed, sends a handshake that
 *     was begun and has surely not been sent, and starts a handshake
 *     where initiate_handshake says so and the state is `offline`.  A step in
 *     which a deadline ends `online` or `handshaking` ends in `offline`, so
 *     that the audit shows it; the handshake that follows is due at once;
 *   - while an exchange is open, the end of liveness leads to `handshaking`;
 *   - liveness rests on the last heartbeat that came since `handshaking` began,
 *     else on the handshake: what was promised before is forgotten then;
 *   - a START that finds the last heartbeat, or the last handshake, in the
 *     future knows that the clock was set back (or is another machine's): both
 *     count as of now, and so does what is left of liveness, which is cut by
 *     that much, but not to less than three of our intervals;
 *   - a peer's Handshake while offline or handshaking: `handshaking` until our
 *     acknowledge is delivered; while online the state stays, interval and list
 *     change at once, and liveness ends no earlier than before;
 *   - a handshake of ours that was not answered, or by what may be a gateway's
 *     word (408, 5xx: `unanswered`), stays open until its deadline: the peer
 *     may have it, and acknowledge it.  Any other answer but a 2xx closes it;
 *   - a failed acknowledge is retried (1 s doubling, jittered) until
 *     ack_deadline_ms, with the same ack_req; a newer Handshake takes its
 *     place;
 *   - a first heartbeat goes out on becoming `online`, and at START;
 *   - a failed heartbeat is retried after at most a quarter of the interval,
 *     well before the promised time runs out;
 *   - the heartbeat that was received last counts; one that was stored behind
 *     it, having been received at most one of our intervals before it, is
 *     ignored (longer before: the receiver's clock was set back);
 *   - a heartbeat while offline starts a handshake if initiate_handshake is set
 *     and the last one was started OSCP_LIFECYCLE_PAUSE_MS ago or earlier; no
 *     handshake at all is ever started within that pause, but for CONNECT;
 *   - a peer's message without heartbeat_interval: a Handshake wants none, an
 *     acknowledge leaves it as it was;
 *   - CONFIGURE: `offline` tries again at once (what failed may be mended);
 *     `online` with another heartbeat_interval renegotiates by a handshake of
 *     ours where initiate_handshake is set, tried again by the same back-off,
 *     and stays `online`;
 *   - CONNECT: `offline` and `disconnected` start a handshake, whatever
 *     initiate_handshake says; while handshaking, online or disabled it
 *     changes nothing (OSCP_OUTCOME_UNCHANGED), as the other commands do where
 *     they find what they want.  DISCONNECT under `disabled` sets the mark and
 *     clears; only CONNECT removes it.
 */
void oscp_lifecycle_step(oscp_lifecycle_t *lc,
    const oscp_lifecycle_conf_t *conf, const oscp_lifecycle_event_t *event,
    oscp_lifecycle_result_t *result);

/*
 * Our interval as our last Handshake or acknowledge said it; before the first
 * one the configured one.
 */
int64_t oscp_lifecycle_told_ms(const oscp_lifecycle_t *lc,
    int64_t configured_ms);

/*
 * 1 when a deadline from behind `after_ms` up to `now_ms` has passed that a
 * message which was received in time may have met: the end of liveness, or of
 * waiting for the acknowledge of a handshake of ours.
 */
int oscp_lifecycle_awaits(const oscp_lifecycle_t *lc, oscp_ms_t after_ms,
    oscp_ms_t now_ms);

/* The earliest deadline at which OSCP_EV_TIMER has work; NONE: none. */
oscp_ms_t oscp_lifecycle_next(const oscp_lifecycle_t *lc);

#endif /* OSCP_LIFECYCLE_H */
