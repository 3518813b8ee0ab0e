/*
 * Writes small JSON objects.
 */

#include <string.h>

#include "json.h"
#include "oscp_number.h"
#include "oscp_write.h"


static void
json_name(struct worker_buffer *b, const char *name)
{
    if (b->len > 0 && b->data[b->len - 1] != '{') {
        worker_buffer_text(b, ",");
    }

    if (name != NULL) {
        worker_buffer_format(b, "\"%s\":", name);
    }
}


void
worker_json_open(struct worker_buffer *b, const char *name)
{
    json_name(b, name);
    worker_buffer_text(b, "{");
}


void
worker_json_close(struct worker_buffer *b)
{
    worker_buffer_text(b, "}");
}


void
worker_json_text(struct worker_buffer *b, const char *name, const char *text)
{
    char    *p;
    size_t   len, size;

    if (text == NULL || *text == '\0') {
        return;
    }

    json_name(b, name);
    worker_buffer_text(b, "\"");

    len = strlen(text);
    size = oscp_write_escape(text, len, NULL, 0) + 1;
    p = worker_buffer_reserve(b, size);
    if (p != NULL) {
        b->len += oscp_write_escape(text, len, p, size);
    }

    worker_buffer_text(b, "\"");
}


void
worker_json_number(struct worker_buffer *b, const char *name, double value)
{
    char  text[OSCP_NUMBER_SIZE];

    oscp_number_format(value, 3, text);
    worker_json_raw(b, name, text, strlen(text));
}


void
worker_json_time(struct worker_buffer *b, const char *name, oscp_ms_t at_ms)
{
    char  text[OSCP_TIME_SIZE];

    if (oscp_time_format(at_ms, text) > 0) {
        worker_json_text(b, name, text);
    }
}


void
worker_json_raw(struct worker_buffer *b, const char *name, const char *json,
    size_t len)
{
    json_name(b, name);
    worker_buffer_add(b, json, len);
}
