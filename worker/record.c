/*
 * A hash in Redis and what we know of it.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oscp_number.h"
#include "record.h"


int
worker_record_init(struct worker_record *r, const char *const *names,
    unsigned n)
{
    memset(r, 0, sizeof(*r));
    r->names = names;
    r->n = n;
    r->values = calloc(n, sizeof(*r->values));

    return r->values != NULL ? 0 : -1;
}


void
worker_record_free(struct worker_record *r)
{
    for (unsigned i = 0; r->values != NULL && i < r->n; i++) {
        free(r->values[i]);
    }

    free(r->values);
    r->values = NULL;
    r->n = 0;
}


int
worker_record_load(struct worker_record *r, const redisReply *reply)
{
    const redisReply  *name, *value;

    for (size_t k = 0; k + 1 < reply->elements; k += 2) {
        name = reply->element[k];
        value = reply->element[k + 1];

        for (unsigned i = 0; i < r->n; i++) {
            if (name->type == REDIS_REPLY_STRING
                && value->type == REDIS_REPLY_STRING
                && strcmp(name->str, r->names[i]) == 0)
            {
                worker_record_set(r, i, value->str);
            }
        }
    }

    r->changed = 0;

    return r->failed ? -1 : 0;
}


void
worker_record_clear(struct worker_record *r)
{
    for (unsigned i = 0; i < r->n; i++) {
        free(r->values[i]);
        r->values[i] = NULL;
    }

    r->changed = 0;
}


void
worker_record_unknown(struct worker_record *r)
{
    r->changed = r->n == 64 ? UINT64_MAX : ((uint64_t) 1 << r->n) - 1;
}


const char *
worker_record_get(const struct worker_record *r, unsigned i)
{
    return r->values[i] != NULL ? r->values[i] : "";
}


int
worker_record_set(struct worker_record *r, unsigned i, const char *value)
{
    char  *copy;

    value = value != NULL ? value : "";
    if (strcmp(worker_record_get(r, i), value) == 0) {
        return 0;
    }

    copy = NULL;
    if (*value != '\0') {
        copy = strdup(value);
        r->failed |= copy == NULL;
    }

    free(r->values[i]);
    r->values[i] = copy;
    r->changed |= (uint64_t) 1 << i;

    return 1;
}


int
worker_record_set_time(struct worker_record *r, unsigned i, oscp_ms_t ms)
{
    char  text[OSCP_TIME_SIZE];

    oscp_time_format(ms, text);

    return worker_record_set(r, i, text);
}


int
worker_record_set_number(struct worker_record *r, unsigned i, double value)
{
    char  text[OSCP_NUMBER_SIZE];

    oscp_number_format(value, 3, text);

    return worker_record_set(r, i, text);
}


int
worker_record_set_integer(struct worker_record *r, unsigned i, int64_t n)
{
    char  text[24];

    snprintf(text, sizeof(text), "%lld", (long long) n);

    return worker_record_set(r, i, text);
}


oscp_ms_t
worker_record_time(const struct worker_record *r, unsigned i)
{
    oscp_ms_t    ms = OSCP_TIME_NONE;
    const char  *text = worker_record_get(r, i);

    return oscp_time_parse(text, strlen(text), &ms) == 0 ? ms : OSCP_TIME_NONE;
}


double
worker_record_number(const struct worker_record *r, unsigned i,
    double otherwise)
{
    double       value;
    const char  *text = worker_record_get(r, i);

    return oscp_number_parse(text, strlen(text), &value) == 0 ? value
                                                              : otherwise;
}


int
worker_record_changed(const struct worker_record *r)
{
    return r->changed != 0;
}


int
worker_record_write(struct worker_record *r, struct worker_commit *c,
    const char *key)
{
    uint64_t  set = 0, gone = 0;

    for (unsigned i = 0; i < r->n; i++) {
        if (r->changed & ((uint64_t) 1 << i)) {
            *(r->values[i] != NULL ? &set : &gone) |= (uint64_t) 1 << i;
        }
    }

    if (set != 0) {
        worker_commit_begin(c, "HSET", key);
        for (unsigned i = 0; i < r->n; i++) {
            if (set & ((uint64_t) 1 << i)) {
                worker_commit_text(c, r->names[i]);
                worker_commit_text(c, r->values[i]);
            }
        }
        worker_commit_end(c);
    }

    if (gone != 0) {
        worker_commit_begin(c, "HDEL", key);
        for (unsigned i = 0; i < r->n; i++) {
            if (gone & ((uint64_t) 1 << i)) {
                worker_commit_text(c, r->names[i]);
            }
        }
        worker_commit_end(c);
    }

    r->changed = 0;

    return r->failed ? -1 : 0;
}
