/*
 * Answers: a status, and for errors OSCP's own Error as the body (design,
 * section 3).
 */

#ifndef NGX_OSCP_ANSWER_H
#define NGX_OSCP_ANSWER_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#define NGX_OSCP_ANSWER_TEXT_SIZE  512      /* of a message, NUL included */

/*
 * The three send a whole response and return what nginx's filters gave, to be
 * given to ngx_http_finalize_request().
 */

/* 204, nothing else. */
ngx_int_t ngx_oscp_answer_empty(ngx_http_request_t *r);

/* `status` with {"message": "TEXT"}. */
ngx_int_t ngx_oscp_answer_error(ngx_http_request_t *r, ngx_uint_t status,
    const char *text);

/* 200 with JSON in `body`, which must live until the request ends. */
ngx_int_t ngx_oscp_answer_json(ngx_http_request_t *r, const ngx_str_t *body);

/* The same, with that status. */
ngx_int_t ngx_oscp_answer_status(ngx_http_request_t *r, ngx_uint_t status,
    const ngx_str_t *body);

/* Adds WWW-Authenticate, a static string.  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_oscp_answer_challenge(ngx_http_request_t *r, const char *value);

/* Adds a header line of two static strings.  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_oscp_answer_header(ngx_http_request_t *r, const char *name,
    const char *value);

#endif /* NGX_OSCP_ANSWER_H */
