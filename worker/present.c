/*
 * What we present to a peer.
 */

#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "present.h"


/* A secret file, as last read. */
struct present_file {
    const char       *name;           /* borrowed from the configuration */
    char             *secret;         /* owned; NULL: to be read */
    struct timespec   modified;       /* by these a change is seen */
    struct timespec   changed;
    ino_t             inode;
    off_t             size;
};

struct worker_present {
    const oscp_connection_conf_t  *conf;
    struct present_file            token;
    struct present_file           *headers;    /* conf->nheaders of them; those
                                                  with a value have no name */
};


/* Lines that are ours to say: a configured one never takes their place. */
static const char *const  present_reserved[] = {
    "content-length", "content-type", "expect", "host", "transfer-encoding",
    "x-correlation-id", "x-request-id", "x-segment-count", "x-segment-index",
};


static void
present_wipe(char *text)
{
    if (text != NULL) {
        explicit_bzero(text, strlen(text));
        free(text);
    }
}


static int
present_reserved_name(const char *name)
{
    size_t  n = sizeof(present_reserved) / sizeof(*present_reserved);

    for (size_t i = 0; i < n; i++) {
        if (strcasecmp(name, present_reserved[i]) == 0) {
            return 1;
        }
    }

    return 0;
}


static int
present_same(const struct present_file *f, const struct stat *st)
{
    return f->secret != NULL && f->inode == st->st_ino
           && f->size == st->st_size
           && f->modified.tv_sec == st->st_mtim.tv_sec
           && f->modified.tv_nsec == st->st_mtim.tv_nsec
           && f->changed.tv_sec == st->st_ctim.tv_sec
           && f->changed.tv_nsec == st->st_ctim.tv_nsec;
}


/*
 * The file's content without one trailing newline, if a header line can carry
 * it.  Returns NULL with the reason in `why`.
 */
static char *
present_read(int fd, const char **why)
{
    char    *text;
    size_t   len = 0;
    ssize_t  n;

    text = calloc(1, WORKER_PRESENT_FILE_MAX + 2);
    if (text == NULL) {
        *why = "no memory";
        return NULL;
    }

    do {
        n = read(fd, text + len, WORKER_PRESENT_FILE_MAX + 1 - len);
        len += n > 0 ? (size_t) n : 0;
    } while (n > 0);

    *why = NULL;
    if (n < 0) {
        *why = strerror(errno);

    } else if (len > WORKER_PRESENT_FILE_MAX) {
        *why = "is too long";
    }

    if (len > 0 && text[len - 1] == '\n') {
        text[--len] = '\0';
    }

    if (*why == NULL && len == 0) {
        *why = "is empty";
    }

    for (size_t i = 0; *why == NULL && i < len; i++) {
        if ((text[i] >= 0 && text[i] < 0x20 && text[i] != '\t')
            || text[i] == 0x7f)
        {
            *why = "holds a character that no header line can carry";
        }
    }

    if (*why != NULL) {
        explicit_bzero(text, WORKER_PRESENT_FILE_MAX + 2);
        free(text);
        return NULL;
    }

    return text;
}


static int
present_refresh(struct present_file *f, char error[WORKER_PRESENT_ERROR_SIZE])
{
    int          fd;
    char        *text;
    const char  *why = "is not a regular file";
    struct stat  st;

    fd = open(f->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd == -1 || fstat(fd, &st) == -1) {
        snprintf(error, WORKER_PRESENT_ERROR_SIZE, "secret file %.100s: %s",
                 f->name, strerror(errno));
        if (fd != -1) {
            close(fd);
        }
        return -1;
    }

    if (present_same(f, &st)) {
        close(fd);
        return 0;
    }

    text = S_ISREG(st.st_mode) ? present_read(fd, &why) : NULL;
    close(fd);

    if (text == NULL) {
        snprintf(error, WORKER_PRESENT_ERROR_SIZE, "secret file %.100s: %s",
                 f->name, why);
        return -1;
    }

    present_wipe(f->secret);
    f->secret = text;
    f->inode = st.st_ino;
    f->size = st.st_size;
    f->modified = st.st_mtim;
    f->changed = st.st_ctim;

    return 0;
}


int
worker_present_line(struct worker_present_lines *lines, const char *name,
    const char *value)
{
    char    *line;
    char   **list;
    size_t   len;

    list = realloc(lines->lines, (lines->n + 1) * sizeof(*list));
    if (list == NULL) {
        return -1;
    }
    lines->lines = list;

    len = strlen(name) + strlen(value) + 3;
    line = malloc(len);
    if (line == NULL) {
        return -1;
    }

    snprintf(line, len, "%s: %s", name, value);
    lines->lines[lines->n++] = line;

    return 0;
}


void
worker_present_lines_free(struct worker_present_lines *lines)
{
    for (size_t i = 0; i < lines->n; i++) {
        present_wipe(lines->lines[i]);
    }

    free(lines->lines);
    memset(lines, 0, sizeof(*lines));
}


static int
present_token(struct worker_present *p, struct worker_present_lines *lines,
    char error[WORKER_PRESENT_ERROR_SIZE])
{
    int     rc;
    char   *value;
    size_t  len;

    if (present_refresh(&p->token, error) == -1) {
        return -1;
    }

    len = strlen(p->token.secret) + sizeof("Token ");
    value = malloc(len);
    if (value == NULL) {
        return -1;
    }

    snprintf(value, len, "Token %s", p->token.secret);
    rc = worker_present_line(lines, "Authorization", value);
    present_wipe(value);

    return rc;
}


int
worker_present_add(struct worker_present *p,
    struct worker_present_lines *lines, char error[WORKER_PRESENT_ERROR_SIZE])
{
    const char                *value;
    const oscp_header_conf_t  *h;

    snprintf(error, WORKER_PRESENT_ERROR_SIZE, "no memory");

    if (p->conf->present == OSCP_PRESENT_OAUTH) {
        snprintf(error, WORKER_PRESENT_ERROR_SIZE,
                 "present oauth is not supported by this version");
        return -1;
    }

    if (p->conf->present == OSCP_PRESENT_TOKEN
        && present_token(p, lines, error) == -1)
    {
        return -1;
    }

    for (size_t i = 0; i < p->conf->nheaders; i++) {
        h = &p->conf->headers[i];

        if (present_reserved_name(h->name)) {
            continue;
        }

        value = h->value;
        if (h->file != NULL) {
            if (present_refresh(&p->headers[i], error) == -1) {
                return -1;
            }
            value = p->headers[i].secret;
        }

        if (worker_present_line(lines, h->name, value) == -1) {
            return -1;
        }
    }

    return 0;
}


void
worker_present_forget(struct worker_present *p)
{
    present_wipe(p->token.secret);
    p->token.secret = NULL;

    for (size_t i = 0; i < p->conf->nheaders; i++) {
        present_wipe(p->headers[i].secret);
        p->headers[i].secret = NULL;
    }
}


struct worker_present *
worker_present_create(const oscp_connection_conf_t *conf)
{
    struct worker_present  *p;

    p = calloc(1, sizeof(*p));
    if (p == NULL) {
        return NULL;
    }

    p->conf = conf;
    p->token.name = conf->token_file;
    p->headers = calloc(conf->nheaders + 1, sizeof(*p->headers));
    if (p->headers == NULL) {
        free(p);
        return NULL;
    }

    for (size_t i = 0; i < conf->nheaders; i++) {
        p->headers[i].name = conf->headers[i].file;
    }

    return p;
}


void
worker_present_free(struct worker_present *p)
{
    if (p == NULL) {
        return;
    }

    worker_present_forget(p);
    free(p->headers);
    free(p);
}
