/*
 * The error record: filling it and turning it into one line of text.
 */

#include "oscp_error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>


/* Errors end in logs and answers: no byte of a peer's may forge a line. */
static void
oscp_error_clean(char *text)
{
    for ( /* void */ ; *text; text++) {
        if (*text < 0x20 || *text > 0x7e) {
            *text = '?';
        }
    }
}


oscp_err_t
oscp_error_set(oscp_error_t *err, oscp_err_t code, const char *path,
    const char *fmt, ...)
{
    va_list  args;

    if (err == NULL) {
        return code;
    }

    err->code = code;

    snprintf(err->path, sizeof(err->path), "%s", path ? path : "");
    oscp_error_clean(err->path);

    err->text[0] = '\0';
    va_start(args, fmt);
    vsnprintf(err->text, sizeof(err->text), fmt, args);
    va_end(args);
    oscp_error_clean(err->text);

    return code;
}


size_t
oscp_error_format(const oscp_error_t *err, char *buf, size_t size)
{
    int  n;

    if (size == 0) {
        return 0;
    }

    n = snprintf(buf, size, "%s%s%s", err->path, err->path[0] ? ": " : "",
                 err->text);
    if (n < 0) {
        buf[0] = '\0';
        return 0;
    }

    return (size_t) n < size ? (size_t) n : size - 1;
}
