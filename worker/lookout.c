/*
 * Keeps asking the sentinels.
 */

#include <stdlib.h>

#include "clock.h"
#include "lookout.h"
#include "node.h"


#define LOOKOUT_PAUSE_MS   500


TAILQ_HEAD(lookout_members, worker_lookout_member);

struct worker_lookout {
    struct worker_node      *node;
    struct event            *timer;
    struct lookout_members   members;
};


static void
lookout_pause(struct worker_lookout *lookout)
{
    struct timeval  tv = worker_clock_timeval(LOOKOUT_PAUSE_MS);

    event_add(lookout->timer, &tv);
}


static void
callback_found(void *arg, const oscp_host_t *host)
{
    oscp_host_t                    master = *host;
    struct worker_lookout         *lookout = arg;
    struct worker_lookout_member  *member;

    lookout_pause(lookout);

    TAILQ_FOREACH(member, &lookout->members, next) {
        member->told(member->arg, &master);
    }
}


static void
callback_missed(void *arg, const char *why)
{
    (void) why;

    lookout_pause(arg);
}


static void
callback_timer(evutil_socket_t fd, short what, void *arg)
{
    struct worker_lookout  *lookout = arg;

    (void) fd;
    (void) what;

    worker_node_find(lookout->node);
}


void
worker_lookout_join(struct worker_lookout *lookout,
    struct worker_lookout_member *member)
{
    TAILQ_INSERT_TAIL(&lookout->members, member, next);
}


void
worker_lookout_leave(struct worker_lookout *lookout,
    struct worker_lookout_member *member)
{
    TAILQ_REMOVE(&lookout->members, member, next);
}


struct worker_lookout *
worker_lookout_create(struct event_base *base,
    const struct worker_redis_conf *conf)
{
    struct worker_lookout  *lookout;

    static const struct worker_node_use  use = {
        callback_found, callback_missed
    };

    lookout = calloc(1, sizeof(*lookout));
    if (lookout == NULL) {
        return NULL;
    }

    TAILQ_INIT(&lookout->members);
    lookout->node = worker_node_create(base, conf, "", &use, lookout);
    lookout->timer = evtimer_new(base, callback_timer, lookout);

    if (lookout->node == NULL || lookout->timer == NULL) {
        worker_lookout_free(lookout);
        return NULL;
    }

    lookout_pause(lookout);

    return lookout;
}


void
worker_lookout_free(struct worker_lookout *lookout)
{
    if (lookout == NULL) {
        return;
    }

    worker_node_free(lookout->node);

    if (lookout->timer != NULL) {
        event_free(lookout->timer);
    }

    free(lookout);
}
