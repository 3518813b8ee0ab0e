/*
 * Members of JSON objects, read with their errors.  Internal to the replay.
 *
 * `object` may be NULL or no object: then every member is absent.  `path` is
 * the object's, "$.new"; errors name the member.
 */

#ifndef OSCP_REPLAY_READ_H
#define OSCP_REPLAY_READ_H

#include <cjson/cJSON.h>

#include "oscp_error.h"
#include "oscp_name.h"
#include "oscp_time.h"

/* The words of an enumeration; NULL behind the last. */
typedef const char *(*oscp_replay_names_t)(int value);

/* Fills `err`: "PATH.NAME: must be WHAT".  Returns OSCP_ERR_SCHEMA. */
oscp_err_t oscp_replay_read_wrong(oscp_error_t *err, const char *path,
    const char *name, const char *what);

/* The text of a member, or "" where there is no such text. */
const char *oscp_replay_read_text(const cJSON *object, const char *name);

/* A name of the house; "" when the member is absent. */
oscp_err_t oscp_replay_read_name(const cJSON *object, const char *path,
    const char *name, char buf[OSCP_NAME_SIZE], oscp_error_t *err);

/*
 * A finite number; when the member is absent `*has` becomes 0, and `*value` is
 * left alone.
 */
oscp_err_t oscp_replay_read_number(const cJSON *object, const char *path,
    const char *name, int *has, double *value, oscp_error_t *err);

/* A moment; OSCP_TIME_NONE when the member is absent. */
oscp_err_t oscp_replay_read_time(const cJSON *object, const char *path,
    const char *name, oscp_ms_t *ms, oscp_error_t *err);

/* One of the words; the member must be there. */
oscp_err_t oscp_replay_read_word(const cJSON *object, const char *path,
    const char *name, oscp_replay_names_t names, int *value,
    oscp_error_t *err);

#endif /* OSCP_REPLAY_READ_H */
