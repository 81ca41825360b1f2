/* Every hook called by hand, in one precision, between guard zones. Internal to the room. */
#ifndef PE_CONFORMANCE_PROBE_H
#define PE_CONFORMANCE_PROBE_H

#include "conformance/trial.h"

enum { PE_FAULT_TEXT = 240 };

/* One sentence about the first fault of each kind; empty when there is none. */
typedef struct pe_probe_faults {
    int calls;                    /* how many hook calls were made */
    char outside[PE_FAULT_TEXT];  /* a write before or behind an array that was lent */
    char repeat[PE_FAULT_TEXT];   /* the same call gave other bytes, or left some unwritten */
    char alone[PE_FAULT_TEXT];    /* one item alone differs from the same item among others */
    char cut[PE_FAULT_TEXT];      /* a tile or run differs when it is cut */
    char infinite[PE_FAULT_TEXT]; /* a result that is not finite */
} pe_probe_faults;

/* Probe all hooks that the variant has. Precision f128 needs trial->instance->has_quad.
 *   PE_MEMORY */
pe_status pe_probe(const pe_trial *trial, pe_precision precision, pe_probe_faults *faults,
                   pe_error *err);

#endif
