/*
 * The version of the whole: nginx shows it in its status, the programs in
 * --version; and that of what they keep in Redis.
 */

#ifndef OSCP_VERSION_H
#define OSCP_VERSION_H

#define OSCP_VERSION   "0.1.0"

/*
 * The schema of the state in Redis: field `schema` of a shard's stats, absent
 * for 1.  It grows when a program of before would do harm to what is stored or
 * misread it; the worker that takes a shard writes its own, and refuses one
 * that is newer.  2: samples, outbound messages and adjustments are state.
 */
#define OSCP_SCHEMA    2

#endif /* OSCP_VERSION_H */
