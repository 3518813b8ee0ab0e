/*
 * Batches of messages: from the requests of one turn of the event loop to one
 * transaction per shard, and from its reply back to the requests.
 *
 * An entry is in exactly one place: `ready` or `held` (no batch), `sent` (in
 * a slot of a batch), or nowhere.  A request that ends early cancels its
 * entry, which empties the slot: a late reply finds nobody there.
 */

#include "ngx_oscp_ingest.h"

#define NGX_OSCP_INGEST_COMPLAIN_S  1      /* between two error lines */
#define NGX_OSCP_INGEST_NKEYS       2      /* the argument with their number */


static ngx_oscp_ingest_stream_e ngx_oscp_ingest_stream(
    const ngx_oscp_entry_t *entry);
static ngx_uint_t ngx_oscp_ingest_adds(const ngx_oscp_entry_t *entry);
static void ngx_oscp_ingest_flush_handler(ngx_event_t *ev);
static ngx_oscp_batch_t *ngx_oscp_ingest_gather(ngx_oscp_ingest_t *ingest);
static ngx_uint_t ngx_oscp_ingest_fits(const ngx_oscp_batch_t *batch,
    const ngx_oscp_entry_t *entry, size_t bytes);
static ngx_oscp_batch_t *ngx_oscp_ingest_batch(ngx_oscp_ingest_t *ingest);
static ngx_int_t ngx_oscp_ingest_send(ngx_oscp_ingest_t *ingest,
    ngx_oscp_batch_t *batch);
static ngx_int_t ngx_oscp_ingest_judge(ngx_oscp_ingest_t *ingest,
    ngx_oscp_redis_t *redis, const ngx_oscp_batch_t *batch);
static void ngx_oscp_ingest_judge_messages(ngx_oscp_ingest_t *ingest,
    ngx_oscp_redis_args_t *args, const ngx_oscp_batch_t *batch);
static void ngx_oscp_ingest_judge_samples(ngx_oscp_ingest_t *ingest,
    ngx_oscp_redis_args_t *args, const ngx_oscp_batch_t *batch);
static ngx_int_t ngx_oscp_ingest_store(ngx_oscp_ingest_t *ingest,
    ngx_oscp_redis_t *redis, const ngx_oscp_entry_t *entry);
static ngx_int_t ngx_oscp_ingest_store_message(ngx_oscp_ingest_t *ingest,
    ngx_oscp_redis_t *redis, const ngx_oscp_entry_t *entry);
static ngx_int_t ngx_oscp_ingest_store_sample(ngx_oscp_ingest_t *ingest,
    ngx_oscp_redis_t *redis, const ngx_oscp_entry_t *entry,
    const oscp_sample_site_t *sample);
static ngx_int_t ngx_oscp_ingest_undo(ngx_oscp_ingest_t *ingest,
    ngx_oscp_redis_t *redis, const ngx_oscp_batch_t *batch);
static void ngx_oscp_ingest_add(ngx_oscp_ingest_t *ingest,
    ngx_oscp_redis_args_t *args, const void *data, size_t len);
static void ngx_oscp_ingest_add_number(ngx_oscp_ingest_t *ingest,
    ngx_oscp_redis_args_t *args, u_char *text, ngx_uint_t number);
static void ngx_oscp_ingest_add_keys(ngx_oscp_ingest_t *ingest,
    ngx_oscp_redis_args_t *args, const ngx_oscp_entry_t *entry, u_char *text);
static void ngx_oscp_ingest_set_keys(ngx_oscp_ingest_t *ingest,
    const ngx_oscp_redis_args_t *args);
static ngx_uint_t ngx_oscp_ingest_write_seen(const ngx_oscp_entry_t *entry,
    u_char *text);
static void ngx_oscp_ingest_add_field(ngx_oscp_ingest_t *ingest,
    ngx_oscp_redis_args_t *args, const char *name, const ngx_str_t *value);
static void ngx_oscp_ingest_add_text(ngx_oscp_ingest_t *ingest,
    ngx_oscp_redis_args_t *args, const char *name, const char *value);

static void ngx_oscp_ingest_reply(ngx_oscp_redis_command_t *command,
    redisReply *reply);
static ngx_uint_t ngx_oscp_ingest_usable(ngx_oscp_ingest_t *ingest,
    const ngx_oscp_batch_t *batch, const redisReply *reply);
static ngx_oscp_ingest_outcome_e ngx_oscp_ingest_outcome(
    const redisReply *verdict, redisReply *const *added, ngx_uint_t n,
    ngx_str_t *id);
static void ngx_oscp_ingest_done(ngx_oscp_entry_t *entry,
    ngx_oscp_ingest_outcome_e outcome, const ngx_str_t *id);
static void ngx_oscp_ingest_release(ngx_oscp_ingest_t *ingest,
    ngx_oscp_batch_t *batch);
static void ngx_oscp_ingest_again(ngx_oscp_ingest_t *ingest,
    ngx_oscp_batch_t *batch);
static void ngx_oscp_ingest_fail(ngx_oscp_ingest_t *ingest,
    ngx_oscp_batch_t *batch);

static void ngx_oscp_ingest_expiry_handler(ngx_event_t *ev);
static ngx_msec_int_t ngx_oscp_ingest_expire(ngx_queue_t *queue);
static void ngx_oscp_ingest_hold(ngx_oscp_ingest_t *ingest);


void
ngx_oscp_ingest_init(ngx_oscp_ingest_t *ingest,
    const ngx_oscp_ingest_options_t *options)
{
    ingest->store = options->store;
    ingest->pool = options->pool;
    ingest->log = options->log;
    ingest->streams[NGX_OSCP_INGEST_IN] = options->streams[NGX_OSCP_INGEST_IN];
    ingest->streams[NGX_OSCP_INGEST_METER] =
        options->streams[NGX_OSCP_INGEST_METER];
    ingest->verdicts = options->verdicts;
    ingest->backlog = options->backlog;
    ingest->timeout = options->timeout;

    ngx_queue_init(&ingest->ready);
    ngx_queue_init(&ingest->held);
    ngx_queue_init(&ingest->sent);

    ingest->flush.handler = ngx_oscp_ingest_flush_handler;
    ingest->flush.data = ingest;
    ingest->flush.log = ingest->log;

    ingest->expiry.handler = ngx_oscp_ingest_expiry_handler;
    ingest->expiry.data = ingest;
    ingest->expiry.log = ingest->log;
    ingest->expiry.cancelable = 1;
}


ngx_int_t
ngx_oscp_ingest_submit(ngx_oscp_ingest_t *ingest, ngx_oscp_entry_t *entry)
{
    ngx_oscp_redis_state_e  state;

    state = ngx_oscp_store_state(ingest->store, entry->connection->shard);

    if (state == NGX_OSCP_REDIS_WAITING) {
        return NGX_DECLINED;
    }

    entry->waiting = 1;
    entry->batch = NULL;
    entry->expires = ngx_current_msec + ingest->timeout;

    /*
     * Nothing else keeps a worker on its way out alive for this request.  The
     * timer stays where it is while messages come and go.
     */
    ingest->expiry.cancelable = 0;

    if (!ingest->expiry.timer_set) {
        ngx_add_timer(&ingest->expiry, ingest->timeout);
    }

    if (state == NGX_OSCP_REDIS_CONNECTING) {
        ngx_queue_insert_tail(&ingest->held, &entry->queue);
        return NGX_OK;
    }

    ngx_queue_insert_tail(&ingest->ready, &entry->queue);
    ingest->nready++;
    ingest->ready_bytes += entry->body.len;

    if (!ingest->flush.posted) {
        ngx_post_event(&ingest->flush, &ngx_posted_events);
    }

    return NGX_OK;
}


void
ngx_oscp_ingest_push(ngx_oscp_ingest_t *ingest)
{
    if ((ingest->nready < NGX_OSCP_INGEST_PUSH_MESSAGES
         && ingest->ready_bytes < NGX_OSCP_INGEST_PUSH_BYTES)
        || !ingest->flush.posted)
    {
        return;
    }

    ngx_delete_posted_event(&ingest->flush);
    ngx_oscp_ingest_flush_handler(&ingest->flush);
    ngx_oscp_store_flush(ingest->store);
}


void
ngx_oscp_ingest_cancel(ngx_oscp_ingest_t *ingest, ngx_oscp_entry_t *entry)
{
    if (!entry->waiting) {
        return;
    }

    entry->waiting = 0;
    ngx_queue_remove(&entry->queue);

    if (entry->batch) {
        entry->batch->entries[entry->slot] = NULL;
        entry->batch = NULL;
    }

    ngx_oscp_ingest_hold(ingest);
}


void
ngx_oscp_ingest_notify(ngx_oscp_ingest_t *ingest)
{
    /* What was held has waited longer: it stands in front again. */
    ngx_queue_add(&ingest->held, &ingest->ready);
    ngx_queue_init(&ingest->ready);
    ngx_queue_add(&ingest->ready, &ingest->held);
    ngx_queue_init(&ingest->held);

    if (!ngx_queue_empty(&ingest->ready) && !ingest->flush.posted) {
        ngx_post_event(&ingest->flush, &ngx_posted_events);
    }
}


static ngx_oscp_ingest_stream_e
ngx_oscp_ingest_stream(const ngx_oscp_entry_t *entry)
{
    return entry->samples ? NGX_OSCP_INGEST_METER : NGX_OSCP_INGEST_IN;
}


/* How many stream entries become of it. */
static ngx_uint_t
ngx_oscp_ingest_adds(const ngx_oscp_entry_t *entry)
{
    return entry->samples ? entry->samples->n : 1;
}


/* The end of a turn: everything that is ready goes out, or learns it cannot. */
static void
ngx_oscp_ingest_flush_handler(ngx_event_t *ev)
{
    ngx_queue_t        *q;
    ngx_oscp_batch_t   *batch;
    ngx_oscp_entry_t   *entry;
    ngx_oscp_ingest_t  *ingest = ev->data;

    ingest->nready = 0;
    ingest->ready_bytes = 0;

    while (!ngx_queue_empty(&ingest->ready)) {

        q = ngx_queue_head(&ingest->ready);
        entry = ngx_queue_data(q, ngx_oscp_entry_t, queue);

        if (ngx_oscp_store_state(ingest->store, entry->connection->shard)
            == NGX_OSCP_REDIS_CONNECTING)
        {
            ngx_queue_remove(q);
            ngx_queue_insert_tail(&ingest->held, q);
            continue;
        }

        batch = ngx_oscp_ingest_gather(ingest);

        if (batch == NULL) {
            /* Without memory the entries wait for their own expiry. */
            return;
        }

        if (ngx_oscp_ingest_send(ingest, batch) != NGX_OK) {
            ngx_oscp_ingest_fail(ingest, batch);
        }
    }
}


/* The oldest entry, and those for its stream that fit beside it. */
static ngx_oscp_batch_t *
ngx_oscp_ingest_gather(ngx_oscp_ingest_t *ingest)
{
    size_t             bytes;
    ngx_uint_t         shard;
    ngx_queue_t       *q, *next;
    ngx_oscp_batch_t  *batch;
    ngx_oscp_entry_t  *entry;

    batch = ngx_oscp_ingest_batch(ingest);
    if (batch == NULL) {
        return NULL;
    }

    q = ngx_queue_head(&ingest->ready);
    entry = ngx_queue_data(q, ngx_oscp_entry_t, queue);
    shard = entry->connection->shard;
    batch->stream = ngx_oscp_ingest_stream(entry);
    batch->shard = shard;
    bytes = 0;

    for ( /* void */ ; q != ngx_queue_sentinel(&ingest->ready); q = next) {

        next = ngx_queue_next(q);
        entry = ngx_queue_data(q, ngx_oscp_entry_t, queue);

        if (entry->connection->shard != shard
            || ngx_oscp_ingest_stream(entry) != batch->stream)
        {
            continue;
        }

        if (!ngx_oscp_ingest_fits(batch, entry, bytes)) {
            break;
        }

        bytes += entry->body.len;

        ngx_queue_remove(q);
        ngx_queue_insert_tail(&ingest->sent, q);

        entry->batch = batch;
        entry->slot = batch->n;
        batch->adds[batch->n] = ngx_oscp_ingest_adds(entry);
        batch->nadds += batch->adds[batch->n];
        batch->entries[batch->n++] = entry;
    }

    return batch;
}


/* The first always does. */
static ngx_uint_t
ngx_oscp_ingest_fits(const ngx_oscp_batch_t *batch,
    const ngx_oscp_entry_t *entry, size_t bytes)
{
    if (batch->n == 0) {
        return 1;
    }

    return batch->n < NGX_OSCP_INGEST_BATCH_MESSAGES
           && bytes + entry->body.len <= NGX_OSCP_INGEST_BATCH_BYTES
           && batch->nadds + ngx_oscp_ingest_adds(entry)
              <= NGX_OSCP_INGEST_BATCH_SAMPLES;
}


static ngx_oscp_batch_t *
ngx_oscp_ingest_batch(ngx_oscp_ingest_t *ingest)
{
    ngx_oscp_batch_t  *batch;

    batch = ingest->free;

    if (batch) {
        ingest->free = batch->next;

    } else {
        batch = ngx_pcalloc(ingest->pool, sizeof(ngx_oscp_batch_t));
        if (batch == NULL) {
            return NULL;
        }

        batch->command.handler = ngx_oscp_ingest_reply;
        batch->command.data = ingest;
        batch->command.holds = 1;
    }

    batch->n = 0;
    batch->nadds = 0;

    return batch;
}


/*
 * A transaction that was begun must end or its connection must: what is left
 * of it would swallow the next one.
 */
static ngx_int_t
ngx_oscp_ingest_send(ngx_oscp_ingest_t *ingest, ngx_oscp_batch_t *batch)
{
    size_t                 len;
    ngx_uint_t             i;
    const char            *word;
    ngx_oscp_redis_t      *redis;
    ngx_oscp_redis_args_t  args = { 1, &word, &len };

    word = "MULTI";
    len = sizeof("MULTI") - 1;

    redis = ngx_oscp_store_shard(ingest->store, batch->shard);

    if (redis == NULL || ngx_oscp_redis_send_part(redis, &args) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_oscp_ingest_judge(ingest, redis, batch) != NGX_OK) {
        goto failed;
    }

    for (i = 0; i < batch->n; i++) {
        if (ngx_oscp_ingest_store(ingest, redis, batch->entries[i])
            != NGX_OK)
        {
            goto failed;
        }
    }

    if (ngx_oscp_ingest_undo(ingest, redis, batch) != NGX_OK) {
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
ngx_oscp_ingest_judge(ngx_oscp_ingest_t *ingest, ngx_oscp_redis_t *redis,
    const ngx_oscp_batch_t *batch)
{
    ngx_uint_t              shard = batch->shard;
    const ngx_str_t        *script, *stream;
    ngx_oscp_redis_args_t   args = { 0, ingest->values, ingest->lens };

    stream = &ingest->streams[batch->stream][shard];
    script = batch->stream == NGX_OSCP_INGEST_METER
             ? &ngx_oscp_script_judge_samples : &ngx_oscp_script_judge;

    ngx_oscp_ingest_add(ingest, &args, "EVAL", sizeof("EVAL") - 1);
    ngx_oscp_ingest_add(ingest, &args, script->data, script->len);
    ngx_oscp_ingest_add(ingest, &args, NULL, 0);
    ngx_oscp_ingest_add(ingest, &args, stream->data, stream->len);
    ngx_oscp_ingest_add(ingest, &args, ingest->verdicts[shard].data,
                        ingest->verdicts[shard].len);

    if (batch->stream == NGX_OSCP_INGEST_METER) {
        ngx_oscp_ingest_judge_samples(ingest, &args, batch);
    } else {
        ngx_oscp_ingest_judge_messages(ingest, &args, batch);
    }

    return ngx_oscp_redis_send_part(redis, &args);
}


/* The arguments behind the first two keys. */
static void
ngx_oscp_ingest_judge_messages(ngx_oscp_ingest_t *ingest,
    ngx_oscp_redis_args_t *args, const ngx_oscp_batch_t *batch)
{
    ngx_uint_t  i;

    for (i = 0; i < batch->n; i++) {
        ngx_oscp_ingest_add_keys(ingest, args, batch->entries[i],
                                 ingest->texts[i]);
    }

    ngx_oscp_ingest_set_keys(ingest, args);
    ngx_oscp_ingest_add_number(ingest, args, ingest->numbers[1],
                               ingest->backlog);
}


/* The same; what is not remembered repeats the connection's key. */
static void
ngx_oscp_ingest_judge_samples(ngx_oscp_ingest_t *ingest,
    ngx_oscp_redis_args_t *args, const ngx_oscp_batch_t *batch)
{
    u_char                  *p, *text;
    ngx_uint_t               i, g;
    const ngx_str_t         *conn, *group;
    const ngx_oscp_entry_t  *entry;

    for (i = 0; i < batch->n; i++) {
        entry = batch->entries[i];
        conn = &entry->connection->key;
        ngx_oscp_ingest_add(ingest, args, conn->data, conn->len);

        if (entry->request_id.len) {
            text = ingest->texts[i];
            ngx_oscp_ingest_add(ingest, args, text,
                                ngx_oscp_ingest_write_seen(entry, text));
        } else {
            ngx_oscp_ingest_add(ingest, args, conn->data, conn->len);
        }

        for (g = 0; g < entry->ngroups; g++) {
            group = &entry->groups[g]->key;
            ngx_oscp_ingest_add(ingest, args, group->data, group->len);
        }
    }

    ngx_oscp_ingest_set_keys(ingest, args);
    ngx_oscp_ingest_add_number(ingest, args, ingest->numbers[1],
                               ingest->backlog);

    for (i = 0; i < batch->n; i++) {
        entry = batch->entries[i];
        p = ngx_sprintf(ingest->counts[i], "%ui %ui %d", batch->adds[i],
                        entry->ngroups, entry->request_id.len != 0);
        ngx_oscp_ingest_add(ingest, args, ingest->counts[i],
                            p - ingest->counts[i]);
    }
}


static ngx_int_t
ngx_oscp_ingest_store(ngx_oscp_ingest_t *ingest, ngx_oscp_redis_t *redis,
    const ngx_oscp_entry_t *entry)
{
    size_t  i;

    if (entry->samples == NULL) {
        return ngx_oscp_ingest_store_message(ingest, redis, entry);
    }

    for (i = 0; i < entry->samples->n; i++) {
        if (ngx_oscp_ingest_store_sample(ingest, redis, entry,
                                         &entry->samples->items[i])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_oscp_ingest_store_message(ngx_oscp_ingest_t *ingest,
    ngx_oscp_redis_t *redis, const ngx_oscp_entry_t *entry)
{
    u_char                  at[OSCP_TIME_SIZE];
    ngx_str_t               text;
    const char             *message;
    const ngx_str_t        *stream;
    ngx_oscp_redis_args_t   args = { 0, ingest->values, ingest->lens };

    static const ngx_str_t  none = ngx_null_string;

    stream = &ingest->streams[NGX_OSCP_INGEST_IN][entry->connection->shard];
    message = oscp_message_name(entry->kind);

    ngx_oscp_ingest_add(ingest, &args, "XADD", sizeof("XADD") - 1);
    ngx_oscp_ingest_add(ingest, &args, stream->data, stream->len);
    ngx_oscp_ingest_add(ingest, &args, "*", 1);

    ngx_oscp_ingest_add_field(ingest, &args, "conn",
                              &entry->connection->node.str);
    text.data = (u_char *) message;
    text.len = ngx_strlen(message);
    ngx_oscp_ingest_add_field(ingest, &args, "msg", &text);
    ngx_oscp_ingest_add_field(ingest, &args, "group",
                              entry->group ? &entry->group->node.str : &none);
    ngx_oscp_ingest_add_field(ingest, &args, "req", &entry->request_id);
    ngx_oscp_ingest_add_field(ingest, &args, "corr", &entry->correlation_id);
    ngx_oscp_ingest_add_field(ingest, &args, "seg", &entry->segment);
    text.data = at;
    text.len = oscp_time_format(entry->at, (char *) at);
    ngx_oscp_ingest_add_field(ingest, &args, "at", &text);
    ngx_oscp_ingest_add_field(ingest, &args, "body", &entry->body);

    return ngx_oscp_redis_send_part(redis, &args);
}


static ngx_int_t
ngx_oscp_ingest_store_sample(ngx_oscp_ingest_t *ingest,
    ngx_oscp_redis_t *redis, const ngx_oscp_entry_t *entry,
    const oscp_sample_site_t *sample)
{
    const ngx_str_t        *stream;
    oscp_sample_text_t      text;
    ngx_oscp_redis_args_t   args = { 0, ingest->values, ingest->lens };

    stream = &ingest->streams[NGX_OSCP_INGEST_METER][entry->connection->shard];
    oscp_sample_format(sample, &text);

    ngx_oscp_ingest_add(ingest, &args, "XADD", sizeof("XADD") - 1);
    ngx_oscp_ingest_add(ingest, &args, stream->data, stream->len);
    ngx_oscp_ingest_add(ingest, &args, "*", 1);

    ngx_oscp_ingest_add_field(ingest, &args, "conn",
                              &entry->connection->node.str);
    ngx_oscp_ingest_add_text(ingest, &args, "group", sample->group);
    ngx_oscp_ingest_add_text(ingest, &args, "asset", sample->asset);
    ngx_oscp_ingest_add_text(ingest, &args, "at", text.at);
    ngx_oscp_ingest_add_text(ingest, &args, "power_w", text.power_w);
    ngx_oscp_ingest_add_text(ingest, &args, "energy_import_wh",
                             text.energy_import_wh);
    ngx_oscp_ingest_add_text(ingest, &args, "energy_export_wh",
                             text.energy_export_wh);

    return ngx_oscp_redis_send_part(redis, &args);
}


static ngx_int_t
ngx_oscp_ingest_undo(ngx_oscp_ingest_t *ingest, ngx_oscp_redis_t *redis,
    const ngx_oscp_batch_t *batch)
{
    ngx_uint_t              shard = batch->shard;
    const ngx_str_t        *stream;
    ngx_oscp_redis_args_t   args = { 0, ingest->values, ingest->lens };

    stream = &ingest->streams[batch->stream][shard];

    ngx_oscp_ingest_add(ingest, &args, "EVAL", sizeof("EVAL") - 1);
    ngx_oscp_ingest_add(ingest, &args, ngx_oscp_script_undo.data,
                        ngx_oscp_script_undo.len);
    ngx_oscp_ingest_add(ingest, &args, "2", 1);
    ngx_oscp_ingest_add(ingest, &args, stream->data, stream->len);
    ngx_oscp_ingest_add(ingest, &args, ingest->verdicts[shard].data,
                        ingest->verdicts[shard].len);
    ngx_oscp_ingest_add_number(ingest, &args, ingest->numbers[0],
                               batch->nadds);

    return ngx_oscp_redis_send_part(redis, &args);
}


static void
ngx_oscp_ingest_add(ngx_oscp_ingest_t *ingest, ngx_oscp_redis_args_t *args,
    const void *data, size_t len)
{
    ingest->values[args->n] = data;
    ingest->lens[args->n++] = len;
}


static void
ngx_oscp_ingest_add_number(ngx_oscp_ingest_t *ingest,
    ngx_oscp_redis_args_t *args, u_char *text, ngx_uint_t number)
{
    ngx_oscp_ingest_add(ingest, args, text,
                        ngx_sprintf(text, "%ui", number) - text);
}


/* The `seen` key is written to `text`. */
static void
ngx_oscp_ingest_add_keys(ngx_oscp_ingest_t *ingest,
    ngx_oscp_redis_args_t *args, const ngx_oscp_entry_t *entry, u_char *text)
{
    const ngx_str_t  *conn, *group;

    conn = &entry->connection->key;
    group = entry->group ? &entry->group->key : conn;

    ngx_oscp_ingest_add(ingest, args, conn->data, conn->len);
    ngx_oscp_ingest_add(ingest, args, group->data, group->len);
    ngx_oscp_ingest_add(ingest, args, text,
                        ngx_oscp_ingest_write_seen(entry, text));
}


/* Returns its length. */
static ngx_uint_t
ngx_oscp_ingest_write_seen(const ngx_oscp_entry_t *entry, u_char *text)
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
ngx_oscp_ingest_set_keys(ngx_oscp_ingest_t *ingest,
    const ngx_oscp_redis_args_t *args)
{
    u_char  *text = ingest->numbers[0];

    ingest->values[NGX_OSCP_INGEST_NKEYS] = (char *) text;
    ingest->lens[NGX_OSCP_INGEST_NKEYS] =
        ngx_sprintf(text, "%i", (ngx_int_t) args->n - NGX_OSCP_INGEST_NKEYS - 1)
        - text;
}


static void
ngx_oscp_ingest_add_field(ngx_oscp_ingest_t *ingest,
    ngx_oscp_redis_args_t *args, const char *name, const ngx_str_t *value)
{
    ngx_oscp_ingest_add(ingest, args, name, ngx_strlen(name));
    ngx_oscp_ingest_add(ingest, args, value->data, value->len);
}


/* A field without a value is left out. */
static void
ngx_oscp_ingest_add_text(ngx_oscp_ingest_t *ingest,
    ngx_oscp_redis_args_t *args, const char *name, const char *value)
{
    if (value[0]) {
        ngx_oscp_ingest_add(ingest, args, name, ngx_strlen(name));
        ngx_oscp_ingest_add(ingest, args, value, ngx_strlen(value));
    }
}


static void
ngx_oscp_ingest_reply(ngx_oscp_redis_command_t *command, redisReply *reply)
{
    ngx_str_t                   id;
    redisReply                **added;
    ngx_uint_t                  i;
    const redisReply           *verdicts;
    ngx_oscp_batch_t           *batch = (ngx_oscp_batch_t *) command;
    ngx_oscp_ingest_t          *ingest = command->data;
    ngx_oscp_ingest_outcome_e   outcome;

    if (reply && reply->type == REDIS_REPLY_ERROR
        && ngx_oscp_store_refused(ingest->store, command->redis, batch->shard,
                                  reply)
           == NGX_AGAIN)
    {
        ngx_oscp_ingest_again(ingest, batch);
        return;
    }

    if (!ngx_oscp_ingest_usable(ingest, batch, reply)) {
        ngx_oscp_ingest_fail(ingest, batch);
        return;
    }

    verdicts = reply->element[0];
    added = reply->element + 1;

    /* Finishing one request may end others: each slot is read in its turn. */
    for (i = 0; i < batch->n; i++) {
        if (batch->entries[i]) {
            outcome = ngx_oscp_ingest_outcome(verdicts->element[i], added,
                                              batch->adds[i], &id);
            ngx_oscp_ingest_done(batch->entries[i], outcome, &id);
        }

        added += batch->adds[i];
    }

    ngx_oscp_ingest_release(ingest, batch);
}


/* Verdicts, an entry for each, and what the second script says. */
static ngx_uint_t
ngx_oscp_ingest_usable(ngx_oscp_ingest_t *ingest,
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

    if (ngx_time() - ingest->complained >= NGX_OSCP_INGEST_COMPLAIN_S) {
        ingest->complained = ngx_time();

        if (reply->type == REDIS_REPLY_ERROR) {
            ngx_log_error(NGX_LOG_ERR, ingest->log, 0,
                          "oscp: Redis refused to store: \"%*s\"",
                          (size_t) reply->len, reply->str);
        } else {
            ngx_log_error(NGX_LOG_ERR, ingest->log, 0,
                          "oscp: Redis answered something unexpected");
        }
    }

    return 0;
}


/*
 * What the first script says of one entry, and what its `n` XADDs have given;
 * `id` is filled when it was stored.
 */
static ngx_oscp_ingest_outcome_e
ngx_oscp_ingest_outcome(const redisReply *verdict, redisReply *const *added,
    ngx_uint_t n, ngx_str_t *id)
{
    ngx_uint_t  i;

    static const struct {
        ngx_str_t                  word;
        ngx_oscp_ingest_outcome_e  outcome;
    } words[] = {
        { ngx_string("duplicate"), NGX_OSCP_INGEST_DUPLICATE },
        { ngx_string("refused"), NGX_OSCP_INGEST_REFUSED },
        { ngx_string("backlog"), NGX_OSCP_INGEST_BACKLOG }
    };

    ngx_str_null(id);

    if (verdict->type != REDIS_REPLY_STRING) {
        return NGX_OSCP_INGEST_UNAVAILABLE;
    }

    for (i = 0; i < n; i++) {
        if (added[i]->type != REDIS_REPLY_STRING) {
            return NGX_OSCP_INGEST_UNAVAILABLE;
        }
    }

    if (verdict->len == 0) {
        id->data = (u_char *) added[0]->str;
        id->len = added[0]->len;
        return NGX_OSCP_INGEST_STORED;
    }

    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if ((size_t) verdict->len == words[i].word.len
            && ngx_memcmp(verdict->str, words[i].word.data, verdict->len) == 0)
        {
            return words[i].outcome;
        }
    }

    return NGX_OSCP_INGEST_UNAVAILABLE;
}


static void
ngx_oscp_ingest_done(ngx_oscp_entry_t *entry,
    ngx_oscp_ingest_outcome_e outcome, const ngx_str_t *id)
{
    entry->waiting = 0;
    ngx_queue_remove(&entry->queue);

    if (entry->batch) {
        entry->batch->entries[entry->slot] = NULL;
        entry->batch = NULL;
    }

    entry->handler(entry, outcome,
                   outcome == NGX_OSCP_INGEST_STORED ? id : NULL);
}


static void
ngx_oscp_ingest_release(ngx_oscp_ingest_t *ingest, ngx_oscp_batch_t *batch)
{
    batch->next = ingest->free;
    ingest->free = batch;

    ngx_oscp_ingest_hold(ingest);
}


/*
 * Nothing of the batch was done, for its keys are elsewhere: its messages wait
 * for another node as long as they have time.
 */
static void
ngx_oscp_ingest_again(ngx_oscp_ingest_t *ingest, ngx_oscp_batch_t *batch)
{
    ngx_uint_t         i;
    ngx_oscp_entry_t  *entry;

    i = batch->n;

    while (i-- > 0) {
        entry = batch->entries[i];

        if (entry) {
            batch->entries[i] = NULL;
            entry->batch = NULL;
            ngx_queue_remove(&entry->queue);
            ngx_queue_insert_head(&ingest->held, &entry->queue);
        }
    }

    ngx_oscp_ingest_release(ingest, batch);
}


/* The batch was not sent, or its reply is lost or of no use. */
static void
ngx_oscp_ingest_fail(ngx_oscp_ingest_t *ingest, ngx_oscp_batch_t *batch)
{
    ngx_uint_t  i;

    for (i = 0; i < batch->n; i++) {
        if (batch->entries[i]) {
            ngx_oscp_ingest_done(batch->entries[i],
                                 NGX_OSCP_INGEST_UNAVAILABLE, NULL);
        }
    }

    ngx_oscp_ingest_release(ingest, batch);
}


static void
ngx_oscp_ingest_expiry_handler(ngx_event_t *ev)
{
    ngx_msec_int_t      rest, sent, held;
    ngx_oscp_ingest_t  *ingest = ev->data;

    sent = ngx_oscp_ingest_expire(&ingest->sent);
    held = ngx_oscp_ingest_expire(&ingest->held);
    rest = ngx_oscp_ingest_expire(&ingest->ready);

    if (rest == 0 || (held && held < rest)) {
        rest = held;
    }

    if (rest == 0 || (sent && sent < rest)) {
        rest = sent;
    }

    if (rest) {
        ngx_add_timer(ev, rest);
    }

    ngx_oscp_ingest_hold(ingest);
}


/*
 * Answers the entries of `queue` that have waited enough.  Returns the time
 * until the next one is due, 0 when none is left.
 *
 * Answering one may end others, so that the search begins anew; it is a short
 * one, for those that are due stand in front.
 */
static ngx_msec_int_t
ngx_oscp_ingest_expire(ngx_queue_t *queue)
{
    ngx_queue_t       *q;
    ngx_msec_int_t     rest, next;
    ngx_oscp_entry_t  *entry;

again:

    next = 0;

    for (q = ngx_queue_head(queue);
         q != ngx_queue_sentinel(queue);
         q = ngx_queue_next(q))
    {
        entry = ngx_queue_data(q, ngx_oscp_entry_t, queue);
        rest = (ngx_msec_int_t) (entry->expires - ngx_current_msec);

        if (rest <= 0) {
            ngx_oscp_ingest_done(entry, NGX_OSCP_INGEST_UNAVAILABLE, NULL);
            goto again;
        }

        if (next == 0 || rest < next) {
            next = rest;
        }
    }

    return next;
}


/* A worker on its way out waits while any request does. */
static void
ngx_oscp_ingest_hold(ngx_oscp_ingest_t *ingest)
{
    ingest->expiry.cancelable = ngx_queue_empty(&ingest->ready)
                                && ngx_queue_empty(&ingest->held)
                                && ngx_queue_empty(&ingest->sent);
}
