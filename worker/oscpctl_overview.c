/*
 * The hashes of a connection and its groups.
 */

#include <stdlib.h>
#include <string.h>

#include "oscpctl_json.h"
#include "oscpctl_out.h"
#include "oscpctl_overview.h"
#include "oscpctl_text.h"


#define OVERVIEW_HASHES   3      /* of each group */


static void
overview_keys(const struct worker_ctl *ctl,
    const struct worker_ctl_connection *c, char (*keys)[OSCP_KEY_SIZE])
{
    const char               *prefix = ctl->prefix;
    const oscp_group_conf_t  *g;

    oscp_key(keys[0], OSCP_KEY_SIZE, prefix, c->shard, "conn", c->name, NULL);

    for (size_t i = 0; i < c->conf->ngroups; i++) {
        g = &c->conf->groups[i];
        keys += OVERVIEW_HASHES;

        oscp_key(keys[-2], OSCP_KEY_SIZE, prefix, c->shard, "group", c->name,
                 g->id, NULL);
        oscp_key(keys[-1], OSCP_KEY_SIZE, prefix, c->shard, "envelope",
                 g->scope, NULL);

        /* without a circuit: a key that no circuit can have */
        oscp_key(keys[0], OSCP_KEY_SIZE, prefix, c->shard, "circuit",
                 g->circuit ? g->circuit : "", NULL);
    }
}


static int
overview_stale(const redisReply *circuit, oscp_ms_t now_ms)
{
    oscp_ms_t  valid;

    valid = worker_ctl_text_stored(worker_ctl_store_field(circuit,
                                                          "valid_until"));

    return valid != OSCP_TIME_NONE && valid <= now_ms;
}


int
worker_ctl_overview_read(struct worker_ctl *ctl,
    const struct worker_ctl_connection *connection,
    struct worker_ctl_overview *o)
{
    char                             (*keys)[OSCP_KEY_SIZE];
    size_t                             n = connection->conf->ngroups;
    redisReply                       **element;
    struct worker_ctl_overview_group  *g;

    memset(o, 0, sizeof(*o));
    o->connection = connection;
    o->groups = calloc(n + 1, sizeof(*o->groups));
    keys = calloc(1 + OVERVIEW_HASHES * n, sizeof(*keys));

    if (o->groups == NULL || keys == NULL) {
        worker_ctl_out_error("no memory");
        free(keys);
        return -1;
    }

    overview_keys(ctl, connection, keys);
    o->hashes = worker_ctl_store_hashes(ctl->store, keys,
                                        1 + OVERVIEW_HASHES * n);
    free(keys);

    if (o->hashes == NULL) {
        return -1;
    }

    element = o->hashes->element;
    o->conn = element[0];
    o->ngroups = n;

    for (size_t i = 0; i < n; i++) {
        g = &o->groups[i];
        g->conf = &connection->conf->groups[i];
        g->group = element[1 + OVERVIEW_HASHES * i];
        g->envelope = element[2 + OVERVIEW_HASHES * i];
        g->circuit = element[3 + OVERVIEW_HASHES * i];
        g->stale = overview_stale(g->circuit, ctl->now_ms) != 0;
    }

    return 0;
}


void
worker_ctl_overview_free(struct worker_ctl_overview *o)
{
    freeReplyObject(o->hashes);
    free(o->groups);
}


cJSON *
worker_ctl_overview_json(const struct worker_ctl_overview_group *g)
{
    cJSON  *object = cJSON_CreateObject();

    cJSON_AddStringToObject(object, "id", g->conf->id);
    cJSON_AddItemToObject(object, "group", worker_ctl_json_fields(g->group));

    if (g->envelope->elements > 0) {
        cJSON_AddItemToObject(object, "envelope",
                              worker_ctl_json_fields(g->envelope));
    }

    if (g->conf->circuit != NULL) {
        cJSON_AddStringToObject(object, "circuit_name", g->conf->circuit);
        cJSON_AddItemToObject(object, "circuit",
                              worker_ctl_json_fields(g->circuit));
        cJSON_AddBoolToObject(object, "stale", g->stale);
    }

    return object;
}
