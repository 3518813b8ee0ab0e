/*
 * Everything that explains one scope at one moment, whatever it was learned
 * from.  Told as a story (oscpctl_story) or as data (oscpctl_report).
 */

#ifndef WORKER_OSCPCTL_FACTS_H
#define WORKER_OSCPCTL_FACTS_H

#include "oscpctl_incident.h"
#include "oscpctl_live.h"
#include "oscpctl_past.h"

#define WORKER_CTL_FACTS_NOTES      8
#define WORKER_CTL_FACTS_NOTE_SIZE  320

enum worker_ctl_basis {
    WORKER_CTL_NOW = 0,        /* the live state, and the rules */
    WORKER_CTL_FUTURE,         /* the same, if the connection stays as it is */
    WORKER_CTL_REPLAYED,       /* the audit, and the rules */
    WORKER_CTL_RECORDED        /* the audit does not reach back to all that the
                                  rules need: what was written then */
};

/* A decision at another moment; at_ms NONE: none. */
struct worker_ctl_moment {
    oscp_ms_t         at_ms;
    oscp_decision_t   decision;
};

struct worker_ctl_facts {
    enum worker_ctl_basis      basis;
    oscp_ms_t                  now_ms;
    oscp_ms_t                  at_ms;
    char                       conn[OSCP_NAME_SIZE];
    char                       group[OSCP_NAME_SIZE];
    char                       scope[OSCP_NAME_SIZE];
    const char                *circuit;      /* NULL: none */
    const oscp_group_conf_t   *binding;      /* NULL: not known */

    oscp_decision_t            decision;
    double                     written_w;    /* what stood on the circuit, where
                                                it is another value; else -1 */
    oscp_ms_t                  since_ms;     /* NONE: not known */
    oscp_capacity_t            blocks[OSCP_DIRECTION_COUNT];
    oscp_ms_t                  received_ms[OSCP_DIRECTION_COUNT];

    oscp_state_t               state;
    unsigned                   state_known:1;
    oscp_ms_t                  state_since_ms;
    oscp_ms_t                  liveness_ms;  /* NONE: not known, or no matter */
    struct worker_ctl_told     told;         /* how it came into the state */
    struct worker_ctl_told     order;        /* enable or disable of the
                                                group */

    struct worker_ctl_moment   next;         /* the next other decision */
    struct worker_ctl_moment   otherwise;    /* what would hold if the link were
                                                lost (then: at_ms is when), or
                                                back (at_ms is at_ms) */
    oscp_ms_t                  removed_ms;   /* of the group, or NONE */

    const struct worker_ctl_live      *live; /* NULL in the past */
    const struct worker_ctl_incident  *incident;   /* NULL: none is open */

    char                       notes[WORKER_CTL_FACTS_NOTES]
                                    [WORKER_CTL_FACTS_NOTE_SIZE];
    size_t                     nnotes;
};

/* The word for the basis: "now", "future", "replayed", "recorded". */
const char *worker_ctl_facts_basis(enum worker_ctl_basis basis);

/* Nothing but when is known yet. */
void worker_ctl_facts_begin(struct worker_ctl_facts *f, oscp_ms_t now_ms,
    oscp_ms_t at_ms);

/* The blocks that give the limits, as the decision has seen them. */
void worker_ctl_facts_blocks(struct worker_ctl_facts *f,
    const oscp_situation_t *s);

/*
 * How the connection came into its state: the state's own event, with the
 * operator's reason where a command brought it about.  One that was
 * disconnected while it was disabled is so by its last disconnect, `cut`, not
 * by whoever enabled it.
 */
void worker_ctl_facts_told(struct worker_ctl_facts *f,
    const struct worker_ctl_told *state, const struct worker_ctl_told *deed,
    const struct worker_ctl_told *cut);

/*
 * The direction that gives the mode and the reason: its rule is the reason
 * why.
 */
oscp_direction_t worker_ctl_facts_lead(const struct worker_ctl_facts *f);

/* A remark that the operator should read.  The ninth is dropped. */
void worker_ctl_facts_note(struct worker_ctl_facts *f, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* From the live state, for now or for a moment to come.  `f` points into it. */
void worker_ctl_facts_live(struct worker_ctl_facts *f,
    const struct worker_ctl_live *live, oscp_ms_t now_ms, oscp_ms_t at_ms);

/* And what the audit says of the way here. */
void worker_ctl_facts_trail(struct worker_ctl_facts *f,
    const struct worker_ctl_trail *trail);

/*
 * From the audit; `past->group` is not NULL.  `f` points into `past`.  Returns
 * 0, or -1 when the audit says nothing of that moment.
 */
int worker_ctl_facts_past(struct worker_ctl_facts *f,
    const struct worker_ctl_past *past, oscp_ms_t now_ms, oscp_ms_t at_ms);

#endif /* WORKER_OSCPCTL_FACTS_H */
