/* Many trainings beside each other. Small models gain nothing from several threads each, and lose
 * much on a machine that others use, too: here every training has one thread, and the threads take
 * trainings. Results do not depend on how many threads there are. */
#ifndef PE_LAB_FLEET_H
#define PE_LAB_FLEET_H

#include "lab/training.h"

typedef struct pe_fleet_job {
    const pe_subject *subject;
    pe_lab_recipe recipe;
    void *into;                  /* where `measure` puts what it found */
    pe_status status;            /* out: PE_OK, or that the subject declined (pe_lab_declined) */
    char because[PE_ERROR_TEXT]; /* out: its sentence */
} pe_fleet_job;

/* What to do with a trained model before it is released; called by several threads at once, each
 * with its own job. A status that is declined stays with the job. */
typedef pe_status (*pe_fleet_measure)(pe_trained *trained, pe_fleet_job *job, pe_error *err);

/* Train and measure all jobs (count of them). The progress goes from `share` to `done`.
 *   PE_INTERRUPTED, PE_WRITE, PE_MEMORY: the first by the order of the jobs that were begun */
pe_status pe_lab_train_all(pe_lab *lab, const char *what, double share, double done, size_t count,
                           pe_fleet_job *jobs, pe_fleet_measure measure, pe_error *err);

#endif
