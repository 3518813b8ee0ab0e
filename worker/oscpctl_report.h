/*
 * Facts as data, for programs.
 */

#ifndef WORKER_OSCPCTL_REPORT_H
#define WORKER_OSCPCTL_REPORT_H

#include "oscpctl_facts.h"

/* The document; NULL or incomplete without memory. */
cJSON *worker_ctl_report_json(const struct worker_ctl_facts *f);

#endif /* WORKER_OSCPCTL_REPORT_H */
