/*
 * What everything that belongs to one shard shares: where to write, when to
 * wake, and how to say that it cannot go on.
 */

#ifndef WORKER_CONTEXT_H
#define WORKER_CONTEXT_H

#include <sys/queue.h>

#include <event2/event.h>

#include "commit.h"
#include "http.h"
#include "lease.h"
#include "oscp_key.h"
#include "timer.h"

struct worker_connection;
struct worker_group;
struct worker_metering;
struct worker_outbound;
struct worker_outbox;
struct worker_remains;

TAILQ_HEAD(worker_connection_list, worker_connection);
TAILQ_HEAD(worker_group_list, worker_group);
TAILQ_HEAD(worker_metering_list, worker_metering);
TAILQ_HEAD(worker_outbound_list, worker_outbound);
TAILQ_HEAD(worker_outbox_list, worker_outbox);
TAILQ_HEAD(worker_remains_list, worker_remains);

#define WORKER_CONTEXT_WHY_SIZE   256

/* Owned by the shard; the pointers are borrowed from it. */
struct worker_table;

struct worker_context {
    const char                     *prefix;
    unsigned                        shard;
    struct worker_timers           *timers;
    struct worker_http             *http;
    struct worker_lease            *lease;
    struct worker_redis            *redis;     /* commands */
    struct worker_commit           *commit;    /* open: will be sent next */
    struct event                   *pump;      /* the shard's next turn */

    /*
     * While a configuration is taken over: the circuits and scopes that groups
     * of the new one have.  What a group lets go there is not released, for
     * what stands there holds until its next owner writes.  NULL otherwise.
     */
    const struct worker_table      *kept_circuits;
    const struct worker_table      *kept_scopes;

    struct worker_group_list        dirty;     /* to be decided anew */
    struct worker_outbound_list     sending;   /* a send waits for a commit */
    struct worker_metering_list     metering;  /* windows may be due */
    struct worker_outbox_list       settling;  /* the next message waits for a
                                                  commit */
    struct worker_remains_list      remains;   /* owed by connections that are
                                                  gone: to be given up */
    struct worker_connection_list   judging;   /* deadlines wait for what may
                                                  be stored */
    uint64_t                        takes;     /* takes sent so far */
    uint64_t                        drained;   /* the last of them that left no
                                                  message in the stream */
    oscp_ms_t                       back_ms;   /* when Redis was there again, */
    int64_t                         away_ms;   /* and how long it was not, at
                                                  most a minute; 0: never */
    unsigned                        sends;     /* messages under way to peers */
    unsigned                        live:1;    /* stored messages have been
                                                  applied: time may be judged
                                                  and messages sent */
    unsigned                        closing:1; /* nothing new is begun */
    unsigned                        failed:1;
    char                            why[WORKER_CONTEXT_WHY_SIZE];
};

/* The shard takes a turn soon: something is to be decided, sent or taken. */
void worker_context_wake(struct worker_context *ctx);

/* The same, after timers and sockets have had their turn. */
void worker_context_wake_later(struct worker_context *ctx);

/*
 * The shard cannot go on: in its next turn it drops all it knows and begins
 * again from what Redis has.  Only the first reason is kept.
 */
void worker_context_fail(struct worker_context *ctx, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Writes the key NAME[:A[:B[:C]]] of the shard to `buf` of OSCP_KEY_SIZE bytes;
 * parts end with NULL.  Returns `buf`.
 */
char *worker_context_key(const struct worker_context *ctx,
    char buf[OSCP_KEY_SIZE], const char *name, const char *a, const char *b,
    const char *c);

#endif /* WORKER_CONTEXT_H */
