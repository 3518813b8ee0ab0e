/*
 * Commands as Redis reads them (RESP), from a list of arguments.  Every
 * argument goes with its length: whatever bytes it has, it stays one.
 */

#ifndef NGX_OSCP_RESP_H
#define NGX_OSCP_RESP_H

#include <ngx_config.h>
#include <ngx_core.h>

/* A buffer that is used again for every command; zeroed by the caller. */
typedef struct {
    u_char  *data;
    size_t   len;                       /* of the command in it */
    size_t   size;
} ngx_oscp_resp_t;

/*
 * Writes a command of `n` arguments into the buffer, over the one before.
 * Returns NGX_OK or NGX_ERROR (no memory).
 */
ngx_int_t ngx_oscp_resp_encode(ngx_oscp_resp_t *resp, int n,
    const char *const *values, const size_t *lens);

/* Overwrites and frees the buffer: for a command that held a password. */
void ngx_oscp_resp_wipe(ngx_oscp_resp_t *resp);

#endif /* NGX_OSCP_RESP_H */
