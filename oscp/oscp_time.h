/*
 * Moments, as milliseconds since 1970-01-01T00:00:00Z, and their text form
 * (RFC 3339; design, section 10: "t", "z" and second 60 are read, "24:00" is
 * not; any explicit offset, any number of fraction digits).
 */

#ifndef OSCP_TIME_H
#define OSCP_TIME_H

#include <stddef.h>
#include <stdint.h>

typedef int64_t  oscp_ms_t;

/* "never", "not known": later than every moment, and never written. */
#define OSCP_TIME_NONE   INT64_MAX

/* Length of what oscp_time_format() writes, without and with the NUL. */
#define OSCP_TIME_LEN    24
#define OSCP_TIME_SIZE   25

/*
 * Reads `len` bytes at `text` as one RFC 3339 date-time, nothing before or
 * after it.  Fractions below a millisecond are cut off.  Second 60 is read as
 * the first moment of the next minute.  Years 0001 to 9999, in the text and,
 * its offset applied, in UTC: what is read can be written.
 *
 * Returns 0 and stores the moment in `*ms`, or -1 and leaves `*ms` as it was.
 */
int oscp_time_parse(const char *text, size_t len, oscp_ms_t *ms);

/*
 * Writes "2026-11-23T00:55:59.123Z" (24 bytes and a NUL) to `buf` of at least
 * OSCP_TIME_SIZE bytes.  Moments outside years 0001 to 9999, OSCP_TIME_NONE
 * among them, are written as an empty string.  Returns the length: 24 or 0.
 */
size_t oscp_time_format(oscp_ms_t ms, char *buf);

#endif /* OSCP_TIME_H */
