/*
 * One back-off for everything that tries again: Redis connections, handshakes,
 * deliveries (design, sections 6 and 8).  Pure: randomness is an argument.
 */

#ifndef OSCP_BACKOFF_H
#define OSCP_BACKOFF_H

#include <stdint.h>

typedef struct {
    int64_t  min_ms;        /* first pause */
    int64_t  max_ms;        /* longest pause */
    double   multiplier;    /* growth from pause to pause, 1 or more */
    double   jitter;        /* share of a pause that is random, 0 … 1 */
    int64_t  current_ms;    /* the pause before jitter; 0: none taken yet */
} oscp_backoff_t;

/*
 * The next pause in milliseconds: min_ms first, then times multiplier up to
 * max_ms, less up to `jitter` of itself.  `random` is any 32 random bits.
 * Never less than 1.
 */
int64_t oscp_backoff_next(oscp_backoff_t *b, uint32_t random);

/* After a success: the next pause is min_ms again. */
void oscp_backoff_reset(oscp_backoff_t *b);

#endif /* OSCP_BACKOFF_H */
