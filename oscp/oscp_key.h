/*
 * The names under which nginx and the worker meet in Redis (design, section
 * 5).  Only names: this file knows no Redis.
 *
 * All keys of a connection carry the same shard number in braces, so that
 * they share a slot of a Redis Cluster.
 */

#ifndef OSCP_KEY_H
#define OSCP_KEY_H

#include <stddef.h>

#define OSCP_PREFIX_DEFAULT   "oscp:"
#define OSCP_PREFIX_MAX       64       /* bytes in oscp_prefix */
#define OSCP_SHARDS_MAX       256
#define OSCP_KEY_SIZE         512      /* holds every key, NUL included */

/*
 * The shard of a connection, 0 … shards-1: FNV-1a (32 bit) of the name modulo
 * `shards`.  With shards 1 always 0.
 */
unsigned oscp_key_shard(const char *conn, size_t len, unsigned shards);

/*
 * Writes "PREFIX{SHARD}:NAME[:PART…]", for example "oscp:{0}:conn:vector", to
 * `buf` of `size` bytes.  `name` is "in", "cmd", "conn", "group", …; the parts
 * follow as NUL-terminated strings and end with NULL.
 * Returns the length, or 0 when `size` is too small (`buf` is then "").
 */
size_t oscp_key(char *buf, size_t size, const char *prefix, unsigned shard,
    const char *name, ...) __attribute__((sentinel));

/* Writes "PREFIXconfig", the one key that belongs to no shard; as above. */
size_t oscp_key_config(char *buf, size_t size, const char *prefix);

#endif /* OSCP_KEY_H */
