/*
 * Reports: what a window of a group's meters becomes for the peer (design,
 * section 7; section 10, "Metering"; protocol, sections 1.4 and 2).
 *
 * What is sent and how it looks is the profile's; nothing here knows one by
 * its name.
 */

#ifndef OSCP_REPORT_H
#define OSCP_REPORT_H

#include "oscp_meter.h"
#include "oscp_profile.h"

#define OSCP_REPORT_MESSAGES   2    /* most of them for one window */

/* One asset of the group and what it says of the window. */
typedef struct {
    const char      *name;
    oscp_reading_t   reading;
} oscp_report_asset_t;

/* What the assets' readings together make of the window. */
typedef enum {
    OSCP_REPORT_EMPTY = 0,      /* every asset is absent */
    OSCP_REPORT_WAITING,        /* a sample may still come */
    OSCP_REPORT_MISSING,        /* too little data of an asset */
    OSCP_REPORT_JOINED,         /* assets only joined: nothing is known of the
                                   window's beginning */
    OSCP_REPORT_COMPLETE
} oscp_report_state_t;

/* The sums over the assets.  Absent ones count in the registers only. */
typedef struct {
    oscp_report_state_t  state;
    const char          *asset;             /* that waits or misses; or NULL */
    int64_t              import_mwh;
    int64_t              export_mwh;
    int64_t              import_register_mwh;
    int64_t              export_register_mwh;
    unsigned             has_export:1;      /* an asset of the window has it */
    unsigned             has_power:1;       /* of every asset */
    double               power_w;
} oscp_report_sum_t;

void oscp_report_sum(const oscp_report_asset_t *assets, size_t n,
    oscp_report_sum_t *sum);

/* What a report is made of; all is borrowed. */
typedef struct {
    const oscp_profile_t       *profile;
    unsigned                    measurement;   /* negotiated */
    const char                 *group_id;
    const char                 *asset_id;      /* the binding's */
    oscp_ms_t                   start_ms;
    oscp_ms_t                   end_ms;
    const oscp_report_asset_t  *assets;
    size_t                      nassets;
} oscp_report_window_t;

/* The messages, in the order in which they are sent; must not be copied. */
typedef struct {
    oscp_message_t  messages[OSCP_REPORT_MESSAGES];
    size_t          n;
    oscp_energy_t   energy;                    /* of the group */
    oscp_asset_t   *assets;                    /* owned; NULL: none */
} oscp_report_t;

/*
 * Makes the messages of a COMPLETE window, to be written by oscp_write(); none
 * when the profile serves nothing of what was negotiated.
 *
 * INTERMITTENT gives the window's energies with its start as
 * initial_measure_time; else CONTINUOUS gives the registers at its end without
 * one.  Returns 0, or -1: no memory.  Clear it in both cases.
 */
int oscp_report_make(oscp_report_t *r, const oscp_report_window_t *w,
    const oscp_alloc_t *alloc);

void oscp_report_clear(oscp_report_t *r, const oscp_alloc_t *alloc);

#endif /* OSCP_REPORT_H */
