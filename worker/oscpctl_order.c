/*
 * Orders, and those that need no more than names: connect, disconnect, enable,
 * disable.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "oscpctl_order.h"
#include "oscpctl_out.h"
#include "oscpctl_stream.h"
#include "oscpctl_text.h"


#define ORDER_TEXT_SIZE   512

/* What became of it. */
struct order_outcome {
    char  id[WORKER_CTL_STREAM_ID_SIZE];      /* of the command */
    char  outcome[32];                        /* "" while none is known */
    char  text[ORDER_TEXT_SIZE];
    char  req[OSCP_ID_SIZE];                  /* of a message that it made */
};


/* A name nobody knows is most often mistyped: say what there is. */
const struct worker_ctl_connection *
worker_ctl_order_target(const struct worker_ctl *ctl, const char *conn,
    const char *group)
{
    const struct worker_ctl_connection  *c;

    c = worker_ctl_catalog_connection(ctl->catalog, conn);

    if (c == NULL) {
        worker_ctl_out_error("there is no connection \"%s\"; oscpctl status "
                             "shows all", conn);
        return NULL;
    }

    if (group != NULL
        && oscp_config_group(c->conf, group, strlen(group)) == NULL)
    {
        worker_ctl_out_error("connection %s has no group \"%s\"; oscpctl show "
                             "%s shows all", conn, group, conn);
        return NULL;
    }

    return c;
}


static int
order_send(struct worker_ctl *ctl, const struct worker_ctl_order *order,
    struct order_outcome *result)
{
    int                               argc = 0;
    char                              key[OSCP_KEY_SIZE];
    redisReply                       *reply;
    const char                       *argv[14
                                           + 2 * WORKER_CTL_ORDER_FIELDS_MAX];
    const struct worker_ctl_options  *o = ctl->options;

    oscp_key(key, sizeof(key), ctl->prefix, order->shard, "cmd", NULL);

    argv[argc++] = "XADD";
    argv[argc++] = key;
    argv[argc++] = "*";
    argv[argc++] = "op";
    argv[argc++] = order->op;
    argv[argc++] = "conn";
    argv[argc++] = order->conn;

    if (order->group != NULL) {
        argv[argc++] = "group";
        argv[argc++] = order->group;
    }

    for (size_t i = 0; i < order->nfields && i < WORKER_CTL_ORDER_FIELDS_MAX;
         i++)
    {
        argv[argc++] = order->fields[i].name;
        argv[argc++] = order->fields[i].value;
    }

    argv[argc++] = "by";
    argv[argc++] = o->by;

    if (*o->reason != '\0') {
        argv[argc++] = "reason";
        argv[argc++] = o->reason;
    }

    reply = worker_ctl_store_command(ctl->store, argc, argv);
    if (reply == NULL) {
        return -1;
    }

    snprintf(result->id, sizeof(result->id), "%s",
             reply->type == REDIS_REPLY_STRING ? reply->str : "");
    freeReplyObject(reply);

    return 0;
}


/* 1 when the event answers the command. */
static int
order_answer(const redisReply *fields, struct order_outcome *result)
{
    cJSON        *data;
    const char   *event = worker_ctl_store_field(fields, "event");
    const char   *cmd = worker_ctl_store_field(fields, "cmd");
    const char   *json = worker_ctl_store_field(fields, "data");
    const cJSON  *item;

    if (event == NULL || cmd == NULL || strcmp(event, "command") != 0
        || strcmp(cmd, result->id) != 0)
    {
        return 0;
    }

    data = cJSON_Parse(json ? json : "{}");

    item = cJSON_GetObjectItemCaseSensitive(data, "outcome");
    snprintf(result->outcome, sizeof(result->outcome), "%s",
             cJSON_IsString(item) ? item->valuestring : "unknown");

    item = cJSON_GetObjectItemCaseSensitive(data, "text");
    snprintf(result->text, sizeof(result->text), "%s",
             cJSON_IsString(item) ? item->valuestring : "");

    item = cJSON_GetObjectItemCaseSensitive(data, "req");
    snprintf(result->req, sizeof(result->req), "%s",
             cJSON_IsString(item) ? item->valuestring : "");

    cJSON_Delete(data);

    return 1;
}


/* Goes through what XREAD gave; 1 when the answer was there. */
static int
order_look(const redisReply *streams, struct order_outcome *result,
    char last[WORKER_CTL_STREAM_ID_SIZE])
{
    const char        *id;
    const redisReply  *entries, *fields;

    if (streams->type != REDIS_REPLY_ARRAY || streams->elements < 1
        || streams->element[0]->elements < 2)
    {
        return 0;
    }

    entries = streams->element[0]->element[1];

    for (size_t i = 0; i < entries->elements; i++) {
        if (worker_ctl_stream_entry(entries->element[i], &id, &fields) == -1) {
            continue;
        }

        snprintf(last, WORKER_CTL_STREAM_ID_SIZE, "%s", id);
        if (order_answer(fields, result)) {
            return 1;
        }
    }

    return 0;
}


static int
order_wait(struct worker_ctl *ctl, const char *events,
    char last[WORKER_CTL_STREAM_ID_SIZE], int64_t end,
    struct order_outcome *result)
{
    int          found = 0;
    char         keys[1][OSCP_KEY_SIZE], ids[1][WORKER_CTL_STREAM_ID_SIZE];
    int64_t      left;
    redisReply  *reply;

    snprintf(keys[0], sizeof(keys[0]), "%s", events);

    while (!found && (left = end - worker_clock_boot()) > 0) {
        memcpy(ids[0], last, sizeof(ids[0]));

        reply = worker_ctl_stream_wait(ctl->store, keys, ids, 1, left);
        if (reply == NULL) {
            return -1;
        }

        found = order_look(reply, result, last);
        freeReplyObject(reply);
    }

    return 0;
}


/*
 * No answer in time.  The order stays: taking back control must not depend on
 * whether a worker runs at this very moment.
 */
static void
order_pending(struct worker_ctl *ctl, unsigned shard,
    struct order_outcome *result)
{
    char         key[OSCP_KEY_SIZE], span[WORKER_CTL_TEXT_SIZE];
    redisReply  *reply;
    const char  *argv[] = { "GET", key }, *why;

    oscp_key(key, sizeof(key), ctl->prefix, shard, "lease", NULL);
    reply = worker_ctl_store_command(ctl->store, 2, argv);
    why = reply == NULL ? "" : reply->type == REDIS_REPLY_STRING
          ? "; the worker is slow" : "; no worker is alive for this connection";

    snprintf(result->outcome, sizeof(result->outcome), "pending");
    snprintf(result->text, sizeof(result->text),
             "no outcome within %s%s.  The order %s stays and is carried out "
             "as soon as a worker can: look with oscpctl events",
             worker_ctl_text_span(ctl->options->timeout_ms, span), why,
             result->id);

    freeReplyObject(reply);
}


static int
order_print(const struct worker_ctl *ctl, const struct worker_ctl_order *order,
    const struct order_outcome *result)
{
    int     good;
    cJSON  *doc;

    good = strcmp(result->outcome, "done") == 0
           || strcmp(result->outcome, "unchanged") == 0;

    if (ctl->options->json) {
        doc = cJSON_CreateObject();
        cJSON_AddStringToObject(doc, "cmd", result->id);
        cJSON_AddStringToObject(doc, "op", order->op);
        cJSON_AddStringToObject(doc, "conn", order->conn);
        if (order->group != NULL) {
            cJSON_AddStringToObject(doc, "group", order->group);
        }
        for (size_t i = 0; i < order->nfields; i++) {
            cJSON_AddStringToObject(doc, order->fields[i].name,
                                    order->fields[i].value);
        }
        cJSON_AddStringToObject(doc, "by", ctl->options->by);
        cJSON_AddStringToObject(doc, "outcome", result->outcome);
        cJSON_AddStringToObject(doc, "text", result->text);
        if (result->req[0] != '\0') {
            cJSON_AddStringToObject(doc, "req", result->req);
        }
        if (worker_ctl_out_json(doc) == -1) {
            return WORKER_CTL_EXIT_FAILED;
        }

    } else if (good) {
        worker_ctl_out_line(WORKER_CTL_PLAIN, 0, "%s: %s%s%s", order->conn,
                            result->outcome, *result->text ? ": " : "",
                            result->text);

    } else {
        worker_ctl_out_error("%s %s: %s%s%s", order->op, order->conn,
                             result->outcome, *result->text ? ": " : "",
                             result->text);
    }

    return good ? WORKER_CTL_EXIT_DONE : WORKER_CTL_EXIT_FAILED;
}


int
worker_ctl_order_carry(struct worker_ctl *ctl,
    const struct worker_ctl_order *order)
{
    char                  events[OSCP_KEY_SIZE];
    char                  last[WORKER_CTL_STREAM_ID_SIZE];
    int64_t               end;
    struct order_outcome  result = { .outcome = "" };

    /* of several orders each has all the time */
    end = worker_clock_boot() + ctl->options->timeout_ms;
    worker_ctl_store_end(ctl->store, end);

    oscp_key(events, sizeof(events), ctl->prefix, order->shard, "events",
             NULL);

    if (worker_ctl_stream_last(ctl->store, events, last) == -1
        || order_send(ctl, order, &result) == -1)
    {
        return WORKER_CTL_EXIT_FAILED;
    }

    if (order_wait(ctl, events, last, end, &result) == -1) {
        worker_ctl_out_error("the order %s was sent; what became of it is not "
                             "known: look with oscpctl events", result.id);
        return WORKER_CTL_EXIT_FAILED;
    }

    if (result.outcome[0] == '\0') {
        order_pending(ctl, order->shard, &result);
    }

    return order_print(ctl, order, &result);
}


int
worker_ctl_order_run(struct worker_ctl *ctl)
{
    const struct worker_ctl_options     *o = ctl->options;
    const struct worker_ctl_connection  *c;
    struct worker_ctl_order              order = { .op = o->command->name,
                                                   .conn = o->argv[0] };

    order.group = o->argc > 1 ? o->argv[1] : NULL;

    c = worker_ctl_order_target(ctl, order.conn, order.group);
    if (c == NULL) {
        return WORKER_CTL_EXIT_FAILED;
    }

    order.shard = c->shard;

    return worker_ctl_order_carry(ctl, &order);
}
