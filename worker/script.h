/*
 * The Lua scripts that run inside Redis, each with its interface.  All that
 * write or take work are fenced: they compare the shard's lease with the value
 * that the caller holds, and do nothing but fail with "FENCED" when it differs.
 */

#ifndef WORKER_SCRIPT_H
#define WORKER_SCRIPT_H

enum worker_script {
    /*
     * Takes the lease if it is free, held by this very worker, or still has
     * the value that a dead owner left.
     * KEYS lease, standby, stats; ARGV worker id, lease in ms, now as text,
     * that value or "", the schema that this worker knows (oscp_version.h), "1"
     * where also a free one is taken only by whoever had it last, or when that
     * value is the last owner's id; how many leases the worker has.  Refused,
     * the one with the fewest leaves "ID NUMBER" in standby, for a lease time.
     * Reply: the new value "ID TOKEN" of ours, or [value held, ms to live], or
     * [last owner's id, -1] where it may only be the last owner's; or the error
     * "SCHEMA N": the state is of a newer one, and nothing was done.
     */
    WORKER_SCRIPT_ACQUIRE = 0,

    /* Prolongs it.  KEYS lease; ARGV value, lease in ms.  Reply: 1. */
    WORKER_SCRIPT_RENEW,

    /* Gives it back.  KEYS lease; ARGV value.  Reply: 1, 0: it was lost. */
    WORKER_SCRIPT_RELEASE,

    /*
     * Makes the consumer group where it is missing.
     * KEYS lease, hash, stream…; ARGV value, consumer group.
     * Reply: [the hash as HGETALL, last id in each stream…].
     */
    WORKER_SCRIPT_OPEN,

    /*
     * Reads hashes.  KEYS lease, hash…; ARGV value.
     * Reply: for each hash HGETALL's array; or, where the key was of another
     * type, that type's name: the key has been removed.
     */
    WORKER_SCRIPT_LOAD,

    /*
     * Takes work.  KEYS lease, stream…; ARGV value, consumer group, how many
     * of each, and for each stream from where (">": new entries; else entries
     * pending after this id).
     * Reply: for each stream its entries, as XREADGROUP gives them.
     */
    WORKER_SCRIPT_TAKE,

    /*
     * One transaction.  KEYS lease, every key that is touched; ARGV value, then
     * per command the number of its words, and the words.  A key that is
     * DELeted and not written afterwards goes at the end, and so do members
     * that SREM removes; what is written after DEL must be a hash, by HSET.
     * Reply: the number of commands.
     */
    WORKER_SCRIPT_COMMIT,

    /*
     * An operator's order about a dead letter, answered and settled.
     * KEYS lease, stats, dead, out, cmd, events; ARGV value, consumer group,
     * "requeue" or "drop", the dead letter's id, its connection, the command's
     * id, by whom, now as text, how many events are kept, the answer's data
     * when it is done, and when there is no such dead letter.
     * Reply: 1, 0: there was none.
     */
    WORKER_SCRIPT_DEAD,

    WORKER_SCRIPT_COUNT
};

#define WORKER_SCRIPT_SHA_SIZE   41      /* with the NUL */

/* How an error begins that says: the lease is not ours any more. */
#define WORKER_SCRIPT_FENCED     "FENCED"

/* How an error begins that says: the state is not for this version to touch. */
#define WORKER_SCRIPT_SCHEMA     "SCHEMA "

/* The text of a script. */
const char *worker_script_text(enum worker_script script);

/*
 * Makes the names of all scripts; to be called before any is used.  Returns
 * 0, or -1 when the cryptographic library refuses.
 */
int worker_script_prepare(void);

/* Its SHA-1 in hex, by which EVALSHA calls it. */
const char *worker_script_sha(enum worker_script script);

#endif /* WORKER_SCRIPT_H */
