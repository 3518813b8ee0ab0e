/*
 * What the replay knows, by name.
 */

#include <string.h>

#include "oscp_replay_table.h"


oscp_replay_t *
oscp_replay_create(const oscp_alloc_t *alloc)
{
    oscp_replay_t  *r;

    r = alloc->resize(alloc->ctx, NULL, sizeof(*r));
    if (r == NULL) {
        return NULL;
    }

    memset(r, 0, sizeof(*r));
    r->alloc = alloc;

    return r;
}


void
oscp_replay_table_forget(oscp_replay_t *r, oscp_replay_group_t *g)
{
    int  type;

    for (type = 0; type < OSCP_TYPE_COUNT; type++) {
        oscp_timeline_clear(&g->timelines[type], r->alloc);
    }
}


void
oscp_replay_free(oscp_replay_t *r)
{
    size_t               i;
    const oscp_alloc_t  *alloc;

    if (r == NULL) {
        return;
    }

    alloc = r->alloc;

    for (i = 0; i < r->ngroups; i++) {
        oscp_replay_table_forget(r, r->groups[i]);
        alloc->resize(alloc->ctx, r->groups[i], 0);
    }

    for (i = 0; i < r->nconnections; i++) {
        alloc->resize(alloc->ctx, r->connections[i], 0);
    }

    alloc->resize(alloc->ctx, r->groups, 0);
    alloc->resize(alloc->ctx, r->connections, 0);
    alloc->resize(alloc->ctx, r, 0);
}


/* The place of a connection in the list: where it is, or where it belongs. */
static size_t
oscp_replay_place(const oscp_replay_t *r, const char *name, int *found)
{
    int     order;
    size_t  low = 0, high = r->nconnections, middle;

    *found = 0;

    while (low < high) {
        middle = (low + high) / 2;
        order = strcmp(r->connections[middle]->name, name);
        if (order == 0) {
            *found = 1;
            return middle;
        }

        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }

    return low;
}


static size_t
oscp_replay_place_group(const oscp_replay_t *r, const char *conn,
    const char *group, int *found)
{
    int     order;
    size_t  low = 0, high = r->ngroups, middle;

    *found = 0;

    while (low < high) {
        middle = (low + high) / 2;
        order = strcmp(r->groups[middle]->connection->name, conn);
        if (order == 0) {
            order = strcmp(r->groups[middle]->group, group);
        }

        if (order == 0) {
            *found = 1;
            return middle;
        }

        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }

    return low;
}


/* Makes room for one more pointer.  Returns the list, or NULL. */
static void *
oscp_replay_room(oscp_replay_t *r, void *list, size_t n, size_t *size)
{
    void    *more;
    size_t   want = *size * 2 + 8;

    if (n < *size) {
        return list;
    }

    more = r->alloc->resize(r->alloc->ctx, list, want * sizeof(void *));
    if (more != NULL) {
        *size = want;
    }

    return more;
}


oscp_replay_connection_t *
oscp_replay_table_connection(oscp_replay_t *r, const char *name)
{
    int                         found;
    void                       *list;
    size_t                      i;
    oscp_replay_connection_t   *c;

    i = oscp_replay_place(r, name, &found);
    if (found) {
        return r->connections[i];
    }

    list = oscp_replay_room(r, r->connections, r->nconnections,
                            &r->size_connections);
    if (list == NULL) {
        return NULL;
    }

    r->connections = list;

    c = r->alloc->resize(r->alloc->ctx, NULL, sizeof(*c));
    if (c == NULL) {
        return NULL;
    }

    memset(c, 0, sizeof(*c));
    memcpy(c->name, name, strlen(name));
    c->state = OSCP_STATE_OFFLINE;
    c->since_ms = OSCP_TIME_NONE;

    memmove(&r->connections[i + 1], &r->connections[i],
            (r->nconnections - i) * sizeof(*r->connections));
    r->connections[i] = c;
    r->nconnections++;

    return c;
}


void
oscp_replay_table_begin(oscp_replay_t *r, oscp_replay_group_t *g)
{
    oscp_replay_table_forget(r, g);

    memset(&g->binding, 0, sizeof(g->binding));
    g->binding.id = g->group;
    g->binding.scope = g->scope;
    g->binding.asset = g->asset;
    g->scope[0] = '\0';
    g->circuit[0] = '\0';
    g->asset[0] = '\0';
    g->enabled = 1;
}


oscp_replay_group_t *
oscp_replay_table_group(oscp_replay_t *r, oscp_replay_connection_t *c,
    const char *id)
{
    int                    found, type;
    void                  *list;
    size_t                 i;
    oscp_replay_group_t   *g;

    i = oscp_replay_place_group(r, c->name, id, &found);
    if (found) {
        return r->groups[i];
    }

    list = oscp_replay_room(r, r->groups, r->ngroups, &r->size_groups);
    if (list == NULL) {
        return NULL;
    }

    r->groups = list;

    g = r->alloc->resize(r->alloc->ctx, NULL, sizeof(*g));
    if (g == NULL) {
        return NULL;
    }

    memset(g, 0, sizeof(*g));
    memcpy(g->group, id, strlen(id));
    g->connection = c;
    g->bound = 1;
    g->recorded.at_ms = OSCP_TIME_NONE;
    for (type = 0; type < OSCP_TYPE_COUNT; type++) {
        oscp_timeline_init(&g->timelines[type]);
    }
    oscp_replay_table_begin(r, g);

    memmove(&r->groups[i + 1], &r->groups[i],
            (r->ngroups - i) * sizeof(*r->groups));
    r->groups[i] = g;
    r->ngroups++;

    return g;
}


const oscp_replay_group_t *
oscp_replay_group(const oscp_replay_t *r, const char *conn, const char *group)
{
    int     found;
    size_t  i;

    i = oscp_replay_place_group(r, conn, group, &found);

    return found ? r->groups[i] : NULL;
}


const oscp_replay_group_t *
oscp_replay_scope(const oscp_replay_t *r, const char *scope)
{
    size_t  i;

    for (i = 0; i < r->ngroups; i++) {
        if (r->groups[i]->bound && strcmp(r->groups[i]->scope, scope) == 0) {
            return r->groups[i];
        }
    }

    return NULL;
}


const oscp_replay_group_t *
oscp_replay_each(const oscp_replay_t *r, size_t i)
{
    return i < r->ngroups ? r->groups[i] : NULL;
}
