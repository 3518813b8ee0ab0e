/*
 * Units become watts (design, section 6); and watts what people read.
 * oscp_number.h makes them what programs read.
 */

#ifndef OSCP_UNIT_H
#define OSCP_UNIT_H

#include <stdint.h>

#include "oscp_message.h"
#include "oscp_number.h"

/*
 * The power of `value` in watts: KW × 1000; A × voltage_v, × 3 for phase ALL
 * or UNKNOWN; WH, KWH ÷ the block's duration.
 *
 * value        finite, ≥ 0 for capacities
 * voltage_v    phase to neutral, of the group's binding
 * duration_ms  end - start, > 0; only WH and KWH look at it
 */
double oscp_unit_watts(double value, oscp_unit_t unit, oscp_phase_t phase,
    double voltage_v, int64_t duration_ms);

#define OSCP_UNIT_TEXT_SIZE   (OSCP_NUMBER_SIZE + 4)

/*
 * Writes "120 kW", "7.36 kW", "500 W", "0 W" to `buf` of OSCP_UNIT_TEXT_SIZE
 * bytes, which is returned.
 */
char *oscp_unit_text(double watts, char *buf);

#endif /* OSCP_UNIT_H */
