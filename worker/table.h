/*
 * Names to things: a hash table over names that its user owns.
 */

#ifndef WORKER_TABLE_H
#define WORKER_TABLE_H

#include <stddef.h>

struct worker_table_slot {
    const char  *name;                  /* NULL: never used */
    void        *thing;                 /* NULL: removed */
};

/* A zeroed structure is an empty table. */
struct worker_table {
    struct worker_table_slot  *slots;
    size_t                     size;    /* a power of two */
    size_t                     used;    /* slots with a name, removed or not */
    size_t                     n;       /* things */
};

/* Frees the table, not the things. */
void worker_table_free(struct worker_table *t);

/* The thing of that name, or NULL. */
void *worker_table_get(const struct worker_table *t, const char *name);

/*
 * Puts `thing` under `name`, which is not in the table yet and must live as
 * long as it is.  Returns 0, or -1 without memory.
 */
int worker_table_put(struct worker_table *t, const char *name, void *thing);

/* Removes it; harmless when it is not there. */
void worker_table_remove(struct worker_table *t, const char *name);

#endif /* WORKER_TABLE_H */
