/* One layer without content: where the bias is linear in distance, gradients must give the exact
 * horizon ceil(ln 100 / slope) (METRICS 1.6). Linearity is measured, not asked for by name. */
#include "effective_context.h"

#include "analysis/context.h"
#include "base/memory.h"
#include "core/gradient.h"

#include <math.h>
#include <stdio.h>

enum { HEADS = 8, HEAD_DIM = 4, LENGTH = 4096, QUICK_LENGTH = 512 };

/* The last query over n keys, everything that is content 0. */
typedef struct last_query {
    int64_t n;
    int64_t *index;
    double *coord, *q, *k, *v, *out, *logits, *dout, *dv, *norm, *share;
} last_query;

static void release_query(last_query *l)
{
    pe_release(l->index);
    pe_release(l->coord);
    *l = (last_query){0};
}

static pe_status make_query(last_query *l, int64_t n, pe_error *err)
{
    const size_t keys = (size_t)n * HEADS * HEAD_DIM, one = HEADS * HEAD_DIM, N = (size_t)n;
    *l = (last_query){.n = n};
    l->index = pe_allocate(N, sizeof *l->index, "indices", err);
    l->coord =
        pe_allocate(3 * N + 3 * keys + 3 * one + N * HEADS, sizeof *l->coord, "a query", err);
    if (!l->index || !l->coord)
        return PE_MEMORY;
    l->norm = l->coord + N, l->share = l->norm + N;
    l->k = l->share + N, l->v = l->k + keys, l->dv = l->v + keys;
    l->q = l->dv + keys, l->out = l->q + one, l->dout = l->out + one;
    l->logits = l->dout + one;
    for (int64_t i = 0; i < n; i++) {
        l->index[i] = i;
        l->coord[i] = (double)i;
    }
    for (size_t i = 0; i < one; i++)
        l->dout[i] = 1;
    return PE_OK;
}

static pe_status attend_and_pull(pe_instance *instance, last_query *l, pe_error *err)
{
    const pe_attention_f64 a = {.instance = instance,
                                .batch = 1,
                                .nq = 1,
                                .nk = l->n,
                                .q_index = l->index + l->n - 1,
                                .k_index = l->index,
                                .q_coord = l->coord + l->n - 1,
                                .k_coord = l->coord,
                                .causal = true,
                                .q = l->q,
                                .k = l->k,
                                .v = l->v,
                                .out = l->out,
                                .logits = l->logits};
    const pe_attention_gradient_f64 g = {.dout = l->dout, .dv = l->dv};
    for (size_t i = 0; i < (size_t)l->n * HEADS * HEAD_DIM; i++)
        l->dv[i] = 0;
    pe_status status = pe_instance_prepare(instance, l->n, err);
    if (status == PE_OK)
        status = pe_attend_reference_f64(&a, err);
    return status == PE_OK ? pe_attend_reference_gradient_f64(&a, &g, err) : status;
}

/* The slope when the logits of a head fall in a straight line with distance, else NaN. */
static double slope_of(const last_query *l, int head)
{
    const double *s = l->logits + head * l->n;
    const double m = (s[l->n - 1] - s[0]) / (double)(l->n - 1);
    double worst = 0;
    for (int64_t r = 0; r < l->n; r++)
        worst = fmax(worst, fabs(s[l->n - 1 - r] - s[l->n - 1] + m * (double)r));
    return m > 0 && worst <= 1e-9 * m * (double)l->n ? m : (double)NAN;
}

static void take_norms(last_query *l, int head)
{
    for (int64_t j = 0; j < l->n; j++) {
        double squares = 0;
        for (int c = 0; c < HEAD_DIM; c++) {
            const double x = l->dv[(head * l->n + j) * HEAD_DIM + c];
            squares += x * x;
        }
        l->norm[j] = sqrt(squares);
    }
}

/* Smallest w with (1 - e^(-m w)) / (1 - e^(-m n)) > threshold: a geometric series. */
static double exact_horizon(double m, int64_t n)
{
    const double whole = -expm1(-m * (double)n);
    return fmin(ceil(-log1p(-CONTEXT_THRESHOLD * whole) / m), (double)n);
}

typedef struct view {
    pe_section *section;
    pe_sheet *sheet;
    pe_figure *figure;
    int linear, heads, right;
} view;

static pe_status show_head(view *v, const pe_subject *subject, last_query *l, int head, double m,
                           pe_error *err)
{
    size_t window;
    char text[96];
    take_norms(l, head);
    pe_status status =
        pe_effective_context(l->norm, (size_t)l->n, CONTEXT_THRESHOLD, l->share, &window, err);
    if (status != PE_OK)
        return status;
    const double exact = exact_horizon(m, l->n);
    pe_sheet_text(v->sheet, subject->title);
    const double row[] = {head, m, (double)window, exact, ceil(log(100) / m)};
    for (int c = 0; c < 5; c++)
        pe_sheet_number(v->sheet, row[c]);
    snprintf(text, sizeof text, "effective context by gradients, head %d, slope %.6g", head, m);
    v->heads++;
    v->right += pe_expect(v->section, "4.5", subject->name, text, (double)window, exact, 0,
                          "closed form: ceil(ln 100 / slope), METRICS 1.6, cut at the length") ==
                PE_VERDICT_PASS;
    for (int64_t j = 0; j < l->n; j++)
        l->norm[j] = (double)j + 1;
    snprintf(text, sizeof text, "slope %.4g", m);
    pe_figure_add_series(
        v->figure,
        &(pe_series){
            .name = text, .slot = (size_t)head, .n = (size_t)l->n, .x = l->norm, .y = l->share});
    return PE_OK;
}

static pe_status one_subject(pe_lab *lab, view *v, const pe_subject *subject, last_query *l,
                             pe_error *err)
{
    const pe_dims dims = {.heads = HEADS, .head_dim = HEAD_DIM, .max_len = l->n};
    pe_instance *instance = NULL;
    pe_status status = pe_lab_instance(lab, subject, &dims, lab->size.seed, &instance, err);
    if (status == PE_OK)
        status = attend_and_pull(instance, l, err);
    bool linear = status == PE_OK;
    for (int h = 0; linear && h < HEADS; h++)
        linear = isfinite(slope_of(l, h));
    if (status == PE_OK && !linear)
        pe_section_not_applicable(v->section, subject->name,
                                  "its bias is not a straight line in distance");
    if (linear) {
        v->linear++;
        pe_figure_panel(v->figure, subject->title);
    }
    for (int h = 0; status == PE_OK && linear && h < HEADS; h++)
        status = show_head(v, subject, l, h, slope_of(l, h), err);
    pe_instance_release(instance);
    return status;
}

static pe_status each_subject(pe_lab *lab, view *v, last_query *l, pe_error *err)
{
    for (int i = 0; i < lab->subject_count; i++) {
        const pe_subject *subject = &lab->subjects[i];
        pe_error own = {0};
        if (!subject->instance || !(pe_lab_capabilities(subject->instance) & PE_CAN_BIAS))
            continue;
        pe_status status = one_subject(lab, v, subject, l, &own);
        if (pe_lab_declined(status))
            pe_section_not_applicable(v->section, subject->name, own.text);
        else if (status != PE_OK)
            return pe_fail(err, status, "%s", own.text);
        status = pe_lab_step(lab, "effective context: horizons", 0.02, err);
        if (status != PE_OK)
            return status;
    }
    return PE_OK;
}

static void finish(view *v, const last_query *l)
{
    pe_figure_x(v->figure, "most recent tokens w", PE_LOG2);
    pe_figure_y(v->figure, "share of the gradient", PE_LINEAR);
    pe_figure_y_range(v->figure, 0, 1.02);
    pe_figure_mark_y(v->figure, CONTEXT_THRESHOLD, NULL);
    pe_figure_describe(v->figure,
                       "Curves: share of the gradient of the last output that the most recent w "
                       "tokens have, one curve for each head.",
                       "One layer, no content, gradients by the values. The line is 0.99.");
    pe_section_figure(v->section, v->figure);
    pe_say(v->section,
           "Biases by distance that fall in a straight line: %d. For all their heads the softmax "
           "is a geometric series, and the window that holds 99 %% of the gradient "
           "over %lld tokens has a closed form. %d of %d heads agree exactly.",
           v->linear, (long long)l->n, v->right, v->heads);
}

pe_status context_horizons(pe_lab *lab, pe_result *result, context_found *found, pe_error *err)
{
    static const pe_sheet_column columns[] = {
        {"variant", NULL, 1, 0},         {"head", NULL, 0, 2},
        {"slope", "1/token", 0, 6},      {"by gradients", "tokens", 0, 5},
        {"closed form", "tokens", 0, 5}, {"ceil(ln 100 / slope)", "tokens", 0, 5}};
    view v = {.section = pe_result_section(result, "Exact horizons of a content-free layer")};
    pe_section_formula(v.section,
                       "s_m = \\left|\\frac{\\partial\\, o_n}{\\partial x_m}\\right| / \\sum_l "
                       "\\left|\\frac{\\partial\\, o_n}{\\partial x_l}\\right|,\\quad "
                       "\\mathrm{ERF} = \\min\\{w : s_n + \\dots + s_{n-w+1} > 0.99\\}",
                       "$o_n$ the last output, $x_m$ the row of token $m$. Chi et al. 2023.");
    v.sheet = pe_section_table(v.section, "horizon_of_heads",
                               "Biases that are linear in distance, by head", 6, columns);
    v.figure = pe_figure_titled(PE_CURVES, "horizons", err,
                                "Each halving of the slope doubles the horizon: gradients against "
                                "the closed form");
    last_query l;
    pe_status status = make_query(&l, lab->size.quick ? QUICK_LENGTH : LENGTH, err);
    if (status == PE_OK)
        status = each_subject(lab, &v, &l, err);
    if (status == PE_OK && v.linear > 0)
        finish(&v, &l);
    else
        pe_figure_release(v.figure);
    if (status == PE_OK && v.linear == 0)
        pe_section_not_applicable(v.section, NULL,
                                  "no variant of this run has a bias that is linear in distance");
    found->heads = v.heads;
    found->exact = v.right;
    release_query(&l);
    return status;
}
