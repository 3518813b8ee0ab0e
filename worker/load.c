/*
 * Loads a shard.
 */

#include <stdio.h>
#include <string.h>

#include "load.h"
#include "log.h"
#include "script.h"


#define LOAD_ARGS    (6 + WORKER_GROUP_KEYS)
#define LOAD_AHEAD   16       /* asked for at once: the lease is renewed over
                                 the same connection, behind their answers */


static int load_request_next(struct worker_load *l);


/* The document that nginx publishes for `name` now, or NULL. */
static const struct worker_config_entry *
load_published(const struct worker_load *l, const char *name)
{
    const struct worker_config_set  *set = worker_config_current(l->config);

    for (size_t i = 0; set != NULL && i < set->n; i++) {
        if (strcmp(set->entries[i].name, name) == 0) {
            return &set->entries[i];
        }
    }

    return NULL;
}


/*
 * A hash from a reply; NULL when there is none to be read.  A key that was of
 * another type has been removed by the script: somebody else's hand was there.
 */
static const redisReply *
load_hash(const struct worker_load *l, const redisReply *reply, unsigned i,
    const char *key)
{
    const redisReply        *hash;
    struct worker_log_about  about = { .shard = (int) l->ctx->shard };

    if (reply->type != REDIS_REPLY_ARRAY || i >= reply->elements) {
        worker_context_fail(l->ctx, "load %s: %s", key,
                            reply->type == REDIS_REPLY_ERROR ? reply->str
                            : "not what was asked for");
        return NULL;
    }

    hash = reply->element[i];
    if (hash->type == REDIS_REPLY_ARRAY) {
        return hash;
    }

    worker_log(WORKER_LOG_ERROR, &about, "%s was a %s: removed", key,
               hash->type == REDIS_REPLY_STRING ? hash->str : "?");

    return NULL;
}


static void
load_connection_reply(struct worker_load *l, struct worker_connection *conn,
    const redisReply *reply)
{
    char               key[OSCP_KEY_SIZE];
    const redisReply  *hash;

    worker_connection_key(conn, key);

    hash = load_hash(l, reply, 0, key);
    if (hash != NULL) {
        worker_connection_load(conn, hash);
    }
}


static void
load_group_reply(struct worker_load *l, struct worker_group *g,
    const redisReply *reply)
{
    char               key[OSCP_KEY_SIZE];
    const redisReply  *hash;

    for (unsigned i = 0; i < WORKER_GROUP_KEYS && !l->ctx->failed; i++) {
        hash = load_hash(l, reply, i, worker_group_key(g, i, key));
        if (hash != NULL) {
            worker_group_load(g, i, hash);
        }
    }
}


static void
load_advance(const struct worker_load *l, struct worker_load_at *at)
{
    if (worker_connection_group_at(l->roster->list[at->conn], at->group)
        != NULL)
    {
        at->group++;

    } else {
        at->conn++;
        at->group = 0;
    }
}


/* Replies come in the order of the requests. */
static void
callback_loaded(void *arg, redisReply *reply)
{
    struct worker_load        *l = arg;
    struct worker_group       *g;
    struct worker_connection  *conn = l->roster->list[l->answered.conn];

    if (l->answered.group == 0) {
        load_connection_reply(l, conn, reply);

    } else {
        g = worker_connection_group_at(conn, l->answered.group - 1);
        load_group_reply(l, g, reply);
    }

    load_advance(l, &l->answered);

    if (!l->ctx->failed) {
        load_request_next(l);
    }

    if (l->answered.conn == l->roster->n && !l->ctx->failed) {
        l->done(l->arg);
    }
}


static void
load_request(struct worker_load *l, char keys[][OSCP_KEY_SIZE], unsigned n)
{
    int          argc = 0;
    char         lease[OSCP_KEY_SIZE], count[16];
    const char  *argv[LOAD_ARGS];

    snprintf(count, sizeof(count), "%u", n + 1);

    argv[argc++] = "EVALSHA";
    argv[argc++] = worker_script_sha(WORKER_SCRIPT_LOAD);
    argv[argc++] = count;
    argv[argc++] = worker_context_key(l->ctx, lease, "lease", NULL, NULL, NULL);
    for (unsigned i = 0; i < n; i++) {
        argv[argc++] = keys[i];
    }
    argv[argc++] = worker_lease_value(l->ctx->lease);

    if (worker_redis_command(l->redis, argc, argv, callback_loaded, l) == -1) {
        worker_context_fail(l->ctx, "cannot load");
    }
}


/* Asks for what comes next; 0: all has been asked for. */
static int
load_request_next(struct worker_load *l)
{
    char                       keys[WORKER_GROUP_KEYS][OSCP_KEY_SIZE];
    struct worker_group       *g;
    struct worker_connection  *conn;

    if (l->asked.conn == l->roster->n) {
        return 0;
    }

    conn = l->roster->list[l->asked.conn];

    if (l->asked.group == 0) {
        worker_connection_key(conn, keys[0]);
        load_request(l, keys, 1);

    } else {
        g = worker_connection_group_at(conn, l->asked.group - 1);
        for (unsigned i = 0; i < WORKER_GROUP_KEYS; i++) {
            worker_group_key(g, i, keys[i]);
        }
        load_request(l, keys, WORKER_GROUP_KEYS);
    }

    load_advance(l, &l->asked);

    return 1;
}


/*
 * Makes a connection of a document that was applied.  One that cannot be read
 * (a newer version wrote it) is taken as it is published now; failing that, it
 * is left alone.
 */
static void
load_connection(struct worker_load *l, const char *name, const redisReply *doc)
{
    char                               why[OSCP_ERROR_PATH_LEN
                                           + OSCP_ERROR_TEXT_LEN];
    oscp_error_t                       err;
    struct worker_log_about            about = { .shard = (int) l->ctx->shard,
                                                 .conn = name };
    struct worker_connection          *conn;
    const struct worker_config_entry  *published;

    conn = worker_connection_create(l->ctx, doc->str, doc->len, &err);

    if (conn == NULL && err.code != OSCP_ERR_NOMEM) {
        oscp_error_format(&err, why, sizeof(why));
        worker_log(WORKER_LOG_ERROR, &about, "the configuration applied last "
                   "cannot be read: %s", why);

        published = load_published(l, name);
        if (published == NULL) {
            return;
        }

        conn = worker_connection_create(l->ctx, published->doc, published->len,
                                        &err);
        if (conn == NULL && err.code != OSCP_ERR_NOMEM) {
            return;
        }
    }

    if (conn == NULL || worker_roster_add(l->roster, conn) == -1) {
        worker_connection_free(conn);
        worker_context_fail(l->ctx, "no memory for a connection");
    }
}


/* [[name, document, …], last id of each stream…] */
static int
load_opened(struct worker_load *l, const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ARRAY
        || reply->elements != 1 + WORKER_STREAM_COUNT
        || reply->element[0]->type != REDIS_REPLY_ARRAY)
    {
        return -1;
    }

    for (unsigned i = 0; i < WORKER_STREAM_COUNT; i++) {
        if (reply->element[1 + i]->type != REDIS_REPLY_STRING) {
            return -1;
        }

        snprintf(l->tails[i], sizeof(l->tails[i]), "%s",
                 reply->element[1 + i]->str);
    }

    return 0;
}


static void
callback_opened(void *arg, redisReply *reply)
{
    const redisReply    *docs;
    struct worker_load  *l = arg;

    if (load_opened(l, reply) == -1) {
        worker_context_fail(l->ctx, "open: %s",
                            reply->type == REDIS_REPLY_ERROR ? reply->str
                            : "not what was asked for");
        return;
    }

    docs = reply->element[0];

    for (size_t i = 0; i + 1 < docs->elements && !l->ctx->failed; i += 2) {
        if (strcmp(docs->element[i]->str, "version") != 0) {
            load_connection(l, docs->element[i]->str, docs->element[i + 1]);
        }
    }

    memset(&l->asked, 0, sizeof(l->asked));
    memset(&l->answered, 0, sizeof(l->answered));

    for (unsigned i = 0; i < LOAD_AHEAD && !l->ctx->failed; i++) {
        if (!load_request_next(l)) {
            break;
        }
    }

    if (l->roster->n == 0 && !l->ctx->failed) {
        l->done(l->arg);
    }
}


void
worker_load_start(struct worker_load *l)
{
    int          argc = 0;
    char         lease[OSCP_KEY_SIZE], docs[OSCP_KEY_SIZE], keys[16];
    char         streams[WORKER_STREAM_COUNT][OSCP_KEY_SIZE];
    const char  *argv[7 + WORKER_STREAM_COUNT];

    snprintf(keys, sizeof(keys), "%d", 2 + WORKER_STREAM_COUNT);

    argv[argc++] = "EVALSHA";
    argv[argc++] = worker_script_sha(WORKER_SCRIPT_OPEN);
    argv[argc++] = keys;
    argv[argc++] = worker_context_key(l->ctx, lease, "lease", NULL, NULL, NULL);
    argv[argc++] = worker_context_key(l->ctx, docs, "config", NULL, NULL, NULL);
    for (unsigned i = 0; i < WORKER_STREAM_COUNT; i++) {
        argv[argc++] = worker_context_key(l->ctx, streams[i],
                                          worker_stream_name(i), NULL, NULL,
                                          NULL);
    }
    argv[argc++] = worker_lease_value(l->ctx->lease);
    argv[argc++] = WORKER_COMMIT_GROUP;

    if (worker_redis_command(l->redis, argc, argv, callback_opened, l) == -1) {
        worker_context_fail(l->ctx, "cannot load");
    }
}
