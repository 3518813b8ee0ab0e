/*
 * JWKS files.  Such a file is small and local: it is read in one piece by a
 * timer, never while a request waits, and only after stat() has shown that it
 * is another one.
 */

#include "ngx_oscp_keyset.h"

/*
 * A file that was written less than this before it was read may be written
 * again without its time changing: it is read once more.
 */
#define NGX_OSCP_KEYSET_SETTLE_S  2

typedef struct {
    ngx_array_t  *keysets;
    ngx_event_t   timer;
} ngx_oscp_keyset_watch_t;

/* What a line about one key of a set needs. */
typedef struct {
    const ngx_str_t  *path;
    ngx_log_t        *log;
} ngx_oscp_keyset_told_t;


static void ngx_oscp_keyset_cleanup(void *data);
static ngx_int_t ngx_oscp_keyset_load(ngx_oscp_keyset_t *keyset,
    ngx_uint_t level, ngx_log_t *log);
static ngx_int_t ngx_oscp_keyset_read(ngx_oscp_keyset_t *keyset,
    ngx_str_t *content, ngx_uint_t level, ngx_log_t *log);
static ngx_int_t ngx_oscp_keyset_use(ngx_oscp_keyset_t *keyset,
    const ngx_str_t *content, ngx_uint_t level, ngx_log_t *log);
static void ngx_oscp_keyset_skipped(void *data, const oscp_error_t *why);
static ngx_uint_t ngx_oscp_keyset_changed(const ngx_oscp_keyset_t *keyset,
    const ngx_file_info_t *info);
static void ngx_oscp_keyset_look(ngx_event_t *ev);
static void ngx_oscp_keyset_refresh(ngx_oscp_keyset_t *keyset, ngx_log_t *log);


ngx_oscp_keyset_t *
ngx_oscp_keyset_get(ngx_conf_t *cf, ngx_array_t *keysets,
    const ngx_str_t *path)
{
    ngx_str_t            name = *path;
    ngx_uint_t           i;
    ngx_oscp_keyset_t   *keyset, **known;
    ngx_pool_cleanup_t  *cln;

    if (ngx_conf_full_name(cf->cycle, &name, 1) != NGX_OK) {
        return NULL;
    }

    known = keysets->elts;

    for (i = 0; i < keysets->nelts; i++) {
        if (ngx_strcmp(known[i]->path.data, name.data) == 0) {
            return known[i];
        }
    }

    keyset = ngx_pcalloc(cf->pool, sizeof(ngx_oscp_keyset_t));
    cln = ngx_pool_cleanup_add(cf->pool, 0);
    known = ngx_array_push(keysets);

    if (keyset == NULL || cln == NULL || known == NULL) {
        return NULL;
    }

    *known = keyset;
    keyset->path = name;
    cln->handler = ngx_oscp_keyset_cleanup;
    cln->data = keyset;

    return ngx_oscp_keyset_load(keyset, NGX_LOG_EMERG, cf->log) == NGX_OK
           ? keyset : NULL;
}


static void
ngx_oscp_keyset_cleanup(void *data)
{
    ngx_oscp_keyset_t  *keyset = data;

    ngx_oscp_jwks_free(keyset->set);
}


/* NGX_DECLINED: the same bytes as the last time. */
static ngx_int_t
ngx_oscp_keyset_load(ngx_oscp_keyset_t *keyset, ngx_uint_t level,
    ngx_log_t *log)
{
    ngx_int_t  rc;
    ngx_str_t  content;

    content.len = 0;
    content.data = ngx_alloc(NGX_OSCP_JWKS_SIZE_MAX + 1, log);
    if (content.data == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_oscp_keyset_read(keyset, &content, level, log);

    if (rc == NGX_OK) {
        rc = ngx_oscp_keyset_use(keyset, &content, level, log);
    }

    ngx_free(content.data);

    return rc;
}


/* Up to one byte more than is allowed, so that "too large" can be told. */
static ngx_int_t
ngx_oscp_keyset_read(ngx_oscp_keyset_t *keyset, ngx_str_t *content,
    ngx_uint_t level, ngx_log_t *log)
{
    ssize_t      n;
    ngx_fd_t     fd;
    ngx_err_t    err = 0;
    const char  *mistake = NULL;

    /* Without waiting: it might be a pipe that somebody has put there. */
    fd = ngx_open_file(keyset->path.data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                       NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        err = ngx_errno;
        mistake = "cannot be opened";
        goto failed;
    }

    if (ngx_fd_info(fd, &keyset->info) == NGX_FILE_ERROR
        || !ngx_is_file(&keyset->info))
    {
        mistake = "must be a regular file";
    }

    while (mistake == NULL && content->len <= NGX_OSCP_JWKS_SIZE_MAX) {
        n = ngx_read_fd(fd, content->data + content->len,
                        NGX_OSCP_JWKS_SIZE_MAX + 1 - content->len);

        if (n < 0) {
            err = ngx_errno;
            mistake = "cannot be read";
        }

        if (n <= 0) {
            break;
        }

        content->len += n;
    }

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", &keyset->path);
    }

    if (mistake == NULL) {
        return NGX_OK;
    }

failed:

    if (!keyset->failed) {
        ngx_log_error(level, log, err, "oscp: key set \"%V\" %s",
                      &keyset->path, mistake);
    }

    keyset->failed = 1;

    return NGX_ERROR;
}


static ngx_int_t
ngx_oscp_keyset_use(ngx_oscp_keyset_t *keyset, const ngx_str_t *content,
    ngx_uint_t level, ngx_log_t *log)
{
    char                    text[OSCP_ERROR_PATH_LEN + OSCP_ERROR_TEXT_LEN];
    oscp_error_t            err;
    ngx_oscp_jwks_t        *set;
    ngx_oscp_cache_key_t    digest;
    ngx_oscp_keyset_told_t  told = { &keyset->path, log };

    if (ngx_oscp_cache_make_key(content, 1, &digest) != NGX_OK) {
        return NGX_ERROR;
    }

    keyset->failed = 0;
    keyset->settled = ngx_time() - ngx_file_mtime(&keyset->info)
                      > NGX_OSCP_KEYSET_SETTLE_S;

    if (ngx_memcmp(digest.digest, keyset->seen.digest, NGX_OSCP_CACHE_KEY_LEN)
        == 0)
    {
        return NGX_DECLINED;
    }

    keyset->seen = digest;

    set = ngx_oscp_jwks_read((char *) content->data, content->len,
                             ngx_oscp_keyset_skipped, &told, &err);

    if (set == NULL) {
        (void) oscp_error_format(&err, text, sizeof(text));
        ngx_log_error(level, log, 0, "oscp: key set \"%V\": %s",
                      &keyset->path, text);

        if (err.code == OSCP_ERR_NOMEM) {
            /* The file is not to blame: it is read again. */
            ngx_memzero(&keyset->seen, sizeof(ngx_oscp_cache_key_t));
            keyset->settled = 0;
        }

        return NGX_ERROR;
    }

    ngx_oscp_jwks_free(keyset->set);
    keyset->set = set;
    keyset->content = digest;

    return NGX_OK;
}


static void
ngx_oscp_keyset_skipped(void *data, const oscp_error_t *why)
{
    char                     text[OSCP_ERROR_PATH_LEN + OSCP_ERROR_TEXT_LEN];
    ngx_oscp_keyset_told_t  *told = data;

    (void) oscp_error_format(why, text, sizeof(text));
    ngx_log_error(NGX_LOG_WARN, told->log, 0,
                  "oscp: key set \"%V\": a key is not used: %s", told->path,
                  text);
}


ngx_int_t
ngx_oscp_keyset_watch(ngx_array_t *keysets, ngx_cycle_t *cycle)
{
    ngx_oscp_keyset_watch_t  *watch;

    if (keysets->nelts == 0) {
        return NGX_OK;
    }

    watch = ngx_pcalloc(cycle->pool, sizeof(ngx_oscp_keyset_watch_t));
    if (watch == NULL) {
        return NGX_ERROR;
    }

    watch->keysets = keysets;
    watch->timer.handler = ngx_oscp_keyset_look;
    watch->timer.data = watch;
    watch->timer.log = cycle->log;

    /* A process on its way out does not stay for this. */
    watch->timer.cancelable = 1;

    ngx_add_timer(&watch->timer, NGX_OSCP_KEYSET_CHECK_MS);

    return NGX_OK;
}


static void
ngx_oscp_keyset_look(ngx_event_t *ev)
{
    ngx_uint_t                i;
    ngx_oscp_keyset_t       **keyset;
    ngx_oscp_keyset_watch_t  *watch = ev->data;

    keyset = watch->keysets->elts;

    for (i = 0; i < watch->keysets->nelts; i++) {
        ngx_oscp_keyset_refresh(keyset[i], ev->log);
    }

    ngx_add_timer(ev, NGX_OSCP_KEYSET_CHECK_MS);
}


static void
ngx_oscp_keyset_refresh(ngx_oscp_keyset_t *keyset, ngx_log_t *log)
{
    ngx_file_info_t  info;

    if (ngx_file_info(keyset->path.data, &info) == NGX_FILE_ERROR) {
        if (!keyset->failed) {
            ngx_log_error(NGX_LOG_ERR, log, ngx_errno, "oscp: key set \"%V\" "
                          "is gone, the old keys are kept", &keyset->path);
        }

        keyset->failed = 1;
        return;
    }

    if (!keyset->failed && keyset->settled
        && !ngx_oscp_keyset_changed(keyset, &info))
    {
        return;
    }

    switch (ngx_oscp_keyset_load(keyset, NGX_LOG_ERR, log)) {

    case NGX_OK:
        ngx_log_error(NGX_LOG_NOTICE, log, 0, "oscp: key set \"%V\" has "
                      "changed: %uz keys", &keyset->path,
                      ngx_oscp_jwks_count(keyset->set));
        break;

    default: /* NGX_DECLINED; NGX_ERROR: the old keys are kept */
        break;
    }
}


static ngx_uint_t
ngx_oscp_keyset_changed(const ngx_oscp_keyset_t *keyset,
    const ngx_file_info_t *info)
{
    const ngx_file_info_t  *known = &keyset->info;

    return info->st_ino != known->st_ino
           || info->st_dev != known->st_dev
           || info->st_size != known->st_size
           || info->st_mtim.tv_sec != known->st_mtim.tv_sec
           || info->st_mtim.tv_nsec != known->st_mtim.tv_nsec;
}
