/*
 * The parts that the lifecycle's handlers are made of: our handshake, our
 * acknowledge of the peer's, our heartbeats, the end of liveness.  Internal to
 * oscp_lifecycle*.c.
 *
 * "Ours" is the exchange that our Handshake opens (handshake_…), "theirs" the
 * one that the peer's opens (ack_…).  An exchange is open only while the state
 * is `handshaking` or `online`; `handshaking` means that one is open.
 */

#ifndef OSCP_EXCHANGE_H
#define OSCP_EXCHANGE_H

#include "oscp_lifecycle.h"

/* One event on its way through the machine. */
typedef struct {
    oscp_lifecycle_t              *lc;
    const oscp_lifecycle_conf_t   *conf;
    const oscp_lifecycle_event_t  *event;
    oscp_lifecycle_result_t       *result;
} oscp_exchange_t;

/* 1 while one is open. */
int oscp_exchange_ours(const oscp_lifecycle_t *lc);
int oscp_exchange_theirs(const oscp_lifecycle_t *lc);

/* 1 when a handshake of ours was started less than the pause ago. */
int oscp_exchange_paused(const oscp_exchange_t *x);

/* 1 when the peer, online, beats at an interval that we no longer want. */
int oscp_exchange_outdated(const oscp_exchange_t *x);

/* Sets outcome and reason.  Of several reasons the first one is told. */
void oscp_exchange_why(oscp_exchange_t *x, const char *why);
void oscp_exchange_ignore(oscp_exchange_t *x, const char *why);
void oscp_exchange_unchanged(oscp_exchange_t *x, const char *why);

/*
 * Enters a state; `since_ms` stays when it is the state already.  `handshaking`
 * begins without liveness.
 */
void oscp_exchange_move(oscp_exchange_t *x, oscp_state_t state,
    oscp_ms_t since_ms, const char *why);

/* Keeps the text, less what could forge a line, as last_error. */
void oscp_exchange_error(oscp_exchange_t *x, oscp_ms_t at_ms,
    const char *text);

/*
 * Starts a handshake of ours; within the pause it is only noted for its end,
 * unless an operator wants it now.
 */
void oscp_exchange_begin(oscp_exchange_t *x, int now);

/* Notes a handshake of ours for now, or for the end of the pause. */
void oscp_exchange_soon(oscp_exchange_t *x);

/* Takes over what a message of the peer demands of us. */
void oscp_exchange_terms(oscp_exchange_t *x);

/* A Handshake of the peer: we owe it an acknowledge, which is sent. */
void oscp_exchange_owe(oscp_exchange_t *x);

/* Sends the acknowledge that is owed (again). */
void oscp_exchange_acknowledge(oscp_exchange_t *x);

/* When to send it again after a failure; its deadline may come first. */
void oscp_exchange_postpone(oscp_exchange_t *x);

/* The interval that the open exchange says has reached the peer. */
void oscp_exchange_told(oscp_exchange_t *x);

/* An exchange is complete: `online`, or renegotiated. */
void oscp_exchange_complete(oscp_exchange_t *x, oscp_by_t by);

/* Ours came to nothing at `at_ms`. */
void oscp_exchange_fail(oscp_exchange_t *x, oscp_ms_t at_ms,
    const char *error);

/* Forgets ours, or whatever is open or noted: no result matters any more. */
void oscp_exchange_close_ours(oscp_exchange_t *x);
void oscp_exchange_close(oscp_exchange_t *x);

/* The peer is alive at least until `until_ms`. */
void oscp_exchange_extend(oscp_exchange_t *x, oscp_ms_t until_ms);

/* 1 when a heartbeat was stored behind one that was received after it. */
int oscp_exchange_overtaken(const oscp_exchange_t *x);

/* Takes a heartbeat's offline_mode_at. */
void oscp_exchange_heard(oscp_exchange_t *x);

/* Three of our intervals after the event. */
oscp_ms_t oscp_exchange_margin(const oscp_exchange_t *x);

/* Plans our heartbeats by what the peer requires, and sends one that is due. */
void oscp_exchange_plan(oscp_exchange_t *x);

/* Ends what has run out by the event's time; starts nothing. */
void oscp_exchange_judge(oscp_exchange_t *x);

/* Starts what is due at the event's time. */
void oscp_exchange_due(oscp_exchange_t *x);

/*
 * The clock may have been set back: what was received, or completed, has been
 * by now, and liveness lasts from now on as long as it would have from then on.
 */
void oscp_exchange_rebase(oscp_exchange_t *x);

/* The clock may have been set back: no deadline lies further than it may. */
void oscp_exchange_rein(oscp_exchange_t *x);

#endif /* OSCP_EXCHANGE_H */
