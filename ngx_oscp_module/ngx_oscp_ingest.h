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

#include "oscp_key.h"
#include "oscp_message.h"
#include "oscp_sample.h"

#include "ngx_oscp_connection.h"
#include "ngx_oscp_redis.h"
#include "ngx_oscp_script.h"
#include "ngx_oscp_store.h"

#define NGX_OSCP_INGEST_BATCH_MESSAGES  64
#define NGX_OSCP_INGEST_BATCH_BYTES     65536   /* of bodies */
#define NGX_OSCP_INGEST_BATCH_SAMPLES   OSCP_SAMPLE_LIST_MAX

/* "1000 12 1": an entry's samples, its groups, and whether it has an id. */
#define NGX_OSCP_INGEST_COUNTS_SIZE     (2 * NGX_INT_T_LEN + 4)

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

/* Where entries go: each batch is for one of them. */
typedef enum {
    NGX_OSCP_INGEST_IN = 0,             /* the stream of messages */
    NGX_OSCP_INGEST_METER,              /* that of samples */
    NGX_OSCP_INGEST_STREAMS
} ngx_oscp_ingest_stream_e;

typedef struct ngx_oscp_entry_s  ngx_oscp_entry_t;
typedef struct ngx_oscp_batch_s  ngx_oscp_batch_t;

/*
 * One message, or the samples of one request: all of them are stored or none.
 * It and all that it points to belong to the caller, and stay until the handler
 * is called or the entry is cancelled.
 */
struct ngx_oscp_entry_s {
    const ngx_oscp_connection_t  *connection;
    const ngx_oscp_group_t       *group;         /* NULL: no group's message */
    oscp_message_kind_t           kind;
    ngx_str_t                     request_id;    /* empty: samples only */
    ngx_str_t                     correlation_id;
    ngx_str_t                     segment;       /* "3/7" or empty */
    ngx_str_t                     body;
    oscp_ms_t                     at;            /* the moment of receipt */

    /*
     * NULL: a message.  Else group, kind, correlation_id, segment and at are
     * not looked at, and body counts only for its length.
     */
    const oscp_sample_list_t     *samples;
    const ngx_oscp_group_t      **groups;        /* of the samples, each once */
    ngx_uint_t                    ngroups;

    /*
     * Called once; `id` is the stream entry's (of several, the first's) when
     * STORED, else NULL, and ends with the call.
     */
    void                        (*handler)(ngx_oscp_entry_t *entry,
                                           ngx_oscp_ingest_outcome_e outcome,
                                           const ngx_str_t *id);
    void                         *data;

    /* The rest is ours; zeroed by the caller. */
    ngx_queue_t                   queue;
    ngx_msec_t                    expires;
    ngx_oscp_batch_t             *batch;         /* NULL: not yet sent */
    ngx_uint_t                    slot;          /* in the batch */
    ngx_uint_t                    waiting;       /* the handler is due */
};

/* A command under way; taken from a list of free ones, and given back. */
struct ngx_oscp_batch_s {
    ngx_oscp_redis_command_t  command;
    ngx_oscp_batch_t         *next;              /* while free */
    ngx_oscp_ingest_stream_e  stream;
    ngx_uint_t                shard;
    ngx_uint_t                n;
    ngx_oscp_entry_t         *entries[NGX_OSCP_INGEST_BATCH_MESSAGES];
                                                 /* NULL: cancelled */
    ngx_uint_t                adds[NGX_OSCP_INGEST_BATCH_MESSAGES];
                                                 /* XADDs of each entry */
    ngx_uint_t                nadds;             /* and of all */
};

/*
 * EVAL, the source, the number of keys, two keys; …; the backlog.  For samples
 * two keys, those of the groups and a line of numbers each.
 */
#define NGX_OSCP_INGEST_ARGS                                                  \
    (6 + NGX_OSCP_INGEST_BATCH_MESSAGES * NGX_OSCP_SCRIPT_JUDGE_KEYS          \
     + NGX_OSCP_INGEST_BATCH_SAMPLES)

/* One per nginx worker process. */
typedef struct {
    ngx_oscp_store_t   *store;
    ngx_pool_t         *pool;           /* of batches */
    ngx_log_t          *log;
    const ngx_str_t    *streams[NGX_OSCP_INGEST_STREAMS];  /* of each shard */
    const ngx_str_t    *verdicts;       /* the key of each shard's verdicts */
    ngx_uint_t          backlog;
    ngx_msec_t          timeout;

    ngx_queue_t         ready;          /* entries not yet sent */
    ngx_queue_t         held;           /* those whose node is not READY */
    ngx_uint_t          nready;         /* since the last flush: entries, */
    size_t              ready_bytes;    /* and bytes of their bodies */
    ngx_queue_t         sent;           /* entries under way */
    ngx_oscp_batch_t   *free;
    ngx_event_t         flush;          /* posted when there is to send */
    ngx_event_t         expiry;         /* timer: entries that waited enough */
    time_t              complained;     /* when an error reply was logged */

    /* One command's arguments, and the texts that exist nowhere else. */
    const char         *values[NGX_OSCP_INGEST_ARGS];
    size_t              lens[NGX_OSCP_INGEST_ARGS];
    u_char              texts[NGX_OSCP_INGEST_BATCH_MESSAGES]
                             [OSCP_KEY_SIZE];
    u_char              numbers[2][NGX_INT_T_LEN];
    u_char              counts[NGX_OSCP_INGEST_BATCH_MESSAGES]
                              [NGX_OSCP_INGEST_COUNTS_SIZE];
} ngx_oscp_ingest_t;

typedef struct {
    ngx_oscp_store_t  *store;
    ngx_pool_t        *pool;
    ngx_log_t         *log;
    const ngx_str_t   *streams[NGX_OSCP_INGEST_STREAMS];
    const ngx_str_t   *verdicts;
    ngx_uint_t         backlog;
    ngx_msec_t         timeout;
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
