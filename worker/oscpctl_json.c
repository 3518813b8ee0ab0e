/*
 * Parts of JSON documents that come from Redis.
 */

#include <string.h>

#include "oscp_number.h"
#include "oscpctl_json.h"


static int
json_is_watts(const char *name)
{
    size_t  len = strlen(name);

    return len > 2 && strcmp(name + len - 2, "_w") == 0;
}


static cJSON *
json_value(const char *name, const redisReply *value)
{
    cJSON   *parsed;
    double   number;

    if (strcmp(name, "data") == 0 || strcmp(name, "blocks") == 0) {
        parsed = cJSON_Parse(value->str);
        if (parsed != NULL) {
            return parsed;
        }
    }

    if (json_is_watts(name)
        && oscp_number_parse(value->str, value->len, &number) == 0)
    {
        return cJSON_CreateNumber(number);
    }

    return cJSON_CreateString(value->str);
}


cJSON *
worker_ctl_json_fields(const redisReply *fields)
{
    cJSON             *object = cJSON_CreateObject();
    const redisReply  *name, *value;

    for (size_t i = 0; i + 1 < fields->elements; i += 2) {
        name = fields->element[i];
        value = fields->element[i + 1];

        if (name->type == REDIS_REPLY_STRING
            && value->type == REDIS_REPLY_STRING)
        {
            cJSON_AddItemToObject(object, name->str,
                                  json_value(name->str, value));
        }
    }

    return object;
}


void
worker_ctl_json_time(cJSON *object, const char *name, oscp_ms_t ms)
{
    char  text[OSCP_TIME_SIZE];

    if (oscp_time_format(ms, text) > 0) {
        cJSON_AddStringToObject(object, name, text);
    }
}


void
worker_ctl_json_text(cJSON *object, const char *name, const char *text)
{
    if (text != NULL && *text != '\0') {
        cJSON_AddStringToObject(object, name, text);
    }
}
