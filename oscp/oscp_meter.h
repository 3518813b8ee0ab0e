/*
 * Metering: cumulative registers become the energy of quarter hours (design,
 * section 7; section 10, "Metering").
 *
 * All energy is whole milliwatt-hours in 64 bits.  A register between two
 * samples is interpolated and rounded once, the same way from both sides, so
 * that the windows of a year add up to the register's difference to the digit.
 */

#ifndef OSCP_METER_H
#define OSCP_METER_H

#include <stddef.h>
#include <stdint.h>

#include "oscp_alloc.h"
#include "oscp_error.h"
#include "oscp_message.h"

#define OSCP_METER_SAMPLES_MAX   10000      /* kept per asset */
#define OSCP_METER_ENTRY_SIZE    48         /* a stream entry's id, with NUL */
#define OSCP_METER_MWH_MAX       INT64_C(1000000000000000)   /* 1e12 Wh */

/* One reading of one asset. */
typedef struct {
    oscp_ms_t  at_ms;
    double     power_w;                     /* with has_power; export < 0 */
    int64_t    import_mwh;                  /* cumulative registers */
    int64_t    export_mwh;                  /* with has_export */
    unsigned   has_power:1;
    unsigned   has_export:1;
    char       entry[OSCP_METER_ENTRY_SIZE];  /* where it is stored */
} oscp_sample_t;

/* The samples of one asset, sorted by time; zeroed is empty. */
typedef struct {
    oscp_sample_t  *samples;                /* owned, from the caller's alloc */
    size_t          n;
    size_t          size;
    oscp_ms_t       first_ms;               /* of the first sample ever; NONE:
                                               none yet */
    oscp_ms_t       firm_ms;                /* see oscp_meter_firm() */
} oscp_meter_t;

typedef enum {
    OSCP_METER_ADDED = 0,
    OSCP_METER_REPEATED,                    /* same time, same values: fine */
    OSCP_METER_CONFLICT,                    /* same time, others: refused */
    OSCP_METER_LATE,                        /* before the last closed window's
                                               end, or before the sample behind
                                               by which that was measured:
                                               refused */
    OSCP_METER_FULL,                        /* OSCP_METER_SAMPLES_MAX */
    OSCP_METER_NOMEM
} oscp_meter_result_t;

/* "added", "repeated", …: for events. */
const char *oscp_meter_result_name(oscp_meter_result_t result);

/*
 * Reads a register ("12345.678", Wh) into milliwatt-hours, rounded to nearest.
 * Returns 0, or -1: not a plain number, negative, above OSCP_METER_MWH_MAX.
 */
int oscp_meter_parse_wh(const char *text, size_t len, int64_t *mwh);

void oscp_meter_init(oscp_meter_t *m);
void oscp_meter_clear(oscp_meter_t *m, const oscp_alloc_t *alloc);

/*
 * Takes a sample in, wherever in time it belongs.  `closed_ms` is the end of
 * the last closed window (OSCP_TIME_NONE: none): what lies before it cannot
 * count any more.
 */
oscp_meter_result_t oscp_meter_add(oscp_meter_t *m, const oscp_sample_t *s,
    oscp_ms_t closed_ms, const oscp_alloc_t *alloc);

/* A window [start, end) that is to be read. */
typedef struct {
    oscp_ms_t  start_ms;
    oscp_ms_t  end_ms;
    int64_t    length_ms;       /* how far neighbours may lie apart; the window
                                   itself is shorter only where the configured
                                   length has changed */
    int64_t    grace_ms;
} oscp_window_t;

/* What an asset says of a window. */
typedef enum {
    OSCP_READING_ABSENT = 0,    /* no sample near it: not part of the group */
    OSCP_READING_WAITING,       /* a sample behind the end may still come */
    OSCP_READING_COMPLETE,
    OSCP_READING_MISSING        /* neighbours of an end lie too far apart, or
                                   one never came */
} oscp_reading_state_t;

typedef struct {
    oscp_reading_state_t  state;
    int64_t               import_mwh;       /* energy in the window */
    int64_t               export_mwh;
    int64_t               register_mwh;     /* import register at the end,
                                               interpolated; of an absent asset
                                               (has_register) its last */
    int64_t               export_register_mwh;
    unsigned              has_register:1;
    unsigned              has_export:1;
    unsigned              has_power:1;
    unsigned              joined:1;         /* its first sample ever lies in
                                               the window: counted from there */
    double                power_w;          /* last power at the end, at most
                                               one window old */
} oscp_reading_t;

/*
 * The energy of a window by the asset's samples.
 *
 * Each end's register is interpolated between its neighbours, which may lie at
 * most `length_ms` apart.  A register that falls was reset: it counts from
 * zero.  `now_ms` tells WAITING from MISSING: a neighbour behind the end can
 * still come until end + length + grace.  An asset is ABSENT when it has no
 * sample inside, and its last one before lies more than `length_ms` before the
 * start; whether it comes back later does not matter.
 *
 * The export register is read in the same way from those samples that tell it:
 * one that does not is no reading of it.  An asset that stops telling it is
 * MISSING until its last such sample lies more than `length_ms` before the
 * start; one that begins to is counted from there.
 */
void oscp_meter_read(const oscp_meter_t *m, const oscp_window_t *w,
    oscp_ms_t now_ms, oscp_reading_t *r);

/* The first sample at or after `at_ms`; OSCP_TIME_NONE: there is none. */
oscp_ms_t oscp_meter_next(const oscp_meter_t *m, oscp_ms_t at_ms);

/*
 * The window that ends at `end_ms` is closed.  Where the register at its end
 * was interpolated, the sample behind it stands: another one between them would
 * move what the peer has been told, and the windows would no longer add up.
 */
void oscp_meter_firm(oscp_meter_t *m, oscp_ms_t end_ms, int64_t length_ms);

/*
 * Drops the samples that no window after `end_ms` needs: those before the last
 * one at or before it, and before the last that tells the export register, when
 * that lies in reach.  Gives each one's entry to `dropped` (may be NULL).
 * Returns how many.
 */
size_t oscp_meter_settle(oscp_meter_t *m, oscp_ms_t end_ms, int64_t length_ms,
    void (*dropped)(void *arg, const char *entry), void *arg);

/* The start of the window (UTC-aligned, of window_ms) that `at_ms` lies in. */
oscp_ms_t oscp_meter_window(oscp_ms_t at_ms, int64_t window_ms);

#endif /* OSCP_METER_H */
