/*
 * What one transaction in Redis shall do.
 *
 * Everything is kept in Redis' own protocol from the beginning, keys and words
 * apart; sending puts the parts behind one another.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "commit.h"
#include "oscp_key.h"
#include "script.h"


#define COMMIT_WORDS_LEN    11      /* "$5\r\n00002\r\n" */
#define COMMIT_KEYS_RECENT  16      /* keys looked at for repetition */
#define COMMIT_ID_SIZE      48      /* a stream entry's id, with NUL */
#define COMMIT_KEEP_SIZE    4194304 /* bytes of memory kept for the next one */
#define COMMIT_SETTLED_BYTES  24    /* that an entry takes in XACK, in XDEL */
#define COMMIT_SETTLE_MAX   1000    /* entries in one XACK: Lua's unpack() has
                                       a limit of about 8,000 words */


static const char *const  commit_counters[WORKER_COUNT_MAX] = {
    [WORKER_COUNT_COMMITS] = "commits",
    [WORKER_COUNT_APPLIED] = "in_applied",
    [WORKER_COUNT_IGNORED] = "in_ignored",
    [WORKER_COUNT_HANDSHAKES_RECEIVED] = "handshakes_received",
    [WORKER_COUNT_ACKNOWLEDGES_RECEIVED] = "acknowledges_received",
    [WORKER_COUNT_HEARTBEATS_RECEIVED] = "heartbeats_received",
    [WORKER_COUNT_FORECASTS_RECEIVED] = "forecasts_received",
    [WORKER_COUNT_SEGMENTS_EXPIRED] = "segments_expired",
    [WORKER_COUNT_HANDSHAKES_SENT] = "handshakes_sent",
    [WORKER_COUNT_ACKNOWLEDGES_SENT] = "acknowledges_sent",
    [WORKER_COUNT_HEARTBEATS_SENT] = "heartbeats_sent",
    [WORKER_COUNT_SENDS_FAILED] = "sends_failed",
    [WORKER_COUNT_OUT_SENT] = "out_sent",
    [WORKER_COUNT_OUT_RETRIES] = "out_retries",
    [WORKER_COUNT_OUT_DEAD] = "out_dead",
    [WORKER_COUNT_OUT_GIVEN_UP] = "out_given_up",
    [WORKER_COUNT_DECISIONS] = "decisions",
    [WORKER_COUNT_COMMANDS] = "commands",
    [WORKER_COUNT_INCIDENTS] = "incidents_opened",
    [WORKER_COUNT_WINDOWS_CLOSED] = "windows_closed",
    [WORKER_COUNT_WINDOWS_SKIPPED] = "windows_skipped",
    [WORKER_COUNT_SAMPLES_REFUSED] = "samples_refused",
};


struct commit_words {
    struct worker_buffer  bytes;
    unsigned              n;
};

struct worker_commit {
    char                  lease[OSCP_KEY_SIZE];
    char                  stats[OSCP_KEY_SIZE];
    char                  events[OSCP_KEY_SIZE];
    char                  stream[OSCP_KEY_SIZE];  /* of the settled entries */

    struct commit_words   keys;
    struct commit_words   words;
    size_t                recent[COMMIT_KEYS_RECENT];  /* where the last keys
                                                          begin in `keys` */
    unsigned              nrecent;

    size_t                command;     /* where the open command's number of
                                          words stands */
    unsigned              first;       /* words before it */

    char                (*settled)[COMMIT_ID_SIZE];
    size_t                nsettled;
    size_t                settled_size;

    unsigned              counts[WORKER_COUNT_MAX];
    unsigned              failed:1;
};


static void
commit_word(struct commit_words *w, const char *data, size_t len)
{
    worker_buffer_format(&w->bytes, "$%zu\r\n", len);
    worker_buffer_add(&w->bytes, data, len);
    worker_buffer_add(&w->bytes, "\r\n", 2);
    w->n++;
}


/* A cluster must be told every key; told twice costs only bytes. */
static void
commit_key(struct worker_commit *c, const char *key)
{
    char    head[OSCP_KEY_SIZE + 16];
    size_t  len;

    if (strcmp(key, c->stats) == 0 || strcmp(key, c->events) == 0) {
        return;
    }

    len = (size_t) snprintf(head, sizeof(head), "$%zu\r\n%s\r\n", strlen(key),
                            key);

    for (unsigned i = 0; i < c->nrecent && i < COMMIT_KEYS_RECENT; i++) {
        if (c->keys.bytes.len - c->recent[i] >= len
            && memcmp(c->keys.bytes.data + c->recent[i], head, len) == 0)
        {
            return;
        }
    }

    c->recent[c->nrecent++ % COMMIT_KEYS_RECENT] = c->keys.bytes.len;
    worker_buffer_add(&c->keys.bytes, head, len);
    c->keys.n++;
}


void
worker_commit_begin(struct worker_commit *c, const char *command,
    const char *key)
{
    commit_key(c, key);

    c->command = c->words.bytes.len;
    commit_word(&c->words, "00000", 5);
    c->first = c->words.n;

    worker_commit_text(c, command);
    worker_commit_text(c, key);
}


void
worker_commit_text(struct worker_commit *c, const char *text)
{
    commit_word(&c->words, text, strlen(text));
}


void
worker_commit_bytes(struct worker_commit *c, const char *data, size_t len)
{
    commit_word(&c->words, data, len);
}


void
worker_commit_end(struct worker_commit *c)
{
    char  head[32];

    if (c->words.bytes.failed) {
        return;
    }

    snprintf(head, sizeof(head), "$5\r\n%05u\r\n",
             (c->words.n - c->first) % 100000);
    memcpy(c->words.bytes.data + c->command, head, COMMIT_WORDS_LEN);
}


void
worker_commit_field(struct worker_commit *c, const char *name,
    const char *value)
{
    if (value != NULL && *value != '\0') {
        worker_commit_text(c, name);
        worker_commit_text(c, value);
    }
}


void
worker_commit_delete(struct worker_commit *c, const char *key)
{
    worker_commit_begin(c, "DEL", key);
    worker_commit_end(c);
}


static void
commit_add_settled(struct worker_commit *c, const char *command, int acked)
{
    size_t  i = 0;

    while (i < c->nsettled) {
        worker_commit_begin(c, command, c->stream);

        if (acked) {
            worker_commit_text(c, WORKER_COMMIT_GROUP);
        }

        do {
            worker_commit_text(c, c->settled[i]);
        } while (++i < c->nsettled && i % COMMIT_SETTLE_MAX != 0);

        worker_commit_end(c);
    }
}


/* Entries of one stream are settled together. */
static void
commit_flush_settled(struct worker_commit *c)
{
    commit_add_settled(c, "XACK", 1);
    commit_add_settled(c, "XDEL", 0);
    c->nsettled = 0;
}


void
worker_commit_settle(struct worker_commit *c, const char *stream,
    const char *id)
{
    void    *list;
    size_t   size;

    if (strcmp(c->stream, stream) != 0) {
        commit_flush_settled(c);
        snprintf(c->stream, sizeof(c->stream), "%s", stream);
    }

    if (c->nsettled == c->settled_size) {
        size = c->settled_size == 0 ? 64 : c->settled_size * 2;
        list = realloc(c->settled, size * sizeof(*c->settled));
        if (list == NULL) {
            c->failed = 1;
            return;
        }

        c->settled = list;
        c->settled_size = size;
    }

    snprintf(c->settled[c->nsettled++], sizeof(*c->settled), "%s", id);
}


void
worker_commit_count(struct worker_commit *c, enum worker_commit_count counter,
    unsigned n)
{
    c->counts[counter] += n;
}


void
worker_commit_fail(struct worker_commit *c)
{
    c->failed = 1;
}


const char *
worker_commit_events(const struct worker_commit *c)
{
    return c->events;
}


int
worker_commit_empty(const struct worker_commit *c)
{
    return c->words.n == 0 && c->nsettled == 0 && !c->failed;
}


size_t
worker_commit_size(const struct worker_commit *c)
{
    return c->words.bytes.len + c->keys.bytes.len
           + c->nsettled * 2 * COMMIT_SETTLED_BYTES;
}


/*
 * The counters go first: HINCRBY is a command that Redis refuses when its
 * memory or its disk is full, and a refusal of the first command is the only
 * one that leaves nothing done.
 */
static void
commit_counts(struct worker_commit *c, struct commit_words *head)
{
    char  text[16];

    for (unsigned i = 0; i < WORKER_COUNT_MAX; i++) {
        if (c->counts[i] == 0) {
            continue;
        }

        snprintf(text, sizeof(text), "%u", c->counts[i]);
        commit_word(head, "00004", 5);
        commit_word(head, "HINCRBY", 7);
        commit_word(head, c->stats, strlen(c->stats));
        commit_word(head, commit_counters[i], strlen(commit_counters[i]));
        commit_word(head, text, strlen(text));
    }
}


static void
commit_frame(struct worker_commit *c, const char *lease,
    const struct commit_words *head, struct worker_buffer *frame)
{
    char                 number[16];
    struct commit_words  front = { .n = 0 };

    snprintf(number, sizeof(number), "%u", 3 + c->keys.n);
    commit_word(&front, "EVALSHA", 7);
    commit_word(&front, worker_script_sha(WORKER_SCRIPT_COMMIT),
                WORKER_SCRIPT_SHA_SIZE - 1);
    commit_word(&front, number, strlen(number));
    commit_word(&front, c->lease, strlen(c->lease));
    commit_word(&front, c->stats, strlen(c->stats));
    commit_word(&front, c->events, strlen(c->events));

    worker_buffer_format(frame, "*%u\r\n",
                         front.n + c->keys.n + 1 + head->n + c->words.n);
    worker_buffer_add(frame, front.bytes.data, front.bytes.len);
    worker_buffer_add(frame, c->keys.bytes.data, c->keys.bytes.len);
    worker_buffer_format(frame, "$%zu\r\n%s\r\n", strlen(lease), lease);
    worker_buffer_add(frame, head->bytes.data, head->bytes.len);
    worker_buffer_add(frame, c->words.bytes.data, c->words.bytes.len);

    frame->failed |= front.bytes.failed | c->keys.bytes.failed
                     | head->bytes.failed | c->words.bytes.failed;
    worker_buffer_free(&front.bytes);
}


int
worker_commit_send(struct worker_commit *c, struct worker_redis *redis,
    const char *lease, worker_redis_reply *reply, void *arg)
{
    int                   rc = -1;
    struct commit_words   head = { .n = 0 };
    struct worker_buffer  frame = { .len = 0 };

    commit_flush_settled(c);
    worker_commit_count(c, WORKER_COUNT_COMMITS, 1);
    commit_counts(c, &head);
    commit_frame(c, lease, &head, &frame);

    if (!c->failed && !frame.failed) {
        rc = worker_redis_send(redis, frame.data, frame.len, reply, arg);
    }

    worker_buffer_free(&frame);
    worker_buffer_free(&head.bytes);
    worker_commit_reset(c);

    return rc;
}


static void
commit_words_reset(struct commit_words *w)
{
    w->n = 0;

    if (w->bytes.size > COMMIT_KEEP_SIZE) {
        worker_buffer_free(&w->bytes);

    } else {
        worker_buffer_reset(&w->bytes);
    }
}


void
worker_commit_reset(struct worker_commit *c)
{
    commit_words_reset(&c->keys);
    commit_words_reset(&c->words);
    c->nrecent = 0;
    c->nsettled = 0;
    c->failed = 0;
    memset(c->counts, 0, sizeof(c->counts));
}


struct worker_commit *
worker_commit_create(const char *lease, const char *stats, const char *events)
{
    struct worker_commit  *c;

    c = calloc(1, sizeof(*c));
    if (c == NULL) {
        return NULL;
    }

    snprintf(c->lease, sizeof(c->lease), "%s", lease);
    snprintf(c->stats, sizeof(c->stats), "%s", stats);
    snprintf(c->events, sizeof(c->events), "%s", events);

    return c;
}


void
worker_commit_free(struct worker_commit *c)
{
    if (c == NULL) {
        return;
    }

    worker_buffer_free(&c->keys.bytes);
    worker_buffer_free(&c->words.bytes);
    free(c->settled);
    free(c);
}
