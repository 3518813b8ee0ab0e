/*
 * The decision: which limit holds for a group at a moment, why, until when,
 * and what the circuit's available capacity is (design, section 6, the table
 * "Decision" and "Circuit"; section 10, "Envelope").
 */

#ifndef OSCP_DECISION_H
#define OSCP_DECISION_H

#include "oscp_timeline.h"

typedef enum {                    /* ranked: a greater one is more degraded */
    OSCP_MODE_LOCAL = 0,
    OSCP_MODE_NORMAL,
    OSCP_MODE_FALLBACK
} oscp_mode_t;

typedef enum {
    OSCP_COLOUR_GREY = 0,
    OSCP_COLOUR_GREEN,
    OSCP_COLOUR_YELLOW
} oscp_colour_t;

typedef enum {
    OSCP_REASON_FORECAST = 0,     /* normal */
    OSCP_REASON_LIVENESS_LOST,    /* fallback: not online */
    OSCP_REASON_FORECAST_GAP,     /* fallback: online, nothing covers now */
    OSCP_REASON_DISABLED,         /* local: connection or group disabled */
    OSCP_REASON_DISCONNECTED,     /* local: by the operator */
    OSCP_REASON_NO_FORECAST,      /* local: none accepted yet */
    OSCP_REASON_NOT_STARTED       /* local: before the first block */
} oscp_reason_t;

typedef enum {
    OSCP_SOURCE_NONE = 0,         /* no limit: the non-OSCP path */
    OSCP_SOURCE_FORECAST,         /* a CONSUMPTION or GENERATION block */
    OSCP_SOURCE_FALLBACK,         /* a FALLBACK_… block */
    OSCP_SOURCE_GAP_POLICY        /* the circuit's safe default */
} oscp_source_t;

typedef enum {
    OSCP_CONTROL_LOCAL = 0,
    OSCP_CONTROL_OSCP,
    OSCP_CONTROL_FALLBACK,
    OSCP_CONTROL_SAFE_DEFAULT
} oscp_control_t;

/* What the gap policy does where no block of either kind covers now. */
typedef enum {
    OSCP_GAP_SAFE_DEFAULT = 0,
    OSCP_GAP_COUNT
} oscp_gap_policy_t;

typedef enum {
    OSCP_DIRECTION_IMPORT = 0,
    OSCP_DIRECTION_EXPORT,
    OSCP_DIRECTION_COUNT
} oscp_direction_t;

/* The words as they stand in Redis ("liveness_lost"); NULL for no value. */
const char *oscp_mode_name(oscp_mode_t mode);
const char *oscp_colour_name(oscp_colour_t colour);
const char *oscp_reason_name(oscp_reason_t reason);
const char *oscp_source_name(oscp_source_t source);
const char *oscp_control_name(oscp_control_t control);
const char *oscp_gap_policy_name(oscp_gap_policy_t policy);
int oscp_gap_policy_find(const char *text, size_t len);     /* or -1 */

/* Everything a decision depends on. */
typedef struct {
    unsigned               connection_enabled:1;
    unsigned               group_enabled:1;
    unsigned               disconnected:1;     /* by the operator */
    unsigned               online:1;
    oscp_ms_t              liveness_ms;        /* while online: when liveness
                                                  ends unless a heartbeat comes;
                                                  NONE: no deadline.  A moment
                                                  at or after it counts as not
                                                  online. */
    const oscp_timeline_t *timelines;          /* OSCP_TYPE_COUNT of them */
    unsigned               has_circuit:1;
    unsigned               has_safe_default:1;
    double                 rated_w;            /* with has_circuit */
    double                 safe_default_w;     /* with has_safe_default */
    oscp_gap_policy_t      gap_policy;
} oscp_situation_t;

/* One direction by itself. */
typedef struct {
    int            row;                        /* 1 … 5 of the table */
    oscp_mode_t    mode;
    oscp_reason_t  reason;
    oscp_source_t  source;
    unsigned       has_limit:1;
    double         limit_w;                    /* with has_limit */
    const char    *req;                        /* the block's message; points
                                                  into the timeline; "" when no
                                                  block holds */
    oscp_ms_t      from_ms;                    /* the block's start, or NONE */
} oscp_limit_t;

typedef struct {
    oscp_limit_t    limits[OSCP_DIRECTION_COUNT];
    oscp_mode_t     mode;
    oscp_colour_t   colour;
    oscp_reason_t   reason;                    /* of the direction that gave
                                                  the mode; import on a tie */
    unsigned        has_envelope:1;            /* a limit of either direction
                                                  is active */
    unsigned        has_optimum:1;             /* an OPTIMUM block covers now:
                                                  while online, and beside a
                                                  limit only */
    double          optimum_w;
    oscp_control_t  control;                   /* of the circuit */
    double          available_capacity_w;      /* with has_circuit */
    oscp_ms_t       next_ms;                   /* the next moment after `at` at
                                                  which any of this can change
                                                  by time alone; NONE: never */
} oscp_decision_t;

/*
 * Decides for the moment `at_ms`.  Total: every input has an answer.
 *
 * "No forecast yet" and "before the first block" (row 2) look at first_ms of
 * the direction's primary timeline; where that has none and the connection is
 * not online, at first_ms of its fallback timeline.
 *
 * `d->limits[…].req` points into `s->timelines` and dies with them.
 */
void oscp_decide(const oscp_situation_t *s, oscp_ms_t at_ms,
    oscp_decision_t *d);

/* 1 when both say the same to a reader (next_ms aside), else 0. */
int oscp_decision_same(const oscp_decision_t *a, const oscp_decision_t *b);

/*
 * valid_until of a circuit (design, section 5): now + 30 s, but never more
 * than 1 s past next_ms.
 */
oscp_ms_t oscp_decision_valid_until(const oscp_decision_t *d, oscp_ms_t now_ms);

#endif /* OSCP_DECISION_H */
