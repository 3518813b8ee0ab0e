/*
 * Strings as they stand in JSON: finding their end, checking every byte of
 * them, and looking through their escapes.  Internal to oscp/, but for
 * oscp_string_utf8().
 */

#ifndef OSCP_STRING_H
#define OSCP_STRING_H

#include <stddef.h>
#include <stdint.h>

/*
 * What stands between the quotes.  Only oscp_string_scan() makes one: the
 * others rely on its checks and on the closing quote behind the last byte.
 */
typedef struct {
    const char  *data;
    size_t       len;
    int          escaped;        /* it contains a backslash */
} oscp_string_t;

/*
 * Reads the string whose opening quote is at `*p`.  Refused: control
 * characters, invalid UTF-8, unknown escapes, \u0000, lone surrogates.
 *
 * Returns 0 and moves `*p` behind the closing quote, or -1 and moves it to the
 * offending byte (to `end`: the closing quote is missing).
 */
int oscp_string_scan(const char **p, const char *end, oscp_string_t *s);

/*
 * Decodes `s` into `buf` of `size` bytes, not NUL-terminated.  Returns the
 * length of the whole: more than `size` means that only a part was written.
 */
size_t oscp_string_unescape(const oscp_string_t *s, char *buf, size_t size);

/* A hash of the decoded bytes: equal strings have equal ones. */
uint32_t oscp_string_hash(const oscp_string_t *s);

/*
 * 1 when `s` and another scanned string decode to the same bytes, else 0.  The
 * other one begins at `data` (behind its quote), in the document up to `end`.
 */
int oscp_string_equal(const oscp_string_t *s, const char *data,
    const char *end);

/*
 * The length of the well-formed UTF-8 sequence at `p`, which is not ASCII, or 0
 * when there is none.
 */
size_t oscp_string_utf8(const char *p, const char *end);

#endif /* OSCP_STRING_H */
