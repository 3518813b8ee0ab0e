/*
 * A message of the outbox as it waits in memory: an entry of the stream `out`,
 * read and found usable.
 */

#ifndef WORKER_LETTER_H
#define WORKER_LETTER_H

#include <sys/queue.h>

#include "entry.h"
#include "oscp_message.h"

/* Strings are "" where there is nothing. */
struct worker_letter {
    char                         id[WORKER_ENTRY_ID_SIZE];
    oscp_message_kind_t          kind;
    const char                  *group;
    const char                  *req;
    const char                  *corr;
    const char                  *body;
    size_t                       len;            /* of the body */
    size_t                       size;           /* of all of it, in bytes */
    oscp_ms_t                    created_ms;     /* never in the future */
    unsigned                     tries;          /* by this worker */
    TAILQ_ENTRY(worker_letter)   next;           /* of the connection's */
    TAILQ_ENTRY(worker_letter)   same;           /* of those of its kind */
};

TAILQ_HEAD(worker_letters, worker_letter);

/*
 * Copies an entry.  Without `created` it was made when it was stored.  NULL
 * with the reason in `why`, a static string, when the outbox cannot send it;
 * NULL and `why` NULL without memory.
 */
struct worker_letter *worker_letter_create(const struct worker_entry *e,
    oscp_ms_t now_ms, const char **why);

/* NULL is harmless. */
void worker_letter_free(struct worker_letter *l);

#endif /* WORKER_LETTER_H */
