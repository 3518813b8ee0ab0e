/*
 * Randomness from the kernel: jitter and message ids.
 */

#ifndef WORKER_RANDOM_H
#define WORKER_RANDOM_H

#include <stdint.h>

#define WORKER_RANDOM_UUID_SIZE  37      /* with the NUL */

/* 32 random bits. */
uint32_t worker_random_bits(void);

/* A fresh UUID, version 4, in lower case; returns `buf`. */
char *worker_random_uuid(char buf[WORKER_RANDOM_UUID_SIZE]);

/* A number out of [ms * (1 - share), ms]. */
int64_t worker_random_pause(int64_t ms, double share);

#endif /* WORKER_RANDOM_H */
