/*
 * hiredis's asynchronous interface on nginx's event loop: the adapter, and
 * nothing else.
 *
 * The socket belongs to hiredis: it alone closes it.  Its events are level
 * triggered, so that one read per turn of the loop is enough and no reading
 * has to recurse.  Commands of one turn are written together, by a posted
 * event at its end.  That holds with TLS too: hiredis reads whole records, so
 * that none waits in OpenSSL while the socket is empty.
 */

#ifndef NGX_OSCP_REDIS_EVENT_H
#define NGX_OSCP_REDIS_EVENT_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <hiredis/hiredis.h>
#include <hiredis/async.h>

/* Lives with the caller, longer than the connection of hiredis. */
typedef struct {
    redisAsyncContext  *ac;             /* NULL while detached */
    ngx_connection_t   *connection;     /* its events; NULL while detached */
    ngx_event_t         flush;          /* posted while there is to write */
    ngx_uint_t          writing;        /* inside hiredis's write */
    ngx_uint_t          secure;         /* set by the caller: speaks TLS */

    /*
     * Called once, when hiredis lets go of the socket: `ac` is about to be
     * freed, its err and errstr may still be read.
     */
    void              (*detached)(void *data, const redisAsyncContext *ac);
    void               *data;
} ngx_oscp_redis_event_t;

/*
 * Attaches `ac`, which must have come from redisAsyncConnect*() without an
 * error and to which no command was given yet.  `event` was zeroed before the
 * first use and has `detached` and `data` set.
 *
 * Returns NGX_OK; then hiredis's own cleanup detaches again.  NGX_ERROR when
 * nginx has no free connection: the caller frees `ac`.
 */
ngx_int_t ngx_oscp_redis_event_attach(ngx_oscp_redis_event_t *event,
    redisAsyncContext *ac, ngx_log_t *log);

/*
 * Writes now what has been gathered, not at the end of the turn.  The
 * connection may end in here, with all that its end entails.  Harmless when
 * there is nothing to write.
 */
void ngx_oscp_redis_event_flush(ngx_oscp_redis_event_t *event);

#endif /* NGX_OSCP_REDIS_EVENT_H */
