/*
 * What removed connections still owed.
 */

#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "fate.h"
#include "oscp_name.h"
#include "remains.h"


#define REMAINS_BATCH   256      /* in one commit */


/* One connection's. */
struct worker_remains {
    char                         conn[OSCP_NAME_SIZE];
    struct worker_letters        letters;
    TAILQ_ENTRY(worker_remains)  next;
};


void
worker_remains_take(struct worker_context *ctx, const char *conn,
    struct worker_letters *letters)
{
    struct worker_remains  *r;

    if (TAILQ_EMPTY(letters)) {
        return;
    }

    r = calloc(1, sizeof(*r));
    if (r == NULL) {
        worker_context_fail(ctx, "no memory for what a connection owed");
        return;
    }

    snprintf(r->conn, sizeof(r->conn), "%s", conn);
    TAILQ_INIT(&r->letters);
    TAILQ_CONCAT(&r->letters, letters, next);
    TAILQ_INSERT_TAIL(&ctx->remains, r, next);
    worker_context_wake(ctx);
}


void
worker_remains_give_up(struct worker_context *ctx)
{
    unsigned                n = 0;
    oscp_ms_t               now = worker_clock_wall();
    struct worker_fate      fate = { .kind = WORKER_FATE_GIVEN_UP, .text = "",
                                     .why = "the connection is not configured "
                                            "any more" };
    struct worker_letter   *l;
    struct worker_remains  *r;

    if (ctx->closing) {
        return;
    }

    while (n < REMAINS_BATCH && (r = TAILQ_FIRST(&ctx->remains)) != NULL) {
        fate.conn = r->conn;

        while (n < REMAINS_BATCH && (l = TAILQ_FIRST(&r->letters)) != NULL) {
            fate.letter = l;
            worker_fate_write(ctx, &fate, NULL, NULL, now);
            TAILQ_REMOVE(&r->letters, l, next);
            worker_letter_free(l);
            n++;
        }

        if (TAILQ_EMPTY(&r->letters)) {
            TAILQ_REMOVE(&ctx->remains, r, next);
            free(r);
        }
    }
}


void
worker_remains_free(struct worker_context *ctx)
{
    struct worker_letter   *l;
    struct worker_remains  *r;

    while ((r = TAILQ_FIRST(&ctx->remains)) != NULL) {
        while ((l = TAILQ_FIRST(&r->letters)) != NULL) {
            TAILQ_REMOVE(&r->letters, l, next);
            worker_letter_free(l);
        }

        TAILQ_REMOVE(&ctx->remains, r, next);
        free(r);
    }
}
