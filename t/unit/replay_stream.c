/*
 * Goal: the audit of a recorded run, replayed, gives the decisions that were
 * written then.
 *
 * replay_stream FILE: each line is a JSON object with the fields of one entry
 * of the `events` stream; `data` is text.  Without a file there is nothing to
 * replay: the scenario that records one calls this.
 */

#include <stdio.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "oscp_replay.h"
#include "tap.h"

#define LINE_SIZE   262144

static unsigned  decisions, modes[3];


static const char *
member(const cJSON *line, const char *name)
{
    const char  *text;

    text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(line, name));

    return text ? text : "";
}


static void
compare(const oscp_replay_t *r, const oscp_replay_record_t *record)
{
    oscp_decision_t             d;
    oscp_situation_t            s;
    const oscp_replay_group_t  *g;

    g = oscp_replay_group(r, record->conn, record->group);
    if (g == NULL || oscp_replay_situation(g, &s) == -1) {
        ok(0, "everything is known of %s/%s", record->conn, record->group);
        return;
    }

    oscp_decide(&s, record->at_ms, &d);
    decisions++;
    modes[d.mode]++;

    ok(oscp_replay_same(&d, &g->recorded.decision),
       "%s/%s: %s %s, as it was written: %.*s", record->conn, record->group,
       oscp_mode_name(d.mode), oscp_reason_name(d.reason), (int) record->len,
       record->data);
}


static void
take(oscp_replay_t *r, const cJSON *line)
{
    const char            *at = member(line, "at");
    oscp_error_t           err;
    oscp_replay_record_t   record = { .event = member(line, "event"),
                                      .conn = member(line, "conn"),
                                      .group = member(line, "group"),
                                      .data = member(line, "data") };

    record.len = strlen(record.data);

    if (oscp_time_parse(at, strlen(at), &record.at_ms) != 0) {
        ok(0, "a time: %s", at);
        return;
    }

    if (oscp_replay_take(r, &record, &err) != OSCP_OK) {
        ok(0, "%s is understood: %s %s", record.event, err.path, err.text);
        return;
    }

    if (strcmp(record.event, "envelope") == 0) {
        compare(r, &record);
    }
}


int
main(int argc, char **argv)
{
    FILE           *file;
    cJSON          *line;
    oscp_replay_t  *r;

    static char     text[LINE_SIZE];

    if (argc < 2) {
        puts("1..0 # SKIP no recorded stream is given");
        return 0;
    }

    file = fopen(argv[1], "r");
    r = oscp_replay_create(&oscp_alloc_libc);
    ok(file != NULL && r != NULL, "there is a stream");

    while (file != NULL && r != NULL && fgets(text, sizeof(text), file)) {
        line = cJSON_Parse(text);
        ok(line != NULL, "an entry");
        take(r, line);
        cJSON_Delete(line);
    }

    printf("# decisions: %u local %u normal %u fallback %u\n", decisions,
           modes[OSCP_MODE_LOCAL], modes[OSCP_MODE_NORMAL],
           modes[OSCP_MODE_FALLBACK]);

    oscp_replay_free(r);
    if (file != NULL) {
        fclose(file);
    }

    return done_testing();
}
