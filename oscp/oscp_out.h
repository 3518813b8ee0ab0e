/*
 * Text that grows in a buffer of fixed size and keeps counting when that is
 * full, so that a writer can return its whole length as snprintf does.
 * Internal to oscp/.
 */

#ifndef OSCP_OUT_H
#define OSCP_OUT_H

#include <stddef.h>

/* `buf` belongs to the caller and may be NULL when `size` is 0. */
typedef struct {
    char    *buf;
    size_t   size;
    size_t   len;        /* of the whole text so far; more than fits, maybe */
} oscp_out_t;

/* An empty text. */
void oscp_out_init(oscp_out_t *o, char *buf, size_t size);

/* Appends bytes, or a NUL-terminated string, as they are. */
void oscp_out_bytes(oscp_out_t *o, const char *data, size_t len);
void oscp_out_text(oscp_out_t *o, const char *text);

/* Appends a JSON string: `text` escaped, between quotes. */
void oscp_out_string(oscp_out_t *o, const char *text);

/* Appends a plain decimal, rounded to `decimals` digits after the point. */
void oscp_out_number(oscp_out_t *o, double value, int decimals);

/* Ends the text with a NUL, cut to fit.  Returns its whole length. */
size_t oscp_out_end(oscp_out_t *o);

#endif /* OSCP_OUT_H */
