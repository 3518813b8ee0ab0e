/*
 * An entry of a stream that is worked off.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "entry.h"


static const char *const  entry_streams[WORKER_STREAM_COUNT] = {
    [WORKER_STREAM_CMD] = "cmd",
    [WORKER_STREAM_IN] = "in",
    [WORKER_STREAM_METER] = "meter",
    [WORKER_STREAM_OUT] = "out",
};

static const struct {
    const char  *name;
    size_t       offset;
} entry_fields[] = {
    { "conn", offsetof(struct worker_entry, conn) },
    { "group", offsetof(struct worker_entry, group) },
    { "msg", offsetof(struct worker_entry, msg) },
    { "req", offsetof(struct worker_entry, req) },
    { "corr", offsetof(struct worker_entry, corr) },
    { "seg", offsetof(struct worker_entry, seg) },
    { "body", offsetof(struct worker_entry, body) },
    { "created", offsetof(struct worker_entry, created) },
    { "op", offsetof(struct worker_entry, op) },
    { "by", offsetof(struct worker_entry, by) },
    { "reason", offsetof(struct worker_entry, reason) },
    { "type", offsetof(struct worker_entry, type) },
    { "blocks", offsetof(struct worker_entry, blocks) },
    { "message", offsetof(struct worker_entry, message) },
    { "replace", offsetof(struct worker_entry, replace) },
    { "entry", offsetof(struct worker_entry, entry) },
    { "asset", offsetof(struct worker_entry, asset) },
    { "power_w", offsetof(struct worker_entry, power_w) },
    { "energy_import_wh", offsetof(struct worker_entry, energy_import_wh) },
    { "energy_export_wh", offsetof(struct worker_entry, energy_export_wh) },
    { "at", offsetof(struct worker_entry, at) },
};

#define ENTRY_FIELDS   (sizeof(entry_fields) / sizeof(*entry_fields))


const char *
worker_stream_name(enum worker_stream stream)
{
    return entry_streams[stream];
}


static void
entry_set(struct worker_entry *e, const char *name, const char *text,
    size_t len)
{
    for (size_t i = 0; i < ENTRY_FIELDS; i++) {
        if (strcmp(name, entry_fields[i].name) == 0) {
            memcpy((char *) e + entry_fields[i].offset, &text, sizeof(text));

            if (memchr(text, '\0', len) != NULL) {
                e->nul = entry_fields[i].name;
            }
        }
    }

    if (strcmp(name, "at") == 0) {
        oscp_time_parse(text, len, &e->at_ms);

    } else if (strcmp(name, "body") == 0) {
        e->body_len = len;
    }
}


static int
entry_fill(struct worker_entry *e, const redisReply *fields)
{
    char              *p;
    size_t             size = 0;
    const redisReply  *value;

    for (size_t i = 0; i < fields->elements; i++) {
        if (fields->element[i]->type != REDIS_REPLY_STRING) {
            return -1;
        }
        size += fields->element[i]->len + 1;
    }

    e->memory = malloc(size + 1);
    if (e->memory == NULL) {
        return -1;
    }

    e->memory_size = size + 1;
    p = e->memory;
    for (size_t i = 0; i + 1 < fields->elements; i += 2) {
        value = fields->element[i + 1];
        memcpy(p, value->str, value->len + 1);
        entry_set(e, fields->element[i]->str, p, value->len);
        p += value->len + 1;
    }

    return 0;
}


int
worker_entry_read(struct worker_entry *e, const redisReply *reply)
{
    const char  *none = "";

    memset(e, 0, sizeof(*e));
    for (size_t i = 0; i < ENTRY_FIELDS; i++) {
        memcpy((char *) e + entry_fields[i].offset, &none, sizeof(none));
    }

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2
        || reply->element[0]->type != REDIS_REPLY_STRING
        || reply->element[0]->len >= sizeof(e->id))
    {
        return -1;
    }

    memcpy(e->id, reply->element[0]->str, reply->element[0]->len + 1);
    e->at_ms = strtoll(e->id, NULL, 10);

    if (reply->element[1]->type != REDIS_REPLY_ARRAY) {
        e->gone = 1;
        return 0;
    }

    return entry_fill(e, reply->element[1]);
}


void
worker_entry_free(struct worker_entry *e)
{
    free(e->memory);
    e->memory = NULL;
}


int
worker_entry_compare(const char *a, const char *b)
{
    char                *pa, *pb;
    unsigned long long   ma, mb, sa, sb;

    ma = strtoull(a, &pa, 10);
    mb = strtoull(b, &pb, 10);
    sa = *pa == '-' ? strtoull(pa + 1, NULL, 10) : 0;
    sb = *pb == '-' ? strtoull(pb + 1, NULL, 10) : 0;

    if (ma != mb) {
        return ma < mb ? -1 : 1;
    }

    return sa < sb ? -1 : sa > sb;
}
