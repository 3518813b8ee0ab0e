/*
 * An entry of the stream `in`: a message as nginx stored it (design, section
 * 5).
 */

#ifndef WORKER_ENTRY_H
#define WORKER_ENTRY_H

#include <stdint.h>

#include <hiredis/hiredis.h>

#include "oscp_time.h"

#define WORKER_ENTRY_ID_SIZE   48         /* "MS-SEQ", with NUL */

/* Texts are NUL-terminated, "" where the field is absent. */
struct worker_entry {
    char          id[WORKER_ENTRY_ID_SIZE];
    const char   *conn;
    const char   *msg;
    const char   *group;
    const char   *req;
    const char   *corr;
    const char   *seg;
    const char   *body;
    size_t        body_len;
    oscp_ms_t     at_ms;                  /* received; else by its id */
    unsigned      gone:1;                 /* deleted from the stream: it has no
                                             fields any more */
    char         *memory;                 /* owns the texts */
};

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
