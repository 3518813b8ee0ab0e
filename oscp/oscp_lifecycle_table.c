/*
 * What each event does in each state.
 *
 * Two rules keep the audit readable.  A step in which time takes `online` or
 * `handshaking` away ends in `offline`; the handshake that follows is due at
 * once and belongs to the next OSCP_EV_TIMER.  And a result of a send that
 * nothing waits for any more changes nothing.
 */

#include <stdio.h>
#include <string.h>

#include "oscp_lifecycle_table.h"

#define BEAT_RETRY_SHARE    4          /* of the interval */
#define BEAT_RETRY_MIN_MS   250
#define BEAT_RETRY_MAX_MS   30000


static void
oscp_lifecycle_nothing(oscp_exchange_t *x)
{
    (void) x;
}


/* A message for a connection that is out of service. */
static void
oscp_lifecycle_closed(oscp_exchange_t *x)
{
    oscp_exchange_ignore(x, x->lc->state == OSCP_STATE_DISABLED
                         ? "is disabled" : "is disconnected");
}


/* A result of a send that is over. */
static void
oscp_lifecycle_stale(oscp_exchange_t *x)
{
    oscp_exchange_unchanged(x, "nothing waits for it any more");
}


/* 1 when a result belongs to the request id; one without an id does. */
static int
oscp_lifecycle_matches(const oscp_exchange_t *x, const char *req)
{
    return req[0] && (x->event->req == NULL || x->event->req[0] == '\0'
                      || strcmp(x->event->req, req) == 0);
}


static void
oscp_lifecycle_timer(oscp_exchange_t *x)
{
    oscp_state_t  before = x->lc->state;

    oscp_exchange_rein(x);
    oscp_exchange_judge(x);

    if (x->lc->state == before || x->lc->state != OSCP_STATE_OFFLINE) {
        oscp_exchange_due(x);
    }
}


/* What a record must hold, whoever has written it. */
static void
oscp_lifecycle_repair(oscp_exchange_t *x)
{
    oscp_lifecycle_t  *lc = x->lc;

    if (lc->state == OSCP_STATE_ONLINE
        && lc->offline_mode_at_ms == OSCP_TIME_NONE)
    {
        lc->offline_mode_at_ms = oscp_exchange_margin(x);
    }

    /* rein() makes of these what they may be at most */
    if (oscp_exchange_ours(lc)
        && lc->handshake_deadline_ms == OSCP_TIME_NONE)
    {
        lc->handshake_deadline_ms = OSCP_TIME_NONE - 1;
    }

    if (oscp_exchange_theirs(lc) && lc->ack_deadline_ms == OSCP_TIME_NONE) {
        lc->ack_deadline_ms = OSCP_TIME_NONE - 1;
    }

    if (lc->state == OSCP_STATE_HANDSHAKING && !oscp_exchange_ours(lc)
        && !oscp_exchange_theirs(lc))
    {
        oscp_exchange_move(x, OSCP_STATE_OFFLINE, x->event->at_ms,
                           "no handshake was under way");
    }
}


/*
 * What was on its way when the record was written: nobody knows whether the
 * peer has it.  An acknowledge is sent again, under the same id.  A handshake
 * without an answer is started anew, unless it has surely not been sent.
 */
static void
oscp_lifecycle_resume(oscp_exchange_t *x)
{
    oscp_lifecycle_t  *lc = x->lc;

    if (oscp_exchange_theirs(lc)) {
        lc->ack_due_ms = x->event->at_ms;
    }

    if (oscp_exchange_ours(lc) && !lc->handshake_sent
        && x->event->req != NULL
        && strcmp(x->event->req, lc->handshake_req) == 0)
    {
        x->result->actions |= OSCP_DO_SEND_HANDSHAKE;

    } else if (oscp_exchange_ours(lc) && !lc->handshake_sent) {
        oscp_exchange_close_ours(x);

        if (lc->state == OSCP_STATE_HANDSHAKING && !oscp_exchange_theirs(lc)) {
            oscp_exchange_move(x, OSCP_STATE_OFFLINE, x->event->at_ms,
                               "our handshake was interrupted");
            oscp_exchange_soon(x);
        }
    }

    /* the last beat may not have gone out */
    if (lc->state == OSCP_STATE_ONLINE) {
        lc->heartbeat_due_ms = OSCP_TIME_NONE;
        oscp_exchange_plan(x);
    }
}


/* Our own handshakes by what the configuration says now. */
static void
oscp_lifecycle_initiate(oscp_exchange_t *x)
{
    oscp_lifecycle_t  *lc = x->lc;

    switch (lc->state) {

    case OSCP_STATE_OFFLINE:
        if (x->conf->initiate_handshake) {
            oscp_exchange_soon(x);
        }
        break;

    case OSCP_STATE_ONLINE:
        if (!oscp_exchange_outdated(x)) {
            lc->retry_ms = OSCP_TIME_NONE;

        } else if (lc->retry_ms == OSCP_TIME_NONE) {
            oscp_exchange_soon(x);
        }
        break;

    default:
        break;
    }
}


static void
oscp_lifecycle_start(oscp_exchange_t *x)
{
    oscp_state_t  before = x->lc->state;

    oscp_lifecycle_repair(x);
    oscp_exchange_rebase(x);
    oscp_exchange_rein(x);
    oscp_exchange_judge(x);
    oscp_lifecycle_resume(x);
    oscp_lifecycle_initiate(x);

    if (x->lc->state == before || x->lc->state != OSCP_STATE_OFFLINE) {
        oscp_exchange_due(x);
    }
}


/*
 * An operator who has mended the configuration need not wait for the back-off.
 * Deadlines that have passed are the timer's, after what is stored.
 */
static void
oscp_lifecycle_configure(oscp_exchange_t *x)
{
    if (x->lc->state == OSCP_STATE_OFFLINE && !x->conf->initiate_handshake) {
        x->lc->retry_ms = OSCP_TIME_NONE;
    }

    oscp_lifecycle_initiate(x);

    if (x->lc->retry_ms <= x->event->at_ms) {
        oscp_exchange_due(x);
    }
}


static void
oscp_lifecycle_peer_handshake(oscp_exchange_t *x)
{
    oscp_exchange_terms(x);
    oscp_exchange_owe(x);

    if (x->lc->state == OSCP_STATE_ONLINE) {

        /* it is alive, and the exchange must open no gap */
        oscp_exchange_extend(x, oscp_exchange_margin(x));
        oscp_exchange_plan(x);
        return;
    }

    x->lc->retry_ms = OSCP_TIME_NONE;
    x->lc->retry_pause_ms = 0;
    oscp_exchange_move(x, OSCP_STATE_HANDSHAKING, x->event->at_ms,
                       "peer handshake");
}


static void
oscp_lifecycle_peer_acknowledge(oscp_exchange_t *x)
{
    const char  *corr = x->event->corr;

    if (!oscp_exchange_ours(x->lc)) {
        oscp_exchange_ignore(x, "no handshake of ours waits for it");
        return;
    }

    /* without a correlation id it is matched by its connection */
    if (corr && corr[0] && strcmp(corr, x->lc->handshake_req) != 0) {
        oscp_exchange_ignore(x, "its correlation id is unknown");
        return;
    }

    oscp_exchange_terms(x);
    oscp_exchange_complete(x, OSCP_BY_US);
}


static void
oscp_lifecycle_peer_heartbeat(oscp_exchange_t *x)
{
    if (oscp_exchange_overtaken(x)) {
        oscp_exchange_ignore(x, "a newer heartbeat has been received");
        return;
    }

    oscp_exchange_heard(x);
}


/* The peer lives, so that a handshake of ours may well succeed. */
static void
oscp_lifecycle_late_heartbeat(oscp_exchange_t *x)
{
    x->lc->heartbeat_received_ms = x->event->at_ms;

    if (x->conf->initiate_handshake && !oscp_exchange_paused(x)) {
        oscp_exchange_begin(x, 0);
    }
}


static void
oscp_lifecycle_handshake_sent(oscp_exchange_t *x)
{
    oscp_lifecycle_t  *lc = x->lc;

    /* the peer may have acknowledged before it answered */
    if (!oscp_lifecycle_matches(x, lc->handshake_req)) {
        oscp_lifecycle_stale(x);
        return;
    }

    lc->handshake_sent = 1;

    if (lc->state == OSCP_STATE_ONLINE) {
        oscp_exchange_told(x);
    }
}


/* Which message failed, and how; in `buf`, which is returned. */
static const char *
oscp_lifecycle_error(const oscp_exchange_t *x, oscp_message_kind_t kind,
    char buf[OSCP_LIFECYCLE_ERROR_SIZE])
{
    const char  *error = x->event->error;

    if (error != NULL && *error != '\0') {
        snprintf(buf, OSCP_LIFECYCLE_ERROR_SIZE, "%s: %s",
                 oscp_message_name(kind), error);

    } else {
        snprintf(buf, OSCP_LIFECYCLE_ERROR_SIZE, "%s failed",
                 oscp_message_name(kind));
    }

    return buf;
}


static void
oscp_lifecycle_handshake_failed(oscp_exchange_t *x)
{
    char  error[OSCP_LIFECYCLE_ERROR_SIZE];

    if (!oscp_lifecycle_matches(x, x->lc->handshake_req)) {
        oscp_lifecycle_stale(x);
        return;
    }

    oscp_lifecycle_error(x, OSCP_HANDSHAKE, error);

    if (x->event->unanswered) {
        oscp_exchange_error(x, x->event->at_ms, error);

    } else {
        oscp_exchange_fail(x, x->event->at_ms, error);
    }
}


static void
oscp_lifecycle_acknowledge_sent(oscp_exchange_t *x)
{
    if (!oscp_lifecycle_matches(x, x->lc->ack_req)) {
        oscp_lifecycle_stale(x);
        return;
    }

    oscp_exchange_complete(x, OSCP_BY_PEER);
}


static void
oscp_lifecycle_acknowledge_failed(oscp_exchange_t *x)
{
    char  error[OSCP_LIFECYCLE_ERROR_SIZE];

    if (!oscp_lifecycle_matches(x, x->lc->ack_req)) {
        oscp_lifecycle_stale(x);
        return;
    }

    oscp_exchange_error(x, x->event->at_ms,
                        oscp_lifecycle_error(x, OSCP_HANDSHAKE_ACKNOWLEDGE,
                                             error));
    oscp_exchange_postpone(x);
}


static void
oscp_lifecycle_heartbeat_sent(oscp_exchange_t *x)
{
    x->lc->heartbeat_sent_ms = x->event->at_ms;
}


static void
oscp_lifecycle_heartbeat_failed(oscp_exchange_t *x)
{
    char               error[OSCP_LIFECYCLE_ERROR_SIZE];
    int64_t            pause;
    oscp_ms_t          again;
    oscp_lifecycle_t  *lc = x->lc;

    oscp_exchange_error(x, x->event->at_ms,
                        oscp_lifecycle_error(x, OSCP_HEARTBEAT, error));

    pause = lc->interval_required_ms / BEAT_RETRY_SHARE;
    pause = pause > BEAT_RETRY_MAX_MS ? BEAT_RETRY_MAX_MS : pause;
    pause = pause < BEAT_RETRY_MIN_MS ? BEAT_RETRY_MIN_MS : pause;
    again = x->event->at_ms + pause;

    if (lc->heartbeat_due_ms != OSCP_TIME_NONE
        && again < lc->heartbeat_due_ms)
    {
        lc->heartbeat_due_ms = again;
    }
}


static void
oscp_lifecycle_connect_disabled(oscp_exchange_t *x)
{
    oscp_exchange_unchanged(x, "is disabled");
}


/* The operator asks for it: neither pause nor initiate_handshake forbid it. */
static void
oscp_lifecycle_connect(oscp_exchange_t *x)
{
    x->lc->disconnected = 0;
    x->lc->retry_pause_ms = 0;

    if (x->lc->state == OSCP_STATE_DISCONNECTED) {
        oscp_exchange_move(x, OSCP_STATE_OFFLINE, x->event->at_ms,
                           "connected by the operator");
    }

    oscp_exchange_begin(x, 1);
}


static void
oscp_lifecycle_connect_handshaking(oscp_exchange_t *x)
{
    oscp_exchange_unchanged(x, "a handshake is under way");
}


static void
oscp_lifecycle_connect_online(oscp_exchange_t *x)
{
    oscp_exchange_unchanged(x, "is online already");
}


/*
 * The next connect begins from nothing, as if the peer were new; but windows
 * that end until then are owed to it by what was negotiated last.
 */
static void
oscp_lifecycle_disconnect(oscp_exchange_t *x)
{
    oscp_lifecycle_t  *lc = x->lc;

    if (lc->disconnected) {
        oscp_exchange_unchanged(x, "is disconnected already");
        return;
    }

    lc->disconnected = 1;
    lc->interval_required_ms = 0;
    oscp_exchange_close(x);
    x->result->actions |= OSCP_DO_CLEAR;

    oscp_exchange_move(x, lc->enabled ? OSCP_STATE_DISCONNECTED
                                      : OSCP_STATE_DISABLED,
                       x->event->at_ms, "disconnected by the operator");
}


static void
oscp_lifecycle_enable(oscp_exchange_t *x)
{
    oscp_lifecycle_t  *lc = x->lc;

    if (lc->enabled) {
        oscp_exchange_unchanged(x, "is enabled already");
        return;
    }

    lc->enabled = 1;
    oscp_exchange_move(x, lc->disconnected ? OSCP_STATE_DISCONNECTED
                                           : OSCP_STATE_OFFLINE,
                       x->event->at_ms, "enabled by the operator");
    oscp_lifecycle_initiate(x);
    oscp_exchange_due(x);
}


static void
oscp_lifecycle_disable(oscp_exchange_t *x)
{
    if (!x->lc->enabled) {
        oscp_exchange_unchanged(x, "is disabled already");
        return;
    }

    x->lc->enabled = 0;
    oscp_exchange_close(x);
    oscp_exchange_move(x, OSCP_STATE_DISABLED, x->event->at_ms,
                       "disabled by the operator");
}


#define DIS     (1u << OSCP_STATE_DISABLED)
#define CUT     (1u << OSCP_STATE_DISCONNECTED)
#define OFF     (1u << OSCP_STATE_OFFLINE)
#define SHAKE   (1u << OSCP_STATE_HANDSHAKING)
#define ON      (1u << OSCP_STATE_ONLINE)

const oscp_lifecycle_cell_t
    oscp_lifecycle_table[OSCP_STATE_COUNT][OSCP_EV_COUNT] = {

    [OSCP_STATE_DISABLED] = {
        [OSCP_EV_START] = { oscp_lifecycle_nothing, DIS },
        [OSCP_EV_CONFIGURE] = { oscp_lifecycle_nothing, DIS },
        [OSCP_EV_TIMER] = { oscp_lifecycle_nothing, DIS },
        [OSCP_EV_PEER_HANDSHAKE] = { oscp_lifecycle_closed, DIS },
        [OSCP_EV_PEER_ACKNOWLEDGE] = { oscp_lifecycle_closed, DIS },
        [OSCP_EV_PEER_HEARTBEAT] = { oscp_lifecycle_closed, DIS },
        [OSCP_EV_HANDSHAKE_SENT] = { oscp_lifecycle_stale, DIS },
        [OSCP_EV_HANDSHAKE_FAILED] = { oscp_lifecycle_stale, DIS },
        [OSCP_EV_ACKNOWLEDGE_SENT] = { oscp_lifecycle_stale, DIS },
        [OSCP_EV_ACKNOWLEDGE_FAILED] = { oscp_lifecycle_stale, DIS },
        [OSCP_EV_HEARTBEAT_SENT] = { oscp_lifecycle_stale, DIS },
        [OSCP_EV_HEARTBEAT_FAILED] = { oscp_lifecycle_stale, DIS },
        [OSCP_EV_CONNECT] = { oscp_lifecycle_connect_disabled, DIS },
        [OSCP_EV_DISCONNECT] = { oscp_lifecycle_disconnect, DIS },
        [OSCP_EV_ENABLE] = { oscp_lifecycle_enable, CUT|OFF|SHAKE },
        [OSCP_EV_DISABLE] = { oscp_lifecycle_disable, DIS }
    },

    [OSCP_STATE_DISCONNECTED] = {
        [OSCP_EV_START] = { oscp_lifecycle_nothing, CUT },
        [OSCP_EV_CONFIGURE] = { oscp_lifecycle_nothing, CUT },
        [OSCP_EV_TIMER] = { oscp_lifecycle_nothing, CUT },
        [OSCP_EV_PEER_HANDSHAKE] = { oscp_lifecycle_closed, CUT },
        [OSCP_EV_PEER_ACKNOWLEDGE] = { oscp_lifecycle_closed, CUT },
        [OSCP_EV_PEER_HEARTBEAT] = { oscp_lifecycle_closed, CUT },
        [OSCP_EV_HANDSHAKE_SENT] = { oscp_lifecycle_stale, CUT },
        [OSCP_EV_HANDSHAKE_FAILED] = { oscp_lifecycle_stale, CUT },
        [OSCP_EV_ACKNOWLEDGE_SENT] = { oscp_lifecycle_stale, CUT },
        [OSCP_EV_ACKNOWLEDGE_FAILED] = { oscp_lifecycle_stale, CUT },
        [OSCP_EV_HEARTBEAT_SENT] = { oscp_lifecycle_stale, CUT },
        [OSCP_EV_HEARTBEAT_FAILED] = { oscp_lifecycle_stale, CUT },
        [OSCP_EV_CONNECT] = { oscp_lifecycle_connect, SHAKE },
        [OSCP_EV_DISCONNECT] = { oscp_lifecycle_disconnect, CUT },
        [OSCP_EV_ENABLE] = { oscp_lifecycle_enable, CUT },
        [OSCP_EV_DISABLE] = { oscp_lifecycle_disable, DIS }
    },

    [OSCP_STATE_OFFLINE] = {
        [OSCP_EV_START] = { oscp_lifecycle_start, OFF|SHAKE },
        [OSCP_EV_CONFIGURE] = { oscp_lifecycle_configure, OFF|SHAKE },
        [OSCP_EV_TIMER] = { oscp_lifecycle_timer, OFF|SHAKE },
        [OSCP_EV_PEER_HANDSHAKE] = { oscp_lifecycle_peer_handshake, SHAKE },
        [OSCP_EV_PEER_ACKNOWLEDGE] = { oscp_lifecycle_peer_acknowledge, OFF },
        [OSCP_EV_PEER_HEARTBEAT] = { oscp_lifecycle_late_heartbeat,
                                     OFF|SHAKE },
        [OSCP_EV_HANDSHAKE_SENT] = { oscp_lifecycle_stale, OFF },
        [OSCP_EV_HANDSHAKE_FAILED] = { oscp_lifecycle_stale, OFF },
        [OSCP_EV_ACKNOWLEDGE_SENT] = { oscp_lifecycle_stale, OFF },
        [OSCP_EV_ACKNOWLEDGE_FAILED] = { oscp_lifecycle_stale, OFF },
        [OSCP_EV_HEARTBEAT_SENT] = { oscp_lifecycle_stale, OFF },
        [OSCP_EV_HEARTBEAT_FAILED] = { oscp_lifecycle_stale, OFF },
        [OSCP_EV_CONNECT] = { oscp_lifecycle_connect, SHAKE },
        [OSCP_EV_DISCONNECT] = { oscp_lifecycle_disconnect, CUT },
        [OSCP_EV_ENABLE] = { oscp_lifecycle_enable, OFF },
        [OSCP_EV_DISABLE] = { oscp_lifecycle_disable, DIS }
    },

    [OSCP_STATE_HANDSHAKING] = {
        [OSCP_EV_START] = { oscp_lifecycle_start, OFF|SHAKE },
        [OSCP_EV_CONFIGURE] = { oscp_lifecycle_configure, SHAKE },
        [OSCP_EV_TIMER] = { oscp_lifecycle_timer, OFF|SHAKE },
        [OSCP_EV_PEER_HANDSHAKE] = { oscp_lifecycle_peer_handshake, SHAKE },
        [OSCP_EV_PEER_ACKNOWLEDGE] = { oscp_lifecycle_peer_acknowledge,
                                       OFF|SHAKE|ON },
        [OSCP_EV_PEER_HEARTBEAT] = { oscp_lifecycle_peer_heartbeat,
                                     OFF|SHAKE },
        [OSCP_EV_HANDSHAKE_SENT] = { oscp_lifecycle_handshake_sent, SHAKE },
        [OSCP_EV_HANDSHAKE_FAILED] = { oscp_lifecycle_handshake_failed,
                                       OFF|SHAKE },
        [OSCP_EV_ACKNOWLEDGE_SENT] = { oscp_lifecycle_acknowledge_sent,
                                       SHAKE|ON },
        [OSCP_EV_ACKNOWLEDGE_FAILED] = { oscp_lifecycle_acknowledge_failed,
                                         SHAKE },
        [OSCP_EV_HEARTBEAT_SENT] = { oscp_lifecycle_stale, SHAKE },
        [OSCP_EV_HEARTBEAT_FAILED] = { oscp_lifecycle_stale, SHAKE },
        [OSCP_EV_CONNECT] = { oscp_lifecycle_connect_handshaking, SHAKE },
        [OSCP_EV_DISCONNECT] = { oscp_lifecycle_disconnect, CUT },
        [OSCP_EV_ENABLE] = { oscp_lifecycle_enable, SHAKE },
        [OSCP_EV_DISABLE] = { oscp_lifecycle_disable, DIS }
    },

    [OSCP_STATE_ONLINE] = {
        [OSCP_EV_START] = { oscp_lifecycle_start, OFF|SHAKE|ON },
        [OSCP_EV_CONFIGURE] = { oscp_lifecycle_configure, ON },
        [OSCP_EV_TIMER] = { oscp_lifecycle_timer, OFF|SHAKE|ON },
        [OSCP_EV_PEER_HANDSHAKE] = { oscp_lifecycle_peer_handshake, SHAKE|ON },
        [OSCP_EV_PEER_ACKNOWLEDGE] = { oscp_lifecycle_peer_acknowledge,
                                       OFF|SHAKE|ON },
        [OSCP_EV_PEER_HEARTBEAT] = { oscp_lifecycle_peer_heartbeat,
                                     OFF|SHAKE|ON },
        [OSCP_EV_HANDSHAKE_SENT] = { oscp_lifecycle_handshake_sent, ON },
        [OSCP_EV_HANDSHAKE_FAILED] = { oscp_lifecycle_handshake_failed, ON },
        [OSCP_EV_ACKNOWLEDGE_SENT] = { oscp_lifecycle_acknowledge_sent, ON },
        [OSCP_EV_ACKNOWLEDGE_FAILED] = { oscp_lifecycle_acknowledge_failed,
                                         ON },
        [OSCP_EV_HEARTBEAT_SENT] = { oscp_lifecycle_heartbeat_sent, ON },
        [OSCP_EV_HEARTBEAT_FAILED] = { oscp_lifecycle_heartbeat_failed, ON },
        [OSCP_EV_CONNECT] = { oscp_lifecycle_connect_online, ON },
        [OSCP_EV_DISCONNECT] = { oscp_lifecycle_disconnect, CUT },
        [OSCP_EV_ENABLE] = { oscp_lifecycle_enable, ON },
        [OSCP_EV_DISABLE] = { oscp_lifecycle_disable, DIS }
    }
};
