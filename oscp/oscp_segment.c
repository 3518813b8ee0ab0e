/*
 * Segment headers, and what is left of a segmented message in the end.
 */

#include <string.h>

#include "oscp_segment.h"

#define NUMBER_DIGITS_MAX  6

#define INDEX_HEADER  "X-Segment-Index"
#define COUNT_HEADER  "X-Segment-Count"


/* -1 when it is not a whole number of a few digits. */
static int
oscp_segment_number(const char *text, size_t len)
{
    int     value = 0;
    size_t  i;

    if (len < 1 || len > NUMBER_DIGITS_MAX) {
        return -1;
    }

    for (i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return -1;
        }

        value = value * 10 + (text[i] - '0');
    }

    return value;
}


oscp_err_t
oscp_segment_headers(oscp_str_t index, oscp_str_t count, oscp_segment_t *s,
    oscp_error_t *err)
{
    int  i, n;

    s->index = 0;
    s->count = 0;

    if (index.len == 0 && count.len == 0) {
        return OSCP_OK;
    }

    if (index.len == 0) {
        return oscp_error_set(err, OSCP_ERR_SEMANTIC, INDEX_HEADER,
                              "must be there where " COUNT_HEADER " is");
    }

    if (count.len == 0) {
        return oscp_error_set(err, OSCP_ERR_SEMANTIC, COUNT_HEADER,
                              "must be there where " INDEX_HEADER " is");
    }

    n = oscp_segment_number(count.data, count.len);
    if (n < 1 || n > OSCP_SEGMENT_COUNT_MAX) {
        return oscp_error_set(err, OSCP_ERR_SEMANTIC, COUNT_HEADER,
                              "must be a whole number from 1 to %d",
                              OSCP_SEGMENT_COUNT_MAX);
    }

    i = oscp_segment_number(index.data, index.len);
    if (i < 1 || i > n) {
        return oscp_error_set(err, OSCP_ERR_SEMANTIC, INDEX_HEADER,
                              "must be a whole number from 1 to "
                              COUNT_HEADER ", %d", n);
    }

    s->index = (unsigned) i;
    s->count = (unsigned) n;

    return OSCP_OK;
}


int
oscp_segment_parse(const char *text, size_t len, oscp_segment_t *s)
{
    oscp_str_t   index, count;
    const char  *slash;

    s->index = 0;
    s->count = 0;

    if (len == 0) {
        return 0;
    }

    slash = memchr(text, '/', len);
    if (slash == NULL) {
        return -1;
    }

    index = (oscp_str_t) { text, (size_t) (slash - text) };
    count = (oscp_str_t) { slash + 1, len - index.len - 1 };

    /* "/" alone would be two absent headers */
    if (index.len == 0) {
        return -1;
    }

    return oscp_segment_headers(index, count, s, NULL) == OSCP_OK ? 0 : -1;
}


void
oscp_segment_whole_free(oscp_segment_whole_t *whole, const oscp_alloc_t *alloc)
{
    if (whole) {
        alloc->resize(alloc->ctx, whole, 0);
    }
}
