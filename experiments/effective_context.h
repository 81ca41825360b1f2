/* What the parts of this experiment share. Private to effective_context*.c. */
#ifndef EFFECTIVE_CONTEXT_H
#define EFFECTIVE_CONTEXT_H

#include "lab/lab.h"
#include "lab/training.h"
#include "lab/words.h"

#define CONTEXT_THRESHOLD 0.99

pe_status context_horizons(pe_lab *lab, pe_result *result, pe_error *err);
pe_status context_trained(pe_lab *lab, pe_result *result, pe_error *err);
pe_status context_memory(pe_lab *lab, pe_result *result, pe_error *err);

#endif
