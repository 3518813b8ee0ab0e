/*
 * Variables for logs: $oscp_connection, $oscp_message, $oscp_group,
 * $oscp_result, $oscp_entry_id (design, sections 4 and 10).
 */

#ifndef NGX_OSCP_VARIABLE_H
#define NGX_OSCP_VARIABLE_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

/* Preconfiguration: makes them known.  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_oscp_variable_add(ngx_conf_t *cf);

#endif /* NGX_OSCP_VARIABLE_H */
