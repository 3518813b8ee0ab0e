/*
 * The block `oscp_connection NAME { … }`: one peer, both directions (design,
 * sections 4 and 10).  Read-only once the configuration is read.
 */

#ifndef NGX_OSCP_CONNECTION_H
#define NGX_OSCP_CONNECTION_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "oscp_config.h"
#include "oscp_read.h"

#include "ngx_oscp_auth.h"
#include "ngx_oscp_counter.h"

/* A group that is bound to the connection. */
typedef struct {
    ngx_str_node_t            node;         /* by id; the id is node.str */
    const oscp_group_conf_t  *conf;
    ngx_str_t                 key;          /* its hash in Redis */
} ngx_oscp_group_t;

/* What requests with samples are called where messages have a name. */
#define NGX_OSCP_CONNECTION_SAMPLES  "measurements"

typedef struct {
    ngx_str_node_t            node;         /* by name; the name is node.str */
    oscp_connection_conf_t    conf;         /* what is published */
    ngx_str_t                 document;     /* the same as JSON */
    ngx_oscp_auth_t           auth;
    oscp_read_options_t       read;         /* now_ms is set per message */

    ngx_rbtree_t              groups;       /* of ngx_oscp_group_t */
    ngx_rbtree_node_t         sentinel;

    /* Names in Redis, made when prefix and shards are known. */
    ngx_uint_t                shard;
    ngx_str_t                 key;                       /* its hash */
    ngx_str_t                 seen[OSCP_MESSAGE_COUNT];  /* "…:seen:C:MSG:" */
    ngx_str_t                 seen_samples;              /* and of samples */

    ngx_oscp_counter_t       *counter;      /* in shared memory, or NULL */
} ngx_oscp_connection_t;

/*
 * Reads the block at whose opening brace `cf` stands.  Stores the connection,
 * of cf->pool, without its names in Redis.  Returns NGX_CONF_OK, or
 * NGX_CONF_ERROR after naming the directive and the value in the log.
 */
char *ngx_oscp_connection_parse(ngx_conf_t *cf, const ngx_str_t *name,
    ngx_oscp_connection_t **connection);

/*
 * Makes the document and the names in Redis.  Returns NGX_OK or NGX_ERROR (no
 * memory; a key too long, logged).
 */
ngx_int_t ngx_oscp_connection_finish(ngx_conf_t *cf,
    ngx_oscp_connection_t *connection, const ngx_str_t *prefix,
    ngx_uint_t shards);

/* The binding of the group `id`, or NULL. */
const ngx_oscp_group_t *ngx_oscp_connection_group(
    const ngx_oscp_connection_t *connection, const ngx_str_t *id);

#endif /* NGX_OSCP_CONNECTION_H */
