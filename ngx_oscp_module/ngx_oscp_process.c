/*
 * The beginning and the end of a worker process.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_oscp_process.h"


static ngx_oscp_main_conf_t *ngx_oscp_process_conf(ngx_cycle_t *cycle);
static void ngx_oscp_process_changed(void *data);


extern ngx_module_t  ngx_http_oscp_module;

/* Made by init_process, and never by the master. */
static ngx_oscp_process_t  *ngx_oscp_process;


ngx_oscp_process_t *
ngx_oscp_process_get(void)
{
    return ngx_oscp_process;
}


/* NULL when there is no http{}, or nothing of ours in it. */
static ngx_oscp_main_conf_t *
ngx_oscp_process_conf(ngx_cycle_t *cycle)
{
    ngx_oscp_main_conf_t  *mcf;

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_oscp_module);

    return (mcf && mcf->used) ? mcf : NULL;
}


ngx_int_t
ngx_oscp_process_init_module(ngx_cycle_t *cycle)
{
    ngx_oscp_main_conf_t  *mcf = ngx_oscp_process_conf(cycle);

    if (mcf) {
        mcf->generation = ngx_oscp_counter_next_generation(mcf->zone);
        ngx_oscp_publish_remember(mcf);
    }

    return NGX_OK;
}


ngx_int_t
ngx_oscp_process_init(ngx_cycle_t *cycle)
{
    ngx_oscp_process_t         *process;
    ngx_oscp_main_conf_t       *mcf = ngx_oscp_process_conf(cycle);
    ngx_oscp_ingest_options_t   options;

    if (mcf == NULL
        || (ngx_process != NGX_PROCESS_WORKER
            && ngx_process != NGX_PROCESS_SINGLE))
    {
        return NGX_OK;
    }

    process = ngx_pcalloc(cycle->pool, sizeof(ngx_oscp_process_t));
    if (process == NULL) {
        return NGX_ERROR;
    }

    process->store.changed = ngx_oscp_process_changed;
    process->store.data = process;

    if (ngx_oscp_store_init(&process->store, mcf, cycle->pool) != NGX_OK) {
        return NGX_ERROR;
    }

    options.store = &process->store;
    options.pool = cycle->pool;
    options.log = cycle->log;
    options.streams[NGX_OSCP_STREAM_IN] = mcf->streams;
    options.streams[NGX_OSCP_STREAM_METER] = mcf->meters;
    options.verdicts = mcf->verdicts;
    options.backlog = mcf->backlog;
    options.ack = &mcf->ack;
    options.timeout = mcf->redis.timeout;
    ngx_oscp_ingest_init(&process->ingest, &options);

    if (ngx_oscp_publish_init(&process->publish, mcf, &process->store,
                              cycle->pool)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_oscp_keyset_watch(&mcf->keysets, cycle) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_oscp_process = process;

    return ngx_oscp_store_start(&process->store);
}


static void
ngx_oscp_process_changed(void *data)
{
    ngx_oscp_process_t  *process = data;

    ngx_oscp_ingest_notify(&process->ingest);
}


void
ngx_oscp_process_exit(ngx_cycle_t *cycle)
{
    if (ngx_oscp_process) {
        ngx_oscp_store_stop(&ngx_oscp_process->store);
    }
}
