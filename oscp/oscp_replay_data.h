/*
 * The `data` of audit events, read.  Internal to the replay.
 */

#ifndef OSCP_REPLAY_DATA_H
#define OSCP_REPLAY_DATA_H

#include <cjson/cJSON.h>

#include "oscp_replay.h"

/*
 * The members of a group's document: those in `new` are set, those that are
 * in `old` only are dropped; `old` may be NULL.  After an error `g` is as it
 * was.
 */
oscp_err_t oscp_replay_data_binding(const cJSON *old, const cJSON *new,
    oscp_replay_group_t *g, oscp_error_t *err);

/*
 * A forecast event: `f` is filled, its blocks from `alloc` (to be freed by the
 * caller, also after an error), `f->req` pointing into `data`.
 */
oscp_err_t oscp_replay_data_forecast(const cJSON *data, oscp_forecast_t *f,
    const oscp_alloc_t *alloc, oscp_error_t *err);

/* An envelope event.  After an error `e` is as it was. */
oscp_err_t oscp_replay_data_envelope(const cJSON *data, oscp_ms_t at_ms,
    oscp_replay_envelope_t *e, oscp_error_t *err);

#endif /* OSCP_REPLAY_DATA_H */
