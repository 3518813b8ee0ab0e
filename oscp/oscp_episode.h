/*
 * A yellow episode: the time a group spends in fallback mode, as one incident
 * and a few notifications (design, section 6, "Yellow …"; section 10, "One
 * incident per yellow period").  Pure: from the decision that held and the one
 * that holds follows what is to be opened, changed, resolved and said.
 */

#ifndef OSCP_EPISODE_H
#define OSCP_EPISODE_H

#include "oscp_decision.h"

#define OSCP_EPISODE_TITLE_SIZE    256
#define OSCP_EPISODE_DETAIL_SIZE   512

/* What is remembered of the last decision (in the group's hash). */
typedef struct {
    oscp_mode_t    mode;
    oscp_reason_t  reason;
    oscp_source_t  import_source;
    oscp_source_t  export_source;
    unsigned       has_incident:1;       /* one is open */
    unsigned       zero_notified:1;      /* the all-zero profile that holds
                                            has been notified */
} oscp_episode_t;

typedef enum {
    OSCP_INCIDENT_NONE = 0,
    OSCP_INCIDENT_OPEN,
    OSCP_INCIDENT_UPDATE,                /* reason, limit, detail */
    OSCP_INCIDENT_RESOLVE
} oscp_incident_t;

typedef enum {
    OSCP_NOTICE_NONE = 0,
    OSCP_NOTICE_ENTERED,                 /* fallback began */
    OSCP_NOTICE_SOURCE,                  /* within it, another source gives the
                                            limit */
    OSCP_NOTICE_RECOVERED,               /* fallback ended, normal again */
    OSCP_NOTICE_LOCAL,                   /* fallback ended, or OSCP control was
                                            given back: full local control */
    OSCP_NOTICE_ZERO                     /* an all-zero profile is obeyed */
} oscp_notice_t;

typedef enum {
    OSCP_SEVERITY_INFO = 0,
    OSCP_SEVERITY_WARNING,
    OSCP_SEVERITY_CRITICAL
} oscp_severity_t;

/* "info", "warning", "critical": the words in Redis. */
const char *oscp_severity_name(oscp_severity_t severity);

/* Whether the newest primary forecasts are all zero. */
typedef enum {
    OSCP_ZERO_NONE = 0,                  /* none of them */
    OSCP_ZERO_WAITS,                     /* one is; it does not hold now */
    OSCP_ZERO_HOLDS                      /* one is, and 0 W holds by it */
} oscp_zero_t;

/* Which names and times the texts speak of; strings may be NULL. */
typedef struct {
    const char  *conn;
    const char  *group;
    const char  *circuit;                /* NULL: a scope without a circuit */
    oscp_ms_t    now_ms;
    oscp_ms_t    since_ms;               /* the open episode's start; now when
                                            none is open */
    oscp_zero_t  zero;
} oscp_episode_context_t;

typedef struct {
    oscp_incident_t  incident;
    oscp_notice_t    notice;
    oscp_severity_t  severity;
    char             title[OSCP_EPISODE_TITLE_SIZE];
    char             detail[OSCP_EPISODE_DETAIL_SIZE];
    unsigned         has_limit:1;        /* of a direction that has the
                                            group's mode; import before export
                                            */
    double           limit_w;
} oscp_episode_step_t;

/*
 * Compares what is remembered in `e` with the decision `d`, brings `e` up to
 * date, and tells in `step` what is to be done.
 *
 * What is all zero is told once: again after a primary forecast that is not, or
 * after all forecasts were forgotten.
 *
 * At most one incident step and one notice result; where both an all-zero
 * profile begins and an episode ends, the episode's end is told and the zero
 * profile at the next call (call until OSCP_NOTICE_NONE).
 *
 * `title` and `detail` are sentences for an operator: which group, why, since
 * when, which limit holds, and when that changes.  They are filled whenever
 * there is an incident step or a notice.
 */
void oscp_episode_step(oscp_episode_t *e, const oscp_decision_t *d,
    const oscp_episode_context_t *context, oscp_episode_step_t *step);

/*
 * The group is no longer configured: whatever held for it ends, as in
 * oscp_episode_step().  `e` is then as new.
 */
void oscp_episode_end(oscp_episode_t *e, const oscp_episode_context_t *context,
    oscp_episode_step_t *step);

/* The title of an incident, which stays the same from its opening on. */
void oscp_episode_title(const oscp_episode_context_t *context,
    char title[OSCP_EPISODE_TITLE_SIZE]);

#endif /* OSCP_EPISODE_H */
