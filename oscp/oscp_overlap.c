/*
 * A sweep over the blocks in order of their start.  Those that have begun are
 * in a heap with the one that holds on top; one that has ended stays there
 * until it comes to the top.
 */

#include <stdlib.h>

#include "oscp_overlap.h"


typedef struct {
    const oscp_piece_t   *blocks;
    size_t               *items;          /* indexes into blocks */
    size_t                n;
    oscp_overlap_rule_t   rule;
} oscp_overlap_heap_t;


static int
oscp_overlap_by_start(const void *a, const void *b)
{
    const oscp_piece_t  *x = a, *y = b;

    if (x->start_ms != y->start_ms) {
        return x->start_ms < y->start_ms ? -1 : 1;
    }

    return x->index < y->index ? -1 : 1;
}


static int
oscp_overlap_by_time(const void *a, const void *b)
{
    oscp_ms_t  x = *(const oscp_ms_t *) a, y = *(const oscp_ms_t *) b;

    return (x > y) - (x < y);
}


/* Each block meets those before it in order that have not ended by then. */
static size_t
oscp_overlap_count(oscp_overlap_t *o, size_t n)
{
    size_t  i, ended = 0, pairs = 0;

    for (i = 0; i < n; i++) {
        o->ends[i] = o->blocks[i].end_ms;
    }

    qsort(o->ends, n, sizeof(*o->ends), oscp_overlap_by_time);

    for (i = 0; i < n; i++) {
        while (o->ends[ended] <= o->blocks[i].start_ms) {
            ended++;
        }

        pairs += i - ended;
    }

    return pairs;
}


/* 1 when block `a` holds where both are. */
static int
oscp_overlap_holds(const oscp_overlap_heap_t *h, size_t a, size_t b)
{
    const oscp_piece_t  *x = &h->blocks[a], *y = &h->blocks[b];

    if (h->rule == OSCP_OVERLAP_LATER) {
        return x->index > y->index;
    }

    if (x->watts != y->watts) {
        return x->watts < y->watts;
    }

    return x->index < y->index;
}


static void
oscp_overlap_push(oscp_overlap_heap_t *h, size_t block)
{
    size_t  i, parent;

    for (i = h->n++; i > 0; i = parent) {
        parent = (i - 1) / 2;
        if (!oscp_overlap_holds(h, block, h->items[parent])) {
            break;
        }

        h->items[i] = h->items[parent];
    }

    h->items[i] = block;
}


static void
oscp_overlap_pop(oscp_overlap_heap_t *h)
{
    size_t  i, child, last;

    last = h->items[--h->n];

    for (i = 0; (child = 2 * i + 1) < h->n; i = child) {
        if (child + 1 < h->n
            && oscp_overlap_holds(h, h->items[child + 1], h->items[child]))
        {
            child++;
        }

        if (!oscp_overlap_holds(h, h->items[child], last)) {
            break;
        }

        h->items[i] = h->items[child];
    }

    h->items[i] = last;
}


static size_t
oscp_overlap_emit(oscp_piece_t *pieces, size_t n, const oscp_piece_t *block,
    oscp_ms_t from, oscp_ms_t until)
{
    if (n > 0 && pieces[n - 1].index == block->index
        && pieces[n - 1].end_ms == from)
    {
        pieces[n - 1].end_ms = until;
        return n;
    }

    pieces[n] = *block;
    pieces[n].start_ms = from;
    pieces[n].end_ms = until;

    return n + 1;
}


size_t
oscp_overlap_resolve(oscp_overlap_t *o, size_t n, oscp_overlap_rule_t rule,
    size_t *overlaps)
{
    size_t                next, count;
    oscp_ms_t             at, until;
    const oscp_piece_t   *top;
    oscp_overlap_heap_t   heap = { o->blocks, o->heap, 0, rule };

    if (n == 0) {
        return 0;
    }

    qsort(o->blocks, n, sizeof(*o->blocks), oscp_overlap_by_start);
    *overlaps += oscp_overlap_count(o, n);

    next = 0;
    count = 0;
    at = o->blocks[0].start_ms;

    for ( ;; ) {
        while (next < n && o->blocks[next].start_ms <= at) {
            oscp_overlap_push(&heap, next++);
        }

        while (heap.n > 0 && o->blocks[heap.items[0]].end_ms <= at) {
            oscp_overlap_pop(&heap);
        }

        if (heap.n == 0) {
            if (next == n) {
                return count;
            }

            at = o->blocks[next].start_ms;
            continue;
        }

        top = &o->blocks[heap.items[0]];
        until = top->end_ms;
        if (next < n && o->blocks[next].start_ms < until) {
            until = o->blocks[next].start_ms;
        }

        count = oscp_overlap_emit(o->pieces, count, top, at, until);
        at = until;
    }
}
