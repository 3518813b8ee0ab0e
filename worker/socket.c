/*
 * The adapter.  hiredis may free its connection inside either handler, and with
 * it the structure here: nothing is touched behind the call.
 */

#include <stdlib.h>

#include "socket.h"


struct worker_socket {
    redisAsyncContext  *ac;
    struct event       *reading;
    struct event       *writing;
};


static void
callback_read(evutil_socket_t fd, short what, void *arg)
{
    struct worker_socket  *s = arg;

    (void) fd;
    (void) what;

    redisAsyncHandleRead(s->ac);
}


static void
callback_write(evutil_socket_t fd, short what, void *arg)
{
    struct worker_socket  *s = arg;

    (void) fd;
    (void) what;

    redisAsyncHandleWrite(s->ac);
}


static void
socket_add_read(void *arg)
{
    struct worker_socket  *s = arg;

    event_add(s->reading, NULL);
}


static void
socket_del_read(void *arg)
{
    struct worker_socket  *s = arg;

    event_del(s->reading);
}


static void
socket_add_write(void *arg)
{
    struct worker_socket  *s = arg;

    event_add(s->writing, NULL);
}


static void
socket_del_write(void *arg)
{
    struct worker_socket  *s = arg;

    event_del(s->writing);
}


static void
socket_cleanup(void *arg)
{
    struct worker_socket  *s = arg;

    if (s->reading != NULL) {
        event_free(s->reading);
    }

    if (s->writing != NULL) {
        event_free(s->writing);
    }

    free(s);
}


int
worker_socket_attach(struct event_base *base, redisAsyncContext *ac)
{
    struct worker_socket  *s;

    s = calloc(1, sizeof(*s));
    if (s == NULL) {
        return -1;
    }

    s->ac = ac;
    s->reading = event_new(base, ac->c.fd, EV_READ | EV_PERSIST, callback_read,
                           s);
    s->writing = event_new(base, ac->c.fd, EV_WRITE | EV_PERSIST,
                           callback_write, s);

    if (s->reading == NULL || s->writing == NULL
        || event_add(s->reading, NULL) == -1)
    {
        socket_cleanup(s);
        return -1;
    }

    ac->ev.data = s;
    ac->ev.addRead = socket_add_read;
    ac->ev.delRead = socket_del_read;
    ac->ev.addWrite = socket_add_write;
    ac->ev.delWrite = socket_del_write;
    ac->ev.cleanup = socket_cleanup;

    return 0;
}
