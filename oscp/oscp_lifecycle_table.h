/*
 * The lifecycle's transition table.  Internal to oscp_lifecycle*.c and to the
 * tests that go through it pair by pair.
 */

#ifndef OSCP_LIFECYCLE_TABLE_H
#define OSCP_LIFECYCLE_TABLE_H

#include "oscp_exchange.h"

typedef void (*oscp_lifecycle_handler_t)(oscp_exchange_t *x);

typedef struct {
    oscp_lifecycle_handler_t  handler;
    unsigned                  allowed;   /* states that may result: bit 1 << n;
                                            time that has passed counted in */
} oscp_lifecycle_cell_t;

extern const oscp_lifecycle_cell_t
    oscp_lifecycle_table[OSCP_STATE_COUNT][OSCP_EV_COUNT];

#endif /* OSCP_LIFECYCLE_TABLE_H */
