/*
 * Secrets in files.
 */

#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "secret.h"


#define SECRET_ROOM  (WORKER_SECRET_MAX + 3)   /* a newline, and one too many */


void
worker_secret_wipe(char *text)
{
    if (text != NULL) {
        explicit_bzero(text, strlen(text));
        free(text);
    }
}


static int
secret_same(const struct worker_secret *s, const struct stat *st)
{
    return s->value != NULL && !s->reread && s->inode == st->st_ino
           && s->size == st->st_size
           && s->modified.tv_sec == st->st_mtim.tv_sec
           && s->modified.tv_nsec == st->st_mtim.tv_nsec
           && s->changed.tv_sec == st->st_ctim.tv_sec
           && s->changed.tv_nsec == st->st_ctim.tv_nsec;
}


/* NULL, or why these `len` bytes are no line that a header can carry. */
static const char *
secret_mistake(const char *text, size_t len)
{
    if (len == 0) {
        return "is empty";
    }

    if (len > WORKER_SECRET_MAX) {
        return "is too long";
    }

    for (size_t i = 0; i < len; i++) {
        if ((text[i] >= 0 && text[i] < 0x20 && text[i] != '\t')
            || text[i] == 0x7f)
        {
            return "holds a character that no header line can carry";
        }
    }

    return NULL;
}


/* The file's content, or NULL with the reason in `why`. */
static char *
secret_read(int fd, const char **why)
{
    char    *text;
    size_t   len = 0;
    ssize_t  n;

    text = calloc(1, SECRET_ROOM + 1);
    if (text == NULL) {
        *why = "no memory";
        return NULL;
    }

    do {
        n = read(fd, text + len, SECRET_ROOM - len);
        len += n > 0 ? (size_t) n : 0;
    } while (n > 0 || (n < 0 && errno == EINTR));

    *why = n < 0 ? strerror(errno) : NULL;

    if (len > 0 && text[len - 1] == '\n') {
        len--;
        len -= len > 0 && text[len - 1] == '\r';
        text[len] = '\0';
    }

    if (*why == NULL) {
        *why = secret_mistake(text, len);
    }

    if (*why != NULL) {
        explicit_bzero(text, SECRET_ROOM);
        free(text);
        return NULL;
    }

    return text;
}


static void
secret_keep(struct worker_secret *s, char *text, const struct stat *st)
{
    if (s->value == NULL || strcmp(s->value, text) != 0) {
        s->changes++;
    }

    worker_secret_wipe(s->value);
    s->value = text;
    s->inode = st->st_ino;
    s->size = st->st_size;
    s->modified = st->st_mtim;
    s->changed = st->st_ctim;
}


/* NULL when `value` is what the file holds, else what is wrong with it. */
static const char *
secret_look(struct worker_secret *s)
{
    int          fd;
    char        *text;
    const char  *why = "is not a regular file";
    struct stat  st;

    fd = open(s->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd == -1) {
        return strerror(errno);
    }

    if (fstat(fd, &st) == -1) {
        why = strerror(errno);

    } else if (secret_same(s, &st)) {
        why = NULL;

    } else if (S_ISREG(st.st_mode)) {
        text = secret_read(fd, &why);
        if (text != NULL) {
            secret_keep(s, text, &st);
        }
    }

    close(fd);

    return why;
}


int
worker_secret_refresh(struct worker_secret *s,
    char error[WORKER_SECRET_ERROR_SIZE])
{
    int64_t      now = worker_clock_boot();
    const char  *why;

    if (s->value != NULL && now < s->look_ms) {
        return 0;
    }

    why = secret_look(s);
    s->look_ms = now + WORKER_SECRET_LOOK_MS;

    if (why == NULL) {
        s->reread = 0;
        s->told = 0;
        return 0;
    }

    if (s->value == NULL) {
        snprintf(error, WORKER_SECRET_ERROR_SIZE, "secret file %.100s: %s",
                 s->name, why);
        return -1;
    }

    if (!s->told) {
        s->told = 1;
        worker_log(WORKER_LOG_WARN, NULL, "secret file %s: %s; what was read "
                   "before stays in use", s->name, why);
    }

    return 0;
}


void
worker_secret_forget(struct worker_secret *s)
{
    s->look_ms = 0;
    s->reread = 1;
}


void
worker_secret_clear(struct worker_secret *s)
{
    worker_secret_wipe(s->value);
    s->value = NULL;
}
