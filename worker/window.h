/*
 * The end of a window of a group's meters: closed, with messages for the peer,
 * or skipped, with the reason why (design, section 7).  Either is one
 * transaction.
 */

#ifndef WORKER_WINDOW_H
#define WORKER_WINDOW_H

#include "metering.h"
#include "oscp_report.h"

/* Initialises `r` with its fields of a group's hash.  Returns 0, or -1. */
int worker_window_init(struct worker_record *r);

/* Takes `until_ms` and `held` from the record as loaded. */
void worker_window_load(struct worker_metering *m);

/*
 * Closes it: `assets` and their sum are what the meters say, COMPLETE.  Where
 * nothing that the profile serves was negotiated there are no messages, and the
 * event says so.  The messages' request ids follow from what they tell of: no
 * accident can tell a window under two.
 */
void worker_window_close(struct worker_metering *m, const oscp_window_t *w,
    const oscp_report_asset_t *assets, const oscp_report_sum_t *sum);

/*
 * Skips all windows from `from_ms` until `until_ms`, as one.  `asset` is the
 * one to blame, or NULL.
 */
void worker_window_skip(struct worker_metering *m, oscp_ms_t from_ms,
    oscp_ms_t until_ms, const char *why, const char *asset);

#endif /* WORKER_WINDOW_H */
