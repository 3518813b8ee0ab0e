/*
 * The directives outside `oscp_connection` (design, section 4), and what a
 * whole configuration is once it has been read.  Nothing of it changes at
 * request time.
 */

#ifndef NGX_OSCP_CONF_H
#define NGX_OSCP_CONF_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_oscp_ack.h"
#include "ngx_oscp_connection.h"
#include "ngx_oscp_keyset.h"
#include "ngx_oscp_redis.h"
#include "ngx_oscp_token_key.h"

#define NGX_OSCP_VERSION_LEN  16        /* hex digits of the configuration's */

typedef struct {
    ngx_http_handler_pt           handler;     /* NULL: none of oscp_endpoint,
                                                  oscp_status, … */
    ngx_str_t                     directive;   /* which of them, and where */
    ngx_str_t                     file;
    ngx_uint_t                    line;
    ngx_http_complex_value_t     *endpoint;    /* NULL: oscp_status */
    const ngx_http_core_loc_conf_t
                                 *location;    /* whose it is: `if` and
                                                  limit_except have others */
    const ngx_oscp_connection_t  *connection;  /* when its name is constant */
} ngx_oscp_loc_conf_t;

/* A location that names a connection: checked when all of them are known. */
typedef struct {
    ngx_oscp_loc_conf_t     *conf;
    ngx_str_t                name;
} ngx_oscp_endpoint_ref_t;

typedef struct {
    ngx_oscp_redis_conf_t    redis;
    ngx_str_t                prefix;        /* with its NUL */
    ngx_int_t                shards;
    ngx_int_t                backlog;
    ngx_oscp_ack_conf_t      ack;

    ngx_array_t              connections;   /* of ngx_oscp_connection_t *,
                                               sorted by name */
    ngx_rbtree_t             names;         /* the same */
    ngx_rbtree_node_t        sentinel;
    ngx_array_t              endpoints;     /* of ngx_oscp_endpoint_ref_t */

    ngx_oscp_token_keys_t    token_keys;
    ngx_uint_t               clients;       /* `accept oauth` lines */
    ngx_array_t              keysets;       /* of ngx_oscp_keyset_t *, named
                                               by `accept jwt` lines */
    size_t                   token_cache_size;   /* 0: off */
    ngx_shm_zone_t          *token_cache;   /* NULL: none is needed */

    ngx_str_t                config_key;    /* oscp:config */
    ngx_str_t               *streams;       /* the `in` stream of each shard */
    ngx_str_t               *meters;        /* and the `meter` stream */
    ngx_str_t               *verdicts;      /* a key inside transactions */
    u_char                   version[NGX_OSCP_VERSION_LEN];

    ngx_shm_zone_t          *zone;
    ngx_atomic_uint_t        generation;    /* of this configuration */
    ngx_uint_t               used;          /* anything of it was configured */
} ngx_oscp_main_conf_t;

extern ngx_command_t  ngx_oscp_conf_commands[];

/*
 * The module's hooks; init_main does what needs the whole configuration, and
 * postconfigure what needs every server of it.
 */
void *ngx_oscp_conf_create_main(ngx_conf_t *cf);
char *ngx_oscp_conf_init_main(ngx_conf_t *cf, void *conf);
ngx_int_t ngx_oscp_conf_postconfigure(ngx_conf_t *cf);
void *ngx_oscp_conf_create_loc(ngx_conf_t *cf);
char *ngx_oscp_conf_merge_loc(ngx_conf_t *cf, void *parent, void *child);

/*
 * Says in the log what is wrong with a value of the directive at hand (empty:
 * it is not shown); nothing when `mistake` is NGX_CONF_ERROR.  Returns
 * NGX_CONF_ERROR.
 */
char *ngx_oscp_conf_wrong(ngx_conf_t *cf, const ngx_str_t *value,
    const char *mistake);

/* The connection of that name, or NULL. */
ngx_oscp_connection_t *ngx_oscp_conf_connection(
    const ngx_oscp_main_conf_t *conf, const ngx_str_t *name);

#endif /* NGX_OSCP_CONF_H */
