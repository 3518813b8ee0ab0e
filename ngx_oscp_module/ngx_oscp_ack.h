/*
 * `oscp_ack`: a 204 waits until some replicas of Redis have what it answers
 * for, by the command WAIT behind the transactions of one turn of the event
 * loop.
 *
 * Too few in time: the entry is UNREPLICATED and the answer 503, although the
 * message stands in the stream and may take effect.  The retry, by its
 * X-Request-ID, is a duplicate, and waits as well: its transaction writes too
 * (it adds the message and takes it out again), so that the place in the
 * history up to which WAIT asks lies behind the first try's.  It is answered
 * 204 once the replicas have come that far, and the message was stored once.
 * (Samples without X-Request-ID are stored again by such a retry.)
 *
 * WAIT blocks its connection: Redis does not look at what follows before it has
 * answered it.  So nothing is sent behind one; what comes meanwhile is held
 * back, goes out together, and shares the next.  A message thus waits for one
 * WAIT in front of it and for its own, twice `timeout` at the most, however
 * many there are; that is why `timeout` is at most half of oscp_redis_timeout.
 * Other users of the connection (oscp_status) may wait for one.
 */

#ifndef NGX_OSCP_ACK_H
#define NGX_OSCP_ACK_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_oscp_redis.h"

#define NGX_OSCP_ACK_REPLICAS_MAX  16

/* `oscp_ack replicas=N [timeout=T]`; read-only. */
typedef struct {
    ngx_uint_t   replicas;              /* 0: not configured */
    ngx_msec_t   timeout;               /* 0: until the whole is read */
} ngx_oscp_ack_conf_t;

/* The directive; its ngx_oscp_ack_conf_t is at cmd->offset. */
char *ngx_oscp_ack_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/*
 * When the whole configuration is read: half of oscp_redis_timeout where no
 * `timeout` was given.  Returns NGX_OK, or NGX_ERROR after naming the mistake
 * in the log.
 */
ngx_int_t ngx_oscp_ack_finish(ngx_conf_t *cf, ngx_oscp_ack_conf_t *ack,
    ngx_msec_t redis_timeout);

typedef enum {
    NGX_OSCP_ACK_OPEN = 0,              /* its transactions are being sent */
    NGX_OSCP_ACK_SENT,                  /* WAIT is under way */
    NGX_OSCP_ACK_LOST                   /* it could not be sent, or is answered
                                           in vain */
} ngx_oscp_ack_state_e;

typedef struct ngx_oscp_ack_s  ngx_oscp_ack_t;

/* One WAIT, and what it is for. */
struct ngx_oscp_ack_s {
    ngx_oscp_redis_command_t   command;
    ngx_oscp_redis_t          *redis;
    ngx_oscp_ack_state_e       state;
    ngx_uint_t                 batches;     /* transactions not yet answered */
    ngx_queue_t                entries;     /* stored, and waiting for it */
    ngx_queue_t                queue;       /* while in use */
    ngx_oscp_ack_t            *next;        /* while free */
};

/*
 * Sends WAIT, the handler of ack->command being set.  Returns as
 * ngx_oscp_redis_send().
 */
ngx_int_t ngx_oscp_ack_send(ngx_oscp_ack_t *ack,
    const ngx_oscp_ack_conf_t *conf);

#endif /* NGX_OSCP_ACK_H */
