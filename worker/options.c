/*
 * The command line.  Every option at most once, every number in its range, all
 * of it checked before anything begins.
 */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "oscp_version.h"


#define OPTIONS_PROGRAM   "oscp-worker"


typedef int option_setter(struct worker_options *o, const char *name,
    const char *value);

static option_setter  options_set_shards;
static option_setter  options_set_lease;
static option_setter  options_set_log_level;
static option_setter  options_set_log_format;


static const struct {
    const char     *name;
    option_setter  *set;
    const char     *value;
    const char     *help;
} options_table[] = {
    { "shards", options_set_shards, "LIST|all",
      "shards to work for, as 0,2,4-7; default all" },
    { "lease", options_set_lease, "TIME",
      "how long a dead worker keeps a shard,\n1s to 60s; default 5s" },
    { "log-level", options_set_log_level, "L",
      "error, warn, info or debug; default info" },
    { "log-format", options_set_log_format, "F", "text or json; default text" },
};

/* What both programs have comes first. */
#define OPTIONS_OWN  (sizeof(options_table) / sizeof(*options_table))
#define OPTIONS      (WORKER_ACCESS_OPTIONS + OPTIONS_OWN)


static int
options_wrong(const char *name, const char *value, const char *must)
{
    fprintf(stderr, OPTIONS_PROGRAM ": --%s %s: must be %s\n", name, value,
            must);

    return -1;
}


/* A whole number up to `max`, nothing around it; -1 when it is not. */
static long
options_number(const char *text, size_t len, long max)
{
    long  n = 0;

    if (len == 0 || len > 9) {
        return -1;
    }

    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return -1;
        }
        n = n * 10 + text[i] - '0';
    }

    return n <= max ? n : -1;
}


static int
options_set_shards(struct worker_options *o, const char *name,
    const char *value)
{
    long         first, last;
    size_t       len, dash;
    const char  *p = value;

    if (strcmp(value, "all") == 0) {
        return 0;
    }

    memset(o->shards, 0, sizeof(o->shards));

    for ( ;; ) {
        len = strcspn(p, ",");
        dash = strcspn(p, "-,");
        first = options_number(p, dash, OSCP_SHARDS_MAX - 1);
        last = dash == len ? first
                           : options_number(p + dash + 1, len - dash - 1,
                                            OSCP_SHARDS_MAX - 1);

        if (first < 0 || last < first) {
            return options_wrong(name, value, "\"all\" or numbers from 0 to "
                                 "255 as in 0,2,4-7");
        }

        memset(o->shards + first, 1, (size_t) (last - first + 1));

        if (p[len] == '\0') {
            return 0;
        }
        p += len + 1;
    }
}


static int
options_set_lease(struct worker_options *o, const char *name,
    const char *value)
{
    long    n;
    size_t  digits = strspn(value, "0123456789");

    n = options_number(value, digits, 999999999);

    if (strcmp(value + digits, "s") == 0 && n >= 0 && n <= 1000) {
        o->lease_ms = n * 1000;

    } else if (strcmp(value + digits, "ms") == 0 && n >= 0) {
        o->lease_ms = n;

    } else {
        o->lease_ms = 0;
    }

    if (o->lease_ms < WORKER_OPTIONS_LEASE_MIN_MS
        || o->lease_ms > WORKER_OPTIONS_LEASE_MAX_MS)
    {
        return options_wrong(name, value, "a time from 1s to 60s, as 5s or "
                             "1500ms");
    }

    return 0;
}


static int
options_set_log_level(struct worker_options *o, const char *name,
    const char *value)
{
    int  level = worker_log_level_find(value);

    if (level < 0) {
        return options_wrong(name, value, "error, warn, info or debug");
    }

    o->log_level = (enum worker_log_level) level;

    return 0;
}


static int
options_set_log_format(struct worker_options *o, const char *name,
    const char *value)
{
    o->log_json = strcmp(value, "json") == 0;

    if (!o->log_json && strcmp(value, "text") != 0) {
        return options_wrong(name, value, "text or json");
    }

    return 0;
}


static void
options_help_line(const char *name, const char *value, const char *help)
{
    char  left[64];

    snprintf(left, sizeof(left), "--%s%s%s", name, *value ? " " : "", value);
    printf("  %-29s ", left);

    /* a "\n" in a text goes on below its beginning */
    for ( ; *help != '\0'; help++) {
        putchar(*help);
        if (*help == '\n') {
            printf("%*s", 32, "");
        }
    }

    putchar('\n');
}


static void
options_help(void)
{
    const struct worker_access_option  *option;

    printf("usage: oscp-worker [OPTION]…\n\n"
           "Runs the rules of the OSCP connections that nginx stores in "
           "Redis.\n\n");

    for (unsigned i = 0; i < WORKER_ACCESS_OPTIONS; i++) {
        option = worker_access_option(i);
        options_help_line(option->name, option->value, option->help);
    }

    for (size_t i = 0; i < OPTIONS_OWN; i++) {
        options_help_line(options_table[i].name, options_table[i].value,
                          options_table[i].help);
    }

    options_help_line("help", "", "this");
    options_help_line("version", "", "the version");
    printf("\nSIGTERM gives the shards back and ends; SIGHUP reads secret "
           "files again.\n");
}


/* The option `i` of all was given. */
static int
options_set(struct worker_options *o, unsigned i, const char *value)
{
    if (i < WORKER_ACCESS_OPTIONS) {
        return worker_access_set(&o->access, OPTIONS_PROGRAM, i, value);
    }

    i -= WORKER_ACCESS_OPTIONS;

    return options_table[i].set(o, options_table[i].name, value);
}


static enum worker_options_result
options_parse(struct worker_options *o, int argc, char **argv, unsigned *seen)
{
    int            index;
    struct option  list[OPTIONS + 3];

    memset(list, 0, sizeof(list));
    for (unsigned i = 0; i < OPTIONS; i++) {
        list[i].name = i < WORKER_ACCESS_OPTIONS
                       ? worker_access_option(i)->name
                       : options_table[i - WORKER_ACCESS_OPTIONS].name;
        list[i].has_arg = required_argument;
    }
    list[OPTIONS].name = "help";
    list[OPTIONS + 1].name = "version";

    for ( ;; ) {
        index = -1;

        switch (getopt_long(argc, argv, "", list, &index)) {

        case -1:
            if (optind < argc) {
                fprintf(stderr, OPTIONS_PROGRAM ": unknown argument %s\n",
                        argv[optind]);
                return WORKER_OPTIONS_WRONG;
            }
            return WORKER_OPTIONS_RUN;

        case 0:
            break;

        default:
            return WORKER_OPTIONS_WRONG;
        }

        if (index == (int) OPTIONS) {
            options_help();
            return WORKER_OPTIONS_DONE;
        }

        if (index == (int) OPTIONS + 1) {
            printf("oscp-worker %s\n", OSCP_VERSION);
            return WORKER_OPTIONS_DONE;
        }

        if (*seen & 1u << index) {
            fprintf(stderr, OPTIONS_PROGRAM ": --%s is given twice\n",
                    list[index].name);
            return WORKER_OPTIONS_WRONG;
        }
        *seen |= 1u << index;

        if (options_set(o, (unsigned) index, optarg) == -1) {
            return WORKER_OPTIONS_WRONG;
        }
    }
}


enum worker_options_result
worker_options_read(struct worker_options *o, int argc, char **argv)
{
    unsigned                    seen = 0;
    enum worker_options_result  rc;

    memset(o, 0, sizeof(*o));
    memset(o->shards, 1, sizeof(o->shards));
    worker_access_init(&o->access);
    o->lease_ms = 5000;
    o->log_level = WORKER_LOG_INFO;

    rc = options_parse(o, argc, argv, &seen);
    if (rc != WORKER_OPTIONS_RUN) {
        if (rc == WORKER_OPTIONS_WRONG) {
            fprintf(stderr, OPTIONS_PROGRAM ": --help tells the options\n");
        }
        return rc;
    }

    return worker_access_finish(&o->access, OPTIONS_PROGRAM) == 0
           ? WORKER_OPTIONS_RUN : WORKER_OPTIONS_WRONG;
}
