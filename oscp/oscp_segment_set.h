/*
 * The parts of a segmented message that have come so far.  Internal to
 * oscp_segments.c.
 *
 * Which parts belong together follows from the ids alone: two do when one names
 * the other, or both name the same third.
 */

#ifndef OSCP_SEGMENT_SET_H
#define OSCP_SEGMENT_SET_H

#include "oscp_segment.h"

typedef struct oscp_segment_item_s  oscp_segment_item_t;

/* A part that is held, blocks and strings behind it in one allocation. */
struct oscp_segment_item_s {
    oscp_segment_item_t  *next;            /* in order of arrival */
    unsigned              index;
    const char           *req;
    const char           *corr;            /* "" for the first of a set: what
                                              it answers is not a segment */
    const char           *entry;
    oscp_block_t         *blocks;
    size_t                nblocks;
};

typedef struct oscp_segment_set_s  oscp_segment_set_t;

struct oscp_segment_set_s {
    oscp_segment_set_t   *next;
    oscp_segment_item_t  *items;
    oscp_type_t           type;
    unsigned              count;
    oscp_ms_t             first_ms;        /* receipt of the first, the last */
    oscp_ms_t             last_ms;
    char                  group_id[OSCP_NAME_SIZE];
};

/* Some items seen as one set: of two with one index the first one counts. */
typedef struct {
    const oscp_segment_item_t  *items[OSCP_SEGMENT_COUNT_MAX + 1];
    unsigned                    have;      /* different indexes */
    size_t                      nblocks;   /* of those */
    size_t                      nitems;    /* all */
    size_t                      strings;   /* bytes of all entries */
} oscp_segment_view_t;

/* A part with everything copied, or NULL without memory. */
oscp_segment_item_t *oscp_segment_set_item(const oscp_alloc_t *alloc,
    const oscp_segment_part_t *part);

/* Adds a list of items to the view. */
void oscp_segment_set_view(oscp_segment_view_t *v,
    const oscp_segment_item_t *items);

/* 1 when the part belongs to the set. */
int oscp_segment_set_related(const oscp_segment_set_t *s,
    const oscp_segment_item_t *part);

/* 1 when that very entry is in the set. */
int oscp_segment_set_holds(const oscp_segment_set_t *s, const char *entry);

/* Adds a list of items at the end. */
void oscp_segment_set_append(oscp_segment_set_t *s,
    oscp_segment_item_t *items);

/* The set takes over the receipt of what joins it. */
void oscp_segment_set_received(oscp_segment_set_t *s, oscp_ms_t first_ms,
    oscp_ms_t last_ms);

/*
 * The set as it is given back: with blocks when all parts of `v` are there.
 * `lists` are the items, in order.  NULL without memory.
 */
oscp_segment_whole_t *oscp_segment_set_whole(const oscp_alloc_t *alloc,
    const oscp_segment_set_t *s, const oscp_segment_view_t *v,
    const oscp_segment_item_t *const *lists, size_t nlists);

#endif /* OSCP_SEGMENT_SET_H */
