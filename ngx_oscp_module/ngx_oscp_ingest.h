/*
 * Messages on their way into Redis: what became ready in one turn of the event
 * loop goes out in one command, and each message learns what became of it.
 * Requests with measurement samples take the same way into another stream.
 */

#ifndef NGX_OSCP_INGEST_H
#define NGX_OSCP_INGEST_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_oscp_ack.h"
#include "ngx_oscp_batch.h"
#include "ngx_oscp_store.h"

/* When so much is ready Redis begins with it before the turn has ended. */
#define NGX_OSCP_INGEST_PUSH_MESSAGES   8
#define NGX_OSCP_INGEST_PUSH_BYTES      24576

typedef enum {
    NGX_OSCP_INGEST_STORED = 0,
    NGX_OSCP_INGEST_DUPLICATE,
    NGX_OSCP_INGEST_REFUSED,            /* closed by the operator */
    NGX_OSCP_INGEST_BACKLOG,
    NGX_OSCP_INGEST_UNAVAILABLE
} ngx_oscp_ingest_outcome_e;

/* One per nginx worker process. */
typedef struct {
    ngx_oscp_store_t           *store;
    ngx_pool_t                 *pool;       /* of batches and WAITs */
    ngx_log_t                  *log;
    const ngx_oscp_ack_conf_t  *ack;
    ngx_msec_t                  timeout;

    ngx_queue_t                 ready;      /* entries not yet sent */
    ngx_queue_t                 held;       /* those whose node is not READY,
                                               or waits for its replicas */
    ngx_uint_t                  nready;     /* since the last flush: entries, */
    size_t                      ready_bytes;    /* and bytes of their bodies */
    ngx_queue_t                 sent;       /* entries under way */
    ngx_queue_t                 acks;       /* of ngx_oscp_ack_t, in use */
    ngx_oscp_batch_t           *free;
    ngx_oscp_ack_t             *free_acks;
    ngx_event_t                 flush;      /* posted when there is to send */
    ngx_event_t                 expiry;     /* timer: entries that waited
                                               enough */
    time_t                      complained; /* of too few replicas */
    ngx_oscp_batch_writer_t     writer;
} ngx_oscp_ingest_t;

typedef struct {
    ngx_oscp_store_t           *store;
    ngx_pool_t                 *pool;
    ngx_log_t                  *log;
    const ngx_str_t            *streams[NGX_OSCP_STREAM_COUNT];
    const ngx_str_t            *verdicts;
    ngx_uint_t                  backlog;
    const ngx_oscp_ack_conf_t  *ack;
    ngx_msec_t                  timeout;
} ngx_oscp_ingest_options_t;

/* Prepares `ingest`, zeroed by the caller. */
void ngx_oscp_ingest_init(ngx_oscp_ingest_t *ingest,
    const ngx_oscp_ingest_options_t *options);

/*
 * Takes a message.  Returns NGX_OK, and its handler will be called, never
 * before this returns and at the latest after the timeout; or NGX_DECLINED
 * when Redis is away: the message is not taken.
 */
ngx_int_t ngx_oscp_ingest_submit(ngx_oscp_ingest_t *ingest,
    ngx_oscp_entry_t *entry);

/*
 * Called when nothing more is to be done for a request whose message was
 * submitted: sends what is ready if it has become much, so that Redis works
 * while nginx reads on.  Handlers may be called in here, that of the message
 * just submitted among them.
 */
void ngx_oscp_ingest_push(ngx_oscp_ingest_t *ingest);

/*
 * Nobody waits for the entry any more: its handler will not be called.  What
 * is sent already may well be stored.  Harmless for an entry that is done.
 */
void ngx_oscp_ingest_cancel(ngx_oscp_ingest_t *ingest,
    ngx_oscp_entry_t *entry);

/* To be called when a state of the store may have changed. */
void ngx_oscp_ingest_notify(ngx_oscp_ingest_t *ingest);

#endif /* NGX_OSCP_INGEST_H */
