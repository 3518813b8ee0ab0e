/*
 * Numbers as text: plain decimals in Redis and in what we write, JSON numbers
 * in what we read.  Independent of the locale.
 */

#ifndef OSCP_NUMBER_H
#define OSCP_NUMBER_H

#include <stddef.h>

#include "oscp_error.h"

#define OSCP_NUMBER_SIZE     40     /* holds every number we write, with NUL */
#define OSCP_NUMBER_LEN_MAX  128    /* bytes of a number that we read */

/*
 * Writes a finite number as plain decimal text, no exponent, rounded to
 * `decimals` (0 … 9; 3 for watts) digits after the point, no trailing zeros
 * ("120000", "7360.5", "0"; never "-0"), to `buf` of OSCP_NUMBER_SIZE bytes.
 * |value| up to 1e18; what is larger is written as ±1e18, NaN as 0.  Returns
 * the length.
 */
size_t oscp_number_format(double value, int decimals, char *buf);

/*
 * Reads the `len` bytes at `text` as one JSON number, nothing around it, as it
 * stands in Redis.  Returns 0 and stores a finite number in `*value`, or -1.
 */
int oscp_number_parse(const char *text, size_t len, double *value);

/*
 * Reads the JSON number that begins at `*p`, correctly rounded; `-0` gives 0.
 *
 * Returns OSCP_OK, stores the number in `*value` and moves `*p` behind it;
 * OSCP_ERR_SYNTAX: no JSON number; OSCP_ERR_LIMIT: longer than
 * OSCP_NUMBER_LEN_MAX; OSCP_ERR_SEMANTIC: not finite as a double.
 */
oscp_err_t oscp_number_scan(const char **p, const char *end, double *value);

/*
 * Returns the end of the JSON number that begins at `p`, or NULL when none
 * does.  Of any length, its value not looked at.
 */
const char *oscp_number_skip(const char *p, const char *end);

#endif /* OSCP_NUMBER_H */
