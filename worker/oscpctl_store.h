/*
 * Redis, as oscpctl uses it: one connection, one question at a time.  What goes
 * wrong is told on standard error here, once; callers only pass the failure on.
 */

#ifndef WORKER_OSCPCTL_STORE_H
#define WORKER_OSCPCTL_STORE_H

#include <hiredis/hiredis.h>

#include "access.h"
#include "oscp_key.h"

struct worker_ctl_store;

/* Connects and authenticates; `access` is kept.  NULL on failure (told). */
struct worker_ctl_store *worker_ctl_store_open(
    const struct worker_access *access);

/* NULL is harmless. */
void worker_ctl_store_close(struct worker_ctl_store *store);

/*
 * One command.  The reply is to be freed with freeReplyObject(); NULL on
 * failure and on an error reply (told).
 */
redisReply *worker_ctl_store_command(struct worker_ctl_store *store, int argc,
    const char *const *argv);

/*
 * All fields of the hashes whose names are in `keys`, read in one transaction:
 * an array with one HGETALL reply each.  NULL on failure (told).
 */
redisReply *worker_ctl_store_hashes(struct worker_ctl_store *store,
    char (*keys)[OSCP_KEY_SIZE], size_t n);

/* The value of a field in what HGETALL gave, or in a stream entry; or NULL. */
const char *worker_ctl_store_field(const redisReply *hash, const char *name);

#endif /* WORKER_OSCPCTL_STORE_H */
