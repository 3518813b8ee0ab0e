/*
 * Goal: segments in any order, correlated to the first or to the previous one
 * (H11), become the whole message once, and nothing else does; sets run out;
 * limits hold; without memory nothing changes.
 */

#include "failing.h"
#include "oscp_read.h"
#include "oscp_segment.h"
#include "tap.h"

#define NMAX  5

static failing_t              failing;
static oscp_alloc_t           alloc = { failing_resize, &failing };
static oscp_segments_t       *set;
static oscp_segment_whole_t  *whole;
static oscp_error_t           err;
static oscp_block_t           block[OSCP_READ_BLOCKS_MAX + 1];


/* Segment `index` of `count` of the message NAME, with one block. */
static oscp_err_t
add(const char *name, unsigned index, unsigned count, int previous,
    oscp_ms_t at)
{
    char                 req[32], corr[32] = "", entry[32];
    oscp_segment_part_t  part = { { index, count }, req, corr, entry, "G",
                                  OSCP_CONSUMPTION, block, 1, at };

    block[0].capacity = index;
    snprintf(req, sizeof(req), "%s-%u", name, index);
    snprintf(entry, sizeof(entry), "%s.%u", name, index);
    if (index > 1) {
        snprintf(corr, sizeof(corr), "%s-%u", name, previous ? index - 1 : 1);
    }

    return oscp_segments_add(set, &part, &whole, &err);
}


static void
done(void)
{
    oscp_segment_whole_free(whole, &alloc);
    whole = NULL;
}


static void
in_order(void)
{
    size_t  i;

    is_int(oscp_segments_next(set), OSCP_TIME_NONE, "nothing is due");
    ok(add("m", 1, 3, 0, 1000) == OSCP_OK && whole == NULL, "the first");
    is_int(oscp_segments_next(set), 1000 + 60000, "60 s run from the first");
    ok(add("m", 2, 3, 0, 2000) == OSCP_OK && whole == NULL, "the second");
    is_int(oscp_segments_next(set), 1000 + 60000, "and only from it");
    ok(add("m", 3, 3, 0, 3000) == OSCP_OK && whole != NULL, "the third");

    if (whole == NULL) {
        return;
    }

    is_str(whole->req, "m-1", "the whole bears the first one's id");
    is_str(whole->group_id, "G", "the group");
    is_int(whole->type, OSCP_CONSUMPTION, "the type");
    is_int(whole->received_ms, 3000, "received when the last one was");
    is_int((int64_t) whole->nblocks, 3, "all blocks");
    ok(whole->have == 3 && whole->count == 3, "all parts");
    for (i = 0; i < 3; i++) {
        is_num(whole->blocks[i].capacity, (double) i + 1, "in order");
    }
    is_int((int64_t) whole->nentries, 3, "all entries");
    is_str(whole->entries[0], "m.1", "by name");
    is_str(whole->entries[2], "m.3", "each");
    done();
    is_int(oscp_segments_next(set), OSCP_TIME_NONE, "nothing is left");

    ok(add("one", 1, 1, 0, 0) == OSCP_OK && whole != NULL
       && whole->nblocks == 1, "1/1 is whole at once");
    done();
}


/* Every order of five segments, some of them twice, two messages at once. */
static long
permute(unsigned *order, unsigned n, int previous, int twice)
{
    long      wrong = 0;
    unsigned  i, k, swap;

    if (n == 0) {
        for (i = 0; i < NMAX; i++) {
            wrong += add("a", order[i], NMAX, previous, i) != OSCP_OK;
            wrong += (whole != NULL) != (i == NMAX - 1);

            if (whole) {
                wrong += strcmp(whole->req, "a-1") != 0
                         || whole->nblocks != NMAX || whole->nentries != NMAX;
                for (k = 0; k < NMAX; k++) {
                    wrong += whole->blocks[k].capacity != k + 1;
                }
                done();

            } else {

                /* the same entry, read again; and another message */
                if (twice) {
                    wrong += add("a", order[i], NMAX, previous, i) != OSCP_OK
                             || whole != NULL;
                }
                wrong += add("b", order[i], NMAX, !previous, i) != OSCP_OK
                         || whole != NULL;
            }
        }

        wrong += add("b", order[NMAX - 1], NMAX, !previous, 9) != OSCP_OK
                 || whole == NULL || whole->nblocks != NMAX;
        done();
        wrong += oscp_segments_next(set) != OSCP_TIME_NONE;

        return wrong;
    }

    for (i = 0; i < n; i++) {
        swap = order[i];
        order[i] = order[n - 1];
        order[n - 1] = swap;
        wrong += permute(order, n - 1, previous, twice);
        swap = order[i];
        order[i] = order[n - 1];
        order[n - 1] = swap;
    }

    return wrong;
}


static void
any_order(void)
{
    int       i;
    unsigned  order[NMAX] = { 1, 2, 3, 4, 5 };

    for (i = 0; i < 4; i++) {
        is_int(permute(order, NMAX, i & 1, i >> 1), 0, i & 1
               ? "every order, correlated to the previous one"
               : "every order, correlated to the first one");
    }
}


/* A part that is there already is ignored, but its entry is not forgotten. */
static void
repeated(void)
{
    size_t               i, seen = 0;
    oscp_segment_part_t  part = { { 2, 3 }, "other-id", "m-1", "again.2", "G",
                                  OSCP_CONSUMPTION, block, 1, 5 };

    add("m", 1, 3, 0, 0);
    add("m", 2, 3, 0, 0);
    block[0].capacity = 99;
    ok(oscp_segments_add(set, &part, &whole, &err) == OSCP_OK
       && whole == NULL, "an index again, under another id");

    part = (oscp_segment_part_t) { { 3, 3 }, "m-3", "other-id", "m.3", "G",
                                   OSCP_CONSUMPTION, block, 1, 6 };
    block[0].capacity = 3;
    ok(oscp_segments_add(set, &part, &whole, &err) == OSCP_OK && whole,
       "the last one, correlated to that id");

    if (whole) {
        is_int((int64_t) whole->nblocks, 3, "three blocks");
        is_num(whole->blocks[1].capacity, 2, "the first one's");
        is_int((int64_t) whole->nentries, 4, "four entries to settle");
        for (i = 0; i < whole->nentries; i++) {
            seen += strcmp(whole->entries[i], "again.2") == 0;
        }
        is_int((int64_t) seen, 1, "the repeated one among them");
    }
    done();
}


static void
refused(void)
{
    oscp_segment_part_t  part = { { 2, 3 }, "m-2", "m-1", "e", "G",
                                  OSCP_CONSUMPTION, block, 1, 0 };

    add("m", 1, 3, 0, 0);

    part.group_id = "H";
    is_int(oscp_segments_add(set, &part, &whole, &err), OSCP_ERR_SEMANTIC,
           "another group");
    is_str(err.path, "$.group_id", "by its place");
    part.group_id = "G";
    part.type = OSCP_GENERATION;
    is_int(oscp_segments_add(set, &part, &whole, &err), OSCP_ERR_SEMANTIC,
           "another type");
    is_str(err.path, "$.type", "by its place");
    part.type = OSCP_CONSUMPTION;
    part.segment.count = 4;
    is_int(oscp_segments_add(set, &part, &whole, &err), OSCP_ERR_SEMANTIC,
           "another count");
    is_str(err.path, "X-Segment-Count", "by its header");
    part.segment.count = 3;
    part.corr = "";
    is_int(oscp_segments_add(set, &part, &whole, &err), OSCP_ERR_SEMANTIC,
           "a later one without a correlation id");
    is_str(err.path, "X-Correlation-ID", "by its header");
    part.corr = "m-1";
    part.segment = (oscp_segment_t) { 4, 3 };
    is_int(oscp_segments_add(set, &part, &whole, &err), OSCP_ERR_SEMANTIC,
           "an index above the count");
    part.segment = (oscp_segment_t) { 1, 101 };
    is_int(oscp_segments_add(set, &part, &whole, &err), OSCP_ERR_SEMANTIC,
           "a count above the limit");

    add("m", 2, 3, 0, 0);
    add("m", 3, 3, 0, 0);
    ok(whole && whole->nentries == 3, "none of them harmed the set");
    done();

    /* the first one's own correlation id answers an adjustment */
    part = (oscp_segment_part_t) { { 1, 2 }, "x-1", "adjust-7", "x.1", "G",
                                   OSCP_CONSUMPTION, block, 1, 0 };
    oscp_segments_add(set, &part, &whole, &err);
    part = (oscp_segment_part_t) { { 1, 2 }, "y-1", "adjust-7", "y.1", "G",
                                   OSCP_CONSUMPTION, block, 1, 0 };
    oscp_segments_add(set, &part, &whole, &err);
    add("x", 2, 2, 0, 0);
    ok(whole && strcmp(whole->req, "x-1") == 0 && whole->nentries == 2,
       "the first one's correlation id joins nothing");
    done();
    add("y", 2, 2, 0, 0);
    ok(whole && strcmp(whole->req, "y-1") == 0, "either message is whole");
    done();
}


static void
running_out(void)
{
    add("late", 3, 3, 0, 5000);
    add("m", 1, 2, 0, 1000);
    is_int(oscp_segments_next(set), 61000, "the first to run out");
    ok(oscp_segments_expire(set, 60999) == NULL, "not before its time");
    whole = oscp_segments_expire(set, 61000);
    if (ok(whole != NULL, "then it is given back")) {
        ok(whole->nblocks == 0, "without blocks");
        is_str(whole->req, "m-1", "by its id");
        ok(whole->have == 1 && whole->count == 2, "one of two");
        is_int((int64_t) whole->nentries, 1, "with its entry");
        is_str(whole->entries[0], "m.1", "to settle");
    }
    done();
    ok(oscp_segments_expire(set, 61000) == NULL, "once");
    ok(add("m", 2, 2, 0, 61001) == OSCP_OK && whole == NULL,
       "what comes after that completes nothing");

    whole = oscp_segments_expire(set, 200000);
    ok(whole && oscp_segments_expire(set, 64999) == NULL, "all run out");
    done();
    whole = oscp_segments_expire(set, 200000);
    ok(whole != NULL, "one by one");
    done();

    add("w", 3, 3, 0, 0);
    whole = oscp_segments_expire(set, 60000);
    ok(whole && strcmp(whole->req, "w-1") == 0, "without its first one a set "
       "is named by what waits for it");
    done();
    add("w", 3, 3, 0, 0);
    add("w", 2, 3, 0, 0);
    whole = oscp_segments_expire(set, 60000);
    ok(whole && whole->have == 2, "two that wait for one are one set");
    done();
    is_int(oscp_segments_next(set), OSCP_TIME_NONE, "nothing is left");

    /* joined sets keep the earlier time */
    add("j", 3, 3, 1, 100);
    add("j", 1, 3, 1, 200);
    add("j", 2, 3, 1, 60099);
    ok(whole && whole->received_ms == 60099, "joined in time");
    done();
    add("k", 3, 4, 1, 100);
    add("k", 1, 4, 1, 50000);
    add("k", 2, 4, 1, 50001);
    is_int(oscp_segments_next(set), 60100, "60 s run from the first received");
    whole = oscp_segments_expire(set, 60100);
    ok(whole && whole->have == 3 && whole->nentries == 3, "of all of them");
    done();
}


static void
limits(void)
{
    char                 name[32], entry[32];
    unsigned             i;
    oscp_segment_part_t  part = { { 1, 3 }, "b-1", "", "b.1", "G",
                                  OSCP_CONSUMPTION, block, 0, 0 };

    for (i = 1; i <= OSCP_SEGMENT_COUNT_MAX; i++) {
        add("max", i, OSCP_SEGMENT_COUNT_MAX, 1, 0);
    }
    ok(whole && whole->nblocks == OSCP_SEGMENT_COUNT_MAX,
       "OSCP_SEGMENT_COUNT_MAX segments");
    done();

    for (i = 0; i < OSCP_SEGMENT_SETS_MAX; i++) {
        snprintf(name, sizeof(name), "s%u", i);
        add(name, 1, 2, 0, 0);
    }
    is_int(add("more", 1, 2, 0, 0), OSCP_ERR_LIMIT,
           "more than OSCP_SEGMENT_SETS_MAX sets");
    ok(add("s0", 2, 2, 0, 0) == OSCP_OK && whole, "one that completes passes");
    done();
    is_int(add("more", 1, 2, 0, 0), OSCP_OK, "and makes room");
    ok(add("single", 1, 1, 0, 0) == OSCP_OK && whole, "1/1 needs none");
    done();
    while ((whole = oscp_segments_expire(set, 100000)) != NULL) {
        done();
    }

    part.nblocks = OSCP_READ_BLOCKS_MAX - 1;
    oscp_segments_add(set, &part, &whole, &err);
    part = (oscp_segment_part_t) { { 2, 3 }, "b-2", "b-1", "b.2", "G",
                                   OSCP_CONSUMPTION, block, 2, 0 };
    is_int(oscp_segments_add(set, &part, &whole, &err), OSCP_ERR_LIMIT,
           "more than OSCP_READ_BLOCKS_MAX blocks together");
    part.nblocks = 1;
    is_int(oscp_segments_add(set, &part, &whole, &err), OSCP_OK,
           "OSCP_READ_BLOCKS_MAX");
    part.nblocks = OSCP_READ_BLOCKS_MAX + 1;
    is_int(oscp_segments_add(set, &part, &whole, &err), OSCP_ERR_LIMIT,
           "more in one part");

    part.nblocks = 1;
    part.req = name;
    part.entry = entry;
    for (i = 2; i < OSCP_SEGMENT_PARTS_MAX; i++) {
        snprintf(name, sizeof(name), "again-%u", i);
        snprintf(entry, sizeof(entry), "again.%u", i);
        oscp_segments_add(set, &part, &whole, &err);
    }
    snprintf(name, sizeof(name), "again");
    snprintf(entry, sizeof(entry), "again");
    is_int(oscp_segments_add(set, &part, &whole, &err), OSCP_ERR_LIMIT,
           "more than OSCP_SEGMENT_PARTS_MAX parts");
    snprintf(entry, sizeof(entry), "again.9");
    snprintf(name, sizeof(name), "again-9");
    is_int(oscp_segments_add(set, &part, &whole, &err), OSCP_OK,
           "one that is there already is none more");
    whole = oscp_segments_expire(set, 100000);
    ok(whole && whole->nentries == OSCP_SEGMENT_PARTS_MAX && whole->have == 2,
       "all of them are given back");
    done();
}


/* What waits in all sets together is bounded, and given free again. */
static void
blocks_of_all(void)
{
    char                 name[32], entry[32];
    unsigned             i, n = OSCP_SEGMENT_BLOCKS_MAX / OSCP_READ_BLOCKS_MAX;
    oscp_segment_part_t  part = { { 1, 2 }, name, "", entry, "G",
                                  OSCP_CONSUMPTION, block,
                                  OSCP_READ_BLOCKS_MAX, 0 };

    for (i = 0; i < n; i++) {
        snprintf(name, sizeof(name), "w%u-1", i);
        snprintf(entry, sizeof(entry), "w%u.1", i);
        oscp_segments_add(set, &part, &whole, &err);
    }

    is_int(add("more", 1, 2, 0, 0), OSCP_ERR_LIMIT,
           "more than OSCP_SEGMENT_BLOCKS_MAX blocks");
    ok(add("single", 1, 1, 0, 0) == OSCP_OK && whole, "what is whole passes");
    done();

    part = (oscp_segment_part_t) { { 2, 2 }, "w0-2", "w0-1", "w0.2", "G",
                                   OSCP_CONSUMPTION, block, 0, 0 };
    ok(oscp_segments_add(set, &part, &whole, &err) == OSCP_OK && whole,
       "what becomes whole, too");
    done();
    is_int(add("more", 1, 2, 0, 0), OSCP_OK, "and makes room");

    for (i = 0; (whole = oscp_segments_expire(set, 100000)) != NULL; i++) {
        done();
    }
    is_int(i, n, "all end");
    ok(add("m", 1, 2, 0, 0) == OSCP_OK, "and make room");
    whole = oscp_segments_expire(set, 100000);
    done();

    for (i = 0; i < OSCP_SEGMENT_ITEMS_MAX; i++) {
        snprintf(name, sizeof(name), "p%u", i / 50);
        add(name, i % 50 + 1, 51, 0, 0);
    }
    is_int(add("more", 1, 2, 0, 0), OSCP_ERR_LIMIT,
           "more than OSCP_SEGMENT_ITEMS_MAX parts");
    ok(add("p0", 51, 51, 0, 0) == OSCP_OK && whole,
       "what becomes whole passes");
    done();
    is_int(add("more", 1, 2, 0, 0), OSCP_OK, "and makes room");
    while ((whole = oscp_segments_expire(set, 100000)) != NULL) {
        done();
    }
}


static void
without_memory(void)
{
    int          unchanged = 1;
    long         n, tries = 0;
    unsigned     i;
    const unsigned  order[] = { 4, 2, 1, 3 };

    for (i = 0; i < 4; i++) {
        for (n = 1; /* until nothing fails */ ; n++) {
            failing.calls = 0;
            failing.fail_at = n;
            if (add("m", order[i], 4, 1, 0) == OSCP_OK) {
                break;
            }
            unchanged &= whole == NULL && err.code == OSCP_ERR_NOMEM;
            tries++;
        }
    }

    failing.fail_at = 0;
    ok(unchanged && tries >= 6, "%ld failed tries change nothing", tries);
    ok(whole && whole->nblocks == 4 && whole->nentries == 4,
       "the message is whole after all");
    done();

    add("m", 1, 2, 0, 0);
    failing.calls = 0;
    failing.fail_at = 1;
    ok(oscp_segments_expire(set, 70000) == NULL, "nor can a set be given back");
    failing.fail_at = 0;
    whole = oscp_segments_expire(set, 70000);
    ok(whole != NULL, "but it is not lost");
    done();

    failing.calls = 0;
    failing.fail_at = 1;
    ok(oscp_segments_create(&alloc) == NULL, "nor a collection be made");
    failing.fail_at = 0;
}


int
main(void)
{
    set = oscp_segments_create(&alloc);

    in_order();
    any_order();
    repeated();
    refused();
    running_out();
    limits();
    blocks_of_all();
    without_memory();

    add("left", 1, 2, 0, 0);
    oscp_segments_free(set);
    is_int(failing.held, 0, "nothing leaks");
    oscp_segments_free(NULL);
    oscp_segment_whole_free(NULL, &alloc);

    return done_testing();
}
