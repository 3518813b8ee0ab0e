/*
 * The request for an access token (RFC 6749, sections 2.3.1 and 4.4.2).
 */

#ifndef WORKER_OAUTH_REQUEST_H
#define WORKER_OAUTH_REQUEST_H

#include "buffer.h"
#include "oscp_config.h"
#include "present.h"

/*
 * Adds the form to `body`, and to `lines` its type and, unless the connection
 * says auth=body, the Basic credentials.  The caller wipes both.  Returns 0, or
 * -1 without memory.
 */
int worker_oauth_request_make(const oscp_connection_conf_t *conf,
    const char *secret, struct worker_buffer *body,
    struct worker_present_lines *lines);

#endif /* WORKER_OAUTH_REQUEST_H */
