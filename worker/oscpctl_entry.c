/*
 * One entry of the audit, as people and as programs read it.
 */

#include <string.h>

#include "buffer.h"
#include "oscp_number.h"
#include "oscpctl_entry.h"
#include "oscpctl_json.h"
#include "oscpctl_out.h"
#include "oscpctl_stream.h"
#include "oscpctl_text.h"


/*
 * A member's value in few words: numbers and words as they are, lists counted.
 */
static void
entry_value(struct worker_buffer *b, const cJSON *item)
{
    char  number[OSCP_NUMBER_SIZE];

    if (cJSON_IsString(item)) {
        worker_buffer_text(b, item->valuestring);

    } else if (cJSON_IsNumber(item)) {
        oscp_number_format(item->valuedouble, 3, number);
        worker_buffer_text(b, number);

    } else if (cJSON_IsBool(item)) {
        worker_buffer_text(b, cJSON_IsTrue(item) ? "true" : "false");

    } else if (cJSON_IsArray(item)) {
        worker_buffer_format(b, "[%d in all]", cJSON_GetArraySize(item));

    } else {
        worker_buffer_text(b, "null");
    }
}


/* One level of objects is told; what lies deeper is for programs. */
static void
entry_members(struct worker_buffer *b, const cJSON *object, const char *within,
    int deep)
{
    const cJSON  *item;

    cJSON_ArrayForEach(item, object) {
        const char  *name = item->string ? item->string : "";

        if (cJSON_IsObject(item)) {
            if (deep) {
                entry_members(b, item, name, 0);
            }
            continue;
        }

        worker_buffer_format(b, " %s%s%s=", within, *within ? "." : "", name);
        entry_value(b, item);
    }
}


static const char *
entry_field(const redisReply *fields, const char *name)
{
    const char  *value = worker_ctl_store_field(fields, name);

    return value != NULL ? value : "";
}


static void
entry_text(const redisReply *fields, oscp_ms_t today_ms)
{
    char                   at[WORKER_CTL_TEXT_SIZE];
    cJSON                 *data;
    oscp_ms_t              ms;
    const char            *json = entry_field(fields, "data");
    const char            *group = entry_field(fields, "group");
    struct worker_buffer   b = { .len = 0 };

    ms = worker_ctl_text_stored(entry_field(fields, "at"));
    data = cJSON_Parse(json);

    if (cJSON_IsObject(data)) {
        /* a decision's two directions repeat what leads it */
        entry_members(&b, data, "",
                      strcmp(entry_field(fields, "event"), "envelope") != 0);

    } else if (*json != '\0') {
        worker_buffer_format(&b, " %s", json);
    }

    worker_ctl_out_line(WORKER_CTL_PLAIN, 0, "%s  %s%s%s  %s  by %s%s%s %s",
                        worker_ctl_text_precise(ms, today_ms, at),
                        entry_field(fields, "conn"), *group ? "/" : "", group,
                        entry_field(fields, "event"),
                        entry_field(fields, "by"),
                        *entry_field(fields, "cmd") ? " cmd=" : "",
                        entry_field(fields, "cmd"), b.data ? b.data : "");

    worker_buffer_free(&b);
    cJSON_Delete(data);
}


int
worker_ctl_entry_print(const struct worker_ctl *ctl, const redisReply *entry)
{
    cJSON             *doc;
    const char        *id;
    const redisReply  *fields;

    if (worker_ctl_stream_entry(entry, &id, &fields) == -1) {
        return 0;
    }

    if (!ctl->options->json) {
        entry_text(fields, ctl->now_ms);
        return worker_ctl_out_broken() ? -1 : 0;
    }

    doc = worker_ctl_json_fields(fields);
    cJSON_AddStringToObject(doc, "id", id);

    return worker_ctl_out_json(doc) == -1 || worker_ctl_out_broken() ? -1 : 0;
}
