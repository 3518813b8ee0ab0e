/*
 * The whole of the daemon.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/dns.h>

#include "clock.h"
#include "config.h"
#include "daemon.h"
#include "http.h"
#include "identity.h"
#include "lease.h"
#include "lookout.h"
#include "shard.h"


#define DAEMON_HOSTS      "/etc/hosts"
#define DAEMON_STOP_MS    5000        /* then it ends all the same */
#define DAEMON_AGAIN_MS   1000        /* without memory for a shard */


struct worker_daemon {
    struct event_base            *base;
    const struct worker_options  *options;
    struct worker_redis_conf      redis;
    char                         *password;     /* owned; wiped */
    struct worker_http           *http;
    struct worker_config         *config;
    struct worker_shard_conf      shard_conf;
    struct worker_lease_share     share;
    struct worker_shard          *shards[OSCP_SHARDS_MAX];
    unsigned                      nshards;      /* alive */
    struct event                 *timer;        /* the end of patience; or the
                                                   next try for a shard */
    char                          id[WORKER_IDENTITY_SIZE];
    unsigned                      stopping:1;
};


static void
daemon_wipe(char *text)
{
    if (text != NULL) {
        explicit_bzero(text, strlen(text));
        free(text);
    }
}


static int
daemon_password(struct worker_daemon *d)
{
    char        *password;
    const char  *why;

    if (d->options->access.password_file == NULL) {
        return 0;
    }

    password = worker_redis_password(d->options->access.password_file, &why);
    if (password == NULL) {
        worker_log(WORKER_LOG_ERROR, NULL, "Redis password file %s: %s",
                   d->options->access.password_file, why);
        return -1;
    }

    daemon_wipe(d->password);
    d->password = password;
    d->redis.password = password;

    return 0;
}


/* Connections that stand keep what they began with. */
static int
daemon_tls(struct worker_daemon *d)
{
    char                why[WORKER_LINK_WHY_SIZE];
    struct worker_tls  *tls;

    if (d->options->access.tls_ca == NULL) {
        return 0;
    }

    tls = worker_tls_create(d->options->access.tls_ca, why, sizeof(why));
    if (tls == NULL) {
        worker_log(WORKER_LOG_ERROR, NULL, "TLS to Redis: %s", why);
        return -1;
    }

    worker_tls_free(d->redis.tls);
    d->redis.tls = tls;

    return 0;
}


/*
 * Names are resolved inside the loop.  A machine without a name server still
 * has its hosts file.
 */
static int
daemon_dns(struct worker_daemon *d)
{
    int  flags = EVDNS_BASE_INITIALIZE_NAMESERVERS
                 | EVDNS_BASE_DISABLE_WHEN_INACTIVE;

    d->redis.dns = evdns_base_new(d->base, flags);

    if (d->redis.dns == NULL) {
        d->redis.dns = evdns_base_new(d->base, 0);
        if (d->redis.dns != NULL) {
            evdns_base_load_hosts(d->redis.dns, DAEMON_HOSTS);
        }
    }

    return d->redis.dns != NULL ? 0 : -1;
}


static void
callback_shard_closed(void *arg)
{
    struct worker_daemon  *d = arg;

    if (--d->nshards == 0 && d->stopping) {
        event_base_loopbreak(d->base);
    }
}


/* Shards are made when they are first heard of, and stay. */
static void
callback_configured(void *arg)
{
    struct timeval                   tv;
    struct worker_daemon            *d = arg;
    const struct worker_config_set  *set = worker_config_current(d->config);

    if (d->stopping) {
        return;
    }

    tv = worker_clock_timeval(DAEMON_AGAIN_MS);

    for (unsigned i = 0; set != NULL && i < set->shards; i++) {
        if (d->shards[i] == NULL && d->options->shards[i]) {
            d->shards[i] = worker_shard_create(&d->shard_conf, i);
            d->nshards += d->shards[i] != NULL;

            if (d->shards[i] == NULL) {
                event_add(d->timer, &tv);
            }
        }
    }

    for (unsigned i = 0; i < OSCP_SHARDS_MAX; i++) {
        if (d->shards[i] != NULL) {
            worker_shard_configure(d->shards[i]);
        }
    }
}


/* Without memory for a shard it is tried again; at the end patience ends. */
static void
callback_timer(evutil_socket_t fd, short what, void *arg)
{
    struct worker_daemon  *d = arg;

    (void) fd;
    (void) what;

    if (!d->stopping) {
        callback_configured(d);
        return;
    }

    worker_log(WORKER_LOG_WARN, NULL, "ends without having settled");
    event_base_loopbreak(d->base);
}


void
worker_daemon_reload(struct worker_daemon *d)
{
    worker_log(WORKER_LOG_INFO, NULL, "secret files are read again");

    daemon_password(d);
    daemon_tls(d);

    for (unsigned i = 0; i < OSCP_SHARDS_MAX; i++) {
        if (d->shards[i] != NULL) {
            worker_shard_forget(d->shards[i]);
        }
    }
}


void
worker_daemon_stop(struct worker_daemon *d)
{
    struct timeval  tv = worker_clock_timeval(DAEMON_STOP_MS);

    if (d->stopping || d->nshards == 0) {
        event_base_loopbreak(d->base);
        return;
    }

    worker_log(WORKER_LOG_INFO, NULL, "ends: the shards are given back");
    d->stopping = 1;
    event_add(d->timer, &tv);

    for (unsigned i = 0; i < OSCP_SHARDS_MAX; i++) {
        if (d->shards[i] != NULL) {
            worker_shard_close(d->shards[i]);
        }
    }
}


static int
daemon_setup(struct worker_daemon *d)
{
    char  key[OSCP_KEY_SIZE];

    if (daemon_password(d) == -1 || daemon_tls(d) == -1) {
        return -1;
    }

    worker_identity_make(d->id);
    oscp_key_config(key, sizeof(key), d->options->access.prefix);

    d->timer = evtimer_new(d->base, callback_timer, d);
    d->http = worker_http_create(d->base);

    if (d->timer == NULL || d->http == NULL || daemon_dns(d) == -1) {
        worker_log(WORKER_LOG_ERROR, NULL, "cannot be set up: %s",
                   strerror(errno));
        return -1;
    }

    if (d->redis.address.kind == OSCP_ADDRESS_SENTINEL) {
        d->redis.lookout = worker_lookout_create(d->base, &d->redis);
        if (d->redis.lookout == NULL) {
            worker_log(WORKER_LOG_ERROR, NULL, "no memory");
            return -1;
        }
    }

    d->shard_conf.base = d->base;
    d->shard_conf.http = d->http;
    d->shard_conf.redis = &d->redis;
    d->shard_conf.prefix = d->options->access.prefix;
    d->shard_conf.id = d->id;
    d->shard_conf.lease_ms = d->options->lease_ms;
    d->shard_conf.share = &d->share;
    d->shard_conf.closed = callback_shard_closed;
    d->shard_conf.arg = d;

    d->config = worker_config_create(d->base, &d->redis, key,
                                     callback_configured, d);
    d->shard_conf.config = d->config;

    return d->config != NULL ? 0 : -1;
}


struct worker_daemon *
worker_daemon_create(struct event_base *base,
    const struct worker_options *options)
{
    struct worker_daemon  *d;

    d = calloc(1, sizeof(*d));
    if (d == NULL) {
        return NULL;
    }

    d->base = base;
    d->options = options;
    d->redis.address = options->access.address;
    d->redis.user = options->access.user;
    d->redis.db = options->access.db;

    if (daemon_setup(d) == -1) {
        worker_daemon_free(d);
        return NULL;
    }

    worker_log(WORKER_LOG_INFO, NULL, "oscp-worker begins as %s, Redis at %s",
               d->id, options->access.text);

    return d;
}


void
worker_daemon_free(struct worker_daemon *d)
{
    if (d == NULL) {
        return;
    }

    for (unsigned i = 0; i < OSCP_SHARDS_MAX; i++) {
        worker_shard_free(d->shards[i]);
    }

    worker_config_free(d->config);
    worker_lookout_free(d->redis.lookout);
    worker_http_free(d->http);

    if (d->timer != NULL) {
        event_free(d->timer);
    }

    if (d->redis.dns != NULL) {
        evdns_base_free(d->redis.dns, 0);
    }

    worker_tls_free(d->redis.tls);
    daemon_wipe(d->password);
    free(d);
}
