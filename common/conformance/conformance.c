#include "conformance/conformance.h"
#include "conformance/claims.h"
#include "conformance/probe.h"
#include "conformance/report.h"
#include "registry/module.h"
#include "registry/sandbox.h"

#include <fenv.h>
#include <locale.h>
#include <signal.h>
#include <string.h>

/* ---- the report ------------------------------------------------------------------------------ */

const char *pe_outcome_name(pe_outcome outcome)
{
    static const char *const outcomes[] = {"pass", "FAIL", "skip"};
    return outcomes[outcome];
}

void pe_report_add(pe_conformance *report, pe_outcome outcome, const char *name, const char *format,
                   ...)
{
    report->failed += outcome == PE_CHECK_FAILED;
    report->skipped += outcome == PE_CHECK_SKIPPED;
    if (report->count == PE_FINDINGS)
        return;
    pe_finding *f = &report->finding[report->count++];
    f->outcome = outcome;
    snprintf(f->name, sizeof f->name, "%s", name);
    va_list args;
    va_start(args, format);
    vsnprintf(f->text, sizeof f->text, format, args);
    va_end(args);
}

/* ---- surroundings ------------------------------------------------------------------------------
 */

static const int watched[] = {SIGINT, SIGTERM, SIGSEGV, SIGFPE, SIGABRT};
enum { WATCHED = sizeof watched / sizeof watched[0] };

typedef struct surroundings {
    int rounding;
    char locale[256];
    struct sigaction action[WATCHED];
} surroundings;

static void look_around(surroundings *s)
{
    s->rounding = fegetround();
    const char *locale = setlocale(LC_ALL, NULL);
    snprintf(s->locale, sizeof s->locale, "%s", locale ? locale : "");
    for (int i = 0; i < WATCHED; i++)
        sigaction(watched[i], NULL, &s->action[i]);
}

static void check_surroundings(const surroundings *before, pe_conformance *report)
{
    surroundings now;
    look_around(&now);
    const char *changed = NULL;
    if (now.rounding != before->rounding)
        changed = "the rounding mode";
    if (strcmp(now.locale, before->locale) != 0)
        changed = "the locale";
    for (int i = 0; i < WATCHED; i++)
        if (now.action[i].sa_handler != before->action[i].sa_handler)
            changed = "a signal handler";
    pe_report_add(report, changed ? PE_CHECK_FAILED : PE_CHECK_PASSED, "surroundings", "%s %s",
                  changed ? changed : "rounding mode, locale and signal handlers",
                  changed ? "was changed by a hook" : "are as before");
    fesetround(before->rounding);
    setlocale(LC_ALL, before->locale);
    for (int i = 0; i < WATCHED; i++)
        sigaction(watched[i], &before->action[i], NULL);
}

/* ---- parts of the suite
 * -------------------------------------------------------------------------- */

static bool check_descriptor(const pe_variant *variant, pe_conformance *report)
{
    pe_error why;
    const bool good = pe_descriptor_check(variant, "descriptor", &why) == PE_OK;
    pe_report_add(report, good ? PE_CHECK_PASSED : PE_CHECK_FAILED, "descriptor", "%s",
                  good ? "id, texts, hooks and option table are well formed" : why.text);
    return good;
}

static void report_fault(pe_conformance *report, pe_precision precision, const char *what,
                         const char *fault, const char *fine)
{
    char name[PE_FINDING_NAME];
    snprintf(name, sizeof name, "hooks %s: %s", pe_precision_name(precision), what);
    pe_report_add(report, fault[0] ? PE_CHECK_FAILED : PE_CHECK_PASSED, name, "%s",
                  fault[0] ? fault : fine);
}

static pe_status check_hooks(const pe_trial *trial, pe_conformance *report, pe_error *err)
{
    for (int p = 0; p < PE_PRECISION_COUNT; p++) {
        const pe_precision precision = (pe_precision)p;
        if (precision == PE_QUADRUPLE && !trial->instance->has_quad) {
            pe_report_add(report, PE_CHECK_SKIPPED, "hooks f128",
                          "the module's quad has %u digits, this program's %u",
                          (unsigned)trial->instance->variant->quad_digits, PE_QUAD_DIGITS);
            continue;
        }
        pe_probe_faults f;
        const pe_status status = pe_probe(trial, precision, &f, err);
        if (status != PE_OK)
            return status;
        char calls[64];
        snprintf(calls, sizeof calls, "%d calls", f.calls);
        report_fault(report, precision, "guard words", f.outside, calls);
        report_fault(report, precision, "the same bytes again", f.repeat, calls);
        report_fault(report, precision, "finite", f.infinite, calls);
        report_fault(report, precision, "one alone = among others", f.alone, calls);
        report_fault(report, precision, "cut = whole", f.cut, calls);
    }
    return PE_OK;
}

static void report_claim(pe_conformance *report, const pe_claim_result *r)
{
    char name[PE_FINDING_NAME];
    snprintf(name, sizeof name, "claim: %s", pe_claim_name(r->claim));
    const pe_outcome outcome = r->verdict == PE_VERDICT_BROKEN ? PE_CHECK_FAILED
                               : r->verdict == PE_VERDICT_HELD ? PE_CHECK_PASSED
                                                               : PE_CHECK_SKIPPED;
    pe_report_add(report, outcome, name, "%s: %s", pe_claim_verdict_name(r->verdict), r->text);
}

static pe_status check_claims(const pe_trial *trial, pe_conformance *report, pe_error *err)
{
    pe_claim_result result[PE_CLAIM_COUNT];
    const pe_status status = pe_claims_verify(trial->instance->variant, &trial->instance->dims,
                                              NULL, 0, trial->seed, result, err);
    for (int i = 0; status == PE_OK && i < PE_CLAIM_COUNT; i++)
        report_claim(report, &result[i]);
    return status;
}

static pe_status check_trial(const pe_trial *trial, const pe_conformance_options *options,
                             pe_conformance *report, pe_error *err)
{
    const pe_dims *d = &trial->instance->dims;
    pe_report_add(report, PE_CHECK_PASSED, "shape",
                  "heads %d, head_dim %d, model_dim %d, axes %d, max_len %lld; %lld tokens%s",
                  d->heads, d->head_dim, d->model_dim, d->axes, (long long)d->max_len,
                  (long long)trial->tokens, trial->causal ? ", causal only" : "");
    pe_check_setup(trial->instance, report);
    const int failed_before = report->failed;
    pe_status status = check_hooks(trial, report, err);
    if (report->failed >
        failed_before) { /* a hook that scribbles or wavers makes all later numbers meaningless */
        pe_report_add(report, PE_CHECK_SKIPPED, "values, modes, claims",
                      "not asked while a hook fails by itself");
        return status;
    }
    if (status == PE_OK && !options->quick)
        status = pe_check_values(trial, report, err);
    if (status == PE_OK && !options->quick)
        status = pe_check_modes(trial, report, err);
    if (status == PE_OK && !options->quick)
        status = pe_check_gradients(trial, report, err);
    if (status == PE_OK)
        status = check_claims(trial, report, err);
    return status;
}

/* ---- shapes
 * ---------------------------------------------------------------------------------------- */

/* Odd and unequal first: values that can reveal a bug. The first that is accepted is used, once for
 * each number of axes. */
static const pe_dims shapes[] = {
    {.heads = 3, .head_dim = 7, .axes = 1, .layers = 2, .max_len = 37},
    {.heads = 3, .head_dim = 6, .axes = 1, .layers = 2, .max_len = 37},
    {.heads = 4, .head_dim = 8, .axes = 1, .layers = 2, .max_len = 37},
    {.heads = 2, .head_dim = 16, .axes = 1, .layers = 1, .max_len = 64},
    {.heads = 3, .head_dim = 7, .axes = 2, .layers = 2, .max_len = 35, .grid = {5, 7}},
    {.heads = 3, .head_dim = 4, .axes = 2, .layers = 2, .max_len = 35, .grid = {5, 7}},
    {.heads = 2, .head_dim = 8, .axes = 2, .layers = 1, .max_len = 36, .grid = {6, 6}},
    {.heads = 3, .head_dim = 7, .axes = 3, .layers = 2, .max_len = 60, .grid = {3, 4, 5}},
    {.heads = 3, .head_dim = 6, .axes = 3, .layers = 2, .max_len = 60, .grid = {3, 4, 5}},
    {.heads = 2, .head_dim = 12, .axes = 3, .layers = 1, .max_len = 60, .grid = {3, 4, 5}},
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static pe_status run_shapes(const pe_variant *variant, const pe_conformance_options *options,
                            pe_conformance *report, pe_error *err)
{
    int axes_done = 0; /* shapes are in order of axes */
    pe_error why = {.text = "no shape was tried"};
    for (int s = 0; s < SHAPES; s++) {
        pe_trial trial;
        if (shapes[s].axes <= axes_done)
            continue;
        pe_status status =
            pe_trial_begin(variant, &shapes[s], NULL, 0, options->seed, &trial, &why);
        if (status == PE_USAGE)
            continue;
        if (status == PE_PLUGIN) {
            pe_report_add(report, PE_CHECK_FAILED, "setup: inside the limits", "%s", why.text);
            return PE_OK;
        }
        if (status != PE_OK)
            return pe_fail(err, status, "%s", why.text);
        axes_done = shapes[s].axes;
        status = check_trial(&trial, options, report, err);
        pe_trial_end(&trial);
        if (status != PE_OK)
            return status;
    }
    if (axes_done == 0)
        pe_report_add(report, PE_CHECK_FAILED, "shape",
                      "default options accept none of %d shapes; the last: %.300s", (int)SHAPES,
                      why.text);
    return PE_OK;
}

pe_status pe_conformance_run(const pe_variant *variant, const pe_conformance_options *options,
                             pe_conformance *report, pe_error *err)
{
    surroundings before;
    memset(report, 0, sizeof *report);
    snprintf(report->id, sizeof report->id, "%s", variant->id ? variant->id : "");
    if (check_descriptor(variant, report)) {
        look_around(&before);
        const pe_status status = run_shapes(variant, options, report, err);
        check_surroundings(&before, report);
        if (status != PE_OK)
            return status;
    }
    for (int f = 0; f < report->count; f++)
        if (report->finding[f].outcome == PE_CHECK_FAILED)
            return pe_fail(err, PE_DIFFERS, "%s: %d checks failed; the first, %s: %s", report->id,
                           report->failed, report->finding[f].name, report->finding[f].text);
    return PE_OK;
}

/* ---- in a child
 * ------------------------------------------------------------------------------------ */

typedef struct errand {
    const pe_variant *variant;
    const pe_conformance_options *options;
} errand;

static pe_status run_errand(void *context, void *answer, pe_error *err)
{
    const errand *e = context;
    return pe_conformance_run(e->variant, e->options, answer, err);
}

pe_status pe_conformance_run_apart(const pe_variant *variant, const char *path,
                                   const pe_conformance_options *options, pe_conformance *report,
                                   pe_error *err)
{
    static const pe_limits quick = {.cpu_seconds = 20, .wall_seconds = 15};
    static const pe_limits whole = {.cpu_seconds = 240, .wall_seconds = 180};
    errand e = {variant, options};
    pe_error why;
    memset(report, 0, sizeof *report);
    const pe_status status = pe_sandbox_run(path, options->quick ? &quick : &whole, run_errand, &e,
                                            report, sizeof *report, &why);
    if (status == PE_DIFFERS)
        return pe_fail(err, PE_PLUGIN, "%s: %.900s", path, why.text);
    if (status != PE_OK)
        return pe_fail(err, status, "%s", why.text);
    return PE_OK;
}
