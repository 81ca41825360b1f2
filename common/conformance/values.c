/* What comes out: finite, repeatable, honest about NaN, and the same in three precisions. */
#include "base/memory.h"
#include "conformance/report.h"

#include <string.h>

static const pe_method methods[] = {PE_REFERENCE, PE_TILED};

static const char *method_name(pe_method method)
{
    return method == PE_TILED ? "tiled" : "reference";
}

/* ---- the same bytes again -------------------------------------------------------------------- */

static pe_status run_twice(const pe_trial *trial, pe_precision precision, pe_method method,
                           char *text, size_t size, pe_error *err)
{
    const pe_job job = pe_trial_job(trial, precision, method);
    pe_attended a = {0}, b = {0};
    pe_status status = pe_run_attention(&job, &a, err);
    if (status == PE_OK)
        status = pe_run_attention(&job, &b, err);
    for (size_t i = 0; status == PE_OK && i < a.out.count && !text[0]; i++) {
        if (!isfinite(a.out.hi[i]))
            snprintf(text, size, "%s, %s: output %zu is %g", pe_precision_name(precision),
                     method_name(method), i, a.out.hi[i]);
        else if (memcmp(&a.out.hi[i], &b.out.hi[i], sizeof(double)) != 0 ||
                 memcmp(&a.out.lo[i], &b.out.lo[i], sizeof(double)) != 0)
            snprintf(text, size, "%s, %s: output %zu was %.17g and is %.17g in the same call again",
                     pe_precision_name(precision), method_name(method), i, a.out.hi[i],
                     b.out.hi[i]);
    }
    pe_attended_release(&a);
    pe_attended_release(&b);
    return status;
}

static pe_status same_again(const pe_trial *trial, char *text, size_t size, pe_error *err)
{
    pe_status status = PE_OK;
    for (int p = 0; p < PE_PRECISION_COUNT && status == PE_OK; p++)
        for (int m = 0; m < 2 && status == PE_OK; m++)
            if (p != PE_QUADRUPLE || trial->instance->has_quad)
                status = run_twice(trial, (pe_precision)p, methods[m], text, size, err);
    return status;
}

/* ---- NaN ------------------------------------------------------------------------------------- */

/* Spoil number `column` of token `token`, head 0, of one input (0 q, 1 k, 2 v), and demand NaN in
 * every output that reads it. */
static pe_status spoil(const pe_trial *trial, pe_method method, int input, int64_t token,
                       char *text, size_t size, pe_error *err)
{
    static const char *const inputs[] = {"q", "k", "v"};
    const int64_t T = trial->tokens, D = trial->instance->dims.head_dim;
    pe_trial_content c;
    pe_status status = pe_content_draw(trial, T, 0, &c, err);
    if (status != PE_OK)
        return status;
    (input == 0 ? c.q : input == 1 ? c.k : c.v)[token * D] = (double)NAN;
    pe_job job = pe_trial_job(trial, PE_DOUBLE, method);
    job.causal = true;
    job.q = c.q;
    job.k = c.k;
    job.v = c.v;
    pe_attended a = {0};
    status = pe_run_attention(&job, &a, err);
    const int64_t last = input == 0 ? token : T - 1; /* keys are read by all later queries */
    for (int64_t i = token; status == PE_OK && i <= last && !text[0]; i++)
        for (int64_t column = 0; column < (input == 2 ? 1 : D); column++)
            if (!isnan(a.out.hi[i * D + column]) && !text[0])
                snprintf(text, size,
                         "%s: %s of token %lld is NaN, but output %lld of query %lld is %g",
                         method_name(method), inputs[input], (long long)token, (long long)column,
                         (long long)i, a.out.hi[i * D + column]);
    pe_attended_release(&a);
    pe_trial_content_release(&c);
    return status;
}

static pe_status nan_stays(const pe_trial *trial, char *text, size_t size, pe_error *err)
{
    pe_status status = PE_OK;
    for (int m = 0; m < 2; m++)
        for (int input = 0; input < 3 && status == PE_OK; input++)
            status = spoil(trial, methods[m], input, trial->tokens / 2, text, size, err);
    return status;
}

/* ---- three precisions ------------------------------------------------------------------------ */

static void compare_wide(const char *what, pe_precision precision, const pe_wide *x,
                         const pe_wide *reference, double bound, char *text, size_t size)
{
    for (size_t i = 0; i < x->count && !text[0]; i++) {
        const double apart = pe_wide_difference(x, reference, i);
        if (!(fabs(apart) <= bound))
            snprintf(text, size, "%s %zu is %.17g in %s and %.17g in quad (rounding explains %.3g)",
                     what, i, x->hi[i], pe_precision_name(precision), reference->hi[i], bound);
    }
}

static pe_status run_logits(const pe_trial *trial, pe_precision precision, pe_attended *a,
                            pe_error *err)
{
    pe_job job = pe_trial_job(trial, precision, PE_REFERENCE);
    job.want_logits = true;
    return pe_run_attention(&job, a, err);
}

static pe_status codes_agree(const pe_trial *trial, pe_precision precision, char *text, size_t size,
                             pe_error *err)
{
    if (trial->instance->info.embed_width == 0)
        return PE_OK;
    pe_wide x = {0}, quad = {0};
    pe_status status =
        pe_instance_codes(trial->instance, precision, trial->tokens, trial->coord, &x, err);
    if (status == PE_OK)
        status = pe_instance_codes(trial->instance, trial->judge, trial->tokens, trial->coord,
                                   &quad, err);
    if (status == PE_OK) {
        const double reach =
            pe_largest(trial->coord, (size_t)(trial->tokens * trial->instance->dims.axes));
        const double bound = pe_rounding_bound(pe_epsilon_of(trial, precision), reach,
                                               pe_largest(quad.hi, quad.count));
        compare_wide("code entry", precision, &x, &quad, bound, text, size);
    }
    pe_wide_release(&x);
    pe_wide_release(&quad);
    return status;
}

static pe_status precision_agrees(const pe_trial *trial, pe_precision precision, char *text,
                                  size_t size, pe_error *err)
{
    double bound = 0;
    pe_attended a = {0}, quad = {0};
    pe_status status = pe_output_bound(trial, precision, &bound, err);
    if (status == PE_OK)
        status = run_logits(trial, precision, &a, err);
    if (status == PE_OK)
        status = run_logits(trial, trial->judge, &quad, err);
    if (status == PE_OK) {
        compare_wide("logit", precision, &a.logits, &quad.logits, bound, text, size);
        compare_wide("output", precision, &a.out, &quad.out, bound, text, size);
    }
    pe_attended_release(&a);
    pe_attended_release(&quad);
    if (status == PE_OK)
        status = codes_agree(trial, precision, text, size, err);
    return status;
}

static pe_status precisions_agree(const pe_trial *trial, char *text, size_t size, pe_error *err)
{
    pe_status status = precision_agrees(trial, PE_DOUBLE, text, size, err);
    if (status == PE_OK)
        status = precision_agrees(trial, PE_FLOAT, text, size, err);
    return status;
}

/* ---- all ---------------------------------------------------------------------------------------
 */

pe_status pe_check_values(const pe_trial *trial, pe_conformance *report, pe_error *err)
{
    static const struct {
        const char *name, *meaning;
        pe_status (*ask)(const pe_trial *trial, char *text, size_t size, pe_error *err);
    } checks[] = {{"values: finite, the same bytes again", "reference and tiled, every precision",
                   same_again},
                  {"values: NaN in, NaN out", "q, k and v, reference and tiled", nan_stays},
                  {"values: three precisions agree",
                   "codes, logits and outputs of f32 and f64 against quad", precisions_agree}};
    for (size_t c = 0; c < sizeof checks / sizeof checks[0]; c++) {
        char text[PE_FINDING_TEXT] = "";
        pe_error why;
        const pe_status status = checks[c].ask(trial, text, sizeof text, &why);
        if (status == PE_MEMORY)
            return pe_fail(err, status, "%s", why.text);
        if (status != PE_OK)
            snprintf(text, sizeof text, "refused: %.300s", why.text);
        pe_report_add(report, text[0] ? PE_CHECK_FAILED : PE_CHECK_PASSED, checks[c].name, "%s",
                      text[0] ? text : checks[c].meaning);
    }
    return PE_OK;
}
