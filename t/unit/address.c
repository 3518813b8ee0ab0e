/* Addresses of Redis: every form, and what is none. */

#include "tap.h"

#include "oscp_address.h"

#define HOST_64  "h2345678901234567890123456789012" \
                 "34567890123456789012345678901234"


typedef struct {
    const char           *text;
    oscp_address_kind_t   kind;
    const char           *first;      /* path, or first host */
    unsigned              port;
    unsigned              nhosts;
    const char           *master;
} address_case_t;


static const address_case_t  good[] = {
    { "127.0.0.1", OSCP_ADDRESS_TCP, "127.0.0.1", 6379, 1, "" },
    { "127.0.0.1:6380", OSCP_ADDRESS_TCP, "127.0.0.1", 6380, 1, "" },
    { "redis", OSCP_ADDRESS_TCP, "redis", 6379, 1, "" },
    { "redis-0.example.org:1", OSCP_ADDRESS_TCP, "redis-0.example.org", 1, 1,
      "" },
    { "redis:65535", OSCP_ADDRESS_TCP, "redis", 65535, 1, "" },
    { "[::1]", OSCP_ADDRESS_TCP, "::1", 6379, 1, "" },
    { "[2001:db8::1]:7000", OSCP_ADDRESS_TCP, "2001:db8::1", 7000, 1, "" },
    { "[::ffff:127.0.0.1]:7000", OSCP_ADDRESS_TCP, "::ffff:127.0.0.1", 7000, 1,
      "" },
    { "[fe80::1%eth0]:7000", OSCP_ADDRESS_TCP, "fe80::1%eth0", 7000, 1, "" },
    { HOST_64 ":7", OSCP_ADDRESS_TCP, HOST_64, 7, 1, "" },
    { "unix:/run/redis/redis.sock", OSCP_ADDRESS_UNIX, "/run/redis/redis.sock",
      0, 0, "" },
    { "sentinel:mymaster@10.0.0.1", OSCP_ADDRESS_SENTINEL, "10.0.0.1", 26379,
      1, "mymaster" },
    { "sentinel:my-master@a:1,b,[::1]:3", OSCP_ADDRESS_SENTINEL, "a", 1, 3,
      "my-master" },
    { "sentinel:m@a,b,c,d,e,f,g,h", OSCP_ADDRESS_SENTINEL, "a", 26379, 8, "m" },
    { "cluster:10.0.0.1", OSCP_ADDRESS_CLUSTER, "10.0.0.1", 6379, 1, "" },
    { "cluster:a:7000,b,[::1]:7002", OSCP_ADDRESS_CLUSTER, "a", 7000, 3, "" },
    { "cluster:a,b,c,d,e,f,g,h", OSCP_ADDRESS_CLUSTER, "a", 6379, 8, "" }
};

static const char *const  bad[] = {
    "", ":", ":6379", "redis:", "redis:0", "redis:65536", "redis:99999",
    "redis:123456", "redis:-1", "redis: 1", "redis:1x", "redis:1:2", "::1",
    "a b", "a,b", "-a", ".a", "a/b", "[", "[]", "[::1", "[::1]x", "[::1]:",
    "[::1]:0", "[:1]", "[redis]", "[fe80::1%]", "[fe80::1%a b]",
    "unix:", "unix:/", "unix:run", "unix:run/redis.sock",
    "sentinel:", "sentinel:@a", "sentinel:m", "sentinel:m@", "sentinel:m@a,",
    "sentinel:m@,a", "sentinel:m m@a", "sentinel:m@a:0",
    "sentinel:m@a,b,c,d,e,f,g,h,i", "cluster:", "cluster:,a", "cluster:a,",
    "cluster:a,,b", "cluster:m@a", "cluster:a:0", "cluster:unix:/a",
    "cluster:a,b,c,d,e,f,g,h,i", "redis://a", "tcp:a"
};


static void
test_good(const address_case_t *c)
{
    oscp_address_t  a;
    oscp_error_t    err;

    if (!ok(oscp_address_parse(c->text, strlen(c->text), &a, &err) == OSCP_OK,
            "%s", c->text))
    {
        return;
    }

    ok(a.kind == c->kind && a.nhosts == c->nhosts
       && strcmp(a.master, c->master) == 0,
       "%s: kind, number of hosts, master", c->text);

    if (a.kind == OSCP_ADDRESS_UNIX) {
        is_str(a.path, c->first, "path");

    } else {
        is_str(a.hosts[0].host, c->first, "first host");
        is_int(a.hosts[0].port, c->port, "first port");
    }
}


static void
test_hosts(void)
{
    oscp_address_t  a;
    const char     *text = "sentinel:m@a:1,b,[::1]:3";

    oscp_address_parse(text, strlen(text), &a, NULL);
    is_str(a.hosts[1].host, "b", "second sentinel");
    is_int(a.hosts[1].port, 26379, "with the default port");
    is_str(a.hosts[2].host, "::1", "third sentinel");
    is_int(a.hosts[2].port, 3, "with its port");

    text = "cluster:a:7000,b,[::1]:7002";

    oscp_address_parse(text, strlen(text), &a, NULL);
    is_str(a.hosts[1].host, "b", "second node");
    is_int(a.hosts[1].port, 6379, "with the default port");
    is_str(a.hosts[2].host, "::1", "third node");
    is_int(a.hosts[2].port, 7002, "with its port");
}


static void
test_limits(void)
{
    char            text[400];
    oscp_address_t  a;

    memset(text, 'a', sizeof(text));
    memcpy(text, "unix:/", 6);

    is_int(oscp_address_parse(text, 5 + OSCP_ADDRESS_PATH_SIZE - 1, &a, NULL),
           OSCP_OK, "the longest path");
    is_int((int64_t) strlen(a.path), OSCP_ADDRESS_PATH_SIZE - 1,
           "is kept whole");
    is_int(oscp_address_parse(text, 5 + OSCP_ADDRESS_PATH_SIZE, &a, NULL),
           OSCP_ERR_SYNTAX, "one byte more is refused");

    is_int(oscp_address_parse(text + 6, OSCP_ADDRESS_HOST_SIZE - 1, &a, NULL),
           OSCP_OK, "the longest host");
    is_int(oscp_address_parse(text + 6, OSCP_ADDRESS_HOST_SIZE, &a, NULL),
           OSCP_ERR_SYNTAX, "one byte more is refused");

    is_int(oscp_address_parse("unix:/a\0b", 9, &a, NULL), OSCP_ERR_SYNTAX,
           "a NUL in a path is refused");
    is_int(oscp_address_parse("[::\0]", 5, &a, NULL), OSCP_ERR_SYNTAX,
           "a NUL in an address is refused");
}


/* Hosts as Redis names them to us. */
static void
test_told(void)
{
    char         text[OSCP_ADDRESS_HOST_SIZE];
    oscp_host_t  h;

    memset(text, 'a', sizeof(text));

    is_int(oscp_address_host_set(&h, "10.0.0.1", 8, 7000), 0, "an address");
    is_str(h.host, "10.0.0.1", "is kept");
    is_int(h.port, 7000, "with its port");
    is_int(oscp_address_host_set(&h, "2001:db8::1", 11, 65535), 0,
           "an IPv6 address without brackets");
    is_str(h.host, "2001:db8::1", "is kept");
    is_int(oscp_address_host_set(&h, "node-1.example", 14, 1), 0, "a name");
    is_int(oscp_address_host_set(&h, "", 0, 7000), 0, "no host");
    is_str(h.host, "", "is none");
    is_int(oscp_address_host_set(&h, text, sizeof(text) - 1, 1), 0,
           "the longest host");
    is_int(oscp_address_host_set(&h, text, sizeof(text), 1), -1,
           "one byte more is refused");
    is_int(oscp_address_host_set(&h, "a", 1, 0), -1, "no port");
    is_int(oscp_address_host_set(&h, "a", 1, 65536), -1, "port too large");
    is_int(oscp_address_host_set(&h, "?", 1, 7000), -1, "no host's name");
    is_int(oscp_address_host_set(&h, "a b", 3, 7000), -1, "two words");
}


int
main(void)
{
    size_t          i;
    oscp_error_t    err;
    oscp_address_t  a;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        test_good(&good[i]);
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        is_int(oscp_address_parse(bad[i], strlen(bad[i]), &a, &err),
               OSCP_ERR_SYNTAX, bad[i]);
    }

    ok(strstr(err.text, "unix:/PATH") != NULL && err.path[0] == '\0',
       "the error shows the forms");
    ok(strstr(err.text, "cluster:HOST") != NULL, "all of them");

    test_hosts();
    test_limits();
    test_told();

    return done_testing();
}
