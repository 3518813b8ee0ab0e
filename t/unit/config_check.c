/*
 * Goal: every mistake of the design's section 10 ("Directives", "More,
 * settled") is found, at its limit and one over, and named by its directive.
 */

#include "oscp_config.h"
#include "tap.h"

static oscp_connection_conf_t  c;
static oscp_group_conf_t       g[2];
static oscp_header_conf_t      h[2];
static oscp_error_t            err;


/* A configuration without a mistake, to be broken at one place. */
static void
fresh(const char *profile)
{
    oscp_config_defaults(&c, oscp_profile_find(profile, strlen(profile)));
    c.name = "conn";
    c.peer = "https://p.example/base";

    g[0] = (oscp_group_conf_t) { "A", "sa", "ca", "A", 1000, 1, 1, 100, 230 };
    g[1] = (oscp_group_conf_t) { "B", "sb", "cb", "B", 1000, 1, 0, 0, 230 };
    c.groups = g;
    c.ngroups = 2;

    h[0] = (oscp_header_conf_t) { "fp-id", "BF01", NULL };
    h[1] = (oscp_header_conf_t) { "apikey", NULL, "/k" };
    c.headers = h;
    c.nheaders = 2;
}


static void
good(const char *name)
{
    memset(&err, 0, sizeof(err));
    if (!ok(oscp_config_check(&c, &err) == OSCP_OK, "%s", name)) {
        printf("#   %s: %s\n", err.path, err.text);
    }
}


static void
bad(const char *path, const char *name)
{
    oscp_err_t  rc;

    memset(&err, 0, sizeof(err));
    rc = oscp_config_check(&c, &err);
    if (!ok(rc == OSCP_ERR_SEMANTIC && err.code == rc && err.text[0]
            && strcmp(err.path, path) == 0, "%s", name))
    {
        printf("#   got %d %s: %s\n", rc, err.path, err.text);
    }
}


static void
names(void)
{
    char  name[70];

    fresh("generic");
    good("nothing wrong");
    c.profile = NULL;
    bad("profile", "no profile");

    fresh("generic");
    c.name = NULL;
    bad("oscp_connection", "no name");
    c.name = "";
    bad("oscp_connection", "an empty name");
    c.name = "a/b";
    bad("oscp_connection", "a name with a slash");
    c.name = "version";
    bad("oscp_connection", "the name version");
    c.name = "shards";
    bad("oscp_connection", "the name shards");
    c.name = "versions";
    good("the name versions");

    memset(name, 'a', sizeof(name));
    name[64] = '\0';
    c.name = name;
    good("64 bytes");
    name[64] = 'a';
    name[65] = '\0';
    bad("oscp_connection", "65 bytes");
}


static void
ranges(void)
{
    fresh("generic");
    c.heartbeat_interval_ms = 1000;
    good("heartbeat_interval 1s");
    c.heartbeat_interval_ms = 999;
    bad("heartbeat_interval", "heartbeat_interval 999ms");
    c.heartbeat_interval_ms = 8 * 3600000;
    good("heartbeat_interval 8h");
    c.heartbeat_interval_ms++;
    bad("heartbeat_interval", "heartbeat_interval over 8h");

    fresh("generic");
    c.handshake_timeout_ms = 1;
    good("handshake_timeout 1ms");
    c.handshake_timeout_ms = 0;
    bad("handshake_timeout", "handshake_timeout 0");
    c.handshake_timeout_ms = 3600000;
    good("handshake_timeout 1h");
    c.handshake_timeout_ms++;
    bad("handshake_timeout", "handshake_timeout over 1h");

    fresh("generic");
    c.measurement_grace_ms = 0;
    good("measurement_grace 0");
    c.measurement_grace_ms = -1;
    bad("measurement_grace", "measurement_grace below 0");
    c.measurement_grace_ms = 3600001;
    bad("measurement_grace", "measurement_grace over 1h");

    fresh("generic");
    c.compliance_grace_ms = 86400000;
    good("compliance_grace 24h");
    c.compliance_grace_ms++;
    bad("compliance_grace", "compliance_grace over 24h");
    c.compliance_grace_ms = -1;
    bad("compliance_grace", "compliance_grace below 0");

    fresh("generic");
    c.compliance_tolerance = 0;
    good("compliance_tolerance 0%");
    c.compliance_tolerance = 1;
    good("compliance_tolerance 100%");
    c.compliance_tolerance = 1.001;
    bad("compliance_tolerance", "compliance_tolerance over 100%");
    c.compliance_tolerance = -0.001;
    bad("compliance_tolerance", "compliance_tolerance below 0");
    c.compliance_tolerance = NAN;
    bad("compliance_tolerance", "compliance_tolerance NaN");
}


static void
windows(void)
{
    int64_t  minutes;

    fresh("generic");
    for (minutes = 1; minutes <= 61; minutes++) {
        c.measurement_window_ms = minutes * 60000;
        if (60 % minutes == 0) {
            good("a window that divides the hour");
        } else {
            bad("measurement_window", "one that does not");
        }
    }

    c.measurement_window_ms = 1000;
    good("1s");
    c.measurement_window_ms = 500;
    bad("measurement_window", "500ms");
    c.measurement_window_ms = 0;
    bad("measurement_window", "0");
    c.measurement_window_ms = -900000;
    bad("measurement_window", "below 0");
}


static void
measurement(void)
{
    fresh("vector");
    good("vector: INTERMITTENT");
    c.measurement = OSCP_CONTINUOUS|OSCP_INTERMITTENT;
    good("vector: both");
    c.measurement = OSCP_CONTINUOUS;
    bad("measurement_configuration", "vector: own CONTINUOUS alone");
    c.measurement = 0;
    bad("measurement_configuration", "vector: nothing");

    fresh("generic");
    c.measurement = OSCP_CONTINUOUS;
    good("generic: CONTINUOUS");
    c.measurement = 0;
    good("generic: nothing");
    c.measurement = 4;
    bad("measurement_configuration", "a list with something else");

    fresh("generic");
    c.gap_policy = OSCP_GAP_COUNT;
    bad("gap_policy", "no gap policy");
}


static void
urls(void)
{
    static const struct {
        const char  *url;
        int          good;
    } list[] = {
        { "https://p", 1 }, { "https://p.example:8443/a/b?c=d", 1 },
        { "HTTPS://P.example/", 1 }, { "https://[2001:db8::1]:443/x", 1 },
        { "https://10.0.0.1", 1 }, { "https://p:65535", 1 },
        { "https://p:1", 1 },
        { "http://127.0.0.1", 1 }, { "http://127.0.0.1:8080/x", 1 },
        { "http://127.9.9.9/", 1 }, { "http://[::1]:81/", 1 },
        { "http://localhost:81/x", 1 }, { "http://LOCALHOST", 1 },
        { "http://p.example", 0 }, { "http://10.0.0.1", 0 },
        { "http://127.0.0.1.example/", 0 }, { "http://127.1/", 0 },
        { "http://localhost.example/", 0 }, { "http://[::2]/", 0 },
        { "http://127.0.0.1@p.example/", 0 }, { "http://[127.0.0.1]/", 0 },
        { "https://user:word@p/", 0 }, { "https://", 0 },
        { "https:///x", 0 }, { "https://:443", 0 }, { "https://p:", 0 },
        { "https://p:0", 0 }, { "https://p:65536", 0 },
        { "https://p:4x3", 0 }, { "https://p:000443", 0 },
        { "https://[::1", 0 }, { "https://[p]", 0 }, { "https://::1/", 0 },
        { "https://[::1]x", 0 }, { "https://p\\q", 0 }, { "https://p q", 0 },
        { "https://p/\n", 0 }, { "https://p/\x7f", 0 },
        { "https://p/\xc3\xa9", 0 }, { "https://p/#f", 0 },
        { "ftp://p", 0 }, { "p.example", 0 }, { "//p", 0 }, { "", 0 }
    };

    size_t  i;

    fresh("generic");
    for (i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        c.peer = list[i].url;
        if (list[i].good) {
            good(list[i].url);
        } else {
            bad("peer", "a peer that is refused");
        }
    }

    c.peer = NULL;
    bad("peer", "no peer");
}


static void
lengths(void)
{
    static char  text[OSCP_CONFIG_STRING_MAX + 2];

    fresh("generic");
    memset(text, 'a', sizeof(text) - 1);
    memcpy(text, "https://p/", 10);
    c.peer = text;
    bad("peer", "a URL over OSCP_CONFIG_STRING_MAX");
    text[OSCP_CONFIG_STRING_MAX] = '\0';
    good("one of OSCP_CONFIG_STRING_MAX");

    text[0] = '/';
    c.peer = "https://p";
    c.tls_ca = text;
    good("a file name of OSCP_CONFIG_STRING_MAX");
    text[OSCP_CONFIG_STRING_MAX] = 'a';
    bad("peer_tls", "one over");
}


static void
paths(void)
{
    fresh("generic");
    c.peer_path[OSCP_HEARTBEAT] = "/beat";
    good("a path");
    c.peer_path[OSCP_HEARTBEAT] = ".evil.example/beat";
    bad("peer_path", "one that would lengthen the host's name");
    c.peer_path[OSCP_HEARTBEAT] = "";
    bad("peer_path", "an empty one");
    c.peer_path[OSCP_HEARTBEAT] = "/a b";
    bad("peer_path", "one with a blank");
    c.peer_path[OSCP_HEARTBEAT] = "/a#b";
    bad("peer_path", "one with a fragment");

    fresh("generic");
    c.tls_cert = "/c";
    good("a certificate that holds its key");
    c.tls_key = "/k";
    good("certificate and key");
    c.tls_key = "";
    bad("peer_tls", "an empty key=");
    c.tls_key = "/k";
    c.tls_cert = NULL;
    bad("peer_tls", "a key alone");
    c.tls_key = NULL;
    c.tls_ca = "/c\na";
    bad("peer_tls", "a control character");
}


static void
present(void)
{
    fresh("generic");
    c.present = OSCP_PRESENT_TOKEN;
    bad("present token", "a token without its file");
    c.token_file = "/t";
    good("a token");

    c.present = OSCP_PRESENT_OAUTH;
    bad("present oauth", "oauth without its URL");
    c.token_url = "http://login.example/token";
    bad("present oauth", "oauth in the clear");
    c.token_url = "https://login.example/token";
    bad("present oauth", "oauth without a client");
    c.client_id = "id";
    bad("present oauth", "oauth without a secret");
    c.client_secret_file = "/s";
    good("oauth");
    c.scope = "";
    bad("present oauth", "an empty scope");
    c.scope = "a b";
    good("a scope");
    c.scope = " a";
    bad("present oauth", "a scope with a blank before it");
    c.scope = "a ";
    bad("present oauth", "a scope with a blank behind it");
    c.scope = "a  b";
    bad("present oauth", "a scope with two blanks");
    c.scope = "a\"b";
    bad("present oauth", "a scope with a quote");
    c.scope = "a\\b";
    bad("present oauth", "a scope with a backslash");
    c.scope = NULL;
    c.client_id = "a\nb";
    bad("present oauth", "a client with a newline");
    c.client_id = "a:b";
    good("a client with a colon");

    c.present = 9;
    bad("present", "another kind");
}


static void
headers(void)
{
    static oscp_header_conf_t  many[OSCP_CONFIG_HEADERS_MAX + 1];
    static char                name[OSCP_CONFIG_HEADERS_MAX + 1][8];
    char                       value[] = "a\r\nb";
    size_t                     i;

    fresh("generic");
    h[1].name = "FP-ID";
    bad("present header FP-ID", "a header twice, in another case");
    h[1].name = "x y";
    bad("present header", "a name that is no token");
    h[1].name = "";
    bad("present header", "an empty name");
    h[1].name = NULL;
    bad("present header", "no name");
    h[1].name = "X-Request-ID";
    good("a static x-request-id may be configured");
    h[1].name = "Content-Length";
    bad("present header Content-Length", "a header that we set");
    h[1].name = "x-correlation-id";
    bad("present header x-correlation-id", "another one");

    h[1].name = "authorization";
    good("authorization, when nothing else is presented");
    c.present = OSCP_PRESENT_TOKEN;
    c.token_file = "/t";
    bad("present header authorization", "authorization beside a token");

    fresh("generic");
    h[0].value = value;
    bad("present header fp-id", "a value that splits the request");
    h[0].value = "";
    bad("present header fp-id", "an empty value");
    h[0].value = NULL;
    bad("present header fp-id", "neither value nor file");
    h[0].value = "v";
    h[0].file = "/f";
    bad("present header fp-id", "both");

    fresh("generic");
    for (i = 0; i <= OSCP_CONFIG_HEADERS_MAX; i++) {
        snprintf(name[i], sizeof(name[i]), "h%zu", i);
        many[i] = (oscp_header_conf_t) { name[i], "v", NULL };
    }
    c.headers = many;
    c.nheaders = OSCP_CONFIG_HEADERS_MAX;
    good("OSCP_CONFIG_HEADERS_MAX lines");
    c.nheaders++;
    bad("present header", "one more");
}


static void
group_names(void)
{
    fresh("vector");
    g[0].id = "DEPOT01";
    g[0].asset = "DEPOT01";
    good("vector: an alphanumeric id");
    g[0].id = "DEPOT-01";
    bad("group DEPOT-01", "vector: an id with a dash");
    g[0].id = NULL;
    bad("group ", "no id");

    fresh("generic");
    g[0].id = g[0].asset = "EAN#871/2";
    good("generic: an id of visible characters, its asset too");
    g[0].asset = "EAN#871/3";
    bad("group EAN#871/2", "but an asset of its own is plain");
    g[0].id = g[0].asset = "a:b";
    bad("group a:b", "generic: no colon");
    g[0].id = g[0].asset = "a{b";
    bad("group a{b", "generic: no brace");
    g[0].id = g[0].asset = "a b";
    bad("group a b", "generic: no blank");

    fresh("generic");
    g[0].scope = NULL;
    bad("group A", "no scope");
    g[0].scope = "a/b";
    bad("group A", "a scope with a slash");
    g[0].scope = "s";
    g[0].circuit = "c c";
    bad("group A", "a circuit with a blank");
    g[0].circuit = "c";
    g[0].asset = "";
    bad("group A", "an empty asset");
    g[0].asset = NULL;
    bad("group A", "no asset");
}


static void
group_powers(void)
{
    fresh("generic");
    g[0].has_rated = 0;
    bad("group A", "a circuit without rated");
    g[0].circuit = NULL;
    good("a scope without a circuit, with a safe default");

    fresh("generic");
    g[0].safe_default_w = 1000;
    good("safe_default at rated");
    g[0].safe_default_w = 1000.001;
    bad("group A", "safe_default above rated");
    g[0].safe_default_w = 0;
    good("safe_default 0");
    g[0].safe_default_w = -1;
    bad("group A", "safe_default below 0");
    g[0].safe_default_w = NAN;
    bad("group A", "safe_default NaN");

    fresh("generic");
    g[1].rated_w = 1;
    good("rated 1W");
    g[1].rated_w = 0.999;
    bad("group B", "rated below 1W");
    g[1].rated_w = 1e12;
    good("rated 1000000MW");
    g[1].rated_w = 1.0001e12;
    bad("group B", "rated over it");
    g[1].rated_w = NAN;
    bad("group B", "rated NaN");

    fresh("generic");
    g[0].voltage_v = 1;
    good("voltage 1");
    g[0].voltage_v = 0.999;
    bad("group A", "voltage below 1");
    g[0].voltage_v = 1e6;
    good("voltage 1000000");
    g[0].voltage_v = INFINITY;
    bad("group A", "voltage without end");
}


static void
unique(void)
{
    static oscp_group_conf_t       many[OSCP_CONFIG_GROUPS_MAX + 1];
    static char                    name[OSCP_CONFIG_GROUPS_MAX + 1][8];
    size_t                         i;
    oscp_group_conf_t              other;
    oscp_connection_conf_t         d;
    const oscp_connection_conf_t  *both[2] = { &c, &d };

    fresh("generic");
    g[1].id = "A";
    bad("group A", "one id twice");
    fresh("generic");
    g[1].scope = "sa";
    bad("group B", "two groups on one scope");
    fresh("generic");
    g[1].circuit = "ca";
    bad("group B", "two groups on one circuit");
    fresh("generic");
    g[1].asset = "A";
    bad("group B", "two groups with one asset");
    fresh("generic");
    g[0].circuit = g[1].circuit = NULL;
    good("two groups without a circuit");

    for (i = 0; i <= OSCP_CONFIG_GROUPS_MAX; i++) {
        snprintf(name[i], sizeof(name[i]), "g%zu", i);
        many[i] = (oscp_group_conf_t) { name[i], name[i], NULL, name[i], 0, 0,
                                        0, 0, 230 };
    }
    c.groups = many;
    c.ngroups = OSCP_CONFIG_GROUPS_MAX;
    good("OSCP_CONFIG_GROUPS_MAX groups");
    c.ngroups++;
    bad("group", "one more");

    fresh("generic");
    d = c;
    d.name = "other";
    other = (oscp_group_conf_t) { "A", "s", "c", "x", 1000, 1, 0, 0, 230 };
    d.groups = &other;
    d.ngroups = 1;
    is_int(oscp_config_check_all(both, 2, &err), OSCP_OK,
           "one group id in two connections");
    other.scope = "sb";
    is_int(oscp_config_check_all(both, 2, &err), OSCP_ERR_SEMANTIC,
           "but not one scope");
    is_str(err.path, "group A", "named by its group");
    is_str(err.text, "its scope must not be that of group B of conn",
           "and the other");
    other.scope = "s";
    other.circuit = "ca";
    is_int(oscp_config_check_all(both, 2, &err), OSCP_ERR_SEMANTIC,
           "nor one circuit");
    other.circuit = NULL;
    other.asset = "B";
    is_int(oscp_config_check_all(both, 2, &err), OSCP_ERR_SEMANTIC,
           "nor one asset");
    other.asset = "x";
    d.name = "conn";
    is_int(oscp_config_check_all(both, 2, &err), OSCP_ERR_SEMANTIC,
           "nor one name");
    is_str(err.path, "oscp_connection conn", "named by it");
    is_int(oscp_config_check_all(both, 1, NULL), OSCP_OK, "one by itself");
    is_int(oscp_config_check_all(NULL, 0, NULL), OSCP_OK, "none at all");
}


/* Quotes, which JSON doubles, wherever they may stand. */
static void
largest(void)
{
    static char                quotes[OSCP_CONFIG_STRING_MAX + 1];
    static char                path[OSCP_CONFIG_STRING_MAX + 1];
    static char                ids[OSCP_CONFIG_GROUPS_MAX][OSCP_NAME_SIZE];
    static char                scopes[OSCP_CONFIG_GROUPS_MAX][OSCP_NAME_SIZE];
    static char                header[OSCP_CONFIG_HEADERS_MAX][OSCP_NAME_SIZE];
    size_t                     i;
    static oscp_group_conf_t   many[OSCP_CONFIG_GROUPS_MAX];
    static oscp_header_conf_t  lines[OSCP_CONFIG_HEADERS_MAX];

    fresh("generic");
    memset(quotes, '"', OSCP_CONFIG_STRING_MAX);
    memset(path, '"', OSCP_CONFIG_STRING_MAX);
    path[0] = '/';

    for (i = 0; i < OSCP_CONFIG_GROUPS_MAX; i++) {
        memset(ids[i], '"', OSCP_NAME_MAX);
        ids[i][snprintf(ids[i], 8, "%zu", i)] = '"';
        memset(scopes[i], 's', OSCP_NAME_MAX);
        scopes[i][snprintf(scopes[i], 8, "%zu", i)] = 's';
        many[i] = (oscp_group_conf_t) { ids[i], scopes[i], scopes[i], ids[i],
                                        123456789012.345, 1, 1,
                                        123456789012.344, 123456.789 };
    }

    for (i = 0; i < OSCP_CONFIG_HEADERS_MAX; i++) {
        memset(header[i], 'h', OSCP_NAME_MAX);
        header[i][snprintf(header[i], 8, "%zu", i)] = 'h';
        lines[i] = (oscp_header_conf_t) { header[i], quotes, NULL };
    }

    for (i = 0; i < OSCP_MESSAGE_COUNT; i++) {
        c.peer_path[i] = path;
    }

    c.groups = many;
    c.ngroups = OSCP_CONFIG_GROUPS_MAX;
    c.headers = lines;
    c.nheaders = OSCP_CONFIG_HEADERS_MAX;
    c.tls_ca = c.tls_cert = c.tls_key = quotes;
    c.token_file = c.client_id = c.client_secret_file = c.scope = quotes;
    good("the largest of everything passes");
    ok(oscp_config_write(&c, NULL, 0) < OSCP_CONFIG_SIZE_MAX,
       "and fits into a document (%zu bytes)", oscp_config_write(&c, NULL, 0));
}


static void
warnings(void)
{
    fresh("vector");
    is_int(oscp_config_warning(&c, &err), 0, "nothing unwise");
    c.measurement_window_ms = 300000;
    is_int(oscp_config_warning(&c, &err), 1, "vector: another window than 15m");
    is_str(err.path, "measurement_window", "by its directive");
    is_str(err.text, "should be 15m under profile vector", "says which");
    is_int(err.code, OSCP_OK, "and is no error");
    good("the check says so too");

    fresh("generic");
    c.measurement_window_ms = 300000;
    is_int(oscp_config_warning(&c, &err), 0, "generic: any window");
    c.peer = "https://p/";
    is_int(oscp_config_warning(&c, &err), 1, "a peer that ends with a slash");
    is_str(err.path, "peer", "by its directive");

    c.peer = "https://p";
    c.ngroups = 0;
    is_int(oscp_config_warning(&c, &err), 1, "no group");
    is_str(err.path, "group", "by its directive");

    fresh("generic");
    g[1].circuit = NULL;
    is_int(oscp_config_warning(&c, &err), 1, "rated without a circuit");
    is_str(err.path, "group B", "by its group");
}


int
main(void)
{
    names();
    ranges();
    windows();
    measurement();
    urls();
    lengths();
    paths();
    present();
    headers();
    group_names();
    group_powers();
    unique();
    largest();
    warnings();

    return done_testing();
}
