/*
 * Values of directives.
 */

#include <ngx_config.h>
#include <ngx_core.h>

#include "oscp_unit.h"

#include "ngx_oscp_value.h"

typedef struct {
    ngx_str_t  suffix;
    double     factor;
} ngx_oscp_value_unit_t;


static ngx_int_t ngx_oscp_value_number(const ngx_str_t *text,
    const ngx_oscp_value_unit_t *units, double *value);


/* "MW" has no other spelling: "mW" would be a millionth part of it. */
static const ngx_oscp_value_unit_t  ngx_oscp_value_watts[] = {
    { ngx_string("kW"), 1e3 },
    { ngx_string("KW"), 1e3 },
    { ngx_string("kw"), 1e3 },
    { ngx_string("MW"), 1e6 },
    { ngx_string("W"), 1 },
    { ngx_string("w"), 1 },
    { ngx_null_string, 0 }
};

static const ngx_oscp_value_unit_t  ngx_oscp_value_volts[] = {
    { ngx_string("V"), 1 },
    { ngx_string("v"), 1 },
    { ngx_string(""), 1 },
    { ngx_null_string, 0 }
};

static const ngx_oscp_value_unit_t  ngx_oscp_value_percents[] = {
    { ngx_string("%"), 0.01 },
    { ngx_null_string, 0 }
};


char *
ngx_oscp_value_duration(const ngx_str_t *text, int64_t *ms)
{
    ngx_int_t  n;
    ngx_str_t  copy = *text;

    n = ngx_parse_time(&copy, 0);

    if (n == NGX_ERROR) {
        return "must be a time such as 30s or 15m";
    }

    *ms = n;

    return NULL;
}


char *
ngx_oscp_value_power(const ngx_str_t *text, double *watts)
{
    if (ngx_oscp_value_number(text, ngx_oscp_value_watts, watts) != NGX_OK
        || *watts < 0)
    {
        return NGX_OSCP_VALUE_POWER;
    }

    return NULL;
}


char *
ngx_oscp_value_voltage(const ngx_str_t *text, double *volts)
{
    if (ngx_oscp_value_number(text, ngx_oscp_value_volts, volts) != NGX_OK
        || *volts <= 0)
    {
        return "must be a voltage above 0, such as 230";
    }

    return NULL;
}


char *
ngx_oscp_value_percent(const ngx_str_t *text, double *share)
{
    if (ngx_oscp_value_number(text, ngx_oscp_value_percents, share) != NGX_OK
        || *share < 0 || *share > 1)
    {
        return "must be a percentage from 0% to 100%";
    }

    return NULL;
}


/* The first unit of the table that `text` ends with counts. */
static ngx_int_t
ngx_oscp_value_number(const ngx_str_t *text,
    const ngx_oscp_value_unit_t *units, double *value)
{
    size_t  len;

    for ( /* void */ ; units->suffix.data; units++) {

        if (text->len < units->suffix.len) {
            continue;
        }

        len = text->len - units->suffix.len;

        if (ngx_memcmp(text->data + len, units->suffix.data, units->suffix.len)
            == 0)
        {
            if (oscp_number_parse((char *) text->data, len, value) != 0) {
                return NGX_ERROR;
            }

            *value *= units->factor;

            return NGX_OK;
        }
    }

    return NGX_ERROR;
}


char *
ngx_oscp_value_flag(const ngx_str_t *text, ngx_uint_t *flag)
{
    if (ngx_strcmp(text->data, "on") == 0) {
        *flag = 1;
        return NULL;
    }

    if (ngx_strcmp(text->data, "off") == 0) {
        *flag = 0;
        return NULL;
    }

    return "must be \"on\" or \"off\"";
}


ngx_uint_t
ngx_oscp_value_named(const ngx_str_t *text, const char *key, ngx_str_t *value)
{
    size_t  len = ngx_strlen(key);

    if (text->len < len || ngx_memcmp(text->data, key, len) != 0) {
        return 0;
    }

    value->data = text->data + len;
    value->len = text->len - len;

    return 1;
}


ngx_uint_t
ngx_oscp_value_repeated(const ngx_str_t *args, ngx_uint_t i)
{
    u_char      *p;
    size_t       len;
    ngx_uint_t   n;

    p = ngx_strlchr(args[i].data, args[i].data + args[i].len, '=');
    len = p ? (size_t) (p + 1 - args[i].data) : args[i].len;

    for (n = 2; n < i; n++) {
        if ((p ? args[n].len >= len : args[n].len == len)
            && ngx_memcmp(args[n].data, args[i].data, len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


char *
ngx_oscp_value_header(const ngx_str_t *text)
{
    size_t  i;

    if (text->len == 0) {
        return "must not be empty";
    }

    for (i = 0; i < text->len; i++) {
        if (text->data[i] < 0x20 || text->data[i] == 0x7f) {
            return "must not contain control characters";
        }
    }

    return NULL;
}


char *
ngx_oscp_value_path(ngx_conf_t *cf, const ngx_str_t *path, const char **whole)
{
    ngx_str_t  name = *path;

    if (path->len == 0) {
        return "must name a file";
    }

    if (ngx_conf_full_name(cf->cycle, &name, 1) != NGX_OK) {
        return "cannot be kept in memory";
    }

    *whole = (char *) name.data;

    return NULL;
}
