/* Does a variant keep the contract? One suite for all of them, built in or loaded, that knows none
 * by name. `posenc plugin check FILE.so` prints its report.
 *
 * - descriptor: names, ranges, known flags and claims;
 * - setup: pure; refuses impossible shapes by a sentence; stays inside the contract's limits;
 * - hooks: called one by one in three precisions between guard zones: nothing is written outside,
 *   everything inside is, the same bytes come again, an item asked for alone is as among others, a
 *   tile is the same however it is cut;
 * - values: finite; NaN in gives NaN out; float and double within a derived bound of quad;
 * - modes: reference = tiled; and mask bytes, padding left and right, shorter queries, memory, one
 *   row with a cache, batches, grouped key heads and codes behind padding all give the numbers of
 *   one full causal pass;
 * - gradients: the backward twins through a whole attention, and of codes, against central
 *   differences; a variant that lacks a twin is usable but not trainable, which is no failure;
 * - claims: each one, on the quad build (claims.h);
 * - surroundings: rounding mode, locale and signal handlers are as before. */
#ifndef PE_CONFORMANCE_CONFORMANCE_H
#define PE_CONFORMANCE_CONFORMANCE_H

#include "base/status.h"
#include "posenc_types.h"

enum { PE_FINDING_NAME = 48, PE_FINDING_TEXT = 400, PE_FINDINGS = 160 };

typedef enum pe_outcome { PE_CHECK_PASSED, PE_CHECK_FAILED, PE_CHECK_SKIPPED } pe_outcome;
const char *pe_outcome_name(pe_outcome outcome); /* "pass", "FAIL", "skip" */

typedef struct pe_finding {
    char name[PE_FINDING_NAME]; /* "hooks: guard words, f32" */
    pe_outcome outcome;
    char text[PE_FINDING_TEXT]; /* what was measured, the counter-example, or why it was skipped */
} pe_finding;

/* Plain data without pointers, so that it can come out of a sandbox. */
typedef struct pe_conformance {
    char id[64];
    int count, failed, skipped;
    pe_finding finding[PE_FINDINGS];
} pe_conformance;

typedef struct pe_conformance_options {
    uint64_t seed; /* of all random q, k, v, x and parameters */
    bool quick;    /* descriptor, setup, hooks and claims only: what a first use runs */
} pe_conformance_options;

/* Run the suite on default options and the first shapes that the variant accepts (odd ones first).
 *   PE_OK       nothing failed
 *   PE_DIFFERS  something did: *report says what; err has the first failure
 *   PE_MEMORY   the suite itself could not go on */
pe_status pe_conformance_run(const pe_variant *variant, const pe_conformance_options *options,
                             pe_conformance *report, pe_error *err);

/* The same in a child process (registry/sandbox.h) for a variant of which nothing has run yet;
 * `path` names it. A crash, a hang, an exit or a failed check is PE_PLUGIN; *report is complete
 * only when the child came back, and has count 0 otherwise. Call before any thread exists. */
pe_status pe_conformance_run_apart(const pe_variant *variant, const char *path,
                                   const pe_conformance_options *options, pe_conformance *report,
                                   pe_error *err);

#endif
