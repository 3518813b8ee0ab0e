/*
 * Entries that are set aside.
 */

#include <stdlib.h>
#include <string.h>

#include "aside.h"


void
worker_aside_init(struct worker_aside *a)
{
    memset(a, 0, sizeof(*a));
    TAILQ_INIT(&a->items);
}


void
worker_aside_free(struct worker_aside *a)
{
    struct worker_aside_item  *item;

    while ((item = TAILQ_FIRST(&a->items)) != NULL) {
        worker_aside_take(a, item);
        worker_entry_free(&item->entry);
        free(item);
    }
}


struct worker_aside_item *
worker_aside_put(struct worker_aside *a, enum worker_stream stream,
    struct worker_entry *e)
{
    struct worker_aside_item  *item;

    if (a->size >= WORKER_ASIDE_SIZE) {
        return NULL;
    }

    item = calloc(1, sizeof(*item));
    if (item == NULL) {
        return NULL;
    }

    item->stream = stream;
    item->entry = *e;
    item->size = sizeof(*item) + e->memory_size;
    e->memory = NULL;

    TAILQ_INSERT_TAIL(&a->items, item, next);
    a->size += item->size;
    a->n++;

    return item;
}


int
worker_aside_ahead(const struct worker_aside *a, enum worker_stream stream,
    const struct worker_entry *e)
{
    int                              letter = stream == WORKER_STREAM_OUT;
    const struct worker_aside_item  *item;

    TAILQ_FOREACH(item, &a->items, next) {
        if ((item->stream == WORKER_STREAM_OUT) == letter
            && strcmp(item->entry.conn, e->conn) == 0
            && (letter || *item->entry.group == '\0'
                || strcmp(item->entry.group, e->group) == 0))
        {
            return 1;
        }
    }

    return 0;
}


void
worker_aside_take(struct worker_aside *a, struct worker_aside_item *item)
{
    TAILQ_REMOVE(&a->items, item, next);
    a->size -= item->size;
    a->n--;
}
