/*
 * A hash in Redis and what we know of it: the fields of one kind of key, their
 * values as they stand there, and which of them have changed here since.  Only
 * what changed is written; a field without a value is removed, never written
 * empty (design, section 5).
 */

#ifndef WORKER_RECORD_H
#define WORKER_RECORD_H

#include <stdint.h>

#include "commit.h"
#include "oscp_time.h"

#define WORKER_RECORD_FIELDS_MAX   64

struct worker_record {
    const char *const  *names;           /* the caller's table */
    unsigned            n;
    char              **values;          /* owned; NULL: absent */
    uint64_t            changed;         /* bits: to be written */
    unsigned            failed:1;        /* memory gave out */
};

/*
 * An empty record of the `n` fields in `names`: it takes Redis to have no such
 * key.  Returns 0, or -1 without memory.
 */
int worker_record_init(struct worker_record *r, const char *const *names,
    unsigned n);

/*
 * Frees the values; the record must be initialised again before its next use.
 */
void worker_record_free(struct worker_record *r);

/*
 * Takes over what HGETALL gave.  Fields that are not in the table are left
 * alone, there and here.  Returns 0, or -1: no memory, and what is missing must
 * not be taken for what is not there.
 */
int worker_record_load(struct worker_record *r, const redisReply *reply);

/* Forgets all values: the key has been deleted, or is to be. */
void worker_record_clear(struct worker_record *r);

/*
 * Takes it that nothing is known of the key: the next write sets or removes
 * every field.
 */
void worker_record_unknown(struct worker_record *r);

/* The value of field `i`; "" when absent. */
const char *worker_record_get(const struct worker_record *r, unsigned i);

/*
 * Sets field `i`; NULL or "" makes it absent.  Returns 1 when that changes it.
 */
int worker_record_set(struct worker_record *r, unsigned i, const char *value);

/* The same for a moment (OSCP_TIME_NONE: absent), a number, a whole number. */
int worker_record_set_time(struct worker_record *r, unsigned i, oscp_ms_t ms);
int worker_record_set_number(struct worker_record *r, unsigned i,
    double value);
int worker_record_set_integer(struct worker_record *r, unsigned i, int64_t n);

/* Reads back: OSCP_TIME_NONE, or `otherwise`, where there is no such value. */
oscp_ms_t worker_record_time(const struct worker_record *r, unsigned i);
double worker_record_number(const struct worker_record *r, unsigned i,
    double otherwise);

/* 1 when a field has changed since it was written. */
int worker_record_changed(const struct worker_record *r);

/*
 * Adds to `c` what makes the key like the record.  Returns 0, or -1 when memory
 * gave out somewhere since worker_record_init().
 */
int worker_record_write(struct worker_record *r, struct worker_commit *c,
    const char *key);

#endif /* WORKER_RECORD_H */
