/*
 * What Redis says of one group at this moment.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oscp_number.h"
#include "oscpctl_live.h"
#include "oscpctl_out.h"
#include "state.h"


/* The hashes, in the order in which they are asked for. */
enum live_key {
    LIVE_CONN = 0,
    LIVE_GROUP,
    LIVE_ENVELOPE,
    LIVE_CIRCUIT,
    LIVE_CONFIG,
    LIVE_FORECASTS,
    LIVE_ADJUSTMENTS = LIVE_FORECASTS + OSCP_TYPE_COUNT,
    LIVE_KEYS = LIVE_ADJUSTMENTS + OSCP_TYPE_COUNT
};


static void
live_keys(const struct worker_ctl_live *live, char (*keys)[OSCP_KEY_SIZE])
{
    const char                    *conn = live->place.connection->name;
    const struct worker_context   *ctx = &live->context;
    const oscp_group_conf_t       *g = live->place.group;

    worker_context_key(ctx, keys[LIVE_CONN], "conn", conn, NULL, NULL);
    worker_context_key(ctx, keys[LIVE_GROUP], "group", conn, g->id, NULL);
    worker_context_key(ctx, keys[LIVE_ENVELOPE], "envelope", g->scope, NULL,
                       NULL);
    worker_context_key(ctx, keys[LIVE_CONFIG], "config", NULL, NULL, NULL);

    /* without a circuit: a key that no circuit can have */
    worker_context_key(ctx, keys[LIVE_CIRCUIT], "circuit",
                       g->circuit ? g->circuit : "", NULL, NULL);

    for (unsigned i = 0; i < OSCP_TYPE_COUNT; i++) {
        worker_forecast_key(ctx, &live->forecasts, i, keys[LIVE_FORECASTS + i]);
        worker_context_key(ctx, keys[LIVE_ADJUSTMENTS + i], "adjustment", conn,
                           g->id, oscp_type_name(i));
    }
}


/* A connection that no worker has taken up yet is as a new one. */
static int
live_state(struct worker_ctl_live *live, oscp_ms_t now_ms)
{
    struct worker_record  record;

    oscp_lifecycle_init(&live->lc, now_ms);

    if (worker_state_init(&record) == -1) {
        worker_ctl_out_error("no memory");
        return -1;
    }

    if (worker_record_load(&record, live->conn) == -1) {
        worker_record_free(&record);
        worker_ctl_out_error("no memory");
        return -1;
    }

    live->has_state = worker_state_read(&record, &live->lc) == 0;
    worker_record_free(&record);

    return 0;
}


int
worker_ctl_live_read(struct worker_ctl *ctl,
    const struct worker_ctl_place *place, struct worker_ctl_live *live)
{
    char  keys[LIVE_KEYS][OSCP_KEY_SIZE];

    memset(live, 0, sizeof(*live));
    live->place = *place;
    live->context.prefix = ctl->prefix;
    live->context.shard = place->connection->shard;
    worker_forecast_init(&live->forecasts, place->connection->name,
                         place->group->id);

    live_keys(live, keys);
    live->hashes = worker_ctl_store_hashes(ctl->store, keys, LIVE_KEYS);
    if (live->hashes == NULL) {
        return -1;
    }

    live->conn = live->hashes->element[LIVE_CONN];
    live->group = live->hashes->element[LIVE_GROUP];
    live->envelope = live->hashes->element[LIVE_ENVELOPE];
    live->circuit = live->hashes->element[LIVE_CIRCUIT];
    live->applied = live->hashes->element[LIVE_CONFIG];
    live->timelines = live->hashes->element + LIVE_FORECASTS;
    live->adjustments = live->hashes->element + LIVE_ADJUSTMENTS;

    for (unsigned i = 0; i < OSCP_TYPE_COUNT; i++) {
        if (worker_forecast_load(&live->context, &live->forecasts, i,
                                 live->timelines[i])
            == -1)
        {
            worker_ctl_out_error("no memory");
            return -1;
        }
    }

    if (live_state(live, ctl->now_ms) == -1) {
        return -1;
    }

    return worker_ctl_live_lease(ctl, live->context.shard, &live->lease);
}


void
worker_ctl_live_free(struct worker_ctl_live *live)
{
    worker_forecast_free(&live->forecasts);
    freeReplyObject(live->hashes);
    live->hashes = NULL;
}


void
worker_ctl_live_situation(const struct worker_ctl_live *live,
    oscp_situation_t *s)
{
    const char                    *enabled;
    const oscp_group_conf_t       *g = live->place.group;
    const oscp_connection_conf_t  *conf = live->place.connection->conf;

    memset(s, 0, sizeof(*s));
    enabled = worker_ctl_store_field(live->group, "enabled");

    s->connection_enabled = live->lc.enabled;
    s->group_enabled = enabled == NULL || strcmp(enabled, "0") != 0;
    s->disconnected = live->lc.disconnected;
    s->online = live->lc.state == OSCP_STATE_ONLINE;
    s->liveness_ms = live->lc.offline_mode_at_ms;
    s->timelines = live->forecasts.timelines;
    s->has_circuit = g->circuit != NULL;
    s->rated_w = g->rated_w;
    s->has_safe_default = g->has_safe_default;
    s->safe_default_w = g->safe_default_w;
    s->gap_policy = conf->gap_policy;
}


int
worker_ctl_live_applied(const struct worker_ctl_live *live)
{
    const char  *applied;

    applied = worker_ctl_store_field(live->applied,
                                     live->place.connection->name);

    return applied != NULL && strcmp(applied, live->place.connection->doc) == 0;
}


double
worker_ctl_live_number(const redisReply *hash, const char *field)
{
    double       value;
    const char  *text = worker_ctl_store_field(hash, field);

    if (text == NULL || oscp_number_parse(text, strlen(text), &value) == -1) {
        return -1;
    }

    return value;
}


static int
live_integer(struct worker_ctl *ctl, const char *command, const char *key,
    long long *n)
{
    redisReply  *reply;
    const char  *argv[] = { command, key };

    reply = worker_ctl_store_command(ctl->store, 2, argv);
    if (reply == NULL) {
        return -1;
    }

    *n = reply->type == REDIS_REPLY_INTEGER ? reply->integer : 0;
    freeReplyObject(reply);

    return 0;
}


/* The first one was not written down. */
static int
live_schema(struct worker_ctl *ctl, const char *key, long long *schema)
{
    redisReply  *reply;
    const char  *argv[] = { "HGET", key, "schema" };

    reply = worker_ctl_store_command(ctl->store, 3, argv);
    if (reply == NULL) {
        return -1;
    }

    *schema = reply->type == REDIS_REPLY_STRING ? strtoll(reply->str, NULL, 10)
                                                : 1;
    freeReplyObject(reply);

    return 0;
}


int
worker_ctl_live_lease(struct worker_ctl *ctl, unsigned shard,
    struct worker_ctl_lease *lease)
{
    char         key[OSCP_KEY_SIZE], *blank;
    long long    left = 0;
    redisReply  *reply;
    const char  *argv[] = { "GET", key };

    memset(lease, 0, sizeof(*lease));

    oscp_key(key, sizeof(key), ctl->prefix, shard, "lease", NULL);
    reply = worker_ctl_store_command(ctl->store, 2, argv);
    if (reply == NULL) {
        return -1;
    }

    if (reply->type == REDIS_REPLY_STRING) {
        blank = strrchr(reply->str, ' ');
        if (blank != NULL) {
            *blank = '\0';
            lease->token = strtoll(blank + 1, NULL, 10);
        }
        worker_ctl_out_clean(reply->str, strlen(reply->str), lease->owner,
                             sizeof(lease->owner));
    }

    freeReplyObject(reply);

    if (live_integer(ctl, "PTTL", key, &left) == -1) {
        return -1;
    }

    lease->left_ms = left > 0 ? left : 0;

    oscp_key(key, sizeof(key), ctl->prefix, shard, "in", NULL);
    if (live_integer(ctl, "XLEN", key, &lease->backlog) == -1) {
        return -1;
    }

    oscp_key(key, sizeof(key), ctl->prefix, shard, "stats", NULL);

    return live_schema(ctl, key, &lease->schema);
}


cJSON *
worker_ctl_live_lease_json(unsigned shard,
    const struct worker_ctl_lease *lease)
{
    cJSON  *object = cJSON_CreateObject();

    cJSON_AddNumberToObject(object, "shard", shard);

    if (lease->owner[0] != '\0') {
        cJSON_AddStringToObject(object, "owner", lease->owner);
        cJSON_AddNumberToObject(object, "token", (double) lease->token);
        cJSON_AddNumberToObject(object, "left_ms", (double) lease->left_ms);
    }

    cJSON_AddNumberToObject(object, "backlog", (double) lease->backlog);
    cJSON_AddNumberToObject(object, "schema", (double) lease->schema);

    return object;
}
