/*
 * A message of the outbox as it waits in memory.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "letter.h"
#include "oscp_delivery.h"


static int
letter_group_valid(const char *group)
{
    size_t  len = strlen(group);

    return len == 0 || oscp_name_valid(group, len, OSCP_NAME_PLAIN)
           || oscp_name_valid(group, len, OSCP_NAME_VISIBLE);
}


/* Why an entry cannot be sent; NULL when it can. */
static const char *
letter_check(const struct worker_entry *e, oscp_ms_t *created_ms)
{
    int  kind = oscp_message_find(e->msg, strlen(e->msg));

    *created_ms = e->at_ms;

    if (e->gone) {
        return "the entry was deleted from the stream";
    }

    if (e->nul != NULL) {
        return "a field has a NUL byte";
    }

    if (kind == -1 || oscp_delivery_age_ms((oscp_message_kind_t) kind) == 0) {
        return "msg must be a message that the outbox delivers";
    }

    if (!oscp_id_valid(e->req, strlen(e->req))) {
        return "req must be usable as X-Request-ID";
    }

    if (*e->corr != '\0' && !oscp_id_valid(e->corr, strlen(e->corr))) {
        return "corr must be usable as X-Correlation-ID";
    }

    if (!letter_group_valid(e->group)) {
        return "group must be the id of a group";
    }

    if (e->body_len == 0) {
        return "body must be the message";
    }

    if (*e->created != '\0'
        && oscp_time_parse(e->created, strlen(e->created), created_ms) == -1)
    {
        return "created must be an RFC 3339 date-time";
    }

    return NULL;
}


static const char *
letter_copy(char **p, const char *text, size_t len)
{
    char  *copy = *p;

    memcpy(copy, text, len + 1);
    *p += len + 1;

    return copy;
}


struct worker_letter *
worker_letter_create(const struct worker_entry *e, oscp_ms_t now_ms,
    const char **why)
{
    char                  *p;
    size_t                 size;
    oscp_ms_t              created_ms;
    struct worker_letter  *l;

    *why = letter_check(e, &created_ms);
    if (*why != NULL) {
        return NULL;
    }

    size = sizeof(*l) + strlen(e->group) + strlen(e->req) + strlen(e->corr)
           + e->body_len + 4;

    l = calloc(1, size);
    if (l == NULL) {
        return NULL;
    }

    p = (char *) (l + 1);
    memcpy(l->id, e->id, sizeof(l->id));
    l->kind = (oscp_message_kind_t) oscp_message_find(e->msg, strlen(e->msg));
    l->group = letter_copy(&p, e->group, strlen(e->group));
    l->req = letter_copy(&p, e->req, strlen(e->req));
    l->corr = letter_copy(&p, e->corr, strlen(e->corr));
    l->body = letter_copy(&p, e->body, e->body_len);
    l->len = e->body_len;
    l->size = size;
    l->created_ms = created_ms < now_ms ? created_ms : now_ms;

    return l;
}


void
worker_letter_free(struct worker_letter *l)
{
    free(l);
}
