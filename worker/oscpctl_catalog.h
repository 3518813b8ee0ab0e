/*
 * What nginx has published: which connections, groups, scopes and circuits
 * there are, and in which shard their keys lie.
 */

#ifndef WORKER_OSCPCTL_CATALOG_H
#define WORKER_OSCPCTL_CATALOG_H

#include "oscp_config.h"
#include "oscpctl_store.h"

/* One connection. */
struct worker_ctl_connection {
    char                    *name;       /* of its field */
    char                    *doc;        /* and what stands in it */
    oscp_connection_conf_t  *conf;
    unsigned                 shard;
};

struct worker_ctl_catalog {
    char                           version[65];
    unsigned                       shards;
    struct worker_ctl_connection  *connections;   /* by name */
    size_t                         n;
    char                         (*unreadable)[OSCP_NAME_SIZE];
    size_t                         nunreadable;   /* told when read */
};

/* What a name can be the name of. */
enum worker_ctl_kind {
    WORKER_CTL_CONNECTION = 0,
    WORKER_CTL_GROUP,
    WORKER_CTL_SCOPE,
    WORKER_CTL_CIRCUIT,
    WORKER_CTL_KINDS
};

/* A binding, or (group NULL) a whole connection. */
struct worker_ctl_place {
    const struct worker_ctl_connection  *connection;
    const oscp_group_conf_t             *group;
};

/*
 * Reads it.  NULL on failure, also when nothing has been published (told).
 */
struct worker_ctl_catalog *worker_ctl_catalog_read(
    struct worker_ctl_store *store, const char *prefix);

/* NULL is harmless. */
void worker_ctl_catalog_free(struct worker_ctl_catalog *catalog);

/* The connection of that name, or NULL. */
const struct worker_ctl_connection *worker_ctl_catalog_connection(
    const struct worker_ctl_catalog *catalog, const char *name);

/*
 * The `nth` thing, from 0, of a kind and a name: a group id may occur in
 * several connections.  Returns 0, or -1 when there are not so many.
 */
int worker_ctl_catalog_find(const struct worker_ctl_catalog *catalog,
    enum worker_ctl_kind kind, const char *name, size_t nth,
    struct worker_ctl_place *place);

#endif /* WORKER_OSCPCTL_CATALOG_H */
