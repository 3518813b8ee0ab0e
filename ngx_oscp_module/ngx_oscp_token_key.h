/*
 * `oscp_token_key_file` and `oscp_token_lifetime`: what signs the access tokens
 * that we issue, and for how long they hold (design, sections 4 and 10).
 */

#ifndef NGX_OSCP_TOKEN_KEY_H
#define NGX_OSCP_TOKEN_KEY_H

#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_oscp_cache.h"
#include "ngx_oscp_jwt.h"

#define NGX_OSCP_TOKEN_LIFETIME_S      3600     /* by default */
#define NGX_OSCP_TOKEN_LIFETIME_MAX_S  86400

/* Of http {}; the keys are overwritten when the configuration goes. */
typedef struct {
    ngx_oscp_jwt_key_t    keys[NGX_OSCP_JWT_KEYS_MAX]; /* the first signs */
    ngx_uint_t            nkeys;                       /* 0: no file */
    ngx_oscp_cache_key_t  content;                     /* digest of them */
    time_t                lifetime_s;                  /* 0: not given */
} ngx_oscp_token_keys_t;

/*
 * Read the two directives, whose command's offset is that of the
 * ngx_oscp_token_keys_t in the main configuration.
 */
char *ngx_oscp_token_key_set_file(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_oscp_token_key_set_lifetime(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

#endif /* NGX_OSCP_TOKEN_KEY_H */
