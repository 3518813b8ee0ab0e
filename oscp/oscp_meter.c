/*
 * Registers and windows.  A "pair" is two neighbouring samples; all energy is
 * the sum of what pairs, or parts of pairs, contribute.
 */

#include <string.h>

#include "oscp_meter.h"

#define METER_GROWTH      64
#define MWH_PER_WH        1000
#define WH_DIGITS         3

typedef enum {
    REGISTER_IMPORT = 0,
    REGISTER_EXPORT
} meter_register_t;

static const char *const  result_names[] = {
    [OSCP_METER_ADDED] = "added",
    [OSCP_METER_REPEATED] = "repeated",
    [OSCP_METER_CONFLICT] = "conflict",
    [OSCP_METER_LATE] = "late",
    [OSCP_METER_FULL] = "full",
    [OSCP_METER_NOMEM] = "no memory"
};


const char *
oscp_meter_result_name(oscp_meter_result_t result)
{
    return (unsigned) result <= OSCP_METER_NOMEM ? result_names[result] : NULL;
}


int
oscp_meter_parse_wh(const char *text, size_t len, int64_t *mwh)
{
    int      digits = 0, fraction = -1, round_up = 0;
    size_t   i;
    int64_t  value = 0;

    for (i = 0; i < len; i++) {
        if (text[i] == '.' && fraction < 0 && digits) {
            fraction = 0;
            continue;
        }
        if (text[i] < '0' || text[i] > '9') {
            return -1;
        }

        digits = 1;
        if (fraction >= WH_DIGITS) {
            round_up |= fraction == WH_DIGITS && text[i] >= '5';
            fraction++;
            continue;
        }

        value = value * 10 + (text[i] - '0');
        fraction += fraction >= 0;
        if (value > OSCP_METER_MWH_MAX) {
            return -1;
        }
    }

    if (!digits || fraction == 0) {
        return -1;
    }

    for (i = fraction > 0 ? (size_t) fraction : 0; i < WH_DIGITS; i++) {
        value *= 10;
    }

    value += round_up;
    if (value > OSCP_METER_MWH_MAX) {
        return -1;
    }

    *mwh = value;
    return 0;
}


void
oscp_meter_init(oscp_meter_t *m)
{
    memset(m, 0, sizeof(*m));
    m->first_ms = OSCP_TIME_NONE;
    m->firm_ms = OSCP_TIME_NONE;
}


void
oscp_meter_clear(oscp_meter_t *m, const oscp_alloc_t *alloc)
{
    alloc->resize(alloc->ctx, m->samples, 0);
    oscp_meter_init(m);
}


/* The number of samples at or before `at_ms`. */
static size_t
meter_upto(const oscp_meter_t *m, oscp_ms_t at_ms)
{
    size_t  low = 0, high = m->n, middle;

    while (low < high) {
        middle = low + (high - low) / 2;
        if (m->samples[middle].at_ms <= at_ms) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }

    return low;
}


static int
same_values(const oscp_sample_t *a, const oscp_sample_t *b)
{
    return a->import_mwh == b->import_mwh && a->has_export == b->has_export
           && (!a->has_export || a->export_mwh == b->export_mwh)
           && a->has_power == b->has_power
           && (!a->has_power || a->power_w == b->power_w);
}


oscp_meter_result_t
oscp_meter_add(oscp_meter_t *m, const oscp_sample_t *s, oscp_ms_t closed_ms,
    const oscp_alloc_t *alloc)
{
    size_t          at, size;
    oscp_sample_t  *grown;

    if (closed_ms != OSCP_TIME_NONE
        && (s->at_ms < closed_ms
            || (m->firm_ms != OSCP_TIME_NONE && s->at_ms < m->firm_ms)))
    {
        return OSCP_METER_LATE;
    }

    at = meter_upto(m, s->at_ms);
    if (at > 0 && m->samples[at - 1].at_ms == s->at_ms) {
        return same_values(&m->samples[at - 1], s) ? OSCP_METER_REPEATED
                                                   : OSCP_METER_CONFLICT;
    }

    if (m->n == OSCP_METER_SAMPLES_MAX) {
        return OSCP_METER_FULL;
    }

    if (m->n == m->size) {
        size = m->size + METER_GROWTH;
        grown = alloc->resize(alloc->ctx, m->samples, size * sizeof(*grown));
        if (grown == NULL) {
            return OSCP_METER_NOMEM;
        }
        m->samples = grown;
        m->size = size;
    }

    memmove(m->samples + at + 1, m->samples + at,
            (m->n - at) * sizeof(*m->samples));
    m->samples[at] = *s;
    m->n++;

    if (m->first_ms == OSCP_TIME_NONE || s->at_ms < m->first_ms) {
        m->first_ms = s->at_ms;
    }

    return OSCP_METER_ADDED;
}


static int64_t
register_of(const oscp_sample_t *s, meter_register_t which)
{
    return which == REGISTER_IMPORT ? s->import_mwh : s->export_mwh;
}


/* The first sample from the `i`th on that tells the register; `n`: none. */
static size_t
next_with(const oscp_meter_t *m, meter_register_t which, size_t i)
{
    while (i < m->n && which == REGISTER_EXPORT && !m->samples[i].has_export) {
        i++;
    }

    return i;
}


/* One more than the index of the last one before the `n`th; 0: none. */
static size_t
last_with(const oscp_meter_t *m, meter_register_t which, size_t n)
{
    while (n > 0 && which == REGISTER_EXPORT && !m->samples[n - 1].has_export) {
        n--;
    }

    return n;
}


/* What the pair adds from its first sample on until `at_ms` inside it. */
static int64_t
progress(const oscp_sample_t *first, const oscp_sample_t *second,
    meter_register_t which, oscp_ms_t at_ms)
{
    int64_t  a = register_of(first, which), b = register_of(second, which);
    int64_t  delta = b >= a ? b - a : b;
    int64_t  span = second->at_ms - first->at_ms, part;

    part = at_ms - first->at_ms;
    if (part <= 0) {
        return 0;
    }
    if (part >= span) {
        return delta;
    }

    /* Split, so that no product leaves 64 bits; rounded to nearest. */
    return delta / span * part + (delta % span * part + span / 2) / span;
}


/* Energy in [start, end) over the pairs of samples that tell the register. */
static int64_t
energy(const oscp_meter_t *m, meter_register_t which, oscp_ms_t start_ms,
    oscp_ms_t end_ms)
{
    size_t                i, next;
    int64_t               sum = 0;
    const oscp_sample_t  *a, *b;

    i = last_with(m, which, meter_upto(m, start_ms));
    i = next_with(m, which, i > 0 ? i - 1 : 0);

    for ( /* void */ ; i < m->n && m->samples[i].at_ms < end_ms; i = next) {
        next = next_with(m, which, i + 1);
        if (next == m->n) {
            break;
        }

        a = &m->samples[i];
        b = &m->samples[next];
        sum += progress(a, b, which, end_ms) - progress(a, b, which, start_ms);
    }

    return sum;
}


/*
 * Whether the register at `at_ms` is known: 1; 0: a neighbour behind is still
 * missing; -1: the neighbours lie too far apart, or there is none before.
 */
static int
known_at(const oscp_meter_t *m, meter_register_t which, oscp_ms_t at_ms,
    int64_t window_ms)
{
    size_t  upto = meter_upto(m, at_ms);
    size_t  n = last_with(m, which, upto), next;

    if (n == 0) {
        return -1;
    }

    if (m->samples[n - 1].at_ms == at_ms) {
        return 1;
    }

    next = next_with(m, which, upto);
    if (next == m->n) {
        return at_ms - m->samples[n - 1].at_ms > window_ms ? -1 : 0;
    }

    return m->samples[next].at_ms - m->samples[n - 1].at_ms <= window_ms ? 1
                                                                         : -1;
}


/* The register at `at_ms`, which lies at or behind one that tells it. */
static int64_t
register_at(const oscp_meter_t *m, meter_register_t which, oscp_ms_t at_ms)
{
    size_t                upto = meter_upto(m, at_ms), next;
    const oscp_sample_t  *a, *b;

    a = &m->samples[last_with(m, which, upto) - 1];
    next = next_with(m, which, upto);

    if (a->at_ms == at_ms || next == m->n) {
        return register_of(a, which);
    }

    b = &m->samples[next];

    return (register_of(b, which) < register_of(a, which)
            ? 0 : register_of(a, which))
           + progress(a, b, which, at_ms);
}


static void
read_power(const oscp_meter_t *m, oscp_ms_t end_ms, int64_t window_ms,
    oscp_reading_t *r)
{
    size_t  n = meter_upto(m, end_ms);

    for (; n > 0; n--) {
        if (end_ms - m->samples[n - 1].at_ms > window_ms) {
            return;
        }
        if (m->samples[n - 1].has_power) {
            r->has_power = 1;
            r->power_w = m->samples[n - 1].power_w;
            return;
        }
    }
}


/* 1 when no sample lies close enough for the asset to count in the window. */
static int
is_absent(const oscp_meter_t *m, const oscp_window_t *w)
{
    size_t     before = meter_upto(m, w->start_ms);
    oscp_ms_t  next_ms, last_ms;

    next_ms = before < m->n ? m->samples[before].at_ms : OSCP_TIME_NONE;
    if (next_ms < w->end_ms) {
        return 0;
    }
    if (before == 0) {
        return 1;
    }

    last_ms = m->samples[before - 1].at_ms;

    return w->start_ms - last_ms > w->length_ms;
}


/*
 * By its last sample alone: earlier ones are dropped sooner or later, and what
 * is told must not depend on when.
 */
static void
read_absent(const oscp_meter_t *m, oscp_ms_t end_ms, oscp_reading_t *r)
{
    size_t                n = meter_upto(m, end_ms);
    const oscp_sample_t  *last;

    if (n == 0) {
        return;
    }

    last = &m->samples[n - 1];
    r->has_register = 1;
    r->register_mwh = last->import_mwh;
    r->has_export = last->has_export;
    r->export_register_mwh = last->has_export ? last->export_mwh : 0;
}


/*
 * What the asset says of one register between `from_ms` and the window's end:
 * WAITING, COMPLETE or MISSING.
 */
static oscp_reading_state_t
read_state(const oscp_meter_t *m, meter_register_t which, oscp_ms_t from_ms,
    const oscp_window_t *w, oscp_ms_t now_ms)
{
    int  late = now_ms >= w->end_ms + w->length_ms + w->grace_ms;
    int  at_start = known_at(m, which, from_ms, w->length_ms);
    int  at_end = known_at(m, which, w->end_ms, w->length_ms);

    if (at_start > 0 && at_end > 0) {
        return OSCP_READING_COMPLETE;
    }

    return at_start < 0 || at_end < 0 || late ? OSCP_READING_MISSING
                                              : OSCP_READING_WAITING;
}


/*
 * The export register, where the asset tells one in reach of the window; where
 * it told none before, counting begins with the first.
 */
static oscp_reading_state_t
read_export(const oscp_meter_t *m, oscp_ms_t from_ms, const oscp_window_t *w,
    oscp_ms_t now_ms, oscp_reading_t *r)
{
    size_t                first, last;
    oscp_ms_t             reach_ms = w->start_ms - w->length_ms;
    oscp_reading_state_t  state;

    last = last_with(m, REGISTER_EXPORT, meter_upto(m, w->end_ms));

    if (last == 0 || m->samples[last - 1].at_ms < reach_ms) {
        return OSCP_READING_COMPLETE;
    }

    first = last_with(m, REGISTER_EXPORT, meter_upto(m, from_ms));

    if (first == 0 || m->samples[first - 1].at_ms < reach_ms) {
        from_ms = m->samples[next_with(m, REGISTER_EXPORT, first)].at_ms;
    }

    state = read_state(m, REGISTER_EXPORT, from_ms, w, now_ms);

    if (state == OSCP_READING_COMPLETE) {
        r->has_export = 1;
        r->export_mwh = energy(m, REGISTER_EXPORT, from_ms, w->end_ms);
        r->export_register_mwh = register_at(m, REGISTER_EXPORT, w->end_ms);
    }

    return state;
}


void
oscp_meter_read(const oscp_meter_t *m, const oscp_window_t *w,
    oscp_ms_t now_ms, oscp_reading_t *r)
{
    oscp_ms_t             from_ms = w->start_ms;
    oscp_reading_state_t  exported;

    memset(r, 0, sizeof(*r));

    if (is_absent(m, w)) {
        read_absent(m, w->end_ms, r);
        return;
    }

    if (m->first_ms > w->start_ms && m->first_ms < w->end_ms) {
        r->joined = 1;
        from_ms = m->first_ms;
    }

    r->state = read_state(m, REGISTER_IMPORT, from_ms, w, now_ms);
    exported = read_export(m, from_ms, w, now_ms, r);

    /* MISSING is more than WAITING: it will not come any more */
    if (r->state == OSCP_READING_COMPLETE
        || exported == OSCP_READING_MISSING)
    {
        r->state = exported;
    }

    if (r->state != OSCP_READING_COMPLETE) {
        return;
    }

    r->has_register = 1;
    r->import_mwh = energy(m, REGISTER_IMPORT, from_ms, w->end_ms);
    r->register_mwh = register_at(m, REGISTER_IMPORT, w->end_ms);
    read_power(m, w->end_ms, w->length_ms, r);
}


oscp_ms_t
oscp_meter_next(const oscp_meter_t *m, oscp_ms_t at_ms)
{
    size_t  n = at_ms > INT64_MIN ? meter_upto(m, at_ms - 1) : 0;

    return n < m->n ? m->samples[n].at_ms : OSCP_TIME_NONE;
}


/* The sample by which a register at `end_ms` was interpolated; or NONE. */
static oscp_ms_t
firm_at(const oscp_meter_t *m, meter_register_t which, oscp_ms_t end_ms,
    int64_t length_ms)
{
    size_t  upto = meter_upto(m, end_ms);
    size_t  next = next_with(m, which, upto), last = last_with(m, which, upto);

    return next < m->n && known_at(m, which, end_ms, length_ms) == 1
           && m->samples[last - 1].at_ms != end_ms ? m->samples[next].at_ms
                                                   : OSCP_TIME_NONE;
}


void
oscp_meter_firm(oscp_meter_t *m, oscp_ms_t end_ms, int64_t length_ms)
{
    oscp_ms_t  exported;

    m->firm_ms = firm_at(m, REGISTER_IMPORT, end_ms, length_ms);
    exported = firm_at(m, REGISTER_EXPORT, end_ms, length_ms);

    if (exported != OSCP_TIME_NONE
        && (m->firm_ms == OSCP_TIME_NONE || exported > m->firm_ms))
    {
        m->firm_ms = exported;
    }
}


size_t
oscp_meter_settle(oscp_meter_t *m, oscp_ms_t end_ms, int64_t length_ms,
    void (*dropped)(void *arg, const char *entry), void *arg)
{
    size_t  i, n = meter_upto(m, end_ms);
    size_t  told = last_with(m, REGISTER_EXPORT, n);

    if (told > 0 && end_ms - m->samples[told - 1].at_ms <= length_ms) {
        n = told;
    }

    if (n < 2) {
        return 0;
    }

    n--;
    for (i = 0; i < n && dropped; i++) {
        dropped(arg, m->samples[i].entry);
    }

    memmove(m->samples, m->samples + n, (m->n - n) * sizeof(*m->samples));
    m->n -= n;
    return n;
}


oscp_ms_t
oscp_meter_window(oscp_ms_t at_ms, int64_t window_ms)
{
    int64_t  into = at_ms % window_ms;

    return at_ms - (into < 0 ? into + window_ms : into);
}
