/*
 * The assembly of segmented messages.
 *
 * A part may show that two sets are one: then they are joined.
 */

#include <string.h>

#include "oscp_read.h"
#include "oscp_segment_set.h"

#define INDEX_HEADER  "X-Segment-Index"
#define COUNT_HEADER  "X-Segment-Count"
#define CORR_HEADER   "X-Correlation-ID"


struct oscp_segments_s {
    oscp_alloc_t          alloc;
    oscp_segment_set_t   *sets;
    size_t                nsets;
    size_t                nblocks;         /* of all sets */
    size_t                nitems;          /* the same */
};

/* The part on its way into the collection. */
typedef struct {
    const oscp_segment_part_t  *part;
    oscp_segment_item_t        *item;
    oscp_segment_set_t         *found[OSCP_SEGMENT_PARTS_MAX];
    size_t                      nfound;
    oscp_segment_view_t         view;      /* of found sets and the part */
} oscp_segment_entry_t;


oscp_segments_t *
oscp_segments_create(const oscp_alloc_t *alloc)
{
    oscp_segments_t  *set;

    set = alloc->resize(alloc->ctx, NULL, sizeof(*set));
    if (set) {
        set->alloc = *alloc;
        set->sets = NULL;
        set->nsets = 0;
        set->nblocks = 0;
        set->nitems = 0;
    }

    return set;
}


static void
oscp_segments_release(oscp_segments_t *set, void *memory)
{
    if (memory) {
        set->alloc.resize(set->alloc.ctx, memory, 0);
    }
}


static void
oscp_segments_drop(oscp_segments_t *set, oscp_segment_set_t *s)
{
    oscp_segment_set_t   **link;
    oscp_segment_item_t   *item;

    for (link = &set->sets; *link; link = &(*link)->next) {
        if (*link == s) {
            *link = s->next;
            set->nsets--;
            break;
        }
    }

    while ((item = s->items) != NULL) {
        s->items = item->next;
        set->nblocks -= item->nblocks;
        set->nitems--;
        oscp_segments_release(set, item);
    }

    oscp_segments_release(set, s);
}


void
oscp_segments_free(oscp_segments_t *set)
{
    oscp_alloc_t  alloc;

    if (set == NULL) {
        return;
    }

    while (set->sets) {
        oscp_segments_drop(set, set->sets);
    }

    alloc = set->alloc;
    alloc.resize(alloc.ctx, set, 0);
}


static oscp_err_t
oscp_segments_check(const oscp_segment_part_t *part, oscp_error_t *err)
{
    const oscp_segment_t  *s = &part->segment;

    if (s->count < 1 || s->count > OSCP_SEGMENT_COUNT_MAX || s->index < 1
        || s->index > s->count)
    {
        return oscp_error_set(err, OSCP_ERR_SEMANTIC, INDEX_HEADER,
                              "must be from 1 to " COUNT_HEADER);
    }

    if (s->index > 1 && part->corr[0] == '\0') {
        return oscp_error_set(err, OSCP_ERR_SEMANTIC, CORR_HEADER,
                              "must name the first or the previous segment");
    }

    if (part->nblocks > OSCP_READ_BLOCKS_MAX) {
        return oscp_error_set(err, OSCP_ERR_LIMIT, "$.forecasted_blocks",
                              "must be at most %d", OSCP_READ_BLOCKS_MAX);
    }

    return OSCP_OK;
}


/*
 * The sets that the part belongs to.  1 when one of them holds it already,
 * which is how a part looks that is read again.
 */
static int
oscp_segments_find(const oscp_segments_t *set, oscp_segment_entry_t *e)
{
    oscp_segment_set_t  *s;

    for (s = set->sets; s; s = s->next) {
        if (!oscp_segment_set_related(s, e->item)) {
            continue;
        }

        if (oscp_segment_set_holds(s, e->part->entry)) {
            return 1;
        }

        /* more than there may be parts: the view will tell */
        if (e->nfound < OSCP_SEGMENT_PARTS_MAX) {
            e->found[e->nfound++] = s;
        }

        oscp_segment_set_view(&e->view, s->items);
    }

    oscp_segment_set_view(&e->view, e->item);

    return 0;
}


static oscp_err_t
oscp_segments_fits(const oscp_segments_t *set, const oscp_segment_entry_t *e,
    oscp_error_t *err)
{
    size_t                      i;
    const oscp_segment_set_t   *s;
    const oscp_segment_part_t  *part = e->part;

    for (i = 0; i < e->nfound; i++) {
        s = e->found[i];

        if (s->count != part->segment.count) {
            return oscp_error_set(err, OSCP_ERR_SEMANTIC, COUNT_HEADER,
                                  "must be that of the other segments, %u",
                                  s->count);
        }

        if (s->type != part->type) {
            return oscp_error_set(err, OSCP_ERR_SEMANTIC, "$.type",
                                  "must be that of the other segments, %s",
                                  oscp_type_name(s->type));
        }

        if (strcmp(s->group_id, part->group_id) != 0) {
            return oscp_error_set(err, OSCP_ERR_SEMANTIC, "$.group_id",
                                  "must be that of the other segments, %s",
                                  s->group_id);
        }
    }

    if (e->nfound == 0 && set->nsets >= OSCP_SEGMENT_SETS_MAX
        && e->view.have < part->segment.count)
    {
        return oscp_error_set(err, OSCP_ERR_LIMIT, INDEX_HEADER,
                              "too many segmented messages are incomplete");
    }

    if (e->view.nitems > OSCP_SEGMENT_PARTS_MAX) {
        return oscp_error_set(err, OSCP_ERR_LIMIT, INDEX_HEADER,
                              "too many segments of one message");
    }

    if (e->view.nblocks > OSCP_READ_BLOCKS_MAX) {
        return oscp_error_set(err, OSCP_ERR_LIMIT, "$.forecasted_blocks",
                              "must be at most %d over all segments",
                              OSCP_READ_BLOCKS_MAX);
    }

    if (set->nblocks + part->nblocks > OSCP_SEGMENT_BLOCKS_MAX
        && e->view.have < part->segment.count)
    {
        return oscp_error_set(err, OSCP_ERR_LIMIT, "$.forecasted_blocks",
                              "too many wait for other segments");
    }

    if (set->nitems >= OSCP_SEGMENT_ITEMS_MAX
        && e->view.have < part->segment.count)
    {
        return oscp_error_set(err, OSCP_ERR_LIMIT, INDEX_HEADER,
                              "too many segments wait for others");
    }

    return OSCP_OK;
}


/* All that was found becomes the first of them, and takes the part in. */
static void
oscp_segments_join(oscp_segments_t *set, oscp_segment_entry_t *e)
{
    size_t               i;
    oscp_segment_set_t  *s = e->found[0], *other;

    for (i = 1; i < e->nfound; i++) {
        other = e->found[i];
        oscp_segment_set_append(s, other->items);
        other->items = NULL;

        oscp_segment_set_received(s, other->first_ms, other->last_ms);
        oscp_segments_drop(set, other);
    }

    set->nblocks += e->item->nblocks;
    set->nitems++;
    oscp_segment_set_append(s, e->item);
    e->item = NULL;

    oscp_segment_set_received(s, e->part->received_ms, e->part->received_ms);
}


/* A set for the part alone, empty yet. */
static oscp_segment_set_t *
oscp_segments_open(oscp_segments_t *set, const oscp_segment_part_t *part)
{
    oscp_segment_set_t  *s;

    s = set->alloc.resize(set->alloc.ctx, NULL, sizeof(*s));
    if (s == NULL) {
        return NULL;
    }

    memset(s, 0, sizeof(*s));
    strncpy(s->group_id, part->group_id, OSCP_NAME_MAX);
    s->type = part->type;
    s->count = part->segment.count;
    s->first_ms = part->received_ms;
    s->last_ms = part->received_ms;

    s->next = set->sets;
    set->sets = s;
    set->nsets++;

    return s;
}


/* Makes the whole before anything changes: it is the last that may fail. */
static oscp_err_t
oscp_segments_complete(const oscp_segments_t *set,
    const oscp_segment_entry_t *e, oscp_segment_whole_t **whole,
    oscp_error_t *err)
{
    size_t                      i;
    const oscp_segment_item_t  *lists[OSCP_SEGMENT_PARTS_MAX + 1];

    if (e->view.have < e->part->segment.count) {
        return OSCP_OK;
    }

    for (i = 0; i < e->nfound; i++) {
        lists[i] = e->found[i]->items;
    }

    lists[i] = e->item;

    *whole = oscp_segment_set_whole(&set->alloc, e->found[0], &e->view,
                                    lists, i + 1);

    return *whole ? OSCP_OK
                  : oscp_error_set(err, OSCP_ERR_NOMEM, "", "no memory");
}


static oscp_err_t
oscp_segments_place(oscp_segments_t *set, oscp_segment_entry_t *e,
    oscp_segment_whole_t **whole, oscp_error_t *err)
{
    int         fresh = e->nfound == 0;
    oscp_err_t  rc;

    if (fresh) {
        e->found[0] = oscp_segments_open(set, e->part);
        if (e->found[0] == NULL) {
            return oscp_error_set(err, OSCP_ERR_NOMEM, "", "no memory");
        }

        e->nfound = 1;
    }

    rc = oscp_segments_complete(set, e, whole, err);

    if (rc == OSCP_OK) {
        oscp_segments_join(set, e);
    }

    if (*whole) {
        (*whole)->received_ms = e->found[0]->last_ms;
    }

    if (*whole || (fresh && rc != OSCP_OK)) {
        oscp_segments_drop(set, e->found[0]);
    }

    return rc;
}


oscp_err_t
oscp_segments_add(oscp_segments_t *set, const oscp_segment_part_t *part,
    oscp_segment_whole_t **whole, oscp_error_t *err)
{
    oscp_err_t            rc;
    oscp_segment_entry_t  e;

    *whole = NULL;

    rc = oscp_segments_check(part, err);
    if (rc != OSCP_OK) {
        return rc;
    }

    memset(&e, 0, sizeof(e));
    e.part = part;
    e.item = oscp_segment_set_item(&set->alloc, part);
    if (e.item == NULL) {
        return oscp_error_set(err, OSCP_ERR_NOMEM, "", "no memory");
    }

    if (!oscp_segments_find(set, &e)) {
        rc = oscp_segments_fits(set, &e, err);
        if (rc == OSCP_OK) {
            rc = oscp_segments_place(set, &e, whole, err);
        }
    }

    oscp_segments_release(set, e.item);

    return rc;
}


oscp_segment_whole_t *
oscp_segments_expire(oscp_segments_t *set, oscp_ms_t now_ms)
{
    oscp_segment_set_t         *s;
    oscp_segment_view_t         view;
    oscp_segment_whole_t       *whole;
    const oscp_segment_item_t  *items;

    for (s = set->sets; s; s = s->next) {
        if (now_ms - s->first_ms < OSCP_SEGMENT_TIMEOUT_MS) {
            continue;
        }

        memset(&view, 0, sizeof(view));
        oscp_segment_set_view(&view, s->items);
        items = s->items;

        whole = oscp_segment_set_whole(&set->alloc, s, &view, &items, 1);
        if (whole) {
            oscp_segments_drop(set, s);
        }

        return whole;
    }

    return NULL;
}


oscp_ms_t
oscp_segments_next(const oscp_segments_t *set)
{
    oscp_ms_t                  next = OSCP_TIME_NONE;
    const oscp_segment_set_t  *s;

    for (s = set->sets; s; s = s->next) {
        if (s->first_ms + OSCP_SEGMENT_TIMEOUT_MS < next) {
            next = s->first_ms + OSCP_SEGMENT_TIMEOUT_MS;
        }
    }

    return next;
}
