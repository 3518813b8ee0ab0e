/*
 * Members of JSON objects, read with their errors.
 */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "oscp_replay_read.h"


const char *
oscp_replay_read_text(const cJSON *object, const char *name)
{
    const cJSON  *item = cJSON_GetObjectItemCaseSensitive(object, name);

    return cJSON_IsString(item) ? item->valuestring : "";
}


oscp_err_t
oscp_replay_read_wrong(oscp_error_t *err, const char *path, const char *name,
    const char *what)
{
    int   n;
    char  full[OSCP_ERROR_PATH_LEN];

    n = snprintf(full, sizeof(full), "%s.%s", path, name);
    if (n < 0 || n >= (int) sizeof(full)) {
        full[0] = '\0';
    }

    return oscp_error_set(err, OSCP_ERR_SCHEMA, full, "must be %s", what);
}


oscp_err_t
oscp_replay_read_name(const cJSON *object, const char *path, const char *name,
    char buf[OSCP_NAME_SIZE], oscp_error_t *err)
{
    const char  *text = oscp_replay_read_text(object, name);

    if (strlen(text) > OSCP_NAME_MAX) {
        return oscp_replay_read_wrong(err, path, name, "at most 64 bytes");
    }

    snprintf(buf, OSCP_NAME_SIZE, "%s", text);

    return OSCP_OK;
}


oscp_err_t
oscp_replay_read_number(const cJSON *object, const char *path, const char *name,
    int *has, double *value, oscp_error_t *err)
{
    const cJSON  *item = cJSON_GetObjectItemCaseSensitive(object, name);

    *has = item != NULL;

    if (item == NULL) {
        return OSCP_OK;
    }

    if (!cJSON_IsNumber(item) || !isfinite(item->valuedouble)) {
        return oscp_replay_read_wrong(err, path, name, "a finite number");
    }

    *value = item->valuedouble;

    return OSCP_OK;
}


oscp_err_t
oscp_replay_read_time(const cJSON *object, const char *path, const char *name,
    oscp_ms_t *ms, oscp_error_t *err)
{
    const char  *text = oscp_replay_read_text(object, name);

    *ms = OSCP_TIME_NONE;

    if (*text != '\0' && oscp_time_parse(text, strlen(text), ms) == -1) {
        return oscp_replay_read_wrong(err, path, name, "an RFC 3339 date-time");
    }

    return OSCP_OK;
}


oscp_err_t
oscp_replay_read_word(const cJSON *object, const char *path, const char *name,
    oscp_replay_names_t names, int *value, oscp_error_t *err)
{
    const char  *text = oscp_replay_read_text(object, name);

    for (*value = 0; names(*value) != NULL; (*value)++) {
        if (strcmp(names(*value), text) == 0) {
            return OSCP_OK;
        }
    }

    return oscp_replay_read_wrong(err, path, name, "a known word");
}
