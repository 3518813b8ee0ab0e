/*
 * A table for people.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oscpctl_table.h"


#define TABLE_CELL_SIZE   160     /* bytes of a cell, NUL included */
#define TABLE_LEAST       8       /* columns give way down to this width */
#define TABLE_BETWEEN     2       /* blanks between columns */


struct table_cell {
    enum worker_ctl_style  style;
    char                   text[TABLE_CELL_SIZE];
};

struct worker_ctl_table {
    const char *const  *heads;
    size_t              columns;
    struct table_cell  *cells;
    size_t              n;
    size_t              size;
    unsigned            failed:1;
};


struct worker_ctl_table *
worker_ctl_table_create(const char *const *heads)
{
    struct worker_ctl_table  *t;

    t = calloc(1, sizeof(*t));
    if (t == NULL) {
        return NULL;
    }

    t->heads = heads;
    while (heads[t->columns] != NULL
           && t->columns < WORKER_CTL_TABLE_COLUMNS)
    {
        t->columns++;
    }

    return t;
}


void
worker_ctl_table_cell(struct worker_ctl_table *t, enum worker_ctl_style style,
    const char *text)
{
    size_t              size;
    struct table_cell  *cells;

    if (t == NULL || t->failed) {
        return;
    }

    if (t->n == t->size) {
        size = t->size * 2 + 64;
        cells = realloc(t->cells, size * sizeof(*cells));
        if (cells == NULL) {
            t->failed = 1;
            return;
        }

        t->cells = cells;
        t->size = size;
    }

    text = text != NULL && *text != '\0' ? text : "-";
    t->cells[t->n].style = style;
    worker_ctl_out_clean(text, strlen(text), t->cells[t->n].text,
                         TABLE_CELL_SIZE);
    t->n++;
}


static size_t
table_columns(const char *text)
{
    size_t  columns = 0;

    for ( /* void */ ; *text != '\0'; text++) {
        columns += ((unsigned char) *text & 0xc0) != 0x80;
    }

    return columns;
}


static void
table_measure(const struct worker_ctl_table *t, size_t *widths)
{
    size_t  width, total, widest;

    for (size_t i = 0; i < t->columns; i++) {
        widths[i] = strlen(t->heads[i]);
    }

    for (size_t i = 0; i < t->n; i++) {
        width = table_columns(t->cells[i].text);
        if (width > widths[i % t->columns]) {
            widths[i % t->columns] = width;
        }
    }

    for ( ;; ) {
        total = TABLE_BETWEEN * (t->columns - 1);
        widest = 0;

        for (size_t i = 0; i < t->columns; i++) {
            total += widths[i];
            widest = widths[i] > widths[widest] ? i : widest;
        }

        if (total <= WORKER_CTL_OUT_COLUMNS || widths[widest] <= TABLE_LEAST) {
            return;
        }

        widths[widest]--;
    }
}


/* Cuts `text` to `width` columns, in place, with room for the mark. */
static void
table_cut(char *text, size_t width)
{
    size_t  columns = 0;

    if (table_columns(text) <= width) {
        return;
    }

    for ( /* void */ ; *text != '\0'; text++) {
        columns += ((unsigned char) *text & 0xc0) != 0x80;
        if (columns == width) {
            strcpy(text, "~");
            return;
        }
    }
}


/* Colours take no columns, so that padding is done here, outside of them. */
static void
table_row(const struct worker_ctl_table *t, const size_t *widths, size_t row)
{
    size_t              pad = 0, width;
    struct table_cell  *cell;

    for (size_t i = 0; i < t->columns && row + i < t->n; i++) {
        cell = &t->cells[row + i];
        table_cut(cell->text, widths[i]);
        width = table_columns(cell->text);

        printf("%*s", (int) pad, "");
        worker_ctl_out_cell(cell->style, cell->text);
        pad = widths[i] - width + TABLE_BETWEEN;
    }

    putchar('\n');
}


int
worker_ctl_table_print(struct worker_ctl_table *t)
{
    int     rc = 0;
    size_t  widths[WORKER_CTL_TABLE_COLUMNS], pad = 0;

    if (t == NULL || t->failed) {
        worker_ctl_out_error("no memory");
        rc = -1;

    } else if (t->n > 0) {
        table_measure(t, widths);

        for (size_t i = 0; i < t->columns; i++) {
            printf("%*s", (int) pad, "");
            worker_ctl_out_cell(WORKER_CTL_BOLD, t->heads[i]);
            pad = widths[i] - strlen(t->heads[i]) + TABLE_BETWEEN;
        }

        putchar('\n');

        for (size_t row = 0; row < t->n; row += t->columns) {
            table_row(t, widths, row);
        }
    }

    if (t != NULL) {
        free(t->cells);
        free(t);
    }

    return rc;
}
