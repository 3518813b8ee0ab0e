/*
 * Goal: one episode for power that stays above the limit longer than the grace,
 * none for what does not, or what nobody has measured; and each of its readers
 * gets the words and the message that tell it.
 */

#include "oscp_compliance.h"
#include "oscp_read.h"
#include "tap.h"

static const oscp_compliance_conf_t  conf = { 0.02, 60000, 900000 };

static oscp_ms_t  last;


/* A sample, some time after the one before. */
static oscp_compliance_step_t
step(oscp_compliance_t *c, double limit_w, double power_w, oscp_ms_t at_ms)
{
    oscp_compliance_step_t  got;

    got = oscp_compliance_step(c, &conf, limit_w, power_w, at_ms, last);
    last = at_ms;

    return got;
}


static void
episodes(void)
{
    oscp_compliance_t  c;

    last = OSCP_TIME_NONE;
    oscp_compliance_init(&c);
    is_int(step(&c, 100000, 102000, 0), OSCP_COMPLIANCE_NONE,
           "2 % above is tolerated");
    is_int(step(&c, 100000, 102000, 800000), OSCP_COMPLIANCE_NONE, "for ever");

    is_int(step(&c, 100000, 102001, 1000000), OSCP_COMPLIANCE_NONE,
           "more is not, but has its grace");
    is_int(c.over_since_ms, 1000000, "from then on");
    is_int(step(&c, 100000, 99000, 1030000), OSCP_COMPLIANCE_NONE,
           "back in time: no episode");
    is_int(c.over_since_ms, OSCP_TIME_NONE, "and no grace is running");

    step(&c, 100000, 150000, 1040000);
    is_int(step(&c, 100000, 150000, 1099999), OSCP_COMPLIANCE_NONE,
           "just under a minute");
    is_int(step(&c, 100000, 150000, 1100000), OSCP_COMPLIANCE_BEGUN,
           "a minute: an episode");
    is_int(step(&c, 100000, 160000, 1200000), OSCP_COMPLIANCE_NONE,
           "told once");
    is_int(step(&c, 50000, 160000, 3000000), OSCP_COMPLIANCE_NONE,
           "a lower limit, and a gap, do not begin another one");
    is_int(c.over_since_ms, 1040000, "it is the same");
    is_int(step(&c, 160000, 160000, 3001000), OSCP_COMPLIANCE_ENDED,
           "a higher limit ends it");

    step(&c, 0, 1, 4000000);
    is_int(step(&c, 0, 1, 4060000), OSCP_COMPLIANCE_BEGUN,
           "0 W is a limit like any other");
    is_int(step(&c, -1, 1, 4060001), OSCP_COMPLIANCE_ENDED,
           "without a limit there is nothing to keep");
    is_int(oscp_compliance_end(&c), OSCP_COMPLIANCE_NONE, "ended is ended");

    step(&c, 10, 20, 5000000);
    is_int(step(&c, 10, 20, 5900000), OSCP_COMPLIANCE_BEGUN,
           "samples gap_ms apart hang together");
    is_int(oscp_compliance_end(&c), OSCP_COMPLIANCE_ENDED,
           "what nobody measures any more ends");
    step(&c, 10, 20, 6000000);
    is_int(step(&c, 10, 20, 6900001), OSCP_COMPLIANCE_NONE,
           "samples further apart do not");
    is_int(c.over_since_ms, 6900001, "the grace begins anew");
    is_int(step(&c, 10, 20, 6900000), OSCP_COMPLIANCE_NONE,
           "a sample of before is harmless");
}


static void
words(void)
{
    char                    title[OSCP_COMPLIANCE_TITLE_SIZE];
    char                    detail[OSCP_COMPLIANCE_DETAIL_SIZE];
    char                    text[OSCP_COMPLIANCE_TEXT_MAX + 1];
    oscp_compliance_case_t  e = { "vector", "DEPOT01", OSCP_DIRECTION_IMPORT,
                                  130000, 1, 100000, OSCP_SOURCE_FORECAST, 1, 0,
                                  0, 90000, NULL };

    oscp_compliance_title(&e, title);
    is_str(title, "Group DEPOT01 of vector draws more than its limit", "title");
    oscp_compliance_detail(&e, detail);
    is_str(detail, "130 kW drawn, 100 kW allowed by the forecast, measured at "
           "1970-01-01T00:01:30.000Z; above that since "
           "1970-01-01T00:00:00.000Z. The grid operator is told.", "detail");
    oscp_compliance_text(&e, text);
    is_str(text, "Group DEPOT01 is above its limit since "
           "1970-01-01T00:00:00.000Z: 130 kW drawn, 100 kW allowed",
           "what the peer reads");

    e.direction = OSCP_DIRECTION_EXPORT;
    e.source = OSCP_SOURCE_GAP_POLICY;
    e.told = 0;
    oscp_compliance_title(&e, title);
    is_str(title, "Group DEPOT01 of vector feeds in more than its limit",
           "the other direction");
    oscp_compliance_detail(&e, detail);
    ok(strstr(detail, "130 kW fed in, 100 kW allowed by the circuit's safe "
              "default") != NULL, "the other source");
    ok(strstr(detail, "is not told: no forecast set this limit") != NULL,
       "and what follows from it");
    e.source = OSCP_SOURCE_FALLBACK;
    oscp_compliance_detail(&e, detail);
    ok(strstr(detail, "by the fallback forecast") != NULL, "and another one");

    e.ended = 1;
    e.has_limit = 0;
    e.power_w = 500;
    e.why = "the limit is gone";
    oscp_compliance_title(&e, title);
    is_str(title, "Group DEPOT01 of vector is no longer above its export limit",
           "the end's title");
    oscp_compliance_detail(&e, detail);
    is_str(detail, "500 W fed in, any power allowed; the limit is gone. It was "
           "above its limit from 1970-01-01T00:00:00.000Z to "
           "1970-01-01T00:01:30.000Z.", "the end's detail");

    is_str(oscp_compliance_direction(OSCP_DIRECTION_IMPORT), "import", "word");
    is_str(oscp_compliance_direction(OSCP_DIRECTION_COUNT), NULL, "no word");
    is_int(oscp_compliance_type(OSCP_DIRECTION_EXPORT, OSCP_SOURCE_FORECAST),
           OSCP_GENERATION, "which forecast sets a limit");
    is_int(oscp_compliance_type(OSCP_DIRECTION_IMPORT, OSCP_SOURCE_FALLBACK),
           OSCP_FALLBACK_CONSUMPTION, "in fallback as well");
    is_int(oscp_compliance_type(OSCP_DIRECTION_IMPORT, OSCP_SOURCE_GAP_POLICY),
           -1, "or none");
}


static void
message(void)
{
    char                 buf[8192], text[OSCP_COMPLIANCE_TEXT_MAX + 2];
    size_t               len;
    oscp_span_t          a = { 0, 900000, 100000, OSCP_PHASE_ALL, "r" };
    oscp_span_t          b = { 0, 900000, 36800.5, OSCP_PHASE_ONE, "r" };
    oscp_block_t         blocks[2];
    oscp_error_t         err;
    oscp_message_t       m;
    const oscp_span_t   *spans[] = { &a, &b, &b, &b, &b };
    oscp_read_options_t  options = { .strict = 1 };

    len = oscp_compliance_message("5 \"kW\"\ttoo much \xc2\xb5", spans, 2, buf,
                                  sizeof(buf));
    is_int((int64_t) len, (int64_t) strlen(buf), "its length");
    is_str(buf, "{\"message\":\"5 \\\"kW\\\"\\ttoo much \xc2\xb5\","
           "\"forecasted_blocks\":[{\"capacity\":100,\"phase\":\"ALL\","
           "\"unit\":\"KW\",\"start_time\":\"1970-01-01T00:00:00.000Z\","
           "\"end_time\":\"1970-01-01T00:15:00.000Z\"},{\"capacity\":36.8005,"
           "\"phase\":\"ONE\",\"unit\":\"KW\",\"start_time\":"
           "\"1970-01-01T00:00:00.000Z\",\"end_time\":"
           "\"1970-01-01T00:15:00.000Z\"}]}", "text and blocks");

    oscp_message_init(&m, OSCP_GROUP_CAPACITY_COMPLIANCE_ERROR);
    m.blocks = blocks;
    m.max_blocks = 2;
    is_int(oscp_read(&m, buf, len, &options, &err), OSCP_OK,
           "a message to the letter");

    len = oscp_compliance_message("x", NULL, 0, buf, sizeof(buf));
    is_str(buf, "{\"message\":\"x\"}", "without blocks: no list");

    memset(text, '\x01', sizeof(text));
    text[OSCP_COMPLIANCE_TEXT_MAX + 1] = '\0';
    len = oscp_compliance_message(text, spans, 5, buf, sizeof(buf));
    ok(len < sizeof(buf) && oscp_read(&m, buf, len, &options, &err) == OSCP_OK,
       "a longer text and more blocks are cut");
    is_int((int64_t) m.text.len, OSCP_COMPLIANCE_TEXT_MAX * 6,
           "OSCP_COMPLIANCE_TEXT_MAX bytes, each escaped");
    is_int((int64_t) m.nblocks, OSCP_LANE_COUNT, "a block for each lane");
}


int
main(void)
{
    episodes();
    words();
    message();

    return done_testing();
}
