/*
 * An allocator that fails at the Nth call and knows what it has given out, so
 * that a test can let every allocation fail in turn and see that nothing leaks.
 */

#ifndef FAILING_H
#define FAILING_H

#include <stdlib.h>

#include "oscp_alloc.h"

typedef struct {
    long  calls;         /* that ask for memory, so far */
    long  fail_at;       /* the call that gets none, from 1; 0: all succeed */
    long  held;          /* pieces given out and not given back */
} failing_t;


static void *
failing_resize(void *ctx, void *ptr, size_t size)
{
    void       *got;
    failing_t  *f = ctx;

    if (size == 0) {
        f->held -= ptr != NULL;
        free(ptr);
        return NULL;
    }

    if (++f->calls == f->fail_at) {
        return NULL;
    }

    got = realloc(ptr, size);
    f->held += ptr == NULL && got != NULL;

    return got;
}

#endif /* FAILING_H */
