/*
 * What we present to a peer.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "present.h"


struct worker_present {
    const oscp_connection_conf_t  *conf;
    struct worker_secret           token;
    struct worker_secret          *headers;    /* conf->nheaders of them; those
                                                  with a value have no name */
};


/* Lines that are ours to say: a configured one never takes their place. */
static const char *const  present_reserved[] = {
    "content-length", "content-type", "expect", "host", "transfer-encoding",
    "x-correlation-id", "x-request-id", "x-segment-count", "x-segment-index",
};


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


int
worker_present_scheme(struct worker_present_lines *lines, const char *name,
    const char *scheme, const char *value)
{
    char    *line;
    char   **list;
    size_t   len;

    list = realloc(lines->lines, (lines->n + 1) * sizeof(*list));
    if (list == NULL) {
        return -1;
    }
    lines->lines = list;

    len = strlen(name) + strlen(scheme) + strlen(value) + 4;
    line = malloc(len);
    if (line == NULL) {
        return -1;
    }

    snprintf(line, len, "%s: %s%s%s", name, scheme, *scheme ? " " : "", value);
    lines->lines[lines->n++] = line;

    return 0;
}


int
worker_present_line(struct worker_present_lines *lines, const char *name,
    const char *value)
{
    return worker_present_scheme(lines, name, "", value);
}


void
worker_present_lines_free(struct worker_present_lines *lines)
{
    for (size_t i = 0; i < lines->n; i++) {
        worker_secret_wipe(lines->lines[i]);
    }

    free(lines->lines);
    memset(lines, 0, sizeof(*lines));
}


int
worker_present_add(struct worker_present *p,
    struct worker_present_lines *lines, char error[WORKER_PRESENT_ERROR_SIZE])
{
    const char                *value;
    const oscp_header_conf_t  *h;

    snprintf(error, WORKER_PRESENT_ERROR_SIZE, "no memory");

    if (p->conf->present == OSCP_PRESENT_TOKEN
        && (worker_secret_refresh(&p->token, error) == -1
            || worker_present_scheme(lines, "Authorization", "Token",
                                     p->token.value) == -1))
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
            if (worker_secret_refresh(&p->headers[i], error) == -1) {
                return -1;
            }
            value = p->headers[i].value;
        }

        if (worker_present_line(lines, h->name, value) == -1) {
            return -1;
        }
    }

    return 0;
}


static int
present_contains(const char *text, const struct worker_secret *s)
{
    return s->value != NULL && *s->value != '\0'
           && strstr(text, s->value) != NULL;
}


int
worker_present_quoted(const struct worker_present *p, const char *text)
{
    int  found = present_contains(text, &p->token);

    for (size_t i = 0; i < p->conf->nheaders; i++) {
        found |= present_contains(text, &p->headers[i]);
    }

    return found;
}


void
worker_present_forget(struct worker_present *p)
{
    worker_secret_forget(&p->token);

    for (size_t i = 0; i < p->conf->nheaders; i++) {
        worker_secret_forget(&p->headers[i]);
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

    worker_secret_clear(&p->token);

    for (size_t i = 0; i < p->conf->nheaders; i++) {
        worker_secret_clear(&p->headers[i]);
    }

    free(p->headers);
    free(p);
}
