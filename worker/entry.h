/*
 * The streams that a worker takes work from, and an entry of them: a message as
 * nginx stored it, an operator's command, a sample from the site's meters, or a
 * message that waits for delivery (design, section 5).
 */

#ifndef WORKER_ENTRY_H
#define WORKER_ENTRY_H

#include <stdint.h>

#include <hiredis/hiredis.h>

#include "oscp_time.h"

#define WORKER_ENTRY_ID_SIZE   48         /* "MS-SEQ", with NUL */

/*
 * In the order in which what was taken together takes effect: a message that
 * was stored before a command and is read with it finds what that has done.
 */
enum worker_stream {
    WORKER_STREAM_CMD = 0,
    WORKER_STREAM_IN,
    WORKER_STREAM_METER,
    WORKER_STREAM_OUT,
    WORKER_STREAM_COUNT
};

/* Texts are NUL-terminated, "" where the field is absent. */
struct worker_entry {
    char          id[WORKER_ENTRY_ID_SIZE];
    const char   *conn;
    const char   *group;

    const char   *msg;                    /* a message, in or out */
    const char   *req;
    const char   *corr;
    const char   *seg;
    const char   *body;
    size_t        body_len;
    const char   *created;                /* one that waits for delivery */

    const char   *op;                     /* a command */
    const char   *by;
    const char   *reason;
    const char   *type;
    const char   *blocks;
    const char   *message;
    const char   *replace;
    const char   *entry;

    const char   *asset;                  /* a sample */
    const char   *power_w;
    const char   *energy_import_wh;
    const char   *energy_export_wh;

    const char   *at;                     /* a message's, a sample's */
    oscp_ms_t     at_ms;                  /* the same; else by its id */
    const char   *nul;                    /* the name of a text that goes on
                                             behind a NUL; else NULL */
    unsigned      gone:1;                 /* deleted from the stream: it has no
                                             fields any more */
    char         *memory;                 /* owns the texts */
    size_t        memory_size;
};

/* "cmd", "in" …: the name of a stream's key. */
const char *worker_stream_name(enum worker_stream stream);

/*
 * Copies what XREADGROUP gave for one entry.  Returns 0, or -1: no memory, or
 * not an entry.
 */
int worker_entry_read(struct worker_entry *e, const redisReply *reply);

/* Frees the texts. */
void worker_entry_free(struct worker_entry *e);

/* Compares two stream ids: less than, equal to, greater than 0. */
int worker_entry_compare(const char *a, const char *b);

#endif /* WORKER_ENTRY_H */
