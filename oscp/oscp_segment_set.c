/*
 * The parts of one segmented message, and the whole that they make.
 */

#include <string.h>

#include "oscp_segment_set.h"


void
oscp_segment_set_view(oscp_segment_view_t *v, const oscp_segment_item_t *item)
{
    for ( /* void */ ; item; item = item->next) {
        v->nitems++;
        v->strings += strlen(item->entry) + 1;

        if (v->items[item->index] == NULL) {
            v->items[item->index] = item;
            v->have++;
            v->nblocks += item->nblocks;
        }
    }
}


/* 1 when one names the other, or both name the same third. */
static int
oscp_segment_related(const oscp_segment_item_t *a,
    const oscp_segment_item_t *b)
{
    return strcmp(a->req, b->req) == 0
           || (a->corr[0] && (strcmp(a->corr, b->req) == 0
                              || strcmp(a->corr, b->corr) == 0))
           || (b->corr[0] && strcmp(b->corr, a->req) == 0);
}


int
oscp_segment_set_related(const oscp_segment_set_t *s,
    const oscp_segment_item_t *part)
{
    const oscp_segment_item_t  *item;

    for (item = s->items; item; item = item->next) {
        if (oscp_segment_related(item, part)) {
            return 1;
        }
    }

    return 0;
}


int
oscp_segment_set_holds(const oscp_segment_set_t *s, const char *entry)
{
    const oscp_segment_item_t  *item;

    for (item = s->items; item; item = item->next) {
        if (strcmp(item->entry, entry) == 0) {
            return 1;
        }
    }

    return 0;
}


void
oscp_segment_set_append(oscp_segment_set_t *s, oscp_segment_item_t *items)
{
    oscp_segment_item_t  **link;

    for (link = &s->items; *link; link = &(*link)->next) { /* void */ }

    *link = items;
}


void
oscp_segment_set_received(oscp_segment_set_t *s, oscp_ms_t first_ms,
    oscp_ms_t last_ms)
{
    s->first_ms = first_ms < s->first_ms ? first_ms : s->first_ms;
    s->last_ms = last_ms > s->last_ms ? last_ms : s->last_ms;
}


static char *
oscp_segment_copy(char **room, const char *text)
{
    char    *copy = *room;
    size_t   size = strlen(text) + 1;

    memcpy(copy, text, size);
    *room += size;

    return copy;
}


oscp_segment_item_t *
oscp_segment_set_item(const oscp_alloc_t *alloc,
    const oscp_segment_part_t *part)
{
    char                 *room;
    size_t                size;
    const char           *corr = part->segment.index > 1 ? part->corr : "";
    oscp_segment_item_t  *item;

    size = sizeof(*item) + part->nblocks * sizeof(oscp_block_t)
           + strlen(part->req) + strlen(corr) + strlen(part->entry) + 3;

    item = alloc->resize(alloc->ctx, NULL, size);
    if (item == NULL) {
        return NULL;
    }

    room = (char *) (item + 1);

    item->next = NULL;
    item->index = part->segment.index;
    item->blocks = (void *) room;
    item->nblocks = part->nblocks;
    room += part->nblocks * sizeof(oscp_block_t);
    item->req = oscp_segment_copy(&room, part->req);
    item->corr = oscp_segment_copy(&room, corr);
    item->entry = oscp_segment_copy(&room, part->entry);

    if (part->nblocks) {
        memcpy(item->blocks, part->blocks,
               part->nblocks * sizeof(oscp_block_t));
    }

    return item;
}


/* The id of a set: its first segment's, or what the others wait for. */
static const char *
oscp_segment_name(const oscp_segment_view_t *v)
{
    unsigned  i;

    if (v->items[1]) {
        return v->items[1]->req;
    }

    for (i = 2; v->items[i] == NULL; i++) { /* void */ }

    return v->items[i]->corr;
}


/*
 * A set that has ended, in one allocation: structure, blocks, entries, their
 * text.  `lists` are the lists of items that make it up, in order.
 */
oscp_segment_whole_t *
oscp_segment_set_whole(const oscp_alloc_t *alloc, const oscp_segment_set_t *s,
    const oscp_segment_view_t *v, const oscp_segment_item_t *const *lists,
    size_t nlists)
{
    char                       *room;
    size_t                      i, nblocks;
    oscp_segment_whole_t       *w;
    const oscp_segment_item_t  *item;

    nblocks = v->have == s->count ? v->nblocks : 0;

    w = alloc->resize(alloc->ctx, NULL,
                      sizeof(*w) + nblocks * sizeof(oscp_block_t)
                      + v->nitems * sizeof(char *) + v->strings);
    if (w == NULL) {
        return NULL;
    }

    memset(w, 0, sizeof(*w));
    w->blocks = (void *) (w + 1);
    w->entries = (void *) (w->blocks + nblocks);
    room = (char *) (w->entries + v->nitems);

    strncpy(w->req, oscp_segment_name(v), OSCP_ID_MAX);
    memcpy(w->group_id, s->group_id, sizeof(w->group_id));
    w->type = s->type;
    w->received_ms = s->last_ms;
    w->have = v->have;
    w->count = s->count;

    for (i = 1; nblocks && i <= s->count; i++) {
        item = v->items[i];
        memcpy(w->blocks + w->nblocks, item->blocks,
               item->nblocks * sizeof(oscp_block_t));
        w->nblocks += item->nblocks;
    }

    for (i = 0; i < nlists; i++) {
        for (item = lists[i]; item; item = item->next) {
            w->entries[w->nentries++] = oscp_segment_copy(&room, item->entry);
        }
    }

    return w;
}
