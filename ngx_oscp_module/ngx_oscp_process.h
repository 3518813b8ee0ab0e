/*
 * What one nginx worker process keeps beside its configuration: the connections
 * to Redis and those who use them.
 */

#ifndef NGX_OSCP_PROCESS_H
#define NGX_OSCP_PROCESS_H

#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_oscp_conf.h"
#include "ngx_oscp_ingest.h"
#include "ngx_oscp_publish.h"
#include "ngx_oscp_store.h"

typedef struct {
    ngx_oscp_store_t    store;
    ngx_oscp_ingest_t   ingest;
    ngx_oscp_publish_t  publish;
} ngx_oscp_process_t;

/*
 * nginx's hooks.  init_module gives the configuration that comes into force
 * its generation; the other two begin and end a worker process.
 */
ngx_int_t ngx_oscp_process_init_module(ngx_cycle_t *cycle);
ngx_int_t ngx_oscp_process_init(ngx_cycle_t *cycle);
void ngx_oscp_process_exit(ngx_cycle_t *cycle);

/* This process's, or NULL when nothing of OSCP is configured. */
ngx_oscp_process_t *ngx_oscp_process_get(void);

#endif /* NGX_OSCP_PROCESS_H */
