/*
 * A timeline as the text that people and programs read in Redis.
 */

#include "oscp_out.h"
#include "oscp_timeline.h"

#define WATT_DECIMALS  3


static void
oscp_timeline_moment(oscp_out_t *o, oscp_ms_t ms)
{
    char  text[OSCP_TIME_SIZE];

    oscp_out_bytes(o, "\"", 1);
    oscp_out_bytes(o, text, oscp_time_format(ms, text));
    oscp_out_bytes(o, "\",", 2);
}


static void
oscp_timeline_span(oscp_out_t *o, const oscp_span_t *span)
{
    oscp_out_bytes(o, "[", 1);
    oscp_timeline_moment(o, span->start_ms);
    oscp_timeline_moment(o, span->end_ms);
    oscp_out_number(o, span->watts, WATT_DECIMALS);
    oscp_out_bytes(o, ",", 1);
    oscp_out_string(o, oscp_phase_name(span->phase));
    oscp_out_bytes(o, ",", 1);
    oscp_out_string(o, span->req);
    oscp_out_bytes(o, "]", 1);
}


/* Of the lanes' next spans the one that comes first, or NULL. */
static const oscp_span_t *
oscp_timeline_next(const oscp_timeline_t *t, size_t next[OSCP_LANE_COUNT])
{
    int                 lane, first = 0;
    const oscp_span_t  *span, *found = NULL;

    for (lane = 0; lane < OSCP_LANE_COUNT; lane++) {
        if (next[lane] == t->lanes[lane].n) {
            continue;
        }

        span = &t->lanes[lane].spans[next[lane]];

        if (found == NULL || span->start_ms < found->start_ms
            || (span->start_ms == found->start_ms
                && span->phase < found->phase))
        {
            found = span;
            first = lane;
        }
    }

    if (found) {
        next[first]++;
    }

    return found;
}


size_t
oscp_timeline_write(const oscp_timeline_t *t, char *buf, size_t size)
{
    size_t              next[OSCP_LANE_COUNT] = { 0 };
    oscp_out_t          o;
    const char         *separator = "";
    const oscp_span_t  *span;

    oscp_out_init(&o, buf, size);
    oscp_out_bytes(&o, "[", 1);

    while ((span = oscp_timeline_next(t, next)) != NULL) {
        oscp_out_text(&o, separator);
        oscp_timeline_span(&o, span);
        separator = ",";
    }

    oscp_out_bytes(&o, "]", 1);

    return oscp_out_end(&o);
}
