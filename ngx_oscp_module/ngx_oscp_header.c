/*
 * One pass over the request's header lines.  nginx has hashed each name while
 * reading it, so that a line nobody looks for costs a few comparisons of
 * numbers.
 */

#include "ngx_oscp_header.h"


static void ngx_oscp_header_take(const ngx_table_elt_t *line, ngx_uint_t slot,
    ngx_oscp_headers_t *found);


static const char  *ngx_oscp_header_names[NGX_OSCP_HEADER_FIXED] = {
    "authorization",
    "x-request-id",
    "x-correlation-id",
    "x-segment-index",
    "x-segment-count"
};


void
ngx_oscp_header_fixed(ngx_oscp_header_t *list)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_OSCP_HEADER_FIXED; i++) {
        list[i].name.data = (u_char *) ngx_oscp_header_names[i];
        list[i].name.len = ngx_strlen(ngx_oscp_header_names[i]);
        list[i].hash = ngx_hash_key(list[i].name.data, list[i].name.len);
    }
}


ngx_int_t
ngx_oscp_header_init(ngx_oscp_header_t *header, ngx_pool_t *pool,
    const ngx_str_t *name)
{
    u_char       c;
    size_t       i;
    ngx_uint_t   n;

    header->name.len = name->len;
    header->name.data = ngx_pnalloc(pool, name->len);
    if (header->name.data == NULL) {
        return NGX_ERROR;
    }

    ngx_strlow(header->name.data, name->data, name->len);

    for (i = 0; i < name->len; i++) {
        c = header->name.data[i];

        if ((c < 'a' || c > 'z') && (c < '0' || c > '9')
            && c != '-' && c != '_')
        {
            return NGX_DECLINED;
        }
    }

    for (n = 0; n < NGX_OSCP_HEADER_FIXED; n++) {
        if (name->len == ngx_strlen(ngx_oscp_header_names[n])
            && ngx_memcmp(header->name.data, ngx_oscp_header_names[n],
                          name->len)
               == 0)
        {
            return NGX_DECLINED;
        }
    }

    header->hash = ngx_hash_key(header->name.data, header->name.len);

    return name->len ? NGX_OK : NGX_DECLINED;
}


void
ngx_oscp_header_scan(ngx_http_request_t *r, const ngx_oscp_header_t *list,
    ngx_uint_t n, ngx_oscp_headers_t *found)
{
    ngx_uint_t              i, slot;
    const ngx_list_part_t  *part;
    const ngx_table_elt_t  *line;

    ngx_memzero(found->count, sizeof(found->count));

    for (part = &r->headers_in.headers.part; part; part = part->next) {

        line = part->elts;

        for (i = 0; i < part->nelts; i++) {
            for (slot = 0; slot < n; slot++) {
                if (line[i].hash == list[slot].hash
                    && line[i].key.len == list[slot].name.len
                    && ngx_memcmp(line[i].lowcase_key, list[slot].name.data,
                                  line[i].key.len)
                       == 0)
                {
                    ngx_oscp_header_take(&line[i], slot, found);
                    break;
                }
            }
        }
    }
}


static void
ngx_oscp_header_take(const ngx_table_elt_t *line, ngx_uint_t slot,
    ngx_oscp_headers_t *found)
{
    if (found->count[slot]) {
        found->count[slot] = 2;
        return;
    }

    found->count[slot] = 1;
    found->value[slot] = line->value;
}
