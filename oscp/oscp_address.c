/*
 * Addresses of Redis.
 */

#include "oscp_address.h"
#include "oscp_message.h"

#include <string.h>

#define UNIX_PREFIX      "unix:"
#define SENTINEL_PREFIX  "sentinel:"
#define CLUSTER_PREFIX   "cluster:"

static const char  address_forms[] =
    "must be unix:/PATH, HOST, HOST:PORT, [IPv6]:PORT, "
    "sentinel:NAME@HOST:PORT,... or cluster:HOST:PORT,...";


static int
oscp_address_begins(oscp_str_t s, const char *prefix)
{
    size_t  len = strlen(prefix);

    return s.len >= len && memcmp(s.data, prefix, len) == 0;
}


/* Bytes of a host name or of a dotted IPv4 address. */
static int
oscp_address_host_valid(oscp_str_t s)
{
    size_t  i;

    for (i = 0; i < s.len; i++) {
        if (!oscp_name_valid(&s.data[i], 1, OSCP_NAME_PLAIN)) {
            return 0;
        }
    }

    return s.len > 0 && s.len < OSCP_ADDRESS_HOST_SIZE
           && s.data[0] != '.' && s.data[0] != '-';
}


/* Bytes of an IPv6 address, a zone ("fe80::1%eth0") included. */
static int
oscp_address_ipv6_valid(oscp_str_t s)
{
    size_t       i, colons;
    const char  *zone;

    if (s.len < 2 || s.len >= OSCP_ADDRESS_HOST_SIZE) {
        return 0;
    }

    zone = memchr(s.data, '%', s.len);
    if (zone != NULL) {
        i = (size_t) (zone + 1 - s.data);
        if (!oscp_name_valid(zone + 1, s.len - i, OSCP_NAME_PLAIN)) {
            return 0;
        }

        s.len = i - 1;
    }

    colons = 0;

    for (i = 0; i < s.len; i++) {
        if (s.data[i] == '\0' || !strchr("0123456789abcdefABCDEF:.",
                                         s.data[i]))
        {
            return 0;
        }

        colons += s.data[i] == ':';
    }

    return colons >= 2;
}


/* 0 where it is no port. */
static unsigned
oscp_address_port(oscp_str_t s)
{
    size_t    i;
    unsigned  port, digit;

    if (s.len > 5) {
        return 0;
    }

    port = 0;

    for (i = 0; i < s.len; i++) {
        digit = (unsigned char) s.data[i] - '0';
        if (digit > 9) {
            return 0;
        }

        port = port * 10 + digit;
    }

    return port <= OSCP_ADDRESS_PORT_MAX ? port : 0;
}


/* Reads HOST, HOST:PORT, [IPv6] or [IPv6]:PORT.  Returns 0 or -1. */
static int
oscp_address_host(oscp_str_t s, unsigned port, oscp_host_t *h)
{
    int          ipv6;
    oscp_str_t   host;
    const char  *p, *end, *behind;

    end = s.data + s.len;
    ipv6 = s.len > 0 && s.data[0] == '[';

    p = s.data + ipv6;
    behind = s.len > 0 ? memchr(p, ipv6 ? ']' : ':', (size_t) (end - p)) : NULL;
    if (behind == NULL) {
        if (ipv6) {
            return -1;
        }

        behind = end;
    }

    host.data = p;
    host.len = (size_t) (behind - p);
    if (!(ipv6 ? oscp_address_ipv6_valid(host)
               : oscp_address_host_valid(host)))
    {
        return -1;
    }

    p = behind + ipv6;
    h->port = port;

    if (p < end) {
        s.data = p + 1;
        s.len = (size_t) (end - p - 1);
        h->port = *p == ':' ? oscp_address_port(s) : 0;
    }

    memcpy(h->host, host.data, host.len);
    h->host[host.len] = '\0';

    return h->port ? 0 : -1;
}


/* Reads HOST,HOST…; `port` is that of a host that names none. */
static int
oscp_address_list(oscp_str_t s, unsigned port, oscp_address_t *a)
{
    oscp_str_t   item;
    const char  *p, *end, *comma;

    p = s.data;
    end = s.data + s.len;

    for ( ;; ) {
        comma = p < end ? memchr(p, ',', (size_t) (end - p)) : NULL;
        item.data = p;
        item.len = (size_t) ((comma ? comma : end) - p);

        if (a->nhosts == OSCP_ADDRESS_HOSTS_MAX
            || oscp_address_host(item, port, &a->hosts[a->nhosts]) != 0)
        {
            return -1;
        }

        a->nhosts++;

        if (comma == NULL) {
            return 0;
        }

        p = comma + 1;
    }
}


static int
oscp_address_sentinel(oscp_str_t s, oscp_address_t *a)
{
    size_t       len;
    const char  *at;

    a->kind = OSCP_ADDRESS_SENTINEL;

    at = s.len > 0 ? memchr(s.data, '@', s.len) : NULL;
    len = at != NULL ? (size_t) (at - s.data) : 0;
    if (!oscp_name_valid(s.data, len, OSCP_NAME_PLAIN)) {
        return -1;
    }

    memcpy(a->master, s.data, len);

    s.data = at + 1;
    s.len -= len + 1;

    return oscp_address_list(s, OSCP_ADDRESS_SENTINEL_PORT, a);
}


static int
oscp_address_cluster(oscp_str_t s, oscp_address_t *a)
{
    a->kind = OSCP_ADDRESS_CLUSTER;

    return oscp_address_list(s, OSCP_ADDRESS_REDIS_PORT, a);
}


static int
oscp_address_unix(oscp_str_t s, oscp_address_t *a)
{
    a->kind = OSCP_ADDRESS_UNIX;

    if (s.len < 2 || s.len >= OSCP_ADDRESS_PATH_SIZE || s.data[0] != '/'
        || memchr(s.data, '\0', s.len) != NULL)
    {
        return -1;
    }

    memcpy(a->path, s.data, s.len);

    return 0;
}


/* Reads HOST… as the only one. */
static int
oscp_address_tcp(oscp_str_t s, oscp_address_t *a)
{
    a->kind = OSCP_ADDRESS_TCP;
    a->nhosts = 1;

    return oscp_address_host(s, OSCP_ADDRESS_REDIS_PORT, &a->hosts[0]);
}


/* What stands before an address, and what reads the rest; the last fits all. */
static const struct {
    const char  *prefix;
    int        (*read)(oscp_str_t s, oscp_address_t *a);
} address_kinds[] = {
    { UNIX_PREFIX, oscp_address_unix },
    { SENTINEL_PREFIX, oscp_address_sentinel },
    { CLUSTER_PREFIX, oscp_address_cluster },
    { "", oscp_address_tcp }
};


oscp_err_t
oscp_address_parse(const char *text, size_t len, oscp_address_t *a,
    oscp_error_t *err)
{
    size_t      i, skip;
    oscp_str_t  s = { text, len };

    memset(a, 0, sizeof(*a));

    for (i = 0; !oscp_address_begins(s, address_kinds[i].prefix); i++) {
        /* void */
    }

    skip = strlen(address_kinds[i].prefix);
    s.data += skip;
    s.len -= skip;

    if (address_kinds[i].read(s, a) != 0) {
        return oscp_error_set(err, OSCP_ERR_SYNTAX, "", "%s", address_forms);
    }

    return OSCP_OK;
}


int
oscp_address_host_set(oscp_host_t *h, const char *host, size_t len,
    long long port)
{
    oscp_str_t  s = { host, len };

    if (port < 1 || port > OSCP_ADDRESS_PORT_MAX
        || (len > 0 && !oscp_address_host_valid(s)
            && !oscp_address_ipv6_valid(s)))
    {
        return -1;
    }

    memset(h, 0, sizeof(*h));
    if (len > 0) {
        memcpy(h->host, host, len);
    }
    h->port = (unsigned) port;

    return 0;
}
