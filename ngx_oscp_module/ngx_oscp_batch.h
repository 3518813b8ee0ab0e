/*
 * A batch of entries for one stream of one shard, as one transaction in Redis:
 * its commands, and what the reply says of each entry.
 */

#ifndef NGX_OSCP_BATCH_H
#define NGX_OSCP_BATCH_H

#include <ngx_config.h>
#include <ngx_core.h>

#include "oscp_key.h"
#include "oscp_message.h"
#include "oscp_sample.h"

#include "ngx_oscp_ack.h"
#include "ngx_oscp_connection.h"
#include "ngx_oscp_redis.h"
#include "ngx_oscp_script.h"

#define NGX_OSCP_BATCH_MESSAGES     64
#define NGX_OSCP_BATCH_BYTES        65536   /* of bodies */
#define NGX_OSCP_BATCH_SAMPLES      OSCP_SAMPLE_LIST_MAX

/* "1000 12 1": an entry's samples, its groups, and whether it has an id. */
#define NGX_OSCP_BATCH_COUNTS_SIZE  (2 * NGX_INT_T_LEN + 4)

#define NGX_OSCP_BATCH_ID_SIZE      48      /* "1700000000000-0" and longer */

/* Where entries go: each batch is for one of them. */
typedef enum {
    NGX_OSCP_STREAM_IN = 0,             /* the stream of messages */
    NGX_OSCP_STREAM_METER,              /* that of samples */
    NGX_OSCP_STREAM_COUNT
} ngx_oscp_stream_e;

typedef enum {
    NGX_OSCP_OUTCOME_STORED = 0,
    NGX_OSCP_OUTCOME_DUPLICATE,
    NGX_OSCP_OUTCOME_REFUSED,           /* closed by the operator */
    NGX_OSCP_OUTCOME_BACKLOG,
    NGX_OSCP_OUTCOME_UNAVAILABLE,
    NGX_OSCP_OUTCOME_UNREPLICATED       /* too few replicas have it */
} ngx_oscp_outcome_e;

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

    /* Called once, when the outcome is known. */
    void                        (*handler)(ngx_oscp_entry_t *entry,
                                           ngx_oscp_outcome_e outcome);
    void                         *data;

    /* The stream entry's (of several, the first's) when STORED, else empty. */
    ngx_str_t                     id;

    /* The rest is ours; zeroed by the caller. */
    ngx_queue_t                   queue;
    ngx_msec_t                    expires;
    ngx_oscp_batch_t             *batch;         /* NULL: in none */
    ngx_uint_t                    slot;          /* in the batch */
    ngx_uint_t                    waiting;       /* the handler is due */
    ngx_oscp_outcome_e            outcome;       /* until replicas have it */
    u_char                        id_text[NGX_OSCP_BATCH_ID_SIZE];
};

/* A command under way; taken from a list of free ones, and given back. */
struct ngx_oscp_batch_s {
    ngx_oscp_redis_command_t  command;
    ngx_oscp_batch_t         *next;              /* while free */
    ngx_oscp_ack_t           *ack;               /* NULL: no replica counts */
    ngx_oscp_stream_e         stream;
    ngx_uint_t                shard;
    size_t                    bytes;             /* of bodies */
    ngx_uint_t                n;
    ngx_oscp_entry_t         *entries[NGX_OSCP_BATCH_MESSAGES];
                                                 /* NULL: cancelled */

    /* Of each entry: the number of its first XADD, and how many follow. */
    ngx_uint_t                first[NGX_OSCP_BATCH_MESSAGES];
    ngx_uint_t                adds[NGX_OSCP_BATCH_MESSAGES];
    ngx_uint_t                nadds;             /* of all */
};

/*
 * EVAL, the source, the number of keys, two keys; …; the backlog.  For samples
 * two keys, those of the groups and a line of numbers each.
 */
#define NGX_OSCP_BATCH_ARGS                                                   \
    (6 + NGX_OSCP_BATCH_MESSAGES * NGX_OSCP_SCRIPT_JUDGE_KEYS                 \
     + NGX_OSCP_BATCH_SAMPLES)

/* What writing takes; one per nginx worker process. */
typedef struct {
    const ngx_str_t    *streams[NGX_OSCP_STREAM_COUNT];    /* of each shard */
    const ngx_str_t    *verdicts;       /* the key of each shard's verdicts */
    ngx_uint_t          backlog;
    ngx_log_t          *log;

    /* The rest is ours; zeroed by the caller. */
    time_t              complained;     /* when an error reply was logged */

    /* One command's arguments, and the texts that exist nowhere else. */
    const char         *values[NGX_OSCP_BATCH_ARGS];
    size_t              lens[NGX_OSCP_BATCH_ARGS];
    u_char              texts[NGX_OSCP_BATCH_MESSAGES][OSCP_KEY_SIZE];
    u_char              counts[NGX_OSCP_BATCH_MESSAGES]
                              [NGX_OSCP_BATCH_COUNTS_SIZE];
    u_char              numbers[2][NGX_INT_T_LEN];
} ngx_oscp_batch_writer_t;

/*
 * Puts an entry into a batch, which is for the shard and the stream of its
 * first one; `n`, `nadds` and `bytes` 0: it has none yet.  Returns NGX_OK;
 * NGX_DECLINED: it belongs into another; NGX_BUSY: the batch is full.
 */
ngx_int_t ngx_oscp_batch_take(ngx_oscp_batch_t *batch,
    ngx_oscp_entry_t *entry);

/*
 * Sends the transaction.  Returns NGX_OK, and batch->command's handler will be
 * called, or NGX_ERROR.
 */
ngx_int_t ngx_oscp_batch_send(ngx_oscp_batch_writer_t *w,
    ngx_oscp_redis_t *redis, ngx_oscp_batch_t *batch);

/* Whether a reply tells of every entry; what is wrong with it is logged. */
ngx_uint_t ngx_oscp_batch_usable(ngx_oscp_batch_writer_t *w,
    const ngx_oscp_batch_t *batch, const redisReply *reply);

/*
 * What a usable reply tells of the entry in a slot: any outcome but
 * UNREPLICATED.  Its `id` is filled when that is STORED.
 */
ngx_oscp_outcome_e ngx_oscp_batch_outcome(const ngx_oscp_batch_t *batch,
    ngx_uint_t slot, const redisReply *reply);

#endif /* NGX_OSCP_BATCH_H */
