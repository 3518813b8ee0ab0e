/*
 * The six hooks between hiredis and nginx's event loop.
 *
 * hiredis frees its context inside its own read and write functions when the
 * connection ends.  Nothing here looks at the context after calling them: the
 * adapter itself outlives it, and its cleanup hook has noted the end.
 */

#include "ngx_oscp_redis_event.h"
#include "ngx_oscp_tls.h"


static void ngx_oscp_redis_event_read_handler(ngx_event_t *rev);
static void ngx_oscp_redis_event_write_handler(ngx_event_t *wev);
static void ngx_oscp_redis_event_flush_handler(ngx_event_t *ev);
static void ngx_oscp_redis_event_write(ngx_oscp_redis_event_t *event);

static void ngx_oscp_redis_event_add_read(void *data);
static void ngx_oscp_redis_event_del_read(void *data);
static void ngx_oscp_redis_event_add_write(void *data);
static void ngx_oscp_redis_event_del_write(void *data);
static void ngx_oscp_redis_event_cleanup(void *data);


ngx_int_t
ngx_oscp_redis_event_attach(ngx_oscp_redis_event_t *event,
    redisAsyncContext *ac, ngx_log_t *log)
{
    ngx_connection_t  *c;

    c = ngx_get_connection(ac->c.fd, log);
    if (c == NULL) {
        return NGX_ERROR;
    }

    c->data = event;
    c->log = log;
    c->number = ngx_atomic_fetch_add(ngx_connection_counter, 1);

    c->read->handler = ngx_oscp_redis_event_read_handler;
    c->read->log = log;
    c->write->handler = ngx_oscp_redis_event_write_handler;
    c->write->log = log;

    event->ac = ac;
    event->connection = c;
    event->writing = 0;

    event->flush.handler = ngx_oscp_redis_event_flush_handler;
    event->flush.data = event;
    event->flush.log = log;

    ac->ev.data = event;
    ac->ev.addRead = ngx_oscp_redis_event_add_read;
    ac->ev.delRead = ngx_oscp_redis_event_del_read;
    ac->ev.addWrite = ngx_oscp_redis_event_add_write;
    ac->ev.delWrite = ngx_oscp_redis_event_del_write;
    ac->ev.cleanup = ngx_oscp_redis_event_cleanup;

    return NGX_OK;
}


static void
ngx_oscp_redis_event_read_handler(ngx_event_t *rev)
{
    ngx_connection_t        *c = rev->data;
    ngx_oscp_redis_event_t  *event = c->data;

    if (event->secure) {
        ngx_oscp_tls_clear();
        redisAsyncHandleRead(event->ac);
        ngx_oscp_tls_clear();
        return;
    }

    redisAsyncHandleRead(event->ac);
}


static void
ngx_oscp_redis_event_write_handler(ngx_event_t *wev)
{
    ngx_connection_t  *c = wev->data;

    ngx_oscp_redis_event_write(c->data);
}


static void
ngx_oscp_redis_event_flush_handler(ngx_event_t *ev)
{
    ngx_oscp_redis_event_write(ev->data);
}


void
ngx_oscp_redis_event_flush(ngx_oscp_redis_event_t *event)
{
    if (event->ac && event->flush.posted) {
        ngx_delete_posted_event(&event->flush);
        ngx_oscp_redis_event_write(event);
    }
}


static void
ngx_oscp_redis_event_write(ngx_oscp_redis_event_t *event)
{
    event->writing = 1;

    if (event->secure) {
        ngx_oscp_tls_clear();
    }

    redisAsyncHandleWrite(event->ac);

    if (event->secure) {
        ngx_oscp_tls_clear();
    }

    event->writing = 0;
}


static void
ngx_oscp_redis_event_add_read(void *data)
{
    ngx_event_t             *rev;
    ngx_oscp_redis_event_t  *event = data;

    rev = event->connection->read;

    /* Failing, it has logged itself; the reply's deadline ends the wait. */
    if (!rev->active) {
        (void) ngx_add_event(rev, NGX_READ_EVENT, NGX_LEVEL_EVENT);
    }
}


static void
ngx_oscp_redis_event_del_read(void *data)
{
    ngx_event_t             *rev;
    ngx_oscp_redis_event_t  *event = data;

    rev = event->connection->read;

    if (rev->active) {
        (void) ngx_del_event(rev, NGX_READ_EVENT, 0);
    }
}


/*
 * Called for every command.  The socket nearly always takes what one turn of
 * the loop has gathered: only while it connects, and when a write has left
 * something over, is the kernel asked to tell when it is writable.
 */
static void
ngx_oscp_redis_event_add_write(void *data)
{
    ngx_event_t             *wev;
    ngx_oscp_redis_event_t  *event = data;

    wev = event->connection->write;

    if (wev->active) {
        return;
    }

    if (event->writing || !(event->ac->c.flags & REDIS_CONNECTED)) {
        (void) ngx_add_event(wev, NGX_WRITE_EVENT, NGX_LEVEL_EVENT);

    } else if (!event->flush.posted) {
        ngx_post_event(&event->flush, &ngx_posted_events);
    }
}


static void
ngx_oscp_redis_event_del_write(void *data)
{
    ngx_event_t             *wev;
    ngx_oscp_redis_event_t  *event = data;

    wev = event->connection->write;

    if (wev->active) {
        (void) ngx_del_event(wev, NGX_WRITE_EVENT, 0);
    }
}


/*
 * The socket is still open and hiredis closes it next: both events leave the
 * kernel's list now, and the connection goes back to nginx as a shared one,
 * which ngx_close_connection() releases without closing.
 */
static void
ngx_oscp_redis_event_cleanup(void *data)
{
    ngx_connection_t         *c;
    redisAsyncContext        *ac;
    ngx_oscp_redis_event_t   *event = data;

    ac = event->ac;
    c = event->connection;

    if (c == NULL) {
        return;
    }

    ngx_oscp_redis_event_del_read(event);
    ngx_oscp_redis_event_del_write(event);

    if (event->flush.posted) {
        ngx_delete_posted_event(&event->flush);
    }

    event->connection = NULL;
    event->ac = NULL;

    ngx_memzero(&ac->ev, sizeof(ac->ev));

    c->shared = 1;
    ngx_close_connection(c);

    event->detached(event->data, ac);
}
