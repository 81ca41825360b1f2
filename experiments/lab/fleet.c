#include "lab/fleet.h"

#include <string.h>

static pe_status train_and_measure(pe_lab *own, pe_fleet_job *job, pe_fleet_measure measure,
                                   pe_error *err)
{
    pe_trained trained;
    pe_status status = pe_lab_train(own, job->subject, &job->recipe, &trained, err);
    if (status == PE_OK)
        status = measure(&trained, job, err);
    pe_lab_trained_release(&trained);
    return status;
}

pe_status pe_lab_train_all(pe_lab *lab, const char *what, double share, double done, size_t count,
                           pe_fleet_job *jobs, pe_fleet_measure measure, pe_error *err)
{
    pe_status first = PE_OK;
    size_t ended = 0;
#pragma omp parallel for schedule(dynamic, 1)
    for (size_t i = 0; i < count; i++) {
        pe_lab own = *lab; /* the progress line belongs to one thread at a time */
        pe_error said = {0};
        pe_status before;
        own.progress = NULL;
#pragma omp atomic read
        before = first;
        pe_status status = before;
        if (before == PE_OK) {
            status = train_and_measure(&own, &jobs[i], measure, &said);
            jobs[i].status = status;
            memcpy(jobs[i].because, said.text, sizeof jobs[i].because);
        }
#pragma omp critical(pe_fleet)
        if (before == PE_OK) {
            ended++;
            if (status == PE_OK || pe_lab_declined(status))
                status = pe_lab_step(lab, what,
                                     share + (done - share) * (double)ended / (double)count, &said);
            if (status != PE_OK && first == PE_OK) {
                if (err)
                    *err = said;
#pragma omp atomic write
                first = status;
            }
        }
    }
    return first;
}
