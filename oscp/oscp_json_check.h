/*
 * Whether bytes are one JSON document to the letter, before a lenient parser
 * sees them.
 */

#ifndef OSCP_JSON_CHECK_H
#define OSCP_JSON_CHECK_H

#include <stddef.h>

#include "oscp_error.h"

/*
 * Checks that all `len` bytes at `json` are one JSON value (RFC 8259) with
 * white space around it at most.  Refused as well: invalid UTF-8, a BOM,
 * \u0000, lone surrogates, names that are equal after unescaping, a nesting
 * deeper than OSCP_READ_DEPTH_MAX, and what else oscp_read.h limits.  Numbers
 * are checked for their form alone: 1e999 passes.
 *
 * Returns OSCP_OK, or OSCP_ERR_SYNTAX or OSCP_ERR_LIMIT with `err` (which may
 * be NULL) filled: the place, and what it must be.
 */
oscp_err_t oscp_json_check(const char *json, size_t len, oscp_error_t *err);

/*
 * Why a parser that allocates gave up on a document, which it does not say
 * itself: fills `err` with OSCP_ERR_NOMEM when the document is fine, else with
 * OSCP_ERR_SYNTAX and `must`, for "$".  Returns the code.
 */
oscp_err_t oscp_json_check_refused(const char *json, size_t len,
    const char *must, oscp_error_t *err);

#endif /* OSCP_JSON_CHECK_H */
