/*
 * `oscp_measurements`: samples that a site's system delivers by POST, on their
 * way into the stream `meter` (design, sections 3, 5 and 7).  Content phase.
 *
 * Who may deliver is for nginx's own directives (allow, auth_basic,
 * ssl_verify_client …) to say: `accept` is the peer's.
 */

#ifndef NGX_OSCP_MEASUREMENT_H
#define NGX_OSCP_MEASUREMENT_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#define NGX_OSCP_MEASUREMENT_BODY_MAX  1048576     /* bytes */

/* nginx's content handler. */
ngx_int_t ngx_oscp_measurement_handler(ngx_http_request_t *r);

#endif /* NGX_OSCP_MEASUREMENT_H */
