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

    failed(OSCP_EV_HANDSHAKE_FAILED, 91 * SEC, "HTTP 400");
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

    online(0);
    peer_heartbeat(SEC, 5 * SEC);
    step(OSCP_EV_TIMER, 5 * SEC);
    peer_handshake(6 * SEC, "hs", 10 * SEC);
    is_int(lc.offline_mode_at_ms, NONE, "what was promised before it is "
           "forgotten");
    peer_heartbeat(7 * SEC, 20 * SEC);
    peer_handshake(8 * SEC, "hs-2", 10 * SEC);
    step(OSCP_EV_ACKNOWLEDGE_SENT, 9 * SEC);
    is_int(lc.offline_mode_at_ms, T0 + 20 * SEC, "not by another handshake "
           "that comes while handshaking");

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


/* Online, or handshaking, when it is set back: START is told so. */
static void
clock_back_online(void)
{
    online(0);
    peer_heartbeat(2 * SEC, 92 * SEC);
    step(OSCP_EV_START, (50 - 7200) * SEC);
    is_state(OSCP_STATE_ONLINE, "two hours back: online stays");
    is_int(lc.offline_mode_at_ms, T0 + (50 - 7200 + 90) * SEC, "as long as was "
           "promised");
    is_int(lc.heartbeat_received_ms, T0 + (50 - 7200) * SEC, "nothing was "
           "received later than now");
    is_int(lc.handshake_ms, T0 + (50 - 7200) * SEC, "nor completed");
    step(OSCP_EV_START, (60 - 7200) * SEC);
    is_int(lc.offline_mode_at_ms, T0 + (50 - 7200 + 90) * SEC, "a second START "
           "changes nothing");
    step(OSCP_EV_TIMER, (50 - 7200 + 90) * SEC);
    is_state(OSCP_STATE_OFFLINE, "a peer that is dead is offline then");

    online(0);
    step(OSCP_EV_START, (10 - 7200) * SEC);
    is_int(lc.offline_mode_at_ms, T0 + (10 - 7200 + 90) * SEC, "no heartbeat "
           "yet: the margin from now");
    peer_heartbeat((20 - 7200) * SEC, (50 - 7200) * SEC);
    is_int(lc.offline_mode_at_ms, T0 + (50 - 7200) * SEC, "the next heartbeat "
           "counts");

    online(0);
    peer_heartbeat(SEC, 601 * SEC);
    peer_handshake(101 * SEC, "hs", 10 * SEC);
    step(OSCP_EV_ACKNOWLEDGE_SENT, 101 * SEC);
    step(OSCP_EV_START, (102 - 7200) * SEC);
    is_int(lc.offline_mode_at_ms, T0 + (102 - 7200 + 500) * SEC, "renegotiated "
           "since: what was left then");

    online(0);
    peer_heartbeat(80 * SEC, 85 * SEC);
    step(OSCP_EV_START, 70 * SEC);
    is_int(lc.offline_mode_at_ms, T0 + 85 * SEC, "a short promise is not cut "
           "to less than the margin");

    fresh(0);
    peer_handshake(0, "hs", 10 * SEC);
    peer_heartbeat(SEC, 201 * SEC);
    step(OSCP_EV_START, (2 - 3600) * SEC);
    step(OSCP_EV_ACKNOWLEDGE_SENT, (3 - 3600) * SEC);
    is_int(lc.offline_mode_at_ms, T0 + (2 - 3600 + 200) * SEC, "a heartbeat "
           "while handshaking: as long as it promised");
}


/* Offline when it is set back; a new handshake afterwards. */
static void
clock_back_offline(void)
{
    online(0);
    peer_heartbeat(2 * SEC, 92 * SEC);
    step(OSCP_EV_TIMER, 92 * SEC);
    is_state(OSCP_STATE_OFFLINE, "liveness is lost, the clock set back");
    step(OSCP_EV_START, (93 - 7200) * SEC);
    is_state(OSCP_STATE_OFFLINE, "offline stays");
    peer_handshake((95 - 7200) * SEC, "hs-1", 10 * SEC);
    step(OSCP_EV_ACKNOWLEDGE_SENT, (95 - 7200) * SEC);
    is_int(lc.offline_mode_at_ms, T0 + (95 + 90 - 7200) * SEC, "a new "
           "handshake gives its margin");
    step(OSCP_EV_TIMER, (95 + 90 - 7200) * SEC);
    is_state(OSCP_STATE_OFFLINE, "and no more");

    /* also before START has told so */
    online(0);
    peer_heartbeat(2 * SEC, 92 * SEC);
    step(OSCP_EV_TIMER, 92 * SEC);
    peer_handshake((95 - 7200) * SEC, "hs-2", 10 * SEC);
    step(OSCP_EV_ACKNOWLEDGE_SENT, (95 - 7200) * SEC);
    is_int(lc.offline_mode_at_ms, T0 + (95 + 90 - 7200) * SEC, "nor before "
           "START");

    /* a heartbeat that was received before the step is applied behind it */
    online(0);
    step(OSCP_EV_TIMER, 90 * SEC);
    step(OSCP_EV_START, (93 - 7200) * SEC);
    peer_heartbeat(93 * SEC, 183 * SEC);
    peer_handshake((95 - 7200) * SEC, "hs-3", 10 * SEC);
    step(OSCP_EV_ACKNOWLEDGE_SENT, (95 - 7200) * SEC);
    step(OSCP_EV_START, (96 - 7200) * SEC);
    is_state(OSCP_STATE_ONLINE, "a late one ends nothing at the next START");
    is_int(lc.offline_mode_at_ms, T0 + (95 + 90 - 7200) * SEC, "nor makes it "
           "longer");
}


/* Clocks of several machines differ by a little, at each take-over. */
static void
clocks_differ(void)
{
    int      i;
    int64_t  at = 0;

    online(0);
    peer_heartbeat(SEC, 91 * SEC);
    step(OSCP_EV_START, SEC - 50);
    is_int(lc.offline_mode_at_ms, T0 + 91 * SEC - 50, "50 ms behind: no more "
           "than these are lost");
    step(OSCP_EV_START, SEC - 40);
    is_int(lc.offline_mode_at_ms, T0 + 91 * SEC - 50, "once");

    /* 5 s between nginx and the worker, that begins again and again */
    online(0);
    for (i = 0; i < 10; i++) {
        at = i * 2 * SEC;
        peer_heartbeat(at + 5 * SEC, at + 8 * SEC);
        step(OSCP_EV_START, at);
        step(OSCP_EV_TIMER, at + 2 * SEC - 1);
        if (result.after != OSCP_STATE_ONLINE) {
            break;
        }
    }
    is_int(i, 10, "online never ends where heartbeats come");
    ok(lc.offline_mode_at_ms <= T0 + at + 8 * SEC, "nor lasts longer");

    online(1);
    step(OSCP_EV_TIMER, 90 * SEC);
    peer_heartbeat(131 * SEC, 134 * SEC);
    is_state(OSCP_STATE_HANDSHAKING, "a heartbeat by a clock 40 s ahead makes "
             "us start a handshake");
    peer_acknowledge(92 * SEC, "", 0);
    step(OSCP_EV_START, 93 * SEC);
    is_state(OSCP_STATE_ONLINE, "whose liveness it does not end at START");
    is_int(lc.offline_mode_at_ms, T0 + (92 + 90) * SEC, "nor move");
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
    clock_back_online();
    clock_back_offline();
    clocks_differ();

    return done_testing();
}
