/*
 * The groups of a connection.
 */

#include <stdlib.h>
#include <string.h>

#include "groups.h"


struct worker_group *
worker_groups_get(const struct worker_groups *g, const char *id)
{
    return worker_table_get(&g->index, id);
}


struct worker_group *
worker_groups_at(const struct worker_groups *g, size_t i)
{
    return i < g->n ? g->list[i] : NULL;
}


/* 1 when both have this very group. */
static int
groups_shared(const struct worker_groups *other, const struct worker_group *one)
{
    return other != NULL
           && worker_groups_get(other, worker_group_id(one)) == one;
}


void
worker_groups_unmake(struct worker_groups *fresh,
    const struct worker_groups *now)
{
    for (size_t i = 0; i < fresh->n; i++) {
        if (!groups_shared(now, fresh->list[i])) {
            worker_group_free(fresh->list[i]);
        }
    }

    worker_table_free(&fresh->index);
    free(fresh->list);
    memset(fresh, 0, sizeof(*fresh));
}


int
worker_groups_make(struct worker_groups *fresh,
    const struct worker_groups *now, struct worker_context *ctx,
    const struct worker_group_link *link, const oscp_connection_conf_t *conf)
{
    struct worker_group      *one;
    const oscp_group_conf_t  *binding;

    memset(fresh, 0, sizeof(*fresh));
    fresh->list = calloc(conf->ngroups + 1, sizeof(*fresh->list));
    if (fresh->list == NULL) {
        return -1;
    }

    for (size_t i = 0; i < conf->ngroups; i++) {
        binding = &conf->groups[i];
        one = now != NULL ? worker_groups_get(now, binding->id) : NULL;
        if (one == NULL) {
            one = worker_group_create(ctx, link, binding);
        }

        if (one == NULL) {
            worker_groups_unmake(fresh, now);
            return -1;
        }

        fresh->list[fresh->n++] = one;
        if (worker_table_put(&fresh->index, binding->id, one) == -1) {
            worker_groups_unmake(fresh, now);
            return -1;
        }
    }

    return 0;
}


/* What goes, goes first: another may have its circuit or scope now. */
void
worker_groups_exchange(struct worker_groups *g, struct worker_groups *fresh,
    const oscp_connection_conf_t *conf)
{
    for (size_t i = 0; i < g->n; i++) {
        if (!groups_shared(fresh, g->list[i])) {
            worker_group_remove(g->list[i]);
            worker_table_remove(&g->index, worker_group_id(g->list[i]));
            worker_group_free(g->list[i]);
        }
    }

    for (size_t i = 0; i < fresh->n; i++) {
        if (groups_shared(g, fresh->list[i])) {
            worker_group_change(fresh->list[i], &conf->groups[i]);
        }
    }

    for (size_t i = 0; i < fresh->n; i++) {
        if (!groups_shared(g, fresh->list[i])) {
            worker_group_begin(fresh->list[i]);
        }
    }

    worker_table_free(&g->index);
    free(g->list);
    *g = *fresh;
}


void
worker_groups_free(struct worker_groups *g)
{
    worker_groups_unmake(g, NULL);
}


void
worker_groups_begin(struct worker_groups *g)
{
    for (size_t i = 0; i < g->n; i++) {
        worker_group_begin(g->list[i]);
    }
}


void
worker_groups_touch(struct worker_groups *g)
{
    for (size_t i = 0; i < g->n; i++) {
        worker_group_touch(g->list[i]);
    }
}


void
worker_groups_schedule(struct worker_groups *g)
{
    for (size_t i = 0; i < g->n; i++) {
        worker_group_schedule(g->list[i]);
    }
}


void
worker_groups_decide(struct worker_groups *g)
{
    for (size_t i = 0; i < g->n; i++) {
        worker_group_decide(g->list[i]);
    }
}


void
worker_groups_clear(struct worker_groups *g)
{
    for (size_t i = 0; i < g->n; i++) {
        worker_group_clear(g->list[i]);
    }
}


void
worker_groups_remove(struct worker_groups *g)
{
    for (size_t i = 0; i < g->n; i++) {
        worker_group_remove(g->list[i]);
    }
}
