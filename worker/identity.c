/*
 * Who a worker is.
 */

#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "identity.h"
#include "random.h"


#define IDENTITY_HOST_MAX   64         /* bytes of the host's name */
#define IDENTITY_BOOT       "/proc/sys/kernel/random/boot_id"
#define IDENTITY_PIDS       "/proc/self/ns/pid"


static uint32_t
identity_hash(uint32_t hash, const void *data, size_t len)
{
    const unsigned char  *p = data;

    while (len-- > 0) {
        hash = (hash ^ *p++) * 16777619u;
    }

    return hash;
}


/* 0 when it cannot be known: then nobody is beside us. */
static uint32_t
identity_place(void)
{
    int          fd;
    char         boot[64];
    ssize_t      n;
    uint32_t     hash;
    struct stat  st;

    fd = open(IDENTITY_BOOT, O_RDONLY | O_CLOEXEC);
    if (fd == -1) {
        return 0;
    }

    n = read(fd, boot, sizeof(boot));
    close(fd);

    if (n <= 0 || stat(IDENTITY_PIDS, &st) == -1) {
        return 0;
    }

    hash = identity_hash(2166136261u, boot, (size_t) n);

    return identity_hash(hash, &st.st_ino, sizeof(st.st_ino));
}


char *
worker_identity_make(char id[WORKER_IDENTITY_SIZE])
{
    char  host[IDENTITY_HOST_MAX + 1] = "";

    if (gethostname(host, sizeof(host) - 1) == -1 || host[0] == '\0') {
        snprintf(host, sizeof(host), "localhost");
    }

    /* neither blanks nor colons: they have their meaning in a lease */
    for (char *p = host; *p != '\0'; p++) {
        if (*p <= ' ' || *p >= 0x7f || *p == ':') {
            *p = '-';
        }
    }

    snprintf(id, WORKER_IDENTITY_SIZE, "%s:%ld:%08x-%08x", host,
             (long) getpid(), (unsigned) identity_place(),
             (unsigned) worker_random_bits());

    return id;
}


/* Reads the number and the place out of an id. */
static int
identity_parse(const char *id, long *pid, unsigned *place)
{
    char  *end;

    id = strchr(id, ':');
    if (id == NULL) {
        return -1;
    }

    *pid = strtol(id + 1, &end, 10);
    if (*end != ':' || *pid <= 0) {
        return -1;
    }

    *place = (unsigned) strtoul(end + 1, &end, 16);

    return *end == '-' && *place != 0 ? 0 : -1;
}


int
worker_identity_dead(const char *self, const char *owner)
{
    long      pid, own;
    unsigned  place, here;

    if (identity_parse(owner, &pid, &place) == -1
        || identity_parse(self, &own, &here) == -1 || place != here)
    {
        return 0;
    }

    /* our own number with another random part: whoever had it is gone */
    return pid == own || (kill((pid_t) pid, 0) == -1 && errno == ESRCH);
}
