/*
 * Names to things: open addressing, rebuilt when half full.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"


#define WORKER_TABLE_MIN  16


/* What a removed slot is called: no name of ours is empty. */
static const char  table_removed[] = "";


static uint32_t
table_hash(const char *name)
{
    uint32_t  hash = 2166136261u;

    for ( /* void */ ; *name != '\0'; name++) {
        hash = (hash ^ (unsigned char) *name) * 16777619u;
    }

    return hash;
}


static struct worker_table_slot *
table_find(const struct worker_table *t, const char *name)
{
    size_t  i;

    for (i = table_hash(name) & (t->size - 1); t->slots[i].name != NULL;
         i = (i + 1) & (t->size - 1))
    {
        if (strcmp(t->slots[i].name, name) == 0) {
            break;
        }
    }

    return &t->slots[i];
}


static int
table_rebuild(struct worker_table *t)
{
    struct worker_table        fresh = { .n = t->n };
    struct worker_table_slot  *slot;

    fresh.size = WORKER_TABLE_MIN;
    while (fresh.size < (t->n + 1) * 4) {
        fresh.size *= 2;
    }

    fresh.slots = calloc(fresh.size, sizeof(*fresh.slots));
    if (fresh.slots == NULL) {
        return -1;
    }

    for (size_t i = 0; i < t->size; i++) {
        slot = &t->slots[i];
        if (slot->thing != NULL) {
            *table_find(&fresh, slot->name) = *slot;
            fresh.used++;
        }
    }

    free(t->slots);
    *t = fresh;

    return 0;
}


void
worker_table_free(struct worker_table *t)
{
    free(t->slots);
    memset(t, 0, sizeof(*t));
}


void *
worker_table_get(const struct worker_table *t, const char *name)
{
    return t->size == 0 || *name == '\0' ? NULL : table_find(t, name)->thing;
}


int
worker_table_put(struct worker_table *t, const char *name, void *thing)
{
    struct worker_table_slot  *slot;

    if ((t->used + 1) * 2 > t->size && table_rebuild(t) == -1) {
        return -1;
    }

    slot = table_find(t, name);
    slot->name = name;
    slot->thing = thing;
    t->used++;
    t->n++;

    return 0;
}


void
worker_table_remove(struct worker_table *t, const char *name)
{
    struct worker_table_slot  *slot;

    slot = t->size == 0 ? NULL : table_find(t, name);

    if (slot != NULL && slot->thing != NULL) {
        slot->name = table_removed;
        slot->thing = NULL;
        t->n--;
    }
}
