/*
 * Redis, as oscpctl uses it: one question at a time, to the server that has the
 * key.  What goes wrong is told on standard error here, once; callers only pass
 * the failure on.
 */

#ifndef WORKER_OSCPCTL_STORE_H
#define WORKER_OSCPCTL_STORE_H

#include <hiredis/hiredis.h>

#include "access.h"
#include "oscp_key.h"

struct worker_ctl_store;

/* Reads what access needs; `access` is kept.  NULL on failure (told). */
struct worker_ctl_store *worker_ctl_store_open(
    const struct worker_access *access);

/* NULL is harmless. */
void worker_ctl_store_close(struct worker_ctl_store *store);

/*
 * From now on nothing is waited for much longer than until `end_ms`, by the
 * boot's clock (clock.h), connections and failovers included.
 */
void worker_ctl_store_end(struct worker_ctl_store *store, int64_t end_ms);

/*
 * One command; its key is its first argument (XREAD: behind STREAMS), and all
 * its keys are of one shard.  The reply is to be freed with freeReplyObject();
 * NULL on failure and on an error reply (told).
 */
redisReply *worker_ctl_store_command(struct worker_ctl_store *store, int argc,
    const char *const *argv);

/* 1 when shards may be on different servers, else 0. */
int worker_ctl_store_parted(const struct worker_ctl_store *store);

/*
 * All fields of the hashes whose names are in `keys`, which are of one shard,
 * read in one transaction: an array with one HGETALL reply each.  NULL on
 * failure (told).
 */
redisReply *worker_ctl_store_hashes(struct worker_ctl_store *store,
    char (*keys)[OSCP_KEY_SIZE], size_t n);

/* The value of a field in what HGETALL gave, or in a stream entry; or NULL. */
const char *worker_ctl_store_field(const redisReply *hash, const char *name);

#endif /* WORKER_OSCPCTL_STORE_H */
