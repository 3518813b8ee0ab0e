/*
 * Goal: over two million random events in simulated time the lifecycle never
 * breaks one of its invariants, also where the clock is set back.  The seeds
 * are printed; each reproduces a run.
 */

#include "machine.h"
#include "oscp_lifecycle_table.h"

#define STEPS  500000
#define DAY    (86400 * SEC)

static uint32_t          seed;
static int64_t           now;
static int               last;             /* event */
static int64_t           started;          /* our last handshake; -1: none */
static oscp_lifecycle_t  before;
static long              broken, entered[OSCP_STATE_COUNT];
static long              counts[OSCP_STATE_COUNT][OSCP_EV_COUNT];


static uint32_t
bits(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;

    return seed;
}


static unsigned
chance(unsigned n)
{
    return bits() % n;
}


static void
check(int good, const char *what)
{
    if (!good && broken++ < 10) {
        printf("# %s: %s at %" PRId64 ", %s to %s\n", what,
               oscp_lifecycle_event_name(last), now,
               oscp_state_name(result.before), oscp_state_name(result.after));
    }
}


/* Time goes to the next deadline, just short of it, or anywhere near. */
static void
advance(void)
{
    int64_t  due = next();

    switch (chance(6)) {
    case 0:
        now = due > now ? due : now;
        break;
    case 1:
        now = due > now ? due - 1 : now;
        break;
    case 2:
        now += chance(120000);
        break;
    case 3:
        now += chance(12000);
        break;
    default:
        now += chance(200);
    }
}


/* Ids that often match, sometimes not. */
static const char *
some_id(const char *right)
{
    switch (chance(8)) {
    case 0:
        return "";
    case 1:
        return "another";
    default:
        return right;
    }
}


static oscp_lifecycle_kind_t
some_event(void)
{
    unsigned  n = chance(100);

    if (n < 25) {
        return OSCP_EV_TIMER;
    }

    if (n < 90) {
        return OSCP_EV_PEER_HANDSHAKE
               + chance(OSCP_EV_HEARTBEAT_FAILED - OSCP_EV_PEER_HANDSHAKE + 1);
    }

    return chance(12) ? OSCP_EV_START + chance(3)
                      : OSCP_EV_CONNECT + chance(4);
}


static void
fill(oscp_lifecycle_kind_t kind)
{
    static const int64_t  ahead[] = { 0, 1, 900, 5000, 90000, DAY, 3 * DAY };

    last = kind;
    ev.kind = kind;
    ev.random = bits();
    ev.offline_mode_at_ms = NONE;
    ev.has_interval = chance(2);
    ev.interval_ms = 1000 + chance(60000);
    ev.has_measurement = chance(2);
    ev.measurement = chance(4);
    ev.dialect = chance(3);
    ev.error = chance(2) ? "an error" : "";
    ev.unanswered = chance(2);

    switch (kind) {

    case OSCP_EV_CONFIGURE:
        conf.heartbeat_interval_ms = 1000 * (1 + chance(3) * 20);
        conf.initiate_handshake = chance(3) > 0;
        break;

    case OSCP_EV_PEER_HANDSHAKE:
        ev.req = "hs";
        break;

    case OSCP_EV_PEER_ACKNOWLEDGE:
        ev.corr = some_id(before.handshake_req);
        break;

    case OSCP_EV_PEER_HEARTBEAT:
        if (chance(3)) {
            ev.offline_mode_at_ms = T0 + now + ahead[chance(7)];
        }
        break;

    case OSCP_EV_HANDSHAKE_SENT:
    case OSCP_EV_HANDSHAKE_FAILED:
        ev.req = some_id(before.handshake_req);
        break;

    case OSCP_EV_ACKNOWLEDGE_SENT:
    case OSCP_EV_ACKNOWLEDGE_FAILED:
        ev.req = some_id(before.ack_req);
        break;

    default:
        break;
    }
}


static int
is_message(oscp_lifecycle_kind_t kind)
{
    return kind >= OSCP_EV_PEER_HANDSHAKE && kind <= OSCP_EV_PEER_HEARTBEAT;
}


static void
check_states(oscp_lifecycle_kind_t kind)
{
    const unsigned  allowed = oscp_lifecycle_table[before.state][kind].allowed;

    check(result.before == before.state && result.after == lc.state,
          "the result's states");
    check((allowed >> lc.state) & 1, "a state that the table does not allow");
    check(lc.enabled == (lc.state != OSCP_STATE_DISABLED), "enabled");
    check((lc.state == OSCP_STATE_DISCONNECTED)
          == (lc.enabled && lc.disconnected), "disconnected");
    check(!before.disconnected || lc.disconnected || kind == OSCP_EV_CONNECT,
          "disconnected was left by something else than connect");
    check(before.enabled || !lc.enabled || kind == OSCP_EV_ENABLE,
          "disabled was left by something else than enable");

    if (lc.state == OSCP_STATE_ONLINE && before.state != OSCP_STATE_ONLINE) {
        check(kind == OSCP_EV_ACKNOWLEDGE_SENT
              || kind == OSCP_EV_PEER_ACKNOWLEDGE, "online without exchange");
    }

    if (before.state == OSCP_STATE_ONLINE && lc.state != OSCP_STATE_ONLINE
        && kind != OSCP_EV_DISCONNECT && kind != OSCP_EV_DISABLE)
    {
        check(ev.at_ms >= before.offline_mode_at_ms, "a gap before its time");
    }
}


static void
check_record(oscp_lifecycle_kind_t kind)
{
    const int  ours = lc.handshake_req[0] != '\0';
    const int  theirs = lc.ack_req[0] != '\0';

    check(before.promised_ms == NONE || lc.promised_ms != NONE,
          "a promise forgotten");

    switch (lc.state) {

    case OSCP_STATE_ONLINE:
        check(lc.offline_mode_at_ms != NONE, "online for ever");
        check((lc.interval_required_ms == 0)
              == (lc.heartbeat_due_ms == NONE), "beats and their plan");
        check(lc.interval_required_ms == 0
              || lc.heartbeat_due_ms <= T0 + now + lc.interval_required_ms,
              "a beat too late");
        check(kind != OSCP_EV_TIMER || lc.offline_mode_at_ms > T0 + now,
              "online past its end");
        break;

    case OSCP_STATE_HANDSHAKING:
        check(ours || theirs, "handshaking without a handshake");
        check(lc.heartbeat_due_ms == NONE, "a beat while handshaking");
        break;

    case OSCP_STATE_OFFLINE:
        check(!conf.initiate_handshake || lc.retry_ms != NONE,
              "offline without a way back");
        /* fall through */

    default:
        check(!ours && !theirs && lc.heartbeat_due_ms == NONE,
              "something open");
    }

    check(!ours || (lc.handshake_deadline_ms != NONE
          && lc.handshake_deadline_ms <= T0 + now + conf.handshake_timeout_ms),
          "our deadline");
    check(!theirs || (lc.ack_deadline_ms != NONE
          && lc.ack_deadline_ms <= T0 + now + conf.handshake_timeout_ms),
          "the acknowledge's deadline");
    check(lc.enabled && !lc.disconnected ? 1 : next() == -1,
          "something due while out of service");
}


/* START knows a clock that was set back, and cuts liveness, but ends none. */
static void
check_clock(oscp_lifecycle_kind_t kind)
{
    oscp_ms_t  margin = ev.at_ms + 3 * lc.interval_expected_ms;

    if (kind != OSCP_EV_START || lc.state == OSCP_STATE_DISABLED
        || lc.state == OSCP_STATE_DISCONNECTED)
    {
        return;
    }

    check(lc.heartbeat_received_ms == NONE
          || lc.heartbeat_received_ms <= ev.at_ms, "received in the future");
    check(lc.handshake_ms == NONE || lc.handshake_ms <= ev.at_ms,
          "completed in the future");

    if (before.state == OSCP_STATE_ONLINE && lc.state == OSCP_STATE_ONLINE) {
        check(lc.offline_mode_at_ms <= before.offline_mode_at_ms,
              "START made liveness longer");
        check(lc.offline_mode_at_ms == before.offline_mode_at_ms
              || lc.offline_mode_at_ms >= margin, "cut below the margin");
        check(lc.offline_mode_at_ms <= ev.at_ms + DAY
              || lc.offline_mode_at_ms <= margin, "online for too long");
    }
}


static void
check_actions(oscp_lifecycle_kind_t kind)
{
    const unsigned  a = result.actions;

    check(!!(a & OSCP_DO_STORE) == (memcmp(&before, &lc, sizeof(lc)) != 0),
          "STORE");
    check(!!(a & OSCP_DO_CLEAR) == (lc.disconnected && !before.disconnected),
          "CLEAR");
    check(!!(a & OSCP_DO_CANCEL) == ((lc.disconnected && !before.disconnected)
                                     || (!lc.enabled && before.enabled)),
          "CANCEL");
    check(!(a & OSCP_DO_SEND_ACKNOWLEDGE) || (lc.ack_req[0] && lc.ack_corr[0]
          && lc.ack_tries > 0 && lc.ack_due_ms == NONE), "an acknowledge");
    check(!(a & OSCP_DO_SEND_HEARTBEAT) || (lc.state == OSCP_STATE_ONLINE
          && lc.promised_ms == ev.at_ms + 3 * lc.interval_required_ms),
          "a beat");
    check(result.outcome == OSCP_OUTCOME_DONE || before.state != lc.state
          || (a & ~OSCP_DO_STORE) == 0, "an effect of nothing");
    check(result.why && (result.why[0] || (before.state == lc.state
                         && result.outcome == OSCP_OUTCOME_DONE)), "no why");

    if (a & OSCP_DO_SEND_HANDSHAKE) {
        check(strcmp(lc.handshake_req, fresh_id) == 0 && !lc.handshake_sent,
              "our handshake");
        check(kind == OSCP_EV_CONNECT || started < 0
              || ev.at_ms - T0 - started >= 10 * SEC
              || started - (ev.at_ms - T0) >= 10 * SEC,
              "two handshakes within the pause");
        check(kind == OSCP_EV_CONNECT || conf.initiate_handshake
              || before.retry_ms != NONE, "a handshake that we may not start");
        started = ev.at_ms - T0;
    }
}


/* One event; `ev` is kept for what the checks say of it. */
static void
turn(oscp_lifecycle_kind_t kind, int64_t at)
{
    fill(kind);
    snprintf(fresh_id, sizeof(fresh_id), "id-%u", ++fresh_count);
    ev.at_ms = T0 + at;
    ev.new_req = fresh_id;
    ev.req = ev.req ? ev.req : "";
    ev.corr = ev.corr ? ev.corr : "";

    oscp_lifecycle_step(&lc, &conf, &ev, &result);

    counts[before.state][kind]++;
    entered[lc.state] += lc.state != before.state;
    check_states(kind);
    check_record(kind);
    check_actions(kind);
    check_clock(kind);
    memset(&ev, 0, sizeof(ev));
}


static void
one_step(void)
{
    int64_t                at, due;
    oscp_state_t           was;
    oscp_lifecycle_kind_t  kind;

    advance();
    kind = some_event();
    if (chance(2000) == 0) {
        now -= chance(7200000);
        kind = OSCP_EV_START;
    }
    memcpy(&before, &lc, sizeof(lc));
    due = next();

    /* a message was received a little before it is applied */
    at = is_message(kind) && chance(2) ? now - chance(5000) : now;
    was = lc.state;
    turn(kind, at);

    if (kind != OSCP_EV_TIMER) {
        return;
    }

    check(due != -1 && due <= now ? 1 : result.actions == 0,
          "a timer before its time does something");

    /* a timer makes progress: at most one more is due at once */
    if (next() != -1 && next() <= now) {
        check(was != lc.state && lc.state == OSCP_STATE_OFFLINE,
              "a timer leaves its work");
        memcpy(&before, &lc, sizeof(lc));
        turn(OSCP_EV_TIMER, now);
        check(next() == -1 || next() > now, "a timer turns in circles");
    }
}


int
main(void)
{
    int             i, s, e;
    long            n, missing = 0;
    const uint32_t  seeds[] = { 3, 20261123, 0xc0ffee, 0x5eed5eed };

    for (i = 0; i < 4; i++) {
        fresh(i % 2);
        memset(&ev, 0, sizeof(ev));
        seed = seeds[i];
        broken = 0;
        now = 0;
        started = -1;
        memcpy(&before, &lc, sizeof(lc));
        turn(OSCP_EV_START, 0);

        for (n = 0; n < STEPS; n++) {
            one_step();
        }

        is_int(broken, 0, "no invariant is broken");
        ok(now > 100 * DAY, "seed %u: %d steps, %" PRId64 " simulated days",
           seeds[i], STEPS, now / DAY);
    }

    for (s = 0; s < OSCP_STATE_COUNT; s++) {
        for (e = 0; e < OSCP_EV_COUNT; e++) {
            missing += counts[s][e] < 10;
        }

        ok(entered[s] > 100, "%s was entered %ld times", oscp_state_name(s),
           entered[s]);
    }

    is_int(missing, 0, "every event came in every state");

    return done_testing();
}
