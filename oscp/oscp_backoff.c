/*
 * Pauses between tries.
 */

#include "oscp_backoff.h"

#define BACKOFF_RANDOM_RANGE  4294967296.0     /* 2^32 */


int64_t
oscp_backoff_next(oscp_backoff_t *b, uint32_t random)
{
    double   grown;
    int64_t  pause;

    if (b->current_ms <= 0) {
        b->current_ms = b->min_ms;

    } else {

        /* in floating point, where a product cannot overflow */
        grown = (double) b->current_ms * b->multiplier;
        b->current_ms = grown < (double) b->max_ms ? (int64_t) grown
                                                   : b->max_ms;
    }

    if (b->current_ms > b->max_ms) {
        b->current_ms = b->max_ms;
    }

    pause = b->current_ms
            - (int64_t) ((double) b->current_ms * b->jitter
                         * ((double) random / BACKOFF_RANDOM_RANGE));

    return pause < 1 ? 1 : pause;
}


void
oscp_backoff_reset(oscp_backoff_t *b)
{
    b->current_ms = 0;
}
