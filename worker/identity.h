/*
 * Who a worker is, as it stands in a lease: "HOST:PID:PLACE-RANDOM".  PLACE
 * stands for this boot and this space of process ids, so that a worker can tell
 * that a predecessor beside it is dead, and need not wait for its lease to end.
 */

#ifndef WORKER_IDENTITY_H
#define WORKER_IDENTITY_H

#define WORKER_IDENTITY_SIZE   128       /* with the NUL */

/* Makes the id of this process; no two are alike.  Returns `id`. */
char *worker_identity_make(char id[WORKER_IDENTITY_SIZE]);

/*
 * 1 when the owner that a lease names ("ID TOKEN") was a process beside `self`
 * (an id of this process) that does not exist any more; 0 when it may live.
 */
int worker_identity_dead(const char *self, const char *owner);

#endif /* WORKER_IDENTITY_H */
