/*
 * What led to the present, looked up in the audit from its end backwards: when
 * the messages in force were received, who brought the connection into its
 * state, since when the decision holds.
 */

#ifndef WORKER_OSCPCTL_TRAIL_H
#define WORKER_OSCPCTL_TRAIL_H

#include "oscp_replay.h"
#include "oscpctl.h"

/* An entry as it stands in the stream; strings are borrowed from the reply. */
struct worker_ctl_record {
    oscp_replay_record_t   entry;
    const char            *by;
    oscp_ms_t              id_ms;        /* when Redis took it in: its id, */
    unsigned long long     id_seq;       /* both parts */
};

/* Something that was done, by whom and why; at_ms NONE: not found. */
struct worker_ctl_told {
    oscp_ms_t   at_ms;
    char        what[32];                /* the state, or the command */
    char        by[80];
    char        why[160];
};

struct worker_ctl_trail {
    oscp_ms_t               received_ms[OSCP_DIRECTION_COUNT];
    struct worker_ctl_told  state;       /* the connection's last change */
    struct worker_ctl_told  deed;        /* the last command done to it */
    struct worker_ctl_told  cut;         /* the last disconnect */
    struct worker_ctl_told  order;       /* the last enable or disable of the
                                            group */
    oscp_ms_t               since_ms;    /* of the decision */
};

/* Reads a stream entry; -1: it is none. */
int worker_ctl_trail_record(const redisReply *entry,
    struct worker_ctl_record *record);

/* What a record tells of a connection or of one of its groups. */
enum worker_ctl_telling {
    WORKER_CTL_TELLS_NOTHING = 0,
    WORKER_CTL_TELLS_STATE,              /* another state of the connection */
    WORKER_CTL_TELLS_DEED,               /* a command done to the connection */
    WORKER_CTL_TELLS_ORDER               /* the same to the group */
};

/* Takes it over to `told`, unless it is nothing. */
enum worker_ctl_telling worker_ctl_trail_told(
    const struct worker_ctl_record *record, const char *conn,
    const char *group, struct worker_ctl_told *told);

/* 1 when it is a disconnect. */
int worker_ctl_trail_cuts(const struct worker_ctl_told *told);

/*
 * Looks back for what led to the decision `now` of a group.  Gives up after
 * some ten thousand entries: what was not found is OSCP_TIME_NONE.  Returns 0,
 * or -1 (told).
 */
int worker_ctl_trail_read(struct worker_ctl *ctl,
    const struct worker_ctl_place *place, const oscp_decision_t *now,
    struct worker_ctl_trail *trail);

#endif /* WORKER_OSCPCTL_TRAIL_H */
