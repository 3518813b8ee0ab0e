/*
 * The C library's heap as an oscp_alloc_t.
 */

#include "oscp_alloc.h"

#include <stdlib.h>


static void *
oscp_alloc_resize(void *ctx, void *ptr, size_t size)
{
    (void) ctx;

    /* realloc(ptr, 0) differs from library to library */
    if (size == 0) {
        free(ptr);
        return NULL;
    }

    return realloc(ptr, size);
}


const oscp_alloc_t  oscp_alloc_libc = { oscp_alloc_resize, NULL };
