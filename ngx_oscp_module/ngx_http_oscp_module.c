/*
 * The nginx module: what nginx has to know of it.  Everything else is in the
 * files beside this one, one noun each.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_oscp_conf.h"
#include "ngx_oscp_process.h"
#include "ngx_oscp_variable.h"


static ngx_http_module_t  ngx_http_oscp_module_ctx = {
    ngx_oscp_variable_add,                 /* preconfiguration */
    ngx_oscp_conf_postconfigure,           /* postconfiguration */

    ngx_oscp_conf_create_main,             /* create main configuration */
    ngx_oscp_conf_init_main,               /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_oscp_conf_create_loc,              /* create location configuration */
    ngx_oscp_conf_merge_loc                /* merge location configuration */
};


ngx_module_t  ngx_http_oscp_module = {
    NGX_MODULE_V1,
    &ngx_http_oscp_module_ctx,             /* module context */
    ngx_oscp_conf_commands,                /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_oscp_process_init_module,          /* init module */
    ngx_oscp_process_init,                 /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_oscp_process_exit,                 /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};
