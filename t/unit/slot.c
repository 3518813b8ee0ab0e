/* Redis Cluster: slots of keys, and redirections. */

#include "tap.h"

#include "oscp_slot.h"


/* As `CLUSTER KEYSLOT` of Redis 7.0 gives them. */
static const struct {
    const char  *key;
    unsigned     slot;
} slots[] = {
    { "", 0 },
    { "123456789", 12739 },
    { "foo", 12182 },
    { "oscp:config", 5649 },
    { "oscp:{0}:in", 13907 },
    { "oscp:{0}:lease", 13907 },
    { "{1}", 9842 },
    { "x{}y", 16116 },
    { "x{a}{b}", 15495 },
    { "x{{a}}", 10276 },
    { "x{a", 6541 },
    { "\xff\xfe", 3374 }
};

static const struct {
    const char        *text;
    oscp_slot_kind_t   kind;
    unsigned           slot;
    const char        *host;
    unsigned           port;
} redirects[] = {
    { "MOVED 3999 127.0.0.1:6381", OSCP_SLOT_MOVED, 3999, "127.0.0.1", 6381 },
    { "-MOVED 0 127.0.0.1:6381", OSCP_SLOT_MOVED, 0, "127.0.0.1", 6381 },
    { "ASK 16383 node-1.example:1", OSCP_SLOT_ASK, 16383, "node-1.example", 1 },
    { "MOVED 1 ::1:65535", OSCP_SLOT_MOVED, 1, "::1", 65535 },
    { "MOVED 1 :6381", OSCP_SLOT_MOVED, 1, "", 6381 }
};

static const char *const  others[] = {
    "", "-", "ERR no such key", "MOVED", "MOVED ", "MOVED 1", "MOVED 1 ",
    "MOVED 16384 a:1", "MOVED 99999999999999999999 a:1", "MOVED -1 a:1",
    "MOVED 1 a", "MOVED 1 a:", "MOVED 1 a:0", "MOVED 1 a:65536", "MOVED 1 a:1 ",
    "MOVED 1 a:1x", "MOVED x a:1", "MOVED 1 a b:1", "MOVED 1 ?:1",
    "CLUSTERDOWN Hash slot not served", "TRYAGAIN", "moved 1 a:1"
};


int
main(void)
{
    size_t                i;
    oscp_slot_redirect_t  r;

    for (i = 0; i < sizeof(slots) / sizeof(slots[0]); i++) {
        is_int(oscp_slot_find(slots[i].key, strlen(slots[i].key)),
               slots[i].slot, slots[i].key);
    }

    for (i = 0; i < sizeof(redirects) / sizeof(redirects[0]); i++) {
        is_int(oscp_slot_redirect(redirects[i].text, strlen(redirects[i].text),
                                  &r), 0, redirects[i].text);
        ok(r.kind == redirects[i].kind && r.slot == redirects[i].slot
           && r.host.port == redirects[i].port, "kind, slot and port");
        is_str(r.host.host, redirects[i].host, "host");
    }

    for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        is_int(oscp_slot_redirect(others[i], strlen(others[i]), &r), -1,
               others[i]);
    }

    return done_testing();
}
