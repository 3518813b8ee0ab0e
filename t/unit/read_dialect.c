/* Handshakes in both dialects, in neither, in both at once; `dialect strict`
   and profile vector's INTERMITTENT (protocol, H1 and H4). */

#include "reading.h"

#define INTERVAL  "\"heartbeat_interval\":"
#define LIST      "\"measurement_configuration\":"
#define NESTED    "\"required_behaviour\":"

#define KIND      OSCP_HANDSHAKE


typedef struct {
    const char      *json;
    oscp_dialect_t   dialect;
    double           interval;       /* 0: none */
    int              measurement;    /* -1: no list */
} dialect_case_t;


static const dialect_case_t  good[] = {
    { "{}", OSCP_DIALECT_NONE, 0, -1 },
    { "{\"x\":{\"heartbeat_interval\":\"no\"}}", OSCP_DIALECT_NONE, 0, -1 },
    { "{" NESTED "{}}", OSCP_DIALECT_NESTED, 0, -1 },
    { "{" NESTED "{" INTERVAL "1}}", OSCP_DIALECT_NESTED, 1, -1 },
    { "{" NESTED "{" INTERVAL "30.5," LIST "[]}}", OSCP_DIALECT_NESTED, 30.5,
      0 },
    { "{" NESTED "{" LIST "[\"CONTINUOUS\"]}}", OSCP_DIALECT_NESTED, 0, 1 },
    { "{" NESTED "{" LIST "[\"INTERMITTENT\",\"CONTINUOUS\"]," INTERVAL
      "60}}", OSCP_DIALECT_NESTED, 60, 3 },
    { "{" INTERVAL "30}", OSCP_DIALECT_FLAT, 30, -1 },
    { "{" LIST "[]}", OSCP_DIALECT_FLAT, 0, 0 },
    { "{" LIST "[\"INTERM\\u0049TTENT\"]," INTERVAL "1e2}", OSCP_DIALECT_FLAT,
      100, 2 },
    { "{" INTERVAL "30," NESTED "{" INTERVAL "60}," LIST
      "[\"CONTINUOUS\"]}", OSCP_DIALECT_NESTED, 60, -1 },
    { "{" NESTED "{}," INTERVAL "30}", OSCP_DIALECT_NESTED, 0, -1 }
};


static void
test_good(void)
{
    size_t                 i;
    const dialect_case_t  *c;
    const oscp_message_t  *m = &reading.m;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        c = &good[i];

        accepted(i % 2 ? OSCP_HANDSHAKE : OSCP_HANDSHAKE_ACKNOWLEDGE, c->json,
                 c->json);
        is_int(m->dialect, c->dialect, "dialect");
        ok(m->has_interval == (c->interval > 0)
           && m->heartbeat_interval_s == c->interval, "interval");
        ok(m->has_measurement == (c->measurement >= 0)
           && (int) m->measurement == (c->measurement > 0 ? c->measurement
                                                          : 0), "list");
    }
}


static void
test_bad(void)
{
    refused(KIND, "{" NESTED "{" INTERVAL "0.999}}", OSCP_ERR_SEMANTIC,
            "$.required_behaviour.heartbeat_interval", "1 or greater");
    refused(KIND, "{" INTERVAL "0}", OSCP_ERR_SEMANTIC,
            "$.heartbeat_interval", "1 or greater");
    refused(KIND, "{" INTERVAL "-30}", OSCP_ERR_SEMANTIC,
            "$.heartbeat_interval", "1 or greater");
    refused(KIND, "{" INTERVAL "1e999}", OSCP_ERR_SEMANTIC,
            "$.heartbeat_interval", "must be finite");
    refused(KIND, "{" INTERVAL "\"30\"}", OSCP_ERR_SCHEMA,
            "$.heartbeat_interval", "must be a number");
    refused(KIND, "{" NESTED "{" LIST "[\"CONTINUOUS\",\"CONTINUOUS\"]}}",
            OSCP_ERR_SCHEMA,
            "$.required_behaviour.measurement_configuration[1]",
            "each at most once");
    refused(KIND, "{" LIST "[\"OTHER\"]}", OSCP_ERR_SCHEMA,
            "$.measurement_configuration[0]", "CONTINUOUS, INTERMITTENT");
    refused(KIND, "{" LIST "[1]}", OSCP_ERR_SCHEMA,
            "$.measurement_configuration[0]", "CONTINUOUS, INTERMITTENT");
    refused(KIND, "{" LIST "\"CONTINUOUS\"}", OSCP_ERR_SCHEMA,
            "$.measurement_configuration", "must be a list");
    refused(KIND, "{" NESTED "null}", OSCP_ERR_SCHEMA, "$.required_behaviour",
            "must be an object");

    /* the form that does not hold is validated all the same */
    refused(KIND, "{" NESTED "{}," INTERVAL "\"x\"}", OSCP_ERR_SCHEMA,
            "$.heartbeat_interval", "must be a number");
    refused(KIND, "{" LIST "[\"x\"]," NESTED "{}}", OSCP_ERR_SCHEMA,
            "$.measurement_configuration[0]", "CONTINUOUS");
}


static void
test_strict(void)
{
    reading.options.strict = 1;

    accepted(KIND, "{}", "strict: nothing required");
    accepted(KIND, "{" NESTED "{" LIST "[]}}", "strict: the schema's form");
    accepted(KIND, "{\"x\":1," NESTED "{\"y\":2," LIST "[]}}",
             "strict: unknown members");
    refused(KIND, "{" NESTED "{}}", OSCP_ERR_SCHEMA,
            "$.required_behaviour.measurement_configuration", "is required");
    refused(KIND, "{" NESTED "{" INTERVAL "30}}", OSCP_ERR_SCHEMA,
            "$.required_behaviour.measurement_configuration", "is required");
    refused(KIND, "{" INTERVAL "30}", OSCP_ERR_SCHEMA, "$.heartbeat_interval",
            "must be inside required_behaviour");
    refused(KIND, "{" LIST "[]}", OSCP_ERR_SCHEMA,
            "$.measurement_configuration",
            "must be inside required_behaviour");

    reading.options.strict = 0;
}


static void
test_intermittent(void)
{
    static const char *const  nested =
        "$.required_behaviour.measurement_configuration";
    static const char *const  flat = "$.measurement_configuration";

    reading.options.intermittent = 1;

    accepted(KIND, "{}", "intermittent: nothing said");
    accepted(KIND, "{" NESTED "{" INTERVAL "30}}", "intermittent: no list");
    accepted(KIND, "{" LIST "[\"INTERMITTENT\"]}", "intermittent: it alone");
    accepted(KIND, "{" NESTED "{" LIST "[\"CONTINUOUS\",\"INTERMITTENT\"]}}",
             "intermittent: with another");
    accepted(KIND, "{" NESTED "{}," LIST "[\"CONTINUOUS\"]}",
             "intermittent: the list that does not hold");

    refused(KIND, "{" NESTED "{" LIST "[\"CONTINUOUS\"]}}", OSCP_ERR_SEMANTIC,
            nested, "must contain INTERMITTENT");
    refused(KIND, "{" NESTED "{" LIST "[]," INTERVAL "30}}",
            OSCP_ERR_SEMANTIC, nested, "must contain INTERMITTENT");
    refused(OSCP_HANDSHAKE_ACKNOWLEDGE, "{" LIST "[\"CONTINUOUS\"]}",
            OSCP_ERR_SEMANTIC, flat, "must contain INTERMITTENT");
    refused(KIND, "{" LIST "[]}", OSCP_ERR_SEMANTIC, flat,
            "must contain INTERMITTENT");

    reading.options.intermittent = 0;
}


int
main(void)
{
    test_good();
    test_bad();
    test_strict();
    test_intermittent();

    return reading_done();
}
