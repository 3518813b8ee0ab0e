/*
 * A server that we connect to, in whichever shape Redis has: what is said to it
 * first, whether it is still there, and what its refusals mean.
 */

#ifndef NGX_OSCP_NODE_H
#define NGX_OSCP_NODE_H

#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_oscp_redis.h"

/* Why a node of a cluster did not do what it was asked. */
typedef enum {
    NGX_OSCP_NODE_OTHER = 0,            /* for a reason that any server has */
    NGX_OSCP_NODE_ELSEWHERE,            /* the keys are, or are on their way */
    NGX_OSCP_NODE_DOWN                  /* the cluster has no place for them */
} ngx_oscp_node_refusal_e;

/* Taken again, for another server, when no route leads there. */
typedef struct {
    ngx_oscp_redis_t          redis;
    ngx_oscp_redis_peer_t     peer;     /* the owner's, but for one server */
    ngx_queue_t               queue;    /* the owner's */
    void                     *owner;
    ngx_uint_t                routes;   /* the owner's: how many lead here */
    ngx_oscp_node_refusal_e   refusal;  /* of a command of this transaction */
    ngx_oscp_redis_command_t  probe;
    ngx_uint_t                probing;
} ngx_oscp_node_t;

/*
 * A new one, not connected; `publish` is the last of its steps.  Of one server
 * it knows the addresses by itself and looks after the connection; else its
 * `peer` is to be set, and it to be started whenever it is WAITING.  The owner
 * sets redis.changed, called with the node.  NULL: no memory.
 */
ngx_oscp_node_t *ngx_oscp_node_create(ngx_pool_t *pool,
    const ngx_oscp_redis_conf_t *conf, const ngx_oscp_redis_step_t *publish);

/*
 * What is meant by an error in place of EXEC's reply, or of another command's
 * outside of a transaction; to be asked once for each.
 */
ngx_oscp_node_refusal_e ngx_oscp_node_refused(ngx_oscp_node_t *node,
    const redisReply *error);

/* Asks whether a READY node is still there: without an answer it is lost. */
void ngx_oscp_node_probe(ngx_oscp_node_t *node);

/* Closes what no route leads to any more, once nothing is under way there. */
void ngx_oscp_node_close_unused(ngx_oscp_node_t *node);

#endif /* NGX_OSCP_NODE_H */
