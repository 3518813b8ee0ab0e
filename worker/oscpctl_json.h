/*
 * Parts of JSON documents that come from Redis.
 */

#ifndef WORKER_OSCPCTL_JSON_H
#define WORKER_OSCPCTL_JSON_H

#include <cjson/cJSON.h>
#include <hiredis/hiredis.h>

#include "oscp_time.h"

/*
 * An object of the fields that HGETALL or a stream entry gave.  What is a
 * number there (`*_w`) is a number here, and `blocks` and `data` are JSON; all
 * else is text.
 */
cJSON *worker_ctl_json_fields(const redisReply *fields);

/* Adds a moment in Redis' form; none for OSCP_TIME_NONE. */
void worker_ctl_json_time(cJSON *object, const char *name, oscp_ms_t ms);

/* Adds a text; none for NULL and "". */
void worker_ctl_json_text(cJSON *object, const char *name, const char *text);

#endif /* WORKER_OSCPCTL_JSON_H */
