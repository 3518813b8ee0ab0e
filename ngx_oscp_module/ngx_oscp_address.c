/*
 * Where Redis is.
 */

#include <ngx_config.h>
#include <ngx_core.h>

#include "oscp_address.h"

#include "ngx_oscp_address.h"
#include "ngx_oscp_conf.h"
#include "ngx_oscp_secret.h"
#include "ngx_oscp_tls.h"
#include "ngx_oscp_value.h"


static ngx_uint_t ngx_oscp_address_mask(ngx_str_t *text);
static ngx_uint_t ngx_oscp_address_named(const ngx_str_t *text,
    const u_char *end);
static char *ngx_oscp_address_resolve(ngx_conf_t *cf, ngx_array_t *peers,
    const oscp_host_t *host);
static char *ngx_oscp_address_password(ngx_conf_t *cf,
    ngx_oscp_redis_conf_t *redis, const ngx_str_t *path);


char *
ngx_oscp_address_set(ngx_conf_t *cf, ngx_oscp_redis_conf_t *redis,
    const ngx_str_t *address)
{
    char                   *rv;
    unsigned                i;
    ngx_str_t               shown;
    ngx_array_t             peers;
    oscp_error_t            err;
    oscp_address_t          a;
    ngx_oscp_redis_peer_t  *peer;

    if (oscp_address_parse((char *) address->data, address->len, &a, &err)
        != OSCP_OK)
    {
        shown = *address;
        (void) ngx_oscp_address_mask(&shown);
        return ngx_oscp_conf_wrong(cf, &shown, err.text);
    }

    redis->url = *address;
    redis->kind = a.kind;

    if (ngx_array_init(&peers, cf->pool, 1, sizeof(ngx_oscp_redis_peer_t))
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    switch (a.kind) {

    case OSCP_ADDRESS_SENTINEL:
        redis->master.len = ngx_strlen(a.master);
        redis->master.data = ngx_pnalloc(cf->pool, redis->master.len);
        if (redis->master.data == NULL) {
            return NGX_CONF_ERROR;
        }

        ngx_memcpy(redis->master.data, a.master, redis->master.len);
        break;

    case OSCP_ADDRESS_UNIX:
        peer = ngx_array_push(&peers);
        if (peer == NULL) {
            return NGX_CONF_ERROR;
        }

        ngx_memzero(peer, sizeof(ngx_oscp_redis_peer_t));
        ngx_memcpy(peer->at.host, a.path, sizeof(a.path));
        break;

    default: /* TCP, CLUSTER */
        break;
    }

    for (i = 0; i < a.nhosts; i++) {
        rv = ngx_oscp_address_resolve(cf, &peers, &a.hosts[i]);
        if (rv) {
            return rv;
        }
    }

    redis->peers = peers.elts;
    redis->npeers = peers.nelts;

    return NULL;
}


/*
 * Leaves of a text what cannot be a password: the name of a parameter, the
 * host of a URL, the URL's scheme.  Returns 0, with the text as it is, when
 * there is nothing by which to tell.
 */
static ngx_uint_t
ngx_oscp_address_mask(ngx_str_t *text)
{
    u_char  *p, *equals, *last = text->data + text->len;

    equals = ngx_strlchr(text->data, last, '=');

    if (equals && ngx_oscp_address_named(text, equals)) {
        text->len = equals + 1 - text->data;
        return 1;
    }

    for (p = last; p > text->data; p--) {
        if (p[-1] == '@') {
            equals = ngx_strlchr(p, last, '=');
            text->data = p - 1;
            text->len = (equals ? equals : last) - text->data;
            return 1;
        }
    }

    /* Base64 ends in "=". */
    if (equals) {
        text->len = 0;
        return 1;
    }

    p = ngx_strnstr(text->data, "://", text->len);
    if (p) {
        text->len = p + 3 - text->data;
        return 1;
    }

    return 0;
}


/* Whether "NAME=VALUE" begins there: nothing that was made at random. */
static ngx_uint_t
ngx_oscp_address_named(const ngx_str_t *text, const u_char *end)
{
    const u_char  *p;

    for (p = text->data; p < end; p++) {
        if ((*p < 'a' || *p > 'z') && *p != '_') {
            return 0;
        }
    }

    return p > text->data && end + 1 < text->data + text->len;
}


/* Once, now: a name looked up later would block a worker process. */
static char *
ngx_oscp_address_resolve(ngx_conf_t *cf, ngx_array_t *peers,
    const oscp_host_t *host)
{
    u_char                  text[OSCP_ADDRESS_HOST_SIZE + sizeof("[]:65535")];
    size_t                  len;
    ngx_url_t               u;
    ngx_uint_t              i;
    ngx_oscp_redis_peer_t  *peer;

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url.data = text;
    u.url.len = ngx_sprintf(text, ngx_strchr(host->host, ':') ? "[%s]:%ui"
                                                              : "%s:%ui",
                            host->host, (ngx_uint_t) host->port)
                - text;

    if (ngx_parse_url(cf->pool, &u) != NGX_OK) {
        return u.err ? u.err : NGX_CONF_ERROR;
    }

    for (i = 0; i < u.naddrs; i++) {
        peer = ngx_array_push(peers);
        if (peer == NULL) {
            return NGX_CONF_ERROR;
        }

        len = ngx_sock_ntop(u.addrs[i].sockaddr, u.addrs[i].socklen,
                            (u_char *) peer->at.host,
                            sizeof(peer->at.host) - 1, 0);
        peer->at.host[len] = '\0';
        peer->at.port = host->port;
        ngx_memcpy(peer->name, host->host, sizeof(peer->name));
    }

    return NULL;
}


char *
ngx_oscp_address_parameter(ngx_conf_t *cf, ngx_oscp_redis_conf_t *redis,
    const ngx_str_t *arg)
{
    ngx_int_t   n;
    ngx_str_t   value;

    if (ngx_strcmp(arg->data, "tls") == 0) {
        redis->secure = 1;
        return NULL;
    }

    if (ngx_oscp_value_named(arg, "tls_ca=", &value)) {
        redis->secure = 1;
        return ngx_oscp_value_path(cf, &value, &redis->tls_ca);
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

        if (n && redis->kind == OSCP_ADDRESS_CLUSTER) {
            return "is not possible: a cluster has no other database than 0";
        }

        redis->db = n;
        return NULL;
    }

    /* Nobody knows what it is: it may be the password itself. */
    value = *arg;

    if (!ngx_oscp_address_mask(&value)) {
        value.len = 0;
    }

    return ngx_oscp_conf_wrong(cf, &value, "must be user=, password_file=, "
                               "db=, tls or tls_ca=");
}


char *
ngx_oscp_address_finish(ngx_conf_t *cf, ngx_oscp_redis_conf_t *redis)
{
    char       *rv;
    ngx_str_t   given = ngx_string("tls"), user = ngx_string("user=");

    if (redis->user.len && redis->password.len == 0) {
        return ngx_oscp_conf_wrong(cf, &user, "needs password_file= as well");
    }

    if (!redis->secure) {
        return NULL;
    }

    if (redis->tls_ca) {
        given.data = (u_char *) redis->tls_ca;
        given.len = ngx_strlen(redis->tls_ca);
    }

    rv = redis->kind == OSCP_ADDRESS_UNIX
         ? "is not possible: a Unix socket has no TLS"
         : ngx_oscp_tls_create(cf, redis->tls_ca, &redis->tls);

    return rv ? ngx_oscp_conf_wrong(cf, &given, rv) : NULL;
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
