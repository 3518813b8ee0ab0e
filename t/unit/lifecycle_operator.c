/*
 * Goal: operator commands, restarts and changed configurations as the design's
 * sections 6 and 10 have them: `disconnected` lasts until the operator connects
 * again, whatever the peer sends; `disable` is kept; nothing is lost.
 */

#include "machine.h"


static const oscp_lifecycle_kind_t  from_peer[] = {
    OSCP_EV_PEER_HANDSHAKE, OSCP_EV_PEER_ACKNOWLEDGE, OSCP_EV_PEER_HEARTBEAT,
    OSCP_EV_HANDSHAKE_SENT, OSCP_EV_HANDSHAKE_FAILED,
    OSCP_EV_ACKNOWLEDGE_SENT, OSCP_EV_ACKNOWLEDGE_FAILED,
    OSCP_EV_HEARTBEAT_SENT, OSCP_EV_HEARTBEAT_FAILED, OSCP_EV_TIMER,
    OSCP_EV_START, OSCP_EV_CONFIGURE
};


/* Whatever comes, the record stays as it is. */
static void
holds(const char *name)
{
    size_t            i;
    unsigned          actions = 0;
    oscp_lifecycle_t  before = lc;

    for (i = 0; i < sizeof(from_peer) / sizeof(from_peer[0]); i++) {
        ev.req = "r";
        ev.has_interval = 1;
        ev.interval_ms = SEC;
        actions |= step(from_peer[i], 1000 * SEC);
    }

    ok(actions == 0 && memcmp(&before, &lc, sizeof(lc)) == 0, "%s", name);
}


static void
disconnect(void)
{
    online(1);
    peer_handshake(SEC, "hs", SEC);
    step(OSCP_EV_DISCONNECT, 2 * SEC);
    is_state(OSCP_STATE_DISCONNECTED, "disconnect");
    is_actions(OSCP_DO_CLEAR|OSCP_DO_CANCEL|OSCP_DO_STORE, "clears forecasts, "
               "cancels sends");
    is_why(OSCP_OUTCOME_DONE, "disconnected by the operator", "why");
    ok(lc.enabled && lc.disconnected, "marked");
    is_str(lc.ack_req, "", "nothing is owed");
    is_int(next(), -1, "nothing is due");
    is_int(lc.offline_mode_at_ms, NONE, "no liveness");
    holds("nothing that the peer sends ends it, nor time, restart, reload");

    step(OSCP_EV_DISCONNECT, 3 * SEC);
    is_why(OSCP_OUTCOME_UNCHANGED, "is disconnected already", "again");
    step(OSCP_EV_ENABLE, 3 * SEC);
    is_state(OSCP_STATE_DISCONNECTED, "enable does not end it");

    step(OSCP_EV_CONNECT, 4 * SEC);
    is_state(OSCP_STATE_HANDSHAKING, "connect does, by a handshake at once");
    is_actions(OSCP_DO_SEND_HANDSHAKE|OSCP_DO_STORE, "of ours");
    is_why(OSCP_OUTCOME_DONE, "connected by the operator", "why");
    ok(!lc.disconnected, "the mark is gone");
    is_int(lc.interval_required_ms, 0, "as if the peer were new");
    is_int(lc.measurement, OSCP_INTERMITTENT, "but for what windows are closed "
           "by");

    fresh(0);
    step(OSCP_EV_DISCONNECT, 0);
    step(OSCP_EV_CONNECT, 1);
    is_state(OSCP_STATE_HANDSHAKING, "also with initiate_handshake off");
    failed(OSCP_EV_HANDSHAKE_FAILED, 2, "refused");
    is_state(OSCP_STATE_OFFLINE, "when it fails: offline");
    is_int(next(), -1, "and no more by ourselves");
    step(OSCP_EV_CONNECT, 3);
    is_actions(OSCP_DO_SEND_HANDSHAKE|OSCP_DO_STORE, "the operator may insist, "
               "within the pause too");
}


static void
connect_elsewhere(void)
{
    online(1);
    step(OSCP_EV_CONNECT, SEC);
    is_why(OSCP_OUTCOME_UNCHANGED, "is online already", "connect while online "
           "changes nothing");
    is_actions(0, "nothing at all");

    fresh(1);
    step(OSCP_EV_START, 0);
    step(OSCP_EV_CONNECT, 1);
    is_why(OSCP_OUTCOME_UNCHANGED, "a handshake is under way",
           "connect while handshaking");
    failed(OSCP_EV_HANDSHAKE_FAILED, 2, "refused");
    step(OSCP_EV_CONNECT, 3);
    is_state(OSCP_STATE_HANDSHAKING, "connect while offline starts one");
    is_int(lc.retry_pause_ms, 0, "with a new back-off");

    fresh(1);
    step(OSCP_EV_DISABLE, 0);
    step(OSCP_EV_CONNECT, 1);
    is_why(OSCP_OUTCOME_UNCHANGED, "is disabled", "connect while disabled");
}


static void
disable(void)
{
    online(1);
    peer_handshake(SEC, "hs", SEC);
    step(OSCP_EV_DISABLE, 2 * SEC);
    is_state(OSCP_STATE_DISABLED, "disable");
    is_actions(OSCP_DO_CANCEL|OSCP_DO_STORE, "cancels sends, keeps forecasts");
    is_why(OSCP_OUTCOME_DONE, "disabled by the operator", "why");
    ok(!lc.enabled && !lc.disconnected, "out of service");
    is_int(next(), -1, "nothing is due");
    holds("nothing but enable ends it");
    step(OSCP_EV_DISABLE, 3 * SEC);
    is_why(OSCP_OUTCOME_UNCHANGED, "is disabled already", "again");

    step(OSCP_EV_ENABLE, 3 * SEC);
    is_state(OSCP_STATE_HANDSHAKING, "enable, and a handshake starts");
    is_why(OSCP_OUTCOME_DONE, "enabled by the operator", "why");
    step(OSCP_EV_ENABLE, 4 * SEC);
    is_why(OSCP_OUTCOME_UNCHANGED, "is enabled already", "again");

    step(OSCP_EV_DISABLE, 5 * SEC);
    step(OSCP_EV_ENABLE, 6 * SEC);
    is_state(OSCP_STATE_OFFLINE, "within the pause of the last handshake");
    is_int(next(), 13 * SEC, "it waits for the pause");
    step(OSCP_EV_TIMER, 13 * SEC);
    is_state(OSCP_STATE_HANDSHAKING, "and starts then");

    online(0);
    step(OSCP_EV_DISABLE, SEC);
    step(OSCP_EV_ENABLE, 2 * SEC);
    is_state(OSCP_STATE_OFFLINE, "initiate_handshake off: the peer's turn");
    is_int(next(), -1, "nothing is due");
}


/* Both marks, in every order. */
static void
both(void)
{
    online(1);
    step(OSCP_EV_DISCONNECT, SEC);
    step(OSCP_EV_DISABLE, 2 * SEC);
    is_state(OSCP_STATE_DISABLED, "disconnected, then disabled");
    ok(lc.disconnected, "the mark is kept under disabled");
    ok(!(result.actions & OSCP_DO_CLEAR), "nothing to clear");
    step(OSCP_EV_DISCONNECT, 2 * SEC);
    is_why(OSCP_OUTCOME_UNCHANGED, "is disconnected already", "disconnected "
           "again");
    step(OSCP_EV_CONNECT, 2 * SEC);
    ok(lc.disconnected && result.outcome == OSCP_OUTCOME_UNCHANGED,
       "connect is refused while disabled");
    step(OSCP_EV_ENABLE, 3 * SEC);
    is_state(OSCP_STATE_DISCONNECTED, "enabled, it is disconnected");
    is_actions(OSCP_DO_STORE, "and silent");

    online(1);
    step(OSCP_EV_DISABLE, SEC);
    step(OSCP_EV_DISCONNECT, 2 * SEC);
    is_state(OSCP_STATE_DISABLED, "disabled, then disconnected");
    is_actions(OSCP_DO_CLEAR|OSCP_DO_CANCEL|OSCP_DO_STORE, "clears at once");
    is_why(OSCP_OUTCOME_DONE, "disconnected by the operator", "is an effect");
    step(OSCP_EV_ENABLE, 3 * SEC);
    is_state(OSCP_STATE_DISCONNECTED, "enabled, it is disconnected");
    step(OSCP_EV_CONNECT, 4 * SEC);
    is_state(OSCP_STATE_HANDSHAKING, "until the operator connects");
}


/* A restart: the record is all there is. */
static void
restart(void)
{
    fresh(1);
    step(OSCP_EV_START, 0);
    is_state(OSCP_STATE_HANDSHAKING, "a new one starts a handshake");
    fresh(0);
    step(OSCP_EV_START, 0);
    is_state(OSCP_STATE_OFFLINE, "unless initiate_handshake is off");

    fresh(1);
    step(OSCP_EV_START, 0);
    step(OSCP_EV_HANDSHAKE_SENT, 1);
    step(OSCP_EV_START, 20 * SEC);
    is_state(OSCP_STATE_HANDSHAKING, "our handshake was answered: it waits on");
    is_int(next(), 30 * SEC, "until the stored deadline");
    peer_acknowledge(25 * SEC, "id-1", 0);
    is_state(OSCP_STATE_ONLINE, "for its acknowledge");

    fresh(1);
    step(OSCP_EV_START, 0);
    step(OSCP_EV_START, 3 * SEC);
    is_state(OSCP_STATE_OFFLINE, "it was not answered: interrupted");
    is_int(next(), 10 * SEC, "again as soon as the pause allows");
    step(OSCP_EV_TIMER, 10 * SEC);
    is_actions(OSCP_DO_SEND_HANDSHAKE|OSCP_DO_STORE, "under a new id");
    is_str(lc.handshake_req, "id-3", "that one");
    step(OSCP_EV_START, 29 * SEC);
    is_int(next(), 29 * SEC, "after the pause at once");

    fresh(1);
    step(OSCP_EV_START, 0);
    step(OSCP_EV_HANDSHAKE_SENT, 1);
    step(OSCP_EV_START, 300 * SEC);
    is_state(OSCP_STATE_OFFLINE, "the deadline passed while we were down");
    is_str(lc.last_error, "handshake not acknowledged in time", "says so");
    is_int(next(), 300 * SEC, "and another is due at once, not after a minute");

    fresh(0);
    step(OSCP_EV_DISCONNECT, 0);
    step(OSCP_EV_CONNECT, 0);
    step(OSCP_EV_START, 20 * SEC);
    step(OSCP_EV_TIMER, 20 * SEC);
    is_state(OSCP_STATE_HANDSHAKING, "the operator's handshake is not lost by "
             "a restart");

    fresh(0);
    peer_handshake(0, "hs", 10 * SEC);
    step(OSCP_EV_START, 5 * SEC);
    is_actions(OSCP_DO_SEND_ACKNOWLEDGE|OSCP_DO_STORE, "an acknowledge that "
               "was owed is sent again");
    ok(strcmp(lc.ack_req, "id-1") == 0 && strcmp(lc.ack_corr, "hs") == 0
       && lc.ack_deadline_ms == T0 + 30 * SEC, "the same one");
    step(OSCP_EV_START, 40 * SEC);
    is_state(OSCP_STATE_OFFLINE, "an old one is worthless");
    is_actions(OSCP_DO_STORE, "and not sent");
}


static void
restart_online(void)
{
    online(1);
    peer_heartbeat(SEC, 60 * SEC);
    step(OSCP_EV_START, 20 * SEC);
    is_state(OSCP_STATE_ONLINE, "online before the deadline");
    is_actions(OSCP_DO_SEND_HEARTBEAT|OSCP_DO_STORE, "it beats at once");
    is_int(lc.offline_mode_at_ms, T0 + 60 * SEC, "the deadline survives");

    step(OSCP_EV_START, 60 * SEC);
    is_state(OSCP_STATE_OFFLINE, "past it: offline");
    is_int(lc.since_ms, T0 + 60 * SEC, "since the deadline");
    is_int(next(), 60 * SEC, "with a handshake due");

    online(1);
    peer_heartbeat(80 * SEC, 200 * SEC);
    step(OSCP_EV_START, 150 * SEC);
    is_state(OSCP_STATE_ONLINE, "stored messages are applied before liveness "
             "is judged, by the time of their receipt");

    online(1);
    step(OSCP_EV_START, 20 * SEC);
    is_int(lc.promised_ms, T0 + 50 * SEC, "promises survive");

    online(1);
    lc.offline_mode_at_ms = NONE;
    step(OSCP_EV_START, SEC);
    is_int(lc.offline_mode_at_ms, T0 + 91 * SEC, "a record without a deadline "
           "gets one: nobody is online for ever");

    fresh(1);
    lc.state = OSCP_STATE_HANDSHAKING;
    step(OSCP_EV_START, SEC);
    is_state(OSCP_STATE_OFFLINE, "handshaking without a handshake is repaired");

    fresh(1);
    step(OSCP_EV_START, 0);
    step(OSCP_EV_HANDSHAKE_SENT, 0);
    peer_handshake(1, "hs", SEC);
    lc.handshake_deadline_ms = lc.ack_deadline_ms = NONE;
    step(OSCP_EV_START, SEC);
    is_int(lc.handshake_deadline_ms, T0 + 31 * SEC, "handshakes without a "
           "deadline get one");
    is_int(lc.ack_deadline_ms, T0 + 31 * SEC, "acknowledges too");
}


static void
configure(void)
{
    online(1);
    step(OSCP_EV_CONFIGURE, SEC);
    is_actions(0, "a configuration that changes nothing");

    conf.heartbeat_interval_ms = 5 * SEC;
    step(OSCP_EV_CONFIGURE, 20 * SEC);
    is_state(OSCP_STATE_ONLINE, "another interval: online stays");
    is_actions(OSCP_DO_SEND_HANDSHAKE|OSCP_DO_SEND_HEARTBEAT|OSCP_DO_STORE,
               "and is renegotiated by a handshake");
    is_int(lc.interval_expected_ms, 30 * SEC, "the peer beats as before");
    step(OSCP_EV_HANDSHAKE_SENT, 21 * SEC);
    is_int(lc.interval_expected_ms, 5 * SEC, "until it has been told");
    peer_heartbeat(21 * SEC, NONE);
    is_int(lc.offline_mode_at_ms, T0 + 36 * SEC, "then its margin is ours");
    peer_acknowledge(22 * SEC, "", 0);
    is_state(OSCP_STATE_ONLINE, "renegotiated");
    is_int(lc.retry_ms, NONE, "once");

    conf.heartbeat_interval_ms = 6 * SEC;
    step(OSCP_EV_CONFIGURE, 23 * SEC);
    is_int(next(), 30 * SEC, "within the pause it waits");
    step(OSCP_EV_TIMER, 30 * SEC);
    failed(OSCP_EV_HANDSHAKE_FAILED, 31 * SEC, "HTTP 400");
    is_state(OSCP_STATE_ONLINE, "a failing renegotiation");
    is_int(lc.retry_ms, T0 + 91 * SEC, "is tried again by back-off");
    conf.heartbeat_interval_ms = 5 * SEC;
    step(OSCP_EV_CONFIGURE, 32 * SEC);
    is_int(lc.retry_ms, NONE, "unless the old interval is back");

    online(0);
    conf.heartbeat_interval_ms = 5 * SEC;
    step(OSCP_EV_CONFIGURE, SEC);
    is_actions(0, "initiate_handshake off: the peer's turn");
    peer_handshake(2 * SEC, "hs", SEC);
    step(OSCP_EV_ACKNOWLEDGE_SENT, 2 * SEC);
    is_int(lc.interval_expected_ms, 5 * SEC, "told by our acknowledge");

    online(1);
    peer_handshake(SEC, "hs-1", 10 * SEC);
    conf.heartbeat_interval_ms = 7 * SEC;
    step(OSCP_EV_CONFIGURE, 20 * SEC);
    step(OSCP_EV_ACKNOWLEDGE_SENT, 21 * SEC);
    is_int(lc.interval_expected_ms, 30 * SEC, "changed behind an acknowledge: "
           "the peer was told the old one");
    step(OSCP_EV_TIMER, 21 * SEC);
    is_int(lc.interval_told_ms, 7 * SEC, "and is told the new one then");

    fresh(1);
    step(OSCP_EV_START, 0);
    conf.heartbeat_interval_ms = 7 * SEC;
    step(OSCP_EV_CONFIGURE, SEC);
    peer_acknowledge(2 * SEC, "", 0);
    is_int(lc.interval_expected_ms, 30 * SEC, "changed while handshaking: the "
           "peer was told the old one");
    is_int(lc.offline_mode_at_ms, T0 + 92 * SEC, "which holds");
    is_int(lc.retry_ms, T0 + 10 * SEC, "renegotiation is due when the pause "
           "is over");

    fresh(1);
    step(OSCP_EV_START, 0);
    failed(OSCP_EV_HANDSHAKE_FAILED, 0, "HTTP 401");
    step(OSCP_EV_CONFIGURE, 12 * SEC);
    is_state(OSCP_STATE_HANDSHAKING, "offline: what failed may be mended");
    failed(OSCP_EV_HANDSHAKE_FAILED, 13 * SEC, "HTTP 401");
    conf.initiate_handshake = 0;
    step(OSCP_EV_CONFIGURE, 14 * SEC);
    is_int(next(), -1, "initiate_handshake off: no retry");
    conf.initiate_handshake = 1;
    step(OSCP_EV_CONFIGURE, 30 * SEC);
    is_state(OSCP_STATE_HANDSHAKING, "on: at once");

    online(1);
    step(OSCP_EV_CONFIGURE, 500 * SEC);
    is_state(OSCP_STATE_ONLINE, "liveness is for the timer to judge");
}


int
main(void)
{
    disconnect();
    connect_elsewhere();
    disable();
    both();
    restart();
    restart_online();
    configure();

    return done_testing();
}
