/*
 * An operator's command takes effect.
 */

#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "command.h"
#include "dead.h"
#include "event.h"
#include "json.h"
#include "log.h"
#include "oscp_compliance.h"
#include "oscp_string.h"
#include "outcome.h"


#define COMMAND_BY          "operator "
#define COMMAND_BY_SIZE     (sizeof(COMMAND_BY) + WORKER_COMMAND_BY_MAX)
#define COMMAND_REQUEUE     "requeue"

enum command_outcome {
    COMMAND_DONE = 0,
    COMMAND_UNCHANGED,
    COMMAND_REFUSED
};

/* A command under way. */
struct command {
    struct worker_context        *ctx;
    struct worker_connection     *conn;
    struct worker_group          *group;    /* NULL: the whole connection */
    const struct worker_entry    *e;
    char                          by[COMMAND_BY_SIZE];
    enum command_outcome          outcome;
    struct worker_outcome  result;
    unsigned                      carried:1;    /* another transaction answers
                                                   and settles it */
};

static const char *const  command_outcomes[] = {
    [COMMAND_DONE] = "done",
    [COMMAND_UNCHANGED] = "unchanged",
    [COMMAND_REFUSED] = "refused",
};

enum command_groups {
    COMMAND_GROUP_NONE = 0,
    COMMAND_GROUP_MAY,
    COMMAND_GROUP_MUST
};

struct command_op {
    const char             *name;
    enum command_groups     groups;         /* whether it is for a group */
    void                  (*run)(struct command *c,
                                 const struct command_op *op);
    oscp_lifecycle_kind_t   kind;           /* COUNT: nothing of a lifecycle */
    const char             *done;           /* what to tell; after the name */
    int                   (*ask)(struct worker_group *g,
                                 const struct worker_entry *e, const char *by,
                                 struct worker_outcome *result);
};


static void command_switch(struct command *c, const struct command_op *op);
static void command_ask(struct command *c, const struct command_op *op);
static void command_dead(struct command *c, const struct command_op *op);


static const struct command_op  command_ops[] = {
    { "connect", COMMAND_GROUP_NONE, command_switch, OSCP_EV_CONNECT,
      "starts a handshake", NULL },
    { "disconnect", COMMAND_GROUP_NONE, command_switch, OSCP_EV_DISCONNECT,
      "is disconnected: forecasts and envelopes are gone, full local control "
      "is back", NULL },
    { "enable", COMMAND_GROUP_MAY, command_switch, OSCP_EV_ENABLE,
      "is enabled", NULL },
    { "disable", COMMAND_GROUP_MAY, command_switch, OSCP_EV_DISABLE,
      "is disabled: under full local control, its forecasts are kept", NULL },
    { "adjust", COMMAND_GROUP_MUST, command_ask, OSCP_EV_COUNT, NULL,
      worker_group_adjust },
    { "compliance", COMMAND_GROUP_MUST, command_ask, OSCP_EV_COUNT, NULL,
      worker_group_compliance },
    { COMMAND_REQUEUE, COMMAND_GROUP_NONE, command_dead, OSCP_EV_COUNT,
      "waits for delivery again", NULL },
    { "drop", COMMAND_GROUP_NONE, command_dead, OSCP_EV_COUNT, "is dropped",
      NULL },
};

#define COMMAND_OPS   (sizeof(command_ops) / sizeof(*command_ops))


/* 1 for one line of UTF-8 of at most `max` bytes, "" included. */
static int
command_line_valid(const char *text, size_t max)
{
    size_t       n;
    const char  *p, *end = text + strlen(text);

    for (p = text; p < end; p += n) {
        n = 1;

        if ((unsigned char) *p < 0x20 || *p == 0x7f) {
            return 0;
        }

        if ((unsigned char) *p >= 0x80) {
            n = oscp_string_utf8(p, end);
            if (n == 0) {
                return 0;
            }
        }
    }

    return (size_t) (end - text) <= max;
}


static int
command_name_valid(const char *name)
{
    return oscp_name_valid(name, strlen(name), OSCP_NAME_PLAIN)
           || oscp_name_valid(name, strlen(name), OSCP_NAME_VISIBLE);
}


/* What can be said of a field by itself.  Returns -1 after a refusal. */
static int
command_check(struct command *c)
{
    const struct worker_entry  *e = c->e;

    if (e->gone) {
        return worker_outcome_refuse(&c->result, "the entry was deleted from "
                                     "the stream");
    }

    if (e->nul != NULL) {
        return worker_outcome_refuse(&c->result, "%s must be text without NUL "
                                     "bytes", e->nul);
    }

    if (!command_line_valid(e->by, WORKER_COMMAND_BY_MAX)) {
        return worker_outcome_refuse(&c->result, "by must be one line of "
                                     "UTF-8, at most %d bytes",
                                     WORKER_COMMAND_BY_MAX);
    }

    if (!command_line_valid(e->reason, WORKER_COMMAND_REASON_MAX)) {
        return worker_outcome_refuse(&c->result, "reason must be one line of "
                                     "UTF-8, at most %d bytes",
                                     WORKER_COMMAND_REASON_MAX);
    }

    if (!command_line_valid(e->message, OSCP_COMPLIANCE_TEXT_MAX)) {
        return worker_outcome_refuse(&c->result, "message must be one line of "
                                     "UTF-8, at most %d bytes",
                                     OSCP_COMPLIANCE_TEXT_MAX);
    }

    if (!command_name_valid(e->conn)) {
        return worker_outcome_refuse(&c->result, "conn must be the name of a "
                                     "connection");
    }

    if (*e->group != '\0' && !command_name_valid(e->group)) {
        return worker_outcome_refuse(&c->result, "group must be the id of a "
                                     "group");
    }

    return 0;
}


static const struct command_op *
command_op(struct command *c)
{
    for (size_t i = 0; i < COMMAND_OPS; i++) {
        if (strcmp(command_ops[i].name, c->e->op) == 0) {
            return &command_ops[i];
        }
    }

    worker_outcome_refuse(&c->result, "op must be connect, disconnect, "
                          "enable, disable, adjust, compliance, requeue or "
                          "drop");

    return NULL;
}


/* Finds what the command is about.  Returns -1 after a refusal. */
static int
command_target(struct command *c, const struct command_op *op)
{
    const struct worker_entry  *e = c->e;

    /* what is left of a connection that is gone can be dropped all the same */
    if (c->conn == NULL && (op->run != command_dead
                            || strcmp(op->name, COMMAND_REQUEUE) == 0))
    {
        return worker_outcome_refuse(&c->result, "conn must be a configured "
                                     "connection: there is no \"%s\"",
                                     e->conn);
    }

    if (*e->group == '\0' && op->groups == COMMAND_GROUP_MUST) {
        return worker_outcome_refuse(&c->result, "group must be the id of a "
                                     "group: %s is for one", op->name);
    }

    if (*e->group == '\0') {
        return 0;
    }

    if (op->groups == COMMAND_GROUP_NONE) {
        return worker_outcome_refuse(&c->result, "group must be absent: %s is "
                                     "for a whole connection", op->name);
    }

    c->group = worker_connection_group(c->conn, e->group);
    if (c->group == NULL) {
        return worker_outcome_refuse(&c->result, "group must be one of the "
                                     "connection's: %s has no \"%s\"", e->conn,
                                     e->group);
    }

    return 0;
}


static void
command_data(const struct command *c, struct worker_buffer *data)
{
    worker_json_open(data, NULL);
    worker_json_text(data, "op", c->e->op);
    worker_json_text(data, "outcome", command_outcomes[c->outcome]);
    worker_json_text(data, "text", c->result.text);
    worker_json_text(data, "reason", c->e->reason);
    worker_json_text(data, "req", c->result.req);
    worker_json_text(data, "entry", worker_dead_id_valid(c->e->entry)
                                    ? c->e->entry : NULL);
    worker_json_close(data);
}


/*
 * The answer comes before the decisions that follow: a replay of the audit must
 * know what was done to a group to decide as it was decided.
 */
static void
command_event(struct command *c)
{
    struct worker_buffer     data = { .len = 0 };
    struct worker_log_about  about = { .shard = (int) c->ctx->shard };
    struct worker_event      event = { .event = "command", .by = c->by,
                                       .at_ms = worker_clock_wall(),
                                       .cmd = c->e->id, .data = &data };

    /* what is no name does not go where names are read */
    if (!c->e->gone && command_name_valid(c->e->conn)) {
        event.conn = about.conn = c->e->conn;

        if (command_name_valid(c->e->group)) {
            event.group = about.group = c->e->group;
        }
    }

    command_data(c, &data);
    worker_event_write(c->ctx->commit, &event);
    worker_buffer_free(&data);

    worker_log(WORKER_LOG_INFO, &about, "%s by %s: %s: %s", c->e->op, c->by,
               command_outcomes[c->outcome], c->result.text);
}


static void
command_tell(struct command *c, const struct command_op *op,
    const char *unchanged)
{
    const char  *name = c->group ? c->e->group : c->e->conn;

    c->outcome = unchanged ? COMMAND_UNCHANGED : COMMAND_DONE;
    snprintf(c->result.text, sizeof(c->result.text), "%s %s", name,
             unchanged ? unchanged : op->done);
}


/* What was wanted is done, and is not all that stands in the way. */
static void
command_add(struct command *c, const char *text)
{
    size_t  len = strlen(c->result.text);

    snprintf(c->result.text + len, sizeof(c->result.text) - len, "%s", text);
}


static void
command_group(struct command *c, const struct command_op *op)
{
    int          on = op->kind == OSCP_EV_ENABLE;
    const char  *closed;

    if (worker_group_enable(c->group, on)) {
        command_tell(c, op, NULL);

    } else {
        command_tell(c, op, on ? "is enabled already" : "is disabled already");
    }

    if (on && !worker_connection_open(c->conn, &closed)) {
        command_add(c, ", but ");
        command_add(c, closed);
    }

    command_event(c);
    worker_group_decide(c->group);
}


static void
command_connection(struct command *c, const struct command_op *op)
{
    oscp_lifecycle_result_t  result;

    worker_connection_command(c->conn, op->kind, c->by, c->e->id, &result);

    if (op->kind == OSCP_EV_CONNECT && result.after == OSCP_STATE_DISABLED) {
        worker_outcome_refuse(&c->result, "%s is disabled: enable it first",
                              c->e->conn);
        c->outcome = COMMAND_REFUSED;

    } else {
        command_tell(c, op, result.outcome == OSCP_OUTCOME_DONE ? NULL
                                                                : result.why);
    }

    if (op->kind == OSCP_EV_ENABLE && result.after == OSCP_STATE_DISCONNECTED) {
        command_add(c, ", and still disconnected");
    }

    command_event(c);
    worker_connection_decide(c->conn);
}


static void
command_switch(struct command *c, const struct command_op *op)
{
    if (c->group != NULL) {
        command_group(c, op);

    } else {
        command_connection(c, op);
    }
}


/*
 * What the peer is asked for, or told.  While the connection is not online it
 * waits in the outbox; while an operator keeps it from being sent, it is not
 * even begun.
 */
static void
command_ask(struct command *c, const struct command_op *op)
{
    int          rc;
    const char  *closed;

    if (!worker_connection_open(c->conn, &closed)) {
        rc = worker_outcome_refuse(&c->result, "%s", closed);

    } else if (!worker_group_enabled(c->group)) {
        rc = worker_outcome_refuse(&c->result, "the group is disabled");

    } else {
        rc = op->ask(c->group, c->e, c->by, &c->result);
    }

    c->outcome = rc == -1 ? COMMAND_REFUSED : COMMAND_DONE;

    if (rc == 0 && !worker_connection_online(c->conn)) {
        command_add(c, "; the connection is not online, the message waits for "
                    "that");
    }

    command_event(c);
}


/* Whether the dead letter is there will be seen when it is taken. */
static void
command_dead(struct command *c, const struct command_op *op)
{
    struct worker_buffer      done = { .len = 0 }, missing = { .len = 0 };
    struct worker_dead_order  order = { .cmd = c->e->id, .conn = c->e->conn,
                                        .by = c->by, .entry = c->e->entry,
                                        .done = &done, .missing = &missing };
    struct worker_log_about   about = { .shard = (int) c->ctx->shard,
                                        .conn = c->e->conn };

    worker_outcome_refuse(&c->result, "entry must be the id of a dead letter "
                          "of the connection");
    c->outcome = COMMAND_REFUSED;

    if (!worker_dead_id_valid(c->e->entry)) {
        command_event(c);
        return;
    }

    command_data(c, &missing);
    c->outcome = COMMAND_DONE;
    snprintf(c->result.text, sizeof(c->result.text), "dead letter %s %s",
             c->e->entry, op->done);
    command_data(c, &done);

    order.requeue = strcmp(op->name, COMMAND_REQUEUE) == 0;
    worker_dead_carry(c->ctx, &order);
    worker_log(WORKER_LOG_INFO, &about, "%s of dead letter %s by %s", op->name,
               c->e->entry, c->by);
    c->carried = 1;

    worker_buffer_free(&done);
    worker_buffer_free(&missing);
}


void
worker_command_entry(struct worker_context *ctx,
    struct worker_connection *conn, const struct worker_entry *e)
{
    char                      key[OSCP_KEY_SIZE];
    struct command            c = { .ctx = ctx, .conn = conn, .e = e };
    const struct command_op  *op = NULL;

    if (command_check(&c) == 0) {
        op = command_op(&c);
    }

    snprintf(c.by, sizeof(c.by), COMMAND_BY "%s",
             *e->by != '\0' && command_line_valid(e->by, WORKER_COMMAND_BY_MAX)
             ? e->by : "unknown");

    if (op == NULL || command_target(&c, op) == -1) {
        c.outcome = COMMAND_REFUSED;
        command_event(&c);

    } else {
        op->run(&c, op);
    }

    if (c.carried) {
        return;
    }

    worker_commit_count(ctx->commit, WORKER_COUNT_COMMANDS, 1);
    worker_context_key(ctx, key, worker_stream_name(WORKER_STREAM_CMD), NULL,
                       NULL, NULL);
    worker_commit_settle(ctx->commit, key, e->id);
}
