/*
 * A moment of the past, from the audit: all entries up to it are replayed, and
 * those behind it say how long it lasted.
 */

#ifndef WORKER_OSCPCTL_PAST_H
#define WORKER_OSCPCTL_PAST_H

#include "oscp_replay.h"
#include "oscpctl_receipt.h"
#include "oscpctl_trail.h"

struct worker_ctl_past {
    oscp_replay_t               *replay;     /* everything up to the moment */
    const oscp_replay_group_t   *group;      /* NULL: none was bound there */
    oscp_ms_t                    first_ms;   /* the audit's first entry; NONE:
                                                there is none */
    struct worker_ctl_receipts   receipts;   /* of the group's forecasts */
    struct worker_ctl_told       state;      /* the connection's last change */
    struct worker_ctl_told       deed;       /* the last command done to it */
    struct worker_ctl_told       cut;        /* the last disconnect */
    struct worker_ctl_told       order;      /* of the group */
    oscp_ms_t                    since_ms;   /* of the recorded decision */
    oscp_replay_envelope_t       next;       /* the next other decision; at_ms
                                                NONE: none so far */
    oscp_ms_t                    removed_ms; /* the group's removal, if that
                                                came first; or NONE */
    unsigned                     wrong;      /* entries not to be read */
};

/*
 * Reads the audit of one shard up to `at_ms`, and on to the next change, for
 * the group that was bound to `scope` then.  Returns 0, or -1 (told); free it
 * all the same.
 */
int worker_ctl_past_read(struct worker_ctl *ctl, unsigned shard,
    const char *scope, oscp_ms_t at_ms, struct worker_ctl_past *past);

void worker_ctl_past_free(struct worker_ctl_past *past);

#endif /* WORKER_OSCPCTL_PAST_H */
