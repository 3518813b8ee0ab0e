/*
 * A table for people: columns as wide as their cells, rows that fit the screen.
 */

#ifndef WORKER_OSCPCTL_TABLE_H
#define WORKER_OSCPCTL_TABLE_H

#include "oscpctl_out.h"

#define WORKER_CTL_TABLE_COLUMNS  8

struct worker_ctl_table;

/* `heads` ends with NULL and is kept.  NULL without memory. */
struct worker_ctl_table *worker_ctl_table_create(const char *const *heads);

/*
 * Adds a cell (copied), row after row; NULL and "" print as "-".  Out of
 * memory, the table is incomplete and printing it fails.
 */
void worker_ctl_table_cell(struct worker_ctl_table *t,
    enum worker_ctl_style style, const char *text);

/*
 * Prints it and frees it; nothing is printed where there are no rows.  Where a
 * row would not fit the screen, the widest columns give way: their cells are
 * cut, and end in "~".  Returns 0, or -1 without memory (told): `t` may be
 * NULL, which means just that.
 */
int worker_ctl_table_print(struct worker_ctl_table *t);

#endif /* WORKER_OSCPCTL_TABLE_H */
