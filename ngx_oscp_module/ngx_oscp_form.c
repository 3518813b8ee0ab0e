/*
 * Forms.
 */

#include "ngx_oscp_form.h"
#include "ngx_oscp_secret.h"


static ngx_int_t ngx_oscp_form_decode(ngx_str_t *text);
static u_char *ngx_oscp_form_split(ngx_str_t *text, u_char c, ngx_str_t *head);


/* In place; NGX_DECLINED: a percent sign without two digits behind it. */
static ngx_int_t
ngx_oscp_form_decode(ngx_str_t *text)
{
    u_char     *p, *to, *last;
    ngx_int_t   n;

    last = text->data + text->len;

    for (p = text->data, to = text->data; p < last; p++) {
        if (*p == '+') {
            *to++ = ' ';

        } else if (*p != '%') {
            *to++ = *p;

        } else {
            n = (last - p > 2) ? ngx_hextoi(p + 1, 2) : NGX_ERROR;
            if (n == NGX_ERROR) {
                return NGX_DECLINED;
            }

            *to++ = (u_char) n;
            p += 2;
        }
    }

    text->len = to - text->data;

    return NGX_OK;
}


/*
 * Cuts off what stands before the first `c`, which is dropped; all of it when
 * there is none: then NULL is returned.
 */
static u_char *
ngx_oscp_form_split(ngx_str_t *text, u_char c, ngx_str_t *head)
{
    u_char  *p, *last = text->data + text->len;

    p = ngx_strlchr(text->data, last, c);

    head->data = text->data;
    head->len = (p ? p : last) - text->data;

    text->data = p ? p + 1 : last;
    text->len = last - text->data;

    return p;
}


const char *
ngx_oscp_form_parse(ngx_oscp_form_t *form, ngx_str_t *text)
{
    ngx_str_t                   rest = *text, pair;
    ngx_uint_t                  i;
    ngx_oscp_form_parameter_t  *parameter;

    form->n = 0;

    while (rest.len) {
        (void) ngx_oscp_form_split(&rest, '&', &pair);

        if (pair.len == 0) {
            continue;
        }

        if (form->n == NGX_OSCP_FORM_PARAMETERS_MAX) {
            return "must have at most 32 parameters";
        }

        parameter = &form->parameters[form->n];
        (void) ngx_oscp_form_split(&pair, '=', &parameter->name);
        parameter->value = pair;

        if (ngx_oscp_form_decode(&parameter->name) != NGX_OK
            || ngx_oscp_form_decode(&parameter->value) != NGX_OK)
        {
            return "must be encoded as a form";
        }

        for (i = 0; i < form->n; i++) {
            if (form->parameters[i].name.len == parameter->name.len
                && ngx_memcmp(form->parameters[i].name.data,
                              parameter->name.data, parameter->name.len)
                   == 0)
            {
                return "must not have a parameter twice";
            }
        }

        form->n++;
    }

    return NULL;
}


ngx_str_t
ngx_oscp_form_get(const ngx_oscp_form_t *form, const char *name)
{
    size_t      len = ngx_strlen(name);
    ngx_str_t   none = ngx_null_string;
    ngx_uint_t  i;

    for (i = 0; i < form->n; i++) {
        if (form->parameters[i].name.len == len
            && ngx_memcmp(form->parameters[i].name.data, name, len) == 0)
        {
            return form->parameters[i].value;
        }
    }

    return none;
}


ngx_int_t
ngx_oscp_form_basic(ngx_pool_t *pool, const ngx_str_t *credentials,
    ngx_oscp_form_client_t *client)
{
    u_char     *p;
    ngx_str_t   text, encoded = *credentials, memory;

    /* The decoded text, and a copy of it to be form-decoded in place. */
    memory.len = 2 * ngx_base64_decoded_length(encoded.len);
    memory.data = ngx_pnalloc(pool, memory.len + 1);
    if (memory.data == NULL
        || ngx_oscp_secret_wipe_with(pool, &memory) != NGX_OK)
    {
        return NGX_ERROR;
    }

    text.data = memory.data;

    if (ngx_decode_base64(&text, &encoded) != NGX_OK) {
        return NGX_DECLINED;
    }

    p = ngx_cpymem(text.data + text.len, text.data, text.len) - text.len;

    client->raw_secret = text;
    if (ngx_oscp_form_split(&client->raw_secret, ':', &client->raw_id)
        == NULL)
    {
        return NGX_DECLINED;
    }

    text.data = p;
    client->secret = text;
    (void) ngx_oscp_form_split(&client->secret, ':', &client->id);

    /* Not form-encoded, as many a client sends it: only raw can match. */
    if (ngx_oscp_form_decode(&client->id) != NGX_OK
        || ngx_oscp_form_decode(&client->secret) != NGX_OK)
    {
        client->id = client->raw_id;
        client->secret = client->raw_secret;
    }

    return NGX_OK;
}
