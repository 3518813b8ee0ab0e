/*
 * What waits for delivery, counted.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oscpctl_out.h"
#include "oscpctl_stream.h"
#include "oscpctl_text.h"
#include "oscpctl_waiting.h"


static void
waiting_count(const struct worker_ctl *ctl, struct worker_ctl_waiting *w,
    const char *id, const redisReply *fields)
{
    oscp_ms_t                            at;
    const char                          *name;
    struct worker_ctl_waiting_queue     *q;
    const struct worker_ctl_connection  *c;

    name = worker_ctl_store_field(fields, "conn");
    c = name ? worker_ctl_catalog_connection(ctl->catalog, name) : NULL;
    if (c == NULL) {
        return;
    }

    at = worker_ctl_text_stored(worker_ctl_store_field(fields, "created"));
    at = at == OSCP_TIME_NONE ? strtoll(id, NULL, 10) : at;

    q = &w->queues[c - ctl->catalog->connections];
    q->since_ms = q->n == 0 || at < q->since_ms ? at : q->since_ms;
    q->n++;
}


static int
waiting_shard(struct worker_ctl *ctl, unsigned shard,
    struct worker_ctl_waiting *w)
{
    char               key[OSCP_KEY_SIZE], last[WORKER_CTL_STREAM_ID_SIZE];
    size_t             n;
    redisReply        *reply;
    const char        *id;
    const redisReply  *fields;

    oscp_key(key, sizeof(key), ctl->prefix, shard, "out", NULL);
    last[0] = '\0';

    do {
        reply = worker_ctl_stream_read(ctl->store, key, last,
                                       WORKER_CTL_STREAM_PIECE);
        if (reply == NULL) {
            return -1;
        }

        n = reply->elements;
        for (size_t i = 0; i < n; i++) {
            if (worker_ctl_stream_entry(reply->element[i], &id, &fields) == 0) {
                waiting_count(ctl, w, id, fields);
                snprintf(last, sizeof(last), "%s", id);
            }
        }

        freeReplyObject(reply);
    } while (n == WORKER_CTL_STREAM_PIECE);

    return 0;
}


static int
waiting_dead(struct worker_ctl *ctl, unsigned shard,
    struct worker_ctl_waiting *w)
{
    char         key[OSCP_KEY_SIZE];
    redisReply  *reply;
    const char  *argv[] = { "XLEN", key };

    oscp_key(key, sizeof(key), ctl->prefix, shard, "dead", NULL);

    reply = worker_ctl_store_command(ctl->store, 2, argv);
    if (reply == NULL) {
        return -1;
    }

    w->dead += reply->type == REDIS_REPLY_INTEGER ? reply->integer : 0;
    freeReplyObject(reply);

    return 0;
}


int
worker_ctl_waiting_read(struct worker_ctl *ctl, struct worker_ctl_waiting *w)
{
    memset(w, 0, sizeof(*w));

    w->queues = calloc(ctl->catalog->n + 1, sizeof(*w->queues));
    if (w->queues == NULL) {
        worker_ctl_out_error("no memory");
        return -1;
    }

    for (size_t i = 0; i < ctl->catalog->n; i++) {
        w->queues[i].since_ms = OSCP_TIME_NONE;
    }

    for (unsigned s = 0; s < ctl->catalog->shards; s++) {
        if (waiting_shard(ctl, s, w) == -1 || waiting_dead(ctl, s, w) == -1) {
            return -1;
        }
    }

    return 0;
}


void
worker_ctl_waiting_free(struct worker_ctl_waiting *w)
{
    free(w->queues);
}
