/*
 * Goal: liveness and heartbeats, both ways, as the design's sections 6 and 10
 * have them.
 */

#include "machine.h"


static void
ends(void)
{
    online(0);
    is_int(lc.offline_mode_at_ms, T0 + 90 * SEC, "no heartbeat yet: "
           "handshake + 3 x our interval");
    step(OSCP_EV_TIMER, 90 * SEC - 1);
    is_state(OSCP_STATE_ONLINE, "a millisecond before it is online");
    step(OSCP_EV_TIMER, 90 * SEC);
    is_state(OSCP_STATE_OFFLINE, "then offline");
    is_why(OSCP_OUTCOME_DONE, "liveness lost", "why");
    is_str(lc.last_error, "liveness lost: no heartbeat in time", "its trace");
    is_int(lc.since_ms, T0 + 90 * SEC, "since the deadline");
    is_int(next(), -1, "initiate_handshake off: nothing is due");
    is_int(lc.heartbeat_due_ms, NONE, "no beat among it");

    online(0);
    peer_heartbeat(10 * SEC, 50 * SEC);
    is_int(lc.offline_mode_at_ms, T0 + 50 * SEC, "the peer's latest "
           "offline_mode_at");
    is_int(lc.heartbeat_received_ms, T0 + 10 * SEC, "received");
    peer_heartbeat(20 * SEC, 40 * SEC);
    is_int(lc.offline_mode_at_ms, T0 + 40 * SEC, "counts also when it is "
           "earlier");
    peer_heartbeat(20 * SEC - 1, 90 * SEC);
    is_why(OSCP_OUTCOME_IGNORED, "a newer heartbeat has been received",
           "one that was received before it comes late");
    is_int(lc.offline_mode_at_ms, T0 + 40 * SEC, "and counts for nothing");
    peer_heartbeat(-10 * SEC, 25 * SEC);
    is_int(lc.offline_mode_at_ms, T0 + 40 * SEC, "an interval before as well");
    peer_heartbeat(-10 * SEC - 1, 25 * SEC);
    is_int(lc.offline_mode_at_ms, T0 + 25 * SEC, "more than that is a clock "
           "that was set back");
    peer_heartbeat(30 * SEC - 1, NONE);
    is_state(OSCP_STATE_OFFLINE, "in time all the same");

    online(0);
    peer_heartbeat(20 * SEC, 40 * SEC);
    peer_heartbeat(30 * SEC, NONE);
    is_int(lc.offline_mode_at_ms, T0 + 120 * SEC, "absent: received + 3 x our "
           "interval");
    peer_heartbeat(31 * SEC, (31 + 86400) * SEC);
    is_int(lc.offline_mode_at_ms, T0 + (31 + 86400) * SEC, "24 h ahead");
    peer_heartbeat(32 * SEC, (32 + 86400) * SEC + 1);
    is_int(lc.offline_mode_at_ms, T0 + (32 + 86400) * SEC, "further counts as "
           "24 h");

    step(OSCP_EV_TIMER, 100 * 86400 * SEC);
    is_int(lc.since_ms, T0 + (32 + 86400) * SEC, "found late, it is offline "
           "since it ended");
}


/* By itself: liveness lost, then a handshake attempt starts. */
static void
recovers(void)
{
    online(1);
    step(OSCP_EV_TIMER, 90 * SEC);
    is_state(OSCP_STATE_OFFLINE, "liveness lost, for the audit to see");
    is_actions(OSCP_DO_STORE, "nothing else in that step");
    is_int(next(), 90 * SEC, "a handshake is due at once");
    step(OSCP_EV_TIMER, 90 * SEC);
    is_state(OSCP_STATE_HANDSHAKING, "and starts");
    is_actions(OSCP_DO_SEND_HANDSHAKE|OSCP_DO_STORE, "by us");
    step(OSCP_EV_HANDSHAKE_SENT, 91 * SEC);
    peer_acknowledge(92 * SEC, "", 0);
    is_state(OSCP_STATE_ONLINE, "its acknowledge restores online");
    is_int(lc.offline_mode_at_ms, T0 + 182 * SEC, "with new liveness");
    is_int(lc.interval_required_ms, 10 * SEC, "{} leaves the interval");
    is_actions(OSCP_DO_SEND_HEARTBEAT|OSCP_DO_STORE, "and we beat again");
}


/* A heartbeat while offline does not restore online by itself. */
static void
late(void)
{
    online(1);
    peer_heartbeat(90 * SEC, 180 * SEC);
    is_state(OSCP_STATE_HANDSHAKING, "a heartbeat at the deadline is late: it "
             "makes us start a handshake at once");
    is_why(OSCP_OUTCOME_DONE, "liveness lost", "liveness was lost before it");
    is_actions(OSCP_DO_SEND_HANDSHAKE|OSCP_DO_STORE, "which is sent");
    is_int(lc.heartbeat_received_ms, T0 + 90 * SEC, "it is noted");

    failed(OSCP_EV_HANDSHAKE_FAILED, 91 * SEC, "HTTP 500");
    is_state(OSCP_STATE_OFFLINE, "which fails");
    peer_heartbeat(92 * SEC, 180 * SEC);
    is_state(OSCP_STATE_OFFLINE, "within 10 s of the last one none starts");
    is_actions(OSCP_DO_STORE, "nothing is sent");
    is_int(next(), 151 * SEC, "the retry stays where the back-off put it");
    peer_heartbeat(100 * SEC - 1, 180 * SEC);
    is_state(OSCP_STATE_OFFLINE, "to the millisecond");
    peer_heartbeat(100 * SEC, 180 * SEC);
    is_state(OSCP_STATE_HANDSHAKING, "after 10 s one does");

    online(0);
    step(OSCP_EV_TIMER, 90 * SEC);
    peer_heartbeat(100 * SEC, 180 * SEC);
    is_state(OSCP_STATE_OFFLINE, "initiate_handshake off: none");
    is_actions(OSCP_DO_STORE, "only its time");
    peer_handshake(101 * SEC, "hs", 10 * SEC);
    step(OSCP_EV_ACKNOWLEDGE_SENT, 101 * SEC);
    is_state(OSCP_STATE_ONLINE, "the peer's handshake restores it");
    is_int(lc.offline_mode_at_ms, T0 + 191 * SEC, "by its own margin, not the "
           "late heartbeat's");
}


/* A peer may beat before we know that our acknowledge has arrived. */
static void
early(void)
{
    fresh(0);
    peer_handshake(0, "hs", 10 * SEC);
    peer_heartbeat(10, 20 * SEC);
    is_state(OSCP_STATE_HANDSHAKING, "a heartbeat while handshaking");
    step(OSCP_EV_ACKNOWLEDGE_SENT, 20);
    is_int(lc.offline_mode_at_ms, T0 + 20 * SEC, "counts when it completes");

    fresh(0);
    peer_heartbeat(0, 500 * SEC);
    peer_handshake(SEC, "hs", 10 * SEC);
    step(OSCP_EV_ACKNOWLEDGE_SENT, 2 * SEC);
    is_int(lc.offline_mode_at_ms, T0 + 92 * SEC, "one before it does not");

    fresh(0);
    peer_handshake(0, "hs", 10 * SEC);
    peer_heartbeat(10, 15);
    step(OSCP_EV_ACKNOWLEDGE_SENT, 20);
    is_state(OSCP_STATE_ONLINE, "nor one that has run out");
    is_int(lc.offline_mode_at_ms, T0 + 20 + 90 * SEC, "but the margin");
}


/* An exchange that is open when liveness ends may bring online back. */
static void
under_way(void)
{
    online(0);
    peer_heartbeat(SEC, 5 * SEC);
    lc.offline_mode_at_ms = T0 + 5 * SEC;
    peer_handshake(2 * SEC, "hs", 10 * SEC);
    peer_heartbeat(3 * SEC, 5 * SEC);
    step(OSCP_EV_TIMER, 5 * SEC);
    is_state(OSCP_STATE_HANDSHAKING, "liveness ends while an exchange is open");
    is_why(OSCP_OUTCOME_DONE, "liveness lost", "why");
    is_int(lc.since_ms, T0 + 5 * SEC, "since it ended");
    step(OSCP_EV_ACKNOWLEDGE_SENT, 6 * SEC);
    is_state(OSCP_STATE_ONLINE, "which restores it");
    is_int(lc.since_ms, T0 + 6 * SEC, "since then");
}


/* Each beat promises now + 3 x the peer's interval; promises only grow. */
static void
beats(void)
{
    int      i;
    int64_t  at;

    online(0);
    is_actions(OSCP_DO_SEND_HEARTBEAT|OSCP_DO_STORE, "a first beat on becoming "
               "online");
    is_int(lc.promised_ms, T0 + 30 * SEC, "promises 3 x the interval");
    is_int(lc.heartbeat_due_ms, T0 + 10 * SEC, "the next in one interval");
    step(OSCP_EV_HEARTBEAT_SENT, 40);
    is_int(lc.heartbeat_sent_ms, T0 + 40, "delivered");
    is_int(lc.heartbeat_due_ms, T0 + 10 * SEC, "the plan stays");

    for (i = 1; i <= 3; i++) {
        step(OSCP_EV_TIMER, i * 10 * SEC - 1);
        is_actions(0, "not before its time");
        step(OSCP_EV_TIMER, i * 10 * SEC);
        is_actions(OSCP_DO_SEND_HEARTBEAT|OSCP_DO_STORE, "at the interval");
        is_int(lc.promised_ms, T0 + (i + 3) * 10 * SEC, "a new promise");
        step(OSCP_EV_HEARTBEAT_SENT, i * 10 * SEC + 20);
    }

    peer_handshake(31 * SEC, "hs", SEC);
    step(OSCP_EV_TIMER, 32 * SEC);
    is_actions(OSCP_DO_SEND_HEARTBEAT|OSCP_DO_STORE, "a shorter interval");
    is_int(lc.promised_ms, T0 + 35 * SEC, "promises by it");
    is_int(lc.heartbeat_due_ms, T0 + 33 * SEC, "and beats at once by it");

    online(0);
    step(OSCP_EV_TIMER, 10 * SEC);
    failed(OSCP_EV_HEARTBEAT_FAILED, 10 * SEC + 100, "HTTP 502");
    is_state(OSCP_STATE_ONLINE, "a failed beat");
    is_str(lc.last_error, "heartbeat: HTTP 502", "leaves its trace");
    is_int(next(), 12 * SEC + 600, "and is retried after a quarter of the "
           "interval");
    step(OSCP_EV_TIMER, 12 * SEC + 600);
    is_actions(OSCP_DO_SEND_HEARTBEAT|OSCP_DO_STORE, "is sent again");

    online(0);
    step(OSCP_EV_TIMER, 10 * SEC);
    failed(OSCP_EV_HEARTBEAT_FAILED, 19 * SEC, "timeout");
    is_int(next(), 20 * SEC, "never later than the plan");

    fresh(0);
    peer_handshake(0, "hs", SEC);
    step(OSCP_EV_ACKNOWLEDGE_SENT, 0);
    failed(OSCP_EV_HEARTBEAT_FAILED, 10, "x");
    is_int(next(), 260, "at least 250 ms later");

    fresh(0);
    peer_handshake(0, "hs", 3600 * SEC);
    step(OSCP_EV_ACKNOWLEDGE_SENT, 0);
    failed(OSCP_EV_HEARTBEAT_FAILED, 10, "x");
    is_int(next(), 30 * SEC + 10, "at most 30 s later");

    /* failing again and again, the promise is always renewed in time */
    online(0);
    for (at = 0; at < 29 * SEC; at = next()) {
        step(OSCP_EV_TIMER, at);
        failed(OSCP_EV_HEARTBEAT_FAILED, at, "x");
    }
    ok(at > 29 * SEC && lc.heartbeat_sent_ms == NONE, "a dozen tries within "
       "what the last delivered one promised");
}


/* We beat while online only. */
static void
silence(void)
{
    fresh(1);
    peer_handshake(0, "hs", SEC);
    step(OSCP_EV_TIMER, 5 * SEC);
    is_actions(0, "not while handshaking");
    step(OSCP_EV_ACKNOWLEDGE_SENT, 6 * SEC);
    step(OSCP_EV_TIMER, 6 * SEC + 90 * SEC);
    is_state(OSCP_STATE_OFFLINE, "liveness lost");
    ok(!(result.actions & OSCP_DO_SEND_HEARTBEAT), "not when offline, though "
       "one was due");
    step(OSCP_EV_TIMER, 97 * SEC);
    ok(!(result.actions & OSCP_DO_SEND_HEARTBEAT), "nor later");
}


/* The wall clock is set back by an hour: nothing waits for an hour. */
static void
clock_back(void)
{
    online(1);
    peer_heartbeat(SEC, 90 * SEC);
    step(OSCP_EV_TIMER, -3600 * SEC);
    is_int(lc.heartbeat_due_ms, T0 + (-3600 + 10) * SEC, "the next beat comes "
           "in one interval");
    step(OSCP_EV_TIMER, (-3600 + 10) * SEC);
    is_int(lc.promised_ms, T0 + (-3600 + 40) * SEC, "and promises by the clock "
           "as it is now");

    fresh(1);
    step(OSCP_EV_START, 0);
    step(OSCP_EV_TIMER, -3600 * SEC);
    is_int(next(), (-3600 + 30) * SEC, "a handshake runs out in its time");
    step(OSCP_EV_TIMER, next());
    is_state(OSCP_STATE_OFFLINE, "it does");
    ok(next() <= (-3600 + 30 + 60) * SEC, "and is retried in its time");
    step(OSCP_EV_TIMER, next());
    is_state(OSCP_STATE_HANDSHAKING, "though the last one started in the "
             "future");
}


int
main(void)
{
    ends();
    recovers();
    late();
    early();
    under_way();
    beats();
    silence();
    clock_back();

    return done_testing();
}
