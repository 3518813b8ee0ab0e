/*
 * Test Anything Protocol for the unit tests: a check prints "ok" or "not ok"
 * with what was expected, done_testing() prints the plan and gives main() its
 * exit status.
 */

#ifndef TAP_H
#define TAP_H

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static unsigned  tap_run, tap_failed;


__attribute__((format(printf, 2, 3), unused))
static int
ok(int pass, const char *fmt, ...)
{
    va_list  args;

    tap_run++;
    tap_failed += !pass;
    printf("%sok %u - ", pass ? "" : "not ", tap_run);
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    printf("\n");
    return pass;
}


__attribute__((unused))
static int
is_int(int64_t got, int64_t want, const char *name)
{
    int  pass = ok(got == want, "%s", name);

    if (!pass) {
        printf("#   got %" PRId64 ", want %" PRId64 "\n", got, want);
    }

    return pass;
}


__attribute__((unused))
static int
is_num(double got, double want, const char *name)
{
    int  pass = ok(got == want || fabs(got - want)
                   <= 1e-9 * fmax(fabs(got), fabs(want)), "%s", name);

    if (!pass) {
        printf("#   got %.17g, want %.17g\n", got, want);
    }

    return pass;
}


__attribute__((unused))
static int
is_str(const char *got, const char *want, const char *name)
{
    int  pass = ok(got && want ? strcmp(got, want) == 0 : got == want, "%s",
                   name);

    if (!pass) {
        printf("#   got '%s', want '%s'\n", got ? got : "(null)",
               want ? want : "(null)");
    }

    return pass;
}


__attribute__((unused))
static int
done_testing(void)
{
    printf("1..%u\n", tap_run);
    return tap_failed != 0;
}

#endif /* TAP_H */
