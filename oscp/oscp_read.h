/*
 * Reads one OSCP message from JSON bytes: one pass, driven by tables of
 * fields, no tree, no allocation (protocol, section 1.4; design, sections 3
 * and 10).
 */

#ifndef OSCP_READ_H
#define OSCP_READ_H

#include "oscp_error.h"
#include "oscp_message.h"

#define OSCP_READ_SIZE_MAX        16777216   /* bytes in one document */
#define OSCP_READ_DEPTH_MAX       16     /* nested containers that pass */
#define OSCP_READ_MEMBERS_MAX     256    /* members in one object */
#define OSCP_READ_UNKNOWN_MAX     1024   /* unknown members, together, in the
                                            objects around any one point */
#define OSCP_READ_COLLISIONS_MAX  32     /* names of unknown members that share
                                            a hash without being equal */
#define OSCP_READ_BLOCKS_MAX      4096   /* forecasted_blocks in one message */
#define OSCP_READ_ITEMS_MAX       4096   /* elements of any other list */

typedef struct {
    oscp_ms_t  now_ms;             /* the moment of receipt */
    unsigned   strict:1;           /* dialect strict: the schema's form only */
    unsigned   intermittent:1;     /* profile vector: an explicit list of
                                      measurement_configuration must contain
                                      INTERMITTENT */
} oscp_read_options_t;

/*
 * Reads the `len` bytes at `json` as a message of `m->kind` into `m`, which
 * oscp_message_init() has prepared and into which the caller has put its
 * lists.  oscp_str_t members point into `json`.
 *
 * Rules, beyond the schema's types and required members:
 *   - unknown members are skipped (and checked to be JSON); a duplicate key
 *     (after unescaping), invalid UTF-8, a BOM, \u0000, a lone surrogate, a
 *     depth over OSCP_READ_DEPTH_MAX, bytes after the document: refused;
 *   - unless strict: required_behaviour nested, flat, absent or without
 *     measurement_configuration; capacity as a number or as a JSON number in
 *     quotes; offline_mode_at absent;
 *   - required_behaviour nested and flat in one message: the nested one is
 *     taken, whole; the members of the flat one must still be of their types;
 *   - null is no value for any member, optional ones included;
 *   - offline_mode_at after now_ms; end_time after start_time; capacity
 *     finite and >= 0; other values finite; heartbeat_interval >= 1; lists of
 *     blocks, measurements and versions not empty; measurement_configuration
 *     elements unique; energy unit WH or KWH.
 *
 * Returns OSCP_OK, or the error's code with `err` filled: path "$…" of the
 * offending value (of the missing member for a missing one) and what it must
 * be.  Which code: SYNTAX for what is not JSON, not a date-time or a duplicate
 * key; SCHEMA for a type, a spelling of an enumeration, a missing member, an
 * empty list; SEMANTIC for numbers and times out of range, and for a list
 * without INTERMITTENT; LIMIT for the limits above.  A value is never echoed.
 * After an error `m` holds what was read so far and means nothing.
 */
oscp_err_t oscp_read(oscp_message_t *m, const char *json, size_t len,
    const oscp_read_options_t *options, oscp_error_t *err);

struct oscp_field_s;

/*
 * Internal to oscp/: reads a document that is one object or a list of them, as
 * the list of `field` (oscp_schema.h) describes, into the members of `base`
 * that it names.  Rules, results and errors as for oscp_read(); the path of an
 * element of a list begins with "$[INDEX]".
 */
oscp_err_t oscp_read_elements(const struct oscp_field_s *field, void *base,
    const char *json, size_t len, oscp_error_t *err);

#endif /* OSCP_READ_H */
