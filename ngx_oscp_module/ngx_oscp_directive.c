/*
 * The directives inside `oscp_connection`: the table, and what reads each row.
 */

#include "ngx_oscp_directive.h"
#include "ngx_oscp_value.h"


static char *ngx_oscp_directive_set_profile(ngx_conf_t *cf,
    ngx_oscp_builder_t *b, ngx_str_t *args, const ngx_oscp_directive_t *d);
static char *ngx_oscp_directive_set_string(ngx_conf_t *cf,
    ngx_oscp_builder_t *b, ngx_str_t *args, const ngx_oscp_directive_t *d);
static char *ngx_oscp_directive_set_duration(ngx_conf_t *cf,
    ngx_oscp_builder_t *b, ngx_str_t *args, const ngx_oscp_directive_t *d);
static char *ngx_oscp_directive_set_percent(ngx_conf_t *cf,
    ngx_oscp_builder_t *b, ngx_str_t *args, const ngx_oscp_directive_t *d);
static char *ngx_oscp_directive_set_measurement(ngx_conf_t *cf,
    ngx_oscp_builder_t *b, ngx_str_t *args, const ngx_oscp_directive_t *d);
static char *ngx_oscp_directive_set_gap_policy(ngx_conf_t *cf,
    ngx_oscp_builder_t *b, ngx_str_t *args, const ngx_oscp_directive_t *d);
static char *ngx_oscp_directive_set_dialect(ngx_conf_t *cf,
    ngx_oscp_builder_t *b, ngx_str_t *args, const ngx_oscp_directive_t *d);
static char *ngx_oscp_directive_set_initiate(ngx_conf_t *cf,
    ngx_oscp_builder_t *b, ngx_str_t *args, const ngx_oscp_directive_t *d);
static char *ngx_oscp_directive_set_accept(ngx_conf_t *cf,
    ngx_oscp_builder_t *b, ngx_str_t *args, const ngx_oscp_directive_t *d);
static char *ngx_oscp_directive_set_present(ngx_conf_t *cf,
    ngx_oscp_builder_t *b, ngx_str_t *args, const ngx_oscp_directive_t *d);
static char *ngx_oscp_directive_present_token(ngx_conf_t *cf,
    ngx_oscp_builder_t *b, ngx_str_t *args);
static char *ngx_oscp_directive_present_oauth(ngx_conf_t *cf,
    ngx_oscp_builder_t *b, ngx_str_t *args);
static char *ngx_oscp_directive_present_header(ngx_conf_t *cf,
    ngx_oscp_builder_t *b, ngx_str_t *args);
static char *ngx_oscp_directive_set_peer_tls(ngx_conf_t *cf,
    ngx_oscp_builder_t *b, ngx_str_t *args, const ngx_oscp_directive_t *d);
static char *ngx_oscp_directive_set_peer_path(ngx_conf_t *cf,
    ngx_oscp_builder_t *b, ngx_str_t *args, const ngx_oscp_directive_t *d);
static char *ngx_oscp_directive_set_group(ngx_conf_t *cf,
    ngx_oscp_builder_t *b, ngx_str_t *args, const ngx_oscp_directive_t *d);


#define ngx_oscp_member(name)                                                 \
    offsetof(oscp_connection_conf_t, name),                                   \
    sizeof(((oscp_connection_conf_t *) NULL)->name)

static const ngx_oscp_directive_t  ngx_oscp_directives[] = {

    { ngx_string("profile"), 1, 1, 0, 2,
      ngx_oscp_directive_set_profile, 0, 0 },

    { ngx_string("peer"), 1, 1, 0, 2,
      ngx_oscp_directive_set_string, ngx_oscp_member(peer) },

    { ngx_string("accept"), 2, 8, 1, 0,
      ngx_oscp_directive_set_accept, 0, 0 },

    { ngx_string("present"), 2, 8, 1, 0,
      ngx_oscp_directive_set_present, 0, 0 },

    { ngx_string("peer_tls"), 1, 3, 0, 4,
      ngx_oscp_directive_set_peer_tls, 0, 0 },

    { ngx_string("peer_path"), 2, 2, 1, 3,
      ngx_oscp_directive_set_peer_path, 0, 0 },

    { ngx_string("heartbeat_interval"), 1, 1, 0, 2,
      ngx_oscp_directive_set_duration,
      ngx_oscp_member(heartbeat_interval_ms) },

    { ngx_string("handshake_timeout"), 1, 1, 0, 2,
      ngx_oscp_directive_set_duration,
      ngx_oscp_member(handshake_timeout_ms) },

    { ngx_string("initiate_handshake"), 1, 1, 0, 2,
      ngx_oscp_directive_set_initiate, 0, 0 },

    { ngx_string("measurement_configuration"), 1, 2, 0, 3,
      ngx_oscp_directive_set_measurement, ngx_oscp_member(measurement) },

    { ngx_string("measurement_window"), 1, 1, 0, 2,
      ngx_oscp_directive_set_duration,
      ngx_oscp_member(measurement_window_ms) },

    { ngx_string("measurement_grace"), 1, 1, 0, 2,
      ngx_oscp_directive_set_duration,
      ngx_oscp_member(measurement_grace_ms) },

    { ngx_string("compliance_tolerance"), 1, 1, 0, 2,
      ngx_oscp_directive_set_percent,
      ngx_oscp_member(compliance_tolerance) },

    { ngx_string("compliance_grace"), 1, 1, 0, 2,
      ngx_oscp_directive_set_duration,
      ngx_oscp_member(compliance_grace_ms) },

    { ngx_string("gap_policy"), 1, 1, 0, 2,
      ngx_oscp_directive_set_gap_policy, ngx_oscp_member(gap_policy) },

    { ngx_string("dialect"), 1, 1, 0, 2,
      ngx_oscp_directive_set_dialect, 0, 0 },

    { ngx_string("group"), 1, 8, 1, 9,
      ngx_oscp_directive_set_group, 0, 0 },

    { ngx_null_string, 0, 0, 0, 0, NULL, 0, 0 }
};


const ngx_oscp_directive_t *
ngx_oscp_directive_find(const ngx_str_t *name)
{
    const ngx_oscp_directive_t  *d;

    for (d = ngx_oscp_directives; d->name.len; d++) {
        if (name->len == d->name.len
            && ngx_memcmp(name->data, d->name.data, name->len) == 0)
        {
            return d;
        }
    }

    return NULL;
}


/*
 * Of a line that may hold a secret, in a place where it does not belong too,
 * only what is certainly a name or a path is shown.
 */
u_char *
ngx_oscp_directive_show(ngx_conf_t *cf, const ngx_oscp_directive_t *directive,
    u_char *buf, u_char *last)
{
    u_char      *p;
    ngx_str_t   *args = cf->args->elts;
    ngx_uint_t   i, words, n = cf->args->nelts;

    words = directive ? directive->words : 2;

    if (words == 0) {
        words = (n == 4 && ngx_strcmp(args[1].data, "header") == 0)
                || (n == 3 && ngx_strncmp(args[2].data, "file=", 5) == 0)
                ? 3 : 2;
    }

    for (i = 0, p = buf; i < n && i < words; i++) {
        p = ngx_slprintf(p, last, i ? " %V" : "%V", &args[i]);
    }

    return p;
}


static char *
ngx_oscp_directive_set_profile(ngx_conf_t *cf, ngx_oscp_builder_t *b,
    ngx_str_t *args, const ngx_oscp_directive_t *d)
{
    b->profile = oscp_profile_find((char *) args[1].data, args[1].len);

    return b->profile ? NULL : "must be vector or generic";
}


static char *
ngx_oscp_directive_set_string(ngx_conf_t *cf, ngx_oscp_builder_t *b,
    ngx_str_t *args, const ngx_oscp_directive_t *d)
{
    *(const char **) ((char *) &b->conf + d->offset) = (char *) args[1].data;

    return NULL;
}


static char *
ngx_oscp_directive_set_duration(ngx_conf_t *cf, ngx_oscp_builder_t *b,
    ngx_str_t *args, const ngx_oscp_directive_t *d)
{
    return ngx_oscp_value_duration(&args[1], (int64_t *)
                                             ((char *) &b->conf + d->offset));
}


static char *
ngx_oscp_directive_set_percent(ngx_conf_t *cf, ngx_oscp_builder_t *b,
    ngx_str_t *args, const ngx_oscp_directive_t *d)
{
    return ngx_oscp_value_percent(&args[1], (double *)
                                            ((char *) &b->conf + d->offset));
}


static char *
ngx_oscp_directive_set_measurement(ngx_conf_t *cf, ngx_oscp_builder_t *b,
    ngx_str_t *args, const ngx_oscp_directive_t *d)
{
    int         bit;
    ngx_uint_t  i;

    for (i = 1; i < cf->args->nelts; i++) {
        bit = oscp_measurement_find((char *) args[i].data, args[i].len);

        if (bit < 0 || (b->conf.measurement & (unsigned) bit)) {
            return "must be CONTINUOUS, INTERMITTENT or both";
        }

        b->conf.measurement |= (unsigned) bit;
    }

    return NULL;
}


static char *
ngx_oscp_directive_set_gap_policy(ngx_conf_t *cf, ngx_oscp_builder_t *b,
    ngx_str_t *args, const ngx_oscp_directive_t *d)
{
    int  policy;

    policy = oscp_gap_policy_find((char *) args[1].data, args[1].len);

    if (policy < 0) {
        return "must be safe_default";
    }

    b->conf.gap_policy = policy;

    return NULL;
}


static char *
ngx_oscp_directive_set_dialect(ngx_conf_t *cf, ngx_oscp_builder_t *b,
    ngx_str_t *args, const ngx_oscp_directive_t *d)
{
    if (ngx_strcmp(args[1].data, "strict") == 0) {
        b->strict = 1;
        return NULL;
    }

    if (ngx_strcmp(args[1].data, "lenient") == 0) {
        b->strict = 0;
        return NULL;
    }

    return "must be lenient or strict";
}


static char *
ngx_oscp_directive_set_initiate(ngx_conf_t *cf, ngx_oscp_builder_t *b,
    ngx_str_t *args, const ngx_oscp_directive_t *d)
{
    return ngx_oscp_value_flag(&args[1], (ngx_uint_t *) &b->initiate);
}


static char *
ngx_oscp_directive_set_accept(ngx_conf_t *cf, ngx_oscp_builder_t *b,
    ngx_str_t *args, const ngx_oscp_directive_t *d)
{
    return ngx_oscp_auth_accept(cf, &b->auth, args, cf->args->nelts);
}


/* present token … | present oauth … | present header … */
static char *
ngx_oscp_directive_set_present(ngx_conf_t *cf, ngx_oscp_builder_t *b,
    ngx_str_t *args, const ngx_oscp_directive_t *d)
{
    ngx_uint_t  oauth;

    if (ngx_strcmp(args[1].data, "header") == 0) {
        return ngx_oscp_directive_present_header(cf, b, args);
    }

    oauth = ngx_strcmp(args[1].data, "oauth") == 0;

    if (!oauth && ngx_strcmp(args[1].data, "token") != 0) {
        return "must be \"header\", \"token\" or \"oauth\"";
    }

    if (b->conf.present != OSCP_PRESENT_NONE) {
        return "is a second kind of Authorization";
    }

    b->conf.present = oauth ? OSCP_PRESENT_OAUTH : OSCP_PRESENT_TOKEN;

    return oauth ? ngx_oscp_directive_present_oauth(cf, b, args)
                 : ngx_oscp_directive_present_token(cf, b, args);
}


/* present token file=PATH */
static char *
ngx_oscp_directive_present_token(ngx_conf_t *cf, ngx_oscp_builder_t *b,
    ngx_str_t *args)
{
    ngx_str_t  value;

    if (cf->args->nelts != 3
        || !ngx_oscp_value_named(&args[2], "file=", &value))
    {
        return "must be \"token file=PATH\"";
    }

    return ngx_oscp_value_path(cf, &value, &b->conf.token_file);
}


/*
 * present oauth token_url=URL client_id=ID client_secret_file=PATH [scope=S]
 * [auth=basic|body]
 */
static char *
ngx_oscp_directive_present_oauth(ngx_conf_t *cf, ngx_oscp_builder_t *b,
    ngx_str_t *args)
{
    ngx_str_t     value;
    ngx_uint_t    i;
    const char   *auth = NULL, *secret = NULL, **member;

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_oscp_value_named(&args[i], "token_url=", &value)) {
            member = &b->conf.token_url;

        } else if (ngx_oscp_value_named(&args[i], "client_id=", &value)) {
            member = &b->conf.client_id;

        } else if (ngx_oscp_value_named(&args[i], "client_secret_file=",
                                        &value))
        {
            member = &secret;

        } else if (ngx_oscp_value_named(&args[i], "scope=", &value)) {
            member = &b->conf.scope;

        } else if (ngx_oscp_value_named(&args[i], "auth=", &value)) {
            member = &auth;

        } else {
            return "may only have token_url=, client_id=, "
                   "client_secret_file=, scope= and auth=";
        }

        if (*member) {
            return "has a parameter twice";
        }

        *member = (char *) value.data;
    }

    if (b->conf.token_url == NULL || b->conf.client_id == NULL
        || secret == NULL)
    {
        return "needs token_url=, client_id= and client_secret_file=";
    }

    if (auth && ngx_strcmp(auth, "body") != 0
        && ngx_strcmp(auth, "basic") != 0)
    {
        return "auth= must be basic or body";
    }

    b->conf.auth_body = auth && ngx_strcmp(auth, "body") == 0;

    value.data = (u_char *) secret;
    value.len = ngx_strlen(secret);

    return ngx_oscp_value_path(cf, &value, &b->conf.client_secret_file);
}


/* present header NAME VALUE|file=PATH */
static char *
ngx_oscp_directive_present_header(ngx_conf_t *cf, ngx_oscp_builder_t *b,
    ngx_str_t *args)
{
    char                *rv;
    ngx_str_t            value;
    oscp_header_conf_t  *header;

    if (cf->args->nelts != 4) {
        return "must be \"header NAME VALUE\" or \"header NAME file=PATH\"";
    }

    header = ngx_array_push(&b->headers);
    if (header == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(header, sizeof(oscp_header_conf_t));
    header->name = (char *) args[2].data;

    if (ngx_oscp_value_named(&args[3], "file=", &value)) {
        return ngx_oscp_value_path(cf, &value, &header->file);
    }

    rv = ngx_oscp_value_header(&args[3]);
    header->value = (char *) args[3].data;

    return rv;
}


/* peer_tls [ca=PATH] [cert=PATH key=PATH] */
static char *
ngx_oscp_directive_set_peer_tls(ngx_conf_t *cf, ngx_oscp_builder_t *b,
    ngx_str_t *args, const ngx_oscp_directive_t *d)
{
    char          *rv;
    ngx_str_t      value;
    ngx_uint_t     i;
    const char   **member;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_oscp_value_named(&args[i], "ca=", &value)) {
            member = &b->conf.tls_ca;

        } else if (ngx_oscp_value_named(&args[i], "cert=", &value)) {
            member = &b->conf.tls_cert;

        } else if (ngx_oscp_value_named(&args[i], "key=", &value)) {
            member = &b->conf.tls_key;

        } else {
            return "may only have ca=, cert= and key=";
        }

        if (*member) {
            return "names one of its files twice";
        }

        rv = ngx_oscp_value_path(cf, &value, member);
        if (rv) {
            return rv;
        }
    }

    return NULL;
}


/* peer_path MESSAGE PATH */
static char *
ngx_oscp_directive_set_peer_path(ngx_conf_t *cf, ngx_oscp_builder_t *b,
    ngx_str_t *args, const ngx_oscp_directive_t *d)
{
    int  kind;

    kind = oscp_message_find((char *) args[1].data, args[1].len);

    if (kind < 0) {
        return "must begin with the name of a message";
    }

    if (b->conf.peer_path[kind]) {
        return "is there twice for this message";
    }

    if (args[2].data[0] != '/') {
        return "must end with a path that begins with /";
    }

    b->conf.peer_path[kind] = (char *) args[2].data;

    return NULL;
}


/* group ID [scope=S] [circuit=C] [rated=P] [safe_default=P] … */
static char *
ngx_oscp_directive_set_group(ngx_conf_t *cf, ngx_oscp_builder_t *b,
    ngx_str_t *args, const ngx_oscp_directive_t *d)
{
    char               *rv;
    ngx_str_t           value;
    ngx_uint_t          i;
    oscp_group_conf_t  *group;

    group = ngx_array_push(&b->groups);
    if (group == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(group, sizeof(oscp_group_conf_t));
    group->id = (char *) args[1].data;
    group->asset = group->id;
    group->voltage_v = 230;

    for (i = 2; i < cf->args->nelts; i++) {
        rv = NULL;

        if (ngx_oscp_value_repeated(args, i)) {
            rv = "has a parameter twice";

        } else if (ngx_oscp_value_named(&args[i], "scope=", &value)) {
            group->scope = (char *) value.data;

        } else if (ngx_oscp_value_named(&args[i], "circuit=", &value)) {
            group->circuit = (char *) value.data;

        } else if (ngx_oscp_value_named(&args[i], "asset=", &value)) {
            group->asset = (char *) value.data;

        } else if (ngx_oscp_value_named(&args[i], "rated=", &value)) {
            group->has_rated = 1;
            rv = ngx_oscp_value_power(&value, &group->rated_w)
                 ? "rated= " NGX_OSCP_VALUE_POWER : NULL;

        } else if (ngx_oscp_value_named(&args[i], "safe_default=", &value)) {
            group->has_safe_default = 1;
            rv = ngx_oscp_value_power(&value, &group->safe_default_w)
                 ? "safe_default= " NGX_OSCP_VALUE_POWER : NULL;

        } else if (ngx_oscp_value_named(&args[i], "voltage=", &value)) {
            rv = ngx_oscp_value_voltage(&value, &group->voltage_v);

        } else {
            rv = "has a parameter that is not known: it takes scope=, "
                 "circuit=, rated=, safe_default=, asset= and voltage=";
        }

        if (rv) {
            return rv;
        }
    }

    return NULL;
}
