/*
 * Adjustments: the forecast that we ask the Capacity Provider for (design,
 * section 8; protocol, section 1.6, point 6).  It stays `requested` until the
 * provider's new forecast answers it, until it is refused, or as long as the
 * outbox keeps one (oscp_delivery_age_ms()).
 */

#ifndef OSCP_ADJUST_H
#define OSCP_ADJUST_H

#include "oscp_error.h"
#include "oscp_message.h"

#define OSCP_ADJUST_BLOCKS_MAX   96       /* a day of quarter hours */
#define OSCP_ADJUST_SIZE_MAX     32768    /* bytes of the JSON that is read */
#define OSCP_ADJUST_WATTS_MAX    1e12     /* what is more is a mistake */

typedef enum {
    OSCP_ADJUST_NONE = 0,                 /* nothing was ever asked for */
    OSCP_ADJUST_REQUESTED,
    OSCP_ADJUST_ANSWERED,                 /* by a forecast */
    OSCP_ADJUST_REFUSED,                  /* by the peer's HTTP answer */
    OSCP_ADJUST_EXPIRED,                  /* in time by neither; or by us */
    OSCP_ADJUST_STATE_COUNT
} oscp_adjust_state_t;

/* "requested", …; "" for NONE, NULL for no state.  And back, or -1. */
const char *oscp_adjust_state_name(oscp_adjust_state_t state);
int oscp_adjust_state_find(const char *text, size_t len);

/* What is asked for; capacities in watts. */
typedef struct {
    size_t        n;
    oscp_block_t  blocks[OSCP_ADJUST_BLOCKS_MAX];
} oscp_adjust_t;

/*
 * Reads a JSON array of [start, end, watts] or [start, end, watts, phase]
 * (phase ALL when there is none), as in a forecast's hash: one or more, at most
 * OSCP_ADJUST_BLOCKS_MAX, sorted by start; what is for one phase, or for the
 * total, does not overlap; none has ended at `now_ms`.
 *
 * Returns OSCP_OK, or an error that names the element: "$[3][1]".
 */
oscp_err_t oscp_adjust_read(oscp_adjust_t *a, const char *json, size_t len,
    oscp_ms_t now_ms, oscp_error_t *err);

/*
 * Writes it as such an array, each block with its phase.  Returns the whole
 * length as snprintf does.
 */
size_t oscp_adjust_write(const oscp_adjust_t *a, char *buf, size_t size);

/* Writes the AdjustGroupCapacityForecast, in KW.  Returns as snprintf does. */
size_t oscp_adjust_message(const oscp_adjust_t *a, const char *group,
    oscp_type_t type, char *buf, size_t size);

/*
 * The type that such a message asks for (an oscp_type_t); -1 for what is none,
 * or has more blocks than one of ours.
 */
int oscp_adjust_type(const char *body, size_t len);

/*
 * 1 when a forecast of that group and type answers the adjustment `req`: `corr`
 * ("" or NULL: absent) names it; or names nothing, and the forecast was
 * received when the adjustment had been asked for, at `requested_ms`.
 */
int oscp_adjust_answers(const char *req, oscp_ms_t requested_ms,
    const char *corr, oscp_ms_t received_ms);

#endif /* OSCP_ADJUST_H */
