/*
 * A connection's configuration: filled by nginx from its directives, checked
 * here, published as JSON in the hash oscp:config, read back by the worker
 * (design, sections 4, 5 and 10).  Never a secret: only names of files.
 */

#ifndef OSCP_CONFIG_H
#define OSCP_CONFIG_H

#include "oscp_alloc.h"
#include "oscp_decision.h"
#include "oscp_error.h"
#include "oscp_message.h"
#include "oscp_profile.h"

#define OSCP_CONFIG_SIZE_MAX     1048576   /* bytes of one document */
#define OSCP_CONFIG_GROUPS_MAX   1000      /* groups of one connection */
#define OSCP_CONFIG_HEADERS_MAX  32        /* present header lines */
#define OSCP_CONFIG_STRING_MAX   4096      /* bytes of a URL, file name … */
#define OSCP_CONFIG_VOLTAGE_V    230.0     /* where a group names none */

typedef struct {
    const char  *id;
    const char  *scope;
    const char  *circuit;                /* NULL: no circuit */
    const char  *asset;                  /* never NULL: defaults to the id */
    double       rated_w;                /* with a circuit */
    unsigned     has_rated:1;
    unsigned     has_safe_default:1;
    double       safe_default_w;
    double       voltage_v;              /* 230 by default */
} oscp_group_conf_t;

/* One of `value` and `file` is set, the other NULL. */
typedef struct {
    const char  *name;
    const char  *value;
    const char  *file;
} oscp_header_conf_t;

typedef enum {
    OSCP_PRESENT_NONE = 0,
    OSCP_PRESENT_TOKEN,
    OSCP_PRESENT_OAUTH
} oscp_present_t;

/* All strings are NUL-terminated; absent ones are NULL. */
typedef struct {
    const char             *name;
    const oscp_profile_t   *profile;
    const char             *peer;                 /* base URL, opaque */
    unsigned                strict:1;             /* dialect strict */
    unsigned                initiate_handshake:1;
    int64_t                 heartbeat_interval_ms;
    int64_t                 handshake_timeout_ms;
    unsigned                measurement;          /* our list, as bits */
    int64_t                 measurement_window_ms;
    int64_t                 measurement_grace_ms;
    double                  compliance_tolerance; /* 0.02 for 2 % */
    int64_t                 compliance_grace_ms;
    oscp_gap_policy_t       gap_policy;
    const char             *peer_path[OSCP_MESSAGE_COUNT];  /* NULL: default,
                                                     "/" and the name */
    oscp_present_t          present;
    const char             *token_file;           /* present token */
    const char             *token_url;            /* present oauth … */
    const char             *client_id;
    const char             *client_secret_file;
    const char             *scope;
    unsigned                auth_body:1;
    const oscp_header_conf_t *headers;
    size_t                  nheaders;
    const char             *tls_ca;
    const char             *tls_cert;
    const char             *tls_key;
    const oscp_group_conf_t  *groups;
    size_t                  ngroups;
} oscp_connection_conf_t;

/*
 * The defaults of section 4 for `profile`: what a connection has before its
 * directives are read.
 */
void oscp_config_defaults(oscp_connection_conf_t *c,
    const oscp_profile_t *profile);

/*
 * Checks one connection by itself (section 10, "Directives"): names, intervals,
 * windows, groups.  Returns OSCP_OK or OSCP_ERR_SEMANTIC with `err->path` the
 * directive ("group DEPOT01", "heartbeat_interval") and the text what it must
 * be.
 */
oscp_err_t oscp_config_check(const oscp_connection_conf_t *c,
    oscp_error_t *err);

/*
 * Checks that scopes, circuits and assets are unique over all `n` connections.
 * Errors as above.
 */
oscp_err_t oscp_config_check_all(const oscp_connection_conf_t *const *list,
    size_t n, oscp_error_t *err);

/*
 * What is allowed but unwise (a window other than 15m under vector, a
 * connection without a group, …): returns 1 and fills `err` (code OSCP_OK, path
 * and text), or 0.
 */
int oscp_config_warning(const oscp_connection_conf_t *c, oscp_error_t *err);

/*
 * Writes the document for oscp:config: compact JSON, members always in the
 * same order, so that equal configurations give equal bytes.  Returns the
 * whole length as snprintf does.
 */
size_t oscp_config_write(const oscp_connection_conf_t *c, char *buf,
    size_t size);

/*
 * Reads a document into one allocation that holds the structure and all its
 * strings; free it with alloc->resize(ctx, conf, 0).  The document is checked
 * as by oscp_config_check().  Unknown members are ignored (a newer nginx may
 * have written them).  Returns OSCP_OK and `*conf`, or an error with its JSON
 * path and `*conf` NULL.
 */
oscp_err_t oscp_config_read(const char *json, size_t len,
    const oscp_alloc_t *alloc, oscp_connection_conf_t **conf,
    oscp_error_t *err);

/* The binding of the group `id` (`len` bytes), or NULL. */
const oscp_group_conf_t *oscp_config_group(const oscp_connection_conf_t *c,
    const char *id, size_t len);

#endif /* OSCP_CONFIG_H */
