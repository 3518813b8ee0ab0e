/*
 * Goal: what an operator asks for is read with every mistake named, is written
 * as Redis shows it and as the peer reads it, and is answered by the forecast
 * that means it and by no other.
 */

#include "oscp_adjust.h"
#include "oscp_read.h"
#include "tap.h"

#define NOW  INT64_C(1795395600000)      /* 2026-11-23T01:00:00Z */

#define A    "\"2026-11-23T00:00:00Z\""
#define B    "\"2026-11-23T01:00:00Z\""
#define C    "\"2026-11-23T02:00:00Z\""
#define D    "\"2026-11-23T05:00:00.250+02:00\""
#define E    "\"2026-11-23T04:00:00Z\""

static char           text[65536];
static oscp_adjust_t  a;


static void
accepted(void)
{
    size_t               len;
    oscp_block_t         blocks[4];
    oscp_error_t         err;
    oscp_message_t       m;
    oscp_read_options_t  options = { .now_ms = NOW, .strict = 1 };

    static const char  json[] = "[[" A "," C ",120000],\n [" C "," D
                                ",7360.5004,\"ALL\"],[" D "," E ",0,\"ONE\"],["
                                D "," E ",5,\"TWO\"]]";

    is_int(oscp_adjust_read(&a, json, strlen(json), NOW, &err), OSCP_OK,
           "four blocks, the first one spans now");
    is_int((int64_t) a.n, 4, "are there");
    is_int(a.blocks[0].phase, OSCP_PHASE_ALL, "without a phase: all");

    len = oscp_adjust_write(&a, text, sizeof(text));
    is_int((int64_t) len, (int64_t) strlen(text), "written");
    is_str(text,
           "[[\"2026-11-23T00:00:00.000Z\",\"2026-11-23T02:00:00.000Z\","
           "120000,\"ALL\"],"
           "[\"2026-11-23T02:00:00.000Z\",\"2026-11-23T03:00:00.250Z\","
           "7360.5,\"ALL\"],"
           "[\"2026-11-23T03:00:00.250Z\",\"2026-11-23T04:00:00.000Z\",0,"
           "\"ONE\"],"
           "[\"2026-11-23T03:00:00.250Z\",\"2026-11-23T04:00:00.000Z\",5,"
           "\"TWO\"]]", "in UTC and watts");
    is_int(oscp_adjust_read(&a, text, strlen(text), NOW, &err), OSCP_OK,
           "and read back");

    len = oscp_adjust_message(&a, "DEPOT \"1\"", OSCP_FALLBACK_GENERATION,
                              text, sizeof(text));
    is_int((int64_t) len, (int64_t) strlen(text), "the message");
    oscp_message_init(&m, OSCP_ADJUST_GROUP_CAPACITY_FORECAST);
    m.blocks = blocks;
    m.max_blocks = 4;
    is_int(oscp_read(&m, text, strlen(text), &options, &err), OSCP_OK,
           "is one to the letter");
    is_str(m.group_id, "DEPOT \"1\"", "group");
    is_int(m.type, OSCP_FALLBACK_GENERATION, "type");
    is_int((int64_t) m.nblocks, 4, "blocks");
    is_num(blocks[0].capacity, 120, "in KW");
    is_int(blocks[0].unit, OSCP_UNIT_KW, "and says so");
    is_num(blocks[1].capacity, 7.3605, "to the milliwatt");
    is_int(blocks[3].phase, OSCP_PHASE_TWO, "with its phase");
    is_int(oscp_adjust_type(text, strlen(text)), OSCP_FALLBACK_GENERATION,
           "which says of what type it is");
    is_int(oscp_adjust_type(text, strlen(text) - 1), -1, "a part of it does "
           "not");
    is_int((int64_t) oscp_adjust_message(&a, "DEPOT \"1\"",
                                         OSCP_FALLBACK_GENERATION, NULL, 0),
           (int64_t) strlen(text), "counted without a buffer");
}


static void
refused(void)
{
    static const struct {
        const char  *json;
        oscp_err_t   code;
        const char  *path;
        const char  *says;
    } list[] = {
        { "", OSCP_ERR_SYNTAX, "$", "JSON" },
        { "[[" B "," C ",1]", OSCP_ERR_SYNTAX, "$", "JSON" },
        { "[[" B "," C ",1]]]", OSCP_ERR_SYNTAX, "$", "JSON" },
        { "[[" B "," C ",nan]]", OSCP_ERR_SYNTAX, "$", "JSON" },
        { "{}", OSCP_ERR_SCHEMA, "$", "array" },
        { "[]", OSCP_ERR_LIMIT, "$", "1 to 96" },
        { "[1]", OSCP_ERR_SCHEMA, "$[0]", "start, end, watts, and maybe" },
        { "[[" B "," C "]]", OSCP_ERR_SCHEMA, "$[0]", "start, end" },
        { "[[" B "," C ",1,\"ALL\",\"r\"]]", OSCP_ERR_SCHEMA, "$[0]", "start" },
        { "[[1," C ",1]]", OSCP_ERR_SCHEMA, "$[0][0]", "date-time" },
        { "[[" B ",\"02:00\",1]]", OSCP_ERR_SCHEMA, "$[0][1]", "date-time" },
        { "[[" B ",\"2026-11-23T02:00:00\",1]]", OSCP_ERR_SCHEMA, "$[0][1]",
          "date-time" },
        { "[[" C "," C ",1]]", OSCP_ERR_SEMANTIC, "$[0][1]", "after the" },
        { "[[" A "," B ",1]]", OSCP_ERR_SEMANTIC, "$[0][1]", "future" },
        { "[[" B "," C ",-0.1]]", OSCP_ERR_SCHEMA, "$[0][2]", "0 or more" },
        { "[[" B "," C ",\"1\"]]", OSCP_ERR_SCHEMA, "$[0][2]", "a number" },
        { "[[" B "," C ",1e999]]", OSCP_ERR_SCHEMA, "$[0][2]", "a number" },
        { "[[" B "," C ",1000000000001]]", OSCP_ERR_SEMANTIC, "$[0][2]",
          "at most 1000000000000" },
        { "[[" B "," C ",1,\"all\"]]", OSCP_ERR_SCHEMA, "$[0][3]", "a phase" },
        { "[[" B "," C ",1,null]]", OSCP_ERR_SCHEMA, "$[0][3]", "a phase" },
        { "[[" C "," D ",1],[" B "," C ",1]]", OSCP_ERR_SEMANTIC, "$[1][0]",
          "the start of the block before" },
        { "[[" B "," D ",1],[" C "," E ",1,\"UNKNOWN\"]]", OSCP_ERR_SEMANTIC,
          "$[1][0]", "the end of the last block" },
        { "[[" B "," C ",1,\"ONE\"],[" B "," C ",1,\"TWO\"],[" B "," C
          ",1,\"ONE\"]]", OSCP_ERR_SEMANTIC, "$[2][0]", "the end of the" },
    };

    oscp_err_t    rc;
    oscp_error_t  err;

    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        rc = oscp_adjust_read(&a, list[i].json, strlen(list[i].json), NOW,
                              &err);

        if (!ok(rc == list[i].code && strcmp(err.path, list[i].path) == 0
                && strstr(err.text, list[i].says) != NULL,
                "refused at %s: %s", list[i].path, list[i].json))
        {
            printf("#   got %d %s: %s\n", rc, err.path, err.text);
        }
    }
}


static void
limits(void)
{
    char          start[OSCP_TIME_SIZE], end[OSCP_TIME_SIZE];
    size_t        len = 0;
    oscp_error_t  err;

    for (int i = 0; i <= OSCP_ADJUST_BLOCKS_MAX; i++) {
        oscp_time_format(NOW + i * 900000, start);
        oscp_time_format(NOW + (i + 1) * 900000, end);
        len += (size_t) sprintf(text + len, "%s[\"%s\",\"%s\",1e12]",
                                i ? "," : "[", start, end);

        if (i == OSCP_ADJUST_BLOCKS_MAX - 1) {
            strcpy(text + len, "]");
            is_int(oscp_adjust_read(&a, text, len + 1, NOW, &err), OSCP_OK,
                   "OSCP_ADJUST_BLOCKS_MAX blocks of OSCP_ADJUST_WATTS_MAX");
        }
    }

    strcpy(text + len, "]");
    is_int(oscp_adjust_read(&a, text, len + 1, NOW, &err), OSCP_ERR_LIMIT,
           "one block more");

    memset(text, ' ', sizeof(text));
    memcpy(text, "[[" B "," C ",1]", strlen("[[" B "," C ",1]"));
    text[OSCP_ADJUST_SIZE_MAX - 1] = ']';
    text[OSCP_ADJUST_SIZE_MAX] = '\0';
    is_int(oscp_adjust_read(&a, text, OSCP_ADJUST_SIZE_MAX, NOW, &err), OSCP_OK,
           "OSCP_ADJUST_SIZE_MAX bytes");
    text[OSCP_ADJUST_SIZE_MAX - 1] = ' ';
    text[OSCP_ADJUST_SIZE_MAX] = ']';
    is_int(oscp_adjust_read(&a, text, OSCP_ADJUST_SIZE_MAX + 1, NOW, &err),
           OSCP_ERR_LIMIT, "one more");
    is_str(err.path, "$", "are refused as a whole");
}


static void
answers(void)
{
    is_int(oscp_adjust_answers("r", NOW, "r", NOW - 1000), 1,
           "one that names it, whatever the clocks say");
    is_int(oscp_adjust_answers("r", NOW, "s", NOW + 1000), 0,
           "not one that names another");
    is_int(oscp_adjust_answers("r", NOW, "", NOW), 1,
           "one that names none, received since");
    is_int(oscp_adjust_answers("r", NOW, NULL, NOW - 1), 0,
           "not one that was received before");

    for (int s = 0; s < OSCP_ADJUST_STATE_COUNT; s++) {
        is_int(oscp_adjust_state_find(oscp_adjust_state_name(s),
                                      strlen(oscp_adjust_state_name(s))), s,
               "a state's word");
    }

    is_str(oscp_adjust_state_name(OSCP_ADJUST_STATE_COUNT), NULL, "no state");
    is_int(oscp_adjust_state_find("request", 7), -1, "no word");
}


int
main(void)
{
    accepted();
    refused();
    limits();
    answers();

    return done_testing();
}
