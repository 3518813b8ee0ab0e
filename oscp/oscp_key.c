/*
 * Names of Redis keys.
 */

#include "oscp_key.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define FNV_OFFSET  2166136261u
#define FNV_PRIME   16777619u


unsigned
oscp_key_shard(const char *conn, size_t len, unsigned shards)
{
    size_t    i;
    uint32_t  hash = FNV_OFFSET;

    if (shards <= 1) {
        return 0;
    }

    for (i = 0; i < len; i++) {
        hash = (hash ^ (unsigned char) conn[i]) * FNV_PRIME;
    }

    return hash % shards;
}


/* What snprintf returned, as a length: 0 and "" when it did not fit. */
static size_t
oscp_key_length(char *buf, size_t size, int n)
{
    if (n >= 0 && (size_t) n < size) {
        return (size_t) n;
    }

    if (size > 0) {
        buf[0] = '\0';
    }

    return 0;
}


size_t
oscp_key(char *buf, size_t size, const char *prefix, unsigned shard,
    const char *name, ...)
{
    size_t       len, part_len;
    va_list      parts;
    const char  *part;

    len = oscp_key_length(buf, size, snprintf(buf, size, "%s{%u}:%s", prefix,
                                              shard, name));
    if (len == 0) {
        return 0;
    }

    va_start(parts, name);

    while ((part = va_arg(parts, const char *)) != NULL) {
        part_len = strlen(part);

        /* the colon before the part and the NUL behind it */
        if (part_len + 2 > size - len) {
            buf[0] = '\0';
            len = 0;
            break;
        }

        buf[len++] = ':';
        memcpy(buf + len, part, part_len + 1);
        len += part_len;
    }

    va_end(parts);

    return len;
}


size_t
oscp_key_config(char *buf, size_t size, const char *prefix)
{
    return oscp_key_length(buf, size, snprintf(buf, size, "%sconfig", prefix));
}
