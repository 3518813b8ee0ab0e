/*
 * One error record for everything in oscp/: what is wrong, where, and what
 * the value must be.  No allocation: the record lives with the caller.
 */

#ifndef OSCP_ERROR_H
#define OSCP_ERROR_H

#include <stddef.h>

#define OSCP_ERROR_PATH_LEN   192    /* bytes, NUL included */
#define OSCP_ERROR_TEXT_LEN   192    /* bytes, NUL included */

typedef enum {
    OSCP_OK = 0,
    OSCP_ERR_SYNTAX,        /* not JSON, not UTF-8, not a date-time … */
    OSCP_ERR_SCHEMA,        /* a member is missing or of the wrong type */
    OSCP_ERR_SEMANTIC,      /* well-formed, but the value is not allowed */
    OSCP_ERR_LIMIT,         /* a named limit is exceeded */
    OSCP_ERR_NOMEM          /* the caller's allocator or buffer gave out */
} oscp_err_t;

/* `path` is a JSON path ("$.forecasted_blocks[3].capacity") or a directive. */
typedef struct {
    oscp_err_t  code;
    char        path[OSCP_ERROR_PATH_LEN];
    char        text[OSCP_ERROR_TEXT_LEN];
} oscp_error_t;

/*
 * Fills `err` (which may be NULL: then nothing is written) and returns `code`,
 * so that a caller can write `return oscp_error_set(...)`.  Both strings are
 * cut to fit and always NUL-terminated.  `fmt` is printf's and describes what
 * the value must be; bytes of `path` or of arguments that are not printable
 * ASCII are written as "?", so that an error can never forge a log line.
 */
oscp_err_t oscp_error_set(oscp_error_t *err, oscp_err_t code,
    const char *path, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/*
 * Writes "PATH: TEXT" (or just TEXT when there is no path) to `buf` of `size`
 * bytes, NUL-terminated, cut to fit; returns the length written.
 */
size_t oscp_error_format(const oscp_error_t *err, char *buf, size_t size);

#endif /* OSCP_ERROR_H */
