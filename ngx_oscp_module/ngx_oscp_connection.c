/*
 * The block `oscp_connection NAME { … }`: what its directives say is gathered
 * in a builder, put over the profile's defaults when the block ends, and
 * checked as a whole by oscp_config_check().
 */

#include "ngx_oscp_connection.h"
#include "ngx_oscp_directive.h"

#include "oscp_key.h"

#define NGX_OSCP_CONNECTION_LINE_MAX  512   /* bytes of a line in a message */

static char *ngx_oscp_connection_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_oscp_connection_note(ngx_conf_t *cf, ngx_oscp_builder_t *b,
    const ngx_oscp_directive_t *directive);
static char *ngx_oscp_connection_wrong(ngx_conf_t *cf, ngx_oscp_builder_t *b,
    const char *mistake);

static ngx_oscp_connection_t *ngx_oscp_connection_build(ngx_conf_t *cf,
    ngx_oscp_builder_t *b);
static const oscp_group_conf_t *ngx_oscp_connection_misnamed(
    const oscp_connection_conf_t *conf);
static char *ngx_oscp_connection_check(ngx_conf_t *cf, ngx_oscp_builder_t *b,
    const ngx_oscp_connection_t *connection);
static void ngx_oscp_connection_report(ngx_conf_t *cf, ngx_uint_t level,
    ngx_oscp_builder_t *b, const oscp_error_t *err);
static void ngx_oscp_connection_file(ngx_conf_t *cf,
    const oscp_connection_conf_t *conf, const char *directive,
    const char *file);
static void ngx_oscp_connection_files(ngx_conf_t *cf,
    const oscp_connection_conf_t *conf);
static ngx_int_t ngx_oscp_connection_document(ngx_conf_t *cf,
    ngx_oscp_connection_t *connection);
static ngx_int_t ngx_oscp_connection_keys(ngx_conf_t *cf,
    ngx_oscp_connection_t *connection, const ngx_str_t *prefix);
static ngx_int_t ngx_oscp_connection_groups(ngx_conf_t *cf,
    ngx_oscp_connection_t *connection, const ngx_str_t *prefix);
static ngx_int_t ngx_oscp_connection_copy(ngx_conf_t *cf, const char *key,
    size_t len, ngx_str_t *copy);


char *
ngx_oscp_connection_parse(ngx_conf_t *cf, const ngx_str_t *name,
    ngx_oscp_connection_t **connection)
{
    char                *rv;
    ngx_conf_t           save;
    ngx_oscp_builder_t  *b;

    b = ngx_pcalloc(cf->temp_pool, sizeof(ngx_oscp_builder_t));
    if (b == NULL) {
        return NGX_CONF_ERROR;
    }

    b->name = *name;
    b->strict = NGX_CONF_UNSET;
    b->initiate = NGX_CONF_UNSET;

    if (ngx_array_init(&b->lines, cf->temp_pool, 16, sizeof(ngx_oscp_line_t))
        != NGX_OK
        || ngx_array_init(&b->headers, cf->pool, 4, sizeof(oscp_header_conf_t))
           != NGX_OK
        || ngx_array_init(&b->groups, cf->pool, 4, sizeof(oscp_group_conf_t))
           != NGX_OK
        || ngx_oscp_auth_init(&b->auth, cf->pool, name) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    save = *cf;
    cf->handler = ngx_oscp_connection_directive;
    cf->handler_conf = (void *) b;

    rv = ngx_conf_parse(cf, NULL);

    *cf = save;

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    *connection = ngx_oscp_connection_build(cf, b);
    if (*connection == NULL) {
        return NGX_CONF_ERROR;
    }

    return ngx_oscp_connection_check(cf, b, *connection);
}


/* One directive of the block. */
static char *
ngx_oscp_connection_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char                        *rv;
    ngx_str_t                   *args = cf->args->elts;
    ngx_uint_t                   n = cf->args->nelts - 1;
    ngx_oscp_builder_t          *b = conf;
    const ngx_oscp_directive_t  *directive;

    if (ngx_strcmp(args[0].data, "include") == 0) {
        return (n == 1) ? ngx_conf_include(cf, cmd, conf)
                        : ngx_oscp_connection_wrong(cf, b, "needs one value");
    }

    directive = ngx_oscp_directive_find(&args[0]);

    if (directive == NULL) {
        return ngx_oscp_connection_wrong(cf, b, "is not known");
    }

    if (n < directive->min || n > directive->max) {
        return ngx_oscp_connection_wrong(cf, b,
                                         "has a wrong number of values");
    }

    rv = ngx_oscp_connection_note(cf, b, directive);

    if (rv == NULL) {
        rv = directive->set(cf, b, args, directive);
    }

    if (rv == NULL || rv == NGX_CONF_ERROR) {
        return rv;
    }

    return ngx_oscp_connection_wrong(cf, b, rv);
}


/* Keeps the line for later messages; what comes twice ends here. */
static char *
ngx_oscp_connection_note(ngx_conf_t *cf, ngx_oscp_builder_t *b,
    const ngx_oscp_directive_t *directive)
{
    u_char           *p, text[NGX_OSCP_CONNECTION_LINE_MAX];
    ngx_uint_t        i;
    ngx_oscp_line_t  *line;

    line = b->lines.elts;

    for (i = 0; i < b->lines.nelts; i++) {
        if (line[i].directive == directive && !directive->many) {
            return "is there twice";
        }
    }

    line = ngx_array_push(&b->lines);
    if (line == NULL) {
        return NGX_CONF_ERROR;
    }

    p = ngx_oscp_directive_show(cf, directive, text, text + sizeof(text));

    line->directive = directive;
    line->file = cf->conf_file;
    line->line = cf->conf_file->line;
    line->text.len = p - text;
    line->text.data = ngx_pnalloc(cf->temp_pool, line->text.len + 1);
    if (line->text.data == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memcpy(line->text.data, text, line->text.len);

    return NULL;
}


/* Says what is wrong with the directive at hand, and what it said. */
static char *
ngx_oscp_connection_wrong(ngx_conf_t *cf, ngx_oscp_builder_t *b,
    const char *mistake)
{
    u_char     *p, text[NGX_OSCP_CONNECTION_LINE_MAX];
    ngx_str_t  *args = cf->args->elts;

    p = ngx_oscp_directive_show(cf, ngx_oscp_directive_find(&args[0]), text,
                                text + sizeof(text));

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"%*s\" %s, in oscp_connection \"%V\"",
                       (size_t) (p - text), text, mistake, &b->name);

    return NGX_CONF_ERROR;
}


/* What was given is put over the profile's defaults. */
static ngx_oscp_connection_t *
ngx_oscp_connection_build(ngx_conf_t *cf, ngx_oscp_builder_t *b)
{
    ngx_uint_t                   i;
    ngx_oscp_line_t             *line;
    oscp_connection_conf_t      *conf;
    ngx_oscp_connection_t       *connection;
    const ngx_oscp_directive_t  *d;

    connection = ngx_pcalloc(cf->pool, sizeof(ngx_oscp_connection_t));
    if (connection == NULL) {
        return NULL;
    }

    if (b->profile == NULL) {
        b->profile = oscp_profile_find("generic", sizeof("generic") - 1);
    }

    conf = &connection->conf;
    oscp_config_defaults(conf, b->profile);

    line = b->lines.elts;

    for (i = 0; i < b->lines.nelts; i++) {
        d = line[i].directive;
        ngx_memcpy((char *) conf + d->offset, (char *) &b->conf + d->offset,
                   d->size);
    }

    if (b->strict != NGX_CONF_UNSET) {
        conf->strict = b->strict;
    }

    if (b->initiate != NGX_CONF_UNSET) {
        conf->initiate_handshake = b->initiate;
    }

    conf->name = (char *) b->name.data;
    conf->present = b->conf.present;
    conf->token_file = b->conf.token_file;
    conf->token_url = b->conf.token_url;
    conf->client_id = b->conf.client_id;
    conf->client_secret_file = b->conf.client_secret_file;
    conf->scope = b->conf.scope;
    conf->auth_body = b->conf.auth_body;
    conf->tls_ca = b->conf.tls_ca;
    conf->tls_cert = b->conf.tls_cert;
    conf->tls_key = b->conf.tls_key;
    ngx_memcpy(conf->peer_path, b->conf.peer_path, sizeof(conf->peer_path));

    conf->headers = b->headers.elts;
    conf->nheaders = b->headers.nelts;
    conf->groups = b->groups.elts;
    conf->ngroups = b->groups.nelts;

    connection->node.str = b->name;
    connection->auth = b->auth;
    connection->read.strict = conf->strict;
    connection->read.intermittent = b->profile->intermittent;

    return connection;
}


/*
 * A group whose id its profile forbids.  oscp_config_check() finds it as well,
 * but cannot tell which one it is.
 */
static const oscp_group_conf_t *
ngx_oscp_connection_misnamed(const oscp_connection_conf_t *conf)
{
    size_t  i;

    for (i = 0; i < conf->ngroups; i++) {
        if (!oscp_name_valid(conf->groups[i].id, strlen(conf->groups[i].id),
                             conf->profile->group_class))
        {
            return &conf->groups[i];
        }
    }

    return NULL;
}


static char *
ngx_oscp_connection_check(ngx_conf_t *cf, ngx_oscp_builder_t *b,
    const ngx_oscp_connection_t *connection)
{
    char                      path[OSCP_ERROR_PATH_LEN];
    oscp_error_t              err;
    const oscp_group_conf_t  *group;

    group = ngx_oscp_connection_misnamed(&connection->conf);

    if (ngx_oscp_auth_empty(&connection->auth)) {
        oscp_error_set(&err, OSCP_ERR_SEMANTIC, "accept",
                       "must be there at least once");

    } else if (group) {
        (void) snprintf(path, sizeof(path), "group %s", group->id);
        oscp_error_set(&err, OSCP_ERR_SEMANTIC, path,
                       b->profile->group_class == OSCP_NAME_ALNUM
                       ? "must have an id of 1 to 64 letters and digits"
                       : "must have an id of 1 to 64 visible characters but "
                         ": { }");

    } else if (oscp_config_check(&connection->conf, &err) == OSCP_OK) {
        if (oscp_config_warning(&connection->conf, &err)) {
            ngx_oscp_connection_report(cf, NGX_LOG_WARN, b, &err);
        }

        ngx_oscp_connection_files(cf, &connection->conf);

        return NGX_CONF_OK;
    }

    ngx_oscp_connection_report(cf, NGX_LOG_EMERG, b, &err);

    return NGX_CONF_ERROR;
}


static void
ngx_oscp_connection_file(ngx_conf_t *cf, const oscp_connection_conf_t *conf,
    const char *directive, const char *file)
{
    if (file != NULL && access(file, F_OK) == -1 && ngx_errno == NGX_ENOENT) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "in oscp_connection \"%s\": \"%s\" names the file "
                           "\"%s\", which does not exist here",
                           conf->name, directive, file);
    }
}


/*
 * Files that the worker reads, which may be on another machine or not written
 * yet: one that is not there is worth a word, but no error.
 */
static void
ngx_oscp_connection_files(ngx_conf_t *cf, const oscp_connection_conf_t *conf)
{
    size_t  i;

    struct {
        const char  *directive;
        const char  *file;
    } files[] = {
        { "present token", conf->token_file },
        { "present oauth", conf->client_secret_file },
        { "peer_tls", conf->tls_ca },
        { "peer_tls", conf->tls_cert },
        { "peer_tls", conf->tls_key }
    };

    for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        ngx_oscp_connection_file(cf, conf, files[i].directive, files[i].file);
    }

    for (i = 0; i < conf->nheaders; i++) {
        ngx_oscp_connection_file(cf, conf, "present header",
                                 conf->headers[i].file);
    }
}


/*
 * The error names a directive ("group DEPOT01"); the line that says so tells
 * the value, and where it stands.
 */
static void
ngx_oscp_connection_report(ngx_conf_t *cf, ngx_uint_t level,
    ngx_oscp_builder_t *b, const oscp_error_t *err)
{
    size_t            len;
    ngx_str_t         text;
    ngx_uint_t        i, at;
    ngx_oscp_line_t  *line;

    len = ngx_strlen(err->path);
    text.data = (u_char *) err->path;
    text.len = len;
    at = cf->conf_file->line;

    line = b->lines.elts;

    for (i = 0; i < b->lines.nelts; i++) {
        if (line[i].text.len >= len
            && ngx_memcmp(line[i].text.data, err->path, len) == 0
            && (line[i].text.len == len || line[i].text.data[len] == ' '))
        {
            text = line[i].text;
            if (line[i].file == cf->conf_file) {
                cf->conf_file->line = line[i].line;
            }
            break;
        }
    }

    ngx_conf_log_error(level, cf, 0, "\"%V\" %s, in oscp_connection \"%V\"",
                       &text, err->text, &b->name);

    cf->conf_file->line = at;
}


ngx_int_t
ngx_oscp_connection_finish(ngx_conf_t *cf, ngx_oscp_connection_t *connection,
    const ngx_str_t *prefix, ngx_uint_t shards)
{
    const ngx_str_t  *name = &connection->node.str;

    connection->shard = oscp_key_shard((char *) name->data, name->len, shards);

    if (ngx_oscp_connection_document(cf, connection) != NGX_OK
        || ngx_oscp_connection_keys(cf, connection, prefix) != NGX_OK
        || ngx_oscp_connection_groups(cf, connection, prefix) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_oscp_connection_document(ngx_conf_t *cf, ngx_oscp_connection_t *connection)
{
    size_t  len;
    char   *document;

    len = oscp_config_write(&connection->conf, NULL, 0);

    document = ngx_pnalloc(cf->pool, len + 1);
    if (document == NULL) {
        return NGX_ERROR;
    }

    (void) oscp_config_write(&connection->conf, document, len + 1);

    connection->document.data = (u_char *) document;
    connection->document.len = len;

    return NGX_OK;
}


/* A request's own id is all that is missing in the `seen` keys. */
static ngx_int_t
ngx_oscp_connection_keys(ngx_conf_t *cf, ngx_oscp_connection_t *connection,
    const ngx_str_t *prefix)
{
    int      kind;
    char     key[OSCP_KEY_SIZE];
    size_t   len;

    len = oscp_key(key, sizeof(key), (char *) prefix->data, connection->shard,
                   "conn", connection->conf.name, NULL);

    if (ngx_oscp_connection_copy(cf, key, len, &connection->key) != NGX_OK) {
        return NGX_ERROR;
    }

    for (kind = 0; kind < OSCP_MESSAGE_COUNT; kind++) {
        len = oscp_key(key, sizeof(key), (char *) prefix->data,
                       connection->shard, "seen", connection->conf.name,
                       oscp_message_name(kind), "", NULL);

        if (ngx_oscp_connection_copy(cf, key, len, &connection->seen[kind])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    len = oscp_key(key, sizeof(key), (char *) prefix->data, connection->shard,
                   "seen", connection->conf.name, NGX_OSCP_CONNECTION_SAMPLES,
                   "", NULL);

    return ngx_oscp_connection_copy(cf, key, len, &connection->seen_samples);
}


static ngx_int_t
ngx_oscp_connection_groups(ngx_conf_t *cf, ngx_oscp_connection_t *connection,
    const ngx_str_t *prefix)
{
    char               key[OSCP_KEY_SIZE];
    size_t             i, len;
    ngx_oscp_group_t  *group;

    ngx_rbtree_init(&connection->groups, &connection->sentinel,
                    ngx_str_rbtree_insert_value);

    group = ngx_pcalloc(cf->pool, connection->conf.ngroups
                                  * sizeof(ngx_oscp_group_t));
    if (group == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < connection->conf.ngroups; i++) {
        group[i].conf = &connection->conf.groups[i];
        group[i].node.str.data = (u_char *) group[i].conf->id;
        group[i].node.str.len = ngx_strlen(group[i].conf->id);
        group[i].node.node.key = ngx_crc32_short(group[i].node.str.data,
                                                 group[i].node.str.len);

        len = oscp_key(key, sizeof(key), (char *) prefix->data,
                       connection->shard, "group", connection->conf.name,
                       group[i].conf->id, NULL);

        if (ngx_oscp_connection_copy(cf, key, len, &group[i].key) != NGX_OK) {
            return NGX_ERROR;
        }

        ngx_rbtree_insert(&connection->groups, &group[i].node.node);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_oscp_connection_copy(ngx_conf_t *cf, const char *key, size_t len,
    ngx_str_t *copy)
{
    if (len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"oscp_prefix\" makes keys that are too long");
        return NGX_ERROR;
    }

    copy->data = ngx_pnalloc(cf->pool, len);
    if (copy->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(copy->data, key, len);
    copy->len = len;

    return NGX_OK;
}


const ngx_oscp_group_t *
ngx_oscp_connection_group(const ngx_oscp_connection_t *connection,
    const ngx_str_t *id)
{
    uint32_t    hash;
    ngx_str_t   name = *id;

    hash = ngx_crc32_short(name.data, name.len);

    return (const ngx_oscp_group_t *)
               ngx_str_rbtree_lookup((ngx_rbtree_t *) &connection->groups,
                                     &name, hash);
}
