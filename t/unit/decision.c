/*
 * Goal: each row of the design's table "Decision" (section 6), and each
 * sentence beside it (section 10, "Envelope", "More, settled"), holds.
 */

#include "oscp_decision.h"
#include "tap.h"

#define NONE  OSCP_TIME_NONE

static oscp_timeline_t   timelines[OSCP_TYPE_COUNT];
static oscp_situation_t  s;
static oscp_decision_t   d;


static void
forecast(oscp_type_t type, oscp_ms_t from, oscp_ms_t until, double watts,
    const char *req)
{
    oscp_block_t     b = { watts, OSCP_PHASE_ALL, OSCP_UNIT_W, from, until };
    oscp_forecast_t  f = { type, &b, 1, req, 0, 230 };

    oscp_timeline_apply(&timelines[type], &f, NULL, &oscp_alloc_libc);
}


/* Online, enabled, a circuit of 1000 W with a safe default of 60 W. */
static void
fresh(void)
{
    int  i;

    for (i = 0; i < OSCP_TYPE_COUNT; i++) {
        oscp_timeline_clear(&timelines[i], &oscp_alloc_libc);
    }

    s = (oscp_situation_t) {
        .connection_enabled = 1, .group_enabled = 1, .online = 1,
        .liveness_ms = NONE, .timelines = timelines, .has_circuit = 1,
        .has_safe_default = 1, .rated_w = 1000, .safe_default_w = 60
    };
}


static void
is_circuit(double watts, oscp_control_t control, const char *name)
{
    if (!ok(d.available_capacity_w == watts && d.control == control, "%s",
            name))
    {
        printf("#   got %g %s\n", d.available_capacity_w,
               oscp_control_name(d.control));
    }
}


static void
is_row(int direction, int row, const char *name)
{
    if (!ok(d.limits[direction].row == row, "%s", name)) {
        printf("#   got row %d\n", d.limits[direction].row);
    }
}


static void
is_mode(oscp_mode_t mode, oscp_reason_t reason, const char *name)
{
    oscp_colour_t  colour = mode == OSCP_MODE_LOCAL ? OSCP_COLOUR_GREY
                            : mode == OSCP_MODE_NORMAL ? OSCP_COLOUR_GREEN
                                                       : OSCP_COLOUR_YELLOW;

    if (!ok(d.mode == mode && d.reason == reason && d.colour == colour, "%s",
            name))
    {
        printf("#   got %s %s %s\n", oscp_mode_name(d.mode),
               oscp_reason_name(d.reason), oscp_colour_name(d.colour));
    }
}


static void
row_1(void)
{
    fresh();
    forecast(OSCP_CONSUMPTION, 0, 100, 500, "p");
    forecast(OSCP_OPTIMUM, 0, 100, 400, "o");

    s.group_enabled = 0;
    oscp_decide(&s, 50, &d);
    is_row(0, 1, "a disabled group");
    is_mode(OSCP_MODE_LOCAL, OSCP_REASON_DISABLED, "is local, grey");
    is_circuit(1000, OSCP_CONTROL_LOCAL, "the circuit rated, under local "
               "control");
    ok(!d.has_envelope && !d.has_optimum && !d.limits[0].has_limit,
       "without limit, envelope, advice");
    is_int(d.next_ms, NONE, "which no clock ends");

    fresh();
    forecast(OSCP_CONSUMPTION, 0, 100, 500, "p");
    s.connection_enabled = 0;
    s.liveness_ms = 60;
    oscp_decide(&s, 50, &d);
    is_mode(OSCP_MODE_LOCAL, OSCP_REASON_DISABLED, "a disabled connection");
    is_int(d.next_ms, NONE, "does not look at liveness");

    s.disconnected = 1;
    oscp_decide(&s, 50, &d);
    is_mode(OSCP_MODE_LOCAL, OSCP_REASON_DISABLED, "disabled and disconnected "
            "is disabled, as its state says");
    s.connection_enabled = 1;
    s.group_enabled = 0;
    oscp_decide(&s, 50, &d);
    is_row(0, 1, "disconnected");
    is_mode(OSCP_MODE_LOCAL, OSCP_REASON_DISCONNECTED, "by the operator, of "
            "more weight than a disabled group");
}


static void
row_2(void)
{
    fresh();
    oscp_decide(&s, 50, &d);
    is_row(0, 2, "no forecast");
    is_mode(OSCP_MODE_LOCAL, OSCP_REASON_NO_FORECAST, "is local, grey");
    is_circuit(1000, OSCP_CONTROL_LOCAL, "the circuit rated");

    forecast(OSCP_FALLBACK_CONSUMPTION, 0, 100, 300, "f");
    s.liveness_ms = 70;
    oscp_decide(&s, 50, &d);
    is_mode(OSCP_MODE_LOCAL, OSCP_REASON_NO_FORECAST, "online, a fallback "
            "forecast is none");
    is_int(d.next_ms, 70, "until liveness ends");
    oscp_decide(&s, 70, &d);
    is_row(0, 4, "while not online it is one");
    s.online = 0;
    oscp_decide(&s, 50, &d);
    is_row(0, 4, "whyever not online");

    fresh();
    s.online = 0;
    forecast(OSCP_FALLBACK_CONSUMPTION, 60, 100, 300, "f");
    oscp_decide(&s, 50, &d);
    is_mode(OSCP_MODE_LOCAL, OSCP_REASON_NOT_STARTED, "before the first "
            "fallback block");
    is_int(d.next_ms, 60, "until it begins");

    fresh();
    forecast(OSCP_CONSUMPTION, 60, 100, 500, "p");
    oscp_decide(&s, 59, &d);
    is_row(0, 2, "before the first block of the first forecast");
    is_mode(OSCP_MODE_LOCAL, OSCP_REASON_NOT_STARTED, "is local");
    is_int(d.next_ms, 60, "until it begins");
    oscp_decide(&s, 60, &d);
    is_row(0, 3, "then it holds");

    forecast(OSCP_FALLBACK_CONSUMPTION, 0, 100, 300, "f");
    s.online = 0;
    oscp_decide(&s, 50, &d);
    is_mode(OSCP_MODE_LOCAL, OSCP_REASON_NOT_STARTED, "the primary's first "
            "block counts where there is one, online or not");

    fresh();
    forecast(OSCP_CONSUMPTION, 0, 40, 500, "p");
    forecast(OSCP_CONSUMPTION, 60, 100, 500, "q");
    oscp_decide(&s, 50, &d);
    is_row(0, 5, "the first forecast's, not the newest's");

    fresh();
    forecast(OSCP_CONSUMPTION, 60, 100, 500, "p");
    forecast(OSCP_CONSUMPTION, 20, 80, 300, "q");
    oscp_decide(&s, 10, &d);
    is_row(0, 2, "before both");
    is_int(d.next_ms, 20, "until the earlier one begins");
    oscp_decide(&s, 20, &d);
    is_row(0, 3, "which a later message may have brought");
}


static void
row_3(void)
{
    fresh();
    forecast(OSCP_CONSUMPTION, 10, 100, 500, "p");
    forecast(OSCP_FALLBACK_CONSUMPTION, 0, 60, 300, "f");
    oscp_decide(&s, 50, &d);
    is_row(0, 3, "online and a block covers now");
    is_mode(OSCP_MODE_NORMAL, OSCP_REASON_FORECAST, "is normal, green");
    is_circuit(500, OSCP_CONTROL_OSCP, "the circuit follows");
    ok(d.limits[0].has_limit && d.limits[0].limit_w == 500, "its limit");
    is_int(d.limits[0].source, OSCP_SOURCE_FORECAST, "from the forecast");
    is_str(d.limits[0].req, "p", "of that message");
    is_int(d.limits[0].from_ms, 10, "since its start");
    ok(d.has_envelope, "there is an envelope");
    is_int(d.next_ms, 100, "until it ends; fallback blocks do not matter");

    s.liveness_ms = 90;
    oscp_decide(&s, 50, &d);
    is_int(d.next_ms, 90, "or liveness does");
    oscp_decide(&s, 89, &d);
    is_row(0, 3, "a millisecond before it is online");
    oscp_decide(&s, 90, &d);
    is_mode(OSCP_MODE_FALLBACK, OSCP_REASON_LIVENESS_LOST,
            "at that moment it is not");

    fresh();
    forecast(OSCP_CONSUMPTION, 0, 100, 2500, "p");
    oscp_decide(&s, 50, &d);
    is_circuit(1000, OSCP_CONTROL_OSCP, "never above rated");
    ok(d.limits[0].limit_w == 2500, "though the envelope says more");

    fresh();
    forecast(OSCP_CONSUMPTION, 0, 100, 0, "zero");
    oscp_decide(&s, 50, &d);
    is_circuit(0, OSCP_CONTROL_OSCP, "zero is obeyed");
    is_row(0, 3, "as any limit");

    s.has_circuit = 0;
    oscp_decide(&s, 50, &d);
    ok(d.has_envelope && d.limits[0].has_limit, "without a circuit there is "
       "the envelope");
    is_circuit(0, OSCP_CONTROL_OSCP, "and no capacity");
}


static void
rows_4_and_5(void)
{
    fresh();
    forecast(OSCP_CONSUMPTION, 0, 20, 500, "p");
    forecast(OSCP_FALLBACK_CONSUMPTION, 0, 40, 300, "f");

    oscp_decide(&s, 30, &d);
    is_row(0, 4, "online, a gap, a fallback block");
    is_mode(OSCP_MODE_FALLBACK, OSCP_REASON_FORECAST_GAP, "yellow: a gap");
    is_circuit(300, OSCP_CONTROL_FALLBACK, "the fallback block holds");
    is_int(d.limits[0].source, OSCP_SOURCE_FALLBACK, "as its source");
    is_str(d.limits[0].req, "f", "of that message");
    is_int(d.next_ms, 40, "until it ends");

    s.online = 0;
    oscp_decide(&s, 10, &d);
    is_row(0, 4, "not online, though a primary block covers now");
    is_mode(OSCP_MODE_FALLBACK, OSCP_REASON_LIVENESS_LOST, "yellow: liveness");
    is_int(d.next_ms, 40, "the primary's blocks do not matter");

    oscp_decide(&s, 40, &d);
    is_row(0, 5, "no fallback block");
    is_mode(OSCP_MODE_FALLBACK, OSCP_REASON_LIVENESS_LOST, "yellow");
    is_circuit(60, OSCP_CONTROL_SAFE_DEFAULT, "the safe default");
    ok(d.has_envelope && d.limits[0].has_limit && d.limits[0].limit_w == 60,
       "in an envelope");
    is_int(d.limits[0].source, OSCP_SOURCE_GAP_POLICY, "by gap policy");
    is_str(d.limits[0].req, "", "of no message");
    is_int(d.limits[0].from_ms, NONE, "of no block");
    is_int(d.next_ms, NONE, "for ever");

    s.online = 1;
    oscp_decide(&s, 50, &d);
    is_mode(OSCP_MODE_FALLBACK, OSCP_REASON_FORECAST_GAP, "online: a gap");

    s.has_safe_default = 0;
    oscp_decide(&s, 50, &d);
    is_row(0, 5, "no safe default");
    is_mode(OSCP_MODE_FALLBACK, OSCP_REASON_FORECAST_GAP, "is yellow too");
    is_circuit(1000, OSCP_CONTROL_LOCAL, "but the circuit is local");
    ok(!d.has_envelope && d.limits[0].source == OSCP_SOURCE_NONE,
       "and there is no envelope");

    s.has_safe_default = 1;
    s.has_circuit = 0;
    oscp_decide(&s, 50, &d);
    ok(d.has_envelope && d.limits[0].limit_w == 60, "a scope without a "
       "circuit has its safe default in the envelope");
}


static void
export_limits(void)
{
    fresh();
    forecast(OSCP_GENERATION, 0, 20, 50, "g");
    forecast(OSCP_FALLBACK_GENERATION, 0, 40, 10, "h");

    oscp_decide(&s, 10, &d);
    is_row(1, 3, "export by itself");
    is_row(0, 2, "while import never had a forecast");
    is_mode(OSCP_MODE_NORMAL, OSCP_REASON_FORECAST, "which counts for nothing");
    is_circuit(1000, OSCP_CONTROL_LOCAL, "and leaves the circuit local");
    ok(d.has_envelope && d.limits[1].limit_w == 50, "the envelope has it");

    oscp_decide(&s, 30, &d);
    is_row(1, 4, "a fallback block");
    oscp_decide(&s, 40, &d);
    is_row(1, 5, "none");
    ok(!d.limits[1].has_limit && !d.has_envelope, "no safe default for "
       "export: no limit, no envelope");
    is_mode(OSCP_MODE_FALLBACK, OSCP_REASON_FORECAST_GAP, "yellow all the "
            "same");

    forecast(OSCP_CONSUMPTION, 0, 100, 500, "p");
    oscp_decide(&s, 40, &d);
    is_mode(OSCP_MODE_FALLBACK, OSCP_REASON_FORECAST_GAP, "the more degraded "
            "direction gives the mode");
    is_circuit(500, OSCP_CONTROL_OSCP, "the circuit follows import");
    ok(d.has_envelope, "with an envelope");

    fresh();
    forecast(OSCP_GENERATION, 60, 80, 50, "g");
    oscp_decide(&s, 10, &d);
    is_mode(OSCP_MODE_LOCAL, OSCP_REASON_NOT_STARTED, "of two local ones the "
            "one that has a forecast speaks");
    forecast(OSCP_CONSUMPTION, 0, 5, 500, "p");
    oscp_decide(&s, 10, &d);
    is_mode(OSCP_MODE_FALLBACK, OSCP_REASON_FORECAST_GAP, "fallback is more "
            "degraded than local");
    is_int(d.next_ms, 60, "the other one begins");
}


static void
optimum(void)
{
    fresh();
    forecast(OSCP_OPTIMUM, 0, 50, 80, "o");
    oscp_decide(&s, 10, &d);
    ok(!d.has_optimum && !d.has_envelope, "advice alone makes no envelope");

    forecast(OSCP_CONSUMPTION, 0, 100, 500, "p");
    oscp_decide(&s, 10, &d);
    ok(d.has_optimum && d.optimum_w == 80, "beside a limit it stands");
    is_circuit(500, OSCP_CONTROL_OSCP, "and binds nobody");
    is_int(d.next_ms, 50, "until it ends");
    oscp_decide(&s, 50, &d);
    ok(!d.has_optimum && d.optimum_w == 0, "then no more");

    s.online = 0;
    oscp_decide(&s, 10, &d);
    ok(!d.has_optimum, "nor while not online");
}


static void
same_or_not(void)
{
    oscp_decision_t  e;

    fresh();
    forecast(OSCP_CONSUMPTION, 0, 100, 500, "p");
    s.liveness_ms = 80;
    oscp_decide(&s, 10, &d);
    s.liveness_ms = 90;
    oscp_decide(&s, 20, &e);
    ok(oscp_decision_same(&d, &e), "the same but for next_ms");
    e.limits[0].req = "p";
    forecast(OSCP_CONSUMPTION, 0, 100, 500, "q");
    oscp_decide(&s, 20, &d);
    ok(!oscp_decision_same(&d, &e), "another message is another source");
    oscp_decide(&s, 20, &e);
    ok(oscp_decision_same(&d, &e), "twice the same");
    e.limits[1].reason = OSCP_REASON_NOT_STARTED;
    ok(!oscp_decision_same(&d, &e), "export counts");
    oscp_decide(&s, 20, &e);
    e.available_capacity_w = 1;
    ok(!oscp_decision_same(&d, &e), "the circuit counts");
    oscp_decide(&s, 20, &e);
    e.has_optimum = 1;
    ok(!oscp_decision_same(&d, &e), "advice counts");
}


static void
valid_until(void)
{
    d.next_ms = NONE;
    is_int(oscp_decision_valid_until(&d, 5000), 35000, "30 s ahead");
    d.next_ms = 34000;
    is_int(oscp_decision_valid_until(&d, 5000), 35000, "when the change is "
           "later than 29 s");
    d.next_ms = 33999;
    is_int(oscp_decision_valid_until(&d, 5000), 34999, "else 1 s past it");
    d.next_ms = 5001;
    is_int(oscp_decision_valid_until(&d, 5000), 6001, "however soon");
}


static void
names(void)
{
    is_str(oscp_mode_name(OSCP_MODE_FALLBACK), "fallback", "a mode");
    is_str(oscp_colour_name(OSCP_COLOUR_YELLOW), "yellow", "a colour");
    is_str(oscp_reason_name(OSCP_REASON_LIVENESS_LOST), "liveness_lost",
           "a reason");
    is_str(oscp_reason_name(OSCP_REASON_FORECAST_GAP), "forecast_gap",
           "another");
    is_str(oscp_reason_name(OSCP_REASON_NOT_STARTED), "not_started",
           "the last");
    is_str(oscp_source_name(OSCP_SOURCE_GAP_POLICY), "gap_policy", "a source");
    is_str(oscp_control_name(OSCP_CONTROL_SAFE_DEFAULT), "safe_default",
           "a control");
    is_str(oscp_control_name(OSCP_CONTROL_OSCP), "oscp", "another");
    is_str(oscp_gap_policy_name(OSCP_GAP_SAFE_DEFAULT), "safe_default",
           "a gap policy");
    ok(oscp_mode_name(3) == NULL && oscp_colour_name(3) == NULL
       && oscp_reason_name(7) == NULL && oscp_source_name(4) == NULL
       && oscp_control_name(4) == NULL
       && oscp_gap_policy_name(OSCP_GAP_COUNT) == NULL,
       "what is none has no name");
    is_int(oscp_gap_policy_find("safe_default", 12), OSCP_GAP_SAFE_DEFAULT,
           "found by name");
    is_int(oscp_gap_policy_find("safe_defaul", 11), -1, "not by a part");
    is_int(oscp_gap_policy_find("hold", 4), -1, "nor by another");
}


int
main(void)
{
    row_1();
    row_2();
    row_3();
    rows_4_and_5();
    export_limits();
    optimum();
    same_or_not();
    valid_until();
    names();
    fresh();

    return done_testing();
}
