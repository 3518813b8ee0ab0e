/*
 * `oscp_status`: what nginx knows and what Redis says of every connection, as
 * JSON (design, sections 4 and 10).
 *
 *   { "version": "0.1.0", "redis": "up", "shards": 1, "backlog": 0,
 *     "configuration": "0123456789abcdef",
 *     "connections": [
 *       { "name": "vector", "profile": "vector", "groups": 1,
 *         "state": "online", "since": "…", "enabled": true,
 *         "heartbeat_received_at": "…", "offline_mode_at": "…",
 *         "last_error": null,
 *         "messages": { "stored": 12, "duplicate": 0, … } } ] }
 *
 * What Redis does not know is null.  "redis" is "up", "connecting" or "down";
 * unless it is up, everything that Redis says is null.
 */

#ifndef NGX_OSCP_STATUS_H
#define NGX_OSCP_STATUS_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

/* nginx's content handler: GET and HEAD. */
ngx_int_t ngx_oscp_status_handler(ngx_http_request_t *r);

#endif /* NGX_OSCP_STATUS_H */
