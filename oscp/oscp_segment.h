/*
 * Segmented messages become whole (design, sections 3 and 10; protocol,
 * section 1.3 and H11).  Each segment is a complete message with a part of the
 * list; a set is named by its first segment's request id; a later segment's
 * correlation id names the first or the previous one.
 */

#ifndef OSCP_SEGMENT_H
#define OSCP_SEGMENT_H

#include "oscp_alloc.h"
#include "oscp_error.h"
#include "oscp_message.h"

#define OSCP_SEGMENT_COUNT_MAX     100
#define OSCP_SEGMENT_TIMEOUT_MS    60000    /* from the first one received */
#define OSCP_SEGMENT_SETS_MAX      5000     /* sets in assembly at once: each
                                               type of 1,000 groups */
#define OSCP_SEGMENT_BLOCKS_MAX    524288   /* in all of them together, */
#define OSCP_SEGMENT_ITEMS_MAX     10000    /* and parts: each that comes is
                                               compared with all of them */
#define OSCP_SEGMENT_PARTS_MAX     200      /* parts received of one set, those
                                               that came twice included */

/* "3/7" as it stands in the stream and as nginx writes it. */
typedef struct {
    unsigned  index;                        /* from 1 */
    unsigned  count;
} oscp_segment_t;

/*
 * Reads the two header values.  Both empty (len 0): index and count 0, "not
 * segmented".  Returns OSCP_OK, or OSCP_ERR_SEMANTIC with the header's name in
 * `err->path`: one alone, not a whole number, 0, index above count, count above
 * OSCP_SEGMENT_COUNT_MAX.
 */
oscp_err_t oscp_segment_headers(oscp_str_t index, oscp_str_t count,
    oscp_segment_t *s, oscp_error_t *err);

/* Reads "3/7" or "" (not segmented).  Returns 0, or -1. */
int oscp_segment_parse(const char *text, size_t len, oscp_segment_t *s);

typedef struct oscp_segments_s  oscp_segments_t;   /* the sets of one group
                                                      of messages: one
                                                      connection's */

/* An empty collection, or NULL without memory.  `alloc` must outlive it. */
oscp_segments_t *oscp_segments_create(const oscp_alloc_t *alloc);
void oscp_segments_free(oscp_segments_t *set);     /* NULL is harmless */

/* A segment as received; strings NUL-terminated, copied. */
typedef struct {
    oscp_segment_t       segment;
    const char          *req;
    const char          *corr;             /* "" when absent */
    const char          *entry;            /* where it is stored: given back
                                              when the set ends */
    const char          *group_id;
    oscp_type_t          type;
    const oscp_block_t  *blocks;
    size_t               nblocks;
    oscp_ms_t            received_ms;
} oscp_segment_part_t;

/* A set that has ended: complete, or given up. */
typedef struct {
    char                 req[OSCP_ID_SIZE];       /* the first one's */
    char                 group_id[OSCP_NAME_SIZE];
    oscp_type_t          type;
    oscp_block_t        *blocks;                  /* in the order of the
                                                     indexes; owned by the
                                                     whole */
    size_t               nblocks;
    oscp_ms_t            received_ms;             /* of the last one */
    char               **entries;                 /* of all parts received */
    size_t               nentries;
    unsigned             have;                    /* parts received */
    unsigned             count;
} oscp_segment_whole_t;

/*
 * Takes a segment in.  Matching: index 1 opens a set under its own request id;
 * a later one joins the set whose first or any later request id is its
 * correlation id; segments may arrive in any order, and one that comes before
 * its first waits under the id it names.  A part that is there already (same
 * index) is ignored: `*whole` NULL; its entry is given back with the others.
 * The same entry twice is one.  A part whose group, type or count differs from
 * its set's, or a later one without a correlation id: OSCP_ERR_SEMANTIC.
 *
 * Returns OSCP_OK with `*whole` NULL (incomplete) or the completed message, to
 * be freed with oscp_segment_whole_free(); OSCP_ERR_LIMIT when
 * OSCP_SEGMENT_SETS_MAX are open, OSCP_SEGMENT_PARTS_MAX have come, the blocks
 * of a set exceed OSCP_READ_BLOCKS_MAX or those of all OSCP_SEGMENT_BLOCKS_MAX,
 * or OSCP_SEGMENT_ITEMS_MAX parts wait in all; OSCP_ERR_NOMEM.  After an error
 * the collection is as it was and does not hold the part.
 *
 * Time is not judged here: call oscp_segments_expire() with `received_ms`
 * first, so that a part joins only what was not over when it came.
 */
oscp_err_t oscp_segments_add(oscp_segments_t *set,
    const oscp_segment_part_t *part, oscp_segment_whole_t **whole,
    oscp_error_t *err);

/*
 * Gives back one set whose time (first received + OSCP_SEGMENT_TIMEOUT_MS) is
 * over at `now_ms`, without blocks, or NULL: none, or no memory.  Call until
 * NULL.  Where the first segment never came, `req` is the id that the others
 * name.
 */
oscp_segment_whole_t *oscp_segments_expire(oscp_segments_t *set,
    oscp_ms_t now_ms);

/* When the next set's time is over; NONE when none is open. */
oscp_ms_t oscp_segments_next(const oscp_segments_t *set);

void oscp_segment_whole_free(oscp_segment_whole_t *whole,
    const oscp_alloc_t *alloc);

#endif /* OSCP_SEGMENT_H */
