/*
 * The directive `oscp_redis`: where Redis is and how to enter (design, section
 * 4).
 */

#ifndef NGX_OSCP_ADDRESS_H
#define NGX_OSCP_ADDRESS_H

#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_oscp_redis.h"

#define NGX_OSCP_ADDRESS_DB_MAX  65535

/*
 * All read into `redis`, with memory of cf->pool, and return NULL, or what is
 * wrong with the value, or NGX_CONF_ERROR (logged).
 *
 * ngx_oscp_address_set() takes the address; names are resolved, once and now.
 * ngx_oscp_address_parameter() takes user=, password_file=, db=, tls, tls_ca=.
 * ngx_oscp_address_finish() comes last, and logs what it finds.
 */
char *ngx_oscp_address_set(ngx_conf_t *cf, ngx_oscp_redis_conf_t *redis,
    const ngx_str_t *address);
char *ngx_oscp_address_parameter(ngx_conf_t *cf, ngx_oscp_redis_conf_t *redis,
    const ngx_str_t *arg);
char *ngx_oscp_address_finish(ngx_conf_t *cf, ngx_oscp_redis_conf_t *redis);

#endif /* NGX_OSCP_ADDRESS_H */
