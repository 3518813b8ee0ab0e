/*
 * Goal: handshakes as the design's section 6 ("Connection") and section 10
 * ("Lifecycle", "More, settled") have them: ours, the peer's, both at once,
 * renegotiation, and every way in which they fail.
 */

#include "machine.h"


/* Theirs: validate, send HandshakeAcknowledge, on its 204 `online`. */
static void
theirs(void)
{
    fresh(0);
    ev.has_measurement = 1;
    ev.measurement = OSCP_CONTINUOUS;
    peer_handshake(5, "hs-1", 10 * SEC);
    is_state(OSCP_STATE_HANDSHAKING, "the peer's handshake");
    is_actions(OSCP_DO_SEND_ACKNOWLEDGE|OSCP_DO_STORE, "is acknowledged");
    is_str(lc.ack_req, "id-1", "under a fresh id");
    is_str(lc.ack_corr, "hs-1", "that names the handshake");
    is_int(lc.ack_deadline_ms, T0 + 5 + 30 * SEC, "until the timeout");
    is_int(lc.since_ms, T0 + 5, "since its receipt");
    is_int(lc.interval_required_ms, 10 * SEC, "the interval it requires");
    is_int(lc.measurement, OSCP_CONTINUOUS, "its list is negotiated");
    is_int(lc.dialect, OSCP_DIALECT_NESTED, "its dialect remembered");
    is_why(OSCP_OUTCOME_DONE, "peer handshake", "why");

    step(OSCP_EV_ACKNOWLEDGE_SENT, 200);
    is_state(OSCP_STATE_ONLINE, "the acknowledge was delivered: online");
    is_actions(OSCP_DO_SEND_HEARTBEAT|OSCP_DO_STORE, "and we beat");
    is_int(lc.handshake_ms, T0 + 200, "completed at that time");
    is_int(lc.handshake_by, OSCP_BY_PEER, "by the peer");
    is_str(lc.ack_req, "", "nothing is owed");
    is_int(lc.interval_expected_ms, 30 * SEC, "the peer owes us our interval");
    is_int(lc.offline_mode_at_ms, T0 + 200 + 90 * SEC, "before its first "
           "heartbeat: handshake + 3 x our interval");

    fresh(0);
    peer_handshake(0, "hs-2", 0);
    is_int(lc.interval_required_ms, 0, "no interval: no heartbeats wanted");
    is_int(lc.measurement, OSCP_INTERMITTENT, "no list: ours");
    step(OSCP_EV_ACKNOWLEDGE_SENT, 0);
    is_actions(OSCP_DO_STORE, "so that none is sent");
    is_int(lc.heartbeat_due_ms, NONE, "nor planned");
}


/* An acknowledge of ours is retried, same id, until handshake_timeout. */
static void
retried(void)
{
    int      i, n = 0, same = 1;
    int64_t  at = 0, pause, last = 0;

    fresh(0);
    peer_handshake(0, "hs", 10 * SEC);

    for (i = 0; i < 10 && lc.state == OSCP_STATE_HANDSHAKING; i++) {
        ev.random = i * 0x2f3c4d5eu;
        failed(OSCP_EV_ACKNOWLEDGE_FAILED, at, "HTTP 503");
        is_state(OSCP_STATE_HANDSHAKING, "a failed acknowledge");
        pause = next() - at;

        if (next() == 30 * SEC) {
            break;
        }

        ok(pause > (SEC << i) * 3 / 4 - 1 && pause <= SEC << i,
           "is tried again after %" PRId64 " ms", pause);
        at = next();
        step(OSCP_EV_TIMER, at - 1);
        same &= result.actions == 0;
        step(OSCP_EV_TIMER, at);
        same &= result.actions == (OSCP_DO_SEND_ACKNOWLEDGE|OSCP_DO_STORE)
                && strcmp(lc.ack_req, "id-1") == 0
                && strcmp(lc.ack_corr, "hs") == 0;
        last = at;
        n++;
    }

    ok(same, "with its id, when it is due and not before");
    ok(n == 4 || n == 5, "%d times", n);
    ok(last < 30 * SEC, "the last one before the deadline");

    step(OSCP_EV_TIMER, 30 * SEC - 1);
    is_state(OSCP_STATE_HANDSHAKING, "up to the deadline");
    step(OSCP_EV_TIMER, 30 * SEC);
    is_state(OSCP_STATE_OFFLINE, "then offline");
    is_str(lc.last_error, "handshake_acknowledge: HTTP 503",
           "with what its tries met");
    is_why(OSCP_OUTCOME_DONE, "acknowledge failed", "why");
    is_int(next(), -1, "we do not start handshakes by ourselves");

    fresh(1);
    peer_handshake(0, "hs", 10 * SEC);
    step(OSCP_EV_TIMER, 30 * SEC);
    is_str(lc.last_error, "acknowledge not delivered in time",
           "an acknowledge without any answer");
    is_int(next(), 90 * SEC, "our own handshake follows by back-off");

    peer_handshake(31 * SEC, "hs-2", 10 * SEC);
    failed(OSCP_EV_ACKNOWLEDGE_FAILED, 31 * SEC, "HTTP 400");
    step(OSCP_EV_TIMER, 32 * SEC);
    step(OSCP_EV_ACKNOWLEDGE_SENT, 33 * SEC);
    is_state(OSCP_STATE_ONLINE, "the second try is as good as the first");
}


/* A burst of handshakes gets one acknowledge, to the last. */
static void
burst(void)
{
    fresh(0);
    peer_handshake(0, "hs-1", 10 * SEC);
    failed(OSCP_EV_ACKNOWLEDGE_FAILED, 1, "HTTP 500");
    peer_handshake(2, "hs-2", 20 * SEC);
    is_actions(OSCP_DO_SEND_ACKNOWLEDGE|OSCP_DO_STORE, "another handshake");
    is_str(lc.ack_corr, "hs-2", "takes the first one's place");
    is_str(lc.ack_req, "id-3", "under a fresh id");
    is_int(lc.ack_tries, 1, "with tries of its own");
    is_int(lc.ack_deadline_ms, T0 + 2 + 30 * SEC, "and its own deadline");
    is_int(lc.interval_required_ms, 20 * SEC, "and its terms");

    ev.req = "id-1";
    step(OSCP_EV_ACKNOWLEDGE_SENT, 3);
    is_state(OSCP_STATE_HANDSHAKING, "the first one's result comes late");
    is_why(OSCP_OUTCOME_UNCHANGED, "nothing waits for it any more",
           "and changes nothing");
    ev.req = "id-1";
    failed(OSCP_EV_ACKNOWLEDGE_FAILED, 3, "late");
    is_str(lc.last_error, "handshake_acknowledge: HTTP 500",
           "a late failure neither");
    ev.req = "id-3";
    step(OSCP_EV_ACKNOWLEDGE_SENT, 4);
    is_state(OSCP_STATE_ONLINE, "the last one's counts");
}


/* Ours: Handshake, 2xx, HandshakeAcknowledge in time. */
static void
ours(void)
{
    fresh(1);
    step(OSCP_EV_START, 0);
    is_state(OSCP_STATE_HANDSHAKING, "we start a handshake");
    is_actions(OSCP_DO_SEND_HANDSHAKE|OSCP_DO_STORE, "which is sent");
    is_str(lc.handshake_req, "id-1", "under a fresh id");
    is_int(lc.handshake_deadline_ms, T0 + 30 * SEC, "until the timeout");
    is_why(OSCP_OUTCOME_DONE, "our handshake", "why");

    step(OSCP_EV_HANDSHAKE_SENT, 100);
    is_state(OSCP_STATE_HANDSHAKING, "2xx is not yet online");
    is_int(next(), 30 * SEC, "the acknowledge may take until the deadline");

    ev.has_measurement = 1;
    ev.measurement = OSCP_CONTINUOUS|OSCP_INTERMITTENT;
    ev.dialect = OSCP_DIALECT_FLAT;
    peer_acknowledge(30 * SEC - 1, "id-1", 15 * SEC);
    is_state(OSCP_STATE_ONLINE, "it comes in time: online");
    is_actions(OSCP_DO_SEND_HEARTBEAT|OSCP_DO_STORE, "and we beat");
    is_int(lc.handshake_by, OSCP_BY_US, "by us");
    is_int(lc.interval_required_ms, 15 * SEC, "at what it requires");
    is_int(lc.measurement, 3, "its list");
    is_int(lc.dialect, OSCP_DIALECT_FLAT, "its dialect");
    is_int(lc.offline_mode_at_ms, T0 + 120 * SEC - 1, "liveness begins");
    is_str(lc.handshake_req, "", "nothing is open");
}


static void
acknowledges(void)
{
    fresh(1);
    peer_acknowledge(0, "id-9", 0);
    is_why(OSCP_OUTCOME_IGNORED, "no handshake of ours waits for it",
           "an acknowledge that none waits for");
    is_actions(0, "has no effect");

    step(OSCP_EV_START, 0);
    peer_acknowledge(10, "id-77", 5 * SEC);
    is_state(OSCP_STATE_HANDSHAKING, "one with an unknown correlation id");
    is_why(OSCP_OUTCOME_IGNORED, "its correlation id is unknown",
           "is ignored");
    is_actions(0, "without effect");
    is_int(lc.interval_required_ms, 0, "on anything");

    peer_acknowledge(20, "", 0);
    is_state(OSCP_STATE_ONLINE, "one without is matched by its connection; "
             "it comes before our handshake was answered");
    is_int(lc.interval_required_ms, 0, "{} wants no heartbeats");
    is_int(lc.measurement, OSCP_INTERMITTENT, "no list: ours");
    step(OSCP_EV_HANDSHAKE_SENT, 30);
    is_why(OSCP_OUTCOME_UNCHANGED, "nothing waits for it any more",
           "the answer comes late");
    is_state(OSCP_STATE_ONLINE, "and changes nothing");
    failed(OSCP_EV_HANDSHAKE_FAILED, 30, "timeout");
    is_state(OSCP_STATE_ONLINE, "nor does a failure that comes late");
    is_int(lc.last_error_ms, NONE, "it is none");

    peer_acknowledge(40, "", 0);
    is_why(OSCP_OUTCOME_IGNORED, "no handshake of ours waits for it",
           "a second acknowledge is ignored");
}


/* The answer to our handshake is lost: the peer may have it all the same. */
static void
unanswered(void)
{
    fresh(1);
    step(OSCP_EV_START, 0);
    ev.unanswered = 1;
    failed(OSCP_EV_HANDSHAKE_FAILED, 10 * SEC, "timeout");
    is_state(OSCP_STATE_HANDSHAKING, "no answer came: it is waited for");
    is_str(lc.last_error, "handshake: timeout", "with a trace");
    peer_acknowledge(12 * SEC, "id-1", 0);
    is_state(OSCP_STATE_ONLINE, "the acknowledge in time counts");

    fresh(1);
    step(OSCP_EV_START, 0);
    ev.unanswered = 1;
    failed(OSCP_EV_HANDSHAKE_FAILED, 10 * SEC, "timeout");
    is_int(next(), 30 * SEC, "until the handshake's timeout");
    step(OSCP_EV_TIMER, 30 * SEC);
    is_state(OSCP_STATE_OFFLINE, "then it has failed");
    is_str(lc.last_error, "handshake: timeout", "and says why");
    is_int(next(), 90 * SEC, "and is tried again by back-off");

    /* the same for a gateway's word; the peer's own ends it at once */
    fresh(1);
    step(OSCP_EV_START, 0);
    ev.unanswered = 1;
    failed(OSCP_EV_HANDSHAKE_FAILED, SEC, "HTTP 504");
    is_int(lc.retry_ms, NONE, "no other one is planned meanwhile");
    peer_heartbeat(15 * SEC, 60 * SEC);
    is_actions(OSCP_DO_STORE, "nor does a heartbeat start one");
    peer_acknowledge(16 * SEC, "id-1", 0);
    is_state(OSCP_STATE_ONLINE, "which its correlation id finds");
    is_int(lc.offline_mode_at_ms, T0 + 60 * SEC, "and that heartbeat counts");

    fresh(1);
    step(OSCP_EV_START, 0);
    failed(OSCP_EV_HANDSHAKE_FAILED, SEC, "HTTP 404");
    is_state(OSCP_STATE_OFFLINE, "a refusal ends it");
    peer_acknowledge(2 * SEC, "id-1", 0);
    is_why(OSCP_OUTCOME_IGNORED, "no handshake of ours waits for it",
           "which nothing can acknowledge");

    online(1);
    conf.heartbeat_interval_ms = 5 * SEC;
    step(OSCP_EV_CONFIGURE, 20 * SEC);
    ev.unanswered = 1;
    failed(OSCP_EV_HANDSHAKE_FAILED, 21 * SEC, "HTTP 502");
    peer_acknowledge(22 * SEC, "", 0);
    is_int(lc.interval_expected_ms, 5 * SEC, "a renegotiation as well");
}


/* Offline with last_error, and retry: 60 s doubling to 10 min, jittered. */
static void
backing_off(void)
{
    int      i;
    int64_t  at = 0, base, started;

    fresh(1);
    step(OSCP_EV_START, 0);

    for (i = 0; i < 6; i++) {
        started = at;
        base = 60 * SEC << i;
        base = base > 600 * SEC ? 600 * SEC : base;
        ev.random = 0x80000000u;

        switch (i % 3) {

        case 0:
            failed(OSCP_EV_HANDSHAKE_FAILED, at + 50, "connection refused");
            at += 50;
            is_str(lc.last_error, "handshake: connection refused",
                   "refused");
            break;

        case 1:
            at += 30 * SEC;
            step(OSCP_EV_TIMER, at);
            is_str(lc.last_error, "handshake not answered in time",
                   "the peer dies before answering");
            break;

        default:
            step(OSCP_EV_HANDSHAKE_SENT, at + 10);
            at += 30 * SEC;
            ev.random = 0x80000000u;
            step(OSCP_EV_TIMER, at);
            is_str(lc.last_error, "handshake not acknowledged in time",
                   "the peer answers and dies before acknowledging");
        }

        is_state(OSCP_STATE_OFFLINE, "offline");
        is_int(lc.last_error_ms, T0 + at, "when it failed");
        is_why(OSCP_OUTCOME_DONE, "handshake failed", "why");
        is_int(lc.retry_pause_ms, base, "the back-off's pause");
        if (i % 3 != 1) {
            is_int(next(), at + base * 7 / 8, "jittered");
        }

        at = next();
        step(OSCP_EV_TIMER, at - 1);
        is_actions(0, "not before its time");
        step(OSCP_EV_TIMER, at);
        is_state(OSCP_STATE_HANDSHAKING, "it tries again by itself");
        ok(at - started >= 45 * SEC, "after %" PRId64 " s",
           (at - started) / SEC);
    }

    peer_acknowledge(at + 5, "", 10 * SEC);
    is_state(OSCP_STATE_ONLINE, "and recovers");
    is_int(lc.retry_pause_ms, 0, "a completed exchange resets the back-off");

    fresh(1);
    step(OSCP_EV_START, 0);
    failed(OSCP_EV_HANDSHAKE_FAILED, 0, "x");
    step(OSCP_EV_TIMER, next());
    failed(OSCP_EV_HANDSHAKE_FAILED, 61 * SEC, "x");
    is_int(lc.retry_pause_ms, 120 * SEC, "two failures");
    peer_handshake(62 * SEC, "hs", 0);
    is_int(lc.retry_pause_ms, 0, "a peer's handshake resets it too");
    is_int(lc.retry_ms, NONE, "and is our retry");

    fresh(1);
    step(OSCP_EV_START, 0);
    peer_acknowledge(30 * SEC, "id-1", 0);
    is_state(OSCP_STATE_OFFLINE, "an acknowledge at the deadline is late");
    is_int(result.outcome, OSCP_OUTCOME_IGNORED, "and ignored");

    fresh(1);
    step(OSCP_EV_START, 0);
    failed(OSCP_EV_HANDSHAKE_FAILED, 0, "");
    is_str(lc.last_error, "handshake failed", "without a text there is one");
    fresh(1);
    step(OSCP_EV_START, 0);
    failed(OSCP_EV_HANDSHAKE_FAILED, 0, "a\nb\x80 0123456789012345678901234567"
           "89012345678901234567890123456789012345678901234567890123456789012"
           "34567890123456789012345678901234567890123456789");
    ok(strncmp(lc.last_error, "handshake: a?b? 0123", 20) == 0
       && strlen(lc.last_error) == OSCP_LIFECYCLE_ERROR_SIZE - 1,
       "a text is cut, and forges no line");
}


/* Both at once: either completed exchange makes it online. */
static void
crossing(void)
{
    fresh(1);
    step(OSCP_EV_START, 0);
    peer_handshake(10, "hs", 10 * SEC);
    is_state(OSCP_STATE_HANDSHAKING, "the peer's crosses ours");
    ok(lc.handshake_req[0] && lc.ack_req[0], "both are open");
    is_int(lc.since_ms, T0, "one handshaking");

    step(OSCP_EV_ACKNOWLEDGE_SENT, 20);
    is_state(OSCP_STATE_ONLINE, "theirs completes first");
    step(OSCP_EV_HANDSHAKE_SENT, 25);
    is_state(OSCP_STATE_ONLINE, "ours is answered");
    peer_acknowledge(30, "id-1", 0);
    is_state(OSCP_STATE_ONLINE, "and acknowledged, without harm");
    is_int(result.outcome, OSCP_OUTCOME_DONE, "in its place");
    is_int(lc.interval_required_ms, 10 * SEC, "{} takes nothing back");

    fresh(1);
    step(OSCP_EV_START, 0);
    ev.has_measurement = 1;
    ev.measurement = OSCP_CONTINUOUS;
    peer_handshake(10, "hs", 10 * SEC);
    peer_acknowledge(20, "id-1", 0);
    is_state(OSCP_STATE_ONLINE, "ours completes first");
    is_int(lc.measurement, OSCP_CONTINUOUS, "its list is kept");
    ok(lc.ack_req[0], "the acknowledge is owed still");
    failed(OSCP_EV_ACKNOWLEDGE_FAILED, 30, "HTTP 500");
    is_state(OSCP_STATE_ONLINE, "its failure harms nobody");
    step(OSCP_EV_TIMER, 31 * SEC);
    is_state(OSCP_STATE_ONLINE, "nor does its end");
    is_str(lc.ack_req, "", "it is given up");

    fresh(1);
    step(OSCP_EV_START, 0);
    peer_handshake(10, "hs", 10 * SEC);
    failed(OSCP_EV_HANDSHAKE_FAILED, 20, "HTTP 400");
    is_state(OSCP_STATE_HANDSHAKING, "ours fails, theirs goes on");
    is_int(lc.retry_ms, NONE, "without a retry");
    step(OSCP_EV_ACKNOWLEDGE_SENT, 30);
    is_state(OSCP_STATE_ONLINE, "to online");

    fresh(1);
    step(OSCP_EV_START, 0);
    peer_handshake(10 * SEC, "hs", 10 * SEC);
    step(OSCP_EV_TIMER, 30 * SEC);
    is_state(OSCP_STATE_HANDSHAKING, "ours runs out, theirs goes on");
    step(OSCP_EV_TIMER, 40 * SEC);
    is_state(OSCP_STATE_OFFLINE, "theirs runs out too: offline");
    is_int(lc.since_ms, T0 + 40 * SEC, "since then");
    is_int(next(), 100 * SEC, "with a retry");
}


/* A second Handshake while online changes timers and opens no gap. */
static void
renegotiation(void)
{
    online(0);
    is_int(lc.heartbeat_due_ms, T0 + 10 * SEC, "we beat every 10 s");
    ev.has_measurement = 1;
    ev.measurement = OSCP_CONTINUOUS;
    peer_handshake(2 * SEC, "hs-1", 4 * SEC);
    is_state(OSCP_STATE_ONLINE, "a second handshake while online");
    is_actions(OSCP_DO_SEND_ACKNOWLEDGE|OSCP_DO_STORE, "is acknowledged");
    is_int(lc.interval_required_ms, 4 * SEC, "its interval holds at once");
    is_int(lc.measurement, OSCP_CONTINUOUS, "its list too");
    is_int(lc.heartbeat_due_ms, T0 + 6 * SEC, "the next beat comes sooner");
    is_int(lc.offline_mode_at_ms, T0 + 92 * SEC, "liveness ends later");

    failed(OSCP_EV_ACKNOWLEDGE_FAILED, 3 * SEC, "HTTP 500");
    is_state(OSCP_STATE_ONLINE, "a failing acknowledge");
    is_str(lc.last_error, "handshake_acknowledge: HTTP 500",
           "only leaves its trace");
    step(OSCP_EV_TIMER, 6 * SEC);
    is_actions(OSCP_DO_SEND_ACKNOWLEDGE|OSCP_DO_SEND_HEARTBEAT|OSCP_DO_STORE,
               "both are due");
    step(OSCP_EV_TIMER, 32 * SEC);
    is_state(OSCP_STATE_ONLINE, "up to its end");
    is_str(lc.ack_req, "", "when it is given up");

    online(0);
    peer_heartbeat(SEC, 200 * SEC);
    peer_handshake(2 * SEC, "hs-2", 60 * SEC);
    is_int(lc.offline_mode_at_ms, T0 + 200 * SEC, "liveness ends no earlier "
           "than before");
    is_int(lc.heartbeat_due_ms, T0 + 10 * SEC, "a planned beat is not put off "
           "by a longer interval");
    step(OSCP_EV_ACKNOWLEDGE_SENT, 3 * SEC);
    is_int(lc.offline_mode_at_ms, T0 + 200 * SEC, "nor by the acknowledge");
    is_int(lc.handshake_ms, T0 + 3 * SEC, "completed anew");
    is_int(lc.since_ms, T0, "online since it was");
    peer_handshake(4 * SEC, "hs-3", 0);
    is_int(lc.heartbeat_due_ms, NONE, "a handshake without an interval ends "
           "our heartbeats");
    peer_handshake(5 * SEC, "hs-4", 7 * SEC);
    is_actions(OSCP_DO_SEND_ACKNOWLEDGE|OSCP_DO_SEND_HEARTBEAT|OSCP_DO_STORE,
               "one with it begins them at once");

    online(0);
    peer_heartbeat(SEC, 2 * SEC);
    peer_handshake(2 * SEC - 1, "hs-5", 5 * SEC);
    step(OSCP_EV_TIMER, 2 * SEC);
    is_state(OSCP_STATE_ONLINE, "a handshake proves life, whatever the last "
             "heartbeat said");
}


/* Interval limits that nothing may overflow. */
static void
intervals(void)
{
    fresh(0);
    peer_handshake(0, "hs", 1);
    is_int(lc.interval_required_ms, SEC, "less than a second counts as one");
    peer_handshake(0, "hs", INT64_MAX);
    is_int(lc.interval_required_ms, 86400 * SEC, "more than a day as a day");
    step(OSCP_EV_ACKNOWLEDGE_SENT, 0);
    is_int(lc.promised_ms, T0 + 3 * 86400 * SEC, "and the promise fits");
}


/* A handshake that was begun while nothing could be sent yet. */
static void
begun_before_start(void)
{
    fresh(0);
    step(OSCP_EV_CONNECT, 0);
    is_state(OSCP_STATE_HANDSHAKING, "begun");
    ev.req = "id-1";
    is_int(step(OSCP_EV_START, 20), OSCP_DO_SEND_HANDSHAKE, "START sends it");
    is_state(OSCP_STATE_HANDSHAKING, "and nothing else happens");
    is_str(lc.handshake_req, "id-1", "under its id");

    ev.req = "id-0";
    step(OSCP_EV_START, 40);
    is_state(OSCP_STATE_OFFLINE, "one that may have been sent is not repeated");

    fresh(0);
    step(OSCP_EV_CONNECT, 0);
    ev.req = "id-1";
    step(OSCP_EV_START, 30 * SEC);
    is_state(OSCP_STATE_OFFLINE, "nor is one whose time is over");
}


int
main(void)
{
    begun_before_start();
    theirs();
    retried();
    burst();
    ours();
    acknowledges();
    unanswered();
    backing_off();
    crossing();
    renegotiation();
    intervals();

    return done_testing();
}
