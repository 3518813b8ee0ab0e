/*
 * Goal: a configuration's defaults are the design's, and what is written is
 * read back the same, from one allocation, byte for byte equal when written
 * again.
 */

#include "failing.h"
#include "oscp_config.h"
#include "tap.h"

static char  doc[8192], again[8192];


static const oscp_header_conf_t  headers[] = {
    { "fp-id", "BF01", NULL },
    { "apikey", NULL, "/etc/oscp/vector-apikey" },
    { "x-note", "a \"b\" \\ c", NULL }
};

static const oscp_group_conf_t  groups[] = {
    { "DEPOT01", "depot-1", "incomer-1", "DEPOT01", 400000, 1, 1, 60000, 230 },
    { "DEPOT02", "depot-2", "incomer-2", "bay.7", 123456.789, 1, 0, 0, 240.5 },
    { "DEPOT03", "depot-3", NULL, "DEPOT03", 0, 0, 1, 0, 230 }
};


static oscp_connection_conf_t
full(void)
{
    oscp_connection_conf_t  c;

    oscp_config_defaults(&c, oscp_profile_find("vector", 6));
    c.name = "vector";
    c.peer = "https://derms.example/oscp/cp/2.0";
    c.strict = 1;
    c.initiate_handshake = 0;
    c.heartbeat_interval_ms = 45500;
    c.handshake_timeout_ms = 12345;
    c.measurement = OSCP_CONTINUOUS|OSCP_INTERMITTENT;
    c.measurement_window_ms = 300000;
    c.measurement_grace_ms = 0;
    c.compliance_tolerance = 0.025;
    c.compliance_grace_ms = 90000;
    c.peer_path[OSCP_HANDSHAKE_ACKNOWLEDGE] = "/handshake_acknowledgment";
    c.peer_path[OSCP_HEARTBEAT] = "/beat?x=1";
    c.present = OSCP_PRESENT_OAUTH;
    c.token_url = "https://login.example:8443/token";
    c.client_id = "id";
    c.client_secret_file = "/etc/oscp/secret";
    c.scope = "a b";
    c.auth_body = 1;
    c.headers = headers;
    c.nheaders = 3;
    c.tls_ca = "/ca.pem";
    c.tls_cert = "/cert.pem";
    c.tls_key = "/key.pem";
    c.groups = groups;
    c.ngroups = 3;

    return c;
}


static void
defaults(void)
{
    oscp_connection_conf_t  c;

    memset(&c, 0xa5, sizeof(c));
    oscp_config_defaults(&c, oscp_profile_find("vector", 6));
    is_int(c.heartbeat_interval_ms, 30000, "heartbeat_interval 30s");
    is_int(c.handshake_timeout_ms, 30000, "handshake_timeout 30s");
    is_int(c.measurement_window_ms, 900000, "measurement_window 15m");
    is_int(c.measurement_grace_ms, 10000, "measurement_grace 10s");
    is_num(c.compliance_tolerance, 0.02, "compliance_tolerance 2%");
    is_int(c.compliance_grace_ms, 60000, "compliance_grace 60s");
    is_int(c.gap_policy, OSCP_GAP_SAFE_DEFAULT, "gap_policy safe_default");
    is_int(c.measurement, OSCP_INTERMITTENT, "INTERMITTENT");
    is_int(c.initiate_handshake, 1, "initiate_handshake is on for vector");
    is_int(c.strict, 0, "both dialects are read");
    is_int(c.present, OSCP_PRESENT_NONE, "nothing is presented");
    ok(c.name == NULL && c.peer == NULL && c.groups == NULL
       && c.headers == NULL && c.peer_path[OSCP_HEARTBEAT] == NULL,
       "everything else is absent");

    oscp_config_defaults(&c, oscp_profile_find("generic", 7));
    is_int(c.initiate_handshake, 0, "initiate_handshake is off for generic");
}


static void
round_trip(void)
{
    size_t                   i, len;
    oscp_error_t             err;
    oscp_connection_conf_t   c = full(), *r = NULL;

    len = oscp_config_write(&c, doc, sizeof(doc));
    ok(len < sizeof(doc) && strlen(doc) == len, "written whole");
    is_int(oscp_config_write(&c, NULL, 0), (int64_t) len,
           "counted without a buffer");
    is_int(oscp_config_write(&c, again, 100), (int64_t) len,
           "and with one that is too small");
    is_int(strlen(again), 99, "which is filled and ended");

    if (!ok(oscp_config_read(doc, len, &oscp_alloc_libc, &r, &err) == OSCP_OK,
            "read back"))
    {
        printf("# %s %s\n%s\n", err.path, err.text, doc);
        return;
    }

    is_str(r->name, c.name, "name");
    ok(r->profile == c.profile, "profile");
    is_str(r->peer, c.peer, "peer");
    ok(r->strict && !r->initiate_handshake && r->auth_body, "flags");
    is_int(r->heartbeat_interval_ms, 45500, "heartbeat_interval");
    is_int(r->handshake_timeout_ms, 12345, "handshake_timeout");
    is_int(r->measurement, 3, "measurement_configuration");
    is_int(r->measurement_window_ms, 300000, "measurement_window");
    is_int(r->measurement_grace_ms, 0, "measurement_grace");
    is_num(r->compliance_tolerance, 0.025, "compliance_tolerance");
    is_int(r->compliance_grace_ms, 90000, "compliance_grace");
    is_str(r->peer_path[OSCP_HANDSHAKE_ACKNOWLEDGE],
           "/handshake_acknowledgment", "a path");
    is_str(r->peer_path[OSCP_HEARTBEAT], "/beat?x=1", "another path");
    ok(r->peer_path[OSCP_HANDSHAKE] == NULL, "an absent path");
    is_int(r->present, OSCP_PRESENT_OAUTH, "present");
    is_str(r->token_url, c.token_url, "token_url");
    is_str(r->client_id, c.client_id, "client_id");
    is_str(r->client_secret_file, c.client_secret_file, "secret's file");
    is_str(r->scope, "a b", "scope");
    ok(r->token_file == NULL, "token_file is absent");
    is_str(r->tls_ca, c.tls_ca, "ca");
    is_str(r->tls_cert, c.tls_cert, "cert");
    is_str(r->tls_key, c.tls_key, "key");

    is_int(r->nheaders, 3, "headers");
    is_str(r->headers[0].value, "BF01", "a header's value");
    ok(r->headers[0].file == NULL, "has no file");
    is_str(r->headers[1].file, "/etc/oscp/vector-apikey", "a header's file");
    ok(r->headers[1].value == NULL, "has no value");
    is_str(r->headers[2].value, "a \"b\" \\ c", "quotes survive");

    is_int(r->ngroups, 3, "groups");
    for (i = 0; i < 3; i++) {
        is_str(r->groups[i].id, groups[i].id, "a group's id");
        is_str(r->groups[i].scope, groups[i].scope, "its scope");
        is_str(r->groups[i].circuit, groups[i].circuit, "its circuit");
        is_str(r->groups[i].asset, groups[i].asset, "its asset");
        ok(r->groups[i].has_rated == groups[i].has_rated
           && r->groups[i].rated_w == groups[i].rated_w, "its rating");
        ok(r->groups[i].has_safe_default == groups[i].has_safe_default
           && r->groups[i].safe_default_w == groups[i].safe_default_w,
           "its safe default");
        is_num(r->groups[i].voltage_v, groups[i].voltage_v, "its voltage");
    }

    oscp_config_write(r, again, sizeof(again));
    is_str(again, doc, "equal configurations give equal bytes");

    c.groups = NULL;
    c.ngroups = 0;
    is_str(oscp_config_group(r, "DEPOT02", 7)->scope, "depot-2",
           "a group is found by its id");
    ok(oscp_config_group(r, "DEPOT02x", 7) != NULL, "by its length");
    ok(oscp_config_group(r, "DEPOT0", 6) == NULL, "a prefix is none");
    ok(oscp_config_group(r, "DEPOT01\0x", 9) == NULL, "nor is a NUL's tail");
    ok(oscp_config_group(r, "", 0) == NULL, "nor nothing");
    ok(oscp_config_group(&c, "DEPOT01", 7) == NULL, "nor one of no groups");

    oscp_alloc_libc.resize(oscp_alloc_libc.ctx, r, 0);
}


static void
exact(void)
{
    oscp_group_conf_t        g = { "G", "s", "c", "G", 1000, 1, 1, 500, 230 };
    oscp_connection_conf_t   c;

    oscp_config_defaults(&c, oscp_profile_find("generic", 7));
    c.name = "n";
    c.peer = "https://p";
    c.groups = &g;
    c.ngroups = 1;
    oscp_config_write(&c, doc, sizeof(doc));
    is_str(doc, "{\"name\":\"n\",\"peer\":\"https://p\","
           "\"heartbeat_interval_ms\":30000,\"handshake_timeout_ms\":30000,"
           "\"measurement_window_ms\":900000,\"measurement_grace_ms\":10000,"
           "\"compliance_tolerance\":0.02,\"compliance_grace_ms\":60000,"
           "\"profile\":\"generic\",\"gap_policy\":\"safe_default\","
           "\"present\":\"none\",\"strict\":false,"
           "\"initiate_handshake\":false,\"auth_body\":false,"
           "\"measurement_configuration\":[\"INTERMITTENT\"],"
           "\"peer_path\":{},\"headers\":[],\"groups\":[{\"id\":\"G\","
           "\"scope\":\"s\",\"circuit\":\"c\",\"asset\":\"G\","
           "\"voltage_v\":230,\"rated_w\":1000,\"safe_default_w\":500}]}",
           "compact, in one order");
}


/* Every allocation fails in turn: an error, nothing left behind. */
static void
without_memory(void)
{
    int                      clean = 1;
    long                     n;
    size_t                   len;
    failing_t                failing = { 0, 0, 0 };
    oscp_err_t               rc;
    oscp_alloc_t             alloc = { failing_resize, &failing };
    oscp_error_t             err;
    oscp_connection_conf_t   c = full(), *r;

    len = oscp_config_write(&c, doc, sizeof(doc));

    rc = oscp_config_read(doc, len, &alloc, &r, &err);
    is_int(failing.calls, 1, "one allocation holds it all");
    alloc.resize(alloc.ctx, r, 0);
    n = failing.calls;

    for (failing.fail_at = 1; failing.fail_at <= n; failing.fail_at++) {
        failing.calls = 0;
        rc = oscp_config_read(doc, len, &alloc, &r, &err);
        clean &= rc == OSCP_ERR_NOMEM && r == NULL && failing.held == 0;
    }

    ok(clean, "without memory: an error and no leak");
}


int
main(void)
{
    defaults();
    round_trip();
    exact();
    without_memory();

    return done_testing();
}
