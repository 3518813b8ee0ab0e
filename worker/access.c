/*
 * How a program reaches Redis.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "oscp_key.h"
#include "tls.h"


#define ACCESS_REDIS_DEFAULT   "127.0.0.1:6379"
#define ACCESS_DB_MAX          65535


/* One option on its way: whose it is, and what it is. */
struct access_given {
    const char  *program;
    const char  *name;
    const char  *value;
};

typedef int access_setter(struct worker_access *a,
    const struct access_given *g);

static access_setter  access_set_redis;
static access_setter  access_set_user;
static access_setter  access_set_password_file;
static access_setter  access_set_db;
static access_setter  access_set_tls_ca;
static access_setter  access_set_prefix;


static const struct worker_access_option
    access_options[WORKER_ACCESS_OPTIONS] =
{
    { "redis", "ADDRESS", "unix:/PATH, HOST[:PORT], [IPv6]:PORT,\n"
      "sentinel:NAME@HOST[:PORT],… or\ncluster:HOST[:PORT],…;\n"
      "default: $OSCP_REDIS, else " ACCESS_REDIS_DEFAULT },
    { "redis-user", "NAME", "the Redis user" },
    { "redis-password-file", "FILE", "its password; read again on SIGHUP" },
    { "redis-db", "N", "the Redis database; default 0" },
    { "redis-tls-ca", "FILE", "TLS to Redis, by certificates of this CA;\n"
      "read again on SIGHUP" },
    { "prefix", "PREFIX", "what every key begins with; default "
      OSCP_PREFIX_DEFAULT },
};

static access_setter *const  access_setters[WORKER_ACCESS_OPTIONS] = {
    access_set_redis, access_set_user, access_set_password_file,
    access_set_db, access_set_tls_ca, access_set_prefix
};


static int
access_wrong(const struct access_given *g, const char *must)
{
    fprintf(stderr, "%s: --%s %s: must be %s\n", g->program, g->name, g->value,
            must);

    return -1;
}


static int
access_set_redis(struct worker_access *a, const struct access_given *g)
{
    oscp_error_t  err;

    if (oscp_address_parse(g->value, strlen(g->value), &a->address, &err)
        != OSCP_OK)
    {
        fprintf(stderr, "%s: --%s %s: %s\n", g->program, g->name, g->value,
                err.text);
        return -1;
    }

    a->text = g->value;

    return 0;
}


static int
access_set_user(struct worker_access *a, const struct access_given *g)
{
    if (*g->value == '\0') {
        return access_wrong(g, "a name");
    }

    a->user = g->value;

    return 0;
}


static int
access_set_password_file(struct worker_access *a, const struct access_given *g)
{
    if (*g->value == '\0') {
        return access_wrong(g, "a file");
    }

    a->password_file = g->value;

    return 0;
}


static int
access_set_db(struct worker_access *a, const struct access_given *g)
{
    size_t         len = strlen(g->value);
    unsigned long  n = strtoul(g->value, NULL, 10);

    if (len == 0 || len > 5 || strspn(g->value, "0123456789") != len
        || n > ACCESS_DB_MAX)
    {
        return access_wrong(g, "a number from 0 to 65535");
    }

    a->db = (unsigned) n;

    return 0;
}


static int
access_set_tls_ca(struct worker_access *a, const struct access_given *g)
{
    if (*g->value == '\0') {
        return access_wrong(g, "a file");
    }

    if (!worker_tls_available()) {
        fprintf(stderr, "%s: --%s %s: this build has no TLS for Redis: hiredis "
                "was built without it\n", g->program, g->name, g->value);
        return -1;
    }

    a->tls_ca = g->value;

    return 0;
}


static int
access_set_prefix(struct worker_access *a, const struct access_given *g)
{
    size_t  len = strlen(g->value);

    if (len > OSCP_PREFIX_MAX || strpbrk(g->value, "{} \t\r\n") != NULL) {
        return access_wrong(g, "at most 64 bytes without braces or blanks");
    }

    a->prefix = g->value;

    return 0;
}


const struct worker_access_option *
worker_access_option(unsigned i)
{
    return &access_options[i];
}


void
worker_access_init(struct worker_access *a)
{
    memset(a, 0, sizeof(*a));
    a->prefix = OSCP_PREFIX_DEFAULT;
}


int
worker_access_set(struct worker_access *a, const char *program, unsigned i,
    const char *value)
{
    struct access_given  g = { program, access_options[i].name, value };

    return access_setters[i](a, &g);
}


/* What does not go together. */
static int
access_check(const struct worker_access *a, const char *program)
{
    const char  *wrong = NULL;

    if (a->user != NULL && a->password_file == NULL) {
        wrong = "--redis-user needs --redis-password-file";

    } else if (a->db > 0 && a->address.kind == OSCP_ADDRESS_CLUSTER) {
        wrong = "--redis-db: a cluster has the database 0 only";

    } else if (a->tls_ca != NULL && a->address.kind == OSCP_ADDRESS_UNIX) {
        wrong = "--redis-tls-ca: a unix socket has no TLS";
    }

    if (wrong != NULL) {
        fprintf(stderr, "%s: %s\n", program, wrong);
        return -1;
    }

    return 0;
}


int
worker_access_finish(struct worker_access *a, const char *program)
{
    const char  *address;

    if (a->text == NULL) {
        address = getenv("OSCP_REDIS");
        if (address == NULL || *address == '\0') {
            address = ACCESS_REDIS_DEFAULT;
        }

        if (worker_access_set(a, program, 0, address) == -1) {
            return -1;
        }
    }

    return access_check(a, program);
}
