/*
 * Units become watts (design, section 6); oscp_number.h makes watts text.
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

#endif /* OSCP_UNIT_H */
