/*
 * A group's meters: the samples of its assets, the windows that they fill, and
 * what becomes of each window (design, sections 7 and 10).
 *
 * Samples that a window still needs stay pending in the stream `meter`: they
 * are the state, and a successor reads them again.  A window is closed by one
 * transaction: its messages into the outbox, the end of metered time, the
 * samples that nothing needs any more, the event.
 */

#ifndef WORKER_METERING_H
#define WORKER_METERING_H

#include "context.h"
#include "envelope.h"
#include "entry.h"
#include "oscp_meter.h"
#include "record.h"
#include "table.h"

#define WORKER_METERING_ASSETS_MAX   1000        /* of one group */
#define WORKER_METERING_ASSET_KEEP_MS  (INT64_C(7) * 86400000)

struct worker_group_link;

/* One asset; it has at least one sample. */
struct worker_metering_asset {
    char           name[OSCP_NAME_SIZE];
    oscp_meter_t   meter;
};

/* The power of a group as its meters say. */
struct worker_metering_power {
    oscp_ms_t   at_ms;          /* of the newest sample */
    double      power_w;        /* sum of the assets' newest powers, of those
                                   that are at most one window older; drawn is
                                   positive, fed in negative */
    unsigned    assets;         /* in that sum */
};

/* One group's; embedded. */
struct worker_metering {
    struct worker_context             *ctx;
    const struct worker_group_link    *link;
    const oscp_group_conf_t           *binding;
    const struct worker_envelope      *envelope;   /* whether it is enabled */
    struct worker_record               state;      /* in the group's hash */
    oscp_ms_t                          until_ms;   /* metered so far; NONE */
    char                               held[WORKER_ENTRY_ID_SIZE];  /* samples
                                                      up to this entry that are
                                                      still there are needed */
    char                               last[WORKER_ENTRY_ID_SIZE];  /* entry
                                                      taken last */
    struct worker_metering_asset     **assets;     /* owned */
    size_t                             n;
    size_t                             size;
    struct worker_table                index;      /* by name */
    struct worker_timer                timer;      /* when to look next */
    uint64_t                           take;       /* looked at after it */
    oscp_ms_t                          due_ms;     /* and what it left behind */
    unsigned                           due:1;      /* in ctx->metering */
    unsigned                           waits:1;    /* for a sample, till the
                                                      timer rings */
    unsigned                           loaded:1;   /* samples up to `held` are
                                                      being read again */
    unsigned                           asleep:1;   /* no windows until a sample
                                                      comes */
    TAILQ_ENTRY(worker_metering)       next;       /* in ctx->metering */

    /*
     * Called after each accepted sample that is its asset's newest, in the
     * order of the stream; after a restart also for the samples that are read
     * again.  NULL: nobody wants to know.
     */
    void                             (*measured)(void *arg,
                                         const struct worker_metering_power *p);
    void                              *arg;
};

/* A sample as it came, read. */
struct worker_metering_sample {
    const char        *asset;
    oscp_sample_t      reading;
    oscp_ms_t          stored_ms;       /* when it came into the stream */
};

/*
 * No samples yet; `link` and `envelope` are the group's.  Returns 0, or -1
 * without memory (free it all the same).
 */
int worker_metering_init(struct worker_metering *m, struct worker_context *ctx,
    const struct worker_group_link *link,
    const struct worker_envelope *envelope);

void worker_metering_free(struct worker_metering *m);

/* Takes over what HGETALL gave for the group's hash.  0, or -1: no memory. */
int worker_metering_load(struct worker_metering *m, const redisReply *reply);

/* The group is new, whatever Redis has under its name. */
void worker_metering_unknown(struct worker_metering *m);

/*
 * The binding stands at another place; window, grace, profile or list may have
 * changed: what is due is looked at anew.
 */
void worker_metering_bind(struct worker_metering *m,
    const oscp_group_conf_t *binding);
void worker_metering_schedule(struct worker_metering *m);

/* The group is no longer configured: its samples are settled. */
void worker_metering_remove(struct worker_metering *m);

/*
 * Takes a sample.  Returns NULL when it is held: the entry stays pending.  Else
 * the caller settles it: "" when it only repeats another, or why it is refused
 * (static text).
 */
const char *worker_metering_sample(struct worker_metering *m,
    const struct worker_metering_sample *s);

/* How far the stream `meter` has been read. */
struct worker_metering_read {
    uint64_t    taken;          /* the last take that has been applied */
    oscp_ms_t   last_ms;        /* by the id of the last entry applied */
    unsigned    drained:1;      /* it left nothing */
};

/* 1 when due windows wait for another take of the stream. */
int worker_metering_wants(const struct worker_context *ctx);

/*
 * Closes, or skips, the next due window of one group into the open commit, when
 * all samples that came before it was due have been read.  Returns 1; or 0 when
 * there is none.
 */
int worker_metering_close_next(struct worker_context *ctx,
    const struct worker_metering_read *read);

#endif /* WORKER_METERING_H */
