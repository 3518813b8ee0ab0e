/*
 * The connections of a shard.
 */

#include <stdlib.h>
#include <string.h>

#include "roster.h"


void
worker_roster_free(struct worker_roster *r)
{
    for (size_t i = 0; i < r->n; i++) {
        worker_connection_free(r->list[i]);
    }

    worker_table_free(&r->index);
    free(r->list);
    memset(r, 0, sizeof(*r));
}


struct worker_connection *
worker_roster_get(const struct worker_roster *r, const char *name)
{
    return worker_table_get(&r->index, name);
}


int
worker_roster_add(struct worker_roster *r, struct worker_connection *conn)
{
    size_t                      size;
    struct worker_connection  **list;

    if (r->n == r->size) {
        size = r->size == 0 ? 16 : r->size * 2;
        list = realloc(r->list, size * sizeof(*list));
        if (list == NULL) {
            return -1;
        }

        r->list = list;
        r->size = size;
    }

    if (worker_table_put(&r->index, worker_connection_name(conn), conn) == -1) {
        return -1;
    }

    r->list[r->n++] = conn;

    return 0;
}


void
worker_roster_remove(struct worker_roster *r, struct worker_connection *conn)
{
    for (size_t i = 0; i < r->n; i++) {
        if (r->list[i] == conn) {
            r->list[i] = r->list[--r->n];
            worker_table_remove(&r->index, worker_connection_name(conn));
            worker_connection_free(conn);
            return;
        }
    }
}
