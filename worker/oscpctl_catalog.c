/*
 * What nginx has published.
 */

#include <stdlib.h>
#include <string.h>

#include "oscpctl_catalog.h"
#include "oscpctl_out.h"


static int
catalog_compare(const void *a, const void *b)
{
    const struct worker_ctl_connection  *x = a, *y = b;

    return strcmp(x->name, y->name);
}


/* A document that cannot be read must not hide the others. */
static int
catalog_add(struct worker_ctl_catalog *c, const redisReply *name,
    const redisReply *doc)
{
    char                           why[OSCP_ERROR_PATH_LEN
                                       + OSCP_ERROR_TEXT_LEN];
    oscp_err_t                     rc;
    oscp_error_t                   err;
    struct worker_ctl_connection  *connection = &c->connections[c->n];

    rc = oscp_config_read(doc->str, doc->len, &oscp_alloc_libc,
                          &connection->conf, &err);
    if (rc == OSCP_ERR_NOMEM) {
        return -1;
    }

    if (rc != OSCP_OK) {
        oscp_error_format(&err, why, sizeof(why));
        worker_ctl_out_error("connection %s: its configuration cannot be "
                             "read: %s", name->str, why);
        worker_ctl_out_clean(name->str, name->len,
                             c->unreadable[c->nunreadable++], OSCP_NAME_SIZE);
        return 0;
    }

    /* counted first: what there is of it is freed with the rest */
    c->n++;
    connection->name = strdup(name->str);
    connection->doc = strdup(doc->str);

    return connection->name != NULL && connection->doc != NULL ? 0 : -1;
}


static int
catalog_field(struct worker_ctl_catalog *c, const redisReply *name,
    const redisReply *value)
{
    if (name->type != REDIS_REPLY_STRING || value->type != REDIS_REPLY_STRING) {
        return 0;
    }

    if (strcmp(name->str, "version") == 0) {
        worker_ctl_out_clean(value->str, value->len, c->version,
                             sizeof(c->version));
        return 0;
    }

    if (strcmp(name->str, "shards") == 0) {
        c->shards = (unsigned) strtoul(value->str, NULL, 10);
        return 0;
    }

    return catalog_add(c, name, value);
}


static int
catalog_fill(struct worker_ctl_catalog *c, const redisReply *hash)
{
    size_t  n = hash->elements / 2;

    c->connections = calloc(n + 1, sizeof(*c->connections));
    c->unreadable = calloc(n + 1, sizeof(*c->unreadable));

    if (c->connections == NULL || c->unreadable == NULL) {
        worker_ctl_out_error("no memory");
        return -1;
    }

    for (size_t i = 0; i + 1 < hash->elements; i += 2) {
        if (catalog_field(c, hash->element[i], hash->element[i + 1]) == -1) {
            worker_ctl_out_error("no memory");
            return -1;
        }
    }

    if (c->shards < 1 || c->shards > OSCP_SHARDS_MAX) {
        worker_ctl_out_error("nginx has published no configuration here: does "
                             "it run, with this Redis and this prefix?");
        return -1;
    }

    qsort(c->connections, c->n, sizeof(*c->connections), catalog_compare);

    for (size_t i = 0; i < c->n; i++) {
        c->connections[i].shard = oscp_key_shard(c->connections[i].name,
                                                 strlen(c->connections[i].name),
                                                 c->shards);
    }

    return 0;
}


struct worker_ctl_catalog *
worker_ctl_catalog_read(struct worker_ctl_store *store, const char *prefix)
{
    int                         rc = -1;
    char                        key[1][OSCP_KEY_SIZE];
    redisReply                 *reply;
    struct worker_ctl_catalog  *c;

    c = calloc(1, sizeof(*c));
    if (c == NULL) {
        worker_ctl_out_error("no memory");
        return NULL;
    }

    oscp_key_config(key[0], sizeof(key[0]), prefix);
    reply = worker_ctl_store_hashes(store, key, 1);

    if (reply != NULL) {
        rc = catalog_fill(c, reply->element[0]);
        freeReplyObject(reply);
    }

    if (rc == -1) {
        worker_ctl_catalog_free(c);
        return NULL;
    }

    return c;
}


void
worker_ctl_catalog_free(struct worker_ctl_catalog *c)
{
    if (c == NULL) {
        return;
    }

    for (size_t i = 0; i < c->n; i++) {
        free(c->connections[i].name);
        free(c->connections[i].doc);
        oscp_alloc_libc.resize(oscp_alloc_libc.ctx, c->connections[i].conf, 0);
    }

    free(c->connections);
    free(c->unreadable);
    free(c);
}


const struct worker_ctl_connection *
worker_ctl_catalog_connection(const struct worker_ctl_catalog *c,
    const char *name)
{
    for (size_t i = 0; i < c->n; i++) {
        if (strcmp(c->connections[i].name, name) == 0) {
            return &c->connections[i];
        }
    }

    return NULL;
}


static const char *
catalog_name(const oscp_group_conf_t *g, enum worker_ctl_kind kind)
{
    switch (kind) {
    case WORKER_CTL_GROUP:
        return g->id;
    case WORKER_CTL_SCOPE:
        return g->scope;
    case WORKER_CTL_CIRCUIT:
        return g->circuit;
    default:
        return NULL;
    }
}


int
worker_ctl_catalog_find(const struct worker_ctl_catalog *c,
    enum worker_ctl_kind kind, const char *name, size_t nth,
    struct worker_ctl_place *place)
{
    const char                    *found;
    const oscp_connection_conf_t  *conf;

    place->group = NULL;

    if (kind == WORKER_CTL_CONNECTION) {
        place->connection = worker_ctl_catalog_connection(c, name);
        return place->connection != NULL && nth == 0 ? 0 : -1;
    }

    for (size_t i = 0; i < c->n; i++) {
        conf = c->connections[i].conf;

        for (size_t k = 0; k < conf->ngroups; k++) {
            found = catalog_name(&conf->groups[k], kind);

            if (found != NULL && strcmp(found, name) == 0 && nth-- == 0) {
                place->connection = &c->connections[i];
                place->group = &conf->groups[k];
                return 0;
            }
        }
    }

    return -1;
}
