/*
 * The groups of a connection, in the order of its configuration.
 */

#ifndef WORKER_GROUPS_H
#define WORKER_GROUPS_H

#include "group.h"
#include "table.h"

/* A connection's; embedded.  Zeroed it has none. */
struct worker_groups {
    struct worker_group **list;
    size_t                n;
    struct worker_table   index;         /* by id */
};

/*
 * Makes `fresh` the groups that `conf` names: those that `now` has (NULL: none)
 * are shared with it for the time being, the rest is made.  Returns 0; or -1
 * without memory, and `fresh` has none.
 */
int worker_groups_make(struct worker_groups *fresh,
    const struct worker_groups *now, struct worker_context *ctx,
    const struct worker_group_link *link, const oscp_connection_conf_t *conf);

/* Undoes worker_groups_make(). */
void worker_groups_unmake(struct worker_groups *fresh,
    const struct worker_groups *now);

/*
 * Lets `fresh` take the place of what `g` has: groups that are gone are removed
 * from Redis, the others change or begin.  `conf` is what `fresh` was made of;
 * the one before it may be freed afterwards.
 */
void worker_groups_exchange(struct worker_groups *g,
    struct worker_groups *fresh, const oscp_connection_conf_t *conf);

/* Frees all of them; Redis keeps what it has. */
void worker_groups_free(struct worker_groups *g);

/* The group of that id, or NULL; number `i` from 0, NULL behind the last. */
struct worker_group *worker_groups_get(const struct worker_groups *g,
    const char *id);
struct worker_group *worker_groups_at(const struct worker_groups *g, size_t i);

/*
 * worker_group_begin(), _touch(), _schedule(), _decide(), _clear(), _remove()
 * for each.
 */
void worker_groups_begin(struct worker_groups *g);
void worker_groups_touch(struct worker_groups *g);
void worker_groups_schedule(struct worker_groups *g);
void worker_groups_decide(struct worker_groups *g);
void worker_groups_clear(struct worker_groups *g);
void worker_groups_remove(struct worker_groups *g);

#endif /* WORKER_GROUPS_H */
