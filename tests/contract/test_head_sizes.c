/* Every variant, every kind of kernels, heads of every width that has a path of its own: the tiled
 * way against the reference. Nothing here knows a name. */
#include "base/memory.h"
#include "conformance/gradients.h"
#include "conformance/trial.h"
#include "kernels/kernels.h"
#include "registry/registry.h"
#include "testing.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* L is beyond a tile of keys (128) and one more than two blocks of queries (64). */
enum { SEED = 6, HEADS = 2, L = 129 };

/* Below, at and beyond the width of vectors (8, 16) and panels (32), and those in use. */
#if defined(__SANITIZE_ADDRESS__)
static const int widths[] = {8, 15, 16, 65, 80}; /* ten times slower; reads beyond show in these */
#else
static const int widths[] = {1, 8, 15, 16, 24, 33, 64, 65, 80, 96, 128};
#endif
enum { WIDTHS = sizeof widths / sizeof widths[0] };

typedef struct mask {
    const char *name;
    bool causal, padded;
} mask;

static const mask masks[] = {
    {"causal", true, false}, {"bidirectional", false, false}, {"causal, padded", true, true}};
enum { MASKS = sizeof masks / sizeof masks[0] };

/* A trial of L tokens: all of its own content and places are of 23. */
typedef struct subject {
    pe_trial trial;
    pe_trial_content content;
    int64_t index[L];
    double coord[L];
} subject;

static bool begin(const pe_variant *variant, int width, subject *s)
{
    const pe_dims dims = {.heads = HEADS, .head_dim = width, .max_len = L};
    pe_error err = {0};
    if (pe_trial_begin(variant, &dims, NULL, 0, SEED, &s->trial, &err) != PE_OK) {
        CU_ASSERT_EQUAL(err.status, PE_USAGE); /* some want even heads */
        return false;
    }
    for (int64_t t = 0; t < L; t++)
        s->index[t] = t;
    CU_ASSERT_EQUAL_FATAL(pe_content_draw(&s->trial, L, 0, &s->content, &err), PE_OK);
    CU_ASSERT_EQUAL_FATAL(pe_trial_places(&s->trial, L, s->index, 0, s->coord, &err), PE_OK);
    return true;
}

static void end(subject *s)
{
    pe_trial_content_release(&s->content);
    pe_trial_end(&s->trial);
}

static pe_job job_of(const subject *s, const mask *m, pe_precision precision, pe_method method)
{
    static const int64_t start[] = {3}, length[] = {L - 2};
    pe_job job = pe_trial_job(&s->trial, precision, method);
    job.nq = job.nk = L;
    job.q_index = job.k_index = s->index;
    job.q_coord = job.k_coord = s->coord;
    job.causal = m->causal;
    if (m->padded) {
        job.key_starts = start;
        job.key_lengths = length;
    }
    job.q = s->content.q;
    job.k = s->content.k;
    job.v = s->content.v;
    job.x = s->content.x;
    return job;
}

/* Largest Euclidean length of `count` rows of D numbers. */
static double longest(const double *x, size_t count, size_t D)
{
    double found = 0;
    for (size_t r = 0; r < count; r++) {
        double sum = 0;
        for (size_t d = 0; d < D; d++)
            sum += x[r * D + d] * x[r * D + d];
        found = fmax(found, sqrt(sum));
    }
    return found;
}

/* Both ways read the same rows and biases and add the same numbers in another order. A logit is a
 * few sums of D products, of sizes below that of q k: off by (D + 4) eps times their size, and
 * where it counts over the keys, by L more. A weight is off by twice that, an output, a mean of
 * values, by the L + 16 roundings of the sum of weights besides. */
static double bound_of(const subject *s, const pe_attended *reference, double eps)
{
    const pe_setup *info = &s->trial.instance->info;
    const size_t D = (size_t)s->trial.instance->dims.head_dim, rows = HEADS * L;
    const double product =
        longest(s->content.q, rows, D) * longest(s->content.k, rows, D) * fabs(info->scale);
    const double size = 3 * product + pe_largest(reference->logits.hi, reference->logits.count);
    const double value =
        pe_largest(s->content.v, rows * D) + pe_largest(reference->out.hi, reference->out.count);
    return (2 * (double)(D + 4 + L) * size + L + 16) * eps * value;
}

static void compare(const subject *s, const mask *m, pe_precision precision,
                    const pe_attended *reference)
{
    pe_attended tiled;
    pe_error err = {0};
    const pe_job job = job_of(s, m, precision, PE_TILED);
    CU_ASSERT_EQUAL_FATAL(pe_run_attention(&job, &tiled, &err), PE_OK);
    char what[120];
    snprintf(what, sizeof what, "%s, heads of %d, %s, by %s", s->trial.instance->variant->id,
             s->trial.instance->dims.head_dim, m->name, pe_kernels_now()->name);
    double worst = 0;
    for (size_t i = 0; i < reference->out.count; i++)
        worst = fmax(worst, fabs(tiled.out.hi[i] - reference->out.hi[i]));
    const double eps = precision == PE_FLOAT ? (double)FLT_EPSILON : DBL_EPSILON;
    CU_ASSERT(reference->out.count > 0);
    PE_NEAR(what, worst, 0, bound_of(s, reference, eps));
    pe_attended_release(&tiled);
}

static void by_each_kind(const subject *s, const mask *m, const pe_attended *reference)
{
    const char *fastest = pe_kernels_now()->name;
    for (size_t k = 0; pe_kernels_name(k); k++) {
        CU_ASSERT_TRUE(pe_kernels_use(pe_kernels_name(k)));
        compare(s, m, PE_FLOAT, reference);
    }
    pe_kernels_use(fastest);
}

/* Kernels are of float. */
static void outputs(const subject *s)
{
    for (int m = 0; m < MASKS; m++)
        for (int precision = PE_FLOAT; precision <= PE_DOUBLE; precision++) {
            if (!masks[m].causal && s->trial.causal)
                continue;
            pe_attended reference;
            pe_job job = job_of(s, &masks[m], (pe_precision)precision, PE_REFERENCE);
            job.want_logits = true;
            CU_ASSERT_EQUAL_FATAL(pe_run_attention(&job, &reference, NULL), PE_OK);
            if (precision == PE_FLOAT)
                by_each_kind(s, &masks[m], &reference);
            else
                compare(s, &masks[m], PE_DOUBLE, &reference);
            pe_attended_release(&reference);
        }
}

/* Calls `check` for each variant and each width that it takes; most of them it must. */
static void each_width(void (*check)(const subject *s))
{
    pe_registry_start();
    CU_ASSERT_FATAL(pe_registry_count() > 0);
    for (size_t v = 0; v < pe_registry_count(); v++) {
        int taken = 0;
        for (int w = 0; w < WIDTHS; w++) {
            subject s = {0};
            if (!begin(pe_registry_at(v), widths[w], &s))
                continue;
            check(&s);
            end(&s);
            taken++;
        }
        CU_ASSERT(taken > WIDTHS / 2);
    }
}

static void outputs_agree_with_the_reference_at_every_head_size(void)
{
    each_width(outputs);
}

/* In float and double by both ways; the reference's own are judged by differences elsewhere. */
static void compare_gradients(const subject *s)
{
    const pe_gradient_case k = {
        .batch = 1, .nq = 65, .nk = L, .causal = true, .no_differences = true};
    pe_gradient_result r;
    pe_error err = {0};
    CU_ASSERT_EQUAL_FATAL(pe_gradient_measure(&s->trial, &k, &r, &err), PE_OK);
    const double most = pe_gradient_bound(&s->trial, k.nk);
    if (!(r.tiled <= most && r.in_float <= most))
        printf("\n    %s, heads of %d, by %s: %s differs by %.3g eps, %s in float by %.3g, of %.3g",
               s->trial.instance->variant->id, s->trial.instance->dims.head_dim,
               pe_kernels_now()->name, r.tiled_block, r.tiled, r.float_block, r.in_float, most);
    CU_ASSERT(r.blocks >= 3);
    CU_ASSERT(r.tiled <= most);
    CU_ASSERT(r.in_float <= most);
}

/* Up to 16 columns the other kinds have copies of their own; wider heads only repeat them, slowly.
 */
static void gradients(const subject *s)
{
    const char *fastest = pe_kernels_now()->name;
    for (size_t k = 0; pe_kernels_name(k); k++) {
        if (k > 0 && s->trial.instance->dims.head_dim > 16)
            continue;
        CU_ASSERT_TRUE(pe_kernels_use(pe_kernels_name(k)));
        compare_gradients(s);
    }
    pe_kernels_use(fastest);
}

static void gradients_agree_with_the_reference_at_every_head_size(void)
{
    each_width(gradients);
}

PE_TEST_MAIN("contract: head sizes", PE_TEST(outputs_agree_with_the_reference_at_every_head_size),
             PE_TEST(gradients_agree_with_the_reference_at_every_head_size))
