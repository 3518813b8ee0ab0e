/*
 * Handshakes, acknowledges, heartbeats and liveness as small moves on the
 * record.
 */

#include <string.h>

#include "oscp_exchange.h"

#define RETRY_JITTER        0.25

#define ACK_RETRY_MIN_MS    1000
#define ACK_RETRY_MAX_MS    30000

/* the shortest interval that a peer may ask for, the longest that we keep */
#define INTERVAL_MIN_MS     1000
#define INTERVAL_MAX_MS     OSCP_LIFECYCLE_AHEAD_MAX_MS


int
oscp_exchange_ours(const oscp_lifecycle_t *lc)
{
    return lc->handshake_req[0] != '\0';
}


int
oscp_exchange_theirs(const oscp_lifecycle_t *lc)
{
    return lc->ack_req[0] != '\0';
}


int
oscp_exchange_paused(const oscp_exchange_t *x)
{
    oscp_ms_t  at = x->event->at_ms, started = x->lc->handshake_started_ms;

    /* also one that a clock which was set back has started in the future */
    return started != OSCP_TIME_NONE
           && at < started + OSCP_LIFECYCLE_PAUSE_MS
           && at > started - OSCP_LIFECYCLE_PAUSE_MS;
}


int
oscp_exchange_outdated(const oscp_exchange_t *x)
{
    return x->conf->initiate_handshake
           && x->lc->interval_expected_ms != x->conf->heartbeat_interval_ms;
}


void
oscp_exchange_why(oscp_exchange_t *x, const char *why)
{
    if (x->result->why[0] == '\0') {
        x->result->why = why;
    }
}


void
oscp_exchange_ignore(oscp_exchange_t *x, const char *why)
{
    x->result->outcome = OSCP_OUTCOME_IGNORED;
    oscp_exchange_why(x, why);
}


void
oscp_exchange_unchanged(oscp_exchange_t *x, const char *why)
{
    x->result->outcome = OSCP_OUTCOME_UNCHANGED;
    oscp_exchange_why(x, why);
}


void
oscp_exchange_move(oscp_exchange_t *x, oscp_state_t state, oscp_ms_t since_ms,
    const char *why)
{
    oscp_exchange_why(x, why);

    if (x->lc->state == state) {
        return;
    }

    x->lc->state = state;
    x->lc->since_ms = since_ms;

    if (state != OSCP_STATE_ONLINE) {
        x->lc->heartbeat_due_ms = OSCP_TIME_NONE;
    }

    /* what was promised before counts no more, whatever the clock does */
    if (state == OSCP_STATE_HANDSHAKING) {
        x->lc->offline_mode_at_ms = OSCP_TIME_NONE;
    }
}


/* `to` has room for `size` bytes; what is longer is cut. */
static void
oscp_exchange_copy(char *to, size_t size, const char *from)
{
    size_t  len = from ? strlen(from) : 0;

    len = len < size ? len : size - 1;
    memset(to, 0, size);

    if (len) {
        memcpy(to, from, len);
    }
}


void
oscp_exchange_error(oscp_exchange_t *x, oscp_ms_t at_ms, const char *text)
{
    char  *p;

    oscp_exchange_copy(x->lc->last_error, sizeof(x->lc->last_error), text);

    for (p = x->lc->last_error; *p; p++) {
        if (*p < ' ' || *p > '~') {
            *p = '?';
        }
    }

    x->lc->last_error_ms = at_ms;
}


/* The next try of ours, a growing while from now. */
static void
oscp_exchange_retry(oscp_exchange_t *x)
{
    oscp_backoff_t  b = { OSCP_LIFECYCLE_RETRY_MIN_MS,
                          OSCP_LIFECYCLE_RETRY_MAX_MS, 2, RETRY_JITTER,
                          x->lc->retry_pause_ms };

    x->lc->retry_ms = OSCP_TIME_NONE;

    if (x->conf->initiate_handshake) {
        x->lc->retry_ms = x->event->at_ms
                          + oscp_backoff_next(&b, x->event->random);
        x->lc->retry_pause_ms = b.current_ms;
    }
}


void
oscp_exchange_soon(oscp_exchange_t *x)
{
    x->lc->retry_ms = oscp_exchange_paused(x)
                      ? x->lc->handshake_started_ms + OSCP_LIFECYCLE_PAUSE_MS
                      : x->event->at_ms;
}


static void
oscp_exchange_no_retry(oscp_exchange_t *x)
{
    x->lc->retry_ms = OSCP_TIME_NONE;
    x->lc->retry_pause_ms = 0;
}


/*
 * The peer is told our interval by what is sent now.  While it is online it
 * goes on by the old one until the message is known to have arrived.
 */
static void
oscp_exchange_tell(oscp_exchange_t *x)
{
    x->lc->interval_told_ms = x->conf->heartbeat_interval_ms;

    if (x->lc->state != OSCP_STATE_ONLINE) {
        oscp_exchange_told(x);
    }
}


/* What a peer was told is not what the configuration says meanwhile. */
void
oscp_exchange_told(oscp_exchange_t *x)
{
    x->lc->interval_expected_ms
        = oscp_lifecycle_told_ms(x->lc, x->conf->heartbeat_interval_ms);
}


void
oscp_exchange_begin(oscp_exchange_t *x, int now)
{
    oscp_ms_t          at = x->event->at_ms;
    oscp_lifecycle_t  *lc = x->lc;

    if (!now && oscp_exchange_paused(x)) {
        oscp_exchange_soon(x);
        return;
    }

    oscp_exchange_copy(lc->handshake_req, sizeof(lc->handshake_req),
                       x->event->new_req);
    lc->handshake_sent = 0;
    lc->handshake_started_ms = at;
    lc->handshake_deadline_ms = at + x->conf->handshake_timeout_ms;
    lc->retry_ms = OSCP_TIME_NONE;
    oscp_exchange_tell(x);

    if (lc->state == OSCP_STATE_OFFLINE) {
        oscp_exchange_move(x, OSCP_STATE_HANDSHAKING, at, "our handshake");
    }

    x->result->actions |= OSCP_DO_SEND_HANDSHAKE;
}


void
oscp_exchange_terms(oscp_exchange_t *x)
{
    int64_t                        interval;
    oscp_lifecycle_t              *lc = x->lc;
    const oscp_lifecycle_event_t  *ev = x->event;

    if (ev->has_interval) {
        interval = ev->interval_ms;
        interval = interval < INTERVAL_MIN_MS ? INTERVAL_MIN_MS : interval;
        lc->interval_required_ms = interval > INTERVAL_MAX_MS ? INTERVAL_MAX_MS
                                                              : interval;

    } else if (ev->kind == OSCP_EV_PEER_HANDSHAKE) {

        /*
         * An acknowledge that says nothing takes nothing back: peers exist
         * that name their interval in their own handshake only.
         */
        lc->interval_required_ms = 0;
    }

    if (ev->has_measurement) {
        lc->measurement = ev->measurement;

    } else if (ev->kind == OSCP_EV_PEER_HANDSHAKE
               || (lc->state != OSCP_STATE_ONLINE
                   && !oscp_exchange_theirs(lc)))
    {
        /* nor does it take back the list of the handshake it crosses */
        lc->measurement = x->conf->measurement;
    }

    if (ev->dialect != OSCP_DIALECT_NONE) {
        lc->dialect = ev->dialect;
    }
}


void
oscp_exchange_owe(oscp_exchange_t *x)
{
    oscp_lifecycle_t  *lc = x->lc;

    oscp_exchange_copy(lc->ack_req, sizeof(lc->ack_req), x->event->new_req);
    oscp_exchange_copy(lc->ack_corr, sizeof(lc->ack_corr), x->event->req);
    lc->ack_deadline_ms = x->event->at_ms + x->conf->handshake_timeout_ms;
    lc->ack_tries = 0;

    oscp_exchange_acknowledge(x);
}


void
oscp_exchange_acknowledge(oscp_exchange_t *x)
{
    x->lc->ack_due_ms = OSCP_TIME_NONE;
    x->lc->ack_tries++;
    oscp_exchange_tell(x);

    x->result->actions |= OSCP_DO_SEND_ACKNOWLEDGE;
}


void
oscp_exchange_postpone(oscp_exchange_t *x)
{
    unsigned           i;
    oscp_lifecycle_t  *lc = x->lc;
    oscp_backoff_t     b = { ACK_RETRY_MIN_MS, ACK_RETRY_MAX_MS, 2,
                             RETRY_JITTER, 0 };

    /* the record has no pause for this one: it follows from the tries */
    for (i = 1; i < lc->ack_tries && b.current_ms < ACK_RETRY_MAX_MS; i++) {
        oscp_backoff_next(&b, 0);
    }

    lc->ack_due_ms = x->event->at_ms + oscp_backoff_next(&b, x->event->random);
}


void
oscp_exchange_close_ours(oscp_exchange_t *x)
{
    oscp_lifecycle_t  *lc = x->lc;

    memset(lc->handshake_req, 0, sizeof(lc->handshake_req));
    lc->handshake_sent = 0;
    lc->handshake_deadline_ms = OSCP_TIME_NONE;
}


static void
oscp_exchange_close_theirs(oscp_exchange_t *x)
{
    oscp_lifecycle_t  *lc = x->lc;

    memset(lc->ack_req, 0, sizeof(lc->ack_req));
    memset(lc->ack_corr, 0, sizeof(lc->ack_corr));
    lc->ack_deadline_ms = OSCP_TIME_NONE;
    lc->ack_due_ms = OSCP_TIME_NONE;
    lc->ack_tries = 0;
}


void
oscp_exchange_close(oscp_exchange_t *x)
{
    oscp_exchange_close_ours(x);
    oscp_exchange_close_theirs(x);
    oscp_exchange_no_retry(x);

    x->lc->offline_mode_at_ms = OSCP_TIME_NONE;
    x->result->actions |= OSCP_DO_CANCEL;
}


/* Ours, as the peer knows it. */
static int64_t
oscp_exchange_interval(const oscp_exchange_t *x)
{
    return x->lc->interval_expected_ms > 0 ? x->lc->interval_expected_ms
                                           : x->conf->heartbeat_interval_ms;
}


oscp_ms_t
oscp_exchange_margin(const oscp_exchange_t *x)
{
    return x->event->at_ms
           + OSCP_LIFECYCLE_MARGIN * oscp_exchange_interval(x);
}


/*
 * What was received more than an interval before the last one is no late
 * heartbeat: a clock was set back.
 */
int
oscp_exchange_overtaken(const oscp_exchange_t *x)
{
    oscp_ms_t  at = x->event->at_ms, last = x->lc->heartbeat_received_ms;

    return last != OSCP_TIME_NONE && at < last
           && last - at <= oscp_exchange_interval(x);
}


void
oscp_exchange_extend(oscp_exchange_t *x, oscp_ms_t until_ms)
{
    if (x->lc->offline_mode_at_ms == OSCP_TIME_NONE
        || x->lc->offline_mode_at_ms < until_ms)
    {
        x->lc->offline_mode_at_ms = until_ms;
    }
}


void
oscp_exchange_heard(oscp_exchange_t *x)
{
    oscp_ms_t  until = x->event->offline_mode_at_ms, at = x->event->at_ms;

    if (until == OSCP_TIME_NONE) {
        until = oscp_exchange_margin(x);
    }

    if (until > at + OSCP_LIFECYCLE_AHEAD_MAX_MS) {
        until = at + OSCP_LIFECYCLE_AHEAD_MAX_MS;
    }

    x->lc->heartbeat_received_ms = at;
    x->lc->offline_mode_at_ms = until;
}


static void
oscp_exchange_beat(oscp_exchange_t *x)
{
    oscp_ms_t          at = x->event->at_ms;
    oscp_lifecycle_t  *lc = x->lc;

    /* less than before where the interval is, or a wrong clock is right now */
    lc->promised_ms = at + OSCP_LIFECYCLE_MARGIN * lc->interval_required_ms;
    lc->heartbeat_due_ms = at + lc->interval_required_ms;
    x->result->actions |= OSCP_DO_SEND_HEARTBEAT;
}


/*
 * What was promised by a shorter interval must be kept under a longer one: a
 * beat that is planned is never put off.
 */
void
oscp_exchange_plan(oscp_exchange_t *x)
{
    oscp_ms_t          next;
    oscp_lifecycle_t  *lc = x->lc;

    if (lc->state != OSCP_STATE_ONLINE || lc->interval_required_ms == 0) {
        lc->heartbeat_due_ms = OSCP_TIME_NONE;
        return;
    }

    next = x->event->at_ms + lc->interval_required_ms;

    if (lc->heartbeat_due_ms == OSCP_TIME_NONE) {
        oscp_exchange_beat(x);

    } else if (next < lc->heartbeat_due_ms) {
        lc->heartbeat_due_ms = next;
    }
}


/*
 * Liveness rests on a heartbeat that came since the handshake began, else on
 * the handshake: a peer may well beat before we know that our acknowledge has
 * reached it.  What an earlier one promised was forgotten when it began.
 */
static void
oscp_exchange_live(oscp_exchange_t *x)
{
    oscp_lifecycle_t  *lc = x->lc;

    if (lc->state == OSCP_STATE_ONLINE) {
        oscp_exchange_extend(x, oscp_exchange_margin(x));
        return;
    }

    if (lc->offline_mode_at_ms == OSCP_TIME_NONE
        || lc->offline_mode_at_ms <= x->event->at_ms)
    {
        lc->offline_mode_at_ms = oscp_exchange_margin(x);
    }
}


void
oscp_exchange_complete(oscp_exchange_t *x, oscp_by_t by)
{
    oscp_lifecycle_t  *lc = x->lc;

    if (by == OSCP_BY_US) {
        oscp_exchange_close_ours(x);
    } else {
        oscp_exchange_close_theirs(x);
    }

    if (lc->state == OSCP_STATE_ONLINE) {
        oscp_exchange_told(x);
    }

    oscp_exchange_live(x);

    lc->handshake_ms = x->event->at_ms;
    lc->handshake_by = by;
    oscp_exchange_no_retry(x);

    oscp_exchange_move(x, OSCP_STATE_ONLINE, x->event->at_ms,
                       by == OSCP_BY_US ? "our handshake was acknowledged"
                                        : "our acknowledge was delivered");
    oscp_exchange_plan(x);

    /* the interval was changed while the exchange was under way */
    if (oscp_exchange_outdated(x) && !oscp_exchange_ours(lc)
        && !oscp_exchange_theirs(lc))
    {
        oscp_exchange_soon(x);
    }
}


/* With nothing open any more: while online that is all. */
static void
oscp_exchange_give_up(oscp_exchange_t *x, oscp_ms_t at_ms, const char *why)
{
    if (oscp_exchange_ours(x->lc) || oscp_exchange_theirs(x->lc)) {
        return;
    }

    if (x->lc->state == OSCP_STATE_HANDSHAKING) {
        oscp_exchange_move(x, OSCP_STATE_OFFLINE, at_ms, why);
        oscp_exchange_retry(x);

    } else if (x->lc->state == OSCP_STATE_ONLINE
               && oscp_exchange_outdated(x))
    {
        oscp_exchange_retry(x);
    }
}


static void
oscp_exchange_end_ours(oscp_exchange_t *x, oscp_ms_t at_ms)
{
    oscp_exchange_close_ours(x);
    oscp_exchange_give_up(x, at_ms, "handshake failed");
}


void
oscp_exchange_fail(oscp_exchange_t *x, oscp_ms_t at_ms, const char *error)
{
    oscp_exchange_error(x, at_ms, error);
    oscp_exchange_end_ours(x, at_ms);
}


/* An exchange ran out at `at_ms`; what its tries met says more than that. */
static void
oscp_exchange_late(oscp_exchange_t *x, oscp_ms_t at_ms, const char *error)
{
    oscp_lifecycle_t  *lc = x->lc;
    oscp_ms_t          began = at_ms - x->conf->handshake_timeout_ms;

    if (lc->last_error_ms == OSCP_TIME_NONE || lc->last_error_ms < began) {
        oscp_exchange_error(x, at_ms, error);
    }
}


static void
oscp_exchange_fail_theirs(oscp_exchange_t *x, oscp_ms_t at_ms)
{
    oscp_exchange_late(x, at_ms, "acknowledge not delivered in time");
    oscp_exchange_close_theirs(x);
    oscp_exchange_give_up(x, at_ms, "acknowledge failed");
}


/* An exchange that is under way goes on: it may bring `online` back. */
static void
oscp_exchange_lose(oscp_exchange_t *x)
{
    oscp_lifecycle_t  *lc = x->lc;
    oscp_ms_t          since = lc->offline_mode_at_ms;

    oscp_exchange_error(x, since, "liveness lost: no heartbeat in time");
    oscp_exchange_no_retry(x);

    if (oscp_exchange_ours(lc) || oscp_exchange_theirs(lc)) {
        oscp_exchange_move(x, OSCP_STATE_HANDSHAKING, since, "liveness lost");
        return;
    }

    oscp_exchange_move(x, OSCP_STATE_OFFLINE, since, "liveness lost");

    if (x->conf->initiate_handshake) {
        oscp_exchange_soon(x);
    }
}


void
oscp_exchange_judge(oscp_exchange_t *x)
{
    oscp_ms_t          at = x->event->at_ms;
    oscp_lifecycle_t  *lc = x->lc;

    if (oscp_exchange_ours(lc) && at >= lc->handshake_deadline_ms) {
        if (lc->handshake_sent) {
            oscp_exchange_fail(x, lc->handshake_deadline_ms,
                               "handshake not acknowledged in time");
        } else {
            oscp_exchange_late(x, lc->handshake_deadline_ms,
                               "handshake not answered in time");
            oscp_exchange_end_ours(x, lc->handshake_deadline_ms);
        }
    }

    if (oscp_exchange_theirs(lc) && at >= lc->ack_deadline_ms) {
        oscp_exchange_fail_theirs(x, lc->ack_deadline_ms);
    }

    if (lc->state == OSCP_STATE_ONLINE && at >= lc->offline_mode_at_ms) {
        oscp_exchange_lose(x);
    }
}


void
oscp_exchange_due(oscp_exchange_t *x)
{
    oscp_ms_t          at = x->event->at_ms;
    oscp_lifecycle_t  *lc = x->lc;

    if (oscp_exchange_theirs(lc) && lc->ack_due_ms <= at) {
        oscp_exchange_acknowledge(x);
    }

    if (lc->state == OSCP_STATE_ONLINE && lc->heartbeat_due_ms <= at) {
        oscp_exchange_beat(x);
    }

    if (lc->retry_ms <= at) {
        lc->retry_ms = OSCP_TIME_NONE;

        if (lc->state == OSCP_STATE_OFFLINE
            || (lc->state == OSCP_STATE_ONLINE && !oscp_exchange_ours(lc)
                && !oscp_exchange_theirs(lc) && oscp_exchange_outdated(x)))
        {
            oscp_exchange_begin(x, 0);
        }
    }
}


static void
oscp_exchange_at_most(oscp_ms_t *moment, oscp_ms_t most)
{
    if (*moment != OSCP_TIME_NONE && *moment > most) {
        *moment = most;
    }
}


/* How far a moment that is past lies ahead of the clock; 0: it does not. */
static int64_t
oscp_exchange_ahead(oscp_ms_t moment, oscp_ms_t now)
{
    return moment != OSCP_TIME_NONE && moment > now ? moment - now : 0;
}


/*
 * The margin is left in any case: the heartbeat that was received last need not
 * be what liveness rests on, and of two machines whose clocks differ neither
 * may end what the other has begun.
 */
void
oscp_exchange_rebase(oscp_exchange_t *x)
{
    int64_t            received, completed;
    oscp_ms_t          until, at = x->event->at_ms;
    oscp_lifecycle_t  *lc = x->lc;

    received = oscp_exchange_ahead(lc->heartbeat_received_ms, at);
    completed = oscp_exchange_ahead(lc->handshake_ms, at);

    if (received == 0 && completed == 0) {
        return;
    }

    /* that clock showed the later of both, so that no more than this is left */
    until = lc->offline_mode_at_ms
            - (received > completed ? received : completed);

    if (until < oscp_exchange_margin(x)) {
        until = oscp_exchange_margin(x);
    }

    oscp_exchange_at_most(&lc->offline_mode_at_ms, until);
    oscp_exchange_at_most(&lc->heartbeat_received_ms, at);
    oscp_exchange_at_most(&lc->handshake_ms, at);
}


void
oscp_exchange_rein(oscp_exchange_t *x)
{
    oscp_ms_t          at = x->event->at_ms;
    oscp_lifecycle_t  *lc = x->lc;

    oscp_exchange_at_most(&lc->offline_mode_at_ms,
                          at + OSCP_LIFECYCLE_AHEAD_MAX_MS);
    oscp_exchange_at_most(&lc->handshake_deadline_ms,
                          at + x->conf->handshake_timeout_ms);
    oscp_exchange_at_most(&lc->ack_deadline_ms,
                          at + x->conf->handshake_timeout_ms);
    oscp_exchange_at_most(&lc->ack_due_ms, at + ACK_RETRY_MAX_MS);
    oscp_exchange_at_most(&lc->retry_ms, at + OSCP_LIFECYCLE_RETRY_MAX_MS);
    oscp_exchange_at_most(&lc->heartbeat_due_ms,
                          at + lc->interval_required_ms);
}
