/*
 * Facts, told to an operator who does not know this program.
 */

#include <stdlib.h>
#include <string.h>

#include "oscpctl_health.h"
#include "oscpctl_out.h"
#include "oscpctl_rule.h"
#include "oscpctl_story.h"
#include "oscpctl_text.h"


#define STORY_INDENT   2
#define STORY_WIDTH    8
#define STORY_NEAR_MS  2000      /* no further apart: together */


static const enum worker_ctl_style  story_styles[] = {
    [OSCP_COLOUR_GREY] = WORKER_CTL_GREY,
    [OSCP_COLOUR_GREEN] = WORKER_CTL_GREEN,
    [OSCP_COLOUR_YELLOW] = WORKER_CTL_YELLOW
};


/* Prints what was gathered under `name`, and empties it. */
static void
story_part(const char *name, struct worker_buffer *b)
{
    if (b->failed) {
        worker_ctl_out_error("no memory");

    } else if (b->len > 0) {
        worker_ctl_out_pair(STORY_INDENT, STORY_WIDTH, name, "%s", b->data);
    }

    worker_buffer_reset(b);
}


static void
story_head(const struct worker_ctl_facts *f)
{
    char  at[WORKER_CTL_TEXT_SIZE], span[WORKER_CTL_TEXT_SIZE];

    worker_ctl_text_moment(f->at_ms, at);
    worker_ctl_text_span(f->now_ms - f->at_ms, span);

    switch (f->basis) {

    case WORKER_CTL_NOW:
        worker_ctl_out_line(WORKER_CTL_BOLD, 0, "%s at %s, now", f->scope, at);
        break;

    case WORKER_CTL_FUTURE:
        worker_ctl_out_line(WORKER_CTL_BOLD, 0, "%s at %s, in %s, if nothing "
                            "happens: no message comes, and the connection %s "
                            "stays %s", f->scope, at, span, f->conn,
                            oscp_state_name(f->state));
        break;

    case WORKER_CTL_REPLAYED:
        worker_ctl_out_line(WORKER_CTL_BOLD, 0, "%s at %s, %s ago, replayed "
                            "from the audit", f->scope, at, span);
        break;

    case WORKER_CTL_RECORDED:
        worker_ctl_out_line(WORKER_CTL_BOLD, 0, "%s at %s, %s ago, as it was "
                            "written then (the audit does not reach back to "
                            "all that led to it)", f->scope, at, span);
        break;
    }
}


static const char *
story_holds(const struct worker_ctl_facts *f)
{
    const oscp_limit_t  *limit;

    limit = &f->decision.limits[worker_ctl_facts_lead(f)];

    switch (limit->source) {
    case OSCP_SOURCE_FORECAST:
        return "the grid operator's forecast holds";
    case OSCP_SOURCE_FALLBACK:
        return "the fallback forecast holds";
    case OSCP_SOURCE_GAP_POLICY:
        return "the safe default holds";
    default:
        return f->decision.mode == OSCP_MODE_LOCAL ? "local control"
                                                   : "no limit holds";
    }
}


static void
story_value(const struct worker_ctl_facts *f, struct worker_buffer *b)
{
    char                    power[WORKER_CTL_TEXT_SIZE];
    const oscp_decision_t  *d = &f->decision;

    if (f->circuit != NULL) {
        worker_buffer_format(b, "%s available on circuit %s",
                             worker_ctl_text_power(d->available_capacity_w,
                                                   power), f->circuit);
        if (f->written_w >= 0) {
            worker_buffer_format(b, " by the rules, but what %s there is %s",
                                 f->live ? "stands" : "stood",
                                 worker_ctl_text_power(f->written_w, power));
        }

    } else {
        worker_ctl_rule_limits(b, d);
        worker_buffer_text(b, ", by the envelope: the scope has no circuit");
    }

    if (b->failed) {
        worker_ctl_out_error("no memory");
        return;
    }

    worker_ctl_out_line(story_styles[d->colour], STORY_INDENT,
                        "%s  [%s, %s: %s]", b->data, oscp_mode_name(d->mode),
                        oscp_colour_name(d->colour), story_holds(f));
    worker_buffer_reset(b);
}


/* What the circuit makes of the limit. */
static void
story_circuit(const struct worker_ctl_facts *f, struct worker_buffer *b)
{
    char                        power[WORKER_CTL_TEXT_SIZE];
    char                        safe[WORKER_CTL_TEXT_SIZE];
    const oscp_limit_t         *import = &f->decision.limits[0];
    const oscp_group_conf_t    *g = f->binding;

    if (f->circuit == NULL) {
        return;
    }

    if (g == NULL) {
        worker_buffer_format(b, "%s; how it was rated is not in the audit any "
                             "more.", f->circuit);
        return;
    }

    worker_buffer_format(b, "%s is rated %s, its safe default is %s.  ",
                         f->circuit, worker_ctl_text_power(g->rated_w, power),
                         g->has_safe_default
                         ? worker_ctl_text_power(g->safe_default_w, safe)
                         : "not set");

    if (!import->has_limit) {
        worker_buffer_text(b, "Without a limit the whole rating is available.");

    } else if (import->source == OSCP_SOURCE_GAP_POLICY) {
        worker_buffer_text(b, "The safe default is what is available.");

    } else if (import->limit_w >= g->rated_w) {
        worker_buffer_text(b, "The limit is not below the rating: the rating "
                           "is what bounds the value.");
    } else {
        worker_buffer_text(b, "The limit is below the rating: the limit is "
                           "what bounds the value.");
    }
}


static int
story_near(oscp_ms_t a, oscp_ms_t b)
{
    return a != OSCP_TIME_NONE && b != OSCP_TIME_NONE
           && llabs(a - b) <= STORY_NEAR_MS;
}


/* What happened when the decision began to hold. */
static const char *
story_when(const struct worker_ctl_facts *f)
{
    oscp_ms_t            since = f->since_ms;
    oscp_direction_t     lead = worker_ctl_facts_lead(f);
    const oscp_limit_t  *limit = &f->decision.limits[lead];

    if (story_near(since, f->state_since_ms)) {
        if (f->state == OSCP_STATE_ONLINE && limit->row == 3) {
            return ", when the connection came online";
        }

        if (limit->reason == OSCP_REASON_LIVENESS_LOST) {
            return ", when the link was lost";
        }

        if (limit->row == 1) {
            return ", when that was commanded";
        }
    }

    if (story_near(since, limit->from_ms)) {
        return ", when the block began";
    }

    return story_near(since, f->received_ms[lead])
           ? ", when the forecast was received" : "";
}


static void
story_since(const struct worker_ctl_facts *f, struct worker_buffer *b)
{
    char  at[WORKER_CTL_TEXT_SIZE], span[WORKER_CTL_TEXT_SIZE];

    if (f->since_ms != OSCP_TIME_NONE) {
        worker_buffer_format(b, "%s (for %s)%s.",
                             worker_ctl_text_time(f->since_ms, f->at_ms, at),
                             worker_ctl_text_span(f->at_ms - f->since_ms, span),
                             story_when(f));
    }
}


/* In the past: what followed.  Else: what follows by time alone. */
static void
story_next(const struct worker_ctl_facts *f, struct worker_buffer *b)
{
    int   past = f->live == NULL;
    char  at[WORKER_CTL_TEXT_SIZE], span[WORKER_CTL_TEXT_SIZE];

    if (f->removed_ms != OSCP_TIME_NONE) {
        worker_buffer_format(b, "%s: the group was removed from the "
                             "configuration.",
                             worker_ctl_text_time(f->removed_ms, f->at_ms,
                                                  at));
        return;
    }

    if (f->next.at_ms == OSCP_TIME_NONE) {
        worker_buffer_text(b, past ? "nothing else has been decided since."
                                   : "nothing that is known now changes it.");
        return;
    }

    worker_buffer_format(b, "%s (%s%s%s): ",
                         worker_ctl_text_time(f->next.at_ms, f->at_ms, at),
                         past ? "" : "in ",
                         worker_ctl_text_span(f->next.at_ms
                                              - (past ? f->at_ms : f->now_ms),
                                              span), past ? " later" : "");
    worker_ctl_rule_brief(b, f, &f->next.decision);

    if (!past && f->basis == WORKER_CTL_NOW
        && f->decision.limits[0].row != 1)
    {
        worker_buffer_format(b, ", if the connection stays %s and no new "
                             "forecast comes",
                             f->state == OSCP_STATE_ONLINE ? "online"
                                                           : "as it is");
    }

    worker_buffer_text(b, ".");
}


static void
story_otherwise(const struct worker_ctl_facts *f, struct worker_buffer *b)
{
    char  at[WORKER_CTL_TEXT_SIZE];

    if (f->otherwise.at_ms == OSCP_TIME_NONE) {
        return;
    }

    if (f->state == OSCP_STATE_ONLINE) {
        worker_buffer_format(b, "if no heartbeat comes until %s: ",
                             worker_ctl_text_time(f->otherwise.at_ms, f->at_ms,
                                                  at));
    } else {
        worker_buffer_text(b, "if the link were back now: ");
    }

    worker_ctl_rule_brief(b, f, &f->otherwise.decision);
    worker_buffer_text(b, ".");
}


/* One direction; the rule only where it is not the one told already. */
static void
story_limit(const struct worker_ctl_facts *f, struct worker_buffer *b,
    oscp_direction_t direction)
{
    oscp_direction_t     lead = worker_ctl_facts_lead(f);
    const oscp_limit_t  *limit = &f->decision.limits[direction];
    const oscp_limit_t  *told = &f->decision.limits[lead];

    if (direction != lead && limit->reason == OSCP_REASON_NO_FORECAST) {
        worker_buffer_format(b, "no limit: there is no %s forecast.",
                             direction == OSCP_DIRECTION_EXPORT ? "export"
                                                                : "import");
        return;
    }

    worker_ctl_rule_source(b, f, direction);

    if (limit->row != told->row || limit->reason != told->reason) {
        worker_buffer_text(b, "  ");
        worker_ctl_rule_why(b, f, direction);
    }
}


void
worker_ctl_story_print(const struct worker_ctl_facts *f)
{
    struct worker_buffer  b = { .len = 0 };

    story_head(f);
    story_value(f, &b);

    worker_ctl_rule_why(&b, f, worker_ctl_facts_lead(f));
    story_part("why", &b);
    story_limit(f, &b, OSCP_DIRECTION_IMPORT);
    story_part("import", &b);
    story_limit(f, &b, OSCP_DIRECTION_EXPORT);
    story_part("export", &b);
    story_circuit(f, &b);
    story_part("circuit", &b);
    story_since(f, &b);
    story_part("since", &b);
    story_next(f, &b);
    story_part(f->live == NULL ? "then" : "next", &b);
    story_otherwise(f, &b);
    story_part("or else", &b);
    worker_ctl_health_link(&b, f);
    story_part("link", &b);

    if (f->live != NULL) {
        worker_ctl_health_worker(&b, f);
        story_part("worker", &b);
    }

    if (f->basis == WORKER_CTL_NOW) {
        worker_ctl_health_incident(&b, f);
        story_part("incident", &b);
    }

    for (size_t i = 0; i < f->nnotes; i++) {
        worker_ctl_out_line(WORKER_CTL_YELLOW, STORY_INDENT, "NOTE: %s",
                            f->notes[i]);
    }

    worker_buffer_free(&b);
}
