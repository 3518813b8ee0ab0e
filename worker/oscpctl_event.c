/*
 * events [-f]: the audit, as it stands and as it grows.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oscpctl.h"
#include "oscpctl_entry.h"
#include "oscpctl_out.h"
#include "oscpctl_stream.h"


#define EVENT_WAIT_MS   1000

/* One shard's stream, on the way from its older entries to its newer ones. */
struct event_list {
    char          key[OSCP_KEY_SIZE];
    char          last[WORKER_CTL_STREAM_ID_SIZE];   /* passed; "": none */
    redisReply   *piece;                 /* read, or NULL */
    size_t        next;                  /* entry of it */
    unsigned      ended:1;               /* there was no more behind it */
};

struct event_lists {
    struct event_list   list[OSCP_SHARDS_MAX];
    unsigned            n;
    size_t              skip;            /* more than were asked for */
};


/*
 * Where the last `lines` entries begin: `last` becomes the id of the one
 * before. How many there are behind it is added to `*have`.
 */
static int
event_begin(struct worker_ctl *ctl, struct event_list *list, size_t lines,
    size_t *have)
{
    char               before[WORKER_CTL_STREAM_ID_SIZE] = "";
    size_t             got = 0;
    redisReply        *reply;
    const char        *id;
    const redisReply  *fields;

    for ( ;; ) {
        reply = worker_ctl_stream_read_back(ctl->store, list->key, before,
                                            WORKER_CTL_STREAM_PIECE);
        if (reply == NULL) {
            return -1;
        }

        for (size_t i = 0; i < reply->elements && got <= lines; i++) {
            if (worker_ctl_stream_entry(reply->element[i], &id, &fields) == 0) {
                snprintf(before, sizeof(before), "%s", id);
                got++;
            }
        }

        if (got > lines || reply->elements < WORKER_CTL_STREAM_PIECE) {
            break;
        }

        freeReplyObject(reply);
    }

    freeReplyObject(reply);

    if (got > lines) {
        memcpy(list->last, before, sizeof(before));
        got = lines;
    }

    *have += got;

    return 0;
}


/*
 * The next entry of a stream in `*entry`, NULL when there is none; it stays
 * until `next` is moved.  Returns 0, or -1.
 */
static int
event_next(struct worker_ctl *ctl, struct event_list *list,
    const redisReply **entry)
{
    *entry = NULL;

    if (list->piece != NULL && list->next < list->piece->elements) {
        *entry = list->piece->element[list->next];
        return 0;
    }

    if (list->ended) {
        return 0;
    }

    freeReplyObject(list->piece);
    list->next = 0;
    list->piece = worker_ctl_stream_read(ctl->store, list->key, list->last,
                                         WORKER_CTL_STREAM_PIECE);
    if (list->piece == NULL) {
        return -1;
    }

    list->ended = list->piece->elements < WORKER_CTL_STREAM_PIECE;
    *entry = list->piece->elements > 0 ? list->piece->element[0] : NULL;

    return 0;
}


/* Ids of Redis' clock and a counter order entries over all shards. */
static int
event_earlier(const redisReply *a, const redisReply *b)
{
    char               *p, *q;
    const char         *x, *y;
    const redisReply   *fields;
    unsigned long long  m, n;

    if (worker_ctl_stream_entry(a, &x, &fields) == -1
        || worker_ctl_stream_entry(b, &y, &fields) == -1)
    {
        return 0;
    }

    m = strtoull(x, &p, 10);
    n = strtoull(y, &q, 10);

    if (m == n && *p == '-' && *q == '-') {
        m = strtoull(p + 1, NULL, 10);
        n = strtoull(q + 1, NULL, 10);
    }

    return m < n;
}


/* The oldest of the lists' next entries, and whose it is. */
static int
event_oldest(struct worker_ctl *ctl, struct event_lists *lists,
    const redisReply **oldest, struct event_list **whose)
{
    const redisReply  *entry;

    *oldest = NULL;

    for (unsigned s = 0; s < lists->n; s++) {
        if (event_next(ctl, &lists->list[s], &entry) == -1) {
            return -1;
        }

        if (entry != NULL
            && (*oldest == NULL || event_earlier(entry, *oldest)))
        {
            *oldest = entry;
            *whose = &lists->list[s];
        }
    }

    return 0;
}


static void
event_passed(struct event_list *list, const redisReply *entry)
{
    const char        *id;
    const redisReply  *fields;

    if (worker_ctl_stream_entry(entry, &id, &fields) == 0) {
        snprintf(list->last, sizeof(list->last), "%s", id);
    }
}


/* Prints what stands in all streams, in the order of its time. */
static int
event_latest(struct worker_ctl *ctl, struct event_lists *lists)
{
    struct event_list  *whose = NULL;
    const redisReply   *entry;

    for ( ;; ) {
        if (event_oldest(ctl, lists, &entry, &whose) == -1) {
            return -1;
        }

        if (entry == NULL) {
            return worker_ctl_out_end();
        }

        if (lists->skip > 0) {
            lists->skip--;

        } else if (worker_ctl_entry_print(ctl, entry) == -1) {
            return -1;
        }

        event_passed(whose, entry);
        whose->next++;
    }
}


/* Prints what XREAD gave. */
static int
event_new(struct worker_ctl *ctl, struct event_lists *lists,
    const redisReply *streams)
{
    const redisReply  *name, *entries;

    for (size_t i = 0; i < streams->elements; i++) {
        name = streams->element[i]->element[0];
        entries = streams->element[i]->element[1];

        for (unsigned s = 0; s < lists->n; s++) {
            if (strcmp(name->str, lists->list[s].key) != 0) {
                continue;
            }

            for (size_t k = 0; k < entries->elements; k++) {
                if (worker_ctl_entry_print(ctl, entries->element[k]) == -1) {
                    return -1;
                }
                event_passed(&lists->list[s], entries->element[k]);
            }
        }
    }

    return worker_ctl_out_end();
}


static int
event_follow(struct worker_ctl *ctl, struct event_lists *lists)
{
    int           rc = 0;
    char        (*keys)[OSCP_KEY_SIZE];
    char        (*ids)[WORKER_CTL_STREAM_ID_SIZE];
    redisReply   *reply;

    keys = calloc(lists->n, sizeof(*keys));
    ids = calloc(lists->n, sizeof(*ids));

    if (keys == NULL || ids == NULL) {
        worker_ctl_out_error("no memory");
        rc = -1;
    }

    while (rc == 0 && !worker_ctl_out_broken()) {
        for (unsigned s = 0; s < lists->n; s++) {
            snprintf(keys[s], sizeof(*keys), "%s", lists->list[s].key);
            snprintf(ids[s], sizeof(*ids), "%s",
                     *lists->list[s].last ? lists->list[s].last : "0-0");
        }

        reply = worker_ctl_stream_wait(ctl->store, keys, ids, lists->n,
                                       EVENT_WAIT_MS);
        rc = reply == NULL ? -1 : 0;

        if (reply != NULL && reply->type == REDIS_REPLY_ARRAY) {
            rc = event_new(ctl, lists, reply);
        }

        freeReplyObject(reply);
    }

    free(keys);
    free(ids);

    return rc;
}


int
worker_ctl_event_run(struct worker_ctl *ctl)
{
    int                  rc = 0;
    size_t               have = 0, lines = ctl->options->lines;
    struct event_lists  *lists;

    lists = calloc(1, sizeof(*lists));
    if (lists == NULL) {
        worker_ctl_out_error("no memory");
        return WORKER_CTL_EXIT_FAILED;
    }

    lists->n = ctl->catalog->shards;

    for (unsigned s = 0; s < lists->n && rc == 0; s++) {
        oscp_key(lists->list[s].key, OSCP_KEY_SIZE, ctl->prefix, s,
                 "events", NULL);

        if (lines != WORKER_CTL_LINES_ALL) {
            rc = event_begin(ctl, &lists->list[s], lines, &have);
        }
    }

    lists->skip = lines != WORKER_CTL_LINES_ALL && have > lines ? have - lines
                                                                : 0;

    if (rc == 0) {
        rc = event_latest(ctl, lists);
    }

    if (rc == 0 && ctl->options->follow) {
        rc = event_follow(ctl, lists);
    }

    for (unsigned s = 0; s < lists->n; s++) {
        freeReplyObject(lists->list[s].piece);
    }

    free(lists);

    return rc == 0 ? WORKER_CTL_EXIT_DONE : WORKER_CTL_EXIT_FAILED;
}
