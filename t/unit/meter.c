/*
 * Goal: the windows of a year add up to the register's difference to the
 * milliwatt-hour, through resets, gaps, late and repeated samples; what is not
 * known is never invented.
 */

#include <stdlib.h>

#include "oscp_meter.h"
#include "tap.h"

#define MINUTE    INT64_C(60000)
#define QUARTER   (15 * MINUTE)
#define GRACE     INT64_C(10000)
#define LONG_AFTER   (INT64_C(1) << 60)


static oscp_meter_result_t
add(oscp_meter_t *m, oscp_ms_t at_ms, int64_t import_mwh)
{
    oscp_sample_t  s = { .at_ms = at_ms, .import_mwh = import_mwh,
                         .has_power = 1, .power_w = 7000 };

    snprintf(s.entry, sizeof(s.entry), "%lld-0", (long long) at_ms);
    return oscp_meter_add(m, &s, OSCP_TIME_NONE, &oscp_alloc_libc);
}


static oscp_reading_t
window(const oscp_meter_t *m, int64_t start_ms, oscp_ms_t now_ms)
{
    oscp_window_t   w = { start_ms, start_ms + QUARTER, QUARTER, GRACE };
    oscp_reading_t  r;

    oscp_meter_read(m, &w, now_ms, &r);
    return r;
}


static void
parsing(void)
{
    size_t   i;
    int64_t  mwh = 0;

    static const struct {
        const char  *text;
        int          rc;
        int64_t      mwh;
    } cases[] = {
        { "0", 0, 0 }, { "12345", 0, 12345000 }, { "0.001", 0, 1 },
        { "1.2345", 0, 1235 }, { "1.2344999", 0, 1234 }, { "7.5", 0, 7500 },
        { "1000000000000", 0, OSCP_METER_MWH_MAX },
        { "1000000000000.001", -1, 0 }, { "99999999999999999999", -1, 0 },
        { "", -1, 0 }, { "-1", -1, 0 }, { "1.", -1, 0 }, { ".5", -1, 0 },
        { "1e3", -1, 0 }, { "1.2.3", -1, 0 }, { " 1", -1, 0 }, { "nan", -1, 0 }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ok(oscp_meter_parse_wh(cases[i].text, strlen(cases[i].text), &mwh)
           == cases[i].rc && (cases[i].rc || mwh == cases[i].mwh),
           "register '%s'", cases[i].text);
    }
}


static void
interpolation(void)
{
    oscp_meter_t    m;
    oscp_reading_t  r;

    oscp_meter_init(&m);
    add(&m, -5 * MINUTE, 1000);
    add(&m, 5 * MINUTE, 2000);
    r = window(&m, 0, QUARTER);
    is_int(r.state, OSCP_READING_WAITING, "waits for a sample behind the end");
    r = window(&m, 0, LONG_AFTER);
    is_int(r.state, OSCP_READING_MISSING, "but not for ever");

    add(&m, 20 * MINUTE, 5000);
    r = window(&m, 0, QUARTER);
    is_int(r.state, OSCP_READING_COMPLETE, "complete with it");
    is_int(r.import_mwh, 500 + 2000, "both ends are interpolated");
    is_int(r.register_mwh, 4000, "so is the register");
    ok(r.has_power && r.power_w == 7000, "the last power goes with it");

    is_int(add(&m, 5 * MINUTE, 2000), OSCP_METER_REPEATED, "a repeat");
    is_int(add(&m, 5 * MINUTE, 2001), OSCP_METER_CONFLICT, "a contradiction");
    oscp_meter_clear(&m, &oscp_alloc_libc);
}


static void
gaps(void)
{
    oscp_meter_t    m;
    oscp_reading_t  r;

    oscp_meter_init(&m);
    add(&m, 0, 0);
    add(&m, 14 * MINUTE, 1400);
    add(&m, 29 * MINUTE, 2900);
    r = window(&m, 0, LONG_AFTER);
    is_int(r.import_mwh, 1500, "neighbours one window apart will do");

    add(&m, 60 * MINUTE, 6000);
    r = window(&m, QUARTER, LONG_AFTER);
    is_int(r.state, OSCP_READING_MISSING, "further apart: too little data");
    r = window(&m, 2 * QUARTER, LONG_AFTER);
    is_int(r.state, OSCP_READING_MISSING, "at the start as well");
    r = window(&m, 3 * QUARTER, LONG_AFTER);
    is_int(r.state, OSCP_READING_ABSENT, "longer ago than a window: absent");
    ok(r.has_register && r.register_mwh == 6000, "with its last register");
    r = window(&m, 4 * QUARTER, 0);
    is_int(r.state, OSCP_READING_WAITING, "a sample at its start: there again");
    r = window(&m, 40 * QUARTER, LONG_AFTER);
    is_int(r.state, OSCP_READING_ABSENT, "long gone is absent");
    r = window(&m, -40 * QUARTER, LONG_AFTER);
    is_int(r.state, OSCP_READING_ABSENT, "not yet there is absent");
    oscp_meter_clear(&m, &oscp_alloc_libc);

    oscp_meter_init(&m);
    add(&m, 5 * MINUTE, 100000);
    add(&m, 16 * MINUTE, 111000);
    r = window(&m, 0, LONG_AFTER);
    is_int(r.import_mwh, 10000, "an asset that joins counts from there");
    ok(r.joined, "and says so");
    oscp_meter_clear(&m, &oscp_alloc_libc);
}


/* Whether an asset was there does not depend on what comes after the window. */
static void
comes_and_goes(void)
{
    oscp_meter_t  m;

    oscp_meter_init(&m);
    add(&m, QUARTER, 100);
    is_int(window(&m, 0, LONG_AFTER).state, OSCP_READING_ABSENT,
           "a first sample at the very end: not there yet");
    is_int(oscp_meter_next(&m, 0), QUARTER, "the next sample");
    is_int(oscp_meter_next(&m, QUARTER), QUARTER, "or the one at that moment");
    ok(oscp_meter_next(&m, QUARTER + 1) == OSCP_TIME_NONE, "or none");

    add(&m, QUARTER + 5 * MINUTE, 200);
    is_int(window(&m, 3 * QUARTER, LONG_AFTER).state, OSCP_READING_ABSENT,
           "gone for more than a window");
    add(&m, 100 * MINUTE, 900);
    is_int(window(&m, 3 * QUARTER, LONG_AFTER).state, OSCP_READING_ABSENT,
           "also when it comes back later");
    is_int(window(&m, 6 * QUARTER, LONG_AFTER).state, OSCP_READING_MISSING,
           "and where it comes back its energy is not known");
    oscp_meter_clear(&m, &oscp_alloc_libc);
}


/* A sample that comes when `closed_ms` is the end of the last closed window. */
static oscp_meter_result_t
add_closed(oscp_meter_t *m, oscp_ms_t at_ms, oscp_ms_t closed_ms)
{
    oscp_sample_t  s = { .at_ms = at_ms, .import_mwh = 5 };

    return oscp_meter_add(m, &s, closed_ms, &oscp_alloc_libc);
}


/* What the peer was told of a window's end does not move any more. */
static void
firm(void)
{
    oscp_meter_t  m;

    oscp_meter_init(&m);
    add(&m, 0, 0);
    add(&m, 10 * MINUTE, 1000);
    add(&m, 20 * MINUTE, 3000);
    is_int(window(&m, 0, LONG_AFTER).import_mwh, 2000, "an end between two");
    oscp_meter_firm(&m, QUARTER, QUARTER);
    is_int(add_closed(&m, 12 * MINUTE, QUARTER), OSCP_METER_LATE,
           "before the end: too late");
    is_int(add_closed(&m, QUARTER, QUARTER), OSCP_METER_LATE,
           "at the end: it was interpolated");
    is_int(add_closed(&m, 18 * MINUTE, QUARTER), OSCP_METER_LATE,
           "before the sample behind: so was that");
    is_int(add_closed(&m, 21 * MINUTE, QUARTER), OSCP_METER_ADDED,
           "behind it: in time");
    oscp_meter_clear(&m, &oscp_alloc_libc);

    oscp_meter_init(&m);
    add(&m, 0, 0);
    add(&m, QUARTER, 1000);
    add(&m, 20 * MINUTE, 3000);
    oscp_meter_firm(&m, QUARTER, QUARTER);
    is_int(add_closed(&m, 18 * MINUTE, QUARTER), OSCP_METER_ADDED,
           "nothing was interpolated where a sample lies at the end");

    oscp_meter_settle(&m, 20 * MINUTE, QUARTER, NULL, NULL);
    oscp_meter_firm(&m, 30 * MINUTE, QUARTER);
    is_int(add_closed(&m, 31 * MINUTE, 30 * MINUTE), OSCP_METER_ADDED,
           "nor where there was none behind");
    oscp_meter_firm(&m, 30 * MINUTE, 5 * MINUTE);
    is_int(add_closed(&m, 30 * MINUTE + 1, 30 * MINUTE), OSCP_METER_ADDED,
           "nor where it lay too far off");
    oscp_meter_clear(&m, &oscp_alloc_libc);
}


static void
add_export(oscp_meter_t *m, oscp_ms_t at_ms, int64_t export_mwh)
{
    oscp_sample_t  s = { .at_ms = at_ms, .has_export = export_mwh >= 0,
                         .export_mwh = export_mwh < 0 ? 0 : export_mwh };

    oscp_meter_add(m, &s, OSCP_TIME_NONE, &oscp_alloc_libc);
}


/* A sample that tells no export register is no reading of it. */
static void
exports(void)
{
    oscp_meter_t    m;
    oscp_reading_t  r;

    oscp_meter_init(&m);
    add_export(&m, 0, 5000);
    add_export(&m, 5 * MINUTE, 5100);
    add_export(&m, 10 * MINUTE, -1);
    add_export(&m, 14 * MINUTE, 5400);
    add_export(&m, 15 * MINUTE + 1, -1);
    add_export(&m, 16 * MINUTE, 5800);
    r = window(&m, 0, LONG_AFTER);
    ok(r.has_export && r.export_mwh == 600, "what was exported around samples "
       "that do not say is not lost");
    is_int(r.export_register_mwh, 5600, "the register at the end");
    oscp_meter_firm(&m, QUARTER, QUARTER);
    is_int(add_closed(&m, 15 * MINUTE + 2, QUARTER), OSCP_METER_LATE,
           "what it was interpolated by stands");
    is_int(oscp_meter_settle(&m, QUARTER, QUARTER, NULL, NULL), 3,
           "and is kept");

    add_export(&m, 29 * MINUTE, 6100);
    add_export(&m, 30 * MINUTE, -1);
    is_int(window(&m, QUARTER, 30 * MINUTE).state, OSCP_READING_WAITING,
           "the one behind the end is waited for");
    add_export(&m, 31 * MINUTE, 6300);
    r = window(&m, QUARTER, 30 * MINUTE);
    ok(r.has_export && r.export_mwh == 6200 - 5600, "windows add up");
    is_int(oscp_meter_settle(&m, 30 * MINUTE, QUARTER, NULL, NULL), 3,
           "the last that tells it is kept beyond one that does not");
    is_int(window(&m, 30 * MINUTE, 30 * MINUTE).state, OSCP_READING_WAITING,
           "for the next window's beginning");
    oscp_meter_clear(&m, &oscp_alloc_libc);
}


/* One that has an export register, and then has none. */
static void
export_ends(void)
{
    int             i;
    oscp_meter_t    m;
    oscp_reading_t  r;

    oscp_meter_init(&m);
    for (i = 0; i <= 15; i++) {
        add_export(&m, 5 * i * MINUTE, i < 4 || i > 10 ? -1 : 100 * i);
    }

    ok(!window(&m, 0, LONG_AFTER).has_export, "none yet");
    r = window(&m, QUARTER, LONG_AFTER);
    ok(r.has_export && r.export_mwh == 200, "counted from its first reading");
    is_int(window(&m, 45 * MINUTE, LONG_AFTER).state, OSCP_READING_MISSING,
           "nobody knows what was exported since its last one");
    r = window(&m, 60 * MINUTE, LONG_AFTER);
    is_int(r.state, OSCP_READING_MISSING, "while that is in reach");
    add_export(&m, 90 * MINUTE, -1);
    add_export(&m, 81 * MINUTE, -1);
    r = window(&m, 75 * MINUTE, LONG_AFTER);
    ok(r.state == OSCP_READING_COMPLETE && !r.has_export, "then it has none");
    is_int(oscp_meter_settle(&m, 75 * MINUTE, QUARTER, NULL, NULL), 15,
           "and nothing is kept for it");
    oscp_meter_clear(&m, &oscp_alloc_libc);
}


static void
reset(void)
{
    oscp_meter_t  m;

    oscp_meter_init(&m);
    add(&m, 0, 9000);
    add(&m, 10 * MINUTE, 10000);
    add(&m, 20 * MINUTE, 400);
    add(&m, 30 * MINUTE, 1400);
    is_int(window(&m, 0, LONG_AFTER).import_mwh, 1000 + 200,
           "a register that falls counts from zero");
    is_int(window(&m, QUARTER, LONG_AFTER).import_mwh, 200 + 1000,
           "on both sides of the window's end");
    oscp_meter_clear(&m, &oscp_alloc_libc);
}


static void
count_dropped(void *arg, const char *entry)
{
    *(int *) arg += entry[0] != '\0';
}


/* A year of jittery samples; what is settled is forgotten on the way. */
static void
year(void)
{
    int            dropped = 0, incomplete = 0, late = 0;
    int64_t        sum = 0, value = 123456789, first, last = 0;
    oscp_ms_t      at_ms = -30000, start_ms = 0;
    oscp_meter_t   m;
    oscp_sample_t  s = { .has_power = 1, .entry = "1-0" };
    oscp_reading_t r;

    srand(11);
    oscp_meter_init(&m);
    first = 0;

    while (start_ms < 365 * 96 * QUARTER) {
        s.at_ms = at_ms;
        s.import_mwh = value;
        late += oscp_meter_add(&m, &s, start_ms ? start_ms : OSCP_TIME_NONE,
                               &oscp_alloc_libc) != OSCP_METER_ADDED;
        at_ms += 30000 + rand() % 60000;
        value += rand() % 2000000;

        r = window(&m, start_ms, at_ms);
        if (r.state != OSCP_READING_COMPLETE) {
            continue;
        }
        if (start_ms == 0) {
            first = r.register_mwh - r.import_mwh;
        }
        incomplete += r.joined;
        sum += r.import_mwh;
        last = r.register_mwh;
        start_ms += QUARTER;
        oscp_meter_settle(&m, start_ms, QUARTER, count_dropped, &dropped);
    }

    is_int(sum, last - first, "35,040 windows add up (seed 11)");
    is_int(incomplete + late, 0, "none incomplete, none late");
    ok(m.n < 5 && dropped > 400000, "settled samples are forgotten (%d)",
       dropped);
    oscp_meter_clear(&m, &oscp_alloc_libc);
}


int
main(void)
{
    parsing();
    interpolation();
    gaps();
    comes_and_goes();
    firm();
    exports();
    export_ends();
    firm();
    reset();
    year();
    is_int(oscp_meter_window(QUARTER + 1, QUARTER), QUARTER, "alignment");
    is_int(oscp_meter_window(-1, QUARTER), -QUARTER, "before 1970 too");
    return done_testing();
}
