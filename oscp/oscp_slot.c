/*
 * Redis Cluster's slots.
 */

#include "oscp_message.h"
#include "oscp_slot.h"

#include <string.h>

#define SLOT_POLYNOMIAL   0x1021      /* CRC16/XMODEM, as the cluster's
                                         specification says */


static unsigned
oscp_slot_crc(const char *data, size_t len)
{
    size_t    i;
    int       bit;
    unsigned  crc = 0;

    for (i = 0; i < len; i++) {
        crc ^= (unsigned) (unsigned char) data[i] << 8;

        for (bit = 0; bit < 8; bit++) {
            crc = crc & 0x8000 ? crc << 1 ^ SLOT_POLYNOMIAL : crc << 1;
        }

        crc &= 0xffff;
    }

    return crc;
}


unsigned
oscp_slot_find(const char *key, size_t len)
{
    const char  *open, *close = NULL;

    open = memchr(key, '{', len);
    if (open != NULL) {
        open++;
        close = memchr(open, '}', (size_t) (key + len - open));
    }

    if (close != NULL && close > open) {
        key = open;
        len = (size_t) (close - open);
    }

    return oscp_slot_crc(key, len) % OSCP_SLOT_COUNT;
}


/* A decimal number up to `max`, taken off the front of `s`; or -1. */
static long
oscp_slot_number(oscp_str_t *s, long max)
{
    long    n = 0;
    size_t  i;

    for (i = 0; i < s->len && s->data[i] >= '0' && s->data[i] <= '9'; i++) {
        n = n * 10 + s->data[i] - '0';
        if (n > max) {
            return -1;
        }
    }

    s->data += i;
    s->len -= i;

    return i > 0 ? n : -1;
}


/* Takes `word` off the front of `s`; 1 when it stood there. */
static int
oscp_slot_word(oscp_str_t *s, const char *word)
{
    size_t  len = strlen(word);

    if (s->len < len || memcmp(s->data, word, len) != 0) {
        return 0;
    }

    s->data += len;
    s->len -= len;

    return 1;
}


int
oscp_slot_redirect(const char *text, size_t len, oscp_slot_redirect_t *r)
{
    long         slot, port;
    size_t       colon;
    oscp_str_t   s = { text, len }, host;

    memset(r, 0, sizeof(*r));

    (void) oscp_slot_word(&s, "-");

    if (oscp_slot_word(&s, "ASK ")) {
        r->kind = OSCP_SLOT_ASK;

    } else if (!oscp_slot_word(&s, "MOVED ")) {
        return -1;
    }

    slot = oscp_slot_number(&s, OSCP_SLOT_COUNT - 1);
    if (slot < 0 || !oscp_slot_word(&s, " ")) {
        return -1;
    }

    /* an IPv6 address stands there without brackets: the last colon counts */
    for (colon = s.len; colon > 0 && s.data[colon - 1] != ':'; colon--) {
        /* void */
    }

    if (colon == 0) {
        return -1;
    }

    host.data = s.data;
    host.len = colon - 1;
    s.data += colon;
    s.len -= colon;

    port = oscp_slot_number(&s, OSCP_ADDRESS_PORT_MAX);
    if (port < 0 || s.len > 0) {
        return -1;
    }

    r->slot = (unsigned) slot;

    return oscp_address_host_set(&r->host, host.data, host.len, port);
}
