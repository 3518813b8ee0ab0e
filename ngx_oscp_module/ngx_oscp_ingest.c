/*
 * Batches of messages: from the requests of one turn of the event loop to one
 * transaction per shard, and from its reply back to the requests.
 *
 * An entry is in exactly one place: `ready` or `held` (no batch), `sent` (in
 * a slot of a batch), in an ack's list (no batch: stored, but not yet known to
 * be on the replicas), or nowhere.  A request that ends early cancels its
 * entry, which empties the slot: a late reply finds nobody there.
 */

#include "ngx_oscp_ingest.h"

#define NGX_OSCP_INGEST_COMPLAIN_S  1      /* between two error lines */


static void ngx_oscp_ingest_flush_handler(ngx_event_t *ev);
static ngx_uint_t ngx_oscp_ingest_must_wait(ngx_oscp_ingest_t *ingest,
    ngx_uint_t shard);
static ngx_oscp_batch_t *ngx_oscp_ingest_gather(ngx_oscp_ingest_t *ingest);
static ngx_oscp_batch_t *ngx_oscp_ingest_batch(ngx_oscp_ingest_t *ingest);
static ngx_int_t ngx_oscp_ingest_send(ngx_oscp_ingest_t *ingest,
    ngx_oscp_batch_t *batch);
static ngx_oscp_ack_t *ngx_oscp_ingest_find_ack(ngx_oscp_ingest_t *ingest,
    const ngx_oscp_redis_t *redis);
static ngx_oscp_ack_t *ngx_oscp_ingest_open_ack(ngx_oscp_ingest_t *ingest,
    ngx_oscp_redis_t *redis);
static void ngx_oscp_ingest_send_acks(ngx_oscp_ingest_t *ingest);

static void ngx_oscp_ingest_reply(ngx_oscp_redis_command_t *command,
    redisReply *reply);
static void ngx_oscp_ingest_stored(ngx_oscp_batch_t *batch,
    ngx_oscp_entry_t *entry, ngx_oscp_outcome_e outcome);
static void ngx_oscp_ingest_ack_reply(ngx_oscp_redis_command_t *command,
    redisReply *reply);
static ngx_uint_t ngx_oscp_ingest_replicated(ngx_oscp_ingest_t *ingest,
    const redisReply *reply);
static void ngx_oscp_ingest_done(ngx_oscp_entry_t *entry,
    ngx_oscp_outcome_e outcome);
static void ngx_oscp_ingest_release(ngx_oscp_ingest_t *ingest,
    ngx_oscp_batch_t *batch);
static void ngx_oscp_ingest_release_ack(ngx_oscp_ingest_t *ingest,
    ngx_oscp_ack_t *ack);
static void ngx_oscp_ingest_again(ngx_oscp_ingest_t *ingest,
    ngx_oscp_batch_t *batch);
static void ngx_oscp_ingest_fail(ngx_oscp_ingest_t *ingest,
    ngx_oscp_batch_t *batch);

static void ngx_oscp_ingest_expiry_handler(ngx_event_t *ev);
static ngx_msec_int_t ngx_oscp_ingest_sooner(ngx_msec_int_t one,
    ngx_msec_int_t two);
static ngx_msec_int_t ngx_oscp_ingest_expire(ngx_queue_t *queue);
static ngx_msec_int_t ngx_oscp_ingest_expire_acks(ngx_oscp_ingest_t *ingest);
static void ngx_oscp_ingest_hold(ngx_oscp_ingest_t *ingest);


void
ngx_oscp_ingest_init(ngx_oscp_ingest_t *ingest,
    const ngx_oscp_ingest_options_t *options)
{
    ingest->store = options->store;
    ingest->pool = options->pool;
    ingest->log = options->log;
    ingest->ack = options->ack;
    ingest->timeout = options->timeout;

    ngx_memcpy(ingest->writer.streams, options->streams,
               sizeof(options->streams));
    ingest->writer.verdicts = options->verdicts;
    ingest->writer.backlog = options->backlog;
    ingest->writer.log = options->log;

    ngx_queue_init(&ingest->ready);
    ngx_queue_init(&ingest->held);
    ngx_queue_init(&ingest->sent);
    ngx_queue_init(&ingest->acks);

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
    ngx_str_null(&entry->id);
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

    /* Behind a WAIT the rest of this turn would have to stand back. */
    if (ingest->ack->replicas) {
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

        if (ngx_oscp_ingest_must_wait(ingest, entry->connection->shard)) {
            ngx_queue_remove(q);
            ngx_queue_insert_tail(&ingest->held, q);
            continue;
        }

        batch = ngx_oscp_ingest_gather(ingest);

        if (batch == NULL) {
            /* Without memory the entries wait for their own expiry. */
            break;
        }

        if (ngx_oscp_ingest_send(ingest, batch) != NGX_OK) {
            ngx_oscp_ingest_fail(ingest, batch);
        }
    }

    ngx_oscp_ingest_send_acks(ingest);
}


/* Whether nothing can be sent for a shard now, but can soon. */
static ngx_uint_t
ngx_oscp_ingest_must_wait(ngx_oscp_ingest_t *ingest, ngx_uint_t shard)
{
    ngx_oscp_ack_t  *ack;

    if (ngx_oscp_store_state(ingest->store, shard)
        == NGX_OSCP_REDIS_CONNECTING)
    {
        return 1;
    }

    ack = ngx_oscp_ingest_find_ack(ingest,
                                   ngx_oscp_store_shard(ingest->store, shard));

    return ack && ack->state == NGX_OSCP_ACK_SENT;
}


/* The oldest entry, and those for its stream that fit beside it. */
static ngx_oscp_batch_t *
ngx_oscp_ingest_gather(ngx_oscp_ingest_t *ingest)
{
    ngx_int_t          rc;
    ngx_queue_t       *q, *next;
    ngx_oscp_batch_t  *batch;

    batch = ngx_oscp_ingest_batch(ingest);
    if (batch == NULL) {
        return NULL;
    }

    for (q = ngx_queue_head(&ingest->ready);
         q != ngx_queue_sentinel(&ingest->ready);
         q = next)
    {
        next = ngx_queue_next(q);

        rc = ngx_oscp_batch_take(batch,
                                 ngx_queue_data(q, ngx_oscp_entry_t, queue));

        if (rc == NGX_DECLINED) {
            continue;
        }

        if (rc == NGX_BUSY) {
            break;
        }

        ngx_queue_remove(q);
        ngx_queue_insert_tail(&ingest->sent, q);
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
    batch->nadds = 0;
    batch->bytes = 0;
    batch->ack = NULL;

    return batch;
}


static ngx_int_t
ngx_oscp_ingest_send(ngx_oscp_ingest_t *ingest, ngx_oscp_batch_t *batch)
{
    ngx_oscp_redis_t  *redis;

    redis = ngx_oscp_store_shard(ingest->store, batch->shard);
    if (redis == NULL) {
        return NGX_ERROR;
    }

    if (ingest->ack->replicas) {
        batch->ack = ngx_oscp_ingest_open_ack(ingest, redis);
        if (batch->ack == NULL) {
            return NGX_ERROR;
        }

        batch->ack->batches++;
    }

    return ngx_oscp_batch_send(&ingest->writer, redis, batch);
}


/* The WAIT of a connection, NULL when there is none. */
static ngx_oscp_ack_t *
ngx_oscp_ingest_find_ack(ngx_oscp_ingest_t *ingest,
    const ngx_oscp_redis_t *redis)
{
    ngx_queue_t     *q;
    ngx_oscp_ack_t  *ack;

    for (q = ngx_queue_head(&ingest->acks);
         q != ngx_queue_sentinel(&ingest->acks);
         q = ngx_queue_next(q))
    {
        ack = ngx_queue_data(q, ngx_oscp_ack_t, queue);

        if (ack->redis == redis && ack->state != NGX_OSCP_ACK_LOST) {
            return ack;
        }
    }

    return NULL;
}


/* The one that the transactions of this turn share. */
static ngx_oscp_ack_t *
ngx_oscp_ingest_open_ack(ngx_oscp_ingest_t *ingest, ngx_oscp_redis_t *redis)
{
    ngx_oscp_ack_t  *ack;

    ack = ngx_oscp_ingest_find_ack(ingest, redis);
    if (ack) {
        return ack;
    }

    ack = ingest->free_acks;

    if (ack) {
        ingest->free_acks = ack->next;

    } else {
        ack = ngx_pcalloc(ingest->pool, sizeof(ngx_oscp_ack_t));
        if (ack == NULL) {
            return NULL;
        }

        ngx_queue_init(&ack->entries);
        ack->command.handler = ngx_oscp_ingest_ack_reply;
        ack->command.data = ingest;
        ack->command.holds = 1;
    }

    ack->redis = redis;
    ack->state = NGX_OSCP_ACK_OPEN;
    ack->batches = 0;
    ngx_queue_insert_tail(&ingest->acks, &ack->queue);

    return ack;
}


/*
 * Behind the last transaction of this turn.  Where the WAIT cannot be sent the
 * connection ends, and with it every transaction that is not answered.
 */
static void
ngx_oscp_ingest_send_acks(ngx_oscp_ingest_t *ingest)
{
    ngx_queue_t     *q, *next;
    ngx_oscp_ack_t  *ack;

    for (q = ngx_queue_head(&ingest->acks);
         q != ngx_queue_sentinel(&ingest->acks);
         q = next)
    {
        next = ngx_queue_next(q);
        ack = ngx_queue_data(q, ngx_oscp_ack_t, queue);

        if (ack->state != NGX_OSCP_ACK_OPEN) {
            continue;
        }

        if (ack->batches && ngx_oscp_ack_send(ack, ingest->ack) == NGX_OK) {
            ack->state = NGX_OSCP_ACK_SENT;
            continue;
        }

        ack->state = NGX_OSCP_ACK_LOST;

        if (ack->batches) {
            ngx_oscp_redis_abort(ack->redis, "WAIT could not be sent");
            /* Others may have come and gone in there. */
            next = ngx_queue_head(&ingest->acks);

        } else {
            ngx_oscp_ingest_release_ack(ingest, ack);
        }
    }
}


static void
ngx_oscp_ingest_reply(ngx_oscp_redis_command_t *command, redisReply *reply)
{
    ngx_uint_t           i;
    ngx_oscp_batch_t    *batch = (ngx_oscp_batch_t *) command;
    ngx_oscp_ingest_t   *ingest = command->data;
    ngx_oscp_outcome_e   outcome;

    if (reply && reply->type == REDIS_REPLY_ERROR
        && ngx_oscp_store_refused(ingest->store, command->redis, batch->shard,
                                  reply)
           == NGX_AGAIN)
    {
        ngx_oscp_ingest_again(ingest, batch);
        return;
    }

    if (!ngx_oscp_batch_usable(&ingest->writer, batch, reply)) {
        ngx_oscp_ingest_fail(ingest, batch);
        return;
    }

    /* Finishing one request may end others: each slot is read in its turn. */
    for (i = 0; i < batch->n; i++) {
        if (batch->entries[i] == NULL) {
            continue;
        }

        outcome = ngx_oscp_batch_outcome(batch, i, reply);

        if (outcome == NGX_OSCP_OUTCOME_STORED
            || outcome == NGX_OSCP_OUTCOME_DUPLICATE)
        {
            ngx_oscp_ingest_stored(batch, batch->entries[i], outcome);
        } else {
            ngx_oscp_ingest_done(batch->entries[i], outcome);
        }
    }

    ngx_oscp_ingest_release(ingest, batch);
}


/* Redis has it; what remains is its replicas, where they count. */
static void
ngx_oscp_ingest_stored(ngx_oscp_batch_t *batch, ngx_oscp_entry_t *entry,
    ngx_oscp_outcome_e outcome)
{
    if (batch->ack == NULL) {
        ngx_oscp_ingest_done(entry, outcome);
        return;
    }

    if (batch->ack->state != NGX_OSCP_ACK_SENT) {
        ngx_oscp_ingest_done(entry, NGX_OSCP_OUTCOME_UNAVAILABLE);
        return;
    }

    batch->entries[entry->slot] = NULL;
    entry->batch = NULL;
    entry->outcome = outcome;

    ngx_queue_remove(&entry->queue);
    ngx_queue_insert_tail(&batch->ack->entries, &entry->queue);
}


static void
ngx_oscp_ingest_ack_reply(ngx_oscp_redis_command_t *command, redisReply *reply)
{
    ngx_queue_t         *q;
    ngx_uint_t           good;
    ngx_oscp_ack_t      *ack = (ngx_oscp_ack_t *) command;
    ngx_oscp_entry_t    *entry;
    ngx_oscp_ingest_t   *ingest = command->data;
    ngx_oscp_outcome_e   bad;

    good = ngx_queue_empty(&ack->entries)
           || ngx_oscp_ingest_replicated(ingest, reply);
    bad = reply ? NGX_OSCP_OUTCOME_UNREPLICATED : NGX_OSCP_OUTCOME_UNAVAILABLE;

    while (!ngx_queue_empty(&ack->entries)) {
        q = ngx_queue_head(&ack->entries);
        entry = ngx_queue_data(q, ngx_oscp_entry_t, queue);
        ngx_oscp_ingest_done(entry, good ? entry->outcome : bad);
    }

    ack->state = NGX_OSCP_ACK_LOST;

    if (ack->batches == 0) {
        ngx_oscp_ingest_release_ack(ingest, ack);
    }

    /* What was held back meanwhile. */
    ngx_oscp_ingest_notify(ingest);
}


static ngx_uint_t
ngx_oscp_ingest_replicated(ngx_oscp_ingest_t *ingest, const redisReply *reply)
{
    if (reply == NULL) {
        return 0;
    }

    if (reply->type == REDIS_REPLY_INTEGER
        && reply->integer >= (long long) ingest->ack->replicas)
    {
        return 1;
    }

    if (ngx_time() - ingest->complained < NGX_OSCP_INGEST_COMPLAIN_S) {
        return 0;
    }

    ingest->complained = ngx_time();

    if (reply->type == REDIS_REPLY_INTEGER) {
        ngx_log_error(NGX_LOG_ERR, ingest->log, 0,
                      "oscp: %L of %ui replicas had stored messages in time",
                      (int64_t) reply->integer, ingest->ack->replicas);

    } else if (reply->type == REDIS_REPLY_ERROR) {
        ngx_log_error(NGX_LOG_ERR, ingest->log, 0,
                      "oscp: Redis refused WAIT: \"%*s\"",
                      (size_t) reply->len, reply->str);
    }

    return 0;
}


static void
ngx_oscp_ingest_done(ngx_oscp_entry_t *entry, ngx_oscp_outcome_e outcome)
{
    entry->waiting = 0;
    ngx_queue_remove(&entry->queue);

    if (entry->batch) {
        entry->batch->entries[entry->slot] = NULL;
        entry->batch = NULL;
    }

    entry->handler(entry, outcome);
}


static void
ngx_oscp_ingest_release(ngx_oscp_ingest_t *ingest, ngx_oscp_batch_t *batch)
{
    ngx_oscp_ack_t  *ack = batch->ack;

    batch->next = ingest->free;
    ingest->free = batch;

    if (ack && --ack->batches == 0 && ack->state == NGX_OSCP_ACK_LOST) {
        ngx_oscp_ingest_release_ack(ingest, ack);
    }

    ngx_oscp_ingest_hold(ingest);
}


static void
ngx_oscp_ingest_release_ack(ngx_oscp_ingest_t *ingest, ngx_oscp_ack_t *ack)
{
    ngx_queue_remove(&ack->queue);
    ack->next = ingest->free_acks;
    ingest->free_acks = ack;

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
                                 NGX_OSCP_OUTCOME_UNAVAILABLE);
        }
    }

    ngx_oscp_ingest_release(ingest, batch);
}


static void
ngx_oscp_ingest_expiry_handler(ngx_event_t *ev)
{
    ngx_msec_int_t      rest;
    ngx_oscp_ingest_t  *ingest = ev->data;

    rest = ngx_oscp_ingest_sooner(ngx_oscp_ingest_expire(&ingest->sent),
                                  ngx_oscp_ingest_expire_acks(ingest));
    rest = ngx_oscp_ingest_sooner(rest, ngx_oscp_ingest_expire(&ingest->held));
    rest = ngx_oscp_ingest_sooner(rest, ngx_oscp_ingest_expire(&ingest->ready));

    if (rest) {
        ngx_add_timer(ev, rest);
    }

    ngx_oscp_ingest_hold(ingest);
}


/* The shorter of two times, of which 0 is none. */
static ngx_msec_int_t
ngx_oscp_ingest_sooner(ngx_msec_int_t one, ngx_msec_int_t two)
{
    return (one && (two == 0 || one < two)) ? one : two;
}


static ngx_msec_int_t
ngx_oscp_ingest_expire_acks(ngx_oscp_ingest_t *ingest)
{
    ngx_queue_t     *q;
    ngx_msec_int_t   rest = 0;
    ngx_oscp_ack_t  *ack;

    for (q = ngx_queue_head(&ingest->acks);
         q != ngx_queue_sentinel(&ingest->acks);
         q = ngx_queue_next(q))
    {
        ack = ngx_queue_data(q, ngx_oscp_ack_t, queue);
        rest = ngx_oscp_ingest_sooner(rest,
                                      ngx_oscp_ingest_expire(&ack->entries));
    }

    return rest;
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
            ngx_oscp_ingest_done(entry, NGX_OSCP_OUTCOME_UNAVAILABLE);
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
                                && ngx_queue_empty(&ingest->sent)
                                && ngx_queue_empty(&ingest->acks);
}
