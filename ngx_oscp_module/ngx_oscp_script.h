/*
 * The server-side scripts: what this module does in Redis, atomically.
 */

#ifndef NGX_OSCP_SCRIPT_H
#define NGX_OSCP_SCRIPT_H

#include <ngx_config.h>
#include <ngx_core.h>

/*
 * A batch of n messages of one shard is stored by one transaction:
 *
 *     MULTI, EVAL judge, n times XADD, EVAL undo, EXEC
 *
 * The bodies never pass through Lua, which would hash each of their bytes.
 * Every message is added; what the first script did not let pass is taken out
 * again by the second, before anybody can have seen it.  Both are sent as
 * source: a script that Redis has lost would leave the XADDs unjudged.
 *
 * judge
 *   KEYS: the `in` stream; a key for the verdicts, which never outlives the
 *         transaction; then three per message: the connection's hash, the
 *         group's hash (the connection's again without a group), the `seen`
 *         key.
 *   ARGV: the backlog limit.
 *   Reply: a string per message: "" (stored), "duplicate", "refused",
 *         "backlog", or "failed" (Redis could not judge; nothing remains).
 *
 * judge_samples, for requests with measurement samples
 *   KEYS: the `meter` stream; the key for the verdicts; then per request the
 *         connection's hash, the `seen` key (the connection's again without a
 *         request id), and the hashes of the groups that its samples name.
 *   ARGV: the backlog limit; then per request "SAMPLES GROUPS NAMED": how many
 *         XADDs it has, how many group hashes, and 1 when it has an id.
 *   Reply: a string per request, as above.  Samples are taken from a connection
 *         that the operator has disconnected as well: its meters go on.
 *
 * undo
 *   KEYS: the same two.  ARGV: the number of XADDs.  Reply: how many entries
 *         were taken out.
 */
extern const ngx_str_t  ngx_oscp_script_judge;
extern const ngx_str_t  ngx_oscp_script_judge_samples;
extern const ngx_str_t  ngx_oscp_script_undo;

#define NGX_OSCP_SCRIPT_JUDGE_KEYS  3      /* per message */

/*
 * Publishes the configuration.
 *
 * KEYS: oscp:config.
 * ARGV: the version, the number of shards, then name and document of each
 *       connection.  An empty version publishes nothing, and only asks whether
 *       the number of shards is the right one.  Without connections: a run of
 *       versions, and only what is published under one of them is replaced.
 * Reply: 1 when something was written, 0 when all of it stood there already;
 *       an error "SHARDS …" when connections are published under another
 *       number of shards: their state would be left behind.
 */
extern const ngx_str_t  ngx_oscp_script_publish;

#endif /* NGX_OSCP_SCRIPT_H */
