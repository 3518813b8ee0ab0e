/*
 * The table "Decision" of the design, section 6, row by row.
 */

#include <string.h>

#include "oscp_decision.h"

#define VALID_MS          30000
#define VALID_PAST_MS     1000


/* One direction on its way through the rows. */
typedef struct {
    const oscp_situation_t  *situation;
    const oscp_timeline_t   *primary;
    const oscp_timeline_t   *fallback;
    oscp_direction_t         direction;
    oscp_ms_t                at_ms;
    unsigned                 online:1;
    oscp_limit_t            *limit;
    oscp_ms_t                next_ms;
} oscp_decision_pass_t;

typedef struct {
    const char  *name;
    void       (*hold)(const oscp_situation_t *s, oscp_direction_t direction,
                    oscp_limit_t *limit);
} oscp_decision_gap_t;


static void oscp_decision_gap_safe_default(const oscp_situation_t *s,
    oscp_direction_t direction, oscp_limit_t *limit);


static const oscp_decision_gap_t  oscp_decision_gaps[OSCP_GAP_COUNT] = {
    [OSCP_GAP_SAFE_DEFAULT] = { "safe_default",
                                oscp_decision_gap_safe_default }
};

static const char *const  oscp_decision_modes[] = {
    "local", "normal", "fallback"
};

static const char *const  oscp_decision_colours[] = {
    "grey", "green", "yellow"
};

static const char *const  oscp_decision_reasons[] = {
    "forecast", "liveness_lost", "forecast_gap", "disabled", "disconnected",
    "no_forecast", "not_started"
};

static const char *const  oscp_decision_sources[] = {
    "none", "forecast", "fallback", "gap_policy"
};

static const char *const  oscp_decision_controls[] = {
    "local", "oscp", "fallback", "safe_default"
};

static const oscp_colour_t  oscp_decision_mode_colours[] = {
    [OSCP_MODE_LOCAL] = OSCP_COLOUR_GREY,
    [OSCP_MODE_NORMAL] = OSCP_COLOUR_GREEN,
    [OSCP_MODE_FALLBACK] = OSCP_COLOUR_YELLOW
};

static const oscp_control_t  oscp_decision_source_controls[] = {
    [OSCP_SOURCE_NONE] = OSCP_CONTROL_LOCAL,
    [OSCP_SOURCE_FORECAST] = OSCP_CONTROL_OSCP,
    [OSCP_SOURCE_FALLBACK] = OSCP_CONTROL_FALLBACK,
    [OSCP_SOURCE_GAP_POLICY] = OSCP_CONTROL_SAFE_DEFAULT
};


#define NAME_OF(names, value)                                                 \
    ((unsigned) (value) < sizeof(names) / sizeof(names[0])                    \
     ? names[value] : NULL)


const char *
oscp_mode_name(oscp_mode_t mode)
{
    return NAME_OF(oscp_decision_modes, mode);
}


const char *
oscp_colour_name(oscp_colour_t colour)
{
    return NAME_OF(oscp_decision_colours, colour);
}


const char *
oscp_reason_name(oscp_reason_t reason)
{
    return NAME_OF(oscp_decision_reasons, reason);
}


const char *
oscp_source_name(oscp_source_t source)
{
    return NAME_OF(oscp_decision_sources, source);
}


const char *
oscp_control_name(oscp_control_t control)
{
    return NAME_OF(oscp_decision_controls, control);
}


const char *
oscp_gap_policy_name(oscp_gap_policy_t policy)
{
    return (unsigned) policy < OSCP_GAP_COUNT ? oscp_decision_gaps[policy].name
                                              : NULL;
}


int
oscp_gap_policy_find(const char *text, size_t len)
{
    int  i;

    for (i = 0; i < OSCP_GAP_COUNT; i++) {
        if (strlen(oscp_decision_gaps[i].name) == len
            && memcmp(oscp_decision_gaps[i].name, text, len) == 0)
        {
            return i;
        }
    }

    return -1;
}


/* There is no safe default for what a site feeds in: section 10, "More". */
static void
oscp_decision_gap_safe_default(const oscp_situation_t *s,
    oscp_direction_t direction, oscp_limit_t *limit)
{
    if (direction == OSCP_DIRECTION_IMPORT && s->has_safe_default) {
        limit->source = OSCP_SOURCE_GAP_POLICY;
        limit->has_limit = 1;
        limit->limit_w = s->safe_default_w;
    }
}


static void
oscp_decision_row(oscp_decision_pass_t *p, int row, oscp_mode_t mode,
    oscp_reason_t reason)
{
    p->limit->row = row;
    p->limit->mode = mode;
    p->limit->reason = reason;
}


static void
oscp_decision_change(oscp_ms_t *next, oscp_ms_t candidate)
{
    if (candidate < *next) {
        *next = candidate;
    }
}


/* 1 when a block of the timeline covers the moment: then it is the limit. */
static int
oscp_decision_block(oscp_decision_pass_t *p, const oscp_timeline_t *t,
    oscp_source_t source)
{
    oscp_capacity_t  capacity;

    oscp_timeline_at(t, p->at_ms, &capacity);
    oscp_decision_change(&p->next_ms, capacity.until_ms);

    if (!capacity.covered) {
        return 0;
    }

    p->limit->source = source;
    p->limit->has_limit = 1;
    p->limit->limit_w = capacity.watts;
    p->limit->req = capacity.req;
    p->limit->from_ms = capacity.from_ms;

    return 1;
}


/* Row 1: nobody's clock ends it. */
static int
oscp_decision_out(oscp_decision_pass_t *p)
{
    const oscp_situation_t  *s = p->situation;

    if (!s->connection_enabled) {
        oscp_decision_row(p, 1, OSCP_MODE_LOCAL, OSCP_REASON_DISABLED);
        return 1;
    }

    if (s->disconnected) {
        oscp_decision_row(p, 1, OSCP_MODE_LOCAL, OSCP_REASON_DISCONNECTED);
        return 1;
    }

    if (!s->group_enabled) {
        oscp_decision_row(p, 1, OSCP_MODE_LOCAL, OSCP_REASON_DISABLED);
        return 1;
    }

    return 0;
}


/* Row 2: the grid operator's control has not begun. */
static int
oscp_decision_early(oscp_decision_pass_t *p)
{
    oscp_ms_t  first = p->primary->first_ms;

    if (first == OSCP_TIME_NONE && !p->online) {
        first = p->fallback->first_ms;
    }

    if (first == OSCP_TIME_NONE) {
        oscp_decision_row(p, 2, OSCP_MODE_LOCAL, OSCP_REASON_NO_FORECAST);
        return 1;
    }

    if (p->at_ms < first) {
        oscp_decision_change(&p->next_ms, first);
        oscp_decision_row(p, 2, OSCP_MODE_LOCAL, OSCP_REASON_NOT_STARTED);
        return 1;
    }

    return 0;
}


static void
oscp_decision_direction(oscp_decision_pass_t *p)
{
    oscp_reason_t            reason;
    const oscp_situation_t  *s = p->situation;

    if (oscp_decision_out(p) || oscp_decision_early(p)) {
        return;
    }

    if (p->online && oscp_decision_block(p, p->primary, OSCP_SOURCE_FORECAST))
    {
        oscp_decision_row(p, 3, OSCP_MODE_NORMAL, OSCP_REASON_FORECAST);
        return;
    }

    reason = p->online ? OSCP_REASON_FORECAST_GAP : OSCP_REASON_LIVENESS_LOST;

    if (oscp_decision_block(p, p->fallback, OSCP_SOURCE_FALLBACK)) {
        oscp_decision_row(p, 4, OSCP_MODE_FALLBACK, reason);
        return;
    }

    oscp_decision_row(p, 5, OSCP_MODE_FALLBACK, reason);
    oscp_decision_gaps[s->gap_policy].hold(s, p->direction, p->limit);
}


/* The direction that speaks for the group: section 10, "More, settled". */
static const oscp_limit_t *
oscp_decision_speaker(const oscp_decision_t *d)
{
    const oscp_limit_t  *import = &d->limits[OSCP_DIRECTION_IMPORT];
    const oscp_limit_t  *export = &d->limits[OSCP_DIRECTION_EXPORT];

    if (export->mode != import->mode) {
        return export->mode > import->mode ? export : import;
    }

    /* a direction that never had a forecast counts for nothing */
    return import->reason == OSCP_REASON_NO_FORECAST ? export : import;
}


static void
oscp_decision_group(const oscp_situation_t *s, oscp_decision_t *d)
{
    const oscp_limit_t  *import = &d->limits[OSCP_DIRECTION_IMPORT];
    const oscp_limit_t  *export = &d->limits[OSCP_DIRECTION_EXPORT];
    const oscp_limit_t  *speaker = oscp_decision_speaker(d);

    d->mode = speaker->mode;
    d->reason = speaker->reason;
    d->colour = oscp_decision_mode_colours[d->mode];
    d->has_envelope = import->has_limit || export->has_limit;
    d->control = oscp_decision_source_controls[import->source];

    if (!s->has_circuit) {
        return;
    }

    d->available_capacity_w = s->rated_w;

    if (import->has_limit && import->limit_w < s->rated_w) {
        d->available_capacity_w = import->limit_w;
    }
}


/* Advice goes with an envelope, and is as alive as the connection. */
static void
oscp_decision_optimum(const oscp_situation_t *s, oscp_ms_t at_ms, int online,
    oscp_decision_t *d)
{
    oscp_capacity_t  capacity;

    if (!online || !d->has_envelope) {
        return;
    }

    oscp_timeline_at(&s->timelines[OSCP_OPTIMUM], at_ms, &capacity);
    oscp_decision_change(&d->next_ms, capacity.until_ms);

    d->has_optimum = capacity.covered;
    d->optimum_w = capacity.watts;
}


void
oscp_decide(const oscp_situation_t *s, oscp_ms_t at_ms, oscp_decision_t *d)
{
    int                    i, online;
    oscp_limit_t          *limit;
    oscp_decision_pass_t   pass;

    memset(d, 0, sizeof(*d));
    d->next_ms = OSCP_TIME_NONE;

    online = s->online && at_ms < s->liveness_ms;

    for (i = 0; i < OSCP_DIRECTION_COUNT; i++) {
        limit = &d->limits[i];
        limit->req = "";
        limit->from_ms = OSCP_TIME_NONE;

        pass = (oscp_decision_pass_t) {
            .situation = s,
            .primary = &s->timelines[i == OSCP_DIRECTION_IMPORT
                                     ? OSCP_CONSUMPTION : OSCP_GENERATION],
            .fallback = &s->timelines[i == OSCP_DIRECTION_IMPORT
                                      ? OSCP_FALLBACK_CONSUMPTION
                                      : OSCP_FALLBACK_GENERATION],
            .direction = i,
            .at_ms = at_ms,
            .online = online != 0,
            .limit = limit,
            .next_ms = OSCP_TIME_NONE
        };

        oscp_decision_direction(&pass);
        oscp_decision_change(&d->next_ms, pass.next_ms);

        /* what row 1 says no clock can change */
        if (online && limit->row != 1) {
            oscp_decision_change(&d->next_ms, s->liveness_ms);
        }
    }

    oscp_decision_group(s, d);
    oscp_decision_optimum(s, at_ms, online, d);
}


static int
oscp_decision_same_limit(const oscp_limit_t *a, const oscp_limit_t *b)
{
    return a->row == b->row && a->mode == b->mode && a->reason == b->reason
           && a->source == b->source && a->has_limit == b->has_limit
           && a->limit_w == b->limit_w && a->from_ms == b->from_ms
           && strcmp(a->req, b->req) == 0;
}


int
oscp_decision_same(const oscp_decision_t *a, const oscp_decision_t *b)
{
    int  i;

    for (i = 0; i < OSCP_DIRECTION_COUNT; i++) {
        if (!oscp_decision_same_limit(&a->limits[i], &b->limits[i])) {
            return 0;
        }
    }

    return a->mode == b->mode && a->colour == b->colour
           && a->reason == b->reason && a->has_envelope == b->has_envelope
           && a->has_optimum == b->has_optimum && a->optimum_w == b->optimum_w
           && a->control == b->control
           && a->available_capacity_w == b->available_capacity_w;
}


oscp_ms_t
oscp_decision_valid_until(const oscp_decision_t *d, oscp_ms_t now_ms)
{
    oscp_ms_t  until = now_ms + VALID_MS;

    if (d->next_ms != OSCP_TIME_NONE && d->next_ms + VALID_PAST_MS < until) {
        return d->next_ms + VALID_PAST_MS;
    }

    return until;
}
