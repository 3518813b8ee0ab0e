/*
 * What `nginx -t` finds wrong in a connection, and what the worker refuses to
 * act on (design, section 10, "Directives" and "More, settled").
 */

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "oscp_config.h"
#include "oscp_config_url.h"
#include "oscp_lifecycle.h"

#define HOUR_MS          3600000
#define WINDOW_MIN_MS    1000

/* three intervals must fit into what counts of an offline_mode_at */
#define INTERVAL_MAX_MS  (OSCP_LIFECYCLE_AHEAD_MAX_MS / OSCP_LIFECYCLE_MARGIN)

#define POWER_MIN_W      1.0
#define POWER_MAX_W      1e12
#define VOLTAGE_MIN_V    1.0
#define VOLTAGE_MAX_V    1e6


typedef struct {
    const char  *directive;
    size_t       offset;            /* of an int64_t, milliseconds */
    int64_t      min_ms;
    int64_t      max_ms;
    const char  *text;
} oscp_config_range_t;

typedef oscp_err_t (*oscp_config_checker_t)(const oscp_connection_conf_t *c,
    oscp_error_t *err);


static const oscp_config_range_t  oscp_config_ranges[] = {
    { "heartbeat_interval",
      offsetof(oscp_connection_conf_t, heartbeat_interval_ms),
      1000, INTERVAL_MAX_MS, "must be from 1s to 8h" },
    { "handshake_timeout",
      offsetof(oscp_connection_conf_t, handshake_timeout_ms),
      1, HOUR_MS, "must be from 1ms to 1h" },
    { "measurement_grace",
      offsetof(oscp_connection_conf_t, measurement_grace_ms),
      0, HOUR_MS, "must be at most 1h" },
    { "compliance_grace",
      offsetof(oscp_connection_conf_t, compliance_grace_ms),
      0, 24 * HOUR_MS, "must be at most 24h" }
};

/*
 * What we set by ourselves in each request, so that a static line could only
 * break it.  Not x-request-id: peers hand one out, and it is overridden.
 */
static const char *const  oscp_config_own_headers[] = {
    "connection", "content-length", "content-type", "transfer-encoding",
    "x-correlation-id", "x-segment-count", "x-segment-index"
};


static oscp_err_t
oscp_config_refuse(oscp_error_t *err, const char *directive, const char *text)
{
    return oscp_error_set(err, OSCP_ERR_SEMANTIC, directive, "%s", text);
}


static oscp_err_t
oscp_config_text(const char *directive, const char *what, const char *file,
    oscp_error_t *err)
{
    if (file && oscp_config_url_printable(file, ' ')) {
        return OSCP_OK;
    }

    return oscp_error_set(err, OSCP_ERR_SEMANTIC, directive,
                          "%s must be 1 to %d bytes of printable ASCII", what,
                          OSCP_CONFIG_STRING_MAX);
}


static oscp_err_t
oscp_config_check_name(const oscp_connection_conf_t *c, oscp_error_t *err)
{
    if (c->name == NULL
        || !oscp_name_valid(c->name, strlen(c->name), OSCP_NAME_PLAIN))
    {
        return oscp_config_refuse(err, "oscp_connection", "the name must be 1 "
                                  "to 64 of A-Z a-z 0-9 . _ -");
    }

    /* both are fields of oscp:config already */
    if (strcmp(c->name, "version") == 0 || strcmp(c->name, "shards") == 0) {
        return oscp_config_refuse(err, "oscp_connection", "the name must not "
                                  "be version or shards");
    }

    return OSCP_OK;
}


static oscp_err_t
oscp_config_check_ranges(const oscp_connection_conf_t *c, oscp_error_t *err)
{
    size_t                      i;
    int64_t                     value;
    const oscp_config_range_t  *range;

    for (i = 0; i < sizeof(oscp_config_ranges) / sizeof(*range); i++) {
        range = &oscp_config_ranges[i];
        memcpy(&value, (const char *) c + range->offset, sizeof(value));

        if (value < range->min_ms || value > range->max_ms) {
            return oscp_config_refuse(err, range->directive, range->text);
        }
    }

    if (c->measurement_window_ms < WINDOW_MIN_MS
        || HOUR_MS % c->measurement_window_ms != 0)
    {
        return oscp_config_refuse(err, "measurement_window",
                                  "must divide the hour, and be 1s or more");
    }

    if (!(c->compliance_tolerance >= 0 && c->compliance_tolerance <= 1)) {
        return oscp_config_refuse(err, "compliance_tolerance",
                                  "must be from 0% to 100%");
    }

    return OSCP_OK;
}


static oscp_err_t
oscp_config_check_choices(const oscp_connection_conf_t *c, oscp_error_t *err)
{
    if (c->measurement & ~(OSCP_CONTINUOUS|OSCP_INTERMITTENT)) {
        return oscp_config_refuse(err, "measurement_configuration",
                                  "must be CONTINUOUS or INTERMITTENT");
    }

    if (c->profile->intermittent && !(c->measurement & OSCP_INTERMITTENT)) {
        return oscp_error_set(err, OSCP_ERR_SEMANTIC,
                              "measurement_configuration",
                              "must contain INTERMITTENT under profile %s",
                              c->profile->name);
    }

    if (oscp_gap_policy_name(c->gap_policy) == NULL) {
        return oscp_config_refuse(err, "gap_policy", "must be safe_default");
    }

    return OSCP_OK;
}


static oscp_err_t
oscp_config_check_peer(const oscp_connection_conf_t *c, oscp_error_t *err)
{
    int          kind;
    oscp_err_t   rc;
    const char  *path;

    rc = oscp_config_url_check("peer", c->peer, err);
    if (rc != OSCP_OK) {
        return rc;
    }

    for (kind = 0; kind < OSCP_MESSAGE_COUNT; kind++) {
        path = c->peer_path[kind];

        /* what is appended without a slash could lengthen the host's name */
        if (path && (path[0] != '/' || !oscp_config_url_printable(path, '!')
                     || strchr(path, '#')))
        {
            return oscp_config_refuse(err, "peer_path",
                                      "must be a path that begins with /");
        }
    }

    if (c->tls_key && c->tls_cert == NULL) {
        return oscp_config_refuse(err, "peer_tls", "key= needs cert=");
    }

    if ((c->tls_ca
         && (rc = oscp_config_text("peer_tls", "ca=", c->tls_ca, err)))
        || (c->tls_cert
            && (rc = oscp_config_text("peer_tls", "cert=", c->tls_cert, err)))
        || (c->tls_key
            && (rc = oscp_config_text("peer_tls", "key=", c->tls_key, err))))
    {
        return rc;
    }

    return OSCP_OK;
}


/* RFC 6749, section 3.3: words of visible characters, one blank between. */
static int
oscp_config_scope(const char *scope)
{
    const char  *p;

    for (p = scope; *p; p++) {
        if (*p == '"' || *p == '\\'
            || (*p == ' ' && (p == scope || p[1] == ' ' || p[1] == '\0')))
        {
            return 0;
        }
    }

    return oscp_config_url_printable(scope, ' ');
}


static oscp_err_t
oscp_config_check_oauth(const oscp_connection_conf_t *c, oscp_error_t *err)
{
    char        text[OSCP_ERROR_TEXT_LEN];
    oscp_err_t  rc;

    rc = oscp_config_url_check("present oauth", c->token_url, err);
    if (rc != OSCP_OK) {
        if (err) {
            memcpy(text, err->text, sizeof(text));
            oscp_error_set(err, rc, "present oauth", "token_url= %s", text);
        }
        return rc;
    }

    rc = oscp_config_text("present oauth", "client_id=", c->client_id, err);
    if (rc == OSCP_OK) {
        rc = oscp_config_text("present oauth", "client_secret_file=",
                              c->client_secret_file, err);
    }

    if (rc == OSCP_OK && c->scope && !oscp_config_scope(c->scope)) {
        return oscp_config_refuse(err, "present oauth", "scope= must be words "
                                  "without quotes or backslashes, one blank "
                                  "between them");
    }

    return rc;
}


static oscp_err_t
oscp_config_check_present(const oscp_connection_conf_t *c, oscp_error_t *err)
{
    switch (c->present) {

    case OSCP_PRESENT_NONE:
        return OSCP_OK;

    case OSCP_PRESENT_TOKEN:
        return oscp_config_text("present token", "file=", c->token_file, err);

    case OSCP_PRESENT_OAUTH:
        return oscp_config_check_oauth(c, err);
    }

    return oscp_config_refuse(err, "present", "must be token or oauth");
}


/* RFC 9110's token. */
static int
oscp_config_header_name(const char *name)
{
    return *name && name[strspn(name, "abcdefghijklmnopqrstuvwxyz"
                                      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789!#$%&'*+-.^_`|~")] == '\0';
}


static oscp_err_t
oscp_config_check_header(const oscp_connection_conf_t *c, size_t n,
    oscp_error_t *err)
{
    size_t                     i;
    char                       directive[OSCP_ERROR_PATH_LEN];
    const oscp_header_conf_t  *h = &c->headers[n];

    if (h->name == NULL || !oscp_config_header_name(h->name)
        || strlen(h->name) > OSCP_NAME_MAX)
    {
        return oscp_config_refuse(err, "present header", "the name must be 1 "
                                  "to 64 bytes of a header's name");
    }

    snprintf(directive, sizeof(directive), "present header %s", h->name);

    for (i = 0; i < sizeof(oscp_config_own_headers)
                    / sizeof(oscp_config_own_headers[0]); i++)
    {
        if (strcasecmp(h->name, oscp_config_own_headers[i]) == 0) {
            return oscp_config_refuse(err, directive, "is set by the program");
        }
    }

    if (c->present != OSCP_PRESENT_NONE
        && strcasecmp(h->name, "authorization") == 0)
    {
        return oscp_config_refuse(err, directive,
                                  "is set by present token or oauth");
    }

    for (i = 0; i < n; i++) {
        if (strcasecmp(h->name, c->headers[i].name) == 0) {
            return oscp_config_refuse(err, directive, "is there twice");
        }
    }

    if ((h->value == NULL) == (h->file == NULL)) {
        return oscp_config_refuse(err, directive,
                                  "needs a value or file=, not both");
    }

    return h->file ? oscp_config_text(directive, "file=", h->file, err)
                   : oscp_config_text(directive, "the value", h->value, err);
}


static oscp_err_t
oscp_config_check_headers(const oscp_connection_conf_t *c, oscp_error_t *err)
{
    size_t      i;
    oscp_err_t  rc;

    if (c->nheaders > OSCP_CONFIG_HEADERS_MAX) {
        return oscp_error_set(err, OSCP_ERR_SEMANTIC, "present header",
                              "must be at most %d lines",
                              OSCP_CONFIG_HEADERS_MAX);
    }

    for (i = 0; i < c->nheaders; i++) {
        rc = oscp_config_check_header(c, i, err);
        if (rc != OSCP_OK) {
            return rc;
        }
    }

    return OSCP_OK;
}


static int
oscp_config_plain(const char *name)
{
    return name && oscp_name_valid(name, strlen(name), OSCP_NAME_PLAIN);
}


static oscp_err_t
oscp_config_check_powers(const oscp_group_conf_t *g, const char *directive,
    oscp_error_t *err)
{
    double  most = POWER_MAX_W;

    if (g->circuit && !g->has_rated) {
        return oscp_config_refuse(err, directive, "a circuit needs rated=");
    }

    if (g->has_rated) {
        if (!(g->rated_w >= POWER_MIN_W && g->rated_w <= POWER_MAX_W)) {
            return oscp_config_refuse(err, directive,
                                      "rated= must be from 1W to 1000000MW");
        }

        most = g->rated_w;
    }

    if (g->has_safe_default
        && !(g->safe_default_w >= 0 && g->safe_default_w <= most))
    {
        return oscp_config_refuse(err, directive, g->has_rated
                                  ? "safe_default= must be at most rated="
                                  : "safe_default= must be at most "
                                    "1000000MW");
    }

    if (!(g->voltage_v >= VOLTAGE_MIN_V && g->voltage_v <= VOLTAGE_MAX_V)) {
        return oscp_config_refuse(err, directive,
                                  "voltage= must be from 1 to 1000000");
    }

    return OSCP_OK;
}


static oscp_err_t
oscp_config_check_group(const oscp_connection_conf_t *c,
    const oscp_group_conf_t *g, oscp_error_t *err)
{
    char  directive[OSCP_ERROR_PATH_LEN];

    snprintf(directive, sizeof(directive), "group %s", g->id ? g->id : "");

    if (g->id == NULL
        || !oscp_name_valid(g->id, strlen(g->id), c->profile->group_class))
    {
        return oscp_error_set(err, OSCP_ERR_SEMANTIC, directive,
                              c->profile->group_class == OSCP_NAME_ALNUM
                              ? "the id must be 1 to 64 letters and digits "
                                "under profile %s"
                              : "the id must be 1 to 64 visible characters "
                                "but : { } under profile %s",
                              c->profile->name);
    }

    if (!oscp_config_plain(g->scope)) {
        return oscp_config_refuse(err, directive, "scope= must be 1 to 64 of "
                                  "A-Z a-z 0-9 . _ -");
    }

    if (g->circuit && !oscp_config_plain(g->circuit)) {
        return oscp_config_refuse(err, directive, "circuit= must be 1 to 64 "
                                  "of A-Z a-z 0-9 . _ -");
    }

    /* by default it is the id, whatever alphabet that has */
    if (g->asset == NULL
        || (strcmp(g->asset, g->id) != 0 && !oscp_config_plain(g->asset)))
    {
        return oscp_config_refuse(err, directive, "asset= must be 1 to 64 of "
                                  "A-Z a-z 0-9 . _ -");
    }

    return oscp_config_check_powers(g, directive, err);
}


/* What two groups must not share, whichever connections they belong to. */
static const char *
oscp_config_shared(const oscp_group_conf_t *a, const oscp_group_conf_t *b)
{
    if (strcmp(a->scope, b->scope) == 0) {
        return "scope";
    }

    if (a->circuit && b->circuit && strcmp(a->circuit, b->circuit) == 0) {
        return "circuit";
    }

    return strcmp(a->asset, b->asset) == 0 ? "asset" : NULL;
}


static oscp_err_t
oscp_config_check_groups(const oscp_connection_conf_t *c, oscp_error_t *err)
{
    char         directive[OSCP_ERROR_PATH_LEN];
    size_t       i, k;
    oscp_err_t   rc;
    const char  *shared;

    if (c->ngroups > OSCP_CONFIG_GROUPS_MAX) {
        return oscp_error_set(err, OSCP_ERR_SEMANTIC, "group",
                              "must be at most %d in one connection",
                              OSCP_CONFIG_GROUPS_MAX);
    }

    for (i = 0; i < c->ngroups; i++) {
        rc = oscp_config_check_group(c, &c->groups[i], err);
        if (rc != OSCP_OK) {
            return rc;
        }

        snprintf(directive, sizeof(directive), "group %s", c->groups[i].id);

        for (k = 0; k < i; k++) {
            if (strcmp(c->groups[i].id, c->groups[k].id) == 0) {
                return oscp_config_refuse(err, directive, "is there twice");
            }

            shared = oscp_config_shared(&c->groups[i], &c->groups[k]);
            if (shared) {
                return oscp_error_set(err, OSCP_ERR_SEMANTIC, directive,
                                      "its %s must not be that of group %s",
                                      shared, c->groups[k].id);
            }
        }
    }

    return OSCP_OK;
}


/* In an order in which each may rely on those before it. */
static const oscp_config_checker_t  oscp_config_checkers[] = {
    oscp_config_check_name,
    oscp_config_check_ranges,
    oscp_config_check_choices,
    oscp_config_check_peer,
    oscp_config_check_present,
    oscp_config_check_headers,
    oscp_config_check_groups
};


oscp_err_t
oscp_config_check(const oscp_connection_conf_t *c, oscp_error_t *err)
{
    size_t      i;
    oscp_err_t  rc;

    if (c->profile == NULL) {
        return oscp_config_refuse(err, "profile",
                                  "must be vector or generic");
    }

    for (i = 0; i < sizeof(oscp_config_checkers)
                    / sizeof(oscp_config_checkers[0]); i++)
    {
        rc = oscp_config_checkers[i](c, err);
        if (rc != OSCP_OK) {
            return rc;
        }
    }

    return OSCP_OK;
}


static oscp_err_t
oscp_config_check_pair(const oscp_connection_conf_t *a,
    const oscp_connection_conf_t *b, oscp_error_t *err)
{
    char         directive[OSCP_ERROR_PATH_LEN];
    size_t       i, k;
    const char  *shared;

    if (strcmp(a->name, b->name) == 0) {
        snprintf(directive, sizeof(directive), "oscp_connection %s", a->name);
        return oscp_config_refuse(err, directive, "is there twice");
    }

    for (i = 0; i < a->ngroups; i++) {
        for (k = 0; k < b->ngroups; k++) {
            shared = oscp_config_shared(&a->groups[i], &b->groups[k]);
            if (shared == NULL) {
                continue;
            }

            snprintf(directive, sizeof(directive), "group %s",
                     b->groups[k].id);

            return oscp_error_set(err, OSCP_ERR_SEMANTIC, directive,
                                  "its %s must not be that of group %s of %s",
                                  shared, a->groups[i].id, a->name);
        }
    }

    return OSCP_OK;
}


oscp_err_t
oscp_config_check_all(const oscp_connection_conf_t *const *list, size_t n,
    oscp_error_t *err)
{
    size_t      i, k;
    oscp_err_t  rc;

    for (i = 0; i < n; i++) {
        for (k = 0; k < i; k++) {
            rc = oscp_config_check_pair(list[k], list[i], err);
            if (rc != OSCP_OK) {
                return rc;
            }
        }
    }

    return OSCP_OK;
}
