/*
 * A growing run of bytes with a sticky error.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"


#define WORKER_BUFFER_MIN  256      /* bytes of the first allocation */


char *
worker_buffer_reserve(struct worker_buffer *b, size_t len)
{
    char    *data;
    size_t   size;

    if (b->failed) {
        return NULL;
    }

    if (len >= b->size - b->len) {
        if (len > (size_t) -1 / 4 - b->len) {
            b->failed = 1;
            return NULL;
        }

        size = (b->len + len + 1) * 3 / 2;
        size = size < WORKER_BUFFER_MIN ? WORKER_BUFFER_MIN : size;

        data = realloc(b->data, size);
        if (data == NULL) {
            b->failed = 1;
            return NULL;
        }

        b->data = data;
        b->size = size;
    }

    return b->data + b->len;
}


void
worker_buffer_add(struct worker_buffer *b, const void *data, size_t len)
{
    char  *p = worker_buffer_reserve(b, len);

    if (p == NULL) {
        return;
    }

    if (len > 0) {
        memcpy(p, data, len);
    }

    p[len] = '\0';
    b->len += len;
}


void
worker_buffer_text(struct worker_buffer *b, const char *text)
{
    worker_buffer_add(b, text, strlen(text));
}


void
worker_buffer_format(struct worker_buffer *b, const char *fmt, ...)
{
    int      len;
    char    *p;
    va_list  args;

    va_start(args, fmt);
    len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);

    p = len < 0 ? NULL : worker_buffer_reserve(b, (size_t) len);
    if (p == NULL) {
        b->failed = 1;
        return;
    }

    va_start(args, fmt);
    vsnprintf(p, (size_t) len + 1, fmt, args);
    va_end(args);

    b->len += (size_t) len;
}


void
worker_buffer_reset(struct worker_buffer *b)
{
    b->len = 0;
    b->failed = 0;

    if (b->data != NULL) {
        b->data[0] = '\0';
    }
}


void
worker_buffer_free(struct worker_buffer *b)
{
    free(b->data);
    memset(b, 0, sizeof(*b));
}


void
worker_buffer_wipe(struct worker_buffer *b)
{
    if (b->data != NULL) {
        explicit_bzero(b->data, b->size);
    }

    worker_buffer_free(b);
}
