/*
 * Every member of every message: left out, of another type, misspelt.  The
 * documents are mutated through a tree, so that none is forgotten.
 */

#include "reading.h"

#include <cjson/cJSON.h>

#define PATH_SIZE   400
#define DEPTH_MAX   8

static oscp_message_kind_t  kind;
static cJSON               *root;          /* never changed: copies are */

/* The way from the root to an object: which child, then which of its. */
static int  way[DEPTH_MAX];
static int  way_len;


/* Members that may be absent, but for `dialect strict`. */
static int
is_optional(const char *name)
{
    static const char *const  names[] = {
        "required_behaviour", "heartbeat_interval",
        "measurement_configuration", "offline_mode_at", "energy_type",
        "initial_measure_time", "energy_measurement",
        "instantaneous_measurement"
    };
    size_t  i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], name) == 0) {
            return 1;
        }
    }

    return kind == OSCP_GROUP_CAPACITY_COMPLIANCE_ERROR
           && strcmp(name, "forecasted_blocks") == 0;
}


/*
 * Reads the document with the member `name` of the object at the end of the
 * way replaced by `json`, or left out where that is NULL.
 */
static oscp_err_t
read_changed(const char *name, const char *json)
{
    int          i;
    char        *text;
    cJSON       *copy, *object;
    oscp_err_t   rc;

    copy = cJSON_Duplicate(root, 1);
    object = copy;

    for (i = 0; i < way_len; i++) {
        object = cJSON_GetArrayItem(object, way[i]);
    }

    if (json == NULL) {
        cJSON_DeleteItemFromObjectCaseSensitive(object, name);

    } else {
        cJSON_ReplaceItemInObjectCaseSensitive(object, name,
                                               cJSON_CreateRaw(json));
    }

    text = cJSON_PrintUnformatted(copy);
    rc = reading_bytes(kind, text, strlen(text));

    free(text);
    cJSON_Delete(copy);

    return rc;
}


static void
test_missing(const char *name, const char *path)
{
    oscp_err_t  rc = read_changed(name, NULL);

    if (is_optional(name)) {
        ok(rc == OSCP_OK, "%s: %s is optional", oscp_message_name(kind), path);
        return;
    }

    ok(rc == OSCP_ERR_SCHEMA && strcmp(reading.err.path, path) == 0
       && strcmp(reading.err.text, "is required") == 0,
       "%s: %s is required", oscp_message_name(kind), path);
}


/* Free strings have no spelling to miss. */
static int
is_free(const char *name)
{
    static const char *const  names[] = {
        "group_id", "asset_id", "message", "token", "version", "base_url"
    };
    size_t  i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], name) == 0) {
            return 1;
        }
    }

    return 0;
}


/* The first byte of a value of this type, as in the list below. */
static char
type_of(const cJSON *value)
{
    return cJSON_IsString(value) ? '"' : cJSON_IsArray(value) ? '['
           : cJSON_IsObject(value) ? '{' : '1';
}


static void
test_wrong(const cJSON *member, const char *path)
{
    char        type = type_of(member);
    size_t      i;
    oscp_err_t  rc;
    static const char *const  values[] = {
        "null", "true", "false", "17", "1e999", "\"17x\"", "\"\"",
        "\"all\"", "\"2026-11-23T00:00:00\"", "[]", "{}"
    };

    for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {

        /* a value of the right type, which may be a good one */
        if (type == values[i][0]
            && (type != '"' || is_free(member->string))
            && strcmp(values[i], "1e999") != 0)
        {
            continue;
        }

        rc = read_changed(member->string, values[i]);

        if (!ok(rc != OSCP_OK && strcmp(reading.err.path, path) == 0
                && strncmp(reading.err.text, "must be", 7) == 0
                && strstr(reading.err.text, "17") == NULL,
                "%s: %s is not %s", oscp_message_name(kind), path, values[i]))
        {
            printf("#   %d %s: %s\n", rc, reading.err.path, reading.err.text);
        }
    }
}


/* All members of the value at the end of the way, and below. */
static void
test_value(const cJSON *value, const char *path)
{
    char          inner[PATH_SIZE];
    const cJSON  *child;

    if (!cJSON_IsArray(value) && !cJSON_IsObject(value)) {
        return;
    }

    way[way_len++] = 0;

    cJSON_ArrayForEach(child, value) {

        if (cJSON_IsArray(value)) {
            snprintf(inner, sizeof(inner), "%.300s[%d]", path,
                     way[way_len - 1]);

        } else {
            snprintf(inner, sizeof(inner), "%.300s.%.60s", path,
                     child->string);

            way_len--;
            test_missing(child->string, inner);
            test_wrong(child, inner);
            way_len++;
        }

        test_value(child, inner);
        way[way_len - 1]++;
    }

    way_len--;
}


static void
test_root(void)
{
    size_t  i;
    static const char *const  values[] = {
        "null", "true", "17", "\"x\"", "[]", "[{}]"
    };

    for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        refused(kind, values[i], OSCP_ERR_SCHEMA, "$", "must be an object");
    }
}


int
main(void)
{
    int  k;

    for (k = 0; k < OSCP_MESSAGE_COUNT; k++) {
        kind = (oscp_message_kind_t) k;
        root = cJSON_Parse(reading_samples[k]);

        accepted(kind, reading_samples[k], oscp_message_name(kind));
        test_root();
        test_value(root, "$");

        cJSON_Delete(root);
    }

    return reading_done();
}
