/*
 * The address of Redis as `oscp_redis` and `--redis` take it (design, sections
 * 2 and 4): "unix:/PATH", "HOST", "HOST:PORT", "[IPv6]:PORT",
 * "sentinel:NAME@HOST[:PORT],…" or "cluster:HOST[:PORT],…".
 */

#ifndef OSCP_ADDRESS_H
#define OSCP_ADDRESS_H

#include "oscp_error.h"
#include "oscp_name.h"

#define OSCP_ADDRESS_HOST_SIZE    256
#define OSCP_ADDRESS_PATH_SIZE    108      /* sun_path, NUL included */
#define OSCP_ADDRESS_HOSTS_MAX    8
#define OSCP_ADDRESS_PORT_MAX     65535
#define OSCP_ADDRESS_REDIS_PORT   6379
#define OSCP_ADDRESS_SENTINEL_PORT  26379

typedef enum {
    OSCP_ADDRESS_TCP = 0,
    OSCP_ADDRESS_UNIX,
    OSCP_ADDRESS_SENTINEL,     /* a master, by the sentinels that watch it */
    OSCP_ADDRESS_CLUSTER       /* a Redis Cluster, by some of its nodes */
} oscp_address_kind_t;

typedef struct {
    char      host[OSCP_ADDRESS_HOST_SIZE];
    unsigned  port;
} oscp_host_t;

typedef struct {
    oscp_address_kind_t  kind;
    char                 path[OSCP_ADDRESS_PATH_SIZE];   /* UNIX */
    char                 master[OSCP_NAME_SIZE]; /* SENTINEL */
    oscp_host_t          hosts[OSCP_ADDRESS_HOSTS_MAX];  /* TCP: one */
    unsigned             nhosts;
} oscp_address_t;

/*
 * Reads `len` bytes at `text`.  Returns OSCP_OK, or OSCP_ERR_SYNTAX with the
 * text in `err` saying what an address must look like (path is "").
 */
oscp_err_t oscp_address_parse(const char *text, size_t len, oscp_address_t *a,
    oscp_error_t *err);

/*
 * Where a sentinel or a node of a cluster says that another one is: `len` bytes
 * at `host`, a name or an address without brackets, and `port`.  An empty host
 * is taken: it stands for that of the one who says so.  Returns 0; or -1 when
 * it is none, and `h` is then undefined.
 */
int oscp_address_host_set(oscp_host_t *h, const char *host, size_t len,
    long long port);

#endif /* OSCP_ADDRESS_H */
