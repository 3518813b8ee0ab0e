/*
 * dead: messages that the peer refused for good, to be looked at, sent again,
 * or dropped.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oscpctl_json.h"
#include "oscpctl_order.h"
#include "oscpctl_out.h"
#include "oscpctl_stream.h"
#include "oscpctl_table.h"
#include "oscpctl_text.h"


#define DEAD_NONE   "There are no dead letters."


/* One of them; points into what Redis gave. */
struct dead_letter {
    unsigned           shard;
    const char        *id;
    const redisReply  *fields;
};

/* Is shown one after the other; a result other than 0 ends it. */
typedef int dead_visit(void *arg, const struct dead_letter *letter);

/* One that an order is about. */
struct dead_target {
    unsigned                   shard;
    char                       id[WORKER_CTL_STREAM_ID_SIZE];
    char                       conn[OSCP_NAME_SIZE];
};

/* Those that a name is meant for. */
struct dead_search {
    const char                *name;          /* NULL: all */
    struct dead_target        *targets;
    size_t                     n;
    cJSON                     *doc;           /* the first one */
};

/* The list as it grows; one of both. */
struct dead_list {
    const struct worker_ctl   *ctl;
    struct worker_ctl_table   *table;
    cJSON                     *array;
    size_t                     n;
};


static const char *
dead_field(const struct dead_letter *letter, const char *name)
{
    const char  *value = worker_ctl_store_field(letter->fields, name);

    return value != NULL ? value : "";
}


/* All fields; the body as JSON, where it is. */
static cJSON *
dead_json(const struct dead_letter *letter)
{
    cJSON  *object = worker_ctl_json_fields(letter->fields);
    cJSON  *body = cJSON_Parse(dead_field(letter, "body"));

    if (body != NULL) {
        cJSON_ReplaceItemInObjectCaseSensitive(object, "body", body);
    }

    cJSON_AddStringToObject(object, "id", letter->id);
    worker_ctl_json_time(object, "at", strtoll(letter->id, NULL, 10));

    return object;
}


static int
dead_walk_shard(struct worker_ctl *ctl, unsigned shard, dead_visit *visit,
    void *arg)
{
    int                 rc = 0;
    char                key[OSCP_KEY_SIZE], last[WORKER_CTL_STREAM_ID_SIZE];
    size_t              n;
    redisReply         *reply;
    struct dead_letter  letter = { .shard = shard };

    oscp_key(key, sizeof(key), ctl->prefix, shard, "dead", NULL);
    last[0] = '\0';

    do {
        reply = worker_ctl_stream_read(ctl->store, key, last,
                                       WORKER_CTL_STREAM_PIECE);
        if (reply == NULL) {
            return -1;
        }

        n = reply->elements;
        for (size_t i = 0; i < n && rc == 0; i++) {
            if (worker_ctl_stream_entry(reply->element[i], &letter.id,
                                        &letter.fields)
                == 0)
            {
                rc = visit(arg, &letter);
                snprintf(last, sizeof(last), "%s", letter.id);
            }
        }

        freeReplyObject(reply);
    } while (rc == 0 && n == WORKER_CTL_STREAM_PIECE);

    return rc;
}


/* All of them, shard by shard, oldest first. */
static int
dead_walk(struct worker_ctl *ctl, dead_visit *visit, void *arg)
{
    int  rc = 0;

    for (unsigned s = 0; s < ctl->catalog->shards && rc == 0; s++) {
        rc = dead_walk_shard(ctl, s, visit, arg);
    }

    return rc;
}


static int
dead_visit_list(void *arg, const struct dead_letter *letter)
{
    char               at[WORKER_CTL_TEXT_SIZE];
    struct dead_list  *list = arg;

    list->n++;

    if (list->array != NULL) {
        cJSON_AddItemToArray(list->array, dead_json(letter));
        return 0;
    }

    worker_ctl_table_cell(list->table, WORKER_CTL_PLAIN, letter->id);
    worker_ctl_table_cell(list->table, WORKER_CTL_PLAIN,
                          worker_ctl_text_time(strtoll(letter->id, NULL, 10),
                                               list->ctl->now_ms, at));
    worker_ctl_table_cell(list->table, WORKER_CTL_PLAIN,
                          dead_field(letter, "conn"));
    worker_ctl_table_cell(list->table, WORKER_CTL_PLAIN,
                          dead_field(letter, "group"));
    worker_ctl_table_cell(list->table, WORKER_CTL_PLAIN,
                          dead_field(letter, "msg"));
    worker_ctl_table_cell(list->table, WORKER_CTL_PLAIN,
                          dead_field(letter, "reason"));

    return 0;
}


static int
dead_run_list(struct worker_ctl *ctl)
{
    int               rc;
    struct dead_list  list = { .ctl = ctl };

    static const char *const  heads[] = {
        "ID", "SINCE", "CONNECTION", "GROUP", "MESSAGE", "REASON", NULL
    };

    if (ctl->options->json) {
        list.array = cJSON_CreateArray();
        rc = dead_walk(ctl, dead_visit_list, &list);
        if (rc == 0) {
            rc = worker_ctl_out_json(list.array);

        } else {
            cJSON_Delete(list.array);
        }

        return rc;
    }

    list.table = worker_ctl_table_create(heads);
    rc = list.table != NULL ? dead_walk(ctl, dead_visit_list, &list) : 0;

    if (worker_ctl_table_print(list.table) == -1) {
        return -1;
    }

    if (rc == 0 && list.n == 0) {
        worker_ctl_out_line(WORKER_CTL_GREEN, 0, DEAD_NONE);
    }

    return rc;
}


static int
dead_visit_search(void *arg, const struct dead_letter *letter)
{
    void                *list;
    struct dead_search  *s = arg;
    struct dead_target  *t;

    if (s->name != NULL && strcmp(letter->id, s->name) != 0
        && strcmp(dead_field(letter, "req"), s->name) != 0)
    {
        return 0;
    }

    list = realloc(s->targets, (s->n + 1) * sizeof(*s->targets));
    if (list == NULL) {
        worker_ctl_out_error("no memory");
        return -1;
    }

    s->targets = list;
    t = &s->targets[s->n++];
    t->shard = letter->shard;
    snprintf(t->id, sizeof(t->id), "%s", letter->id);
    snprintf(t->conn, sizeof(t->conn), "%s", dead_field(letter, "conn"));

    if (s->doc == NULL) {
        s->doc = dead_json(letter);
    }

    return 0;
}


static void
dead_search_free(struct dead_search *s)
{
    cJSON_Delete(s->doc);
    free(s->targets);
}


/*
 * By its id, or by its message's; or all of them.  Returns 0, or -1 (told);
 * free it all the same.
 */
static int
dead_find(struct worker_ctl *ctl, struct dead_search *s, int all)
{
    memset(s, 0, sizeof(*s));
    s->name = all ? NULL : ctl->options->argv[1];

    if (dead_walk(ctl, dead_visit_search, s) == -1) {
        return -1;
    }

    if (s->n == 1 || all) {
        return 0;
    }

    worker_ctl_out_error(s->n == 0 ? "there is no dead letter \"%s\"; oscpctl "
                         "dead shows all" : "there are several dead letters "
                         "\"%s\": name the one by its id, or by its message's",
                         s->name);

    return -1;
}


static void
dead_print(const struct worker_ctl *ctl, const cJSON *doc)
{
    char         at[WORKER_CTL_TEXT_SIZE];
    char        *text;
    oscp_ms_t    ms;
    const char  *value;
    const cJSON *item, *body = NULL;

    cJSON_ArrayForEach(item, doc) {
        if (strcmp(item->string, "body") == 0) {
            body = item;
            continue;
        }

        value = cJSON_GetStringValue(item);
        value = value != NULL ? value : "";
        ms = worker_ctl_text_stored(value);
        worker_ctl_out_pair(0, 8, item->string, "%s", ms == OSCP_TIME_NONE
                            ? value
                            : worker_ctl_text_time(ms, ctl->now_ms, at));
    }

    text = body != NULL ? cJSON_PrintUnformatted(body) : NULL;
    if (text != NULL) {
        worker_ctl_out_pair(0, 8, "body", "%s", text);
    }
    cJSON_free(text);
}


static int
dead_run_show(struct worker_ctl *ctl)
{
    int                 rc;
    struct dead_search  s;

    rc = dead_find(ctl, &s, 0);

    if (rc == 0 && ctl->options->json) {
        rc = worker_ctl_out_json(s.doc);
        s.doc = NULL;

    } else if (rc == 0) {
        dead_print(ctl, s.doc);
    }

    dead_search_free(&s);

    return rc;
}


static int
dead_order(struct worker_ctl *ctl, const struct dead_target *t)
{
    struct worker_ctl_order_field  entry = { "entry", t->id };
    struct worker_ctl_order        order = { .op = ctl->options->argv[0],
                                             .shard = t->shard,
                                             .conn = t->conn,
                                             .fields = &entry, .nfields = 1 };

    return worker_ctl_order_carry(ctl, &order) == WORKER_CTL_EXIT_DONE ? 0 : -1;
}


/*
 * requeue and drop are the worker's to do: one after the other, in their order,
 * until one fails.
 */
static int
dead_run_order(struct worker_ctl *ctl)
{
    int                 rc, all = strcmp(ctl->options->argv[1], "all") == 0;
    struct dead_search  s;

    rc = dead_find(ctl, &s, all);

    if (rc == 0 && s.n == 0 && !ctl->options->json) {
        worker_ctl_out_line(WORKER_CTL_GREEN, 0, DEAD_NONE);
    }

    for (size_t i = 0; i < s.n && rc == 0; i++) {
        rc = dead_order(ctl, &s.targets[i]);
    }

    dead_search_free(&s);

    return rc;
}


static const struct {
    const char  *name;
    int          arguments;
    int        (*run)(struct worker_ctl *ctl);
} dead_verbs[] = {
    { "list", 1, dead_run_list },
    { "show", 2, dead_run_show },
    { "requeue", 2, dead_run_order },
    { "drop", 2, dead_run_order },
};


int
worker_ctl_dead_run(struct worker_ctl *ctl)
{
    const struct worker_ctl_options  *o = ctl->options;
    const char                       *verb = o->argc > 0 ? o->argv[0] : "list";

    for (size_t i = 0; i < sizeof(dead_verbs) / sizeof(*dead_verbs); i++) {
        if (strcmp(verb, dead_verbs[i].name) == 0
            && (o->argc == 0 || o->argc == dead_verbs[i].arguments))
        {
            return dead_verbs[i].run(ctl) == 0 ? WORKER_CTL_EXIT_DONE
                                               : WORKER_CTL_EXIT_FAILED;
        }
    }

    worker_ctl_out_error("usage: oscpctl dead %s; see oscpctl --help",
                         o->command->arguments);

    return WORKER_CTL_EXIT_USAGE;
}
