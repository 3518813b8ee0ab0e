/*
 * Where Redis is.
 */

#include <ngx_config.h>
#include <ngx_core.h>

#include "oscp_address.h"

#include "ngx_oscp_address.h"
#include "ngx_oscp_conf.h"
#include "ngx_oscp_secret.h"
#include "ngx_oscp_value.h"


static char *ngx_oscp_address_resolve(ngx_conf_t *cf,
    ngx_oscp_redis_conf_t *redis, const oscp_host_t *host);
static char *ngx_oscp_address_password(ngx_conf_t *cf,
    ngx_oscp_redis_conf_t *redis, const ngx_str_t *path);


char *
ngx_oscp_address_set(ngx_conf_t *cf, ngx_oscp_redis_conf_t *redis,
    const ngx_str_t *address)
{
    oscp_error_t    err;
    oscp_address_t  a;

    if (oscp_address_parse((char *) address->data, address->len, &a, &err)
        != OSCP_OK)
    {
        (void) ngx_oscp_conf_wrong(cf, address, err.text);
        return NGX_CONF_ERROR;
    }

    redis->url = *address;

    switch (a.kind) {

    case OSCP_ADDRESS_SENTINEL:
        return "is not supported yet: sentinel addresses come later";

    case OSCP_ADDRESS_CLUSTER:
        return "is not supported yet: cluster addresses come later";

    case OSCP_ADDRESS_UNIX:
        redis->path.len = ngx_strlen(a.path);
        redis->path.data = ngx_pnalloc(cf->pool, redis->path.len + 1);
        if (redis->path.data == NULL) {
            return NGX_CONF_ERROR;
        }

        ngx_memcpy(redis->path.data, a.path, redis->path.len + 1);
        return NULL;

    default: /* OSCP_ADDRESS_TCP */
        return ngx_oscp_address_resolve(cf, redis, &a.hosts[0]);
    }
}


/* Once, now: a name looked up later would block a worker process. */
static char *
ngx_oscp_address_resolve(ngx_conf_t *cf, ngx_oscp_redis_conf_t *redis,
    const oscp_host_t *host)
{
    u_char      text[OSCP_ADDRESS_HOST_SIZE + sizeof("[]:65535")];
    ngx_url_t   u;
    ngx_str_t  *name;
    ngx_uint_t  i;

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url.data = text;
    u.url.len = ngx_sprintf(text, ngx_strchr(host->host, ':') ? "[%s]:%ui"
                                                              : "%s:%ui",
                            host->host, (ngx_uint_t) host->port)
                - text;

    if (ngx_parse_url(cf->pool, &u) != NGX_OK) {
        return u.err ? u.err : NGX_CONF_ERROR;
    }

    redis->port = host->port;
    redis->hosts = ngx_pcalloc(cf->pool, u.naddrs * sizeof(ngx_str_t));
    if (redis->hosts == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < u.naddrs; i++) {
        name = &redis->hosts[i];
        name->data = ngx_pcalloc(cf->pool, NGX_SOCKADDR_STRLEN + 1);
        if (name->data == NULL) {
            return NGX_CONF_ERROR;
        }

        name->len = ngx_sock_ntop(u.addrs[i].sockaddr, u.addrs[i].socklen,
                                  name->data, NGX_SOCKADDR_STRLEN, 0);
    }

    redis->nhosts = u.naddrs;

    return NULL;
}


char *
ngx_oscp_address_parameter(ngx_conf_t *cf, ngx_oscp_redis_conf_t *redis,
    const ngx_str_t *arg)
{
    ngx_int_t  n;
    ngx_str_t  value;

    if (ngx_strcmp(arg->data, "tls") == 0) {
        return "is not possible: hiredis was built without TLS";
    }

    if (ngx_oscp_value_named(arg, "user=", &redis->user)) {
        return redis->user.len ? NULL : "must name a user";
    }

    if (ngx_oscp_value_named(arg, "password_file=", &value)) {
        return ngx_oscp_address_password(cf, redis, &value);
    }

    if (ngx_oscp_value_named(arg, "db=", &value)) {
        n = ngx_atoi(value.data, value.len);
        if (n == NGX_ERROR || n > NGX_OSCP_ADDRESS_DB_MAX) {
            return "must be the number of a database";
        }

        redis->db = n;
        return NULL;
    }

    return "must be user=, password_file=, db= or tls";
}


/*
 * Unlike what peers present, this one has to be sent, and so to be kept: in
 * nginx's memory, overwritten when the configuration goes.
 */
static char *
ngx_oscp_address_password(ngx_conf_t *cf, ngx_oscp_redis_conf_t *redis,
    const ngx_str_t *path)
{
    ngx_str_t  value;

    if (redis->password.len) {
        return "is there twice";
    }

    if (ngx_oscp_secret_read(cf, path, &value) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    redis->password.data = ngx_pnalloc(cf->pool, value.len);

    if (redis->password.data) {
        ngx_memcpy(redis->password.data, value.data, value.len);
        redis->password.len = value.len;
    }

    ngx_oscp_secret_wipe(&value);

    if (redis->password.data == NULL
        || ngx_oscp_secret_wipe_with(cf->pool, &redis->password) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NULL;
}
