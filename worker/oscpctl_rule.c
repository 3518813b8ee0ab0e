/*
 * The rows of the decision table in words.
 */

#include <string.h>

#include "oscpctl_rule.h"
#include "oscpctl_text.h"


/*
 * " by operator anna at 02:10:05: no network"; nothing where nothing is known.
 */
static void
rule_told(struct worker_buffer *b, const struct worker_ctl_facts *f,
    const struct worker_ctl_told *told)
{
    char  at[WORKER_CTL_TEXT_SIZE];

    if (told->at_ms == OSCP_TIME_NONE) {
        return;
    }

    worker_buffer_format(b, " by %s at %s%s%s",
                         *told->by ? told->by : "somebody",
                         worker_ctl_text_time(told->at_ms, f->at_ms, at),
                         *told->why ? ": " : "", told->why);
}


/* Row 1. */
static void
rule_out(struct worker_buffer *b, const struct worker_ctl_facts *f,
    const oscp_limit_t *limit)
{
    if (limit->reason == OSCP_REASON_DISCONNECTED) {
        worker_buffer_format(b, "control was taken back: the connection %s was "
                             "disconnected", f->conn);
        rule_told(b, f, &f->told);
        worker_buffer_text(b, ".  The site is under full local control until "
                           "somebody connects it again.");
        return;
    }

    if (f->state_known && f->state == OSCP_STATE_DISABLED) {
        worker_buffer_format(b, "the connection %s was taken out of service",
                             f->conn);
        rule_told(b, f, &f->told);

    } else {
        worker_buffer_format(b, "the group %s was taken out of service",
                             f->group);
        rule_told(b, f, &f->order);
    }

    worker_buffer_text(b, ".  The site is under local control until somebody "
                       "enables it again.");
}


/* Row 2. */
static void
rule_early(struct worker_buffer *b, const oscp_limit_t *limit,
    oscp_direction_t direction)
{
    if (limit->reason == OSCP_REASON_NOT_STARTED) {
        worker_buffer_format(b, "the grid operator has sent a%s forecast, but "
                             "its first block has not begun yet.  Until then "
                             "the site is under local control.",
                             direction == OSCP_DIRECTION_EXPORT ? "n export"
                                                                : "");
        return;
    }

    worker_buffer_format(b, "the grid operator has sent no%s forecast since "
                         "the connection was made or last connected.  Until "
                         "then the site is under local control.",
                         direction == OSCP_DIRECTION_EXPORT ? " export" : "");
}


static void
rule_link(struct worker_buffer *b, const struct worker_ctl_facts *f,
    const oscp_limit_t *limit)
{
    char  at[WORKER_CTL_TEXT_SIZE];

    if (limit->reason == OSCP_REASON_FORECAST_GAP) {
        worker_buffer_format(b, "the connection %s is online, but no block of "
                             "the grid operator's forecast covers this moment",
                             f->conn);
        return;
    }

    worker_buffer_format(b, "the link to the grid operator is down: the "
                         "connection %s is not online", f->conn);

    if (f->state_known && f->state_since_ms != OSCP_TIME_NONE) {
        worker_buffer_format(b, " (%s since %s%s%s)",
                             oscp_state_name(f->state),
                             worker_ctl_text_time(f->state_since_ms, f->at_ms,
                                                  at),
                             *f->told.why ? ": " : "", f->told.why);
    }
}


void
worker_ctl_rule_why(struct worker_buffer *b, const struct worker_ctl_facts *f,
    oscp_direction_t direction)
{
    const oscp_limit_t  *limit = &f->decision.limits[direction];

    worker_buffer_format(b, "Rule %d: ", limit->row);

    switch (limit->row) {

    case 1:
        rule_out(b, f, limit);
        break;

    case 2:
        rule_early(b, limit, direction);
        break;

    case 3:
        worker_buffer_format(b, "the connection %s is online, and a block of "
                             "the grid operator's forecast covers this moment.",
                             f->conn);
        break;

    case 4:
        rule_link(b, f, limit);
        worker_buffer_text(b, ".  A block of the fallback forecast, agreed for "
                           "such a case, covers it.");
        break;

    default:
        rule_link(b, f, limit);
        worker_buffer_text(b, ".  No block of a fallback forecast covers it "
                           "either: the gap policy safe_default applies.");
    }
}


static void
rule_message(struct worker_buffer *b, const struct worker_ctl_facts *f,
    oscp_direction_t direction)
{
    char                 at[WORKER_CTL_TEXT_SIZE];
    const oscp_limit_t  *limit = &f->decision.limits[direction];

    worker_buffer_format(b, " of the %s with request id %s",
                         limit->source == OSCP_SOURCE_FALLBACK
                         ? "fallback forecast" : "forecast", limit->req);

    if (f->received_ms[direction] != OSCP_TIME_NONE) {
        worker_buffer_format(b, ", received from %s at %s", f->conn,
                             worker_ctl_text_time(f->received_ms[direction],
                                                  f->at_ms, at));
    } else {
        worker_buffer_format(b, " from %s (when it was received is not in the "
                             "audit any more)", f->conn);
    }
}


static void
rule_block(struct worker_buffer *b, const struct worker_ctl_facts *f,
    oscp_direction_t direction)
{
    char                    from[WORKER_CTL_TEXT_SIZE];
    char                    until[WORKER_CTL_TEXT_SIZE];
    const oscp_limit_t     *limit = &f->decision.limits[direction];
    const oscp_capacity_t  *block = &f->blocks[direction];

    worker_ctl_text_time(limit->from_ms, f->at_ms, from);

    if (!block->covered) {
        worker_buffer_format(b, "the block that begins at %s", from);

    } else if (block->lane != OSCP_LANE_TOTAL) {
        worker_buffer_format(b, "the sum of the single phases' blocks from %s "
                             "to %s", from,
                             worker_ctl_text_time(block->until_ms, f->at_ms,
                                                  until));
    } else {
        worker_buffer_format(b, "the block from %s to %s", from,
                             worker_ctl_text_time(block->until_ms, f->at_ms,
                                                  until));
    }

    rule_message(b, f, direction);
}


void
worker_ctl_rule_source(struct worker_buffer *b,
    const struct worker_ctl_facts *f, oscp_direction_t direction)
{
    char                 power[WORKER_CTL_TEXT_SIZE];
    const oscp_limit_t  *limit = &f->decision.limits[direction];

    if (!limit->has_limit) {
        worker_buffer_text(b, "no limit");
        if (limit->row == 5 && direction == OSCP_DIRECTION_IMPORT) {
            worker_buffer_text(b, ": the circuit has no safe default");
        }
        worker_buffer_text(b, ".");
        return;
    }

    worker_buffer_format(b, "at most %s: ",
                         worker_ctl_text_power(limit->limit_w, power));

    if (limit->source == OSCP_SOURCE_GAP_POLICY) {
        worker_buffer_text(b, "the safe default of the circuit.");
        return;
    }

    rule_block(b, f, direction);
    worker_buffer_text(b, ".");
}


void
worker_ctl_rule_limits(struct worker_buffer *b, const oscp_decision_t *d)
{
    char                 power[WORKER_CTL_TEXT_SIZE];
    const oscp_limit_t  *import = &d->limits[OSCP_DIRECTION_IMPORT];
    const oscp_limit_t  *export = &d->limits[OSCP_DIRECTION_EXPORT];

    if (import->has_limit) {
        worker_buffer_format(b, "import at most %s",
                             worker_ctl_text_power(import->limit_w, power));
    } else {
        worker_buffer_text(b, "no import limit");
    }

    if (export->has_limit) {
        worker_buffer_format(b, ", export at most %s",
                             worker_ctl_text_power(export->limit_w, power));
    }
}


void
worker_ctl_rule_brief(struct worker_buffer *b,
    const struct worker_ctl_facts *f, const oscp_decision_t *d)
{
    char                 power[WORKER_CTL_TEXT_SIZE];
    const oscp_limit_t  *import = &d->limits[OSCP_DIRECTION_IMPORT];
    const oscp_limit_t  *export = &d->limits[OSCP_DIRECTION_EXPORT];
    const oscp_limit_t  *lead = import->has_limit ? import : export;

    static const char *const  sources[] = {
        [OSCP_SOURCE_FORECAST] = "by the forecast",
        [OSCP_SOURCE_FALLBACK] = "by the fallback forecast",
        [OSCP_SOURCE_GAP_POLICY] = "the safe default"
    };

    if (f->circuit != NULL) {
        worker_buffer_format(b, "%s available",
                             worker_ctl_text_power(d->available_capacity_w,
                                                   power));
        if (export->has_limit) {
            worker_buffer_format(b, ", export at most %s",
                                 worker_ctl_text_power(export->limit_w, power));
        }

    } else {
        worker_ctl_rule_limits(b, d);
    }

    worker_buffer_format(b, ", %s%s (%s)", oscp_mode_name(d->mode),
                         d->reason == OSCP_REASON_LIVENESS_LOST
                         ? " for a lost link"
                         : d->reason == OSCP_REASON_FORECAST_GAP
                         ? " for a gap in the forecast" : "",
                         lead->has_limit ? sources[lead->source]
                         : d->mode == OSCP_MODE_LOCAL ? "local control"
                         : "without a limit");
}
