/*
 * Goal: what the peer reads is what the registers say.  A year of windows over
 * three assets, with irregular samples, resets and an export register, adds up,
 * in the JSON that is sent, to the registers' differences to the digit; every
 * message of every profile has exactly the fields that the protocol and the
 * profile want; what is not known is not sent.
 */

#include <stdlib.h>

#include "failing.h"
#include "oscp_report.h"
#include "oscp_write.h"
#include "tap.h"

#define MINUTE    INT64_C(60000)
#define QUARTER   (15 * MINUTE)
#define GRACE     INT64_C(10000)
#define T0        INT64_C(1763856000000)      /* 2025-11-23T00:00:00Z */
#define ASSETS    3

static char  json[4096];


static oscp_reading_t
complete(int64_t import_mwh, int64_t register_mwh, double power_w)
{
    oscp_reading_t  r = { .state = OSCP_READING_COMPLETE, .has_register = 1,
                          .import_mwh = import_mwh, .has_power = 1,
                          .register_mwh = register_mwh, .power_w = power_w };

    return r;
}


static oscp_reading_t
with_export(oscp_reading_t r, int64_t export_mwh, int64_t register_mwh)
{
    r.has_export = 1;
    r.export_mwh = export_mwh;
    r.export_register_mwh = register_mwh;
    return r;
}


static oscp_report_window_t
window_of(const char *profile, unsigned measurement,
    const oscp_report_asset_t *assets, size_t n)
{
    oscp_report_window_t  w = { .measurement = measurement,
                                .group_id = "DEPOT01", .asset_id = "SITE",
                                .start_ms = T0, .end_ms = T0 + QUARTER,
                                .assets = assets, .nassets = n };

    w.profile = oscp_profile_find(profile, strlen(profile));
    return w;
}


/* The messages, each behind its name, separated by blanks. */
static const char *
written(const oscp_report_window_t *w)
{
    size_t         len = 0;
    oscp_report_t  r;

    json[0] = '\0';
    if (oscp_report_make(&r, w, &oscp_alloc_libc) == -1) {
        return "no memory";
    }

    for (size_t i = 0; i < r.n; i++) {
        len += (size_t) snprintf(json + len, sizeof(json) - len, "%s%s ",
                                 i ? " " : "",
                                 oscp_message_name(r.messages[i].kind));
        len += oscp_write(&r.messages[i], json + len, sizeof(json) - len);
    }

    oscp_report_clear(&r, &oscp_alloc_libc);
    return json;
}


#define START   "\"2025-11-23T00:00:00.000Z\""
#define END     "\"2025-11-23T00:15:00.000Z\""

#define ENERGY(value, direction)                                              \
    "{\"value\":" value ",\"phase\":\"ALL\",\"unit\":\"KWH\",\"direction\":\"" \
    direction "\",\"measure_time\":" END ",\"initial_measure_time\":" START "}"
#define REGISTER(value, direction)                                            \
    "{\"value\":" value ",\"phase\":\"ALL\",\"unit\":\"KWH\",\"direction\":\"" \
    direction "\",\"measure_time\":" END "}"
#define POWER(value)                                                          \
    ",\"instantaneous_measurement\":{\"value\":" value ",\"phase\":\"ALL\","  \
    "\"unit\":\"KW\",\"measure_time\":" END "}"
#define ASSET(id, energy, power)                                              \
    "{\"asset_id\":\"" id "\",\"asset_category\":\"CHARGING\","               \
    "\"energy_measurement\":" energy power "}"
#define OF_ASSETS(list)                                                       \
    "update_asset_measurements {\"group_id\":\"DEPOT01\",\"measurements\":["  \
    list "]}"
#define OF_GROUP(energy)                                                      \
    "update_group_measurements {\"group_id\":\"DEPOT01\",\"measurements\":["  \
    energy "]}"


static void
vector(void)
{
    oscp_report_asset_t   assets[] = {
        { "CH1", complete(12345678, 99000000, 7360.5) },
        { "CH2", complete(1, 1000, 3.25) },
    };
    oscp_report_window_t  w;

    w = window_of("vector", OSCP_INTERMITTENT, assets, 2);
    is_str(written(&w), OF_ASSETS(ASSET("SITE", ENERGY("12.345679", "IMPORT"),
                                        POWER("7.36375"))),
           "vector: one asset, the binding's, with the sums");

    assets[1].reading.has_power = 0;
    is_str(written(&w), OF_ASSETS(ASSET("SITE", ENERGY("12.345679", "IMPORT"),
                                        "")),
           "no instantaneous power where an asset's is not known");

    assets[1].reading = with_export(complete(5, 5, 0), 20000000, 30000000);
    is_str(written(&w), OF_ASSETS(ASSET("SITE", ENERGY("-7.654317", "NET"),
                                        POWER("7.3605"))),
           "NET where an asset has an export register, and less than 0");

    w.measurement = OSCP_CONTINUOUS | OSCP_INTERMITTENT;
    is_str(written(&w), OF_ASSETS(ASSET("SITE", ENERGY("-7.654317", "NET"),
                                        POWER("7.3605"))),
           "INTERMITTENT goes first");

    w.measurement = OSCP_CONTINUOUS;
    is_str(written(&w), "", "CONTINUOUS alone is not served");
    w.measurement = 0;
    is_str(written(&w), "", "nor is an empty list");
}


static void
generic(void)
{
    oscp_reading_t        gone = { .has_register = 1,
                                   .register_mwh = 4000000000 };
    oscp_report_asset_t   assets[] = {
        { "CH1", complete(1500000, 5000000000123456, 1000) },
        { "CH2", complete(250000, 1000000, 500.5) },
        { "CH3", gone }, { "CH4", { 0 } },
    };
    oscp_report_window_t  w;

    w = window_of("generic", OSCP_INTERMITTENT, assets, 4);
    is_str(written(&w),
           OF_GROUP(ENERGY("1.75", "IMPORT")) " "
           OF_ASSETS(ASSET("CH1", ENERGY("1.5", "IMPORT"), POWER("1")) ","
                     ASSET("CH2", ENERGY("0.25", "IMPORT"), POWER("0.5005"))),
           "generic: the group and each asset that was there");

    assets[1].reading = with_export(assets[1].reading, 1000000, 7000000);
    is_str(written(&w),
           OF_GROUP(ENERGY("0.75", "NET")) " "
           OF_ASSETS(ASSET("CH1", ENERGY("1.5", "IMPORT"), POWER("1")) ","
                     ASSET("CH2", ENERGY("-0.75", "NET"), POWER("0.5005"))),
           "NET for that asset and the group");

    w.measurement = OSCP_CONTINUOUS;
    is_str(written(&w),
           OF_GROUP(REGISTER("5000003994.123456", "NET")) " "
           OF_ASSETS(ASSET("CH1", REGISTER("5000000000.123456", "IMPORT"),
                           POWER("1")) ","
                     ASSET("CH2", REGISTER("-6", "NET"), POWER("0.5005"))),
           "CONTINUOUS: registers, to the digit, the absent asset's with them");

    w.measurement = 0;
    is_str(written(&w), "", "an empty list: nothing is sent");
}


/* A third profile is a row: nothing in the code knows the other two. */
static void
third(void)
{
    oscp_profile_t        p = *oscp_profile_find("generic", 7);
    oscp_report_asset_t   assets[] = {
        { "CH1", complete(1500001, 5000000, 1000.5) } };
    oscp_report_window_t  w;

    p.name = "third";
    p.group_measurements = 0;
    p.instantaneous = 1;
    p.category = OSCP_STORAGE;
    p.phase = OSCP_PHASE_UNKNOWN;
    p.energy_unit = OSCP_UNIT_WH;
    p.power_unit = OSCP_UNIT_W;
    w = window_of("generic", OSCP_INTERMITTENT, assets, 1);
    w.profile = &p;
    is_str(written(&w), OF_ASSETS(
               "{\"asset_id\":\"CH1\",\"asset_category\":\"STORAGE\","
               "\"energy_measurement\":{\"value\":1500.001,\"phase\":"
               "\"UNKNOWN\",\"unit\":\"WH\",\"direction\":\"IMPORT\","
               "\"measure_time\":" END ",\"initial_measure_time\":" START "},"
               "\"instantaneous_measurement\":{\"value\":1000.5,\"phase\":"
               "\"UNKNOWN\",\"unit\":\"W\",\"measure_time\":" END "}}"),
           "another row: WH, W, STORAGE, assets only");

    p.asset_measurements = 0;
    p.group_measurements = 1;
    p.configurations = OSCP_CONTINUOUS;
    is_str(written(&w), "", "INTERMITTENT is not among what it serves");
    w.measurement |= OSCP_CONTINUOUS;
    is_str(written(&w), OF_GROUP("{\"value\":5000,\"phase\":\"UNKNOWN\","
                                 "\"unit\":\"WH\",\"direction\":\"IMPORT\","
                                 "\"measure_time\":" END "}"),
           "but CONTINUOUS is");
}


static void
unknown(void)
{
    oscp_report_sum_t     sum;
    oscp_report_asset_t   assets[] = {
        { "CH1", complete(10, 10, 1) }, { "CH2", complete(20, 20, 2) },
        { "CH3", { 0 } },
    };
    oscp_report_window_t  w = window_of("generic", OSCP_INTERMITTENT, assets,
                                        3);

    oscp_report_sum(assets, 0, &sum);
    is_int(sum.state, OSCP_REPORT_EMPTY, "no assets: nothing");

    assets[0].reading.joined = 1;
    oscp_report_sum(assets, 3, &sum);
    is_int(sum.state, OSCP_REPORT_COMPLETE, "one joined, one was there");
    assets[1].reading.joined = 1;
    oscp_report_sum(assets, 3, &sum);
    is_int(sum.state, OSCP_REPORT_JOINED, "all joined: too little");
    is_str(written(&w), "", "is not sent");

    assets[0].reading.state = OSCP_READING_WAITING;
    oscp_report_sum(assets, 3, &sum);
    is_int(sum.state, OSCP_REPORT_WAITING, "one may still come");
    is_str(sum.asset, "CH1", "and which");
    is_str(written(&w), "", "is not sent yet");

    assets[1].reading.state = OSCP_READING_MISSING;
    oscp_report_sum(assets, 3, &sum);
    is_int(sum.state, OSCP_REPORT_MISSING, "another never will");
    is_str(sum.asset, "CH2", "and which");
    is_str(written(&w), "", "is not sent, and not as zero");
}


static void
no_memory(void)
{
    failing_t             f = { .fail_at = 1 };
    oscp_alloc_t          alloc = { failing_resize, &f };
    oscp_report_t         r;
    oscp_report_asset_t   assets[] = { { "CH1", complete(10, 10, 1) } };
    oscp_report_window_t  w = window_of("generic", OSCP_INTERMITTENT, assets,
                                        1);

    is_int(oscp_report_make(&r, &w, &alloc), -1, "no memory is told");
    oscp_report_clear(&r, &alloc);
    is_int(oscp_report_make(&r, &w, &alloc), 0, "the next one succeeds");
    is_int(f.held, 1, "with one piece of memory");
    oscp_report_clear(&r, &alloc);
    is_int(f.held, 0, "which is given back");
}


/* An asset of the year: its meter, and the truth beside it. */
typedef struct {
    oscp_meter_t  meter;
    oscp_ms_t     at_ms;
    int64_t       import_mwh, export_mwh;
    int64_t       truth_mwh;                 /* imported less exported */
    unsigned      has_export:1;
} plant_t;


/* A sample at `at_ms`; once in a while the register has been reset. */
static void
plant_sample(plant_t *p, oscp_ms_t at_ms, int *resets)
{
    int64_t        in = rand() % 3000000;
    int64_t        out = p->has_export ? rand() % 900000 : 0;
    oscp_sample_t  s = { .at_ms = at_ms, .has_export = p->has_export,
                         .entry = "1-0" };

    if (p->meter.first_ms == OSCP_TIME_NONE) {
        p->import_mwh = 700000000123;

    } else {
        p->truth_mwh += in - out;

        if (rand() % 20000 == 0) {
            p->import_mwh = 0;
            ++*resets;
        }
    }

    p->at_ms = at_ms;
    p->import_mwh += in;
    p->export_mwh += out;
    s.import_mwh = p->import_mwh;
    s.export_mwh = p->export_mwh;
    oscp_meter_add(&p->meter, &s, OSCP_TIME_NONE, &oscp_alloc_libc);
}


/* "12.345678" KWH in what was written, as milliwatt-hours. */
static int64_t
value_of(const char *text)
{
    int      digits = 0, point = 0, negative;
    int64_t  n = 0;

    text = strstr(text, "\"value\":") + 8;
    negative = *text == '-';

    for (text += negative; (*text >= '0' && *text <= '9') || *text == '.';
         text++)
    {
        if (*text == '.') {
            point = 1;
            continue;
        }
        n = n * 10 + (*text - '0');
        digits += point;
    }

    for (; digits < 6; digits++) {
        n *= 10;
    }

    return negative ? -n : n;
}


/*
 * Each asset has a sample exactly at the beginning and at the end of the year,
 * so that the truth needs no interpolation: all that was added in between.
 */
static void
year(void)
{
    int                    resets = 0;
    long                   bad = 0;
    int64_t                truth = 0, told = 0;
    plant_t                plants[ASSETS] = { { .has_export = 0 },
                                              { .has_export = 0 },
                                              { .has_export = 1 } };
    oscp_ms_t              at_ms, end_ms = T0 + 365 * 96 * QUARTER;
    const char            *text;
    oscp_window_t          w = { T0, T0 + QUARTER, QUARTER, GRACE };
    oscp_report_asset_t    assets[ASSETS] = { { "CH1", { 0 } },
                                              { "CH2", { 0 } },
                                              { "CH3", { 0 } } };
    oscp_report_window_t   report = window_of("vector", OSCP_INTERMITTENT,
                                              assets, ASSETS);

    srand(5);
    for (int i = 0; i < ASSETS; i++) {
        oscp_meter_init(&plants[i].meter);
        plant_sample(&plants[i], T0, &resets);
    }

    for (; w.end_ms <= end_ms; w.start_ms = w.end_ms, w.end_ms += QUARTER) {
        for (int i = 0; i < ASSETS; i++) {
            while (plants[i].at_ms < w.end_ms) {
                at_ms = plants[i].at_ms + 1000 + rand() % 99000;
                plant_sample(&plants[i], at_ms > end_ms ? end_ms : at_ms,
                             &resets);
            }
            oscp_meter_read(&plants[i].meter, &w, w.end_ms,
                            &assets[i].reading);
            oscp_meter_settle(&plants[i].meter, w.end_ms, w.length_ms, NULL,
                              NULL);
        }

        report.start_ms = w.start_ms;
        report.end_ms = w.end_ms;
        text = written(&report);
        bad += *text == '\0';
        told += *text ? value_of(text) : 0;
    }

    for (int i = 0; i < ASSETS; i++) {
        truth += plants[i].truth_mwh;
        oscp_meter_clear(&plants[i].meter, &oscp_alloc_libc);
    }

    is_int(bad, 0, "35,040 windows are sent (seed 5)");
    is_int(told, truth, "and add up to the milliwatt-hour");
    ok(resets > 20, "through %d resets", resets);
}


int
main(void)
{
    vector();
    generic();
    third();
    unknown();
    no_memory();
    year();
    return done_testing();
}
