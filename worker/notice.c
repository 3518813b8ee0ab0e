/*
 * What an operator should see.
 */

#include "log.h"
#include "notice.h"


static void
notice_field(struct worker_commit *c, const char *name, const char *value)
{
    if (value != NULL && *value != '\0') {
        worker_commit_text(c, name);
        worker_commit_text(c, value);
    }
}


void
worker_notice_write(struct worker_context *ctx,
    const struct worker_notice *notice)
{
    char                     key[OSCP_KEY_SIZE];
    struct worker_commit    *c = ctx->commit;
    struct worker_log_about  about = { .shard = (int) ctx->shard,
                                       .conn = notice->conn,
                                       .group = notice->group };

    worker_log(WORKER_LOG_INFO, &about, "notification (%s): %s",
               oscp_severity_name(notice->severity), notice->title);

    worker_commit_begin(c, "XADD", worker_context_key(ctx, key, "notifications",
                                                      NULL, NULL, NULL));
    worker_commit_text(c, "MAXLEN");
    worker_commit_text(c, "~");
    worker_commit_text(c, WORKER_NOTICE_KEEP);
    worker_commit_text(c, "*");
    notice_field(c, "severity", oscp_severity_name(notice->severity));
    notice_field(c, "conn", notice->conn);
    notice_field(c, "group", notice->group);
    notice_field(c, "title", notice->title);
    notice_field(c, "detail", notice->detail);
    notice_field(c, "incident", notice->incident);
    worker_commit_end(c);
}
