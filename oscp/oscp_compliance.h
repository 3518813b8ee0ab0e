/*
 * Compliance: whether a group's measured power keeps its limit (design, section
 * 8, last paragraph).  One episode from the moment it has been above the limit
 * for longer than the grace until it is back under it.
 */

#ifndef OSCP_COMPLIANCE_H
#define OSCP_COMPLIANCE_H

#include "oscp_decision.h"
#include "oscp_time.h"

#define OSCP_COMPLIANCE_TITLE_SIZE    256
#define OSCP_COMPLIANCE_DETAIL_SIZE   512
#define OSCP_COMPLIANCE_TEXT_MAX      500   /* bytes of a message to the peer */

typedef struct {
    double   tolerance;            /* 0.02: 2 % of the limit */
    int64_t  grace_ms;
    int64_t  gap_ms;               /* samples further apart than this say
                                      nothing of the time between them */
} oscp_compliance_conf_t;

/* One direction's; kept in the group's hash. */
typedef struct {
    oscp_ms_t  over_since_ms;      /* NONE: not above the limit */
    unsigned   open:1;             /* an episode is open */
} oscp_compliance_t;

typedef enum {
    OSCP_COMPLIANCE_NONE = 0,
    OSCP_COMPLIANCE_BEGUN,         /* tell the peer, open an incident */
    OSCP_COMPLIANCE_ENDED
} oscp_compliance_step_t;

void oscp_compliance_init(oscp_compliance_t *c);

/*
 * A sample: at `at_ms` `power_w` was drawn (or fed in), and `limit_w` held
 * (negative: no limit).  `last_ms` is when the sample before it was taken, NONE
 * when there was none.
 */
oscp_compliance_step_t oscp_compliance_step(oscp_compliance_t *c,
    const oscp_compliance_conf_t *conf, double limit_w, double power_w,
    oscp_ms_t at_ms, oscp_ms_t last_ms);

/* There is no limit any more, or nobody measures: ENDED, or NONE. */
oscp_compliance_step_t oscp_compliance_end(oscp_compliance_t *c);

/* An episode, for those who read of it. */
typedef struct {
    const char         *conn;
    const char         *group;
    oscp_direction_t    direction;
    double              power_w;
    unsigned            has_limit:1;
    double              limit_w;
    oscp_source_t       source;    /* of the limit */
    unsigned            told:1;    /* the peer is told */
    unsigned            ended:1;
    oscp_ms_t           since_ms;  /* above the limit since */
    oscp_ms_t           at_ms;     /* measured, or ended */
    const char         *why;       /* it ended without a sample; or NULL */
} oscp_compliance_case_t;

/* "import", "export": the words in Redis; NULL for no direction. */
const char *oscp_compliance_direction(oscp_direction_t direction);

/*
 * A title and a sentence or two for an operator, and one for the peer.  All are
 * NUL-terminated, cut to fit.
 */
void oscp_compliance_title(const oscp_compliance_case_t *e,
    char title[OSCP_COMPLIANCE_TITLE_SIZE]);
void oscp_compliance_detail(const oscp_compliance_case_t *e,
    char detail[OSCP_COMPLIANCE_DETAIL_SIZE]);
void oscp_compliance_text(const oscp_compliance_case_t *e,
    char text[OSCP_COMPLIANCE_TEXT_MAX + 1]);

/*
 * The type of the forecast that a limit of that source comes from, or -1: it
 * comes from none.
 */
int oscp_compliance_type(oscp_direction_t direction, oscp_source_t source);

/*
 * Writes a GroupCapacityComplianceError: `text` (UTF-8, at most
 * OSCP_COMPLIANCE_TEXT_MAX bytes) and the `n` spans, in KW, at most
 * OSCP_LANE_COUNT of them.  Returns the whole length as snprintf does.
 */
size_t oscp_compliance_message(const char *text,
    const oscp_span_t *const *spans, size_t n, char *buf, size_t size);

#endif /* OSCP_COMPLIANCE_H */
