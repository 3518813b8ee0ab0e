/*
 * The configuration on its way into Redis, where the worker reads it: first of
 * all on every new connection, and again when Redis has lost its data.
 *
 * One nginx publishes under a prefix.  One without any connection publishes
 * nothing, so that it may stand beside that one; but when a reload takes its
 * last connection out, what it has published goes.
 */

#ifndef NGX_OSCP_PUBLISH_H
#define NGX_OSCP_PUBLISH_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_oscp_conf.h"
#include "ngx_oscp_store.h"

#define NGX_OSCP_PUBLISH_CHECK_MS  5000
#define NGX_OSCP_PUBLISH_SILENT_MS 500     /* the same while overtaken */
#define NGX_OSCP_PUBLISH_PAST      8       /* versions that reloads replaced
                                              and are remembered */

/* One per nginx worker process. */
typedef struct {
    const ngx_oscp_main_conf_t  *conf;
    ngx_oscp_store_t            *store;
    ngx_log_t                   *log;
    ngx_oscp_redis_args_t        args;      /* the whole command */
    ngx_oscp_redis_args_t        ask;       /* is our number of shards right? */
    ngx_oscp_redis_command_t     check;     /* is the version still there? */
    ngx_oscp_redis_command_t     repeat;
    ngx_event_t                  timer;
    ngx_uint_t                   checking;  /* either command is under way */
    ngx_uint_t                   silent;    /* overtaken when last looked */
    ngx_uint_t                   spoke;     /* not so when `check` was sent */
    size_t                       foreign_len;
    u_char                       foreign[NGX_OSCP_VERSION_LEN];
                                            /* another nginx's version, which
                                               the log has named */
} ngx_oscp_publish_t;

/*
 * Remembers a configuration that comes into force as one that this nginx may
 * have published.  To be called in the master, before it forks: the processes
 * and the configurations to come inherit what it knows.
 */
void ngx_oscp_publish_remember(const ngx_oscp_main_conf_t *conf);

/*
 * Prepares `publish`, zeroed by the caller, with memory of `pool`, and gives
 * publication to `store`.  Returns NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_oscp_publish_init(ngx_oscp_publish_t *publish,
    const ngx_oscp_main_conf_t *conf, ngx_oscp_store_t *store,
    ngx_pool_t *pool);

#endif /* NGX_OSCP_PUBLISH_H */
