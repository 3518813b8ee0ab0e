/*
 * What Redis says of one group at this moment, read in one transaction, and of
 * whoever works for it.
 */

#ifndef WORKER_OSCPCTL_LIVE_H
#define WORKER_OSCPCTL_LIVE_H

#include <cjson/cJSON.h>

#include "forecast.h"
#include "oscp_decision.h"
#include "oscp_lifecycle.h"
#include "oscpctl.h"

/* Who holds a shard. */
struct worker_ctl_lease {
    char       owner[128];               /* "": nobody */
    long long  token;
    int64_t    left_ms;
    long long  backlog;                  /* entries in its `in` stream */
    long long  schema;                   /* of its state; oscp_version.h */
};

struct worker_ctl_live {
    struct worker_context      context;      /* only prefix and shard */
    struct worker_ctl_place    place;
    redisReply                *hashes;
    const redisReply          *conn;         /* HGETALL each; may be empty */
    const redisReply          *group;
    const redisReply          *envelope;
    const redisReply          *circuit;
    const redisReply          *applied;      /* configurations in effect */
    redisReply               **timelines;    /* by type */
    redisReply               **adjustments;
    oscp_lifecycle_t           lc;
    unsigned                   has_state:1;  /* `lc` was stored */
    struct worker_forecasts    forecasts;
    struct worker_ctl_lease    lease;
};

/*
 * Reads it.  Returns 0, or -1 (told); free it all the same.
 */
int worker_ctl_live_read(struct worker_ctl *ctl,
    const struct worker_ctl_place *place, struct worker_ctl_live *live);

void worker_ctl_live_free(struct worker_ctl_live *live);

/* What a decision depends on; points into `live` and the catalog. */
void worker_ctl_live_situation(const struct worker_ctl_live *live,
    oscp_situation_t *s);

/*
 * 1 when the configuration that nginx has published for the connection is the
 * one in effect, else 0.
 */
int worker_ctl_live_applied(const struct worker_ctl_live *live);

/* A number in a hash; -1 when there is none.  All of ours are >= 0. */
double worker_ctl_live_number(const redisReply *hash, const char *field);

/* Reads the lease of a shard, and its backlog.  0, or -1 (told). */
int worker_ctl_live_lease(struct worker_ctl *ctl, unsigned shard,
    struct worker_ctl_lease *lease);

/* An object; without an owner when there is none. */
cJSON *worker_ctl_live_lease_json(unsigned shard,
    const struct worker_ctl_lease *lease);

#endif /* WORKER_OSCPCTL_LIVE_H */
