/*
 * The audit.
 */

#include "event.h"


static void
event_field(struct worker_commit *c, const char *name, const char *value)
{
    if (value != NULL && *value != '\0') {
        worker_commit_text(c, name);
        worker_commit_text(c, value);
    }
}


void
worker_event_write(struct worker_commit *c, const struct worker_event *e)
{
    char  at[OSCP_TIME_SIZE];

    oscp_time_format(e->at_ms, at);

    worker_commit_begin(c, "XADD", worker_commit_events(c));
    worker_commit_text(c, "MAXLEN");
    worker_commit_text(c, "~");
    worker_commit_text(c, WORKER_EVENT_KEEP);
    worker_commit_text(c, "*");
    event_field(c, "event", e->event);
    event_field(c, "conn", e->conn);
    event_field(c, "group", e->group);
    event_field(c, "at", at);
    event_field(c, "by", e->by);
    event_field(c, "cmd", e->cmd);

    if (e->data != NULL && e->data->failed) {
        worker_commit_fail(c);
    }

    if (e->data != NULL && e->data->len > 0) {
        worker_commit_text(c, "data");
        worker_commit_bytes(c, e->data->data, e->data->len);
    }

    worker_commit_end(c);
}
