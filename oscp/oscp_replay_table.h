/*
 * What the replay knows, by name.  Internal to it.
 */

#ifndef OSCP_REPLAY_TABLE_H
#define OSCP_REPLAY_TABLE_H

#include "oscp_replay.h"

struct oscp_replay_s {
    const oscp_alloc_t          *alloc;
    oscp_replay_connection_t   **connections;   /* by name */
    size_t                       nconnections;
    size_t                       size_connections;
    oscp_replay_group_t        **groups;        /* by connection and id */
    size_t                       ngroups;
    size_t                       size_groups;
};

/*
 * The connection or group of that name (at most OSCP_NAME_MAX bytes), made
 * where it is not there yet.  NULL without memory.
 */
oscp_replay_connection_t *oscp_replay_table_connection(oscp_replay_t *r,
    const char *name);
oscp_replay_group_t *oscp_replay_table_group(oscp_replay_t *r,
    oscp_replay_connection_t *c, const char *id);

/* Forgets a group's forecasts. */
void oscp_replay_table_forget(oscp_replay_t *r, oscp_replay_group_t *g);

/* Makes a group what it is when nothing has happened to it yet. */
void oscp_replay_table_begin(oscp_replay_t *r, oscp_replay_group_t *g);

#endif /* OSCP_REPLAY_TABLE_H */
