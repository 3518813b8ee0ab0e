/*
 * Goal: a simulated year of one depot.  A forecast of 96 blocks every quarter
 * hour, fallback forecasts every day, heartbeats both ways, and everything that
 * goes wrong: outages, silent forecasters, gaps, peers that never acknowledge,
 * restarts, operators.  After each step the circuit's value is the one that
 * slots of a quarter hour give, which know nothing of spans, lanes or rows.
 */

#include "machine.h"
#include "oscp_decision.h"

#define MIN        (60 * SEC)
#define QUARTER    (15 * MIN)
#define HOUR       (60 * MIN)
#define DAY        (24 * HOUR)
#define YEAR       (365 * DAY)
#define SLOTS      (YEAR / QUARTER + 4 * 96)

#define RATED_W    400000.0
#define SAFE_W     60000.0
#define INTERVAL   MIN
#define PENDING    32


/* What will happen: results of our sends, answers of the peer. */
typedef struct {
    int64_t                at;
    oscp_lifecycle_kind_t  kind;
    char                   req[OSCP_ID_SIZE];
} pending_t;

/* A direction's model: watts per quarter hour, below 0 where none is given. */
typedef struct {
    float    watts[SLOTS];
    int64_t  first;                      /* -1: no forecast yet */
    int64_t  end;                        /* slots from here on are empty */
} model_t;

static uint32_t          seed = 20261123;
static int64_t           now;
static oscp_timeline_t   timelines[OSCP_TYPE_COUNT];
static oscp_situation_t  situation;
static oscp_decision_t   decision;
static char              decided_req[OSCP_ID_SIZE];
static model_t           primary, fallback;
static pending_t         pending[PENDING];
static size_t            npending;
static int               up = 1;         /* the link */
static int               group_enabled = 1;
static int64_t           up_since, told_until, down_end;
static long              wrong, steps, rows[6], reasons[7], lost, restored;
static long              restarts, disconnects, overdue;


/* When the next of each comes, behind T0. */
static struct {
    int64_t  forecast, daily, beat, link, command, restart;
} due;


static unsigned
chance(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;

    return seed % n;
}


static void
check(int good, const char *what)
{
    if (!good && wrong++ < 10) {
        printf("# %s at day %" PRId64 ", %" PRId64 " ms, %s\n", what,
               now / DAY, now % DAY, oscp_state_name(lc.state));
    }
}


static void
later(int64_t after, oscp_lifecycle_kind_t kind, const char *req)
{
    if (npending < PENDING) {
        pending[npending].at = now + after;
        pending[npending].kind = kind;
        strcpy(pending[npending].req, req);
        npending++;
    }
}


static void
model_clear(model_t *m)
{
    memset(m, 0, sizeof(*m));
    m->first = -1;
}


static void
forget(void)
{
    int  i;

    for (i = 0; i < OSCP_TYPE_COUNT; i++) {
        oscp_timeline_clear(&timelines[i], &oscp_alloc_libc);
    }

    model_clear(&primary);
    model_clear(&fallback);
}


/* Sends what the lifecycle wants; whether it arrives shows in a while. */
static void
perform(void)
{
    const unsigned  a = result.actions;

    if (a & OSCP_DO_CANCEL) {
        npending = 0;
    }

    if (a & OSCP_DO_CLEAR) {
        forget();
    }

    if (a & OSCP_DO_SEND_HANDSHAKE) {
        later(50 + chance(200), OSCP_EV_HANDSHAKE_SENT, lc.handshake_req);
        if (up && chance(8)) {
            later(10 + chance(900), OSCP_EV_PEER_ACKNOWLEDGE,
                  lc.handshake_req);
        }
    }

    if (a & OSCP_DO_SEND_ACKNOWLEDGE) {
        later(50 + chance(200), OSCP_EV_ACKNOWLEDGE_SENT, lc.ack_req);
    }

    if (a & OSCP_DO_SEND_HEARTBEAT) {
        later(20 + chance(100), OSCP_EV_HEARTBEAT_SENT, "beat");
    }
}


static void
event(oscp_lifecycle_kind_t kind, const char *req)
{
    const int           cut = lc.disconnected;
    const oscp_state_t  was = lc.state;

    ev.req = req;
    ev.corr = kind == OSCP_EV_PEER_ACKNOWLEDGE ? req : "";
    ev.random = seed;
    ev.error = "no route to host";
    ev.has_interval = kind == OSCP_EV_PEER_HANDSHAKE || chance(2);
    ev.interval_ms = INTERVAL;

    if (kind == OSCP_EV_PEER_HEARTBEAT) {
        ev.offline_mode_at_ms = T0 + now + 3 * INTERVAL;
    }

    step(kind, now);
    perform();

    lost += was == OSCP_STATE_ONLINE && lc.state != was
            && kind == OSCP_EV_TIMER;
    restored += lc.state == OSCP_STATE_ONLINE && was != lc.state;
    check(!cut || lc.disconnected || kind == OSCP_EV_CONNECT,
          "disconnected was left");

    if (kind == OSCP_EV_HEARTBEAT_SENT) {
        told_until = lc.promised_ms - T0;
    }
}


static void
model_apply(model_t *m, const oscp_block_t *blocks, size_t n)
{
    int64_t  slot, from = (blocks[0].start_ms - T0) / QUARTER;
    size_t   i;

    for (slot = from; slot < m->end; slot++) {
        m->watts[slot] = -1;
    }

    for (slot = m->end; slot < from; slot++) {
        m->watts[slot] = -1;
    }

    m->end = from;

    for (i = 0; i < n; i++) {
        slot = (blocks[i].start_ms - T0) / QUARTER;
        while (m->end < slot) {
            m->watts[m->end++] = -1;
        }
        m->watts[m->end++] = (float) (blocks[i].capacity * 1000);
    }

    if (m->first < 0) {
        m->first = blocks[0].start_ms - T0;
    }
}


/* A forecast from the next quarter hour on, with a hole now and then. */
static void
forecast(oscp_type_t type, model_t *m, size_t blocks)
{
    char             req[OSCP_ID_SIZE];
    size_t           i, n = 0;
    int64_t          at = (now / QUARTER + 1) * QUARTER;
    oscp_block_t     b[192];
    oscp_forecast_t  f = { type, b, 0, req, T0 + now, 230 };

    snprintf(req, sizeof(req), "%s-%" PRId64, oscp_type_name(type), now);

    for (i = 0; i < blocks; i++, at += QUARTER) {
        if (n > 0 && chance(200) == 0) {
            continue;
        }

        b[n].capacity = chance(50) ? chance(600) : 0;
        b[n].phase = OSCP_PHASE_ALL;
        b[n].unit = OSCP_UNIT_KW;
        b[n].start_ms = T0 + at;
        b[n].end_ms = T0 + at + QUARTER;
        n++;
    }

    f.nblocks = n;
    check(oscp_timeline_apply(&timelines[type], &f, NULL, &oscp_alloc_libc)
          == OSCP_OK, "a forecast was refused");
    model_apply(m, b, n);
    oscp_timeline_prune(&timelines[type], T0 + now);
}


/* Everything but the record and the timelines' text is forgotten. */
static void
restart(void)
{
    int              i;
    static char      text[65536];
    size_t           len;
    oscp_error_t     err;
    oscp_timeline_t  t;

    for (i = 0; i < OSCP_TYPE_COUNT; i++) {
        len = oscp_timeline_write(&timelines[i], text, sizeof(text));
        check(len < sizeof(text), "a timeline is too long");
        oscp_timeline_init(&t);
        memcpy(t.req, timelines[i].req, sizeof(t.req));
        t.received_ms = timelines[i].received_ms;
        t.first_ms = timelines[i].first_ms;
        t.zero = timelines[i].zero;
        check(oscp_timeline_read(&t, text, len, &oscp_alloc_libc, &err)
              == OSCP_OK, "a timeline was not read back");
        oscp_timeline_clear(&timelines[i], &oscp_alloc_libc);
        timelines[i] = t;
    }

    npending = 0;
    restarts++;
    event(OSCP_EV_START, "");
}


static void
decide(oscp_decision_t *d)
{
    situation = (oscp_situation_t) {
        .connection_enabled = lc.enabled, .group_enabled = group_enabled != 0,
        .disconnected = lc.disconnected,
        .online = lc.state == OSCP_STATE_ONLINE,
        .liveness_ms = lc.offline_mode_at_ms, .timelines = timelines,
        .has_circuit = 1, .has_safe_default = 1, .rated_w = RATED_W,
        .safe_default_w = SAFE_W
    };

    oscp_decide(&situation, T0 + now, d);
}


/* The circuit by the slots: design, section 6, told in another way. */
static double
expected(void)
{
    const int      alive = lc.state == OSCP_STATE_ONLINE
                           && now < lc.offline_mode_at_ms - T0;
    const int64_t  slot = now / QUARTER;
    double         limit = SAFE_W;
    int64_t        first = primary.first;

    if (!lc.enabled || lc.disconnected || !group_enabled) {
        return RATED_W;
    }

    if (first < 0 && !alive) {
        first = fallback.first;
    }

    if (first < 0 || now < first) {
        return RATED_W;
    }

    if (slot < fallback.end && fallback.first >= 0
        && now >= fallback.first && fallback.watts[slot] >= 0)
    {
        limit = fallback.watts[slot];
    }

    if (alive && slot < primary.end && primary.watts[slot] >= 0) {
        limit = primary.watts[slot];
    }

    return limit < RATED_W ? limit : RATED_W;
}


/* Before the next thing happens the decision that was made still holds. */
static void
check_unchanged(int64_t next)
{
    const int64_t    real = now;
    oscp_decision_t  d;

    now = next - 1 - chance((unsigned) (next - real > 1000 ? 1000
                                        : next - real));
    decide(&d);
    d.limits[0].req = decision.limits[0].req;
    check(oscp_decision_same(&d, &decision), "changed before next_ms");
    check(d.available_capacity_w == expected(), "the value between steps");
    now = real;
}


static void
check_decision(void)
{
    int        i;
    oscp_ms_t  until;

    decide(&decision);
    snprintf(decided_req, sizeof(decided_req), "%s", decision.limits[0].req);
    decision.limits[0].req = decided_req;
    rows[decision.limits[0].row]++;
    reasons[decision.reason]++;

    check(decision.available_capacity_w == expected(), "the circuit's value");
    check(decision.next_ms > T0 + now, "a change that is past");

    for (i = 0; i < OSCP_DIRECTION_COUNT; i++) {
        check(decision.limits[i].has_limit
              == (decision.limits[i].source != OSCP_SOURCE_NONE),
              "a limit without its source");
        check((decision.limits[i].req[0] != '\0')
              == (decision.limits[i].source == OSCP_SOURCE_FORECAST
                  || decision.limits[i].source == OSCP_SOURCE_FALLBACK),
              "a block without its message");
    }

    until = oscp_decision_valid_until(&decision, T0 + now);
    check(until <= T0 + now + 30 * SEC && until > T0 + now
          && (decision.next_ms == NONE || until <= decision.next_ms + SEC),
          "valid_until");

    /* as long as the link holds the peer never finds us late */
    if (up && now - up_since > 6 * INTERVAL && lc.state == OSCP_STATE_ONLINE
        && now - (lc.since_ms - T0) > INTERVAL && lc.interval_required_ms)
    {
        overdue += now >= told_until;
    }
}


static void
deliver(size_t i)
{
    pending_t  p = pending[i];

    pending[i] = pending[--npending];

    if (!up) {
        if (p.kind != OSCP_EV_PEER_ACKNOWLEDGE) {
            event(p.kind + 1, p.req);        /* …_SENT becomes …_FAILED */
        }

        return;
    }

    event(p.kind, p.req);
}


static void
turn_link(void)
{
    up = !up;

    if (up) {
        up_since = now;
        due.link = now + DAY / 2 + chance(6 * DAY);
        if (chance(2)) {
            event(OSCP_EV_PEER_HANDSHAKE, "hs");
        }
        return;
    }

    /* seconds, minutes, hours, and once in a while days */
    due.link = now + SEC * (1 + chance(chance(4) ? 900 : 30000))
               + (chance(20) ? 0 : 2 * DAY);
}


/* An operator does something and undoes it an hour later. */
static void
command(void)
{
    due.command = now + HOUR;

    if (lc.disconnected) {
        event(OSCP_EV_CONNECT, "");
    } else if (!lc.enabled) {
        event(OSCP_EV_ENABLE, "");
    } else if (!group_enabled) {
        group_enabled = 1;
    } else {
        switch (chance(3)) {
        case 0:
            event(OSCP_EV_DISCONNECT, "");
            disconnects++;
            break;
        case 1:
            event(OSCP_EV_DISABLE, "");
            break;
        default:
            group_enabled = 0;
        }
        return;
    }

    due.command = now + 2 * DAY + chance(10 * DAY);
}


static int
refused(void)
{
    return !up || !lc.enabled || lc.disconnected;
}


/* The peer's clockwork. */
static void
peer(void)
{
    if (due.beat == now) {
        due.beat += INTERVAL;
        if (!refused()) {
            event(OSCP_EV_PEER_HEARTBEAT, "hb");
        }
    }

    if (due.forecast == now) {
        due.forecast += QUARTER;
        if (!refused() && now >= down_end) {
            forecast(OSCP_CONSUMPTION, &primary, 96);

            /* sometimes the forecaster is silent for long */
            down_end = chance(1500) ? 0 : now + chance(3 * DAY);
        }
    }

    if (due.daily == now) {
        due.daily += DAY;
        if (!refused() && chance(10)) {
            forecast(OSCP_FALLBACK_CONSUMPTION, &fallback, 120);
        }
    }
}


static int64_t
earliest(void)
{
    size_t   i;
    int64_t  at = due.forecast;
    int64_t  others[] = { due.daily, due.beat, due.link, due.command,
                          due.restart,
                          decision.next_ms == NONE ? YEAR
                                                   : decision.next_ms - T0,
                          next() < 0 ? YEAR : next() };

    for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        at = others[i] < at ? others[i] : at;
    }

    for (i = 0; i < npending; i++) {
        at = pending[i].at < at ? pending[i].at : at;
    }

    return at < now ? now : at;
}


static void
one_step(void)
{
    size_t   i;
    int64_t  at = earliest();

    if (at > now) {
        check_unchanged(at);
    }

    now = at;
    steps++;

    for (i = 0; i < npending; i++) {
        if (pending[i].at <= now) {
            deliver(i);
            check_decision();
            return;
        }
    }

    peer();

    if (due.link == now) {
        turn_link();
    }

    if (due.command == now) {
        command();
    }

    if (due.restart == now) {
        due.restart += DAY + chance(10 * DAY);
        restart();
    }

    if (next() >= 0 && next() <= now) {
        event(OSCP_EV_TIMER, "");
    }

    check_decision();
}


static void
tell(void)
{
    int  i;

    is_int(wrong, 0, "every invariant held at every step");
    ok(steps > 1000000, "%ld steps from seed 20261123", steps);
    is_int(overdue, 0, "the peer never found us late while the link held");

    for (i = 1; i <= 5; i++) {
        ok(rows[i] > 100, "row %d decided %ld times", i, rows[i]);
    }

    ok(reasons[OSCP_REASON_LIVENESS_LOST] > 100
       && reasons[OSCP_REASON_FORECAST_GAP] > 100
       && reasons[OSCP_REASON_DISABLED] > 100
       && reasons[OSCP_REASON_DISCONNECTED] > 100,
       "liveness lost, gaps, disabled and disconnected were met");
    ok(lost > 10 && restored >= lost, "liveness was lost %ld times, online "
       "%ld times", lost, restored);
    ok(restarts > 20 && disconnects > 2, "%ld restarts, %ld disconnects",
       restarts, disconnects);
}


int
main(void)
{
    fresh(1);
    conf.heartbeat_interval_ms = INTERVAL;
    forget();
    due.forecast = QUARTER / 2;
    due.daily = HOUR;
    due.beat = 10 * SEC;
    due.link = 3 * DAY;
    due.command = 5 * DAY;
    due.restart = 7 * DAY;

    event(OSCP_EV_START, "");
    check_decision();

    while (now < YEAR) {
        one_step();
    }

    tell();
    forget();

    return done_testing();
}
