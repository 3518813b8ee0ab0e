/*
 * Commands for Redis.  hiredis can format them as well; at some twenty short
 * arguments for each message that took a third of all instructions that nginx
 * spent on a heartbeat.
 */

#include "ngx_oscp_resp.h"

#include <openssl/crypto.h>

#define NGX_OSCP_RESP_SIZE_MIN   16384
#define NGX_OSCP_RESP_SIZE_KEPT  1048576    /* a larger buffer is used once */

/* "$", the length, and two line ends. */
#define NGX_OSCP_RESP_AROUND     (NGX_SIZE_T_LEN + 5)


static ngx_int_t ngx_oscp_resp_room(ngx_oscp_resp_t *resp, size_t size);
static u_char *ngx_oscp_resp_line(u_char *p, u_char type, size_t n);


ngx_int_t
ngx_oscp_resp_encode(ngx_oscp_resp_t *resp, int n, const char *const *values,
    const size_t *lens)
{
    int      i;
    u_char  *p;
    size_t   size;

    size = NGX_OSCP_RESP_AROUND + 1;

    for (i = 0; i < n; i++) {
        size += lens[i] + NGX_OSCP_RESP_AROUND;
    }

    if (ngx_oscp_resp_room(resp, size) != NGX_OK) {
        return NGX_ERROR;
    }

    p = ngx_oscp_resp_line(resp->data, '*', n);

    for (i = 0; i < n; i++) {
        p = ngx_oscp_resp_line(p, '$', lens[i]);

        if (lens[i]) {
            p = ngx_cpymem(p, values[i], lens[i]);
        }

        *p++ = CR;
        *p++ = LF;
    }

    /* hiredis looks behind the first argument, also where there is no other. */
    *p = '\0';

    resp->len = p - resp->data;

    return NGX_OK;
}


static ngx_int_t
ngx_oscp_resp_room(ngx_oscp_resp_t *resp, size_t size)
{
    if (size <= resp->size
        && (size > NGX_OSCP_RESP_SIZE_KEPT
            || resp->size <= NGX_OSCP_RESP_SIZE_KEPT))
    {
        return NGX_OK;
    }

    if (resp->data) {
        ngx_free(resp->data);
    }

    resp->size = ngx_max(size, NGX_OSCP_RESP_SIZE_MIN);
    resp->data = ngx_alloc(resp->size, ngx_cycle->log);

    if (resp->data == NULL) {
        resp->size = 0;
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* "$12\r\n" */
static u_char *
ngx_oscp_resp_line(u_char *p, u_char type, size_t n)
{
    u_char   digits[NGX_SIZE_T_LEN], *digit;

    digit = digits + sizeof(digits);

    do {
        *--digit = '0' + n % 10;
        n /= 10;
    } while (n);

    *p++ = type;

    while (digit < digits + sizeof(digits)) {
        *p++ = *digit++;
    }

    *p++ = CR;
    *p++ = LF;

    return p;
}


void
ngx_oscp_resp_wipe(ngx_oscp_resp_t *resp)
{
    if (resp->data) {
        OPENSSL_cleanse(resp->data, resp->size);
        ngx_free(resp->data);
    }

    resp->data = NULL;
    resp->len = 0;
    resp->size = 0;
}
