/*
 * Streams in Redis, read piece by piece.  Failures are told, as in the store.
 */

#ifndef WORKER_OSCPCTL_STREAM_H
#define WORKER_OSCPCTL_STREAM_H

#include "oscpctl_store.h"

#define WORKER_CTL_STREAM_PIECE    500    /* entries read at once */
#define WORKER_CTL_STREAM_ID_SIZE  48     /* an entry's id, with NUL */

/*
 * A stream's entries, oldest first, from after the id `after` on; or newest
 * first, from before the id `before` on.  "" means from the end.  At most
 * `count` of them.  NULL on failure (told).
 */
redisReply *worker_ctl_stream_read(struct worker_ctl_store *store,
    const char *key, const char *after, unsigned count);
redisReply *worker_ctl_stream_read_back(struct worker_ctl_store *store,
    const char *key, const char *before, unsigned count);

/*
 * Waits up to `wait_ms`, or a moment, for entries behind `ids` in the streams
 * `keys`: the reply of XREAD, an array of [key, entries] of some of them, or
 * NIL when none came.  NULL on failure (told).
 */
redisReply *worker_ctl_stream_wait(struct worker_ctl_store *store,
    char (*keys)[OSCP_KEY_SIZE], char (*ids)[WORKER_CTL_STREAM_ID_SIZE],
    size_t n, int64_t wait_ms);

/* The id of a stream's last entry in `id`, "0-0" if it has none.  0, or -1. */
int worker_ctl_stream_last(struct worker_ctl_store *store, const char *key,
    char id[WORKER_CTL_STREAM_ID_SIZE]);

/*
 * A stream entry's id and fields (an array like HGETALL's).  Returns 0, or -1
 * where the reply is no entry.
 */
int worker_ctl_stream_entry(const redisReply *entry, const char **id,
    const redisReply **fields);

#endif /* WORKER_OSCPCTL_STREAM_H */
