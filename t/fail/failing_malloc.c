/*
 * The C library's allocator with a Nth call that fails, to be preloaded into a
 * program under test.  The file that OSCP_FAIL_CONTROL names, of the structure
 * below, steers it while the program runs, and tells what it does.
 *
 *   cc -shared -fPIC -o failing_malloc.so failing_malloc.c
 *
 * For glibc, whose own names of these functions are used.
 */

#define _GNU_SOURCE

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct control {
    /* written from outside */
    int64_t  fail_at;        /* the call that gets no memory; 0: none */
    int64_t  pid;            /* of the process that counts; 0: any */
    int64_t  lasting;        /* not 0: all calls behind that one fail, too */
    int64_t  calls;          /* that ask for memory, so far */

    /* read there only */
    int64_t  failed;         /* of them */
    int64_t  live;           /* pieces given out and not given back */
};

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *ptr, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *ptr);

static struct control  *control;
static int              opened;
static char             crash_file[4096];


/*
 * Where it crashed, into the control file's neighbour ".crash"; then as it
 * would have ended without this.
 */
static void
crashed(int signo)
{
    int    n, fd;
    void  *frames[64];

    fd = open(crash_file, O_WRONLY | O_CREAT | O_APPEND, 0666);
    if (fd != -1) {
        n = backtrace(frames, 64);
        backtrace_symbols_fd(frames, n, fd);
        close(fd);
    }

    signal(signo, SIG_DFL);
    raise(signo);
}


/* At the first call: libraries allocate before any constructor of ours. */
static void
open_control(void)
{
    int          fd;
    void        *p, *frame;
    const char  *name = getenv("OSCP_FAIL_CONTROL");

    opened = 1;
    (void) backtrace(&frame, 1);       /* loads what it needs, once */
    fd = name != NULL ? open(name, O_RDWR | O_CLOEXEC) : -1;
    if (fd == -1) {
        return;
    }

    p = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p != MAP_FAILED) {
        control = p;
        snprintf(crash_file, sizeof(crash_file), "%s.crash", name);
        signal(SIGSEGV, crashed);
        signal(SIGABRT, crashed);
    }

    close(fd);
}


static int
counts(void)
{
    int64_t  pid;

    if (!opened && environ != NULL) {
        open_control();
    }

    if (control == NULL) {
        return 0;
    }

    pid = __atomic_load_n(&control->pid, __ATOMIC_RELAXED);

    return pid == 0 || pid == getpid();
}


static int
fails(void)
{
    int64_t  n, at;

    if (!counts()) {
        return 0;
    }

    n = __atomic_add_fetch(&control->calls, 1, __ATOMIC_RELAXED);
    at = __atomic_load_n(&control->fail_at, __ATOMIC_RELAXED);

    if (at == 0 || n < at || (n > at && !control->lasting)) {
        return 0;
    }

    __atomic_add_fetch(&control->failed, 1, __ATOMIC_RELAXED);
    errno = ENOMEM;

    return 1;
}


static void *
given(void *ptr)
{
    if (ptr != NULL && counts()) {
        __atomic_add_fetch(&control->live, 1, __ATOMIC_RELAXED);
    }

    return ptr;
}


void *
malloc(size_t size)
{
    return fails() ? NULL : given(__libc_malloc(size));
}


void *
calloc(size_t n, size_t size)
{
    return fails() ? NULL : given(__libc_calloc(n, size));
}


void *
realloc(void *ptr, size_t size)
{
    if (ptr == NULL) {
        return malloc(size);
    }

    if (size == 0) {
        free(ptr);
        return NULL;
    }

    return fails() ? NULL : __libc_realloc(ptr, size);
}


void *
memalign(size_t alignment, size_t size)
{
    return fails() ? NULL : given(__libc_memalign(alignment, size));
}


void *
aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}


int
posix_memalign(void **ptr, size_t alignment, size_t size)
{
    void  *p = memalign(alignment, size);

    if (p == NULL) {
        return ENOMEM;
    }

    *ptr = p;

    return 0;
}


void
free(void *ptr)
{
    if (ptr != NULL && counts()) {
        __atomic_sub_fetch(&control->live, 1, __ATOMIC_RELAXED);
    }

    __libc_free(ptr);
}
