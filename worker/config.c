/*
 * The configuration that nginx publishes, followed.
 *
 * A hash cannot be waited for, so its version is asked for several times a
 * second; whoever cannot wait that long asks for a reading.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "config.h"
#include "log.h"
#include "oscp_backoff.h"
#include "oscp_key.h"
#include "random.h"


#define WORKER_CONFIG_POLL_MS       200
#define WORKER_CONFIG_PATIENCE_MS   5000
#define WORKER_CONFIG_BACKOFF       { .min_ms = 50, .max_ms = 2000,           \
                                      .multiplier = 2, .jitter = 0.5 }


TAILQ_HEAD(config_waiters, worker_config_waiter);

struct worker_config {
    struct worker_redis       *redis;
    struct event              *timer;       /* next question, next connect */
    char                       key[OSCP_KEY_SIZE];
    oscp_backoff_t             backoff;
    struct worker_config_set  *set;         /* NULL: nothing published */
    void                     (*changed)(void *arg);
    void                      *arg;

    struct config_waiters      next;        /* wait for the next reading */
    struct config_waiters      served;      /* wait for the one under way */
    unsigned                   ready:1;     /* connected */
    unsigned                   asking:1;    /* a reading is under way */
    unsigned                   told:1;      /* the log knows of the trouble */
    unsigned                   missed:1;    /* ... and that nothing is there */
};


static void config_ask(struct worker_config *config);


static void
config_set_free(struct worker_config_set *set)
{
    if (set == NULL) {
        return;
    }

    for (size_t i = 0; i < set->n; i++) {
        free(set->entries[i].name);
        free(set->entries[i].doc);
    }

    free(set->entries);
    free(set);
}


static int
config_set_field(struct worker_config_set *set, const redisReply *name,
    const redisReply *value)
{
    struct worker_config_entry  *e;

    if (strcmp(name->str, "version") == 0) {
        snprintf(set->version, sizeof(set->version), "%s", value->str);
        return 0;
    }

    if (strcmp(name->str, "shards") == 0) {
        set->shards = (unsigned) strtoul(value->str, NULL, 10);
        return 0;
    }

    e = &set->entries[set->n++];
    e->name = strdup(name->str);
    e->doc = malloc(value->len + 1);
    e->len = value->len;

    if (e->name == NULL || e->doc == NULL) {
        return -1;
    }

    memcpy(e->doc, value->str, value->len + 1);

    return 0;
}


/* What HGETALL gave, or NULL: nothing published, or nothing of ours. */
static struct worker_config_set *
config_set_read(const redisReply *reply)
{
    const redisReply          *name, *value;
    struct worker_config_set  *set;

    set = calloc(1, sizeof(*set));
    if (set == NULL) {
        return NULL;
    }

    set->entries = calloc(reply->elements / 2 + 1, sizeof(*set->entries));
    if (set->entries == NULL) {
        goto err;
    }

    for (size_t i = 0; i + 1 < reply->elements; i += 2) {
        name = reply->element[i];
        value = reply->element[i + 1];

        if (name->type != REDIS_REPLY_STRING
            || value->type != REDIS_REPLY_STRING
            || config_set_field(set, name, value) == -1)
        {
            goto err;
        }
    }

    if (set->version[0] != '\0' && set->shards >= 1
        && set->shards <= OSCP_SHARDS_MAX)
    {
        return set;
    }

err:
    config_set_free(set);
    return NULL;
}


/* A reading has ended: whoever waited for it goes on. */
static void
config_read_done(struct worker_config *config)
{
    struct timeval                tv;
    struct worker_config_waiter  *w;

    /* only now: a Redis that lets us in may still not let us read */
    if (config->told) {
        worker_log(WORKER_LOG_INFO, NULL, "Redis is back");
    }

    config->told = 0;
    oscp_backoff_reset(&config->backoff);

    /* who asks again meanwhile waits for the next one */
    while ((w = TAILQ_FIRST(&config->served)) != NULL) {
        TAILQ_REMOVE(&config->served, w, next);
        w->queued = 0;
        w->read(w->arg);
    }

    config->asking = 0;

    if (!TAILQ_EMPTY(&config->next)) {
        config_ask(config);
        return;
    }

    tv = worker_clock_timeval(WORKER_CONFIG_POLL_MS);
    event_add(config->timer, &tv);
}


static void
callback_all(void *arg, redisReply *reply)
{
    struct worker_config      *config = arg;
    struct worker_config_set  *set;

    if (reply->type != REDIS_REPLY_ARRAY) {
        worker_redis_fail(config->redis, "%s: %s", config->key,
                          reply->type == REDIS_REPLY_ERROR ? reply->str
                          : "not a hash");
        return;
    }

    set = config_set_read(reply);

    if (set != NULL || config->set != NULL) {
        worker_log(WORKER_LOG_INFO, NULL, "configuration: version %s, "
                   "%zu connections", set ? set->version : "none",
                   set ? set->n : 0);
    }

    config_set_free(config->set);
    config->set = set;
    config->changed(config->arg);
    config_read_done(config);
}


static void
callback_version(void *arg, redisReply *reply)
{
    const char            *version;
    const char            *argv[] = { "HGETALL", NULL };
    struct worker_config  *config = arg;

    if (reply->type != REDIS_REPLY_STRING && reply->type != REDIS_REPLY_NIL) {
        worker_redis_fail(config->redis, "%s: %s", config->key,
                          reply->type == REDIS_REPLY_ERROR ? reply->str
                          : "not a hash");
        return;
    }

    version = reply->type == REDIS_REPLY_STRING ? reply->str : "";

    if (*version == '\0' && config->set == NULL && !config->missed) {
        worker_log(WORKER_LOG_WARN, NULL, "nginx has published no "
                   "configuration here yet: there is no %s; waiting for it",
                   config->key);
        config->missed = 1;
    }

    if (strcmp(version, config->set ? config->set->version : "") == 0) {
        config_read_done(config);
        return;
    }

    argv[1] = config->key;
    if (worker_redis_command(config->redis, 2, argv, callback_all, config)
        == -1)
    {
        worker_redis_fail(config->redis, "no memory");
    }
}


static void
config_ask(struct worker_config *config)
{
    const char  *argv[] = { "HGET", config->key, "version" };

    config->asking = 1;
    event_del(config->timer);
    TAILQ_CONCAT(&config->served, &config->next, next);

    if (worker_redis_command(config->redis, 3, argv, callback_version, config)
        == -1)
    {
        worker_redis_fail(config->redis, "no memory");
    }
}


static void
callback_timer(evutil_socket_t fd, short what, void *arg)
{
    struct worker_config  *config = arg;

    (void) fd;
    (void) what;

    if (config->ready) {
        config_ask(config);

    } else {
        worker_redis_connect(config->redis);
    }
}


static void
callback_ready(void *arg)
{
    struct worker_config  *config = arg;

    config->ready = 1;
    config_ask(config);
}


static void
callback_closed(void *arg, const char *why)
{
    struct timeval         tv;
    struct worker_config  *config = arg;

    if (!config->told) {
        worker_log(WORKER_LOG_WARN, NULL, "no configuration from Redis: %s",
                   why);
    }

    config->told = 1;
    config->ready = 0;
    config->asking = 0;

    /* a reading that broke off serves nobody; who waited first stays first */
    TAILQ_CONCAT(&config->served, &config->next, next);
    TAILQ_CONCAT(&config->next, &config->served, next);

    tv = worker_clock_timeval(oscp_backoff_next(&config->backoff,
                                                worker_random_bits()));
    event_add(config->timer, &tv);
}


const struct worker_config_set *
worker_config_current(const struct worker_config *config)
{
    return config->set;
}


void
worker_config_refresh(struct worker_config *config,
    struct worker_config_waiter *waiter)
{
    worker_config_forget(config, waiter);

    TAILQ_INSERT_TAIL(&config->next, waiter, next);
    waiter->queued = 1;

    if (config->ready && !config->asking) {
        config_ask(config);
    }
}


void
worker_config_forget(struct worker_config *config,
    struct worker_config_waiter *waiter)
{
    struct worker_config_waiter  *w;

    if (!waiter->queued) {
        return;
    }

    waiter->queued = 0;

    TAILQ_FOREACH(w, &config->next, next) {
        if (w == waiter) {
            TAILQ_REMOVE(&config->next, waiter, next);
            return;
        }
    }

    TAILQ_REMOVE(&config->served, waiter, next);
}


struct worker_config *
worker_config_create(struct event_base *base,
    const struct worker_redis_conf *conf, const char *key,
    void (*changed)(void *arg), void *arg)
{
    struct worker_config  *config;

    static const struct worker_redis_use  use = {
        .ready = callback_ready,
        .closed = callback_closed,
        .patience_ms = WORKER_CONFIG_PATIENCE_MS,
    };

    config = calloc(1, sizeof(*config));
    if (config == NULL) {
        return NULL;
    }

    snprintf(config->key, sizeof(config->key), "%s", key);
    config->backoff = (oscp_backoff_t) WORKER_CONFIG_BACKOFF;
    config->changed = changed;
    config->arg = arg;
    TAILQ_INIT(&config->next);
    TAILQ_INIT(&config->served);

    config->redis = worker_redis_create(base, conf, &use, config->key,
                                        config);
    config->timer = evtimer_new(base, callback_timer, config);

    if (config->redis == NULL || config->timer == NULL) {
        worker_config_free(config);
        return NULL;
    }

    worker_redis_connect(config->redis);

    return config;
}


void
worker_config_free(struct worker_config *config)
{
    if (config == NULL) {
        return;
    }

    worker_redis_free(config->redis);
    if (config->timer != NULL) {
        event_free(config->timer);
    }

    config_set_free(config->set);
    free(config);
}
