/*
 * The audit.
 */

#include "event.h"


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
    worker_commit_field(c, "event", e->event);
    worker_commit_field(c, "conn", e->conn);
    worker_commit_field(c, "group", e->group);
    worker_commit_field(c, "at", at);
    worker_commit_field(c, "by", e->by);
    worker_commit_field(c, "cmd", e->cmd);

    if (e->data != NULL && e->data->failed) {
        worker_commit_fail(c);
    }

    if (e->data != NULL && e->data->len > 0) {
        worker_commit_text(c, "data");
        worker_commit_bytes(c, e->data->data, e->data->len);
    }

    worker_commit_end(c);
}
