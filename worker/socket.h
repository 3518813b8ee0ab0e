/*
 * A connection of hiredis on the event loop: the adapter, and nothing else.
 * hiredis brings one along, which takes memory for granted.
 */

#ifndef WORKER_SOCKET_H
#define WORKER_SOCKET_H

#include <event2/event.h>
#include <hiredis/async.h>

/*
 * Lets `base` move `ac`, which frees what that takes at its end.  Returns 0,
 * or -1: no memory, and `ac` is as it was.
 */
int worker_socket_attach(struct event_base *base, redisAsyncContext *ac);

#endif /* WORKER_SOCKET_H */
