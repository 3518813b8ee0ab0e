/*
 * The command line (design, section 2).
 */

#ifndef WORKER_OPTIONS_H
#define WORKER_OPTIONS_H

#include "access.h"
#include "log.h"
#include "oscp_key.h"

#define WORKER_OPTIONS_LEASE_MIN_MS   1000
#define WORKER_OPTIONS_LEASE_MAX_MS   60000

struct worker_options {
    struct worker_access   access;          /* to Redis */
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
