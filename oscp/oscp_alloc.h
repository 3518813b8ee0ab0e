/*
 * Memory for oscp/.  Nothing in oscp/ calls malloc by itself: what needs
 * memory takes one of these, so that nginx can pass a pool, the worker the
 * heap, and a test an allocator that fails at the Nth call.
 */

#ifndef OSCP_ALLOC_H
#define OSCP_ALLOC_H

#include <stddef.h>

typedef struct {
    /*
     * realloc(3)'s contract with a context in front: `ptr` NULL allocates,
     * `size` 0 frees and returns NULL, NULL otherwise means "no memory" and
     * leaves `ptr` as it was.
     */
    void  *(*resize)(void *ctx, void *ptr, size_t size);
    void   *ctx;
} oscp_alloc_t;

/* The C library's heap. */
extern const oscp_alloc_t  oscp_alloc_libc;

#endif /* OSCP_ALLOC_H */
