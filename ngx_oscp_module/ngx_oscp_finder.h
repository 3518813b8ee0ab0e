/*
 * Where Redis is at this moment: asks sentinels for the master, or nodes of a
 * cluster for the slots, one after the other until one gives an answer that is
 * of use.
 */

#ifndef NGX_OSCP_FINDER_H
#define NGX_OSCP_FINDER_H

#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_oscp_redis.h"

typedef struct {
    ngx_oscp_redis_t              redis;    /* to whom is being asked */
    const ngx_oscp_redis_conf_t  *conf;
    ngx_uint_t                    left;     /* of this search, not yet asked */
    ngx_uint_t                    running;
    const redisReply             *reply;    /* inside `found` */

    /*
     * Called with every answer, to take from it what ngx_oscp_finder_place()
     * reads.  NGX_OK: it is of use, the search ends; NGX_ERROR: the next one
     * is asked, redis.reason says why.
     */
    ngx_int_t                   (*found)(void *data);

    /* The search has ended; 0: nobody had an answer of use. */
    void                        (*ended)(void *data, ngx_uint_t found);
    void                         *data;
} ngx_oscp_finder_t;

/* Prepares `finder`, zeroed by the caller, which has set the last three. */
void ngx_oscp_finder_init(ngx_oscp_finder_t *finder,
    const ngx_oscp_redis_conf_t *conf, ngx_log_t *log);

/*
 * Begins a search among these, which are the caller's and stay until it has
 * ended; `next` is 1 to begin with another one than last time.  Not to be
 * called while a search is running.
 */
void ngx_oscp_finder_start(ngx_oscp_finder_t *finder,
    const ngx_oscp_redis_peer_t *peers, ngx_uint_t npeers, ngx_uint_t next);

/* Ends for good, without a word. */
void ngx_oscp_finder_stop(ngx_oscp_finder_t *finder);

/*
 * Inside `found`: where the slot is served, or, of a sentinel's answer, where
 * the master is.  NGX_OK with `peer` filled; or NGX_ERROR with redis.reason.
 */
ngx_int_t ngx_oscp_finder_place(ngx_oscp_finder_t *finder, ngx_uint_t slot,
    ngx_oscp_redis_peer_t *peer);

#endif /* NGX_OSCP_FINDER_H */
