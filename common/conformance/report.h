/* How the parts of the suite write into its report. Internal to the room. */
#ifndef PE_CONFORMANCE_REPORT_H
#define PE_CONFORMANCE_REPORT_H

#include "conformance/conformance.h"
#include "conformance/trial.h"

__attribute__((format(printf, 4, 5))) void pe_report_add(pe_conformance *report, pe_outcome outcome,
                                                         const char *name, const char *format, ...);

/* Findings about the modes of attention (modes.c), the values (values.c), the gradients
 * (gradients.c), and what setup says to odd questions (setups.c). PE_MEMORY, else PE_OK: a mode
 * that fails is a finding.*/
pe_status pe_check_modes(const pe_trial *trial, pe_conformance *report, pe_error *err);
pe_status pe_check_values(const pe_trial *trial, pe_conformance *report, pe_error *err);
pe_status pe_check_gradients(const pe_trial *trial, pe_conformance *report, pe_error *err);
void pe_check_setup(const pe_instance *instance, pe_conformance *report);

/* Outputs of two runs. Rows a_first .. a_first + rows of every head of `a` (batch 1, a_rows
 * queries) against rows b_first .. of `b`. A difference over the bound fills text (once) and gives
 * false. */
typedef struct pe_outputs {
    const pe_wide *out; /* (H, rows, D) */
    int64_t rows, first;
} pe_outputs;
bool pe_same_outputs(const pe_trial *trial, pe_outputs a, pe_outputs b, int64_t rows, double bound,
                     char *text, size_t size);

double pe_epsilon_of(const pe_trial *trial, pe_precision precision);

/* The bound for outputs of this trial in a precision: rounding of its largest logit and place. */
pe_status pe_output_bound(const pe_trial *trial, pe_precision precision, double *bound,
                          pe_error *err);

#endif
