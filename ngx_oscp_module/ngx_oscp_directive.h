/*
 * The directives inside `oscp_connection` (design, sections 4 and 10), as rows
 * of a table.
 */

#ifndef NGX_OSCP_DIRECTIVE_H
#define NGX_OSCP_DIRECTIVE_H

#include <ngx_config.h>
#include <ngx_core.h>

#include "oscp_config.h"

#include "ngx_oscp_auth.h"

typedef struct ngx_oscp_directive_s  ngx_oscp_directive_t;

/* A line as it was given, so that a mistake found later can name it. */
typedef struct {
    const ngx_oscp_directive_t  *directive;
    ngx_str_t                    text;          /* "heartbeat_interval 30s" */
    ngx_conf_file_t             *file;
    ngx_uint_t                   line;
} ngx_oscp_line_t;

typedef struct {
    ngx_str_t               name;
    oscp_connection_conf_t  conf;       /* only what was given */
    const oscp_profile_t   *profile;
    ngx_int_t               strict;     /* NGX_CONF_UNSET: not given */
    ngx_int_t               initiate;
    ngx_array_t             lines;      /* of ngx_oscp_line_t */
    ngx_array_t             headers;    /* of oscp_header_conf_t */
    ngx_array_t             groups;     /* of oscp_group_conf_t */
    ngx_oscp_auth_t         auth;
} ngx_oscp_builder_t;

struct ngx_oscp_directive_s {
    ngx_str_t    name;
    ngx_uint_t   min;                   /* arguments, without the name */
    ngx_uint_t   max;
    ngx_uint_t   many;                  /* may be given more than once */
    ngx_uint_t   words;                 /* of it that messages may show; 0:
                                           the line may hold a secret */
    /* NULL, NGX_CONF_ERROR (logged), or what the value must be */
    char      *(*set)(ngx_conf_t *cf, ngx_oscp_builder_t *b, ngx_str_t *args,
                      const ngx_oscp_directive_t *directive);
    size_t       offset;                /* in oscp_connection_conf_t … */
    size_t       size;                  /* … of the member; 0: no one member */
};

/* The row of the directive `name`, or NULL. */
const ngx_oscp_directive_t *ngx_oscp_directive_find(const ngx_str_t *name);

/*
 * Writes the directive at hand (cf->args) as messages may show it, secrets
 * left out, to `buf`; returns the end of what was written.  `directive` is its
 * row, or NULL.
 */
u_char *ngx_oscp_directive_show(ngx_conf_t *cf,
    const ngx_oscp_directive_t *directive, u_char *buf, u_char *last);

#endif /* NGX_OSCP_DIRECTIVE_H */
