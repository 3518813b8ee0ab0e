/*
 * Goal: a document that is not one is refused with its place; what a newer or
 * an older version would write is read.
 */

#include <cjson/cJSON.h>

#include "failing.h"
#include "oscp_config.h"
#include "tap.h"

#define HEAD  "\"name\":\"n\",\"peer\":\"https://p\",\"profile\":\"generic\""

static failing_t     failing;
static oscp_alloc_t  alloc = { failing_resize, &failing };


typedef struct {
    const char  *json;
    oscp_err_t   code;
    const char  *path;
} refused_t;

static const refused_t  refused[] = {
    { "", OSCP_ERR_SYNTAX, "$" },
    { "{", OSCP_ERR_SYNTAX, "$" },
    { "[]", OSCP_ERR_SYNTAX, "$" },
    { "{" HEAD "} x", OSCP_ERR_SYNTAX, "$" },
    { "{" HEAD "}{}", OSCP_ERR_SYNTAX, "$" },
    { "{}", OSCP_ERR_SEMANTIC, "$.profile" },
    { "{\"profile\":1}", OSCP_ERR_SCHEMA, "$.profile" },
    { "{\"profile\":\"other\"}", OSCP_ERR_SEMANTIC, "$.profile" },
    { "{" HEAD ",\"heartbeat_interval_ms\":\"1\"}", OSCP_ERR_SCHEMA,
      "$.heartbeat_interval_ms" },
    { "{" HEAD ",\"heartbeat_interval_ms\":1.5}", OSCP_ERR_SEMANTIC,
      "$.heartbeat_interval_ms" },
    { "{" HEAD ",\"heartbeat_interval_ms\":1e300}", OSCP_ERR_SEMANTIC,
      "$.heartbeat_interval_ms" },
    { "{" HEAD ",\"heartbeat_interval_ms\":10}", OSCP_ERR_SEMANTIC,
      "heartbeat_interval" },
    { "{" HEAD ",\"compliance_tolerance\":1e999}", OSCP_ERR_SEMANTIC,
      "$.compliance_tolerance" },
    { "{" HEAD ",\"compliance_tolerance\":true}", OSCP_ERR_SCHEMA,
      "$.compliance_tolerance" },
    { "{" HEAD ",\"token_file\":null}", OSCP_ERR_SCHEMA, "$.token_file" },
    { "{" HEAD ",\"strict\":1}", OSCP_ERR_SCHEMA, "$.strict" },
    { "{" HEAD ",\"auth_body\":\"x\"}", OSCP_ERR_SCHEMA, "$.auth_body" },
    { "{" HEAD ",\"initiate_handshake\":0}", OSCP_ERR_SCHEMA,
      "$.initiate_handshake" },
    { "{" HEAD ",\"gap_policy\":\"hold\"}", OSCP_ERR_SEMANTIC,
      "$.gap_policy" },
    { "{" HEAD ",\"gap_policy\":[]}", OSCP_ERR_SCHEMA, "$.gap_policy" },
    { "{" HEAD ",\"present\":\"basic\"}", OSCP_ERR_SEMANTIC, "$.present" },
    { "{" HEAD ",\"present\":2}", OSCP_ERR_SCHEMA, "$.present" },
    { "{" HEAD ",\"measurement_configuration\":\"CONTINUOUS\"}",
      OSCP_ERR_SCHEMA, "$.measurement_configuration" },
    { "{" HEAD ",\"measurement_configuration\":[\"X\"]}", OSCP_ERR_SEMANTIC,
      "$.measurement_configuration" },
    { "{" HEAD ",\"measurement_configuration\":[7]}", OSCP_ERR_SEMANTIC,
      "$.measurement_configuration" },
    { "{" HEAD ",\"peer_path\":[]}", OSCP_ERR_SCHEMA, "$.peer_path" },
    { "{" HEAD ",\"peer_path\":{\"heartbeat\":1}}", OSCP_ERR_SCHEMA,
      "$.peer_path.heartbeat" },
    { "{" HEAD ",\"headers\":{}}", OSCP_ERR_SCHEMA, "$.headers" },
    { "{" HEAD ",\"headers\":[1]}", OSCP_ERR_SCHEMA, "$.headers[0]" },
    { "{" HEAD ",\"headers\":[{\"name\":\"a\",\"value\":\"b\"},"
      "{\"name\":3}]}", OSCP_ERR_SCHEMA, "$.headers[1].name" },
    { "{" HEAD ",\"groups\":7}", OSCP_ERR_SCHEMA, "$.groups" },
    { "{" HEAD ",\"groups\":[[]]}", OSCP_ERR_SCHEMA, "$.groups[0]" },
    { "{" HEAD ",\"groups\":[{}]}", OSCP_ERR_SEMANTIC, "group " },
    { "{" HEAD ",\"groups\":[{\"id\":\"a\"}]}", OSCP_ERR_SEMANTIC,
      "group a" },
    { "{" HEAD ",\"groups\":[{\"id\":\"a\",\"scope\":1}]}", OSCP_ERR_SCHEMA,
      "$.groups[0].scope" },
    { "{" HEAD ",\"groups\":[{\"id\":\"a\",\"scope\":\"s\","
      "\"rated_w\":\"1\"}]}", OSCP_ERR_SCHEMA, "$.groups[0].rated_w" },
    { "{" HEAD ",\"groups\":[{\"id\":\"a\",\"scope\":\"s\","
      "\"safe_default_w\":{}}]}", OSCP_ERR_SCHEMA,
      "$.groups[0].safe_default_w" },
    { "{" HEAD ",\"groups\":[{\"id\":\"a\",\"scope\":\"s\","
      "\"voltage_v\":-1e999}]}", OSCP_ERR_SEMANTIC, "$.groups[0].voltage_v" }
};


static void
refusals(void)
{
    size_t                   i;
    oscp_err_t               rc;
    oscp_error_t             err;
    oscp_connection_conf_t  *r;

    for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        r = (void *) &err;
        rc = oscp_config_read(refused[i].json, strlen(refused[i].json),
                              &alloc, &r, &err);
        if (!ok(rc == refused[i].code && r == NULL
                && strcmp(err.path, refused[i].path) == 0
                && err.text[0] && failing.held == 0, "refused at %s: %s",
                refused[i].path, refused[i].json))
        {
            printf("#   got %d %s: %s\n", rc, err.path, err.text);
        }
    }
}


static oscp_connection_conf_t *
accepted(const char *json, const char *name)
{
    oscp_error_t             err = { 0 };
    oscp_connection_conf_t  *r;

    ok(oscp_config_read(json, strlen(json), &alloc, &r, &err) == OSCP_OK
       && r != NULL, "%s", name);
    if (r == NULL) {
        printf("#   %s: %s\n", err.path, err.text);
    }

    return r;
}


static void
other_versions(void)
{
    oscp_connection_conf_t  *r;

    r = accepted(" {" HEAD "} \n", "an older one's document is read");
    if (r) {
        is_int(r->heartbeat_interval_ms, 30000, "with defaults");
        is_int(r->ngroups, 0, "no groups");
        ok(r->groups == NULL && r->headers == NULL, "no lists");
    }
    alloc.resize(alloc.ctx, r, 0);

    r = accepted("{" HEAD ",\"new\":{\"a\":[1]},\"peer_path\":{\"new\":5},"
                 "\"groups\":[{\"id\":\"EAN#1/2\",\"scope\":\"s\",\"new\":0}],"
                 "\"headers\":[{\"name\":\"a\",\"value\":\"b\",\"x\":1}]}",
                 "unknown members are ignored");
    if (r) {
        is_str(r->groups[0].asset, "EAN#1/2", "the asset defaults to the id");
        is_num(r->groups[0].voltage_v, 230, "the voltage to 230");
        ok(r->groups[0].circuit == NULL && !r->groups[0].has_rated
           && !r->groups[0].has_safe_default, "the rest is absent");
    }
    alloc.resize(alloc.ctx, r, 0);

    is_int(failing.held, 0, "each is freed by one call");
}


static void
at_limits(void)
{
    static char              json[OSCP_CONFIG_SIZE_MAX + 2];
    size_t                   i, n;
    oscp_err_t               rc;
    oscp_error_t             err;
    oscp_connection_conf_t  *r;

    n = (size_t) sprintf(json, "{" HEAD ",\"groups\":[");
    for (i = 0; i < OSCP_CONFIG_GROUPS_MAX; i++) {
        n += (size_t) sprintf(json + n,
                              "%s{\"id\":\"g%zu\",\"scope\":\"s%zu\"}",
                              i ? "," : "", i, i);
    }
    strcpy(json + n, "]}");
    r = accepted(json, "OSCP_CONFIG_GROUPS_MAX groups are read");
    alloc.resize(alloc.ctx, r, 0);

    strcpy(json + n, ",{\"id\":\"g\",\"scope\":\"s\"}]}");
    rc = oscp_config_read(json, strlen(json), &alloc, &r, &err);
    ok(rc == OSCP_ERR_LIMIT && strcmp(err.path, "$.groups") == 0,
       "one more is refused");

    n = (size_t) sprintf(json, "{" HEAD ",\"headers\":[");
    for (i = 0; i < OSCP_CONFIG_HEADERS_MAX; i++) {
        n += (size_t) sprintf(json + n, "%s{\"name\":\"h%zu\",\"value\":\"v\"}",
                              i ? "," : "", i);
    }
    strcpy(json + n, "]}");
    r = accepted(json, "OSCP_CONFIG_HEADERS_MAX headers are read");
    alloc.resize(alloc.ctx, r, 0);

    strcpy(json + n, ",{\"name\":\"h\",\"value\":\"v\"}]}");
    rc = oscp_config_read(json, strlen(json), &alloc, &r, &err);
    ok(rc == OSCP_ERR_LIMIT && strcmp(err.path, "$.headers") == 0,
       "one more is refused");

    memset(json, ' ', sizeof(json));
    memcpy(json, "{" HEAD "}", strlen("{" HEAD "}"));
    rc = oscp_config_read(json, OSCP_CONFIG_SIZE_MAX, &alloc, &r, &err);
    is_int(rc, OSCP_OK, "OSCP_CONFIG_SIZE_MAX bytes are read");
    alloc.resize(alloc.ctx, r, 0);
    rc = oscp_config_read(json, OSCP_CONFIG_SIZE_MAX + 1, &alloc, &r, &err);
    is_int(rc, OSCP_ERR_LIMIT, "one more is refused");
}


/* Cut anywhere, or with any byte changed: an answer, no crash, no leak. */
static void
damaged(void)
{
    char                     doc[] =
        "{" HEAD ",\"groups\":[{\"id\":\"\\u0041\",\"scope\":\"s\","
        "\"circuit\":\"c\",\"rated_w\":1e3}],\"headers\":[{\"name\":\"a\","
        "\"value\":\"\\ud83d\"}]}";
    char                     copy[sizeof(doc)];
    size_t                   i, len = sizeof(doc) - 1;
    unsigned                 byte;
    oscp_error_t             err;
    oscp_connection_conf_t  *r;

    for (i = 0; i < len; i++) {
        if (oscp_config_read(doc, i, &alloc, &r, &err) == OSCP_OK) {
            alloc.resize(alloc.ctx, r, 0);
        }

        for (byte = 0; byte < 256; byte += 3) {
            memcpy(copy, doc, sizeof(doc));
            copy[i] = (char) byte;
            if (oscp_config_read(copy, len, &alloc, &r, &err) == OSCP_OK) {
                alloc.resize(alloc.ctx, r, 0);
            }
        }
    }

    is_int(failing.held, 0, "damaged documents leave nothing behind");
}


static void *
parser_alloc(size_t size)
{
    return failing_resize(&failing, NULL, size);
}


static void
parser_free(void *ptr)
{
    failing_resize(&failing, ptr, 0);
}


/* The parser's own allocations fail one by one: an error, no leak. */
static void
without_memory(void)
{
    char                     doc[] = "{" HEAD ",\"groups\":[{\"id\":\"a\","
                                     "\"scope\":\"s\"}]}";
    long                     n, failed = 0;
    cJSON_Hooks              hooks = { parser_alloc, parser_free };
    oscp_error_t             err;
    oscp_connection_conf_t  *r;

    cJSON_InitHooks(&hooks);

    for (n = 1; /* until nothing fails */ ; n++) {
        failing.calls = 0;
        failing.fail_at = n;
        if (oscp_config_read(doc, strlen(doc), &alloc, &r, &err) == OSCP_OK) {
            break;
        }

        failed += r == NULL && failing.held == 0 && err.text[0];
    }

    failing.fail_at = 0;
    alloc.resize(alloc.ctx, r, 0);
    cJSON_InitHooks(NULL);
    ok(n > 10 && failed == n - 1 && failing.held == 0,
       "%ld allocations failed one by one", failed);
}


int
main(void)
{
    without_memory();
    refusals();
    other_versions();
    at_limits();
    damaged();

    return done_testing();
}
