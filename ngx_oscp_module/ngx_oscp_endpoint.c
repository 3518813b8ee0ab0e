/*
 * The content handler of `oscp_endpoint`, and what others share with it.
 *
 * The status table of the contract is two tables here, in its order: what is
 * decided by the head of a request, and what needs its body.  The rest of it
 * is decided by Redis in one round trip; the answer follows its reply.
 */

#include <ngx_config.h>
#include <ngx_core.h>

#include "oscp_name.h"
#include "oscp_segment.h"

#include "ngx_oscp_answer.h"
#include "ngx_oscp_auth.h"
#include "ngx_oscp_body.h"
#include "ngx_oscp_endpoint.h"
#include "ngx_oscp_process.h"

#define NGX_OSCP_ENDPOINT_RETRY_AFTER  "5"    /* seconds */


static ngx_int_t ngx_oscp_endpoint_begin(ngx_http_request_t *r,
    const ngx_oscp_endpoint_service_t *service, ngx_oscp_endpoint_ctx_t **ctx);
static ngx_int_t ngx_oscp_endpoint_find(ngx_http_request_t *r,
    ngx_oscp_endpoint_ctx_t *ctx);
static void ngx_oscp_endpoint_name(ngx_http_request_t *r, ngx_str_t *name);
static ngx_int_t ngx_oscp_endpoint_run(ngx_http_request_t *r,
    ngx_oscp_endpoint_ctx_t *ctx, const ngx_oscp_endpoint_row_t *row);
static void ngx_oscp_endpoint_body_handler(ngx_http_request_t *r);
static ngx_int_t ngx_oscp_endpoint_store(ngx_http_request_t *r,
    ngx_oscp_endpoint_ctx_t *ctx);

static ngx_int_t ngx_oscp_endpoint_check_credentials(ngx_http_request_t *r,
    ngx_oscp_endpoint_ctx_t *ctx, char *text);
static ngx_int_t ngx_oscp_endpoint_check_message(ngx_http_request_t *r,
    ngx_oscp_endpoint_ctx_t *ctx, char *text);
static ngx_int_t ngx_oscp_endpoint_check_ids(ngx_http_request_t *r,
    ngx_oscp_endpoint_ctx_t *ctx, char *text);
static ngx_int_t ngx_oscp_endpoint_check_segment(ngx_http_request_t *r,
    ngx_oscp_endpoint_ctx_t *ctx, char *text);
static ngx_int_t ngx_oscp_endpoint_check_length(ngx_http_request_t *r,
    ngx_oscp_endpoint_ctx_t *ctx, char *text);
static ngx_int_t ngx_oscp_endpoint_check_content(ngx_http_request_t *r,
    ngx_oscp_endpoint_ctx_t *ctx, char *text);
static ngx_int_t ngx_oscp_endpoint_check_group(ngx_http_request_t *r,
    ngx_oscp_endpoint_ctx_t *ctx, char *text);

static void ngx_oscp_endpoint_stored(ngx_oscp_entry_t *entry,
    ngx_oscp_outcome_e outcome);
static void ngx_oscp_endpoint_cleanup(void *data);
static ngx_int_t ngx_oscp_endpoint_accept(ngx_http_request_t *r,
    ngx_oscp_endpoint_ctx_t *ctx, ngx_oscp_result_e result);
static ngx_int_t ngx_oscp_endpoint_refuse(ngx_http_request_t *r,
    ngx_oscp_endpoint_ctx_t *ctx, const ngx_oscp_endpoint_row_t *row,
    const char *text);
static ngx_int_t ngx_oscp_endpoint_refuse_headers(ngx_http_request_t *r,
    ngx_oscp_endpoint_ctx_t *ctx, ngx_uint_t status);
static const ngx_oscp_auth_t *ngx_oscp_endpoint_auth(ngx_http_request_t *r,
    const ngx_oscp_endpoint_ctx_t *ctx);
static void ngx_oscp_endpoint_log(ngx_http_request_t *r,
    ngx_oscp_endpoint_ctx_t *ctx, ngx_uint_t status, const char *text);


extern ngx_module_t  ngx_http_oscp_module;

/* What a CP sends to an FP; `register` comes with its own step. */
static const u_char  ngx_oscp_endpoint_inbound[OSCP_MESSAGE_COUNT] = {
    [OSCP_HANDSHAKE] = 1,
    [OSCP_HANDSHAKE_ACKNOWLEDGE] = 1,
    [OSCP_HEARTBEAT] = 1,
    [OSCP_UPDATE_GROUP_CAPACITY_FORECAST] = 1
};

static const ngx_oscp_endpoint_row_t  ngx_oscp_endpoint_head_rows[] = {

    { NGX_HTTP_UNAUTHORIZED, NGX_OSCP_UNAUTHENTICATED,
      "credentials are missing or wrong",
      ngx_oscp_endpoint_check_credentials },

    { NGX_HTTP_NOT_FOUND, NGX_OSCP_REFUSED,
      "no such message",
      ngx_oscp_endpoint_check_message },

    { NGX_HTTP_NOT_ALLOWED, NGX_OSCP_REFUSED,
      "the method must be POST",
      ngx_oscp_endpoint_check_method },

    { NGX_HTTP_UNSUPPORTED_MEDIA_TYPE, NGX_OSCP_INVALID,
      "Content-Type: must be application/json",
      ngx_oscp_endpoint_check_type },

    { NGX_HTTP_BAD_REQUEST, NGX_OSCP_INVALID, NULL,
      ngx_oscp_endpoint_check_ids },

    { NGX_HTTP_BAD_REQUEST, NGX_OSCP_INVALID, NULL,
      ngx_oscp_endpoint_check_segment },

    { 0, 0, NULL, NULL }
};

static const ngx_oscp_endpoint_row_t  ngx_oscp_endpoint_body_rows[] = {

    { NGX_HTTP_REQUEST_ENTITY_TOO_LARGE, NGX_OSCP_INVALID,
      "the message is too large",
      ngx_oscp_endpoint_check_length },

    { NGX_HTTP_BAD_REQUEST, NGX_OSCP_INVALID, NULL,
      ngx_oscp_endpoint_check_content },

    { NGX_HTTP_NOT_FOUND, NGX_OSCP_REFUSED,
      "$.group_id: must be a group of this connection",
      ngx_oscp_endpoint_check_group },

    { 0, 0, NULL, NULL }
};

static const ngx_oscp_endpoint_service_t  ngx_oscp_endpoint_messages = {
    ngx_oscp_endpoint_find,
    ngx_oscp_endpoint_head_rows,
    ngx_oscp_endpoint_body_rows
};

/* What Redis decides; those that are stored or duplicates are accepted. */
static const ngx_oscp_endpoint_row_t  ngx_oscp_endpoint_outcomes[] = {

    [NGX_OSCP_OUTCOME_REFUSED] = {
      NGX_HTTP_FORBIDDEN, NGX_OSCP_REFUSED,
      "the connection or the group is out of service", NULL },

    [NGX_OSCP_OUTCOME_BACKLOG] = {
      NGX_HTTP_SERVICE_UNAVAILABLE, NGX_OSCP_UNAVAILABLE,
      "too many messages are waiting; try again", NULL },

    [NGX_OSCP_OUTCOME_UNAVAILABLE] = {
      NGX_HTTP_SERVICE_UNAVAILABLE, NGX_OSCP_UNAVAILABLE,
      "the message could not be stored; try again", NULL },

    [NGX_OSCP_OUTCOME_UNREPLICATED] = {
      NGX_HTTP_SERVICE_UNAVAILABLE, NGX_OSCP_UNAVAILABLE,
      "too few replicas have the message; try again", NULL }
};


ngx_int_t
ngx_oscp_endpoint_handler(ngx_http_request_t *r)
{
    return ngx_oscp_endpoint_serve(r, &ngx_oscp_endpoint_messages);
}


ngx_int_t
ngx_oscp_endpoint_serve(ngx_http_request_t *r,
    const ngx_oscp_endpoint_service_t *service)
{
    ngx_int_t                 rc;
    ngx_oscp_endpoint_ctx_t  *ctx;

    if (ngx_oscp_endpoint_begin(r, service, &ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_oscp_endpoint_run(r, ctx, service->head);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    rc = ngx_http_read_client_request_body(r, ngx_oscp_endpoint_body_handler);

    return (rc >= NGX_HTTP_SPECIAL_RESPONSE) ? rc : NGX_DONE;
}


static ngx_int_t
ngx_oscp_endpoint_begin(ngx_http_request_t *r,
    const ngx_oscp_endpoint_service_t *service, ngx_oscp_endpoint_ctx_t **ctx)
{
    *ctx = ngx_pcalloc(r->pool, sizeof(ngx_oscp_endpoint_ctx_t));
    if (*ctx == NULL) {
        return NGX_ERROR;
    }

    (*ctx)->request = r;
    (*ctx)->service = service;
    (*ctx)->kind = -1;
    (*ctx)->result = -1;

    ngx_http_set_ctx(r, *ctx, ngx_http_oscp_module);

    return service->find(r, *ctx);
}


ngx_int_t
ngx_oscp_endpoint_connection(ngx_http_request_t *r,
    const ngx_oscp_connection_t **connection)
{
    ngx_str_t                    name;
    const ngx_oscp_loc_conf_t   *lcf;
    const ngx_oscp_main_conf_t  *mcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_oscp_module);
    *connection = lcf->connection;

    if (*connection == NULL) {
        mcf = ngx_http_get_module_main_conf(r, ngx_http_oscp_module);

        if (ngx_http_complex_value(r, lcf->endpoint, &name) != NGX_OK) {
            return NGX_ERROR;
        }

        *connection = ngx_oscp_conf_connection(mcf, &name);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_oscp_endpoint_find(ngx_http_request_t *r, ngx_oscp_endpoint_ctx_t *ctx)
{
    ngx_str_t  name;

    if (ngx_oscp_endpoint_connection(r, &ctx->connection) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_oscp_endpoint_name(r, &name);
    ctx->kind = oscp_message_find((char *) name.data, name.len);

    if (ctx->kind >= 0 && !ngx_oscp_endpoint_inbound[ctx->kind]) {
        ctx->kind = -1;
    }

    if (ctx->kind >= 0) {
        ctx->message.data = (u_char *) oscp_message_name(ctx->kind);
        ctx->message.len = ngx_strlen(ctx->message.data);
    }

    return NGX_OK;
}


/*
 * What follows the location's prefix, less a slash between them; in other
 * kinds of locations, which have no prefix, what follows the last slash.
 */
static void
ngx_oscp_endpoint_name(ngx_http_request_t *r, ngx_str_t *name)
{
    u_char                          *p;
    ngx_uint_t                       prefix;
    const ngx_oscp_loc_conf_t       *lcf;
    const ngx_http_core_loc_conf_t  *clcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_oscp_module);
    clcf = lcf->location;

    prefix = !clcf->exact_match && !clcf->named;
#if (NGX_PCRE)
    prefix = prefix && clcf->regex == NULL;
#endif

    *name = r->uri;

    if (prefix && r->uri.len >= clcf->name.len
        && ngx_strncmp(r->uri.data, clcf->name.data, clcf->name.len) == 0)
    {
        name->data += clcf->name.len;
        name->len -= clcf->name.len;

        if (name->len && name->data[0] == '/'
            && clcf->name.data[clcf->name.len - 1] != '/')
        {
            name->data++;
            name->len--;
        }

        return;
    }

    for (p = r->uri.data + r->uri.len; p > r->uri.data; p--) {
        if (p[-1] == '/') {
            name->data = p;
            name->len = r->uri.data + r->uri.len - p;
            return;
        }
    }
}


/*
 * The rows in their order.  NGX_DECLINED: all of them passed.  Anything else
 * is what the answer gave.
 */
static ngx_int_t
ngx_oscp_endpoint_run(ngx_http_request_t *r, ngx_oscp_endpoint_ctx_t *ctx,
    const ngx_oscp_endpoint_row_t *row)
{
    char       text[NGX_OSCP_ANSWER_TEXT_SIZE];
    ngx_int_t  rc;

    for ( /* void */ ; row->check; row++) {
        text[0] = '\0';
        rc = row->check(r, ctx, text);

        if (rc == NGX_ERROR) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        if (rc == NGX_DECLINED) {
            return ngx_oscp_endpoint_refuse(r, ctx, row,
                                            text[0] ? text : row->text);
        }
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_oscp_endpoint_check_credentials(ngx_http_request_t *r,
    ngx_oscp_endpoint_ctx_t *ctx, char *text)
{
    const ngx_oscp_auth_t  *auth;

    if (ctx->connection == NULL) {
        ctx->reason = "no such connection";
        return NGX_DECLINED;
    }

    auth = &ctx->connection->auth;
    ngx_oscp_header_scan(r, auth->headers, auth->nheaders, &ctx->headers);

    return ngx_oscp_auth_check(auth, &ctx->headers, &ctx->reason);
}


static ngx_int_t
ngx_oscp_endpoint_check_message(ngx_http_request_t *r,
    ngx_oscp_endpoint_ctx_t *ctx, char *text)
{
    return (ctx->kind >= 0) ? NGX_OK : NGX_DECLINED;
}


ngx_int_t
ngx_oscp_endpoint_check_method(ngx_http_request_t *r,
    ngx_oscp_endpoint_ctx_t *ctx, char *text)
{
    return (r->method == NGX_HTTP_POST) ? NGX_OK : NGX_DECLINED;
}


ngx_int_t
ngx_oscp_endpoint_check_type(ngx_http_request_t *r,
    ngx_oscp_endpoint_ctx_t *ctx, char *text)
{
    u_char     *p, *last;
    ngx_str_t   type;

    static const ngx_str_t  json = ngx_string("application/json");

    if (r->headers_in.content_type == NULL) {
        return NGX_DECLINED;
    }

    type = r->headers_in.content_type->value;

    if (type.len < json.len
        || ngx_strncasecmp(type.data, json.data, json.len) != 0)
    {
        return NGX_DECLINED;
    }

    last = type.data + type.len;

    for (p = type.data + json.len; p < last; p++) {
        if (*p == ';') {
            break;
        }

        if (*p != ' ' && *p != '\t') {
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_oscp_endpoint_check_ids(ngx_http_request_t *r,
    ngx_oscp_endpoint_ctx_t *ctx, char *text)
{
    ngx_str_t                 *request, *correlation;
    const ngx_oscp_headers_t  *found = &ctx->headers;

    request = &ctx->entry.request_id;
    correlation = &ctx->entry.correlation_id;

    if (ngx_oscp_endpoint_take_id(found, NGX_OSCP_HEADER_REQUEST_ID, request)
        != NGX_OK)
    {
        (void) ngx_cpystrn((u_char *) text, (u_char *) "X-Request-ID: must be "
                           "1 to 128 visible ASCII characters, once",
                           NGX_OSCP_ANSWER_TEXT_SIZE);
        return NGX_DECLINED;
    }

    if (found->count[NGX_OSCP_HEADER_CORRELATION_ID] == 0) {
        return NGX_OK;
    }

    if (ngx_oscp_endpoint_take_id(found, NGX_OSCP_HEADER_CORRELATION_ID,
                                  correlation)
        != NGX_OK)
    {
        (void) ngx_cpystrn((u_char *) text, (u_char *) "X-Correlation-ID: must "
                           "be 1 to 128 visible ASCII characters, once",
                           NGX_OSCP_ANSWER_TEXT_SIZE);
        return NGX_DECLINED;
    }

    return NGX_OK;
}


ngx_int_t
ngx_oscp_endpoint_take_id(const ngx_oscp_headers_t *found, ngx_uint_t slot,
    ngx_str_t *id)
{
    const ngx_str_t  *value = &found->value[slot];

    if (found->count[slot] == 1
        && oscp_id_valid((char *) value->data, value->len))
    {
        *id = *value;
        return NGX_OK;
    }

    ngx_str_null(id);

    return NGX_DECLINED;
}


/*
 * A message without a list cannot be a part of one: it would wait for the rest
 * of its set in vain.
 */
static ngx_int_t
ngx_oscp_endpoint_check_segment(ngx_http_request_t *r,
    ngx_oscp_endpoint_ctx_t *ctx, char *text)
{
    ngx_uint_t       slot, empty = 0;
    oscp_err_t       rc;
    oscp_str_t       given[2];
    oscp_error_t     err;
    oscp_segment_t   segment;
    ngx_str_t       *to = &ctx->entry.segment;

    for (slot = 0; slot < 2; slot++) {
        given[slot].data = "";
        given[slot].len = 0;

        if (ctx->headers.count[NGX_OSCP_HEADER_SEGMENT_INDEX + slot]) {
            given[slot].data = (char *) ctx->headers.value[
                NGX_OSCP_HEADER_SEGMENT_INDEX + slot].data;
            given[slot].len = ctx->headers.value[
                NGX_OSCP_HEADER_SEGMENT_INDEX + slot].len;
            empty |= given[slot].len == 0;
        }
    }

    rc = oscp_segment_headers(given[0], given[1], &segment, &err);

    if (rc == OSCP_OK && empty) {
        rc = oscp_error_set(&err, OSCP_ERR_SEMANTIC, "X-Segment-Index",
                            "must be a whole number, like X-Segment-Count");
    }

    if (rc == OSCP_OK
        && (ctx->headers.count[NGX_OSCP_HEADER_SEGMENT_INDEX] > 1
            || ctx->headers.count[NGX_OSCP_HEADER_SEGMENT_COUNT] > 1))
    {
        rc = oscp_error_set(&err, OSCP_ERR_SEMANTIC, "X-Segment-Index",
                            "must be there once, like X-Segment-Count");
    }

    if (rc == OSCP_OK && segment.count > 1
        && ctx->kind != OSCP_UPDATE_GROUP_CAPACITY_FORECAST)
    {
        rc = oscp_error_set(&err, OSCP_ERR_SEMANTIC, "X-Segment-Count",
                            "must be 1 for %s",
                            oscp_message_name(ctx->kind));
    }

    if (rc != OSCP_OK) {
        (void) oscp_error_format(&err, text, NGX_OSCP_ANSWER_TEXT_SIZE);
        return NGX_DECLINED;
    }

    if (segment.count) {
        to->data = ctx->segment;
        to->len = ngx_snprintf(ctx->segment, sizeof(ctx->segment), "%ud/%ud",
                               segment.index, segment.count)
                  - ctx->segment;
    }

    return NGX_OK;
}


static void
ngx_oscp_endpoint_body_handler(ngx_http_request_t *r)
{
    ngx_int_t                 rc;
    ngx_oscp_endpoint_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_oscp_module);
    ctx->body_read = 1;

    rc = ngx_oscp_endpoint_run(r, ctx, ctx->service->body);

    if (rc == NGX_DECLINED) {
        rc = ngx_oscp_endpoint_store(r, ctx);
    }

    /* An answer that the client takes slowly gives NGX_AGAIN as well. */
    if (!ctx->entry.waiting) {
        ngx_http_finalize_request(r, rc);
        return;
    }

    /*
     * The reference that reading the body took is kept until Redis answers,
     * which may be in here.
     */
    ngx_oscp_ingest_push(&ngx_oscp_process_get()->ingest);
}


static ngx_int_t
ngx_oscp_endpoint_check_length(ngx_http_request_t *r,
    ngx_oscp_endpoint_ctx_t *ctx, char *text)
{
    return ngx_oscp_body_get(r, &ctx->entry.body);
}


static ngx_int_t
ngx_oscp_endpoint_check_content(ngx_http_request_t *r,
    ngx_oscp_endpoint_ctx_t *ctx, char *text)
{
    ngx_time_t           *now;
    oscp_error_t          err;
    oscp_message_t        m;
    ngx_oscp_entry_t     *entry = &ctx->entry;
    oscp_read_options_t   options = ctx->connection->read;

    now = ngx_timeofday();
    entry->at = (oscp_ms_t) now->sec * 1000 + now->msec;
    options.now_ms = entry->at;

    oscp_message_init(&m, ctx->kind);

    if (oscp_read(&m, (char *) entry->body.data, entry->body.len, &options,
                  &err)
        != OSCP_OK)
    {
        (void) oscp_error_format(&err, text, NGX_OSCP_ANSWER_TEXT_SIZE);
        return NGX_DECLINED;
    }

    if (ctx->kind != OSCP_UPDATE_GROUP_CAPACITY_FORECAST) {
        return NGX_OK;
    }

    ctx->group.len = ngx_strlen(m.group_id);
    ctx->group.data = ngx_pnalloc(r->pool, ctx->group.len + 1);
    if (ctx->group.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(ctx->group.data, m.group_id, ctx->group.len + 1);

    return NGX_OK;
}


static ngx_int_t
ngx_oscp_endpoint_check_group(ngx_http_request_t *r,
    ngx_oscp_endpoint_ctx_t *ctx, char *text)
{
    if (ctx->kind != OSCP_UPDATE_GROUP_CAPACITY_FORECAST) {
        return NGX_OK;
    }

    ctx->entry.group = ngx_oscp_connection_group(ctx->connection, &ctx->group);

    return ctx->entry.group ? NGX_OK : NGX_DECLINED;
}


/* `entry.waiting`: the answer follows; else what the answer gave. */
static ngx_int_t
ngx_oscp_endpoint_store(ngx_http_request_t *r, ngx_oscp_endpoint_ctx_t *ctx)
{
    ngx_oscp_process_t             *process;
    ngx_http_cleanup_t             *cln;
    const ngx_oscp_endpoint_row_t  *row;

    ctx->entry.connection = ctx->connection;
    ctx->entry.kind = ctx->kind;
    ctx->entry.handler = ngx_oscp_endpoint_stored;
    ctx->entry.data = ctx;

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_oscp_endpoint_cleanup;
    cln->data = ctx;

    process = ngx_oscp_process_get();

    if (process == NULL
        || ngx_oscp_ingest_submit(&process->ingest, &ctx->entry) != NGX_OK)
    {
        row = &ngx_oscp_endpoint_outcomes[NGX_OSCP_OUTCOME_UNAVAILABLE];
        return ngx_oscp_endpoint_refuse(r, ctx, row, row->text);
    }

    /* While Redis is asked nothing of the client's connection matters. */
    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    return NGX_AGAIN;
}


/* The request ends before Redis has answered: its reply will find nobody. */
static void
ngx_oscp_endpoint_cleanup(void *data)
{
    ngx_oscp_process_t       *process = ngx_oscp_process_get();
    ngx_oscp_endpoint_ctx_t  *ctx = data;

    if (process) {
        ngx_oscp_ingest_cancel(&process->ingest, &ctx->entry);
    }
}


static void
ngx_oscp_endpoint_stored(ngx_oscp_entry_t *entry, ngx_oscp_outcome_e outcome)
{
    ngx_int_t                       rc;
    ngx_connection_t               *c;
    ngx_http_request_t             *r;
    ngx_oscp_endpoint_ctx_t        *ctx = entry->data;
    const ngx_oscp_endpoint_row_t  *row;

    r = ctx->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    if (outcome == NGX_OSCP_OUTCOME_STORED) {
        rc = ngx_oscp_endpoint_accept(r, ctx, NGX_OSCP_STORED);

    } else if (outcome == NGX_OSCP_OUTCOME_DUPLICATE) {
        rc = ngx_oscp_endpoint_accept(r, ctx, NGX_OSCP_DUPLICATE);

    } else {
        row = &ngx_oscp_endpoint_outcomes[outcome];
        rc = ngx_oscp_endpoint_refuse(r, ctx, row, row->text);
    }

    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}


static ngx_int_t
ngx_oscp_endpoint_accept(ngx_http_request_t *r, ngx_oscp_endpoint_ctx_t *ctx,
    ngx_oscp_result_e result)
{
    ctx->result = result;
    ngx_oscp_counter_count(ctx->connection->counter, result);

    return ngx_oscp_answer_empty(r);
}


static ngx_int_t
ngx_oscp_endpoint_refuse(ngx_http_request_t *r, ngx_oscp_endpoint_ctx_t *ctx,
    const ngx_oscp_endpoint_row_t *row, const char *text)
{
    ngx_int_t  rc;

    ctx->result = row->result;

    if (ctx->connection) {
        ngx_oscp_counter_count(ctx->connection->counter, row->result);
    }

    ngx_oscp_endpoint_log(r, ctx, row->status, text);

    if (!ctx->body_read) {
        rc = ngx_http_discard_request_body(r);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (ngx_oscp_endpoint_refuse_headers(r, ctx, row->status) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_oscp_answer_error(r, row->status, text);
}


static ngx_int_t
ngx_oscp_endpoint_refuse_headers(ngx_http_request_t *r,
    ngx_oscp_endpoint_ctx_t *ctx, ngx_uint_t status)
{
    switch (status) {

    case NGX_HTTP_UNAUTHORIZED:
        return ngx_oscp_auth_challenge(r, ngx_oscp_endpoint_auth(r, ctx));

    case NGX_HTTP_NOT_ALLOWED:
        return ngx_oscp_answer_header(r, "Allow", "POST");

    case NGX_HTTP_SERVICE_UNAVAILABLE:
        return ngx_oscp_answer_header(r, "Retry-After",
                                      NGX_OSCP_ENDPOINT_RETRY_AFTER);

    default:
        return NGX_OK;
    }
}


/*
 * What a 401 answers for: of a connection that is not known, what the first
 * one demands, so that the answer does not tell known names from others where
 * all demand alike.
 */
static const ngx_oscp_auth_t *
ngx_oscp_endpoint_auth(ngx_http_request_t *r,
    const ngx_oscp_endpoint_ctx_t *ctx)
{
    ngx_oscp_connection_t       **first;
    const ngx_oscp_main_conf_t   *mcf;

    if (ctx->connection) {
        return &ctx->connection->auth;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_http_oscp_module);
    first = mcf->connections.elts;

    return mcf->connections.nelts ? &first[0]->auth : NULL;
}


/*
 * One line per refusal: the answer does not say why a peer does not get in, so
 * this must.  While Redis is away, which is logged once, at info only.  Of what
 * came from outside it holds only a request id that has passed its check, and
 * texts that oscp_error_set() has cleaned.
 */
static void
ngx_oscp_endpoint_log(ngx_http_request_t *r, ngx_oscp_endpoint_ctx_t *ctx,
    ngx_uint_t status, const char *text)
{
    ngx_str_t   unknown = ngx_string("-"), *name, *id, *message;
    ngx_uint_t  level;

    name = ctx->connection ? (ngx_str_t *) &ctx->connection->node.str
                           : &unknown;
    id = ctx->entry.request_id.len ? &ctx->entry.request_id : &unknown;
    message = ctx->message.len ? &ctx->message : &unknown;

    level = status < NGX_HTTP_INTERNAL_SERVER_ERROR ? NGX_LOG_NOTICE
                                                    : NGX_LOG_INFO;

    ngx_log_error(level, r->connection->log, 0,
                  "oscp: answered %ui to %V of connection %V, request id %V: "
                  "%s%s%s", status, message, name, id, text,
                  ctx->reason ? ": " : "", ctx->reason ? ctx->reason : "");
}
