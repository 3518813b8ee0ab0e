/*
 * The two server-side scripts: what this module does in Redis, atomically.
 */

#ifndef NGX_OSCP_SCRIPT_H
#define NGX_OSCP_SCRIPT_H

#include <ngx_config.h>
#include <ngx_core.h>

/*
 * Stores a batch of messages of one shard.
 *
 * KEYS: the `in` stream; then three per message: the connection's hash, the
 *       group's hash (the connection's again without a group), the `seen` key.
 * ARGV: the backlog limit; then eight per message: conn msg group req corr seg
 *       at body.
 * Reply: a string per message: the stream entry's id, "duplicate", "refused",
 *       "backlog", or "failed" (Redis could not add it; nothing remains).
 */
extern const ngx_str_t  ngx_oscp_script_ingest;

#define NGX_OSCP_SCRIPT_INGEST_KEYS  3      /* per message */
#define NGX_OSCP_SCRIPT_INGEST_ARGS  8

/*
 * Publishes the configuration.
 *
 * KEYS: oscp:config.
 * ARGV: the version, the number of shards, then name and document of each
 *       connection.
 * Reply: 1 when something was written, 0 when all of it stood there already.
 */
extern const ngx_str_t  ngx_oscp_script_publish;

#endif /* NGX_OSCP_SCRIPT_H */
