/*
 * Blocks of one message that overlap on one lane become pieces that do not
 * (design, section 6: the lower capacity holds; OPTIMUM: the later block).
 * Internal to oscp_timeline.c.
 */

#ifndef OSCP_OVERLAP_H
#define OSCP_OVERLAP_H

#include "oscp_message.h"

/* A block in watts, or a part of one. */
typedef struct {
    oscp_ms_t     start_ms;
    oscp_ms_t     end_ms;                 /* after start_ms */
    double        watts;
    oscp_phase_t  phase;
    size_t        index;                  /* of the block in its message */
} oscp_piece_t;

typedef enum {
    OSCP_OVERLAP_LOWER = 0,               /* of equals the first */
    OSCP_OVERLAP_LATER
} oscp_overlap_rule_t;

/* What a resolution works in, for n blocks. */
typedef struct {
    oscp_piece_t  *blocks;                /* n: in, in any order; sorted */
    oscp_ms_t     *ends;                  /* room for n */
    size_t        *heap;                  /* room for n */
    oscp_piece_t  *pieces;                /* room for 2 n: out */
} oscp_overlap_t;

/*
 * Fills o->pieces, sorted, neighbours of one block joined.  Returns how many;
 * `*overlaps` grows by the number of pairs of blocks that overlap.
 */
size_t oscp_overlap_resolve(oscp_overlap_t *o, size_t n,
    oscp_overlap_rule_t rule, size_t *overlaps);

#endif /* OSCP_OVERLAP_H */
