/*
 * How a program reaches Redis: the options that oscp-worker and oscpctl have in
 * common (design, section 2).
 */

#ifndef WORKER_ACCESS_H
#define WORKER_ACCESS_H

#include "oscp_address.h"

/* Strings point into argv or the environment, or are static. */
struct worker_access {
    oscp_address_t   address;
    const char      *text;             /* the address as given; NULL: not yet */
    const char      *user;             /* NULL: the default user */
    const char      *password_file;    /* never the password itself: that would
                                          stand in the process list */
    unsigned         db;
    const char      *tls_ca;           /* a file; NULL: no TLS */
    const char      *prefix;
};

/* One of the options; all of them take a value. */
struct worker_access_option {
    const char  *name;                 /* "redis" */
    const char  *value;                /* what stands for it in --help */
    const char  *help;
};

#define WORKER_ACCESS_OPTIONS   6

/* The option `i`, 0 … WORKER_ACCESS_OPTIONS - 1. */
const struct worker_access_option *worker_access_option(unsigned i);

/* Nothing given: the defaults. */
void worker_access_init(struct worker_access *a);

/*
 * The option `i` was given, with `value`.  Returns 0; or -1 when that is wrong:
 * it is said on standard error, in the name of `program`.
 */
int worker_access_set(struct worker_access *a, const char *program, unsigned i,
    const char *value);

/*
 * All options have been given: takes OSCP_REDIS, or the default, where there
 * was no address.  Returns 0; or -1 when they do not go together (said).
 */
int worker_access_finish(struct worker_access *a, const char *program);

#endif /* WORKER_ACCESS_H */
