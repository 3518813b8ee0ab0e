/*
 * The command line of oscpctl.
 */

#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "oscp_message.h"
#include "oscpctl_options.h"
#include "oscpctl_out.h"
#include "oscpctl_text.h"
#include "oscp_version.h"


#define OPTIONS_TIMEOUT_MS   10000
#define OPTIONS_LINES        20
#define OPTIONS_LINES_MAX    1000000
#define OPTIONS_REASON_MAX   500
#define OPTIONS_PROGRAM      "oscpctl"

enum options_long {
    OPTION_ACCESS = 256,               /* and those of access.h behind it */
    OPTION_JSON = OPTION_ACCESS + WORKER_ACCESS_OPTIONS,
    OPTION_TIMEOUT,
    OPTION_BY,
    OPTION_REASON,
    OPTION_AT,
    OPTION_TYPE,
    OPTION_CAPACITY,
    OPTION_FROM,
    OPTION_UNTIL,
    OPTION_REPLACE,
    OPTION_MESSAGE,
    OPTION_VERSION
};

static const struct option  options_own[] = {
    { "json", no_argument, NULL, OPTION_JSON },
    { "timeout", required_argument, NULL, OPTION_TIMEOUT },
    { "by", required_argument, NULL, OPTION_BY },
    { "reason", required_argument, NULL, OPTION_REASON },
    { "at", required_argument, NULL, OPTION_AT },
    { "type", required_argument, NULL, OPTION_TYPE },
    { "capacity", required_argument, NULL, OPTION_CAPACITY },
    { "from", required_argument, NULL, OPTION_FROM },
    { "until", required_argument, NULL, OPTION_UNTIL },
    { "replace", no_argument, NULL, OPTION_REPLACE },
    { "message", required_argument, NULL, OPTION_MESSAGE },
    { "follow", no_argument, NULL, 'f' },
    { "lines", required_argument, NULL, 'n' },
    { "help", no_argument, NULL, 'h' },
    { "version", no_argument, NULL, OPTION_VERSION },
};

#define OPTIONS_OWN  (sizeof(options_own) / sizeof(*options_own))

static const char  options_help[] =
"NAME\n"
"  oscpctl - look at and command an OSCP Flexibility Provider\n"
"\n"
"SYNOPSIS\n"
"  oscpctl [OPTION...] COMMAND [ARGUMENT...]\n"
"\n"
"COMMANDS THAT SHOW\n"
"  status        what there is and how it does: workers, connections, groups\n"
"                with the value that the site reads, open incidents\n"
"  show NAME     all that is known of a connection, group, scope or circuit\n"
"  explain SCOPE why the site may draw what it may draw: which rule, which\n"
"                forecast, which bound of the circuit, since when, and what\n"
"                comes next.  --at TIME asks about another moment: a past one\n"
"                is told from the audit, a future one from what is known now.\n"
"                Works without a living worker\n"
"  incidents     the open incidents\n"
"  events        the latest entries of the audit; -f: and the coming ones\n"
"  dead [list]   the dead letters: messages that the peer refused for good\n"
"  dead show ID  one of them; ID is its own, or its message's request id\n"
"\n"
"COMMANDS THAT CHANGE SOMETHING\n"
"  connect CONN  give control to the grid operator (again)\n"
"  disconnect CONN\n"
"                take it back: forecasts are forgotten, the circuits return\n"
"                to local control, until `connect`, whatever the peer sends\n"
"  disable CONN [GROUP]\n"
"                out of service: no messages are exchanged, local control;\n"
"                forecasts are kept\n"
"  enable CONN [GROUP]\n"
"                in service again\n"
"  adjust CONN GROUP --type T --capacity P [--from TIME] --until TIME\n"
"                ask the grid operator for a forecast of that capacity; show\n"
"                GROUP tells what became of it.  --replace: instead of one\n"
"                that is still waited for\n"
"  compliance CONN GROUP --message TEXT\n"
"                tell the grid operator that its forecast is not kept\n"
"  dead requeue ID|all\n"
"                send a dead letter again, behind all that waits, under the\n"
"                request id it had; or all of them, one after the other\n"
"  dead drop ID|all\n"
"                forget it\n"
"  They wait until a worker has carried them out.\n"
"\n"
"OPTIONS\n"
"  --redis ADDRESS\n"
"                unix:/PATH, HOST[:PORT], [IPv6]:PORT,\n"
"                sentinel:NAME@HOST[:PORT],... or cluster:HOST[:PORT],...;\n"
"                default: OSCP_REDIS in the environment, else 127.0.0.1:6379\n"
"  --prefix PREFIX\n"
"                what every key begins with; default oscp:\n"
"  --redis-user NAME, --redis-password-file FILE\n"
"                how to log in there\n"
"  --redis-db N  the Redis database; default 0\n"
"  --redis-tls-ca FILE\n"
"                TLS to Redis (not in this build)\n"
"  --json        one JSON document (events: one for each) instead of text;\n"
"                times in UTC, powers in watts\n"
"  --at TIME     explain: RFC 3339, or local HH:MM[:SS] of today, or\n"
"                \"YYYY-MM-DD HH:MM[:SS]\"\n"
"  --type T      adjust: CONSUMPTION, GENERATION, FALLBACK_CONSUMPTION,\n"
"                FALLBACK_GENERATION or OPTIMUM\n"
"  --capacity P  adjust: a power with its unit, 120kW, 60000W, 1.5MW\n"
"  --from TIME, --until TIME\n"
"                adjust: as --at; from now, when --from is not given\n"
"  --message TEXT\n"
"                compliance: what the grid operator reads\n"
"  -f, --follow  events: go on printing\n"
"  -n, --lines N events: how many of the latest; default 20; `all`\n"
"  --timeout TIME\n"
"                how long to wait for the outcome, and for Redis on the way:\n"
"                10s (default), 500ms, 1m\n"
"  --by NAME     who commands, for the audit; default: your user name\n"
"  --reason TEXT why, for the audit\n"
"  -h, --help    this text\n"
"  --version     the version\n"
"\n"
"EXIT STATUS\n"
"  0  done; of a command also: there was nothing to be changed\n"
"  1  failed, refused, not found, or no outcome in time\n"
"  2  the command line is wrong\n"
"\n"
"ENVIRONMENT\n"
"  OSCP_REDIS    the address of Redis\n"
"  NO_COLOR      not empty: no colours; there are none without a terminal\n"
"  TZ            the time zone of what people read\n"
"\n"
"EXAMPLES\n"
"  oscpctl status\n"
"  oscpctl explain depot-1 --at 02:45\n"
"  oscpctl adjust vector DEPOT01 --type CONSUMPTION --capacity 120kW \\\n"
"      --from 18:00 --until 23:30\n"
"  oscpctl disconnect vector --reason 'work on the incomer'\n"
"  oscpctl --redis unix:/run/redis/redis.sock events -f --json\n";


static int
options_wrong(const char *what, const char *value)
{
    worker_ctl_out_error("%s%s%s%s; see oscpctl --help", what,
                         value ? " \"" : "", value ? value : "",
                         value ? "\"" : "");

    return WORKER_CTL_EXIT_USAGE;
}


static int
options_number(const char *text, unsigned max, unsigned *n)
{
    char           *end;
    unsigned long   value;

    if (*text < '0' || *text > '9') {
        return -1;
    }

    errno = 0;
    value = strtoul(text, &end, 10);

    if (errno != 0 || *end != '\0' || value > max) {
        return -1;
    }

    *n = (unsigned) value;

    return 0;
}


/* Goes into the audit and onto screens: one line, not too long. */
static int
options_audit(const char *text, size_t max)
{
    char    clean[OPTIONS_REASON_MAX + 1];
    size_t  len = strlen(text);

    if (len > max) {
        return -1;
    }

    worker_ctl_out_clean(text, len, clean, sizeof(clean));

    return strcmp(text, clean) == 0 ? 0 : -1;
}


static int
options_moment(const char *value, const char *wrong, oscp_ms_t *ms)
{
    return worker_ctl_text_read_time(value, worker_clock_wall(), ms) == 0
           ? -1 : options_wrong(wrong, value);
}


/* Options of adjust and compliance. */
static int
options_wish(struct worker_ctl_options *o, int option, const char *value)
{
    switch (option) {

    case OPTION_TYPE:
        o->type = value;
        return oscp_type_find(value, strlen(value)) >= 0 ? -1
               : options_wrong("--type must be CONSUMPTION, GENERATION, "
                               "FALLBACK_CONSUMPTION, FALLBACK_GENERATION or "
                               "OPTIMUM, not", value);

    case OPTION_CAPACITY:
        return worker_ctl_text_read_power(value, &o->capacity_w) == 0 ? -1
               : options_wrong("--capacity must be a power with its unit, "
                               "like 120kW, not", value);

    case OPTION_FROM:
        return options_moment(value, "--from must be RFC 3339, HH:MM[:SS] or "
                              "YYYY-MM-DD HH:MM[:SS], not", &o->from_ms);

    case OPTION_UNTIL:
        return options_moment(value, "--until must be RFC 3339, HH:MM[:SS] or "
                              "YYYY-MM-DD HH:MM[:SS], not", &o->until_ms);

    case OPTION_REPLACE:
        o->replace = 1;
        return -1;

    default:
        o->message = value;
        return *value != '\0' && options_audit(value, OPTIONS_REASON_MAX) == 0
               ? -1
               : options_wrong("--message must be one line of up to 500 bytes",
                               NULL);
    }
}


/* `used` gathers which options were given that only some commands take. */
static int
options_command(struct worker_ctl_options *o, int option, const char *value,
    unsigned *used)
{
    switch (option) {

    case OPTION_JSON:
        *used |= WORKER_CTL_TAKES_JSON;
        o->json = 1;
        return -1;

    case OPTION_TIMEOUT:
        *used |= WORKER_CTL_TAKES_SEND;
        return worker_ctl_text_read_span(value, &o->timeout_ms) == 0 ? -1
               : options_wrong("--timeout must be a time like 10s, not", value);

    case OPTION_BY:
        *used |= WORKER_CTL_TAKES_SEND;
        if (*value == '\0' || options_audit(value, sizeof(o->by) - 1) == -1) {
            return options_wrong("--by must be a name of up to 64 bytes, not",
                                 value);
        }
        snprintf(o->by, sizeof(o->by), "%s", value);
        return -1;

    case OPTION_REASON:
        *used |= WORKER_CTL_TAKES_SEND;
        o->reason = value;
        return options_audit(value, OPTIONS_REASON_MAX) == 0 ? -1
               : options_wrong("--reason must be one line of up to 500 bytes",
                               NULL);

    case OPTION_AT:
        *used |= WORKER_CTL_TAKES_AT;
        return options_moment(value, "--at must be RFC 3339, HH:MM[:SS] or "
                              "YYYY-MM-DD HH:MM[:SS], not", &o->at_ms);

    case OPTION_TYPE:
    case OPTION_CAPACITY:
    case OPTION_FROM:
    case OPTION_UNTIL:
    case OPTION_REPLACE:
        *used |= WORKER_CTL_TAKES_ADJUST;
        return options_wish(o, option, value);

    case OPTION_MESSAGE:
        *used |= WORKER_CTL_TAKES_MESSAGE;
        return options_wish(o, option, value);

    case 'f':
        *used |= WORKER_CTL_TAKES_FOLLOW;
        o->follow = 1;
        return -1;

    default:
        *used |= WORKER_CTL_TAKES_FOLLOW;
        if (strcmp(value, "all") == 0) {
            o->lines = WORKER_CTL_LINES_ALL;
            return -1;
        }
        return options_number(value, OPTIONS_LINES_MAX, &o->lines) == 0
               && o->lines > 0 ? -1
               : options_wrong("--lines must be a number or all, not", value);
    }
}


/* The operator who became root is meant, not root. */
static void
options_default_by(struct worker_ctl_options *o)
{
    const char           *sudo = getenv("SUDO_USER");
    const struct passwd  *user = getpwuid(getuid());

    if (getuid() == 0 && sudo != NULL && *sudo != '\0') {
        worker_ctl_out_clean(sudo, strlen(sudo), o->by, sizeof(o->by));

    } else if (user != NULL) {
        worker_ctl_out_clean(user->pw_name, strlen(user->pw_name), o->by,
                             sizeof(o->by));

    } else {
        snprintf(o->by, sizeof(o->by), "uid %lu", (unsigned long) getuid());
    }
}


/* Options that the command does not take. */
static const char *
options_astray(unsigned astray)
{
    if (astray & WORKER_CTL_TAKES_AT) {
        return "--at is for explain only, not for";
    }

    if (astray & WORKER_CTL_TAKES_FOLLOW) {
        return "-f and -n are for events only, not for";
    }

    if (astray & WORKER_CTL_TAKES_ADJUST) {
        return "--type, --capacity, --from, --until and --replace are for "
               "adjust only, not for";
    }

    if (astray & WORKER_CTL_TAKES_MESSAGE) {
        return "--message is for compliance only, not for";
    }

    return "--timeout, --by and --reason are not for";
}


/* What the command cannot do without; NULL when nothing is missing. */
static const char *
options_missing(const struct worker_ctl_options *o)
{
    if (o->command->takes & WORKER_CTL_TAKES_ADJUST) {
        return o->type == NULL ? "--type is missing for"
               : o->capacity_w < 0 ? "--capacity is missing for"
               : o->until_ms == OSCP_TIME_NONE ? "--until is missing for"
               : NULL;
    }

    if (o->command->takes & WORKER_CTL_TAKES_MESSAGE) {
        return o->message == NULL ? "--message is missing for" : NULL;
    }

    return NULL;
}


static int
options_finish(struct worker_ctl_options *o, int argc, char **argv,
    const struct worker_ctl_command *commands, unsigned used)
{
    const char                       *name;
    const struct worker_ctl_command  *c = commands;

    if (argc == 0) {
        return options_wrong("a command is missing", NULL);
    }

    name = argv[0];
    while (c->name != NULL && strcmp(c->name, name) != 0) {
        c++;
    }

    if (c->name == NULL) {
        return options_wrong("there is no command", name);
    }

    o->command = c;
    o->argc = argc - 1;
    o->argv = argv + 1;

    if (o->argc < c->least || o->argc > c->most) {
        worker_ctl_out_error("usage: oscpctl %s%s%s; see oscpctl --help", name,
                             *c->arguments ? " " : "", c->arguments);
        return WORKER_CTL_EXIT_USAGE;
    }

    if (used & ~c->takes) {
        return options_wrong(options_astray(used & ~c->takes), name);
    }

    if (options_missing(o) != NULL) {
        return options_wrong(options_missing(o), name);
    }

    return -1;
}


/* What both programs take, and what only this one does. */
static void
options_list(struct option list[WORKER_ACCESS_OPTIONS + OPTIONS_OWN + 1])
{
    memset(list, 0,
           (WORKER_ACCESS_OPTIONS + OPTIONS_OWN + 1) * sizeof(*list));
    memcpy(list, options_own, sizeof(options_own));
    list += OPTIONS_OWN;

    for (unsigned i = 0; i < WORKER_ACCESS_OPTIONS; i++) {
        list[i].name = worker_access_option(i)->name;
        list[i].has_arg = required_argument;
        list[i].val = OPTION_ACCESS + (int) i;
    }
}


/* One option; as worker_ctl_options_read(). */
static int
options_take(struct worker_ctl_options *o, int option, unsigned *used)
{
    switch (option) {

    case 'h':
        fputs(options_help, stdout);
        return WORKER_CTL_EXIT_DONE;

    case OPTION_VERSION:
        printf(OPTIONS_PROGRAM " %s\n", OSCP_VERSION);
        return WORKER_CTL_EXIT_DONE;

    case '?':
        /* getopt has told what is wrong */
        return WORKER_CTL_EXIT_USAGE;
    }

    if (option < OPTION_ACCESS || option >= OPTION_JSON) {
        return options_command(o, option, optarg, used);
    }

    return worker_access_set(&o->access, OPTIONS_PROGRAM,
                             (unsigned) (option - OPTION_ACCESS), optarg)
           == 0 ? -1 : WORKER_CTL_EXIT_USAGE;
}


int
worker_ctl_options_read(struct worker_ctl_options *o, int argc, char **argv,
    const struct worker_ctl_command *commands)
{
    int            option, rc;
    unsigned       used = 0;
    struct option  list[WORKER_ACCESS_OPTIONS + OPTIONS_OWN + 1];

    memset(o, 0, sizeof(*o));
    worker_access_init(&o->access);
    o->lines = OPTIONS_LINES;
    o->timeout_ms = OPTIONS_TIMEOUT_MS;
    o->at_ms = OSCP_TIME_NONE;
    o->reason = "";
    o->capacity_w = -1;
    o->from_ms = OSCP_TIME_NONE;
    o->until_ms = OSCP_TIME_NONE;
    options_default_by(o);
    options_list(list);

    while ((option = getopt_long(argc, argv, "fn:h", list, NULL)) != -1) {
        rc = options_take(o, option, &used);
        if (rc != -1) {
            return rc;
        }
    }

    rc = options_finish(o, argc - optind, argv + optind, commands, used);
    if (rc != -1) {
        return rc;
    }

    return worker_access_finish(&o->access, OPTIONS_PROGRAM) == 0
           ? -1 : WORKER_CTL_EXIT_USAGE;
}
