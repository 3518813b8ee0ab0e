/*
 * The connections of a shard.
 */

#ifndef WORKER_ROSTER_H
#define WORKER_ROSTER_H

#include "connection.h"
#include "table.h"

/* A zeroed structure has none. */
struct worker_roster {
    struct worker_connection **list;
    size_t                     n;
    size_t                     size;
    struct worker_table        index;
};

/* Frees all of them. */
void worker_roster_free(struct worker_roster *r);

/* The connection of that name, or NULL. */
struct worker_connection *worker_roster_get(const struct worker_roster *r,
    const char *name);

/* Adds one, which the roster then owns.  Returns 0, or -1 without memory. */
int worker_roster_add(struct worker_roster *r, struct worker_connection *conn);

/* Takes one out and frees it. */
void worker_roster_remove(struct worker_roster *r,
    struct worker_connection *conn);

#endif /* WORKER_ROSTER_H */
