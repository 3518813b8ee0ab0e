/* Each named limit: at it a document passes, one over it is refused.  And what
   was made to be expensive is not. */

#include "reading.h"

#include <time.h>

#define KIND      OSCP_GROUP_CAPACITY_COMPLIANCE_ERROR
#define FORECAST  OSCP_UPDATE_GROUP_CAPACITY_FORECAST

/* A document under construction; grows as needed. */
static char    *doc;
static size_t   doc_len, doc_size;


__attribute__((format(printf, 1, 2)))
static void
put(const char *fmt, ...)
{
    int      n;
    va_list  args;

    if (doc_size - doc_len < 1024) {
        doc_size = doc_size * 2 + 4096;
        doc = realloc(doc, doc_size);
    }

    va_start(args, fmt);
    n = vsnprintf(doc + doc_len, doc_size - doc_len, fmt, args);
    va_end(args);

    doc_len += (size_t) n;
}


static void
begin(const char *text)
{
    doc_len = 0;
    put("%s", text);
}


/* Reads the document: accepted, or refused by a limit at `path`. */
static void
judge(oscp_message_kind_t kind, const char *path, const char *name)
{
    oscp_err_t  rc = reading_bytes(kind, doc, doc_len);

    if (!ok(path == NULL ? rc == OSCP_OK
                         : rc == OSCP_ERR_LIMIT
                           && strcmp(reading.err.path, path) == 0,
            "%s", name))
    {
        printf("#   %d %s: %s\n", rc, reading.err.path, reading.err.text);
    }
}


static void
nested(int depth, const char *open, const char *close)
{
    int  i;

    begin("{\"message\":\"m\",\"x\":");

    for (i = 1; i < depth; i++) {
        put("%s", open);
    }

    put("1");

    for (i = 1; i < depth; i++) {
        put("%s", close);
    }

    put("}");
}


static void
test_depth(void)
{
    nested(OSCP_READ_DEPTH_MAX, "[", "]");
    judge(KIND, NULL, "arrays, 16 deep");
    nested(OSCP_READ_DEPTH_MAX + 1, "[", "]");
    judge(KIND, "$.x[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]",
          "arrays, 17 deep");

    nested(OSCP_READ_DEPTH_MAX, "{\"a\":", "}");
    judge(KIND, NULL, "objects, 16 deep");
    nested(OSCP_READ_DEPTH_MAX + 1, "{\"a\":", "}");
    judge(KIND, "$.x.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a", "objects, 17 deep");

    /* a block is the third container, what is unknown in it counts on */
    begin("{\"group_id\":\"D\",\"type\":\"OPTIMUM\",\"forecasted_blocks\":["
          "{\"x\":[[[[[[[[[[[[[1]]]]]]]]]]]]]," );
    put("%s]}", &READING_BLOCK[1]);
    judge(FORECAST, NULL, "16 deep in a block");

    begin("{\"group_id\":\"D\",\"type\":\"OPTIMUM\",\"forecasted_blocks\":["
          "{\"x\":[[[[[[[[[[[[[[1]]]]]]]]]]]]]]," );
    put("%s]}", &READING_BLOCK[1]);
    judge(FORECAST, "$.forecasted_blocks[0].x[0][0][0][0][0][0][0][0][0][0][0]"
          "[0][0]", "17 deep in a block");

    begin("");
    nested(5000, "[", "");
    judge(KIND, "$.x[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]",
          "5000 opening brackets");
}


static void
members(int n, const char *name)
{
    int  i;

    for (i = 0; i < n; i++) {
        put(",\"%s%d\":%d", name, i, i);
    }
}


static void
test_members(void)
{
    int  i;

    begin("{\"message\":\"m\"");
    members(OSCP_READ_MEMBERS_MAX - 1, "k");
    put("}");
    judge(KIND, NULL, "256 members, one of them known");

    begin("{\"message\":\"m\"");
    members(OSCP_READ_MEMBERS_MAX, "k");
    put("}");
    judge(KIND, "$", "257 members");

    begin("{\"message\":\"m\",\"x\":[{\"a\":1");
    members(OSCP_READ_MEMBERS_MAX - 1, "k");
    put("}]}");
    judge(KIND, NULL, "256 unknown members in an unknown object");

    begin("{\"message\":\"m\",\"x\":[{\"a\":1");
    members(OSCP_READ_MEMBERS_MAX, "k");
    put("}]}");
    judge(KIND, "$.x[0]", "257 of them");

    /* 4 objects around each other, 256 in each of 3, 255 + 1 in the last */
    begin("{\"message\":\"m\"");
    members(OSCP_READ_MEMBERS_MAX - 2, "k");

    for (i = 0; i < 3; i++) {
        put(",\"x\":{\"a\":1");
        members(OSCP_READ_MEMBERS_MAX - 2, "k");
    }

    put(",\"x\":{\"a\":1}}}}}");
    judge(KIND, NULL, "1024 unknown members around one point");
    doc_len -= 5;
    put(",\"b\":1}}}}}");
    judge(KIND, "$.x.x.x.x", "1025 of them");

    /* one after the other they do not add up */
    begin("{\"message\":\"m\",\"x\":[0");

    for (i = 0; i < 100; i++) {
        put(",{\"a\":1");
        members(200, "k");
        put("}");
    }

    put("]}");
    judge(KIND, NULL, "20000 unknown members in a row of objects");
}


static void
blocks(size_t n)
{
    size_t  i;

    begin("{\"group_id\":\"D\",\"type\":\"OPTIMUM\",\"forecasted_blocks\":[");

    for (i = 0; i < n; i++) {
        put("%s%s", i ? "," : "", READING_BLOCK);
    }

    put("]}");
}


static void
test_lists(void)
{
    size_t  i, n;

    blocks(OSCP_READ_BLOCKS_MAX);
    judge(FORECAST, NULL, "4096 blocks");
    is_int((int64_t) reading.m.nblocks, OSCP_READ_BLOCKS_MAX, "are counted");
    blocks(OSCP_READ_BLOCKS_MAX + 1);
    judge(FORECAST, "$.forecasted_blocks", "4097 blocks");

    for (n = OSCP_READ_ITEMS_MAX; n <= OSCP_READ_ITEMS_MAX + 1; n++) {
        begin("{\"group_id\":\"D\",\"measurements\":[");

        for (i = 0; i < n; i++) {
            put("%s%s", i ? "," : "", READING_ENERGY);
        }

        put("]}");
        judge(OSCP_UPDATE_GROUP_MEASUREMENTS,
              n > OSCP_READ_ITEMS_MAX ? "$.measurements" : NULL,
              "4096 measurements, and one more");
    }
}


static void
test_numbers(void)
{
    char  digits[OSCP_READ_SIZE_MAX / 4096];
    int   n;

    memset(digits, '1', sizeof(digits));

    for (n = 126; n <= 127; n++) {
        begin("{\"required_behaviour\":{\"heartbeat_interval\":");
        put("1.%.*s}}", n, digits);
        judge(OSCP_HANDSHAKE,
              n == 127 ? "$.required_behaviour.heartbeat_interval" : NULL,
              "a number of 128 characters, and one more");
    }

    begin("{\"message\":\"m\",\"x\":");
    put("%.*s}", 1000, digits);
    judge(KIND, NULL, "an unknown member's number may be longer");
}


static void
test_size(void)
{
    char    *json;
    size_t   len = OSCP_READ_SIZE_MAX;

    json = malloc(len + 1);
    memset(json, ' ', len + 1);
    memcpy(json, "{\"message\":\"m\"}", 15);

    is_int(reading_bytes(KIND, json, len), OSCP_OK, "a document of 16 MB");
    is_int(reading_bytes(KIND, json, len + 1), OSCP_ERR_LIMIT, "and one byte");
    is_str(reading.err.path, "$", "at the document");

    free(json);
}


#define WORDS    (1 << 18)
#define LETTERS  6

/* A word and what FNV-1a makes of it from some state on. */
typedef struct {
    uint32_t  hash;
    char      word[LETTERS + 1];
} word_t;


static int
word_compare(const void *a, const void *b)
{
    const word_t  *wa = a, *wb = b;

    return wa->hash < wb->hash ? -1 : wa->hash > wb->hash;
}


static uint32_t
fnv(uint32_t hash, const char *text)
{
    for ( /* void */ ; *text; text++) {
        hash = (hash ^ (unsigned char) *text) * 16777619u;
    }

    return hash;
}


/*
 * Two words that lead from the state `hash` to the same one, which it returns:
 * of so many words about eight pairs do.
 */
static uint32_t
collide(uint32_t hash, char pair[2][LETTERS + 1])
{
    size_t         i, k;
    uint64_t       bits;
    static word_t  words[WORDS];

    for (i = 0; i < WORDS; i++) {
        bits = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);

        for (k = 0; k < LETTERS; k++) {
            words[i].word[k] = (char) ('A' + (bits >> (20 + 5 * k) & 15));
        }

        words[i].hash = fnv(hash, words[i].word);
    }

    qsort(words, WORDS, sizeof(word_t), word_compare);

    for (i = 1; i < WORDS - 1; i++) {
        if (words[i].hash == words[i - 1].hash
            && strcmp(words[i].word, words[i - 1].word) != 0)
        {
            break;
        }
    }

    ok(words[i].hash == words[i - 1].hash, "%s and %s collide",
       words[i - 1].word, words[i].word);

    memcpy(pair[0], words[i - 1].word, LETTERS + 1);
    memcpy(pair[1], words[i].word, LETTERS + 1);

    return words[i].hash;
}


/* Names with one hash: the few of an accident pass, an attack does not. */
static void
test_collisions(void)
{
    char      pairs[6][2][LETTERS + 1];
    unsigned  i, k;
    uint32_t  hash;

    hash = 2166136261u;

    for (i = 0; i < 6; i++) {
        hash = collide(hash, pairs[i]);
    }

    for (k = 8; k <= 64; k *= 8) {
        begin("{\"message\":\"m\"");

        for (i = 0; i < k; i++) {
            put(",\"%s%s%s%s%s%s\":1", pairs[0][i & 1], pairs[1][i >> 1 & 1],
                pairs[2][i >> 2 & 1], pairs[3][i >> 3 & 1],
                pairs[4][i >> 4 & 1], pairs[5][i >> 5]);
        }

        put("}");

        judge(KIND, k > 8 ? "$" : NULL, "8 names of one hash, and 64");
    }
}


/*
 * Twice the size takes about twice the time, whatever is in it.  The bound is
 * wide: quadratic would be a hundred times over it.
 */
static void
test_time(void)
{
    int      i, k;
    char     name[16];
    double   took;
    clock_t  start;

    begin("{\"message\":\"m\",\"x\":[0");

    for (i = 0; doc_len < 4000000; i++) {
        put(",{\"a\":1");

        for (k = 0; k < 255; k++) {
            snprintf(name, sizeof(name), "%x%x", k, i);
            put(",\"%s\":[{\"\\u0061\":{}}]", name);
        }

        put("}");
    }

    put("]}");

    start = clock();
    is_int(reading_bytes(KIND, doc, doc_len), OSCP_OK, "4 MB of members");
    took = (double) (clock() - start) / CLOCKS_PER_SEC;
    ok(took < 5, "in time");
    printf("# %zu bytes in %.3f s\n", doc_len, took);
}


int
main(void)
{
    test_depth();
    test_members();
    test_lists();
    test_numbers();
    test_size();
    test_collisions();
    test_time();

    free(doc);

    return reading_done();
}
