/*
 * The command line (design, section 2).
 */

#ifndef WORKER_OPTIONS_H
#define WORKER_OPTIONS_H

#include "log.h"
#include "oscp_key.h"
#include "redis.h"

#define WORKER_OPTIONS_LEASE_MIN_MS   1000
#define WORKER_OPTIONS_LEASE_MAX_MS   60000

struct worker_options {
    oscp_address_t         address;
    const char            *user;            /* borrowed from argv; NULL: none */
    const char            *password_file;
    unsigned               db;
    const char            *prefix;
    unsigned char          shards[OSCP_SHARDS_MAX];     /* 1: to be worked */
    int64_t                lease_ms;
    enum worker_log_level  log_level;
    unsigned               log_json:1;
};

enum worker_options_result {
    WORKER_OPTIONS_RUN = 0,
    WORKER_OPTIONS_DONE,                    /* --help, --version: said */
    WORKER_OPTIONS_WRONG                    /* said what is wrong, on stderr */
};

/*
 * Reads the command line, and OSCP_REDIS from the environment where --redis is
 * not given.
 */
enum worker_options_result worker_options_read(struct worker_options *o,
    int argc, char **argv);

#endif /* WORKER_OPTIONS_H */
