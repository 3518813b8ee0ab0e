/* Names and enumerations: each spelling both ways, and nothing else. */

#include "tap.h"

#include "oscp_message.h"


typedef const char *(*name_pt)(unsigned value);
typedef int (*find_pt)(const char *text, size_t len);

typedef struct {
    const char  *what;
    name_pt      name;
    find_pt      find;
    unsigned     first;
    const char  *spellings[10];      /* ends with NULL */
} enum_case_t;


/* The enumerations are distinct types: each takes its own way to unsigned. */
#define NAMED(function, type)                                                \
    static const char *                                                      \
    function##_of(unsigned value)                                            \
    {                                                                        \
        return function((type) value);                                       \
    }

NAMED(oscp_message_name, oscp_message_kind_t)
NAMED(oscp_type_name, oscp_type_t)
NAMED(oscp_phase_name, oscp_phase_t)
NAMED(oscp_unit_name, oscp_unit_t)
NAMED(oscp_category_name, oscp_category_t)
NAMED(oscp_flow_name, oscp_flow_t)
NAMED(oscp_energy_type_name, oscp_energy_type_t)


static const enum_case_t  cases[] = {
    { "message", oscp_message_name_of, oscp_message_find, OSCP_REGISTER,
      { "register", "handshake", "handshake_acknowledge", "heartbeat",
        "update_group_capacity_forecast", "adjust_group_capacity_forecast",
        "group_capacity_compliance_error", "update_group_measurements",
        "update_asset_measurements" } },
    { "type", oscp_type_name_of, oscp_type_find, OSCP_CONSUMPTION,
      { "CONSUMPTION", "GENERATION", "FALLBACK_CONSUMPTION",
        "FALLBACK_GENERATION", "OPTIMUM" } },
    { "phase", oscp_phase_name_of, oscp_phase_find, OSCP_PHASE_UNKNOWN,
      { "UNKNOWN", "ONE", "TWO", "THREE", "ALL" } },
    { "unit", oscp_unit_name_of, oscp_unit_find, OSCP_UNIT_A,
      { "A", "W", "KW", "WH", "KWH" } },
    { "category", oscp_category_name_of, oscp_category_find, OSCP_CHARGING,
      { "CHARGING", "CONSUMPTION", "GENERATION", "STORAGE" } },
    { "direction", oscp_flow_name_of, oscp_flow_find, OSCP_NET,
      { "NET", "IMPORT", "EXPORT" } },
    { "energy type", oscp_energy_type_name_of, oscp_energy_type_find,
      OSCP_ENERGY_TOTAL, { "TOTAL", "FLEXIBLE", "NONFLEXIBLE" } },
    { "measurement", oscp_measurement_name, oscp_measurement_find,
      OSCP_CONTINUOUS, { "CONTINUOUS", "INTERMITTENT" } }
};

static const char *const  strangers[] = {
    "", "x", "all", "Handshake", "KW ", " KW", "K", "WHH", "ALLL", "NETS",
    "handshake_acknowledgment", "heartbeat/", "CONSUMPTIO"
};


static void
test_enum(const enum_case_t *c)
{
    size_t    i;
    unsigned  n;

    for (n = 0; c->spellings[n]; n++) {
        is_str(c->name(c->first + n), c->spellings[n], c->what);
        is_int(c->find(c->spellings[n], strlen(c->spellings[n])),
               (int) (c->first + n), c->spellings[n]);
    }

    ok(c->name(c->first + n) == NULL && c->name(1000) == NULL
       && c->name(c->first - 1) == NULL, "%s: nothing beyond", c->what);

    for (i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++) {
        is_int(c->find(strangers[i], strlen(strangers[i])), -1, strangers[i]);
    }

    is_int(c->find("KW\0", 3), -1, "a NUL counts");
}


static void
test_list(void)
{
    char      buf[32];
    size_t    len;
    unsigned  bits;

    for (bits = 0; bits <= 3; bits++) {
        len = oscp_measurement_list(bits, buf);
        is_int((int64_t) len, (int64_t) strlen(buf), "length of a list");
        is_int(oscp_measurement_list_parse(buf, strlen(buf)), (int) bits, buf);
    }

    is_str(buf, "CONTINUOUS,INTERMITTENT", "both");

    is_int(oscp_measurement_list_parse("INTERMITTENT,CONTINUOUS", 23), 3,
           "in any order");
    is_int(oscp_measurement_list_parse(",", 1), -1, "a comma");
    is_int(oscp_measurement_list_parse("CONTINUOUS,", 11), -1, "at the end");
    is_int(oscp_measurement_list_parse("CONTINUOUS,CONTINUOUS", 21), -1,
           "twice the same");
    is_int(oscp_measurement_list_parse("continuous", 10), -1, "other case");
    is_int(oscp_measurement_list_parse("CONTINUOUS, INTERMITTENT", 24), -1,
           "a blank");
}


static void
test_init(void)
{
    oscp_message_t  m;

    memset(&m, 0xff, sizeof(m));
    oscp_message_init(&m, OSCP_HEARTBEAT);

    is_int(m.kind, OSCP_HEARTBEAT, "kind");
    ok(m.offline_mode_at_ms == OSCP_TIME_NONE, "no time");
    ok(m.blocks == NULL && m.max_blocks == 0 && m.nblocks == 0
       && m.energies == NULL && m.assets == NULL && m.urls == NULL,
       "no lists");
    ok(!m.has_interval && !m.has_measurement && m.dialect == OSCP_DIALECT_NONE,
       "no behaviour");
    is_str(m.group_id, "", "no group");
}


int
main(void)
{
    size_t  i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        test_enum(&cases[i]);
    }

    test_list();
    test_init();

    return done_testing();
}
