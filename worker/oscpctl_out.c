/*
 * What oscpctl prints.
 */

#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "oscpctl_out.h"


#define OUT_LINE_SIZE   4096      /* bytes of a line, colours aside */

static const char *const  out_styles[] = {
    [WORKER_CTL_PLAIN] = "",
    [WORKER_CTL_BOLD] = "\033[1m",
    [WORKER_CTL_GREEN] = "\033[32m",
    [WORKER_CTL_YELLOW] = "\033[33m",
    [WORKER_CTL_RED] = "\033[31m",
    [WORKER_CTL_GREY] = "\033[90m"
};

static int  out_coloured;


void
worker_ctl_out_setup(void)
{
    const char  *no = getenv("NO_COLOR"), *term = getenv("TERM");

    out_coloured = isatty(STDOUT_FILENO)
                   && (no == NULL || *no == '\0')
                   && term != NULL && strcmp(term, "dumb") != 0;
}


/*
 * The length of the UTF-8 sequence at `p`, and its character; 0: none.
 * Overlong forms and surrogates are none.
 */
static size_t
out_character(const unsigned char *p, size_t len, uint32_t *c)
{
    size_t          n;
    const uint32_t  least[] = { 0, 0, 0x80, 0x800, 0x10000 };

    n = p[0] < 0x80 ? 1 : (p[0] >> 5) == 6 ? 2 : (p[0] >> 4) == 14 ? 3
        : (p[0] >> 3) == 30 ? 4 : 0;
    if (n == 0 || n > len) {
        return 0;
    }

    *c = n == 1 ? p[0] : p[0] & (0x7fu >> n);

    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }

        *c = *c << 6 | (p[i] & 0x3f);
    }

    if (*c < least[n] || *c > 0x10ffff || (*c >= 0xd800 && *c <= 0xdfff)) {
        return 0;
    }

    return n;
}


/* Moves the cursor, hides, or turns what follows around. */
static int
out_harmful(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0)
           || c == 0x61c || (c >= 0x200b && c <= 0x200f)
           || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f)
           || c == 0xfeff;
}


size_t
worker_ctl_out_clean(const char *text, size_t len, char *buf, size_t size)
{
    size_t                i = 0, n, out = 0;
    uint32_t              c;
    const unsigned char  *p = (const unsigned char *) text;

    while (i < len) {
        n = out_character(p + i, len - i, &c);

        if (out + (n ? n : 1) + 1 > size) {
            break;
        }

        if (n == 0 || out_harmful(c)) {
            buf[out++] = '?';
            i += n ? n : 1;
            continue;
        }

        memcpy(buf + out, p + i, n);
        out += n;
        i += n;
    }

    if (size > 0) {
        buf[out] = '\0';
    }

    return out;
}


static void
out_styled(enum worker_ctl_style style, const char *text, size_t len)
{
    int  styled = out_coloured && style != WORKER_CTL_PLAIN;

    printf("%s%.*s%s", styled ? out_styles[style] : "", (int) len, text,
           styled ? "\033[0m" : "");
}


/*
 * How many of the `len` bytes go into a line of `room` columns: up to the last
 * blank that fits, or all that fits when there is none.
 */
static size_t
out_fitting(const char *text, size_t len, size_t room)
{
    size_t  columns = 0, i = 0, blank = 0;

    while (i < len && columns < room) {
        if (text[i] == ' ') {
            blank = i;
        }

        i++;
        while (i < len && ((unsigned char) text[i] & 0xc0) == 0x80) {
            i++;
        }

        columns++;
    }

    if (i == len || text[i] == ' ') {
        return i;
    }

    return blank > 0 ? blank : i;
}


static void
out_wrapped(enum worker_ctl_style style, size_t first, size_t indent,
    const char *text)
{
    size_t  n, shown, len = strlen(text), column = first;

    do {
        n = out_fitting(text, len, WORKER_CTL_OUT_COLUMNS - column);
        shown = n;
        while (shown > 0 && text[shown - 1] == ' ') {
            shown--;
        }

        out_styled(style, text, shown);
        putchar('\n');

        text += n;
        len -= n;
        while (len > 0 && *text == ' ') {
            text++;
            len--;
        }

        if (len > 0) {
            printf("%*s", (int) indent, "");
            column = indent;
        }
    } while (len > 0);
}


static void
out_format(char buf[OUT_LINE_SIZE], const char *fmt, va_list args)
{
    char  text[OUT_LINE_SIZE];

    if (vsnprintf(text, sizeof(text), fmt, args) < 0) {
        text[0] = '\0';
    }

    worker_ctl_out_clean(text, strlen(text), buf, OUT_LINE_SIZE);
}


void
worker_ctl_out_line(enum worker_ctl_style style, int indent, const char *fmt,
    ...)
{
    char     text[OUT_LINE_SIZE];
    va_list  args;

    va_start(args, fmt);
    out_format(text, fmt, args);
    va_end(args);

    printf("%*s", indent, "");
    out_wrapped(style, (size_t) indent, (size_t) indent + 2, text);
}


void
worker_ctl_out_pair(int indent, int width, const char *name, const char *fmt,
    ...)
{
    char     text[OUT_LINE_SIZE], label[OUT_LINE_SIZE];
    size_t   column = (size_t) (indent + width + 2);
    va_list  args;

    va_start(args, fmt);
    out_format(text, fmt, args);
    va_end(args);

    worker_ctl_out_clean(name, strlen(name), label, sizeof(label));
    printf("%*s%-*s  ", indent, "", width, label);
    out_wrapped(WORKER_CTL_PLAIN, column, column, text);
}


void
worker_ctl_out_cell(enum worker_ctl_style style, const char *text)
{
    char    clean[OUT_LINE_SIZE];
    size_t  len;

    len = worker_ctl_out_clean(text, strlen(text), clean, sizeof(clean));
    out_styled(style, clean, len);
}


void
worker_ctl_out_gap(void)
{
    putchar('\n');
}


void
worker_ctl_out_error(const char *fmt, ...)
{
    char     text[OUT_LINE_SIZE];
    va_list  args;

    va_start(args, fmt);
    out_format(text, fmt, args);
    va_end(args);

    fflush(stdout);
    fprintf(stderr, "oscpctl: %s\n", text);
}


int
worker_ctl_out_json(cJSON *doc)
{
    char    *text, *clean;
    size_t   size;

    text = doc != NULL ? cJSON_PrintUnformatted(doc) : NULL;
    cJSON_Delete(doc);

    size = text != NULL ? strlen(text) + 1 : 0;
    clean = text != NULL ? malloc(size) : NULL;

    if (clean == NULL) {
        cJSON_free(text);
        worker_ctl_out_error("no memory");
        return -1;
    }

    /* what JSON itself escapes is past harm: only bytes of strings are left */
    worker_ctl_out_clean(text, size - 1, clean, size);
    puts(clean);

    free(clean);
    cJSON_free(text);

    return 0;
}


/* `oscpctl events -f | head`: the reader of a pipe has seen enough. */
static int
out_left(void)
{
    struct pollfd  out = { .fd = STDOUT_FILENO };

    return poll(&out, 1, 0) == 1 && (out.revents & POLLERR);
}


int
worker_ctl_out_broken(void)
{
    return ferror(stdout) != 0 || out_left();
}


int
worker_ctl_out_end(void)
{
    if (fflush(stdout) != EOF && !ferror(stdout)) {
        return 0;
    }

    if (!out_left()) {
        worker_ctl_out_error("standard output cannot be written");
    }

    return -1;
}
