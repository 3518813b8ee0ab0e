/*
 * A configuration from JSON: parsed by cJSON, copied into one allocation,
 * checked.  Off the hot path: a document is read when it has changed.
 */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "oscp_config.h"
#include "oscp_config_table.h"
#include "oscp_json_check.h"

#define CONFIG_WHOLE_MAX   9007199254740992.0     /* 2^53: exact up to here */
#define CONFIG_PATH_SIZE   64

/* What the functions below share. */
typedef struct {
    char           *strings;         /* room for the next string: the document
                                        is longer than all of them together */
    const cJSON    *headers;         /* NULL: the document has none */
    const cJSON    *groups;
    oscp_error_t   *err;
} oscp_config_reader_t;


/* Where `item` is: PATH.NAME, and the error that it must be `what`. */
static oscp_err_t
oscp_config_wrong(oscp_config_reader_t *r, oscp_err_t code, const char *path,
    const char *name, const char *what)
{
    char  full[OSCP_ERROR_PATH_LEN];

    snprintf(full, sizeof(full), "%s.%s", path, name);

    return oscp_error_set(r->err, code, full, "%s", what);
}


static char *
oscp_config_copy(oscp_config_reader_t *r, const char *text)
{
    char    *copy = r->strings;
    size_t   size = strlen(text) + 1;

    memcpy(copy, text, size);
    r->strings += size;

    return copy;
}


static oscp_err_t
oscp_config_whole(oscp_config_reader_t *r, const cJSON *item, const char *path,
    int64_t *value)
{
    if (!cJSON_IsNumber(item)) {
        return oscp_config_wrong(r, OSCP_ERR_SCHEMA, path, item->string,
                                 "must be a number");
    }

    if (!(fabs(item->valuedouble) <= CONFIG_WHOLE_MAX)
        || item->valuedouble != floor(item->valuedouble))
    {
        return oscp_config_wrong(r, OSCP_ERR_SEMANTIC, path, item->string,
                                 "must be a whole number");
    }

    *value = (int64_t) item->valuedouble;

    return OSCP_OK;
}


static oscp_err_t
oscp_config_number(oscp_config_reader_t *r, const cJSON *item,
    const char *path, double *value)
{
    if (!cJSON_IsNumber(item)) {
        return oscp_config_wrong(r, OSCP_ERR_SCHEMA, path, item->string,
                                 "must be a number");
    }

    if (!isfinite(item->valuedouble)) {
        return oscp_config_wrong(r, OSCP_ERR_SEMANTIC, path, item->string,
                                 "must be a finite number");
    }

    *value = item->valuedouble;

    return OSCP_OK;
}


static oscp_err_t
oscp_config_string(oscp_config_reader_t *r, const cJSON *item,
    const char *path, const char **value)
{
    if (!cJSON_IsString(item)) {
        return oscp_config_wrong(r, OSCP_ERR_SCHEMA, path, item->string,
                                 "must be a string");
    }

    *value = oscp_config_copy(r, item->valuestring);

    return OSCP_OK;
}


/* Members that are absent leave the record as it is. */
static oscp_err_t
oscp_config_fields(oscp_config_reader_t *r, const cJSON *object,
    const char *path, const oscp_config_field_t *field, void *record)
{
    void         *member;
    oscp_err_t    rc = OSCP_OK;
    const cJSON  *item;

    for ( /* void */ ; field->name && rc == OSCP_OK; field++) {
        item = cJSON_GetObjectItemCaseSensitive(object, field->name);
        if (item == NULL) {
            continue;
        }

        member = (char *) record + field->offset;

        switch (field->kind) {
        case OSCP_CONFIG_STRING:
            rc = oscp_config_string(r, item, path, member);
            break;
        case OSCP_CONFIG_MS:
            rc = oscp_config_whole(r, item, path, member);
            break;
        case OSCP_CONFIG_NUMBER:
            rc = oscp_config_number(r, item, path, member);
            break;
        }
    }

    return rc;
}


/* A boolean member, or `*value` as it was when there is none. */
static oscp_err_t
oscp_config_bool(oscp_config_reader_t *r, const cJSON *object,
    const char *name, int *value)
{
    const cJSON  *item = cJSON_GetObjectItemCaseSensitive(object, name);

    if (item == NULL) {
        return OSCP_OK;
    }

    if (!cJSON_IsBool(item)) {
        return oscp_config_wrong(r, OSCP_ERR_SCHEMA, "$", name,
                                 "must be true or false");
    }

    *value = cJSON_IsTrue(item);

    return OSCP_OK;
}


static oscp_err_t
oscp_config_flags(oscp_config_reader_t *r, const cJSON *root,
    oscp_connection_conf_t *c)
{
    int         strict = c->strict, initiate = c->initiate_handshake;
    int         body = c->auth_body;
    oscp_err_t  rc;

    if ((rc = oscp_config_bool(r, root, "strict", &strict)) != OSCP_OK
        || (rc = oscp_config_bool(r, root, "initiate_handshake", &initiate))
           != OSCP_OK
        || (rc = oscp_config_bool(r, root, "auth_body", &body)) != OSCP_OK)
    {
        return rc;
    }

    c->strict = strict != 0;
    c->initiate_handshake = initiate != 0;
    c->auth_body = body != 0;

    return OSCP_OK;
}


/* A member that is one of a few words; NULL with OSCP_OK when it is absent. */
static oscp_err_t
oscp_config_word(oscp_config_reader_t *r, const cJSON *root, const char *name,
    const char **word)
{
    const cJSON  *item = cJSON_GetObjectItemCaseSensitive(root, name);

    *word = NULL;

    if (item == NULL) {
        return OSCP_OK;
    }

    if (!cJSON_IsString(item)) {
        return oscp_config_wrong(r, OSCP_ERR_SCHEMA, "$", name,
                                 "must be a string");
    }

    *word = item->valuestring;

    return OSCP_OK;
}


static oscp_err_t
oscp_config_words(oscp_config_reader_t *r, const cJSON *root,
    oscp_connection_conf_t *c)
{
    int          found;
    oscp_err_t   rc;
    const char  *word;

    rc = oscp_config_word(r, root, "gap_policy", &word);
    if (rc != OSCP_OK) {
        return rc;
    }

    if (word) {
        found = oscp_gap_policy_find(word, strlen(word));
        if (found < 0) {
            return oscp_config_wrong(r, OSCP_ERR_SEMANTIC, "$", "gap_policy",
                                     "must be safe_default");
        }

        c->gap_policy = found;
    }

    rc = oscp_config_word(r, root, "present", &word);
    if (rc != OSCP_OK || word == NULL) {
        return rc;
    }

    for (found = 0; found < OSCP_CONFIG_PRESENT_COUNT; found++) {
        if (strcmp(word, oscp_config_present[found]) == 0) {
            c->present = found;
            return OSCP_OK;
        }
    }

    return oscp_config_wrong(r, OSCP_ERR_SEMANTIC, "$", "present",
                             "must be none, token or oauth");
}


static oscp_err_t
oscp_config_measurement(oscp_config_reader_t *r, const cJSON *root,
    oscp_connection_conf_t *c)
{
    int           bit;
    const char   *name = "measurement_configuration";
    const cJSON  *list, *item;

    list = cJSON_GetObjectItemCaseSensitive(root, name);
    if (list == NULL) {
        return OSCP_OK;
    }

    if (!cJSON_IsArray(list)) {
        return oscp_config_wrong(r, OSCP_ERR_SCHEMA, "$", name,
                                 "must be an array");
    }

    c->measurement = 0;

    cJSON_ArrayForEach(item, list) {
        bit = cJSON_IsString(item)
              ? oscp_measurement_find(item->valuestring,
                                      strlen(item->valuestring))
              : -1;
        if (bit < 0) {
            return oscp_config_wrong(r, OSCP_ERR_SEMANTIC, "$", name,
                                     "must hold CONTINUOUS or INTERMITTENT");
        }

        c->measurement |= (unsigned) bit;
    }

    return OSCP_OK;
}


/* Paths of messages that we do not know are a newer version's. */
static oscp_err_t
oscp_config_paths(oscp_config_reader_t *r, const cJSON *root,
    oscp_connection_conf_t *c)
{
    int           kind;
    oscp_err_t    rc;
    const cJSON  *paths, *item;

    paths = cJSON_GetObjectItemCaseSensitive(root, "peer_path");
    if (paths == NULL) {
        return OSCP_OK;
    }

    if (!cJSON_IsObject(paths)) {
        return oscp_config_wrong(r, OSCP_ERR_SCHEMA, "$", "peer_path",
                                 "must be an object");
    }

    cJSON_ArrayForEach(item, paths) {
        kind = oscp_message_find(item->string, strlen(item->string));
        if (kind < 0) {
            continue;
        }

        rc = oscp_config_string(r, item, "$.peer_path", &c->peer_path[kind]);
        if (rc != OSCP_OK) {
            return rc;
        }
    }

    return OSCP_OK;
}


static oscp_err_t
oscp_config_header(oscp_config_reader_t *r, const cJSON *item, size_t i,
    oscp_header_conf_t *h)
{
    char  path[CONFIG_PATH_SIZE];

    snprintf(path, sizeof(path), "$.headers[%zu]", i);

    if (!cJSON_IsObject(item)) {
        return oscp_error_set(r->err, OSCP_ERR_SCHEMA, path,
                              "must be an object");
    }

    return oscp_config_fields(r, item, path, oscp_config_header_fields, h);
}


static oscp_err_t
oscp_config_binding(oscp_config_reader_t *r, const cJSON *item, size_t i,
    oscp_group_conf_t *g)
{
    char          path[CONFIG_PATH_SIZE];
    oscp_err_t    rc;
    const cJSON  *power;

    snprintf(path, sizeof(path), "$.groups[%zu]", i);

    if (!cJSON_IsObject(item)) {
        return oscp_error_set(r->err, OSCP_ERR_SCHEMA, path,
                              "must be an object");
    }

    g->voltage_v = OSCP_CONFIG_VOLTAGE_V;

    rc = oscp_config_fields(r, item, path, oscp_config_group_fields, g);
    if (rc != OSCP_OK) {
        return rc;
    }

    if (g->asset == NULL) {
        g->asset = g->id;
    }

    power = cJSON_GetObjectItemCaseSensitive(item, "rated_w");
    if (power) {
        g->has_rated = 1;
        rc = oscp_config_number(r, power, path, &g->rated_w);
    }

    power = cJSON_GetObjectItemCaseSensitive(item, "safe_default_w");
    if (power && rc == OSCP_OK) {
        g->has_safe_default = 1;
        rc = oscp_config_number(r, power, path, &g->safe_default_w);
    }

    return rc;
}


/* The list `name` of the document, or NULL; how many elements it has. */
static oscp_err_t
oscp_config_list(oscp_config_reader_t *r, const cJSON *root, const char *name,
    size_t max, const cJSON **list)
{
    const cJSON  *item = cJSON_GetObjectItemCaseSensitive(root, name);

    *list = item;

    if (item && !cJSON_IsArray(item)) {
        return oscp_config_wrong(r, OSCP_ERR_SCHEMA, "$", name,
                                 "must be an array");
    }

    if (item && (size_t) cJSON_GetArraySize(item) > max) {
        return oscp_config_wrong(r, OSCP_ERR_LIMIT, "$", name,
                                 "has too many elements");
    }

    return OSCP_OK;
}


/*
 * Lays structure, lists and strings behind each other in one allocation, and
 * gives the structure its defaults.
 */
static oscp_connection_conf_t *
oscp_config_room(oscp_config_reader_t *r, const oscp_profile_t *profile,
    size_t len, const oscp_alloc_t *alloc)
{
    char                    *p;
    size_t                   nheaders, ngroups, size;
    oscp_connection_conf_t  *c;

    /* cJSON gives 0 for NULL */
    nheaders = (size_t) cJSON_GetArraySize(r->headers);
    ngroups = (size_t) cJSON_GetArraySize(r->groups);
    size = sizeof(*c) + nheaders * sizeof(*c->headers)
           + ngroups * sizeof(*c->groups);

    /* two quotes around each string pay for its NUL */
    p = alloc->resize(alloc->ctx, NULL, size + len);
    if (p == NULL) {
        return NULL;
    }

    memset(p, 0, size);

    c = (void *) p;
    oscp_config_defaults(c, profile);

    p += sizeof(*c);
    c->headers = nheaders ? (void *) p : NULL;
    c->nheaders = nheaders;
    p += nheaders * sizeof(*c->headers);
    c->groups = ngroups ? (void *) p : NULL;
    c->ngroups = ngroups;
    r->strings = p + ngroups * sizeof(*c->groups);

    return c;
}


static oscp_err_t
oscp_config_fill(oscp_config_reader_t *r, const cJSON *root,
    oscp_connection_conf_t *c)
{
    size_t        i;
    oscp_err_t    rc;
    const cJSON  *item;

    if ((rc = oscp_config_fields(r, root, "$", oscp_config_connection_fields,
                                 c)) != OSCP_OK
        || (rc = oscp_config_flags(r, root, c)) != OSCP_OK
        || (rc = oscp_config_words(r, root, c)) != OSCP_OK
        || (rc = oscp_config_measurement(r, root, c)) != OSCP_OK
        || (rc = oscp_config_paths(r, root, c)) != OSCP_OK)
    {
        return rc;
    }

    i = 0;
    cJSON_ArrayForEach(item, r->headers) {
        rc = oscp_config_header(r, item, i,
                                (oscp_header_conf_t *) &c->headers[i]);
        if (rc != OSCP_OK) {
            return rc;
        }

        i++;
    }

    i = 0;
    cJSON_ArrayForEach(item, r->groups) {
        rc = oscp_config_binding(r, item, i,
                                 (oscp_group_conf_t *) &c->groups[i]);
        if (rc != OSCP_OK) {
            return rc;
        }

        i++;
    }

    return OSCP_OK;
}


static oscp_err_t
oscp_config_build(oscp_config_reader_t *r, const cJSON *root, size_t len,
    const oscp_alloc_t *alloc, oscp_connection_conf_t **conf)
{
    oscp_err_t               rc;
    const char              *word;
    const oscp_profile_t    *profile;
    oscp_connection_conf_t  *c;

    rc = oscp_config_word(r, root, "profile", &word);
    if (rc != OSCP_OK) {
        return rc;
    }

    profile = word ? oscp_profile_find(word, strlen(word)) : NULL;
    if (profile == NULL) {
        return oscp_config_wrong(r, OSCP_ERR_SEMANTIC, "$", "profile",
                                 "must be vector or generic");
    }

    if ((rc = oscp_config_list(r, root, "headers", OSCP_CONFIG_HEADERS_MAX,
                               &r->headers)) != OSCP_OK
        || (rc = oscp_config_list(r, root, "groups", OSCP_CONFIG_GROUPS_MAX,
                                  &r->groups)) != OSCP_OK)
    {
        return rc;
    }

    c = oscp_config_room(r, profile, len, alloc);
    if (c == NULL) {
        return oscp_error_set(r->err, OSCP_ERR_NOMEM, "$", "no memory");
    }

    rc = oscp_config_fill(r, root, c);
    if (rc == OSCP_OK) {
        rc = oscp_config_check(c, r->err);
    }

    if (rc != OSCP_OK) {
        alloc->resize(alloc->ctx, c, 0);
        return rc;
    }

    *conf = c;

    return OSCP_OK;
}


oscp_err_t
oscp_config_read(const char *json, size_t len, const oscp_alloc_t *alloc,
    oscp_connection_conf_t **conf, oscp_error_t *err)
{
    cJSON                 *root;
    oscp_err_t             rc;
    const char            *end = NULL;
    oscp_config_reader_t   reader = { NULL, NULL, NULL, err };

    *conf = NULL;

    if (len > OSCP_CONFIG_SIZE_MAX) {
        return oscp_error_set(err, OSCP_ERR_LIMIT, "$",
                              "must be at most %d bytes",
                              OSCP_CONFIG_SIZE_MAX);
    }

    root = cJSON_ParseWithLengthOpts(json, len, &end, 0);
    if (root == NULL) {
        return oscp_json_check_refused(json, len, "must be JSON", err);
    }

    while (end < json + len && strchr(" \t\r\n", *end) && *end) {
        end++;
    }

    if (end != json + len || !cJSON_IsObject(root)) {
        rc = oscp_error_set(err, OSCP_ERR_SYNTAX, "$",
                            "must be one JSON object");
    } else {
        rc = oscp_config_build(&reader, root, len, alloc, conf);
    }

    cJSON_Delete(root);

    return rc;
}
