/*
 * Forms (application/x-www-form-urlencoded), and HTTP's Basic credentials, as
 * RFC 6749 uses both on a token endpoint.
 */

#ifndef NGX_OSCP_FORM_H
#define NGX_OSCP_FORM_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#define NGX_OSCP_FORM_PARAMETERS_MAX  32

typedef struct {
    ngx_str_t  name;
    ngx_str_t  value;
} ngx_oscp_form_parameter_t;

typedef struct {
    ngx_uint_t                 n;
    ngx_oscp_form_parameter_t  parameters[NGX_OSCP_FORM_PARAMETERS_MAX];
} ngx_oscp_form_t;

/* A client's name and secret; `raw_*`: before they were form-decoded. */
typedef struct {
    ngx_str_t  id;
    ngx_str_t  secret;
    ngx_str_t  raw_id;
    ngx_str_t  raw_secret;
} ngx_oscp_form_client_t;

/*
 * Reads a form; the bytes of `text` are decoded in place and pointed to.
 * Returns NULL, or what is wrong: an escape, a name that comes twice, too many
 * parameters.
 */
const char *ngx_oscp_form_parse(ngx_oscp_form_t *form, ngx_str_t *text);

/* The value of a parameter; empty when it is absent or has none. */
ngx_str_t ngx_oscp_form_get(const ngx_oscp_form_t *form, const char *name);

/*
 * Reads what follows "Basic ".  The memory is of `pool`, overwritten when that
 * goes.  Returns NGX_OK, NGX_DECLINED (no base64, no colon) or NGX_ERROR.
 */
ngx_int_t ngx_oscp_form_basic(ngx_pool_t *pool, const ngx_str_t *credentials,
    ngx_oscp_form_client_t *client);

#endif /* NGX_OSCP_FORM_H */
