/*
 * The command line.  Every option at most once, every number in its range, all
 * of it checked before anything begins.
 */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "version.h"


#define OPTIONS_REDIS_DEFAULT   "127.0.0.1:6379"
#define OPTIONS_DB_MAX          65535


typedef int option_setter(struct worker_options *o, const char *name,
    const char *value);

static option_setter  options_set_redis;
static option_setter  options_set_user;
static option_setter  options_set_password_file;
static option_setter  options_set_db;
static option_setter  options_set_tls_ca;
static option_setter  options_set_prefix;
static option_setter  options_set_shards;
static option_setter  options_set_lease;
static option_setter  options_set_log_level;
static option_setter  options_set_log_format;


static const struct {
    const char     *name;
    option_setter  *set;
    const char     *value;
    const char     *help;
} options_table[] = {
    { "redis", options_set_redis, "ADDRESS",
      "unix:/PATH, HOST[:PORT] or [IPv6]:PORT; default: $OSCP_REDIS, else "
      OPTIONS_REDIS_DEFAULT },
    { "redis-user", options_set_user, "NAME", "the Redis user" },
    { "redis-password-file", options_set_password_file, "FILE",
      "its password; read again on SIGHUP" },
    { "redis-db", options_set_db, "N", "the Redis database; default 0" },
    { "redis-tls-ca", options_set_tls_ca, "FILE",
      "TLS to Redis (not in this build)" },
    { "prefix", options_set_prefix, "PREFIX",
      "what every key begins with; default " OSCP_PREFIX_DEFAULT },
    { "shards", options_set_shards, "LIST|all",
      "shards to work for, as 0,2,4-7; default all" },
    { "lease", options_set_lease, "TIME",
      "how long a dead worker keeps a shard, 1s to 60s; default 5s" },
    { "log-level", options_set_log_level, "L",
      "error, warn, info or debug; default info" },
    { "log-format", options_set_log_format, "F", "text or json; default text" },
};

#define OPTIONS  (sizeof(options_table) / sizeof(*options_table))


static int
options_wrong(const char *name, const char *value, const char *must)
{
    fprintf(stderr, "oscp-worker: --%s %s: must be %s\n", name, value, must);

    return -1;
}


static int
options_set_redis(struct worker_options *o, const char *name,
    const char *value)
{
    oscp_error_t  err;

    if (oscp_address_parse(value, strlen(value), &o->address, &err)
        != OSCP_OK)
    {
        fprintf(stderr, "oscp-worker: --%s %s: %s\n", name, value, err.text);
        return -1;
    }

    if (o->address.kind == OSCP_ADDRESS_SENTINEL) {
        fprintf(stderr, "oscp-worker: --%s %s: Sentinel is not supported by "
                "this version\n", name, value);
        return -1;
    }

    return 0;
}


static int
options_set_user(struct worker_options *o, const char *name, const char *value)
{
    if (*value == '\0') {
        return options_wrong(name, value, "a name");
    }

    o->user = value;

    return 0;
}


static int
options_set_password_file(struct worker_options *o, const char *name,
    const char *value)
{
    if (*value == '\0') {
        return options_wrong(name, value, "a file");
    }

    o->password_file = value;

    return 0;
}


/* A whole number up to `max`, nothing around it; -1 when it is not. */
static long
options_number(const char *text, size_t len, long max)
{
    long  n = 0;

    if (len == 0 || len > 9) {
        return -1;
    }

    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return -1;
        }
        n = n * 10 + text[i] - '0';
    }

    return n <= max ? n : -1;
}


static int
options_set_db(struct worker_options *o, const char *name, const char *value)
{
    long  n = options_number(value, strlen(value), OPTIONS_DB_MAX);

    if (n < 0) {
        return options_wrong(name, value, "a number from 0 to 65535");
    }

    o->db = (unsigned) n;

    return 0;
}


static int
options_set_tls_ca(struct worker_options *o, const char *name,
    const char *value)
{
    (void) o;

    fprintf(stderr, "oscp-worker: --%s %s: this build has no TLS for Redis\n",
            name, value);

    return -1;
}


static int
options_set_prefix(struct worker_options *o, const char *name,
    const char *value)
{
    size_t  len = strlen(value);

    if (len > OSCP_PREFIX_MAX || strpbrk(value, "{} \t\r\n") != NULL) {
        return options_wrong(name, value, "at most 64 bytes without braces or "
                             "blanks");
    }

    o->prefix = value;

    return 0;
}


static int
options_set_shards(struct worker_options *o, const char *name,
    const char *value)
{
    long         first, last;
    size_t       len, dash;
    const char  *p = value;

    if (strcmp(value, "all") == 0) {
        return 0;
    }

    memset(o->shards, 0, sizeof(o->shards));

    for ( ;; ) {
        len = strcspn(p, ",");
        dash = strcspn(p, "-,");
        first = options_number(p, dash, OSCP_SHARDS_MAX - 1);
        last = dash == len ? first
                           : options_number(p + dash + 1, len - dash - 1,
                                            OSCP_SHARDS_MAX - 1);

        if (first < 0 || last < first) {
            return options_wrong(name, value, "\"all\" or numbers from 0 to "
                                 "255 as in 0,2,4-7");
        }

        memset(o->shards + first, 1, (size_t) (last - first + 1));

        if (p[len] == '\0') {
            return 0;
        }
        p += len + 1;
    }
}


static int
options_set_lease(struct worker_options *o, const char *name,
    const char *value)
{
    long    n;
    size_t  digits = strspn(value, "0123456789");

    n = options_number(value, digits, 999999999);

    if (strcmp(value + digits, "s") == 0 && n >= 0 && n <= 1000) {
        o->lease_ms = n * 1000;

    } else if (strcmp(value + digits, "ms") == 0 && n >= 0) {
        o->lease_ms = n;

    } else {
        o->lease_ms = 0;
    }

    if (o->lease_ms < WORKER_OPTIONS_LEASE_MIN_MS
        || o->lease_ms > WORKER_OPTIONS_LEASE_MAX_MS)
    {
        return options_wrong(name, value, "a time from 1s to 60s, as 5s or "
                             "1500ms");
    }

    return 0;
}


static int
options_set_log_level(struct worker_options *o, const char *name,
    const char *value)
{
    int  level = worker_log_level_find(value);

    if (level < 0) {
        return options_wrong(name, value, "error, warn, info or debug");
    }

    o->log_level = (enum worker_log_level) level;

    return 0;
}


static int
options_set_log_format(struct worker_options *o, const char *name,
    const char *value)
{
    o->log_json = strcmp(value, "json") == 0;

    if (!o->log_json && strcmp(value, "text") != 0) {
        return options_wrong(name, value, "text or json");
    }

    return 0;
}


static void
options_help(void)
{
    char  left[64];

    printf("usage: oscp-worker [OPTION]…\n\n"
           "Runs the rules of the OSCP connections that nginx stores in "
           "Redis.\n\n");

    for (size_t i = 0; i < OPTIONS; i++) {
        snprintf(left, sizeof(left), "--%s %s", options_table[i].name,
                 options_table[i].value);
        printf("  %-30s %s\n", left, options_table[i].help);
    }

    printf("  %-30s %s\n  %-30s %s\n\n"
           "SIGTERM gives the shards back and ends; SIGHUP reads secret files "
           "again.\n", "--help", "this", "--version", "the version");
}


static enum worker_options_result
options_parse(struct worker_options *o, int argc, char **argv, unsigned *seen)
{
    int            index;
    struct option  list[OPTIONS + 3];

    memset(list, 0, sizeof(list));
    for (size_t i = 0; i < OPTIONS; i++) {
        list[i].name = options_table[i].name;
        list[i].has_arg = required_argument;
    }
    list[OPTIONS].name = "help";
    list[OPTIONS + 1].name = "version";

    for ( ;; ) {
        index = -1;

        switch (getopt_long(argc, argv, "", list, &index)) {

        case -1:
            if (optind < argc) {
                fprintf(stderr, "oscp-worker: unknown argument %s\n",
                        argv[optind]);
                return WORKER_OPTIONS_WRONG;
            }
            return WORKER_OPTIONS_RUN;

        case 0:
            break;

        default:
            return WORKER_OPTIONS_WRONG;
        }

        if (index == (int) OPTIONS) {
            options_help();
            return WORKER_OPTIONS_DONE;
        }

        if (index == (int) OPTIONS + 1) {
            printf("oscp-worker %s\n", WORKER_VERSION);
            return WORKER_OPTIONS_DONE;
        }

        if (*seen & 1u << index) {
            fprintf(stderr, "oscp-worker: --%s is given twice\n",
                    list[index].name);
            return WORKER_OPTIONS_WRONG;
        }
        *seen |= 1u << index;

        if (options_table[index].set(o, list[index].name, optarg) == -1) {
            return WORKER_OPTIONS_WRONG;
        }
    }
}


enum worker_options_result
worker_options_read(struct worker_options *o, int argc, char **argv)
{
    unsigned                     seen = 0;
    const char                  *address;
    enum worker_options_result   rc;

    memset(o, 0, sizeof(*o));
    memset(o->shards, 1, sizeof(o->shards));
    o->prefix = OSCP_PREFIX_DEFAULT;
    o->lease_ms = 5000;
    o->log_level = WORKER_LOG_INFO;

    rc = options_parse(o, argc, argv, &seen);
    if (rc != WORKER_OPTIONS_RUN) {
        if (rc == WORKER_OPTIONS_WRONG) {
            fprintf(stderr, "oscp-worker: --help tells the options\n");
        }
        return rc;
    }

    if (!(seen & 1u)) {
        address = getenv("OSCP_REDIS");
        if (address == NULL || *address == '\0') {
            address = OPTIONS_REDIS_DEFAULT;
        }

        if (options_set_redis(o, "redis", address) == -1) {
            return WORKER_OPTIONS_WRONG;
        }
    }

    if (o->user != NULL && o->password_file == NULL) {
        fprintf(stderr, "oscp-worker: --redis-user needs "
                "--redis-password-file\n");
        return WORKER_OPTIONS_WRONG;
    }

    return WORKER_OPTIONS_RUN;
}
