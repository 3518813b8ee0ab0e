/*
 * The version of the programs.
 */

#ifndef WORKER_VERSION_H
#define WORKER_VERSION_H

#define WORKER_VERSION   "0.1.0"

#endif /* WORKER_VERSION_H */
