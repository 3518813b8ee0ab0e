/*
 * The keys of our own access tokens.  No message ever shows a byte of them.
 */

#include <ngx_config.h>
#include <ngx_core.h>

#include <ngx_config.h>
#include <ngx_core.h>

#include <openssl/crypto.h>

#include "ngx_oscp_secret.h"
#include "ngx_oscp_token_key.h"
#include "ngx_oscp_value.h"

/* All lines with both bytes of a newline, and one byte more. */
#define NGX_OSCP_TOKEN_KEY_ROOM                                               \
    (NGX_OSCP_JWT_KEYS_MAX * (2 * NGX_OSCP_JWT_KEY_SIZE + 2) + 1)


static char *ngx_oscp_token_key_wrong(ngx_conf_t *cf, ngx_err_t err,
    const char *mistake);
static ssize_t ngx_oscp_token_key_read(ngx_conf_t *cf, ngx_str_t *name,
    u_char *buf);
static char *ngx_oscp_token_key_parse(ngx_conf_t *cf,
    ngx_oscp_token_keys_t *keys, const u_char *p, const u_char *last);


char *
ngx_oscp_token_key_set_file(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char                   *rv;
    u_char                  buf[NGX_OSCP_TOKEN_KEY_ROOM];
    ssize_t                 n;
    ngx_str_t               name, memory, *args = cf->args->elts;
    ngx_oscp_token_keys_t  *keys;

    keys = (ngx_oscp_token_keys_t *) ((char *) conf + cmd->offset);

    if (keys->nkeys) {
        return ngx_oscp_token_key_wrong(cf, 0, "is there twice");
    }

    name = args[1];

    if (ngx_conf_full_name(cf->cycle, &name, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    memory.data = (u_char *) keys->keys;
    memory.len = sizeof(keys->keys);

    if (ngx_oscp_secret_wipe_with(cf->pool, &memory) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    n = ngx_oscp_token_key_read(cf, &name, buf);

    rv = (n < 0) ? NGX_CONF_ERROR
                 : ngx_oscp_token_key_parse(cf, keys, buf, buf + n);

    OPENSSL_cleanse(buf, sizeof(buf));

    return rv;
}


static char *
ngx_oscp_token_key_wrong(ngx_conf_t *cf, ngx_err_t err, const char *mistake)
{
    ngx_str_t  *args = cf->args->elts;

    ngx_conf_log_error(NGX_LOG_EMERG, cf, err, "\"%V %V\" %s", &args[0],
                       &args[1], mistake);

    return NGX_CONF_ERROR;
}


/* The number of bytes, or -1 (logged). */
static ssize_t
ngx_oscp_token_key_read(ngx_conf_t *cf, ngx_str_t *name, u_char *buf)
{
    ssize_t    n;
    size_t     len;
    ngx_fd_t   fd;
    ngx_err_t  err;

    fd = ngx_open_file(name->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        (void) ngx_oscp_token_key_wrong(cf, ngx_errno, "cannot be opened");
        return -1;
    }

    for (len = 0, err = 0; len < NGX_OSCP_TOKEN_KEY_ROOM; len += n) {
        n = ngx_read_fd(fd, buf + len, NGX_OSCP_TOKEN_KEY_ROOM - len);
        if (n <= 0) {
            err = (n < 0) ? ngx_errno : 0;
            break;
        }
    }

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, cf->log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", name);
    }

    if (err) {
        (void) ngx_oscp_token_key_wrong(cf, err, "cannot be read");
        return -1;
    }

    return len;
}


static char *
ngx_oscp_token_key_parse(ngx_conf_t *cf, ngx_oscp_token_keys_t *keys,
    const u_char *p, const u_char *last)
{
    char                 text[128];
    size_t               len;
    ngx_str_t            all;
    ngx_uint_t           i, n;
    const u_char        *end;
    ngx_oscp_jwt_key_t  *key;

    for (n = 0; p < last; n++, p = end + 1) {
        end = ngx_strlchr((u_char *) p, (u_char *) last, LF);
        if (end == NULL) {
            end = last;
        }

        len = end - p;
        if (len && p[len - 1] == CR) {
            len--;
        }

        if (n == NGX_OSCP_JWT_KEYS_MAX) {
            return ngx_oscp_token_key_wrong(cf, 0, "must have at most 16 "
                                            "lines");
        }

        key = &keys->keys[n];

        if (ngx_oscp_jwt_key_parse((char *) p, len, key) != 0) {
            *ngx_snprintf((u_char *) text, sizeof(text) - 1, "must have 64 "
                          "hexadecimal digits in each line, not so in line "
                          "%ui", n + 1) = '\0';
            return ngx_oscp_token_key_wrong(cf, 0, text);
        }

        for (i = 0; i < n; i++) {
            if (ngx_strcmp(keys->keys[i].kid, key->kid) == 0) {
                return ngx_oscp_token_key_wrong(cf, 0, "must not have the "
                                                "same key twice");
            }
        }
    }

    if (n == 0) {
        return ngx_oscp_token_key_wrong(cf, 0, "must have 64 hexadecimal "
                                        "digits in each line, and is empty");
    }

    keys->nkeys = n;

    all.data = (u_char *) keys->keys;
    all.len = n * sizeof(ngx_oscp_jwt_key_t);

    return ngx_oscp_cache_make_key(&all, 1, &keys->content) == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


char *
ngx_oscp_token_key_set_lifetime(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    int64_t                 ms;
    ngx_str_t              *args = cf->args->elts;
    ngx_oscp_token_keys_t  *keys;

    keys = (ngx_oscp_token_keys_t *) ((char *) conf + cmd->offset);

    if (keys->lifetime_s) {
        return ngx_oscp_token_key_wrong(cf, 0, "is there twice");
    }

    if (ngx_oscp_value_duration(&args[1], &ms) || ms % 1000
        || ms < 1000 || ms > NGX_OSCP_TOKEN_LIFETIME_MAX_S * 1000)
    {
        return ngx_oscp_token_key_wrong(cf, 0, "must be whole seconds, from "
                                        "1s to 24h");
    }

    keys->lifetime_s = ms / 1000;

    return NGX_CONF_OK;
}
