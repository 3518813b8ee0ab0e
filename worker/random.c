/*
 * Randomness from the kernel.
 */

#include <sys/random.h>
#include <stdio.h>
#include <string.h>

#include "random.h"


/*
 * getrandom() gives up to 256 bytes whole, and blocks only before the kernel's
 * pool has been filled once, early at boot.
 */
static void
random_fill(void *buf, size_t len)
{
    while (getrandom(buf, len, 0) != (ssize_t) len) {
        /* interrupted by a signal before the pool was filled */
    }
}


uint32_t
worker_random_bits(void)
{
    uint32_t  bits;

    random_fill(&bits, sizeof(bits));

    return bits;
}


char *
worker_random_uuid(char buf[WORKER_RANDOM_UUID_SIZE])
{
    unsigned char  b[16];

    random_fill(b, sizeof(b));

    b[6] = (unsigned char) ((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char) ((b[8] & 0x3f) | 0x80);

    snprintf(buf, WORKER_RANDOM_UUID_SIZE,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
             "%02x%02x%02x%02x%02x%02x",
             b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10],
             b[11], b[12], b[13], b[14], b[15]);

    return buf;
}


int64_t
worker_random_pause(int64_t ms, double share)
{
    double  part = (double) worker_random_bits() / UINT32_MAX;

    return ms - (int64_t) ((double) ms * share * part);
}
