/*
 * Transactions: ngx_oscp_script.h says what they consist of.
 */

#include "ngx_oscp_batch.h"

#define NGX_OSCP_BATCH_COMPLAIN_S  1       /* between two error lines */
#define NGX_OSCP_BATCH_NKEYS       2       /* the argument with their number */


static ngx_int_t ngx_oscp_batch_judge(ngx_oscp_batch_writer_t *w,
    ngx_oscp_redis_t *redis, const ngx_oscp_batch_t *batch);
static void ngx_oscp_batch_judge_messages(ngx_oscp_batch_writer_t *w,
    ngx_oscp_redis_args_t *args, const ngx_oscp_batch_t *batch);
static void ngx_oscp_batch_judge_samples(ngx_oscp_batch_writer_t *w,
    ngx_oscp_redis_args_t *args, const ngx_oscp_batch_t *batch);
static ngx_int_t ngx_oscp_batch_store(ngx_oscp_batch_writer_t *w,
    ngx_oscp_redis_t *redis, const ngx_oscp_entry_t *entry);
static ngx_int_t ngx_oscp_batch_store_message(ngx_oscp_batch_writer_t *w,
    ngx_oscp_redis_t *redis, const ngx_oscp_entry_t *entry);
static ngx_int_t ngx_oscp_batch_store_sample(ngx_oscp_batch_writer_t *w,
    ngx_oscp_redis_t *redis, const ngx_oscp_entry_t *entry,
    const oscp_sample_site_t *sample);
static ngx_int_t ngx_oscp_batch_undo(ngx_oscp_batch_writer_t *w,
    ngx_oscp_redis_t *redis, const ngx_oscp_batch_t *batch);
static void ngx_oscp_batch_add(ngx_oscp_batch_writer_t *w,
    ngx_oscp_redis_args_t *args, const void *data, size_t len);
static void ngx_oscp_batch_add_number(ngx_oscp_batch_writer_t *w,
    ngx_oscp_redis_args_t *args, u_char *text, ngx_uint_t number);
static void ngx_oscp_batch_add_keys(ngx_oscp_batch_writer_t *w,
    ngx_oscp_redis_args_t *args, const ngx_oscp_entry_t *entry, u_char *text);
static void ngx_oscp_batch_set_keys(ngx_oscp_batch_writer_t *w,
    const ngx_oscp_redis_args_t *args);
static ngx_uint_t ngx_oscp_batch_write_seen(const ngx_oscp_entry_t *entry,
    u_char *text);
static void ngx_oscp_batch_add_field(ngx_oscp_batch_writer_t *w,
    ngx_oscp_redis_args_t *args, const char *name, const ngx_str_t *value);
static void ngx_oscp_batch_add_text(ngx_oscp_batch_writer_t *w,
    ngx_oscp_redis_args_t *args, const char *name, const char *value);


ngx_int_t
ngx_oscp_batch_take(ngx_oscp_batch_t *batch, ngx_oscp_entry_t *entry)
{
    ngx_uint_t         adds;
    ngx_oscp_stream_e  stream;

    stream = entry->samples ? NGX_OSCP_STREAM_METER : NGX_OSCP_STREAM_IN;
    adds = entry->samples ? entry->samples->n : 1;

    if (batch->n == 0) {
        batch->stream = stream;
        batch->shard = entry->connection->shard;

    } else if (stream != batch->stream
               || entry->connection->shard != batch->shard)
    {
        return NGX_DECLINED;

    } else if (batch->n == NGX_OSCP_BATCH_MESSAGES
               || batch->bytes + entry->body.len > NGX_OSCP_BATCH_BYTES
               || batch->nadds + adds > NGX_OSCP_BATCH_SAMPLES)
    {
        return NGX_BUSY;
    }

    entry->batch = batch;
    entry->slot = batch->n;

    batch->first[batch->n] = batch->nadds;
    batch->adds[batch->n] = adds;
    batch->nadds += adds;
    batch->bytes += entry->body.len;
    batch->entries[batch->n++] = entry;

    return NGX_OK;
}


/*
 * A transaction that was begun must end or its connection must: what is left
 * of it would swallow the next one.
 */
ngx_int_t
ngx_oscp_batch_send(ngx_oscp_batch_writer_t *w, ngx_oscp_redis_t *redis,
    ngx_oscp_batch_t *batch)
{
    size_t                 len;
    ngx_uint_t             i;
    const char            *word;
    ngx_oscp_redis_args_t  args = { 1, &word, &len };

    word = "MULTI";
    len = sizeof("MULTI") - 1;

    if (ngx_oscp_redis_send_part(redis, &args) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_oscp_batch_judge(w, redis, batch) != NGX_OK) {
        goto failed;
    }

    for (i = 0; i < batch->n; i++) {
        if (ngx_oscp_batch_store(w, redis, batch->entries[i]) != NGX_OK) {
            goto failed;
        }
    }

    if (ngx_oscp_batch_undo(w, redis, batch) != NGX_OK) {
        goto failed;
    }

    word = "EXEC";
    len = sizeof("EXEC") - 1;

    if (ngx_oscp_redis_send(redis, &batch->command, &args) == NGX_OK) {
        return NGX_OK;
    }

failed:

    ngx_oscp_redis_abort(redis, "a transaction could not be sent");

    return NGX_ERROR;
}


static ngx_int_t
ngx_oscp_batch_judge(ngx_oscp_batch_writer_t *w, ngx_oscp_redis_t *redis,
    const ngx_oscp_batch_t *batch)
{
    ngx_uint_t              shard = batch->shard;
    const ngx_str_t        *script, *stream;
    ngx_oscp_redis_args_t   args = { 0, w->values, w->lens };

    stream = &w->streams[batch->stream][shard];
    script = batch->stream == NGX_OSCP_STREAM_METER
             ? &ngx_oscp_script_judge_samples : &ngx_oscp_script_judge;

    ngx_oscp_batch_add(w, &args, "EVAL", sizeof("EVAL") - 1);
    ngx_oscp_batch_add(w, &args, script->data, script->len);
    ngx_oscp_batch_add(w, &args, NULL, 0);
    ngx_oscp_batch_add(w, &args, stream->data, stream->len);
    ngx_oscp_batch_add(w, &args, w->verdicts[shard].data,
                        w->verdicts[shard].len);

    if (batch->stream == NGX_OSCP_STREAM_METER) {
        ngx_oscp_batch_judge_samples(w, &args, batch);
    } else {
        ngx_oscp_batch_judge_messages(w, &args, batch);
    }

    return ngx_oscp_redis_send_part(redis, &args);
}


/* The arguments behind the first two keys. */
static void
ngx_oscp_batch_judge_messages(ngx_oscp_batch_writer_t *w,
    ngx_oscp_redis_args_t *args, const ngx_oscp_batch_t *batch)
{
    ngx_uint_t  i;

    for (i = 0; i < batch->n; i++) {
        ngx_oscp_batch_add_keys(w, args, batch->entries[i],
                                 w->texts[i]);
    }

    ngx_oscp_batch_set_keys(w, args);
    ngx_oscp_batch_add_number(w, args, w->numbers[1],
                               w->backlog);
}


/* The same; what is not remembered repeats the connection's key. */
static void
ngx_oscp_batch_judge_samples(ngx_oscp_batch_writer_t *w,
    ngx_oscp_redis_args_t *args, const ngx_oscp_batch_t *batch)
{
    u_char                  *p, *text;
    ngx_uint_t               i, g;
    const ngx_str_t         *conn, *group;
    const ngx_oscp_entry_t  *entry;

    for (i = 0; i < batch->n; i++) {
        entry = batch->entries[i];
        conn = &entry->connection->key;
        ngx_oscp_batch_add(w, args, conn->data, conn->len);

        if (entry->request_id.len) {
            text = w->texts[i];
            ngx_oscp_batch_add(w, args, text,
                                ngx_oscp_batch_write_seen(entry, text));
        } else {
            ngx_oscp_batch_add(w, args, conn->data, conn->len);
        }

        for (g = 0; g < entry->ngroups; g++) {
            group = &entry->groups[g]->key;
            ngx_oscp_batch_add(w, args, group->data, group->len);
        }
    }

    ngx_oscp_batch_set_keys(w, args);
    ngx_oscp_batch_add_number(w, args, w->numbers[1],
                               w->backlog);

    for (i = 0; i < batch->n; i++) {
        entry = batch->entries[i];
        p = ngx_sprintf(w->counts[i], "%ui %ui %d", batch->adds[i],
                        entry->ngroups, entry->request_id.len != 0);
        ngx_oscp_batch_add(w, args, w->counts[i],
                            p - w->counts[i]);
    }
}


static ngx_int_t
ngx_oscp_batch_store(ngx_oscp_batch_writer_t *w, ngx_oscp_redis_t *redis,
    const ngx_oscp_entry_t *entry)
{
    size_t  i;

    if (entry->samples == NULL) {
        return ngx_oscp_batch_store_message(w, redis, entry);
    }

    for (i = 0; i < entry->samples->n; i++) {
        if (ngx_oscp_batch_store_sample(w, redis, entry,
                                         &entry->samples->items[i])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_oscp_batch_store_message(ngx_oscp_batch_writer_t *w,
    ngx_oscp_redis_t *redis, const ngx_oscp_entry_t *entry)
{
    u_char                  at[OSCP_TIME_SIZE];
    ngx_str_t               text;
    const char             *message;
    const ngx_str_t        *stream;
    ngx_oscp_redis_args_t   args = { 0, w->values, w->lens };

    static const ngx_str_t  none = ngx_null_string;

    stream = &w->streams[NGX_OSCP_STREAM_IN][entry->connection->shard];
    message = oscp_message_name(entry->kind);

    ngx_oscp_batch_add(w, &args, "XADD", sizeof("XADD") - 1);
    ngx_oscp_batch_add(w, &args, stream->data, stream->len);
    ngx_oscp_batch_add(w, &args, "*", 1);

    ngx_oscp_batch_add_field(w, &args, "conn",
                              &entry->connection->node.str);
    text.data = (u_char *) message;
    text.len = ngx_strlen(message);
    ngx_oscp_batch_add_field(w, &args, "msg", &text);
    ngx_oscp_batch_add_field(w, &args, "group",
                              entry->group ? &entry->group->node.str : &none);
    ngx_oscp_batch_add_field(w, &args, "req", &entry->request_id);
    ngx_oscp_batch_add_field(w, &args, "corr", &entry->correlation_id);
    ngx_oscp_batch_add_field(w, &args, "seg", &entry->segment);
    text.data = at;
    text.len = oscp_time_format(entry->at, (char *) at);
    ngx_oscp_batch_add_field(w, &args, "at", &text);
    ngx_oscp_batch_add_field(w, &args, "body", &entry->body);

    return ngx_oscp_redis_send_part(redis, &args);
}


static ngx_int_t
ngx_oscp_batch_store_sample(ngx_oscp_batch_writer_t *w,
    ngx_oscp_redis_t *redis, const ngx_oscp_entry_t *entry,
    const oscp_sample_site_t *sample)
{
    const ngx_str_t        *stream;
    oscp_sample_text_t      text;
    ngx_oscp_redis_args_t   args = { 0, w->values, w->lens };

    stream = &w->streams[NGX_OSCP_STREAM_METER][entry->connection->shard];
    oscp_sample_format(sample, &text);

    ngx_oscp_batch_add(w, &args, "XADD", sizeof("XADD") - 1);
    ngx_oscp_batch_add(w, &args, stream->data, stream->len);
    ngx_oscp_batch_add(w, &args, "*", 1);

    ngx_oscp_batch_add_field(w, &args, "conn",
                              &entry->connection->node.str);
    ngx_oscp_batch_add_text(w, &args, "group", sample->group);
    ngx_oscp_batch_add_text(w, &args, "asset", sample->asset);
    ngx_oscp_batch_add_text(w, &args, "at", text.at);
    ngx_oscp_batch_add_text(w, &args, "power_w", text.power_w);
    ngx_oscp_batch_add_text(w, &args, "energy_import_wh",
                             text.energy_import_wh);
    ngx_oscp_batch_add_text(w, &args, "energy_export_wh",
                             text.energy_export_wh);

    return ngx_oscp_redis_send_part(redis, &args);
}


static ngx_int_t
ngx_oscp_batch_undo(ngx_oscp_batch_writer_t *w, ngx_oscp_redis_t *redis,
    const ngx_oscp_batch_t *batch)
{
    ngx_uint_t              shard = batch->shard;
    const ngx_str_t        *stream;
    ngx_oscp_redis_args_t   args = { 0, w->values, w->lens };

    stream = &w->streams[batch->stream][shard];

    ngx_oscp_batch_add(w, &args, "EVAL", sizeof("EVAL") - 1);
    ngx_oscp_batch_add(w, &args, ngx_oscp_script_undo.data,
                        ngx_oscp_script_undo.len);
    ngx_oscp_batch_add(w, &args, "2", 1);
    ngx_oscp_batch_add(w, &args, stream->data, stream->len);
    ngx_oscp_batch_add(w, &args, w->verdicts[shard].data,
                        w->verdicts[shard].len);
    ngx_oscp_batch_add_number(w, &args, w->numbers[0],
                               batch->nadds);

    return ngx_oscp_redis_send_part(redis, &args);
}


static void
ngx_oscp_batch_add(ngx_oscp_batch_writer_t *w, ngx_oscp_redis_args_t *args,
    const void *data, size_t len)
{
    w->values[args->n] = data;
    w->lens[args->n++] = len;
}


static void
ngx_oscp_batch_add_number(ngx_oscp_batch_writer_t *w,
    ngx_oscp_redis_args_t *args, u_char *text, ngx_uint_t number)
{
    ngx_oscp_batch_add(w, args, text,
                        ngx_sprintf(text, "%ui", number) - text);
}


/* The `seen` key is written to `text`. */
static void
ngx_oscp_batch_add_keys(ngx_oscp_batch_writer_t *w,
    ngx_oscp_redis_args_t *args, const ngx_oscp_entry_t *entry, u_char *text)
{
    const ngx_str_t  *conn, *group;

    conn = &entry->connection->key;
    group = entry->group ? &entry->group->key : conn;

    ngx_oscp_batch_add(w, args, conn->data, conn->len);
    ngx_oscp_batch_add(w, args, group->data, group->len);
    ngx_oscp_batch_add(w, args, text,
                        ngx_oscp_batch_write_seen(entry, text));
}


/* Returns its length. */
static ngx_uint_t
ngx_oscp_batch_write_seen(const ngx_oscp_entry_t *entry, u_char *text)
{
    u_char           *p;
    const ngx_str_t  *seen;

    seen = entry->samples ? &entry->connection->seen_samples
                          : &entry->connection->seen[entry->kind];

    p = ngx_cpymem(text, seen->data, seen->len);
    p = ngx_cpymem(p, entry->request_id.data, entry->request_id.len);

    return p - text;
}


/* How many keys EVAL has, now that all of them are there. */
static void
ngx_oscp_batch_set_keys(ngx_oscp_batch_writer_t *w,
    const ngx_oscp_redis_args_t *args)
{
    u_char  *text = w->numbers[0];

    w->values[NGX_OSCP_BATCH_NKEYS] = (char *) text;
    w->lens[NGX_OSCP_BATCH_NKEYS] =
        ngx_sprintf(text, "%i", (ngx_int_t) args->n - NGX_OSCP_BATCH_NKEYS - 1)
        - text;
}


static void
ngx_oscp_batch_add_field(ngx_oscp_batch_writer_t *w,
    ngx_oscp_redis_args_t *args, const char *name, const ngx_str_t *value)
{
    ngx_oscp_batch_add(w, args, name, ngx_strlen(name));
    ngx_oscp_batch_add(w, args, value->data, value->len);
}


/* A field without a value is left out. */
static void
ngx_oscp_batch_add_text(ngx_oscp_batch_writer_t *w,
    ngx_oscp_redis_args_t *args, const char *name, const char *value)
{
    if (value[0]) {
        ngx_oscp_batch_add(w, args, name, ngx_strlen(name));
        ngx_oscp_batch_add(w, args, value, ngx_strlen(value));
    }
}


/* Verdicts, what each XADD gave, and what the second script says. */
ngx_uint_t
ngx_oscp_batch_usable(ngx_oscp_batch_writer_t *w,
    const ngx_oscp_batch_t *batch, const redisReply *reply)
{
    const redisReply  *verdicts, *undone;

    if (reply == NULL) {
        return 0;
    }

    if (reply->type == REDIS_REPLY_ARRAY
        && reply->elements == batch->nadds + 2)
    {
        verdicts = reply->element[0];
        undone = reply->element[batch->nadds + 1];

        if (verdicts->type == REDIS_REPLY_ARRAY
            && verdicts->elements == batch->n
            && undone->type == REDIS_REPLY_INTEGER)
        {
            return 1;
        }

        reply = verdicts->type == REDIS_REPLY_ERROR ? verdicts : undone;
    }

    if (ngx_time() - w->complained >= NGX_OSCP_BATCH_COMPLAIN_S) {
        w->complained = ngx_time();

        if (reply->type == REDIS_REPLY_ERROR) {
            ngx_log_error(NGX_LOG_ERR, w->log, 0,
                          "oscp: Redis refused to store: \"%*s\"",
                          (size_t) reply->len, reply->str);
        } else {
            ngx_log_error(NGX_LOG_ERR, w->log, 0,
                          "oscp: Redis answered something unexpected");
        }
    }

    return 0;
}


ngx_oscp_outcome_e
ngx_oscp_batch_outcome(const ngx_oscp_batch_t *batch, ngx_uint_t slot,
    const redisReply *reply)
{
    ngx_uint_t           i;
    ngx_oscp_entry_t    *entry = batch->entries[slot];
    const redisReply    *verdict;
    redisReply *const   *added;

    static const struct {
        ngx_str_t           word;
        ngx_oscp_outcome_e  outcome;
    } words[] = {
        { ngx_string("duplicate"), NGX_OSCP_OUTCOME_DUPLICATE },
        { ngx_string("refused"), NGX_OSCP_OUTCOME_REFUSED },
        { ngx_string("backlog"), NGX_OSCP_OUTCOME_BACKLOG }
    };

    verdict = reply->element[0]->element[slot];
    added = reply->element + 1 + batch->first[slot];

    if (verdict->type != REDIS_REPLY_STRING) {
        return NGX_OSCP_OUTCOME_UNAVAILABLE;
    }

    for (i = 0; i < batch->adds[slot]; i++) {
        if (added[i]->type != REDIS_REPLY_STRING) {
            return NGX_OSCP_OUTCOME_UNAVAILABLE;
        }
    }

    if (verdict->len == 0) {
        entry->id.data = entry->id_text;
        entry->id.len = ngx_min((size_t) added[0]->len,
                                sizeof(entry->id_text));
        ngx_memcpy(entry->id.data, added[0]->str, entry->id.len);
        return NGX_OSCP_OUTCOME_STORED;
    }

    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if ((size_t) verdict->len == words[i].word.len
            && ngx_memcmp(verdict->str, words[i].word.data, verdict->len) == 0)
        {
            return words[i].outcome;
        }
    }

    return NGX_OSCP_OUTCOME_UNAVAILABLE;
}
