/*
 * Facts, told to an operator who does not know this program.
 */

#ifndef WORKER_OSCPCTL_STORY_H
#define WORKER_OSCPCTL_STORY_H

#include "oscpctl_facts.h"

/* Prints it. */
void worker_ctl_story_print(const struct worker_ctl_facts *f);

#endif /* WORKER_OSCPCTL_STORY_H */
