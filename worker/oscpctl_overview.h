/*
 * The hashes of a connection and its groups, as they stand in Redis.
 */

#ifndef WORKER_OSCPCTL_OVERVIEW_H
#define WORKER_OSCPCTL_OVERVIEW_H

#include "oscpctl.h"

/* HGETALL replies; an empty one where there is no such key. */
struct worker_ctl_overview_group {
    const oscp_group_conf_t  *conf;
    const redisReply         *group;
    const redisReply         *envelope;
    const redisReply         *circuit;
    unsigned                  stale:1;   /* the circuit's valid_until is past */
};

struct worker_ctl_overview {
    const struct worker_ctl_connection  *connection;
    redisReply                          *hashes;
    const redisReply                    *conn;
    struct worker_ctl_overview_group    *groups;   /* as in the configuration */
    size_t                               ngroups;
};

/* Reads them in one transaction.  0, or -1 (told); free it all the same. */
int worker_ctl_overview_read(struct worker_ctl *ctl,
    const struct worker_ctl_connection *connection,
    struct worker_ctl_overview *o);

void worker_ctl_overview_free(struct worker_ctl_overview *o);

/* A group's three hashes as one object. */
cJSON *worker_ctl_overview_json(const struct worker_ctl_overview_group *g);

#endif /* WORKER_OSCPCTL_OVERVIEW_H */
