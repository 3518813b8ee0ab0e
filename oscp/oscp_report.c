/*
 * Reports.  All sums are whole milliwatt-hours; a double is made of one at the
 * very end, when it is written.
 */

#include <stdio.h>
#include <string.h>

#include "oscp_report.h"

#define MWH_PER_WH    1e3
#define MWH_PER_KWH   1e6
#define W_PER_KW      1e3


/* What one energy measurement tells, of an asset or of the group. */
typedef struct {
    int64_t   import_mwh;
    int64_t   export_mwh;
    unsigned  has_export:1;
} report_energy_t;


/* Energies and powers count only where the asset was there. */
static void
sum_reading(oscp_report_sum_t *sum, const oscp_reading_t *r)
{
    if (r->has_register) {
        sum->import_register_mwh += r->register_mwh;
        sum->export_register_mwh += r->export_register_mwh;
        sum->has_export |= r->has_export;
    }

    if (r->state == OSCP_READING_COMPLETE) {
        sum->import_mwh += r->import_mwh;
        sum->export_mwh += r->export_mwh;
        sum->power_w += r->power_w;
        sum->has_power &= r->has_power;
    }
}


void
oscp_report_sum(const oscp_report_asset_t *assets, size_t n,
    oscp_report_sum_t *sum)
{
    size_t                 i, present = 0, joined = 0;
    const char            *waiting = NULL, *missing = NULL;
    const oscp_reading_t  *r;

    memset(sum, 0, sizeof(*sum));
    sum->has_power = 1;

    for (i = 0; i < n; i++) {
        r = &assets[i].reading;
        sum_reading(sum, r);
        present += r->state != OSCP_READING_ABSENT;
        joined += r->state == OSCP_READING_COMPLETE && r->joined;

        if (r->state == OSCP_READING_WAITING && waiting == NULL) {
            waiting = assets[i].name;

        } else if (r->state == OSCP_READING_MISSING && missing == NULL) {
            missing = assets[i].name;
        }
    }

    /* what is missing will not come any more: none need be waited for */
    if (missing != NULL) {
        sum->state = OSCP_REPORT_MISSING;
        sum->asset = missing;

    } else if (waiting != NULL) {
        sum->state = OSCP_REPORT_WAITING;
        sum->asset = waiting;

    } else if (present == 0) {
        sum->state = OSCP_REPORT_EMPTY;

    } else {
        sum->state = joined == present ? OSCP_REPORT_JOINED
                                       : OSCP_REPORT_COMPLETE;
    }

    sum->has_power &= sum->state == OSCP_REPORT_COMPLETE;
}


static int64_t
report_flow(const report_energy_t *e, oscp_flow_t flow)
{
    switch (flow) {

    case OSCP_IMPORT:
        return e->import_mwh;

    case OSCP_EXPORT:
        return e->export_mwh;

    default:
        return e->import_mwh - e->export_mwh;
    }
}


static void
report_energy(const oscp_report_window_t *w, int intermittent,
    const report_energy_t *from, oscp_energy_t *e)
{
    const oscp_profile_t  *p = w->profile;

    memset(e, 0, sizeof(*e));
    e->phase = p->phase;
    e->unit = p->energy_unit;
    e->energy_type = OSCP_ENERGY_TOTAL;
    e->direction = from->has_export ? p->direction_export : p->direction;
    e->value = (double) report_flow(from, e->direction)
               / (e->unit == OSCP_UNIT_WH ? MWH_PER_WH : MWH_PER_KWH);
    e->measure_time_ms = w->end_ms;
    e->initial_measure_time_ms = intermittent ? w->start_ms : OSCP_TIME_NONE;
}


static void
report_asset(const oscp_report_window_t *w, int intermittent,
    const oscp_report_asset_t *from, oscp_asset_t *a)
{
    report_energy_t        e;
    const oscp_reading_t  *r = &from->reading;
    const oscp_profile_t  *p = w->profile;

    memset(a, 0, sizeof(*a));
    snprintf(a->asset_id, sizeof(a->asset_id), "%s", from->name);
    a->category = p->category;

    e.has_export = r->has_export;
    e.import_mwh = intermittent ? r->import_mwh : r->register_mwh;
    e.export_mwh = intermittent ? r->export_mwh : r->export_register_mwh;
    a->has_energy = 1;
    report_energy(w, intermittent, &e, &a->energy);

    if (p->instantaneous && r->has_power) {
        a->has_instantaneous = 1;
        a->instantaneous.unit = p->power_unit;
        a->instantaneous.value = r->power_w
                                 / (p->power_unit == OSCP_UNIT_W ? 1
                                                                 : W_PER_KW);
        a->instantaneous.phase = p->phase;
        a->instantaneous.measure_time_ms = w->end_ms;
    }
}


static oscp_message_t *
report_message(oscp_report_t *r, const oscp_report_window_t *w,
    oscp_message_kind_t kind)
{
    oscp_message_t  *m = &r->messages[r->n++];

    oscp_message_init(m, kind);
    snprintf(m->group_id, sizeof(m->group_id), "%s", w->group_id);

    return m;
}


static void
report_group(oscp_report_t *r, const oscp_report_window_t *w, int intermittent,
    const oscp_report_sum_t *sum)
{
    report_energy_t   e;
    oscp_message_t   *m;

    e.has_export = sum->has_export;
    e.import_mwh = intermittent ? sum->import_mwh : sum->import_register_mwh;
    e.export_mwh = intermittent ? sum->export_mwh : sum->export_register_mwh;
    report_energy(w, intermittent, &e, &r->energy);

    m = report_message(r, w, OSCP_UPDATE_GROUP_MEASUREMENTS);
    m->energies = &r->energy;
    m->nenergies = 1;
}


/* The group's assets as one, under the binding's name. */
static oscp_report_asset_t
report_single(const oscp_report_window_t *w, const oscp_report_sum_t *sum)
{
    oscp_report_asset_t  a = { .name = w->asset_id };

    a.reading.state = OSCP_READING_COMPLETE;
    a.reading.import_mwh = sum->import_mwh;
    a.reading.export_mwh = sum->export_mwh;
    a.reading.register_mwh = sum->import_register_mwh;
    a.reading.export_register_mwh = sum->export_register_mwh;
    a.reading.has_export = sum->has_export;
    a.reading.has_power = sum->has_power;
    a.reading.power_w = sum->power_w;

    return a;
}


static int
report_assets(oscp_report_t *r, const oscp_report_window_t *w, int intermittent,
    const oscp_report_sum_t *sum, const oscp_alloc_t *alloc)
{
    size_t                i, n = 0;
    oscp_message_t       *m;
    oscp_report_asset_t   single;

    r->assets = alloc->resize(alloc->ctx, NULL,
                              (w->profile->single_asset ? 1 : w->nassets)
                              * sizeof(*r->assets));
    if (r->assets == NULL) {
        return -1;
    }

    if (w->profile->single_asset) {
        single = report_single(w, sum);
        report_asset(w, intermittent, &single, &r->assets[n++]);

    } else {
        for (i = 0; i < w->nassets; i++) {
            if (w->assets[i].reading.state == OSCP_READING_COMPLETE) {
                report_asset(w, intermittent, &w->assets[i], &r->assets[n++]);
            }
        }
    }

    m = report_message(r, w, OSCP_UPDATE_ASSET_MEASUREMENTS);
    m->assets = r->assets;
    m->nassets = n;

    return 0;
}


int
oscp_report_make(oscp_report_t *r, const oscp_report_window_t *w,
    const oscp_alloc_t *alloc)
{
    int                intermittent;
    unsigned           served = w->measurement & w->profile->configurations;
    oscp_report_sum_t  sum;

    memset(r, 0, sizeof(*r));
    oscp_report_sum(w->assets, w->nassets, &sum);

    if (served == 0 || sum.state != OSCP_REPORT_COMPLETE) {
        return 0;
    }

    intermittent = (served & OSCP_INTERMITTENT) != 0;

    if (w->profile->group_measurements) {
        report_group(r, w, intermittent, &sum);
    }

    return w->profile->asset_measurements
           ? report_assets(r, w, intermittent, &sum, alloc) : 0;
}


void
oscp_report_clear(oscp_report_t *r, const oscp_alloc_t *alloc)
{
    alloc->resize(alloc->ctx, r->assets, 0);
    r->assets = NULL;
    r->n = 0;
}
