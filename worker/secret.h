/*
 * A secret that lives in a file (design, section 4): read when it is first
 * needed, and again when the file has changed, which is looked at when it is
 * used, at most once a second.  Never logged, wiped when it is replaced.
 */

#ifndef WORKER_SECRET_H
#define WORKER_SECRET_H

#include <sys/types.h>
#include <stdint.h>
#include <time.h>

#define WORKER_SECRET_MAX         16384     /* bytes of a secret file */
#define WORKER_SECRET_LOOK_MS     1000      /* between looks at the file */
#define WORKER_SECRET_ERROR_SIZE  192

/* Zeroed, with `name` set, it is ready: nothing is read yet. */
struct worker_secret {
    const char       *name;           /* of the file; borrowed */
    char             *value;          /* owned; NULL: never read */
    unsigned          changes;        /* how often it became another one */
    int64_t           look_ms;        /* since boot: the next look; 0: now */
    struct timespec   modified;       /* by these a change is seen */
    struct timespec   changed;
    ino_t             inode;
    off_t             size;
    unsigned          reread:1;       /* whether or not it has changed */
    unsigned          told:1;         /* that it cannot be read any more */
};

/*
 * Makes `value` the file's content, one line of text that a header can carry,
 * without the newline at its end.  A file that cannot be read any more, or
 * holds no such line, leaves what was read before, and the log says so once.
 *
 * Returns 0, or -1 with the reason in `error`: there is no value.
 */
int worker_secret_refresh(struct worker_secret *s,
    char error[WORKER_SECRET_ERROR_SIZE]);

/* The file is read again at the next use, changed or not. */
void worker_secret_forget(struct worker_secret *s);

/* Wipes and frees the value; `name` stays.  Harmless when there is none. */
void worker_secret_clear(struct worker_secret *s);

/* Wipes and frees a string of the heap.  NULL is harmless. */
void worker_secret_wipe(char *text);

#endif /* WORKER_SECRET_H */
