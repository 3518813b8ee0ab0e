/*
 * The lease of a shard.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "identity.h"
#include "lease.h"
#include "log.h"
#include "random.h"
#include "oscp_version.h"
#include "script.h"


#define WORKER_LEASE_TRY_MS     250     /* longest pause of a standby */
#define WORKER_LEASE_NEWER_MS   2000    /* the same where it may not be had */
#define WORKER_LEASE_JITTER     0.4
#define WORKER_LEASE_MARGIN_MS  50      /* act no longer than this before its
                                           end: what is sent takes time */


struct worker_lease {
    const struct worker_lease_conf    *conf;
    const struct worker_lease_events  *events;
    void                              *arg;
    struct worker_redis               *redis;      /* NULL when stopped */
    struct event                      *timer;      /* next try or renewal */
    struct event                      *deadline;   /* when proof ends */
    struct event                      *farewell;   /* calls released() */
    int64_t                            sent_ms;    /* boot time of the request
                                                      under way */
    int64_t                            proven_ms;  /* boot time until which it
                                                      is ours */
    char                               value[WORKER_LEASE_VALUE_SIZE];
    char                               dead[WORKER_LEASE_VALUE_SIZE];  /* what
                                                      a dead owner left; "" */
    unsigned                           waiting:1;  /* told of another owner */
    unsigned                           refused:1;  /* told of the schema */
};


static void callback_acquired(void *arg, redisReply *reply);
static void callback_renewed(void *arg, redisReply *reply);
static void callback_released(void *arg, redisReply *reply);


static void
lease_after(struct event *event, int64_t ms)
{
    struct timeval  tv = worker_clock_timeval(ms);

    event_add(event, &tv);
}


static void
lease_lost(struct worker_lease *lease, const char *why)
{
    worker_lease_drop(lease);
    lease->events->lost(lease->arg, why);
}


static void
lease_proven(struct worker_lease *lease)
{
    lease->proven_ms = lease->sent_ms + lease->conf->lease_ms
                       - WORKER_LEASE_MARGIN_MS;

    lease_after(lease->deadline, lease->proven_ms - worker_clock_boot());
    lease_after(lease->timer, lease->conf->lease_ms / 3);
}


/*
 * A server that was promoted may not know of the last renewal or owner, and one
 * who is cut off with the former master may prove its lease for as long as that
 * lasts.  So nothing is taken from another until then, unless it is dead.
 */
static int
lease_careful(const struct worker_lease *lease)
{
    int64_t  moved = worker_redis_moved_ms(lease->redis);

    return moved != 0
           && worker_clock_boot() < moved + lease->conf->lease_ms;
}


static int
lease_eval(struct worker_lease *lease, enum worker_script script,
    worker_redis_reply *reply)
{
    int          argc = 0;
    char         ms[24], at[OSCP_TIME_SIZE], schema[16], share[16];
    const char  *argv[14];

    snprintf(ms, sizeof(ms), "%lld", (long long) lease->conf->lease_ms);
    oscp_time_format(worker_clock_wall(), at);
    lease->sent_ms = worker_clock_boot();

    argv[argc++] = "EVALSHA";
    argv[argc++] = worker_script_sha(script);
    argv[argc++] = script == WORKER_SCRIPT_ACQUIRE ? "3" : "1";
    argv[argc++] = lease->conf->key;

    if (script == WORKER_SCRIPT_ACQUIRE) {
        argv[argc++] = lease->conf->standby;
        argv[argc++] = lease->conf->stats;
        argv[argc++] = lease->conf->id;

    } else {
        argv[argc++] = lease->value;
    }

    argv[argc++] = ms;

    if (script == WORKER_SCRIPT_ACQUIRE) {
        argv[argc++] = at;
        argv[argc++] = lease->dead;
        snprintf(schema, sizeof(schema), "%d", OSCP_SCHEMA);
        argv[argc++] = schema;
        argv[argc++] = lease_careful(lease) ? "1" : "0";
        snprintf(share, sizeof(share), "%u", lease->conf->share->held);
        argv[argc++] = share;
    }

    return worker_redis_command(lease->redis, argc, argv, reply, lease);
}


static void
callback_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct worker_lease  *lease = arg;

    (void) fd;
    (void) what;

    lease_lost(lease, "the lease cannot be proven any more");
}


static void
callback_farewell(evutil_socket_t fd, short what, void *arg)
{
    struct worker_lease  *lease = arg;

    (void) fd;
    (void) what;

    lease->events->released(lease->arg);
}


/* Another worker owns the shard: ask again when its time may be over. */
static void
lease_wait(struct worker_lease *lease, const redisReply *reply)
{
    int64_t                  pause = WORKER_LEASE_TRY_MS;
    struct worker_log_about  about = { .shard = lease->conf->shard };

    if (!lease->waiting) {
        lease->waiting = 1;
        worker_log(WORKER_LOG_INFO, &about, "standing by: the owner is %s",
                   reply->element[0]->str);
    }

    if (reply->element[0]->len < sizeof(lease->dead)
        && strcmp(reply->element[0]->str, lease->dead) != 0
        && worker_identity_dead(lease->conf->id, reply->element[0]->str))
    {
        memcpy(lease->dead, reply->element[0]->str, reply->element[0]->len + 1);
        worker_log(WORKER_LOG_INFO, &about, "that owner is dead");
        lease_after(lease->timer, 0);
        return;
    }

    if (reply->element[1]->integer >= 0
        && reply->element[1]->integer < pause)
    {
        pause = reply->element[1]->integer + 1;
        lease_after(lease->timer, pause);
        return;
    }

    lease_after(lease->timer, worker_random_pause(pause, WORKER_LEASE_JITTER));
}


/*
 * A newer version has been here: what it stored would be misread and spoilt.
 * Somebody may yet take that back.
 */
static void
lease_refuse(struct worker_lease *lease, const redisReply *reply)
{
    struct worker_log_about  about = { .shard = lease->conf->shard };

    if (!lease->refused) {
        lease->refused = 1;
        worker_log(WORKER_LOG_ERROR, &about, "the state in Redis has schema "
                   "%s, this worker knows up to %d: refused; it needs a newer "
                   "worker", reply->str + strlen(WORKER_SCRIPT_SCHEMA),
                   OSCP_SCHEMA);
    }

    lease_after(lease->timer, worker_random_pause(WORKER_LEASE_NEWER_MS,
                                                  WORKER_LEASE_JITTER));
}


static void
callback_acquired(void *arg, redisReply *reply)
{
    struct worker_lease  *lease = arg;

    if (lease->redis == NULL) {
        return;
    }

    if (reply->type == REDIS_REPLY_ERROR
        && strncmp(reply->str, WORKER_SCRIPT_SCHEMA,
                   strlen(WORKER_SCRIPT_SCHEMA))
           == 0)
    {
        lease_refuse(lease, reply);
        return;
    }

    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2
        && reply->element[0]->type == REDIS_REPLY_STRING
        && reply->element[1]->type == REDIS_REPLY_INTEGER)
    {
        lease_wait(lease, reply);
        return;
    }

    if (reply->type != REDIS_REPLY_STRING
        || reply->len >= sizeof(lease->value))
    {
        lease_lost(lease, reply->type == REDIS_REPLY_ERROR ? reply->str
                          : "not an answer to a request for the lease");
        return;
    }

    memcpy(lease->value, reply->str, reply->len + 1);
    lease->conf->share->held++;
    lease->waiting = 0;
    lease->refused = 0;
    lease_proven(lease);

    if (!worker_lease_held(lease)) {
        lease_lost(lease, "the lease came too late");
        return;
    }

    lease->events->taken(lease->arg);
}


/*
 * "ID HELD" of one who waits.  It owns one more when this is given to it, and
 * says so only then: one lease time lies between two.
 */
static int
lease_surplus(const struct worker_lease *lease, const redisReply *reply)
{
    unsigned                    held;
    int64_t                     now = worker_clock_boot();
    const char                 *blank = strchr(reply->str, ' ');
    struct worker_lease_share  *share = lease->conf->share;

    if (blank == NULL || sscanf(blank + 1, "%9u", &held) != 1
        || share->held < held + 2
        || (share->given_ms != 0
            && now < share->given_ms + lease->conf->lease_ms))
    {
        return 0;
    }

    share->given_ms = now;

    return 1;
}


static void
callback_renewed(void *arg, redisReply *reply)
{
    struct worker_lease  *lease = arg;

    if (lease->redis == NULL) {
        return;
    }

    if (reply->type != REDIS_REPLY_INTEGER || reply->integer != 1) {
        lease_lost(lease, reply->type == REDIS_REPLY_ERROR ? reply->str
                          : "the lease is gone");
        return;
    }

    lease_proven(lease);
}


static void
callback_standby(void *arg, redisReply *reply)
{
    struct worker_lease  *lease = arg;

    if (lease->redis != NULL && lease->value[0] != '\0'
        && reply->type == REDIS_REPLY_STRING && lease_surplus(lease, reply))
    {
        lease->events->surplus(lease->arg);
    }
}


/*
 * Who waits is asked apart: mostly that key is not there, and while a slot of a
 * cluster moves a script that names it would be refused, and the lease lost.
 */
static int
lease_renew(struct worker_lease *lease)
{
    const char  *argv[] = { "GET", lease->conf->standby };

    if (lease_eval(lease, WORKER_SCRIPT_RENEW, callback_renewed) == -1) {
        return -1;
    }

    return worker_redis_command(lease->redis, 2, argv, callback_standby, lease);
}


static void
callback_timer(evutil_socket_t fd, short what, void *arg)
{
    int                   rc;
    struct worker_lease  *lease = arg;

    (void) fd;
    (void) what;

    if (lease->value[0] != '\0') {
        rc = lease_renew(lease);

    } else {
        rc = lease_eval(lease, WORKER_SCRIPT_ACQUIRE, callback_acquired);
    }

    if (rc == -1) {
        lease_lost(lease, "cannot ask for the lease");
    }
}


static void
callback_released(void *arg, redisReply *reply)
{
    struct worker_lease  *lease = arg;

    (void) reply;

    worker_lease_drop(lease);
    lease->events->released(lease->arg);
}


void
worker_lease_take(struct worker_lease *lease, struct worker_redis *redis)
{
    worker_lease_drop(lease);
    lease->redis = redis;
    lease->waiting = 0;
    lease->dead[0] = '\0';
    lease_after(lease->timer, 0);
}


void
worker_lease_drop(struct worker_lease *lease)
{
    event_del(lease->timer);
    event_del(lease->deadline);
    lease->conf->share->held -= lease->value[0] != '\0';
    lease->redis = NULL;
    lease->proven_ms = 0;
    lease->value[0] = '\0';
}


void
worker_lease_release(struct worker_lease *lease)
{
    event_del(lease->timer);
    event_del(lease->deadline);
    lease->proven_ms = 0;

    if (lease->redis == NULL || lease->value[0] == '\0'
        || lease_eval(lease, WORKER_SCRIPT_RELEASE, callback_released) == -1)
    {
        worker_lease_drop(lease);
        event_active(lease->farewell, EV_TIMEOUT, 0);
    }
}


int
worker_lease_held(const struct worker_lease *lease)
{
    return lease->value[0] != '\0' && worker_clock_boot() < lease->proven_ms;
}


const char *
worker_lease_value(const struct worker_lease *lease)
{
    return lease->value;
}


struct worker_lease *
worker_lease_create(struct event_base *base,
    const struct worker_lease_conf *conf,
    const struct worker_lease_events *events, void *arg)
{
    struct worker_lease  *lease;

    lease = calloc(1, sizeof(*lease));
    if (lease == NULL) {
        return NULL;
    }

    lease->conf = conf;
    lease->events = events;
    lease->arg = arg;
    lease->timer = evtimer_new(base, callback_timer, lease);
    lease->deadline = evtimer_new(base, callback_deadline, lease);
    lease->farewell = evtimer_new(base, callback_farewell, lease);

    if (lease->timer == NULL || lease->deadline == NULL
        || lease->farewell == NULL)
    {
        worker_lease_free(lease);
        return NULL;
    }

    return lease;
}


void
worker_lease_free(struct worker_lease *lease)
{
    if (lease == NULL) {
        return;
    }

    if (lease->timer != NULL) {
        event_free(lease->timer);
    }

    if (lease->deadline != NULL) {
        event_free(lease->deadline);
    }

    if (lease->farewell != NULL) {
        event_free(lease->farewell);
    }

    free(lease);
}
