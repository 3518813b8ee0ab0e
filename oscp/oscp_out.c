/*
 * Appending to a buffer of fixed size.
 */

#include <string.h>

#include "oscp_number.h"
#include "oscp_out.h"
#include "oscp_write.h"


void
oscp_out_init(oscp_out_t *o, char *buf, size_t size)
{
    o->buf = buf;
    o->size = size;
    o->len = 0;
}


void
oscp_out_bytes(oscp_out_t *o, const char *data, size_t len)
{
    size_t  fits;

    if (o->len < o->size) {
        fits = o->size - o->len < len ? o->size - o->len : len;
        memcpy(o->buf + o->len, data, fits);
    }

    o->len += len;
}


void
oscp_out_text(oscp_out_t *o, const char *text)
{
    oscp_out_bytes(o, text, strlen(text));
}


void
oscp_out_string(oscp_out_t *o, const char *text)
{
    size_t  room;

    oscp_out_bytes(o, "\"", 1);

    room = o->len < o->size ? o->size - o->len : 0;
    o->len += oscp_write_escape(text, strlen(text),
                                room ? o->buf + o->len : NULL, room);

    oscp_out_bytes(o, "\"", 1);
}


void
oscp_out_number(oscp_out_t *o, double value, int decimals)
{
    char  text[OSCP_NUMBER_SIZE];

    oscp_out_bytes(o, text, oscp_number_format(value, decimals, text));
}


size_t
oscp_out_end(oscp_out_t *o)
{
    if (o->size > 0) {
        o->buf[o->len < o->size ? o->len : o->size - 1] = '\0';
    }

    return o->len;
}
