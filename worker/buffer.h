/*
 * A growing run of bytes.  Errors are sticky: after memory has given out,
 * everything added is dropped and `failed` is set, so that a caller looks once,
 * at the end.
 */

#ifndef WORKER_BUFFER_H
#define WORKER_BUFFER_H

#include <stddef.h>

/* A zeroed structure is an empty buffer.  `data` is owned. */
struct worker_buffer {
    char      *data;            /* NULL, or NUL-terminated behind `len` */
    size_t     len;
    size_t     size;
    unsigned   failed:1;
};

/*
 * Makes room for `len` more bytes.  Returns where they begin, or NULL (and the
 * buffer has failed); the caller adds what it wrote to `len` itself.
 */
char *worker_buffer_reserve(struct worker_buffer *b, size_t len);

/* Adds bytes, a NUL-terminated text, formatted text. */
void worker_buffer_add(struct worker_buffer *b, const void *data, size_t len);
void worker_buffer_text(struct worker_buffer *b, const char *text);
void worker_buffer_format(struct worker_buffer *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Empties the buffer, keeps its memory, forgets a failure. */
void worker_buffer_reset(struct worker_buffer *b);

/* Frees the memory; the buffer is then empty. */
void worker_buffer_free(struct worker_buffer *b);

/* The same, and nothing of the content stays in memory. */
void worker_buffer_wipe(struct worker_buffer *b);

#endif /* WORKER_BUFFER_H */
