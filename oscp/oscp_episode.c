/*
 * Yellow episodes: the step from one decision to the next, and its words.
 */

#include <stdio.h>
#include <string.h>

#include "oscp_episode.h"
#include "oscp_unit.h"

#define LIMIT_TEXT_SIZE   128
#define SPAN_TEXT_SIZE    96
#define GROUP_TEXT_SIZE   160

static const char *const  severity_names[] = {
    "info", "warning", "critical"
};

static const char *const  notice_titles[] = {
    [OSCP_NOTICE_NONE] = "%s: the limit of the fallback has changed",
    [OSCP_NOTICE_ENTERED] = "%s is in fallback",
    [OSCP_NOTICE_SOURCE] = "%s: the fallback's limit has another source",
    [OSCP_NOTICE_RECOVERED] = "%s is back under the grid operator's forecast",
    [OSCP_NOTICE_LOCAL] = "%s is under full local control",
    [OSCP_NOTICE_ZERO] = "%s: the grid operator's forecast is 0 W throughout"
};


const char *
oscp_severity_name(oscp_severity_t severity)
{
    return (unsigned) severity <= OSCP_SEVERITY_CRITICAL
           ? severity_names[severity] : NULL;
}


static const char *
source_text(oscp_source_t source)
{
    switch (source) {
    case OSCP_SOURCE_FORECAST:
        return "from the forecast";
    case OSCP_SOURCE_FALLBACK:
        return "from the fallback forecast";
    case OSCP_SOURCE_GAP_POLICY:
        return "the circuit's safe default";
    case OSCP_SOURCE_NONE:
        break;
    }

    return "the non-OSCP path";
}


/* "import at most 60 kW (the circuit's safe default)" */
static void
limit_text(const char *what, const oscp_limit_t *limit, char *buf)
{
    char  power[OSCP_UNIT_TEXT_SIZE];

    if (!limit->has_limit) {
        snprintf(buf, LIMIT_TEXT_SIZE, "no %s limit", what);
        return;
    }

    oscp_unit_text(limit->limit_w, power);
    snprintf(buf, LIMIT_TEXT_SIZE, "%s at most %s (%s)", what, power,
             source_text(limit->source));
}


static const char *
reason_text(oscp_reason_t reason)
{
    switch (reason) {
    case OSCP_REASON_LIVENESS_LOST:
        return "the connection to the grid operator is lost";
    case OSCP_REASON_FORECAST_GAP:
        return "no forecast block covers now";
    case OSCP_REASON_DISABLED:
        return "it was disabled by command";
    case OSCP_REASON_DISCONNECTED:
        return "it was disconnected by command";
    case OSCP_REASON_NO_FORECAST:
        return "no forecast has been received";
    case OSCP_REASON_NOT_STARTED:
        return "the first forecast block has not begun";
    case OSCP_REASON_FORECAST:
        break;
    }

    return "a forecast block covers now";
}


static void
title_text(oscp_notice_t notice, const oscp_episode_context_t *c, char *buf)
{
    char  group[GROUP_TEXT_SIZE];

    snprintf(group, sizeof(group), "Group %s of %s", c->group, c->conn);
    snprintf(buf, OSCP_EPISODE_TITLE_SIZE, notice_titles[notice], group);
}


/* How long it was yellow, or since when it is as it is. */
static void
span_text(const oscp_episode_context_t *c, const oscp_episode_step_t *step,
    char *buf)
{
    char  since[OSCP_TIME_SIZE], now[OSCP_TIME_SIZE];

    oscp_time_format(c->since_ms, since);
    oscp_time_format(c->now_ms, now);

    if (step->incident == OSCP_INCIDENT_RESOLVE) {
        snprintf(buf, SPAN_TEXT_SIZE, "In fallback from %s to %s", since, now);
        return;
    }

    snprintf(buf, SPAN_TEXT_SIZE, "Since %s", since);
}


static void
episode_text(const oscp_decision_t *d, const oscp_episode_context_t *c,
    oscp_episode_step_t *step)
{
    char    import[LIMIT_TEXT_SIZE], export[LIMIT_TEXT_SIZE];
    char    span[SPAN_TEXT_SIZE], next[OSCP_TIME_SIZE];
    size_t  n;

    title_text(step->notice, c, step->title);
    limit_text("import", &d->limits[OSCP_DIRECTION_IMPORT], import);
    limit_text("export", &d->limits[OSCP_DIRECTION_EXPORT], export);
    span_text(c, step, span);
    oscp_time_format(d->next_ms, next);

    n = (size_t) snprintf(step->detail, sizeof(step->detail),
            "Why: %s. %s. Now holds: %s, %s%s%s. ",
            reason_text(d->reason), span, import, export,
            c->circuit ? "; circuit " : "", c->circuit ? c->circuit : "");
    if (n < sizeof(step->detail)) {
        snprintf(step->detail + n, sizeof(step->detail) - n,
                 next[0] ? "Next change by time: %s."
                         : "No change is due by time.%s", next);
    }
}


/*
 * The zero profile is told once; a profile that is not zero arms it again, also
 * one that comes while the link is lost.
 */
static int
zero_begins(oscp_episode_t *e, const oscp_decision_t *d, oscp_zero_t zero)
{
    if (zero == OSCP_ZERO_NONE
        || (zero == OSCP_ZERO_WAITS && d->mode == OSCP_MODE_NORMAL))
    {
        e->zero_notified = 0;
        return 0;
    }

    return zero == OSCP_ZERO_HOLDS && d->mode == OSCP_MODE_NORMAL
           && !e->zero_notified;
}


static void
yellow(oscp_episode_t *e, const oscp_decision_t *d, oscp_episode_step_t *step)
{
    const oscp_limit_t  *import = &d->limits[OSCP_DIRECTION_IMPORT];
    const oscp_limit_t  *export = &d->limits[OSCP_DIRECTION_EXPORT];

    if (!e->has_incident) {
        step->incident = OSCP_INCIDENT_OPEN;
        step->notice = OSCP_NOTICE_ENTERED;
        step->severity = OSCP_SEVERITY_WARNING;
        return;
    }

    step->incident = OSCP_INCIDENT_UPDATE;
    step->severity = OSCP_SEVERITY_WARNING;

    if (e->import_source != import->source
        || e->export_source != export->source)
    {
        step->notice = OSCP_NOTICE_SOURCE;
    }
}


static void
not_yellow(oscp_episode_t *e, const oscp_decision_t *d,
    oscp_episode_step_t *step)
{
    int  given_back;

    /* An operator's hand takes a limit away: that is worth saying by itself. */
    given_back = e->mode != OSCP_MODE_LOCAL && d->mode == OSCP_MODE_LOCAL;

    if (e->has_incident) {
        step->incident = OSCP_INCIDENT_RESOLVE;
        step->notice = d->mode == OSCP_MODE_NORMAL ? OSCP_NOTICE_RECOVERED
                                                   : OSCP_NOTICE_LOCAL;
    } else if (given_back) {
        step->notice = OSCP_NOTICE_LOCAL;
    }

    /* forecasts are forgotten: the next zero profile is another one */
    if (d->reason == OSCP_REASON_DISCONNECTED
        || d->reason == OSCP_REASON_NO_FORECAST)
    {
        e->zero_notified = 0;
    }
}


/* The limit of a direction that is in the group's mode says most. */
static void
step_limit(const oscp_decision_t *d, oscp_episode_step_t *step)
{
    const oscp_limit_t  *import = &d->limits[OSCP_DIRECTION_IMPORT];
    const oscp_limit_t  *export = &d->limits[OSCP_DIRECTION_EXPORT];
    const oscp_limit_t  *limit = import;

    if (!import->has_limit
        || (import->mode != d->mode && export->mode == d->mode))
    {
        limit = export;
    }

    step->has_limit = limit->has_limit;
    step->limit_w = limit->limit_w;
}


void
oscp_episode_step(oscp_episode_t *e, const oscp_decision_t *d,
    const oscp_episode_context_t *context, oscp_episode_step_t *step)
{
    const oscp_limit_t  *import = &d->limits[OSCP_DIRECTION_IMPORT];
    const oscp_limit_t  *export = &d->limits[OSCP_DIRECTION_EXPORT];

    memset(step, 0, sizeof(*step));

    if (d->mode == OSCP_MODE_FALLBACK) {
        yellow(e, d, step);
    } else {
        not_yellow(e, d, step);
    }

    /* what else there is to say comes first, and the caller asks again */
    if (zero_begins(e, d, context->zero) && step->notice == OSCP_NOTICE_NONE) {
        e->zero_notified = 1;
        step->notice = OSCP_NOTICE_ZERO;
        step->severity = OSCP_SEVERITY_WARNING;
    }

    step_limit(d, step);

    e->mode = d->mode;
    e->reason = d->reason;
    e->import_source = import->source;
    e->export_source = export->source;
    e->has_incident = d->mode == OSCP_MODE_FALLBACK;

    if (step->incident != OSCP_INCIDENT_NONE
        || step->notice != OSCP_NOTICE_NONE)
    {
        episode_text(d, context, step);
    }
}


void
oscp_episode_end(oscp_episode_t *e, const oscp_episode_context_t *context,
    oscp_episode_step_t *step)
{
    char  span[SPAN_TEXT_SIZE];

    memset(step, 0, sizeof(*step));

    if (e->has_incident) {
        step->incident = OSCP_INCIDENT_RESOLVE;
    }

    if (e->mode != OSCP_MODE_LOCAL) {
        step->notice = OSCP_NOTICE_LOCAL;
        title_text(step->notice, context, step->title);
        span_text(context, step, span);
        snprintf(step->detail, sizeof(step->detail),
                 "Why: it was removed from the configuration. %s. Now holds: "
                 "no import limit, no export limit%s%s.", span,
                 context->circuit ? "; circuit " : "",
                 context->circuit ? context->circuit : "");
    }

    memset(e, 0, sizeof(*e));
}


void
oscp_episode_title(const oscp_episode_context_t *context,
    char title[OSCP_EPISODE_TITLE_SIZE])
{
    title_text(OSCP_NOTICE_ENTERED, context, title);
}
