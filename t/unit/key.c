/* Keys in Redis: their spelling, their shard, and buffers too small. */

#include "tap.h"

#include "oscp_key.h"
#include "oscp_name.h"


static void
test_spelling(void)
{
    char  buf[OSCP_KEY_SIZE];

    is_int((int64_t) oscp_key(buf, sizeof(buf), "oscp:", 0, "in", NULL), 11,
           "length");
    is_str(buf, "oscp:{0}:in", "no parts");

    oscp_key(buf, sizeof(buf), "oscp:", 17, "conn", "vector", NULL);
    is_str(buf, "oscp:{17}:conn:vector", "one part");

    oscp_key(buf, sizeof(buf), "", 0, "forecast", "vector", "DEPOT01",
             "CONSUMPTION", NULL);
    is_str(buf, "{0}:forecast:vector:DEPOT01:CONSUMPTION",
           "three parts, no prefix");

    is_int((int64_t) oscp_key_config(buf, sizeof(buf), "oscp:"), 11,
           "config's length");
    is_str(buf, "oscp:config", "config");
}


static void
test_sizes(void)
{
    char    buf[64];
    size_t  size, len;
    int     wrong = 0;

    for (size = 0; size <= 22; size++) {
        memset(buf, 'x', sizeof(buf));
        len = oscp_key(buf, size, "oscp:", 0, "conn", "vector", NULL);

        wrong += len != (size == 21 || size == 22 ? 20 : 0);
        wrong += size > 0 && strlen(buf) != len;
        wrong += buf[size] != 'x';
    }

    is_int(wrong, 0, "a key fits whole or is empty");

    buf[0] = 'x';
    is_int((int64_t) oscp_key_config(buf, 0, "oscp:"), 0, "no room for config");
    is_int(buf[0], 'x', "nothing is written without room");
    is_int((int64_t) oscp_key_config(buf, 11, "oscp:"), 0, "one byte missing");
    is_str(buf, "", "then it is empty");
}


/* The longest of each must fit into OSCP_KEY_SIZE. */
static void
test_longest(void)
{
    char  prefix[OSCP_PREFIX_MAX + 1], name[OSCP_NAME_SIZE], id[OSCP_ID_SIZE];
    char  buf[OSCP_KEY_SIZE];

    memset(prefix, 'p', sizeof(prefix) - 1);
    prefix[sizeof(prefix) - 1] = '\0';
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    memset(id, 'i', sizeof(id) - 1);
    id[sizeof(id) - 1] = '\0';

    ok(oscp_key(buf, sizeof(buf), prefix, OSCP_SHARDS_MAX - 1, "seen", name,
                "update_group_capacity_forecast", id, NULL) > 0,
       "the longest seen key fits");
    ok(oscp_key(buf, sizeof(buf), prefix, OSCP_SHARDS_MAX - 1, "adjustment",
                name, name, "FALLBACK_CONSUMPTION", NULL) > 0,
       "the longest adjustment key fits");
}


static void
test_shard(void)
{
    char      name[16];
    unsigned  i, shard, counts[8] = { 0 }, fewest;

    is_int(oscp_key_shard("vector", 6, 1), 0, "one shard");
    is_int(oscp_key_shard("vector", 6, 0), 0, "none is one");

    /* FNV-1a's published values: "" 811c9dc5, "a" e40c292c, foobar bf9cf968 */
    is_int(oscp_key_shard("", 0, 256), 0xc5, "FNV-1a of nothing");
    is_int(oscp_key_shard("a", 1, 256), 0x2c, "FNV-1a of a");
    is_int(oscp_key_shard("foobar", 6, 256), 0x68, "FNV-1a of foobar");
    is_int(oscp_key_shard("foobar", 6, 7), 0xbf9cf968u % 7, "modulo 7");

    for (i = 0; i < 4000; i++) {
        shard = oscp_key_shard(name, (size_t) snprintf(name, sizeof(name),
                                                       "conn-%u", i), 8);
        counts[shard % 8]++;
    }

    fewest = counts[0];

    for (i = 1; i < 8; i++) {
        fewest = counts[i] < fewest ? counts[i] : fewest;
    }

    ok(fewest > 300, "4000 names spread over 8 shards");
}


int
main(void)
{
    test_spelling();
    test_sizes();
    test_longest();
    test_shard();

    return done_testing();
}
