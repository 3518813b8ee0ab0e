/*
 * Writes small JSON objects (the `data` of events) into a buffer.  Members
 * follow one another; commas come by themselves.
 */

#ifndef WORKER_JSON_H
#define WORKER_JSON_H

#include "buffer.h"
#include "oscp_time.h"

/* Opens and closes an object; `name` NULL: it is no member, but the whole. */
void worker_json_open(struct worker_buffer *b, const char *name);
void worker_json_close(struct worker_buffer *b);

/*
 * Adds the member `name`.  Text: NULL and "" are left out; UTF-8, escaped.
 * Time: OSCP_TIME_NONE is left out.  Raw: `len` bytes that are JSON already.
 */
void worker_json_text(struct worker_buffer *b, const char *name,
    const char *text);
void worker_json_number(struct worker_buffer *b, const char *name,
    double value);
void worker_json_time(struct worker_buffer *b, const char *name,
    oscp_ms_t at_ms);
void worker_json_raw(struct worker_buffer *b, const char *name,
    const char *json, size_t len);

#endif /* WORKER_JSON_H */
