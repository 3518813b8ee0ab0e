/*
 * Compliance episodes: the step from one sample to the next, and its words.
 */

#include <stdio.h>
#include <string.h>

#include "oscp_compliance.h"
#include "oscp_unit.h"
#include "oscp_write.h"

#define WATTS_PER_KW    1000.0
#define ESCAPED_MAX     6           /* bytes that one byte may become in JSON */


static const struct {
    const char  *word;
    const char  *does;
    const char  *done;
    int          primary;
    int          fallback;
} oscp_compliance_directions[OSCP_DIRECTION_COUNT] = {
    [OSCP_DIRECTION_IMPORT] = { "import", "draws", "drawn", OSCP_CONSUMPTION,
                                OSCP_FALLBACK_CONSUMPTION },
    [OSCP_DIRECTION_EXPORT] = { "export", "feeds in", "fed in",
                                OSCP_GENERATION, OSCP_FALLBACK_GENERATION },
};


void
oscp_compliance_init(oscp_compliance_t *c)
{
    c->over_since_ms = OSCP_TIME_NONE;
    c->open = 0;
}


oscp_compliance_step_t
oscp_compliance_end(oscp_compliance_t *c)
{
    int  was_open = c->open;

    oscp_compliance_init(c);

    return was_open ? OSCP_COMPLIANCE_ENDED : OSCP_COMPLIANCE_NONE;
}


oscp_compliance_step_t
oscp_compliance_step(oscp_compliance_t *c, const oscp_compliance_conf_t *conf,
    double limit_w, double power_w, oscp_ms_t at_ms, oscp_ms_t last_ms)
{
    if (limit_w < 0 || power_w <= limit_w * (1 + conf->tolerance)) {
        return oscp_compliance_end(c);
    }

    if (c->open) {
        return OSCP_COMPLIANCE_NONE;
    }

    /* what nobody has measured for so long was not above all the time */
    if (c->over_since_ms == OSCP_TIME_NONE || last_ms == OSCP_TIME_NONE
        || at_ms - last_ms > conf->gap_ms)
    {
        c->over_since_ms = at_ms;
    }

    if (at_ms - c->over_since_ms < conf->grace_ms) {
        return OSCP_COMPLIANCE_NONE;
    }

    c->open = 1;

    return OSCP_COMPLIANCE_BEGUN;
}


const char *
oscp_compliance_direction(oscp_direction_t direction)
{
    return (unsigned) direction < OSCP_DIRECTION_COUNT
           ? oscp_compliance_directions[direction].word : NULL;
}


int
oscp_compliance_type(oscp_direction_t direction, oscp_source_t source)
{
    switch (source) {

    case OSCP_SOURCE_FORECAST:
        return oscp_compliance_directions[direction].primary;

    case OSCP_SOURCE_FALLBACK:
        return oscp_compliance_directions[direction].fallback;

    case OSCP_SOURCE_GAP_POLICY:
    case OSCP_SOURCE_NONE:
        break;
    }

    return -1;
}


void
oscp_compliance_title(const oscp_compliance_case_t *e,
    char title[OSCP_COMPLIANCE_TITLE_SIZE])
{
    if (e->ended) {
        snprintf(title, OSCP_COMPLIANCE_TITLE_SIZE, "Group %s of %s is no "
                 "longer above its %s limit", e->group, e->conn,
                 oscp_compliance_directions[e->direction].word);
        return;
    }

    snprintf(title, OSCP_COMPLIANCE_TITLE_SIZE, "Group %s of %s %s more than "
             "its limit", e->group, e->conn,
             oscp_compliance_directions[e->direction].does);
}


/* "130 kW drawn, 100 kW allowed" */
static int
oscp_compliance_power(const oscp_compliance_case_t *e, char *buf, size_t size)
{
    char  power[OSCP_UNIT_TEXT_SIZE], limit[OSCP_UNIT_TEXT_SIZE];

    oscp_unit_text(e->power_w, power);
    oscp_unit_text(e->limit_w, limit);

    return snprintf(buf, size, "%s %s, %s allowed", power,
                    oscp_compliance_directions[e->direction].done,
                    e->has_limit ? limit : "any power");
}


void
oscp_compliance_detail(const oscp_compliance_case_t *e,
    char detail[OSCP_COMPLIANCE_DETAIL_SIZE])
{
    int          n;
    char         since[OSCP_TIME_SIZE], at[OSCP_TIME_SIZE];
    const char  *source;

    oscp_time_format(e->since_ms, since);
    oscp_time_format(e->at_ms, at);
    n = oscp_compliance_power(e, detail, OSCP_COMPLIANCE_DETAIL_SIZE);

    if (e->ended) {
        snprintf(detail + n, OSCP_COMPLIANCE_DETAIL_SIZE - (size_t) n,
                 "%s%s. It was above its limit from %s to %s.",
                 e->why ? "; " : "", e->why ? e->why : "", since, at);
        return;
    }

    source = e->source == OSCP_SOURCE_FORECAST ? "by the forecast"
             : e->source == OSCP_SOURCE_FALLBACK ? "by the fallback forecast"
             : "by the circuit's safe default";

    snprintf(detail + n, OSCP_COMPLIANCE_DETAIL_SIZE - (size_t) n,
             " %s, measured at %s; above that since %s. %s.", source, at, since,
             e->told ? "The grid operator is told"
             : "The grid operator is not told: no forecast set this limit");
}


void
oscp_compliance_text(const oscp_compliance_case_t *e,
    char text[OSCP_COMPLIANCE_TEXT_MAX + 1])
{
    int   n;
    char  since[OSCP_TIME_SIZE];

    oscp_time_format(e->since_ms, since);
    n = snprintf(text, OSCP_COMPLIANCE_TEXT_MAX + 1, "Group %s is above its "
                 "limit since %s: ", e->group, since);
    oscp_compliance_power(e, text + n,
                          OSCP_COMPLIANCE_TEXT_MAX + 1 - (size_t) n);
}


size_t
oscp_compliance_message(const char *text, const oscp_span_t *const *spans,
    size_t n, char *buf, size_t size)
{
    char            raw[OSCP_COMPLIANCE_TEXT_MAX * ESCAPED_MAX + 1];
    size_t          i, len = strlen(text);
    oscp_block_t    blocks[OSCP_LANE_COUNT];
    oscp_message_t  m;

    len = len < OSCP_COMPLIANCE_TEXT_MAX ? len : OSCP_COMPLIANCE_TEXT_MAX;

    oscp_message_init(&m, OSCP_GROUP_CAPACITY_COMPLIANCE_ERROR);
    m.text.data = raw;
    m.text.len = oscp_write_escape(text, len, raw, sizeof(raw));
    m.blocks = blocks;
    m.nblocks = n < OSCP_LANE_COUNT ? n : OSCP_LANE_COUNT;

    for (i = 0; i < m.nblocks; i++) {
        blocks[i].capacity = spans[i]->watts / WATTS_PER_KW;
        blocks[i].phase = spans[i]->phase;
        blocks[i].unit = OSCP_UNIT_KW;
        blocks[i].start_ms = spans[i]->start_ms;
        blocks[i].end_ms = spans[i]->end_ms;
    }

    return oscp_write(&m, buf, size);
}
