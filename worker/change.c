/*
 * A new configuration takes effect.
 */

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "change.h"
#include "clock.h"
#include "event.h"
#include "json.h"
#include "log.h"
#include "table.h"


/* Groups have events of their own. */
static const char  change_groups[] = "groups";


static void
change_member(struct worker_buffer *b, const cJSON *item)
{
    char  *text = cJSON_PrintUnformatted(item);

    if (text == NULL) {
        b->failed = 1;
        return;
    }

    worker_json_raw(b, item->string, text, strlen(text));
    free(text);
}


/* The members of `from` that `other` has not, or otherwise. */
static size_t
change_side(struct worker_buffer *b, const char *name, const cJSON *from,
    const cJSON *other)
{
    size_t        n = 0;
    const cJSON  *item, *same;

    if (from == NULL) {
        return 0;
    }

    worker_json_open(b, name);

    cJSON_ArrayForEach(item, from) {
        same = other ? cJSON_GetObjectItemCaseSensitive(other, item->string)
                     : NULL;

        if (strcmp(item->string, change_groups) != 0
            && (same == NULL || !cJSON_Compare(item, same, 1)))
        {
            change_member(b, item);
            n++;
        }
    }

    worker_json_close(b);

    return n;
}


/* One event with what was and what is; none when nothing differs. */
static void
change_event(struct worker_context *ctx, const char *conn, const char *group,
    const cJSON *was, const cJSON *is)
{
    size_t                n;
    struct worker_buffer  data = { .len = 0 };
    struct worker_event   event = { .event = "config", .conn = conn,
                                    .group = group, .by = "nginx",
                                    .at_ms = worker_clock_wall(),
                                    .data = &data };

    worker_json_open(&data, NULL);
    n = change_side(&data, "old", was, is);
    n += change_side(&data, "new", is, was);
    worker_json_close(&data);

    if (n > 0 || was == NULL || is == NULL) {
        worker_event_write(ctx->commit, &event);
    }

    worker_buffer_free(&data);
}


static const cJSON *
change_group_find(const cJSON *doc, const char *id)
{
    const cJSON  *groups, *g;

    groups = doc ? cJSON_GetObjectItemCaseSensitive(doc, change_groups) : NULL;

    cJSON_ArrayForEach(g, groups) {
        if (strcmp(cJSON_GetStringValue(
                       cJSON_GetObjectItemCaseSensitive(g, "id")), id) == 0)
        {
            return g;
        }
    }

    return NULL;
}


/*
 * Events for the groups of `doc`.  `was` says that it is the older of the two:
 * then only groups that are gone are told.
 */
static void
change_group_events(struct worker_context *ctx, const char *conn,
    const cJSON *doc, const cJSON *other, int was)
{
    const char   *id;
    const cJSON  *groups, *g, *found;

    groups = doc ? cJSON_GetObjectItemCaseSensitive(doc, change_groups) : NULL;

    cJSON_ArrayForEach(g, groups) {
        id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(g, "id"));
        found = change_group_find(other, id);

        if (was && found == NULL) {
            change_event(ctx, conn, id, g, NULL);

        } else if (!was) {
            change_event(ctx, conn, id, found, g);
        }
    }
}


/* Both documents have been read by oscp_config_read(): they are what they
   should be. */
static void
change_audit(struct worker_context *ctx, const char *conn, const char *was,
    const char *is)
{
    cJSON  *old, *new;

    old = was ? cJSON_Parse(was) : NULL;
    new = is ? cJSON_Parse(is) : NULL;

    if ((was != NULL && old == NULL) || (is != NULL && new == NULL)) {
        worker_context_fail(ctx, "no memory for a configuration");

    } else {
        change_event(ctx, conn, NULL, old, new);
        change_group_events(ctx, conn, old, new, 1);
        change_group_events(ctx, conn, new, old, 0);
    }

    cJSON_Delete(old);
    cJSON_Delete(new);
}


/* What has been applied is part of the state: a successor continues there. */
static void
change_store(struct worker_context *ctx, const char *name, const char *value,
    size_t len)
{
    char  key[OSCP_KEY_SIZE];

    worker_context_key(ctx, key, "config", NULL, NULL, NULL);
    worker_commit_begin(ctx->commit, value ? "HSET" : "HDEL", key);
    worker_commit_text(ctx->commit, name);
    if (value != NULL) {
        worker_commit_bytes(ctx->commit, value, len);
    }
    worker_commit_end(ctx->commit);
}


static void
change_refused(struct worker_context *ctx, const char *name,
    const oscp_error_t *err)
{
    char                     why[OSCP_ERROR_PATH_LEN + OSCP_ERROR_TEXT_LEN];
    struct worker_log_about  about = { .shard = (int) ctx->shard,
                                       .conn = name };

    if (err->code == OSCP_ERR_NOMEM) {
        worker_context_fail(ctx, "no memory for a configuration");
        return;
    }

    oscp_error_format(err, why, sizeof(why));
    worker_log(WORKER_LOG_ERROR, &about, "the published configuration cannot "
               "be read and is not applied: %s", why);
}


static void
change_add(struct worker_context *ctx, struct worker_roster *roster,
    const struct worker_config_entry *e)
{
    oscp_error_t               err;
    struct worker_connection  *conn;

    conn = worker_connection_create(ctx, e->doc, e->len, &err);
    if (conn == NULL) {
        change_refused(ctx, e->name, &err);
        return;
    }

    if (strcmp(worker_connection_name(conn), e->name) != 0) {
        worker_connection_free(conn);
        oscp_error_set(&err, OSCP_ERR_SEMANTIC, "$.name", "must be the field's "
                       "name");
        change_refused(ctx, e->name, &err);
        return;
    }

    if (worker_roster_add(roster, conn) == -1) {
        worker_connection_free(conn);
        worker_context_fail(ctx, "no memory for a connection");
        return;
    }

    change_audit(ctx, e->name, NULL, e->doc);
    change_store(ctx, e->name, e->doc, e->len);
    worker_connection_begin(conn);
}


static void
change_update(struct worker_context *ctx, struct worker_connection *conn,
    const struct worker_config_entry *e)
{
    char          *was;
    oscp_error_t   err;

    if (strcmp(worker_connection_document(conn), e->doc) == 0) {
        return;
    }

    was = strdup(worker_connection_document(conn));
    if (was == NULL) {
        worker_context_fail(ctx, "no memory for a configuration");
        return;
    }

    if (worker_connection_change(conn, e->doc, e->len, &err) == -1) {
        change_refused(ctx, e->name, &err);

    } else {
        change_audit(ctx, e->name, was, e->doc);
        change_store(ctx, e->name, e->doc, e->len);
    }

    free(was);
}


static void
change_remove(struct worker_context *ctx, struct worker_roster *roster,
    struct worker_connection *conn)
{
    const char  *name = worker_connection_name(conn);

    change_audit(ctx, name, worker_connection_document(conn), NULL);
    change_store(ctx, name, NULL, 0);
    worker_connection_remove(conn);
    worker_roster_remove(roster, conn);
}


static int
change_ours(const struct worker_context *ctx,
    const struct worker_config_set *set, const struct worker_config_entry *e)
{
    return oscp_key_shard(e->name, strlen(e->name), set->shards) == ctx->shard;
}


static int
change_published(const struct worker_context *ctx,
    const struct worker_config_set *set, const char *name)
{
    for (size_t i = 0; i < set->n; i++) {
        if (strcmp(set->entries[i].name, name) == 0) {
            return change_ours(ctx, set, &set->entries[i]);
        }
    }

    return 0;
}


/* The circuits and scopes of the new configuration, while it is taken over. */
struct change_kept {
    struct worker_table       circuits;
    struct worker_table       scopes;
    oscp_connection_conf_t  **confs;        /* own the names */
    size_t                    n;
};


static int
change_keep_name(struct worker_table *t, const char *name, void *thing)
{
    if (name == NULL || worker_table_get(t, name) != NULL) {
        return 0;
    }

    return worker_table_put(t, name, thing);
}


static int
change_keep_groups(struct change_kept *kept, oscp_connection_conf_t *conf)
{
    for (size_t i = 0; i < conf->ngroups; i++) {
        if (change_keep_name(&kept->circuits, conf->groups[i].circuit, conf)
            == -1
            || change_keep_name(&kept->scopes, conf->groups[i].scope, conf)
               == -1)
        {
            return -1;
        }
    }

    return 0;
}


/* A document that cannot be read is told of when it is to be applied. */
static int
change_keep(struct worker_context *ctx, const struct worker_config_set *set,
    struct change_kept *kept)
{
    oscp_error_t             err;
    oscp_connection_conf_t  *conf;

    memset(kept, 0, sizeof(*kept));

    kept->confs = calloc(set->n + 1, sizeof(*kept->confs));
    if (kept->confs == NULL) {
        return -1;
    }

    for (size_t i = 0; i < set->n; i++) {
        if (!change_ours(ctx, set, &set->entries[i])
            || oscp_config_read(set->entries[i].doc, set->entries[i].len,
                                &oscp_alloc_libc, &conf, &err) != OSCP_OK)
        {
            continue;
        }

        kept->confs[kept->n++] = conf;
        if (change_keep_groups(kept, conf) == -1) {
            return -1;
        }
    }

    ctx->kept_circuits = &kept->circuits;
    ctx->kept_scopes = &kept->scopes;

    return 0;
}


static void
change_keep_end(struct worker_context *ctx, struct change_kept *kept)
{
    ctx->kept_circuits = NULL;
    ctx->kept_scopes = NULL;

    worker_table_free(&kept->circuits);
    worker_table_free(&kept->scopes);

    for (size_t i = 0; i < kept->n; i++) {
        oscp_alloc_libc.resize(oscp_alloc_libc.ctx, kept->confs[i], 0);
    }

    free(kept->confs);
}


static void
change_roster(struct worker_context *ctx, struct worker_roster *roster,
    const struct worker_config_set *set)
{
    struct worker_connection  *conn;

    /* what goes, goes first: its circuits and scopes may be another's now */
    for (size_t i = roster->n; i-- > 0; ) {
        conn = roster->list[i];
        if (!change_published(ctx, set, worker_connection_name(conn))) {
            change_remove(ctx, roster, conn);
        }
    }

    for (size_t i = 0; i < set->n && !ctx->failed; i++) {
        conn = worker_roster_get(roster, set->entries[i].name);
        if (conn != NULL) {
            change_update(ctx, conn, &set->entries[i]);
        }
    }

    for (size_t i = 0; i < set->n && !ctx->failed; i++) {
        conn = worker_roster_get(roster, set->entries[i].name);
        if (conn == NULL && change_ours(ctx, set, &set->entries[i])) {
            change_add(ctx, roster, &set->entries[i]);
        }
    }
}


void
worker_change_apply(struct worker_context *ctx, struct worker_roster *roster,
    const struct worker_config_set *set)
{
    struct change_kept  kept;

    if (change_keep(ctx, set, &kept) == -1) {
        worker_context_fail(ctx, "no memory for a configuration");

    } else {
        change_roster(ctx, roster, set);
    }

    change_keep_end(ctx, &kept);

    change_store(ctx, "version", set->version, strlen(set->version));
    worker_context_wake(ctx);
}
