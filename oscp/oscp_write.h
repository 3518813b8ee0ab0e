/*
 * Writes OSCP messages as compact JSON, the schema's form, numbers as numbers
 * (protocol, section 1.4; design, section 3).
 */

#ifndef OSCP_WRITE_H
#define OSCP_WRITE_H

#include "oscp_message.h"

/*
 * Writes `m` to `buf` of `size` bytes, NUL-terminated.
 *
 * Handshakes: `m->dialect` FLAT writes heartbeat_interval and
 * measurement_configuration at the top level, anything else writes them
 * nested in required_behaviour; members are written when has_… says so.
 * Strings that came from outside (`text`, `token`, `base_url`) are written as
 * they stand in oscp_str_t: raw JSON string contents, already escaped.  Names
 * (group_id, asset_id, version) are escaped here.
 *
 * Lists are written by their counts: `nblocks` blocks must be at `blocks`, and
 * so on; the room (`max_…`) is not looked at.  An optional time or list that is
 * not set, and an energy_type of TOTAL, are left out.  Numbers are written as
 * by oscp_number_format() with nine digits after the point; energies to the
 * milliwatt-hour: six for KWH, three for WH.
 *
 * Returns the length that the whole text has, as snprintf does: a return of
 * `size` or more means that it did not fit and `buf` holds a part.
 */
size_t oscp_write(const oscp_message_t *m, char *buf, size_t size);

/*
 * Writes `{"message":"TEXT"}`, OSCP's Error, escaping `text` (any bytes:
 * what is not printable ASCII becomes "?").  Returns as oscp_write().
 */
size_t oscp_write_error(const char *text, char *buf, size_t size);

/*
 * Writes the `len` bytes at `text` (UTF-8; what is not becomes U+FFFD) as the
 * contents of a JSON string, without quotes.  Returns as oscp_write().
 */
size_t oscp_write_escape(const char *text, size_t len, char *buf, size_t size);

#endif /* OSCP_WRITE_H */
