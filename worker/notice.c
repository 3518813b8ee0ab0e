/*
 * What an operator should see.
 */

#include "log.h"
#include "notice.h"


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
    worker_commit_field(c, "severity", oscp_severity_name(notice->severity));
    worker_commit_field(c, "conn", notice->conn);
    worker_commit_field(c, "group", notice->group);
    worker_commit_field(c, "title", notice->title);
    worker_commit_field(c, "detail", notice->detail);
    worker_commit_field(c, "incident", notice->incident);
    worker_commit_end(c);
}
