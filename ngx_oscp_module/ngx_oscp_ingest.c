/*
 * Batches of messages: from the requests of one turn of the event loop to one
 * EVALSHA per shard, and from its reply back to the requests.
 *
 * An entry is in exactly one place: `ready` (no batch), `sent` (in a slot of a
 * batch), or nowhere.  A request that ends early cancels its entry, which
 * empties the slot: a late reply finds nobody there.
 */

#include "ngx_oscp_ingest.h"

#define NGX_OSCP_INGEST_COMPLAIN_S  1      /* between two error lines */


static ngx_int_t ngx_oscp_ingest_load(ngx_oscp_redis_t *redis,
    ngx_oscp_redis_command_t *command, void *data);
static ngx_int_t ngx_oscp_ingest_loaded(const redisReply *reply, void *data);

static void ngx_oscp_ingest_flush_handler(ngx_event_t *ev);
static ngx_oscp_batch_t *ngx_oscp_ingest_gather(ngx_oscp_ingest_t *ingest);
static ngx_oscp_batch_t *ngx_oscp_ingest_batch(ngx_oscp_ingest_t *ingest);
static ngx_int_t ngx_oscp_ingest_send(ngx_oscp_ingest_t *ingest,
    ngx_oscp_batch_t *batch);
static void ngx_oscp_ingest_add(ngx_oscp_ingest_t *ingest,
    ngx_oscp_redis_args_t *args, const void *data, size_t len);
static void ngx_oscp_ingest_add_keys(ngx_oscp_ingest_t *ingest,
    ngx_oscp_redis_args_t *args, const ngx_oscp_entry_t *entry, u_char *text);
static void ngx_oscp_ingest_add_values(ngx_oscp_ingest_t *ingest,
    ngx_oscp_redis_args_t *args, const ngx_oscp_entry_t *entry, u_char *text);

static void ngx_oscp_ingest_reply(ngx_oscp_redis_command_t *command,
    redisReply *reply);
static ngx_uint_t ngx_oscp_ingest_usable(ngx_oscp_ingest_t *ingest,
    const ngx_oscp_batch_t *batch, const redisReply *reply);
static ngx_oscp_ingest_outcome_e ngx_oscp_ingest_outcome(
    const redisReply *reply, ngx_str_t *id);
static void ngx_oscp_ingest_again(ngx_oscp_ingest_t *ingest,
    ngx_oscp_batch_t *batch);
static void ngx_oscp_ingest_done(ngx_oscp_entry_t *entry,
    ngx_oscp_ingest_outcome_e outcome, const ngx_str_t *id);
static void ngx_oscp_ingest_release(ngx_oscp_ingest_t *ingest,
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
    ngx_oscp_redis_step_t  step;

    ingest->redis = options->redis;
    ingest->pool = options->pool;
    ingest->log = options->log;
    ingest->streams = options->streams;
    ingest->backlog = options->backlog;
    ingest->timeout = options->timeout;

    ngx_queue_init(&ingest->ready);
    ngx_queue_init(&ingest->sent);

    ingest->flush.handler = ngx_oscp_ingest_flush_handler;
    ingest->flush.data = ingest;
    ingest->flush.log = ingest->log;

    ingest->expiry.handler = ngx_oscp_ingest_expiry_handler;
    ingest->expiry.data = ingest;
    ingest->expiry.log = ingest->log;
    ingest->expiry.cancelable = 1;

    step.name = "SCRIPT LOAD";
    step.send = ngx_oscp_ingest_load;
    step.check = ngx_oscp_ingest_loaded;
    step.data = ingest;

    ngx_oscp_redis_add_step(ingest->redis, &step);
}


static ngx_int_t
ngx_oscp_ingest_load(ngx_oscp_redis_t *redis,
    ngx_oscp_redis_command_t *command, void *data)
{
    size_t                 lens[3];
    const char            *values[3];
    ngx_oscp_redis_args_t  args = { 3, values, lens };

    values[0] = "SCRIPT";
    lens[0] = sizeof("SCRIPT") - 1;
    values[1] = "LOAD";
    lens[1] = sizeof("LOAD") - 1;
    values[2] = (char *) ngx_oscp_script_ingest.data;
    lens[2] = ngx_oscp_script_ingest.len;

    return ngx_oscp_redis_send_step(redis, command, &args);
}


static ngx_int_t
ngx_oscp_ingest_loaded(const redisReply *reply, void *data)
{
    ngx_oscp_ingest_t  *ingest = data;

    if (reply->type != REDIS_REPLY_STRING
        || (size_t) reply->len != sizeof(ingest->sha))
    {
        return NGX_ERROR;
    }

    ngx_memcpy(ingest->sha, reply->str, sizeof(ingest->sha));
    ingest->by_source = 0;

    return NGX_OK;
}


ngx_int_t
ngx_oscp_ingest_submit(ngx_oscp_ingest_t *ingest, ngx_oscp_entry_t *entry)
{
    if (ingest->redis->state == NGX_OSCP_REDIS_WAITING) {
        return NGX_DECLINED;
    }

    entry->waiting = 1;
    entry->batch = NULL;
    entry->expires = ngx_current_msec + ingest->timeout;
    ngx_queue_insert_tail(&ingest->ready, &entry->queue);

    /*
     * Nothing else keeps a worker on its way out alive for this request.  The
     * timer stays where it is while messages come and go.
     */
    ingest->expiry.cancelable = 0;

    if (!ingest->expiry.timer_set) {
        ngx_add_timer(&ingest->expiry, ingest->timeout);
    }

    if (ingest->redis->state == NGX_OSCP_REDIS_READY
        && !ingest->flush.posted)
    {
        ngx_post_event(&ingest->flush, &ngx_posted_events);
    }

    return NGX_OK;
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
    if (ingest->redis->state != NGX_OSCP_REDIS_CONNECTING
        && !ngx_queue_empty(&ingest->ready)
        && !ingest->flush.posted)
    {
        ngx_post_event(&ingest->flush, &ngx_posted_events);
    }
}


/* The end of a turn: everything that is ready goes out, or learns it cannot. */
static void
ngx_oscp_ingest_flush_handler(ngx_event_t *ev)
{
    ngx_oscp_batch_t   *batch;
    ngx_oscp_ingest_t  *ingest = ev->data;

    if (ingest->redis->state == NGX_OSCP_REDIS_CONNECTING) {
        return;
    }

    while (!ngx_queue_empty(&ingest->ready)) {

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


/* The oldest entry, and those of its shard that fit beside it. */
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
    bytes = 0;

    for ( /* void */ ; q != ngx_queue_sentinel(&ingest->ready); q = next) {

        next = ngx_queue_next(q);
        entry = ngx_queue_data(q, ngx_oscp_entry_t, queue);

        if (entry->connection->shard != shard) {
            continue;
        }

        if (batch->n == NGX_OSCP_INGEST_BATCH_MESSAGES
            || (batch->n
                && bytes + entry->body.len > NGX_OSCP_INGEST_BATCH_BYTES))
        {
            break;
        }

        bytes += entry->body.len;

        ngx_queue_remove(q);
        ngx_queue_insert_tail(&ingest->sent, q);

        entry->batch = batch;
        entry->slot = batch->n;
        batch->entries[batch->n++] = entry;
    }

    return batch;
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

    return batch;
}


static ngx_int_t
ngx_oscp_ingest_send(ngx_oscp_ingest_t *ingest, ngx_oscp_batch_t *batch)
{
    ngx_uint_t              i;
    const ngx_str_t        *stream;
    ngx_oscp_redis_args_t   args = { 0, ingest->values, ingest->lens };

    if (ingest->by_source) {
        ngx_oscp_ingest_add(ingest, &args, "EVAL", sizeof("EVAL") - 1);
        ngx_oscp_ingest_add(ingest, &args, ngx_oscp_script_ingest.data,
                            ngx_oscp_script_ingest.len);

    } else {
        ngx_oscp_ingest_add(ingest, &args, "EVALSHA", sizeof("EVALSHA") - 1);
        ngx_oscp_ingest_add(ingest, &args, ingest->sha, sizeof(ingest->sha));
    }

    stream = &ingest->streams[batch->entries[0]->connection->shard];

    ngx_oscp_ingest_add(ingest, &args, ingest->numbers[0],
                        ngx_sprintf(ingest->numbers[0], "%ui",
                                    1 + NGX_OSCP_SCRIPT_INGEST_KEYS * batch->n)
                        - ingest->numbers[0]);
    ngx_oscp_ingest_add(ingest, &args, stream->data, stream->len);

    for (i = 0; i < batch->n; i++) {
        ngx_oscp_ingest_add_keys(ingest, &args, batch->entries[i],
                                 ingest->texts[i]);
    }

    ngx_oscp_ingest_add(ingest, &args, ingest->numbers[1],
                        ngx_sprintf(ingest->numbers[1], "%ui", ingest->backlog)
                        - ingest->numbers[1]);

    for (i = 0; i < batch->n; i++) {
        ngx_oscp_ingest_add_values(ingest, &args, batch->entries[i],
                                   ingest->texts[i]);
    }

    return ngx_oscp_redis_send(ingest->redis, &batch->command, &args);
}


static void
ngx_oscp_ingest_add(ngx_oscp_ingest_t *ingest, ngx_oscp_redis_args_t *args,
    const void *data, size_t len)
{
    ingest->values[args->n] = data;
    ingest->lens[args->n++] = len;
}


/* The `seen` key begins at `text`; the moment of receipt goes behind it. */
static void
ngx_oscp_ingest_add_keys(ngx_oscp_ingest_t *ingest,
    ngx_oscp_redis_args_t *args, const ngx_oscp_entry_t *entry, u_char *text)
{
    u_char           *p;
    const ngx_str_t  *conn, *group, *seen;

    conn = &entry->connection->key;
    group = entry->group ? &entry->group->key : conn;
    seen = &entry->connection->seen[entry->kind];

    p = ngx_cpymem(text + OSCP_TIME_SIZE, seen->data, seen->len);
    p = ngx_cpymem(p, entry->request_id.data, entry->request_id.len);

    ngx_oscp_ingest_add(ingest, args, conn->data, conn->len);
    ngx_oscp_ingest_add(ingest, args, group->data, group->len);
    ngx_oscp_ingest_add(ingest, args, text + OSCP_TIME_SIZE,
                        p - text - OSCP_TIME_SIZE);
}


static void
ngx_oscp_ingest_add_values(ngx_oscp_ingest_t *ingest,
    ngx_oscp_redis_args_t *args, const ngx_oscp_entry_t *entry, u_char *text)
{
    size_t            len;
    const char       *message;
    const ngx_str_t  *name;

    name = &entry->connection->node.str;
    message = oscp_message_name(entry->kind);

    ngx_oscp_ingest_add(ingest, args, name->data, name->len);
    ngx_oscp_ingest_add(ingest, args, message, ngx_strlen(message));

    if (entry->group) {
        ngx_oscp_ingest_add(ingest, args, entry->group->node.str.data,
                            entry->group->node.str.len);
    } else {
        ngx_oscp_ingest_add(ingest, args, "", 0);
    }

    ngx_oscp_ingest_add(ingest, args, entry->request_id.data,
                        entry->request_id.len);
    ngx_oscp_ingest_add(ingest, args, entry->correlation_id.data,
                        entry->correlation_id.len);
    ngx_oscp_ingest_add(ingest, args, entry->segment.data, entry->segment.len);

    len = oscp_time_format(entry->at, (char *) text);
    ngx_oscp_ingest_add(ingest, args, text, len);

    ngx_oscp_ingest_add(ingest, args, entry->body.data, entry->body.len);
}


static void
ngx_oscp_ingest_reply(ngx_oscp_redis_command_t *command, redisReply *reply)
{
    ngx_str_t                   id;
    ngx_uint_t                  i;
    ngx_oscp_batch_t           *batch = (ngx_oscp_batch_t *) command;
    ngx_oscp_ingest_t          *ingest = command->data;
    ngx_oscp_ingest_outcome_e   outcome;

    if (reply && reply->type == REDIS_REPLY_ERROR
        && ngx_strncmp(reply->str, "NOSCRIPT", 8) == 0)
    {
        ngx_oscp_ingest_again(ingest, batch);
        return;
    }

    if (!ngx_oscp_ingest_usable(ingest, batch, reply)) {
        ngx_oscp_ingest_fail(ingest, batch);
        return;
    }

    ingest->by_source = 0;

    /* Finishing one request may end others: each slot is read in its turn. */
    for (i = 0; i < batch->n; i++) {
        if (batch->entries[i]) {
            outcome = ngx_oscp_ingest_outcome(reply->element[i], &id);
            ngx_oscp_ingest_done(batch->entries[i], outcome, &id);
        }
    }

    ngx_oscp_ingest_release(ingest, batch);
}


static ngx_uint_t
ngx_oscp_ingest_usable(ngx_oscp_ingest_t *ingest,
    const ngx_oscp_batch_t *batch, const redisReply *reply)
{
    if (reply == NULL) {
        return 0;
    }

    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == batch->n) {
        return 1;
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


/* What the script says of one message; `id` is filled when it was stored. */
static ngx_oscp_ingest_outcome_e
ngx_oscp_ingest_outcome(const redisReply *reply, ngx_str_t *id)
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

    if ((reply->type != REDIS_REPLY_STRING && reply->type != REDIS_REPLY_STATUS)
        || reply->len == 0)
    {
        return NGX_OSCP_INGEST_UNAVAILABLE;
    }

    if (reply->str[0] >= '0' && reply->str[0] <= '9') {
        id->data = (u_char *) reply->str;
        id->len = reply->len;
        return NGX_OSCP_INGEST_STORED;
    }

    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if ((size_t) reply->len == words[i].word.len
            && ngx_memcmp(reply->str, words[i].word.data, reply->len) == 0)
        {
            return words[i].outcome;
        }
    }

    return NGX_OSCP_INGEST_UNAVAILABLE;
}


/*
 * Redis has dropped its scripts: nothing of the batch has happened.  Its
 * entries go back to the head of the line, and the source with them.
 */
static void
ngx_oscp_ingest_again(ngx_oscp_ingest_t *ingest, ngx_oscp_batch_t *batch)
{
    ngx_uint_t         i;
    ngx_oscp_entry_t  *entry;

    ingest->by_source = 1;

    for (i = batch->n; i > 0; i--) {
        entry = batch->entries[i - 1];

        if (entry) {
            entry->batch = NULL;
            ngx_queue_remove(&entry->queue);
            ngx_queue_insert_head(&ingest->ready, &entry->queue);
        }
    }

    ngx_oscp_ingest_release(ingest, batch);
    ngx_oscp_ingest_notify(ingest);
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
    ngx_msec_int_t      rest, sent;
    ngx_oscp_ingest_t  *ingest = ev->data;

    sent = ngx_oscp_ingest_expire(&ingest->sent);
    rest = ngx_oscp_ingest_expire(&ingest->ready);

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
                                && ngx_queue_empty(&ingest->sent);
}
