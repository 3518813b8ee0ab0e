/*
 * The command line of oscpctl.
 */

#ifndef WORKER_OSCPCTL_OPTIONS_H
#define WORKER_OSCPCTL_OPTIONS_H

#include "access.h"
#include "oscp_time.h"

#define WORKER_CTL_EXIT_DONE     0
#define WORKER_CTL_EXIT_FAILED   1
#define WORKER_CTL_EXIT_USAGE    2

#define WORKER_CTL_LINES_ALL     0        /* events -n all */

/* Options that not every command takes. */
#define WORKER_CTL_TAKES_JSON     0x01u
#define WORKER_CTL_TAKES_SEND     0x02u   /* --timeout, --by, --reason */
#define WORKER_CTL_TAKES_AT       0x04u
#define WORKER_CTL_TAKES_FOLLOW   0x08u   /* -f, -n */
#define WORKER_CTL_TAKES_ADJUST   0x10u   /* --type, --capacity, --from,
                                             --until, --replace */
#define WORKER_CTL_TAKES_MESSAGE  0x20u   /* --message */

struct worker_ctl;

/* A command of oscpctl. */
struct worker_ctl_command {
    const char  *name;
    const char  *arguments;              /* for people */
    int          least;                  /* arguments */
    int          most;
    unsigned     takes;
    int        (*run)(struct worker_ctl *ctl);   /* gives the exit status */
};

/* Strings point into argv or the environment, or are static. */
struct worker_ctl_options {
    struct worker_access              access;    /* to Redis */
    const struct worker_ctl_command  *command;
    int                               argc;      /* of the command */
    char                            **argv;
    unsigned                          json:1;
    unsigned                          follow:1;
    unsigned                          lines;     /* or WORKER_CTL_LINES_ALL */
    int64_t                           timeout_ms;
    oscp_ms_t                         at_ms;     /* NONE: now */
    char                              by[65];
    const char                       *reason;    /* "" when none */
    const char                       *type;      /* of a forecast; NULL */
    double                            capacity_w;   /* -1: not given */
    oscp_ms_t                         from_ms;   /* NONE: now */
    oscp_ms_t                         until_ms;  /* NONE: not given */
    unsigned                          replace:1;
    const char                       *message;   /* to the peer; NULL */
};

/*
 * Reads the command line; `commands` ends with a NULL name.  Returns -1 to go
 * on; or the exit status of a program that has nothing to do but end: help was
 * asked for and printed, or something is wrong (told).
 */
int worker_ctl_options_read(struct worker_ctl_options *o, int argc,
    char **argv, const struct worker_ctl_command *commands);

#endif /* WORKER_OSCPCTL_OPTIONS_H */
