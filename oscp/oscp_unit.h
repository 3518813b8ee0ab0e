/*
 * Units become watts (design, section 6), and watts become text.
 */

#ifndef OSCP_UNIT_H
#define OSCP_UNIT_H

#include <stddef.h>

#include "oscp_message.h"

#define OSCP_NUMBER_SIZE  40     /* holds every number we write, with NUL */

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

/*
 * Writes a finite number as plain decimal text, no exponent, rounded to
 * `decimals` (0 … 9; 3 for watts) digits after the point, no trailing zeros
 * ("120000", "7360.5", "0"; never "-0"), to `buf` of OSCP_NUMBER_SIZE bytes.
 * |value| up to 1e18; what is larger is written as ±1e18.  Returns the length.
 */
size_t oscp_number_format(double value, int decimals, char *buf);

/*
 * Reads plain decimal text (a JSON number, nothing around it) as it stands in
 * Redis.  Returns 0 and stores a finite number in `*value`, or -1.
 */
int oscp_number_parse(const char *text, size_t len, double *value);

#endif /* OSCP_UNIT_H */
