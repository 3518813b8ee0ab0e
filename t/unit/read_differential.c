/*
 * oscp_read() against a slow reading of the same documents: random ones, made
 * to be valid more often than not, and mutations of them.  Both must accept or
 * refuse, and what is accepted must have the same values.
 */

#include "reading.h"

#include "oscp_string.h"
#include "slow_read.h"

#define DOCUMENTS   90000
#define DOC_SIZE    3000
#define SHOWN       5          /* differences that are printed */

static const uint32_t  seeds[] = { 1, 20261123, 0xdecafbad };

static uint32_t  state;
static char      doc[DOC_SIZE + 512];
static size_t    doc_len;


/* xorshift32: the same everywhere. */
static uint32_t
any(uint32_t n)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;

    return state % n;
}


static int
one_in(uint32_t n)
{
    return any(n) == 0;
}


static void
put_bytes(const char *bytes, size_t len)
{
    if (doc_len + len <= DOC_SIZE) {
        memcpy(doc + doc_len, bytes, len);
        doc_len += len;
    }
}


static void
put(const char *text)
{
    put_bytes(text, strlen(text));
}


static void
put_space(void)
{
    static const char *const  spaces[] = { " ", "\n", "\t", "\r\n", "  " };

    if (one_in(12)) {
        put(spaces[any(5)]);
    }
}


/* A string, at times with one of its characters as an escape. */
static void
put_string(const char *text)
{
    char    escape[8];
    size_t  i, n = strlen(text), escaped;

    escaped = one_in(15) && n > 0 ? any((uint32_t) n) : n;

    put("\"");

    for (i = 0; i < n; i++) {
        if (i == escaped && text[i] > 0x1f && text[i] != '\\') {
            snprintf(escape, sizeof(escape), one_in(2) ? "\\u%04x" : "\\u%04X",
                     text[i]);
            put(escape);

        } else {
            put_bytes(&text[i], 1);
        }
    }

    put("\"");
}


static void
put_name(const char *name)
{
    put_space();
    put_string(name);
    put_space();
    put(":");
    put_space();
}


static void
put_word(const char *const *words)
{
    size_t  n;

    for (n = 0; words[n]; n++) {
        /* void */
    }

    put_string(one_in(60) ? "OTHER" : words[any((uint32_t) n)]);
}


static void
put_number(int quoted)
{
    char  text[64];
    static const char *const  odd[] = {
        "0", "-0", "1e999", "-1", "1e-400", "0.1e1", "1E+2",
        "12345678901234567",
        "0.30000000000000004", "123456789012345678901234567890", "5e-324",
        "1.7976931348623157e308", "01", "1.", ".5", "1e", "+1", "NaN", "null",
        "9007199254740993", "1e22", "1e23", "72057594037927945e5"
    };

    if (one_in(8)) {
        snprintf(text, sizeof(text), "%s", odd[any(23)]);

    } else {
        snprintf(text, sizeof(text), "%u.%u", any(1000), any(1000));
    }

    if (quoted) {
        put_string(text);

    } else {
        put(text);
    }
}


/* Times around the moment of receipt; `later` makes them rise. */
static void
put_time(uint32_t later)
{
    int   month, day;
    char  text[80];
    static const char *const  fractions[] = {
        "", ".5", ".123456", ".0000000000001"
    };
    static const char *const  zones[] = {
        "Z", "z", "+00:00", "-00:00", "+13:00", "-23:59", "+05:30"
    };
    static const char *const  odd[] = {
        "2026-11-23T24:00:00Z", "2026-02-29T00:00:00Z", "2024-02-29T00:00:00Z",
        "2026-11-23T23:59:60Z", "2026-11-23 00:00:00Z", "2026-11-23T00:00:00",
        "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+00:01", "",
        "2026-11-23T00:00:00+24:00", "2026-11-23T00:00:00.Z",
        "2026-11-23T00:00:00.0000000000001Z", "2026-11-23T00:00:61Z",
        "9999-12-31T23:59:59-00:01", "2026-04-31T00:00:00Z",
        "2026-11-23T00:00:60.5+01:00"
    };

    if (one_in(40)) {
        put_string(odd[any(16)]);
        return;
    }

    month = one_in(10) ? (int) any(13) + 1 : 11;
    day = one_in(20) ? (int) any(33) : 22 + (int) any(3) + (int) later;

    snprintf(text, sizeof(text), "%u-%02d-%02d%c%02u:%02u:%02u%s%s",
             2026 + one_in(30), month, day, one_in(9) ? 't' : 'T', any(24),
             any(60), any(60), fractions[one_in(4) ? any(4) : 0],
             zones[one_in(2) ? any(7) : 0]);
    put_string(text);
}


/* Any JSON, mostly; for members that nobody knows and for wrong types. */
static void
put_any(int depth)
{
    uint32_t                  i, n;
    char                      name[8];
    static const char *const  values[] = {
        "null", "true", "false", "0", "-1.5e3", "\"\"", "\"x\"", "[]", "{}",
        "\"\\ud834\\udd1e\"", "\"\xc3\xa9\"", "\"\\n\\t\\\"\"", "tru",
        "\"\\x\"",
        "\"\\ud800\"", "\"\xc3\"", "\"\\u0000\"", "1e999"
    };

    i = any(depth > 17 ? 10 : 14);

    if (i < 10) {
        put(values[one_in(20) ? any(18) : any(12)]);
        return;
    }

    put(i < 12 ? "[" : "{");

    for (n = any(3), i = i < 12; n > 0; n--) {
        if (!i) {
            snprintf(name, sizeof(name), "%c", 'a' + any(6));
            put_name(name);
        }

        put_any(depth + 1);
        put(n > 1 ? "," : "");
    }

    put(i ? "]" : "}");
}


typedef struct {
    const char  *name;
    void       (*put)(void);
    int          optional;
} member_t;


/* An object with these members, some left out, in some order. */
static void
put_object(const member_t *members, size_t n)
{
    size_t       i, k, order[12];
    const char  *comma = "";

    for (i = 0; i < n; i++) {
        order[i] = i;
    }

    for (i = 0; i < n && one_in(3); i++) {
        k = any((uint32_t) n);
        order[n] = order[i];
        order[i] = order[k];
        order[k] = order[n];
    }

    put("{");

    for (i = 0; i < n; i++) {
        if (one_in(members[order[i]].optional ? 3 : 150)) {
            continue;
        }

        put(comma);
        comma = ",";

        if (one_in(25)) {
            put_name(one_in(2) ? "x" : "y");
            put_any(3);
            put(",");
        }

        put_name(members[order[i]].name);

        if (one_in(150)) {
            put_any(3);

        } else {
            members[order[i]].put();
        }

        put_space();
    }

    put("}");
}


static void
put_list(void (*element)(void))
{
    uint32_t  n = one_in(40) ? 0 : 1 + any(3);

    put("[");

    for ( /* void */ ; n > 0; n--) {
        put_space();
        element();
        put_space();
        put(n > 1 ? "," : "");
    }

    put("]");
}


static void put_phase(void) { put_word(slow_phases); }
static void put_unit(void) { put_word(slow_units); }
static void put_energy_unit(void) { put_word(slow_units + 3 - one_in(50)); }
static void put_flow(void) { put_word(slow_flows); }
static void put_energy_type(void) { put_word(slow_energies); }
static void put_category(void) { put_word(slow_categories); }
static void put_type(void) { put_word(slow_types); }
static void put_mode(void) { put_word(slow_words); }
static void put_modes(void) { put_list(put_mode); }
static void put_start(void) { put_time(0); }
static void put_end(void) { put_time(3); }
static void put_value(void) { put_number(0); }
static void put_capacity(void) { put_number(one_in(4)); }
static void put_interval(void) { put(one_in(9) ? "0.5" : "30"); }


static void
put_id(void)
{
    static const char *const  ids[] = {
        "DEPOT01", "", "d\xc3\xa9p\xc3\xb4t", "a/b c",
        "a name that is longer than the sixty-four bytes which are kept of it",
        "64 bytes: 0123456789 0123456789 0123456789 0123456789 0123456789"
    };

    put_string(one_in(3) ? ids[any(6)] : ids[0]);
}


static void
put_block(void)
{
    static const member_t  members[] = {
        { "capacity", put_capacity, 0 }, { "phase", put_phase, 0 },
        { "unit", put_unit, 0 }, { "start_time", put_start, 0 },
        { "end_time", put_end, 0 }
    };

    put_object(members, 5);
}


static void
put_energy(void)
{
    static const member_t  members[] = {
        { "value", put_value, 0 }, { "phase", put_phase, 0 },
        { "unit", put_energy_unit, 0 }, { "direction", put_flow, 0 },
        { "energy_type", put_energy_type, 1 }, { "measure_time", put_start, 0 },
        { "initial_measure_time", put_start, 1 }
    };

    put_object(members, 7);
}


static void
put_instant(void)
{
    static const member_t  members[] = {
        { "value", put_value, 0 }, { "phase", put_phase, 0 },
        { "unit", put_unit, 0 }, { "measure_time", put_start, 0 }
    };

    put_object(members, 4);
}


static void
put_asset(void)
{
    static const member_t  members[] = {
        { "asset_id", put_id, 0 }, { "asset_category", put_category, 0 },
        { "energy_measurement", put_energy, 1 },
        { "instantaneous_measurement", put_instant, 1 }
    };

    put_object(members, 4);
}


static void
put_url(void)
{
    static const member_t  members[] = {
        { "version", put_id, 0 }, { "base_url", put_id, 0 }
    };

    put_object(members, 2);
}


static void
put_behaviour(void)
{
    static const member_t  members[] = {
        { "heartbeat_interval", put_interval, 1 },
        { "measurement_configuration", put_modes, 1 }
    };

    put_object(members, 2);
}


static void put_blocks(void) { put_list(put_block); }
static void put_energies(void) { put_list(put_energy); }
static void put_assets(void) { put_list(put_asset); }
static void put_urls(void) { put_list(put_url); }


typedef struct {
    size_t    n;
    member_t  members[3];
} document_t;


static const document_t  documents[OSCP_MESSAGE_COUNT] = {
    [OSCP_REGISTER] = { 2, { { "token", put_id, 0 },
        { "version_url", put_urls, 0 } } },
    [OSCP_HANDSHAKE] = { 3, { { "required_behaviour", put_behaviour, 1 },
        { "heartbeat_interval", put_interval, 1 },
        { "measurement_configuration", put_modes, 1 } } },
    [OSCP_HANDSHAKE_ACKNOWLEDGE] = { 1, { { "required_behaviour",
        put_behaviour, 0 } } },
    [OSCP_HEARTBEAT] = { 1, { { "offline_mode_at", put_end, 1 } } },
    [OSCP_UPDATE_GROUP_CAPACITY_FORECAST] = { 3, { { "group_id", put_id, 0 },
        { "type", put_type, 0 }, { "forecasted_blocks", put_blocks, 0 } } },
    [OSCP_ADJUST_GROUP_CAPACITY_FORECAST] = { 3, { { "group_id", put_id, 0 },
        { "type", put_type, 0 }, { "forecasted_blocks", put_blocks, 0 } } },
    [OSCP_GROUP_CAPACITY_COMPLIANCE_ERROR] = { 2, { { "message", put_id, 0 },
        { "forecasted_blocks", put_blocks, 1 } } },
    [OSCP_UPDATE_GROUP_MEASUREMENTS] = { 2, { { "group_id", put_id, 0 },
        { "measurements", put_energies, 0 } } },
    [OSCP_UPDATE_ASSET_MEASUREMENTS] = { 2, { { "group_id", put_id, 0 },
        { "measurements", put_assets, 0 } } }
};


/* Bytes changed, inserted, dropped, doubled. */
static void
mutate(void)
{
    size_t             at, n;
    static const char  bytes[] = "\"\\{}[]:,0123456789eE+-. \ntfnu\x01\x7f\x80"
                                 "\xc3\xa9\xe2\xed\xff";

    if (doc_len < 2) {
        return;
    }

    at = any((uint32_t) doc_len);
    n = 1 + any(one_in(3) ? 40 : 2);

    switch (any(5)) {

    case 0:
        doc[at] = bytes[any(sizeof(bytes))];
        break;

    case 1:
        memmove(doc + at + 1, doc + at, doc_len - at);
        doc[at] = bytes[any(sizeof(bytes))];
        doc_len++;
        break;

    case 2:
        n = n < doc_len - at ? n : doc_len - at;
        memmove(doc + at, doc + at + n, doc_len - at - n);
        doc_len -= n;
        break;

    case 3:
        n = n < doc_len - at ? n : doc_len - at;
        memmove(doc + at + n, doc + at, doc_len - at);
        doc_len += n;
        break;

    default:
        doc[at] ^= (char) (1 << any(8));
        break;
    }
}


/* A raw JSON string decodes to `want`; the scanner has validated it. */
static int
same_text(oscp_str_t raw, const char *want)
{
    char           buf[DOC_SIZE];
    size_t         len;
    const char    *p = raw.data - 1;
    oscp_string_t  s;

    if (oscp_string_scan(&p, raw.data + raw.len + 1, &s) != 0) {
        return 0;
    }

    len = oscp_string_unescape(&s, buf, sizeof(buf));

    return len == strlen(want) && memcmp(buf, want, len) == 0;
}


static int
same_energy(const oscp_energy_t *a, const oscp_energy_t *b)
{
    return a->value == b->value && a->phase == b->phase && a->unit == b->unit
           && a->direction == b->direction && a->energy_type == b->energy_type
           && a->measure_time_ms == b->measure_time_ms
           && a->initial_measure_time_ms == b->initial_measure_time_ms;
}


static int
same_asset(const oscp_asset_t *a, const oscp_asset_t *b)
{
    const oscp_instantaneous_t  *ia = &a->instantaneous;
    const oscp_instantaneous_t  *ib = &b->instantaneous;

    return strcmp(a->asset_id, b->asset_id) == 0 && a->category == b->category
           && a->has_energy == b->has_energy
           && a->has_instantaneous == b->has_instantaneous
           && (!a->has_energy || same_energy(&a->energy, &b->energy))
           && (!a->has_instantaneous
               || (ia->value == ib->value && ia->phase == ib->phase
                   && ia->unit == ib->unit
                   && ia->measure_time_ms == ib->measure_time_ms));
}


static int
same_lists(const slow_t *s)
{
    size_t                 i;
    const oscp_message_t  *m = &reading.m;

    for (i = 0; i < m->nblocks && i < READING_ITEMS; i++) {
        if (reading.blocks[i].capacity != s->blocks[i].capacity
            || reading.blocks[i].phase != s->blocks[i].phase
            || reading.blocks[i].unit != s->blocks[i].unit
            || reading.blocks[i].start_ms != s->blocks[i].start_ms
            || reading.blocks[i].end_ms != s->blocks[i].end_ms)
        {
            return 0;
        }
    }

    for (i = 0; i < m->nenergies && i < READING_ITEMS; i++) {
        if (!same_energy(&reading.energies[i], &s->energies[i])) {
            return 0;
        }
    }

    for (i = 0; i < m->nassets && i < READING_ITEMS; i++) {
        if (!same_asset(&reading.assets[i], &s->assets[i])) {
            return 0;
        }
    }

    for (i = 0; i < m->nurls && i < READING_ITEMS; i++) {
        if (strcmp(reading.urls[i].version, s->versions[i]) != 0
            || !same_text(reading.urls[i].base_url, s->urls[i]))
        {
            return 0;
        }
    }

    return m->nblocks == s->m.nblocks && m->nenergies == s->m.nenergies
           && m->nassets == s->m.nassets && m->nurls == s->m.nurls;
}


static int
same_values(const slow_t *s)
{
    const oscp_message_t  *m = &reading.m;

    if (m->dialect != s->m.dialect || m->has_interval != s->m.has_interval
        || m->has_measurement != s->m.has_measurement
        || m->heartbeat_interval_s != s->m.heartbeat_interval_s
        || m->measurement != s->m.measurement || m->type != s->m.type
        || m->offline_mode_at_ms != s->m.offline_mode_at_ms
        || strcmp(m->group_id, s->m.group_id) != 0)
    {
        return 0;
    }

    if (m->kind == OSCP_REGISTER && !same_text(m->token, s->text)) {
        return 0;
    }

    if (m->kind == OSCP_GROUP_CAPACITY_COMPLIANCE_ERROR
        && !same_text(m->text, s->text))
    {
        return 0;
    }

    return same_lists(s);
}


static void
show(const char *what, oscp_err_t rc)
{
    size_t  i;

    printf("# %s: %s, %d %s: %s\n# ", oscp_message_name(reading.m.kind), what,
           rc, reading.err.path, reading.err.text);

    for (i = 0; i < doc_len; i++) {
        printf(doc[i] >= 0x20 && doc[i] <= 0x7e ? "%c" : "\\x%02x",
               (unsigned char) doc[i]);
    }

    printf("\n");
}


typedef struct {
    int  accepted;
    int  refused;
    int  passed_over;      /* numbers too long for cJSON */
    int  verdicts;         /* differences */
    int  values;
} tally_t;


static void
compare(oscp_message_kind_t kind, tally_t *t)
{
    int            judged, accepts = 0;
    cJSON         *root = NULL;
    oscp_err_t     rc;
    static slow_t  slow;

    slow.options = reading.options;
    judged = slow_json_judge(doc, doc_len);

    if (judged < 0) {
        t->passed_over++;
        return;
    }

    if (judged) {
        root = cJSON_ParseWithLength(doc, doc_len);
        accepts = slow_read(&slow, kind, root);
    }

    rc = reading_bytes(kind, doc, doc_len);
    t->accepted += accepts;
    t->refused += !accepts;

    if ((rc == OSCP_OK) != accepts) {
        if (t->verdicts++ < SHOWN) {
            show(accepts ? "only the slow one accepts" : "must be refused", rc);
        }

    } else if (accepts && !same_values(&slow)) {
        if (t->values++ < SHOWN) {
            show("other values", rc);
        }
    }

    cJSON_Delete(root);
}


static void
test_seed(uint32_t seed)
{
    int                   i, changes;
    tally_t               t = { 0, 0, 0, 0, 0 };
    oscp_message_kind_t   kind;

    printf("# seed %u\n", seed);
    state = seed;

    for (i = 0; i < DOCUMENTS / 3; i++) {
        kind = (oscp_message_kind_t) any(OSCP_MESSAGE_COUNT);
        reading.options.strict = one_in(4);
        reading.options.intermittent = one_in(4);

        doc_len = 0;
        put_space();
        put_object(documents[kind].members, documents[kind].n);
        put_space();
        compare(kind, &t);

        for (changes = 1 + (int) any(3); changes > 0; changes--) {
            mutate();
        }

        compare(kind, &t);
    }

    is_int(t.verdicts, 0, "both accept or both refuse");
    is_int(t.values, 0, "and read the same values");
    ok(t.accepted > DOCUMENTS / 12 && t.refused > DOCUMENTS / 12
       && t.passed_over < DOCUMENTS / 100,
       "%d accepted, %d refused, %d passed over", t.accepted, t.refused,
       t.passed_over);
}


int
main(void)
{
    size_t  i;

    for (i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++) {
        test_seed(seeds[i]);
    }

    return reading_done();
}
