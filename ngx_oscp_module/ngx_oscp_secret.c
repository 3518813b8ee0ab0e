/*
 * Secret files and the comparison of credentials.  A digest is compared, not
 * the value: the comparison takes the same time whatever the lengths are, and
 * no worker process holds what it only has to recognise.
 */

#include <ngx_config.h>
#include <ngx_core.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "ngx_oscp_secret.h"

/* A newline of two bytes, and one more so that "too long" can be told. */
#define NGX_OSCP_SECRET_ROOM  (NGX_OSCP_SECRET_MAX + 3)


static ngx_int_t ngx_oscp_secret_load(ngx_conf_t *cf, ngx_str_t *name,
    ngx_str_t *value);
static ngx_int_t ngx_oscp_secret_mistake(ngx_conf_t *cf, ngx_err_t err,
    ngx_str_t *name, const char *mistake);
static const char *ngx_oscp_secret_trim(ngx_str_t *value);
static void ngx_oscp_secret_cleanup(void *data);


ngx_int_t
ngx_oscp_secret_read(ngx_conf_t *cf, const ngx_str_t *path, ngx_str_t *value)
{
    ngx_str_t    name;
    const char  *mistake;

    name = *path;
    ngx_str_null(value);

    if (ngx_conf_full_name(cf->cycle, &name, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_oscp_secret_load(cf, &name, value) != NGX_OK) {
        ngx_oscp_secret_wipe(value);
        return NGX_ERROR;
    }

    mistake = ngx_oscp_secret_trim(value);

    if (mistake) {
        ngx_oscp_secret_wipe(value);
        return ngx_oscp_secret_mistake(cf, 0, &name, mistake);
    }

    return NGX_OK;
}


/* The directive being read names itself in its first argument. */
static ngx_int_t
ngx_oscp_secret_mistake(ngx_conf_t *cf, ngx_err_t err, ngx_str_t *name,
    const char *mistake)
{
    ngx_str_t  *directive = cf->args->elts;

    ngx_conf_log_error(NGX_LOG_EMERG, cf, err, "\"%V\": secret file \"%V\" %s",
                       directive, name, mistake);

    return NGX_ERROR;
}


static ngx_int_t
ngx_oscp_secret_load(ngx_conf_t *cf, ngx_str_t *name, ngx_str_t *value)
{
    ssize_t    n;
    ngx_fd_t   fd;
    ngx_err_t  err;

    value->data = ngx_alloc(NGX_OSCP_SECRET_ROOM + 1, cf->log);
    if (value->data == NULL) {
        return NGX_ERROR;
    }

    fd = ngx_open_file(name->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);
    if (fd == NGX_INVALID_FILE) {
        return ngx_oscp_secret_mistake(cf, ngx_errno, name,
                                       "cannot be opened");
    }

    n = 0;
    err = 0;

    while (value->len < NGX_OSCP_SECRET_ROOM) {
        n = ngx_read_fd(fd, value->data + value->len,
                        NGX_OSCP_SECRET_ROOM - value->len);
        if (n <= 0) {
            err = (n < 0) ? ngx_errno : 0;
            break;
        }

        value->len += n;
    }

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, cf->log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", name);
    }

    if (n < 0) {
        return ngx_oscp_secret_mistake(cf, err, name, "cannot be read");
    }

    return NGX_OK;
}


/*
 * Such a value travels in one header line, of which nginx cuts outer blanks:
 * what could never arrive is a mistake in the file.
 */
static const char *
ngx_oscp_secret_trim(ngx_str_t *value)
{
    size_t  i;

    if (value->len && value->data[value->len - 1] == LF) {
        value->len--;

        if (value->len && value->data[value->len - 1] == CR) {
            value->len--;
        }
    }

    if (value->len == 0) {
        return "is empty";
    }

    if (value->len > NGX_OSCP_SECRET_MAX) {
        return "holds more than 4096 bytes";
    }

    for (i = 0; i < value->len; i++) {
        if (value->data[i] < 0x20 || value->data[i] == 0x7f) {
            return "must be one line without control characters";
        }
    }

    if (value->data[0] == ' ' || value->data[value->len - 1] == ' ') {
        return "must not begin or end with a blank";
    }

    value->data[value->len] = '\0';

    return NULL;
}


void
ngx_oscp_secret_wipe(ngx_str_t *value)
{
    if (value->data) {
        OPENSSL_cleanse(value->data, NGX_OSCP_SECRET_ROOM + 1);
        ngx_free(value->data);
    }

    ngx_str_null(value);
}


ngx_int_t
ngx_oscp_secret_wipe_with(ngx_pool_t *pool, ngx_str_t *value)
{
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(pool, sizeof(ngx_str_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    *(ngx_str_t *) cln->data = *value;
    cln->handler = ngx_oscp_secret_cleanup;

    return NGX_OK;
}


static void
ngx_oscp_secret_cleanup(void *data)
{
    ngx_str_t  *value = data;

    OPENSSL_cleanse(value->data, value->len);
}


ngx_int_t
ngx_oscp_secret_set(ngx_oscp_secret_t *secret, const ngx_str_t *value)
{
    /*
     * Fetched once: looking an algorithm up costs OpenSSL 3 more than
     * digesting a token with it.  Both last as long as the process.
     */
    static EVP_MD      *md;
    static EVP_MD_CTX  *ctx;

    if (md == NULL) {
        md = EVP_MD_fetch(NULL, "SHA256", NULL);
    }

    if (ctx == NULL) {
        ctx = EVP_MD_CTX_new();
    }

    if (md == NULL || ctx == NULL
        || EVP_DigestInit_ex2(ctx, md, NULL) != 1
        || EVP_DigestUpdate(ctx, value->data, value->len) != 1
        || EVP_DigestFinal_ex(ctx, secret->digest, NULL) != 1)
    {
        /* nginx takes what is left there for an error of its next TLS call */
        ERR_clear_error();
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_oscp_secret_set_file(ngx_conf_t *cf, const ngx_str_t *path,
    ngx_oscp_secret_t *secret)
{
    ngx_int_t  rc;
    ngx_str_t  value;

    if (ngx_oscp_secret_read(cf, path, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_oscp_secret_set(secret, &value);
    ngx_oscp_secret_wipe(&value);

    return rc;
}


ngx_int_t
ngx_oscp_secret_equal(const ngx_oscp_secret_t *secret, const ngx_str_t *value)
{
    ngx_oscp_secret_t  given;

    if (ngx_oscp_secret_set(&given, value) != NGX_OK) {
        return NGX_ERROR;
    }

    return CRYPTO_memcmp(given.digest, secret->digest,
                         NGX_OSCP_SECRET_DIGEST_LEN) == 0
           ? NGX_OK : NGX_DECLINED;
}
