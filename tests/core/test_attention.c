#include "fixtures.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* The formula of attention.h for the odd variant, written down once more, plainly. */
typedef struct plain {
    double edge_beyond; /* factor on the offset beyond 3: clamp (1) or nothing (0) */
    bool clamps, together, no_sum, output, values, causal;
} plain;

static double offset_of(const plain *p, double n)
{
    if (fabs(n) <= 3)
        return n;
    return p->clamps ? (n < 0 ? -3 : 3) : (double)NAN;
}

static double raw_logit(const plain *p, const inputs *in, int b, int h, int64_t i, int64_t j)
{
    const double *q = in->q + ((b * H + h) * in->nq + i) * D;
    const double *k = in->k + ((b * H + h) * in->nk + j) * D;
    const double n = offset_of(p, (double)(i + in->nk - in->nq - j));
    double inside = 0;
    for (int d = 0; d < D; d++)
        inside += q[d] * k[d] + (isnan(n) ? 0 : q[d] * n * (1 + h / 4.0) + k[d] * 2 * n);
    return 0.25 * inside + (isnan(n) ? 0 : n / 8 + h);
}

static double plain_output(const plain *p, const inputs *in, int b, int h, int64_t i, int d)
{
    double sum = 0, out = 0, largest = -(double)INFINITY;
    const int64_t index = i + in->nk - in->nq;
    for (int pass = 0; pass < 2; pass++)
        for (int64_t j = 0; j < in->nk; j++) {
            if (p->causal && j > index)
                continue;
            double s = raw_logit(p, in, b, h, i, j);
            if (p->together)
                s += raw_logit(p, in, b, (h + 1) % H, i, j);
            if (pass == 0) {
                largest = fmax(largest, s);
                continue;
            }
            const double w = exp(p->no_sum ? s : s - largest);
            const double n = offset_of(p, (double)(index - j));
            sum += w;
            out +=
                w * (in->v[((b * H + h) * in->nk + j) * D + d] + (p->values && !isnan(n) ? n : 0));
        }
    out = p->no_sum ? out : out / sum;
    return p->output ? out * (1 + (double)index) : out;
}

static void expect_plain(const char *what, const pe_setting *settings, int count, const plain *p,
                         pe_method method)
{
    const int64_t sizes[][2] = {{1, 1}, {7, 7}, {4, 9}, {70, 135}};
    for (size_t size = 0; size < 4; size++) {
        pe_instance *instance = make_odd(settings, count);
        inputs in = make_inputs(sizes[size][0], sizes[size][1]);
        pe_job job = job_of(instance, &in);
        job.causal = p->causal;
        job.method = method;
        pe_attended result;
        pe_error err = {0};
        CU_ASSERT_EQUAL_FATAL(pe_run_attention(&job, &result, &err), PE_OK);
        double worst = 0, scale = 1;
        for (int b = 0; b < B; b++)
            for (int h = 0; h < H; h++)
                for (int64_t i = 0; i < in.nq; i++)
                    for (int d = 0; d < D; d++) {
                        const double want = plain_output(p, &in, b, h, i, d);
                        const double got = result.out.hi[((b * H + h) * in.nq + i) * D + d];
                        worst = fmax(worst, fabs(got - want));
                        scale = fmax(scale, fabs(want));
                    }
        PE_NEAR(what, worst, 0, 64 * DBL_EPSILON * scale);
        pe_attended_release(&result);
        release_inputs(&in);
        pe_instance_release(instance);
    }
}

static void both_ways_agree_with_the_formula_for_every_part_of_the_contract(void)
{
    const struct {
        const char *what;
        pe_setting setting;
        plain p;
    } cases[] = {
        {"edge repeats", {"edge", "repeat"}, {.clamps = true}},
        {"edge repeats, causal", {"edge", "repeat"}, {.clamps = true, .causal = true}},
        {"edge zero", {"edge", "zero"}, {.causal = true}},
        {"heads together", {"heads_together", "true"}, {.clamps = true, .together = true}},
        {"no softmax sum", {"no_softmax_sum", "true"}, {.clamps = true, .no_sum = true}},
        {"mapped output", {"map_output", "true"}, {.clamps = true, .output = true}},
        {"value rows", {"values", "true"}, {.clamps = true, .values = true, .causal = true}},
    };
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        expect_plain(cases[c].what, &cases[c].setting, 1, &cases[c].p, PE_REFERENCE);
        expect_plain(cases[c].what, &cases[c].setting, 1, &cases[c].p, PE_TILED);
    }
}

/* Keys and values (B, 1, nk, D) as every head would have them. */
static double *repeated(const double *x, int64_t nk)
{
    const size_t one = (size_t)(nk * D);
    double *out = pe_allocate(B * H * one, sizeof *out, "inputs", NULL);
    for (size_t bh = 0; bh < B * H; bh++)
        memcpy(out + bh * one, x + bh / H * one, one * sizeof *x);
    return out;
}

static void derive(int kv_heads, const inputs *in, pe_method method, pe_attended *out,
                   pe_gradients *g)
{
    const pe_setting settings[] = {{"heads_together", "true"}, {"content", "true"}};
    const pe_dims dims = {.heads = H, .kv_heads = kv_heads, .head_dim = D};
    pe_instance *instance = NULL;
    *pe_variant_odd.quad_math = &pe_host_quad_math;
    CU_ASSERT_EQUAL_FATAL(
        pe_instance_create(&pe_variant_odd, &dims, settings, 2, 7, &instance, NULL), PE_OK);
    pe_job job = job_of(instance, in);
    job.method = method;
    CU_ASSERT_EQUAL_FATAL(pe_run_attention(&job, out, NULL), PE_OK);
    CU_ASSERT_EQUAL_FATAL(pe_run_gradient(&job, in->q, g, NULL), PE_OK);
    pe_instance_release(instance);
}

static void heads_together_that_share_keys_are_as_with_keys_of_their_own(void)
{
    inputs in = make_inputs(6, 9), own = in;
    own.k = repeated(in.k, in.nk);
    own.v = repeated(in.v, in.nk);
    pe_attended want, got;
    pe_gradients dwant, dgot;
    const size_t one = (size_t)(in.nk * D);
    derive(H, &own, PE_REFERENCE, &want, &dwant);
    for (int method = 0; method < 2; method++) {
        derive(1, &in, method ? PE_TILED : PE_REFERENCE, &got, &dgot);
        expect_same_output("output", &want.out, &got.out, 256 * DBL_EPSILON);
        double worst = 0, scale = 1;
        for (size_t at = 0; at < B * one; at++) {
            double sum = 0;
            for (size_t h = 0; h < H; h++)
                sum += dwant.k.hi[(at / one * H + h) * one + at % one];
            worst = fmax(worst, fabs(sum - dgot.k.hi[at]));
            scale = fmax(scale, fabs(sum));
        }
        PE_NEAR("gradient by keys", worst, 0, 256 * DBL_EPSILON * scale);
        pe_attended_release(&got);
        pe_gradients_release(&dgot);
    }
    pe_attended_release(&want);
    pe_gradients_release(&dwant);
    pe_release(own.k);
    pe_release(own.v);
    release_inputs(&in);
}

static void an_undefined_offset_is_refused_with_the_pair(void)
{
    const pe_setting setting = {"edge", "undefined"};
    pe_instance *instance = make_odd(&setting, 1);
    inputs in = make_inputs(6, 6);
    pe_job job = job_of(instance, &in);
    job.causal = true;
    pe_attended result;
    pe_error err = {0};
    CU_ASSERT_EQUAL(pe_run_attention(&job, &result, &err), PE_USAGE);
    PE_CONTAINS(err.text, "query 4 and key 0 are 4 tokens apart, but rows exist only from -3 to 3");
    job.nq = job.nk = 4;
    CU_ASSERT_EQUAL(pe_run_attention(&job, &result, &err), PE_OK);
    pe_attended_release(&result);
    release_inputs(&in);
    pe_instance_release(instance);
}

/* Coordinates in quarters: rows are asked pair by pair, by both ways, and agree; at whole offsets
 * they are those of the table. */
static void rows_at_real_offsets_are_asked_pair_by_pair(void)
{
    const pe_setting settings[] = {{"real_offsets", "true"}, {"values", "true"}};
    pe_instance *instance = make_odd(settings, 2);
    inputs in = make_inputs(70, 135);
    pe_job job = job_of(instance, &in);
    pe_attended reference, tiled;
    CU_ASSERT_EQUAL_FATAL(pe_run_attention(&job, &reference, NULL), PE_OK);
    job.method = PE_TILED;
    CU_ASSERT_EQUAL_FATAL(pe_run_attention(&job, &tiled, NULL), PE_OK);
    expect_same_output("real offsets", &reference.out, &tiled.out, 64 * DBL_EPSILON * 4);
    pe_attended_release(&reference);
    pe_attended_release(&tiled);
    release_inputs(&in);
    pe_instance_release(instance);
}

static void a_map_that_makes_fractions_is_refused_where_rows_are_whole(void)
{
    const pe_setting real = {"real_offsets", "true"};
    pe_instance *map = make_odd(&real, 1), *instance = make_odd(NULL, 0);
    inputs in = make_inputs(7, 7);
    pe_job job = job_of(instance, &in);
    job.map = map;
    pe_attended result;
    pe_error err = {0};
    CU_ASSERT_EQUAL(pe_run_attention(&job, &result, &err), PE_USAGE);
    PE_CONTAINS(err.text, "rows at whole offsets only");
    release_inputs(&in);
    pe_instance_release(map);
    pe_instance_release(instance);
}

static void a_query_that_may_see_nothing_gets_zero(void)
{
    pe_instance *instance = make_odd(NULL, 0);
    inputs in = make_inputs(7, 7);
    const int64_t lengths[B] = {0, 4}, starts[B] = {0, 2};
    pe_job job = job_of(instance, &in);
    job.key_lengths = lengths;
    job.key_starts = starts;
    job.causal = true;
    for (int method = 0; method < 2; method++) {
        job.method = (pe_method)method;
        job.want_weights = method == PE_REFERENCE;
        pe_attended result;
        CU_ASSERT_EQUAL_FATAL(pe_run_attention(&job, &result, NULL), PE_OK);
        for (int h = 0; h < H; h++)
            for (int64_t i = 0; i < 7; i++)
                for (int d = 0; d < D; d++) {
                    CU_ASSERT_EQUAL(result.out.hi[(h * 7 + i) * D + d], 0);
                    const double second = result.out.hi[((H + h) * 7 + i) * D + d];
                    CU_ASSERT_EQUAL(second == 0, i < 2);
                    if (i == 2 && method == PE_REFERENCE)
                        PE_NEAR("the only key", second, in.v[((H + h) * 7 + 2) * D + d], 0);
                }
        pe_attended_release(&result);
    }
    release_inputs(&in);
    pe_instance_release(instance);
}

static void nan_reaches_exactly_those_who_see_it(void)
{
    pe_instance *instance = make_odd(NULL, 0);
    for (int method = 0; method < 2; method++)
        for (int where = 0; where < 3; where++) {
            inputs in = make_inputs(150, 150);
            double *const array[] = {in.q, in.k, in.v};
            array[where][140 * D + 1] = (double)NAN; /* batch 0, head 0, token 140 */
            pe_job job = job_of(instance, &in);
            job.causal = true;
            job.method = (pe_method)method;
            pe_attended result;
            CU_ASSERT_EQUAL_FATAL(pe_run_attention(&job, &result, NULL), PE_OK);
            for (int64_t i = 0; i < 150; i++) {
                const bool touched = where == 0 ? i == 140 : i >= 140;
                CU_ASSERT_EQUAL(isnan(result.out.hi[i * D + 1]) != 0, touched);
            }
            CU_ASSERT_FALSE(isnan(result.out.hi[150 * D]));
            pe_attended_release(&result);
            release_inputs(&in);
        }
    pe_instance_release(instance);
}

static void the_terms_add_up_to_the_logits(void)
{
    pe_instance *instance = make_odd(NULL, 0);
    inputs in = make_inputs(4, 9);
    pe_job job = job_of(instance, &in);
    job.want_terms = job.want_logits = true;
    pe_attended r;
    CU_ASSERT_EQUAL_FATAL(pe_run_attention(&job, &r, NULL), PE_OK);
    CU_ASSERT_EQUAL(r.term[PE_TERM_PAIR].count, 0);
    double worst = 0;
    for (size_t at = 0; at < r.logits.count; at++) {
        double sum = 0.25 * (r.term[PE_TERM_CONTENT].hi[at] + r.term[PE_TERM_QUERY_ROWS].hi[at] +
                             r.term[PE_TERM_KEY_ROWS].hi[at]) +
                     r.term[PE_TERM_BIAS].hi[at] + r.term[PE_TERM_LOGITS].hi[at];
        worst = fmax(worst, fabs(sum - r.logits.hi[at]));
    }
    PE_NEAR("sum of terms", worst, 0, 64 * DBL_EPSILON);
    pe_attended_release(&r);
    release_inputs(&in);
    pe_instance_release(instance);
}

static void storage_rounding_happens_at_its_place_and_only_there(void)
{
    pe_instance *instance = make_odd(NULL, 0);
    inputs in = make_inputs(4, 9);
    pe_job job = job_of(instance, &in);
    job.want_logits = job.want_weights = job.want_mapped = true;
    pe_attended plain_run, rounded;
    CU_ASSERT_EQUAL_FATAL(pe_run_attention(&job, &plain_run, NULL), PE_OK);
    pe_instance_set_format(instance, PE_AT_LOGITS, PE_FP16, NULL);
    CU_ASSERT_EQUAL_FATAL(pe_run_attention(&job, &rounded, NULL), PE_OK);
    CU_ASSERT_EQUAL(memcmp(rounded.mapped_q.hi, in.q, rounded.mapped_q.count * sizeof(double)), 0);
    bool changed = false;
    for (size_t at = 0; at < rounded.logits.count; at++) {
        const double exact = plain_run.logits.hi[at], got = rounded.logits.hi[at];
        PE_NEAR("logit in fp16", got, exact, ldexp(1, -11) * fmax(fabs(exact), 1));
        changed = changed || got != exact;
    }
    CU_ASSERT_TRUE(changed);
    pe_instance_set_format(instance, PE_AT_LOGITS, PE_UNROUNDED, NULL);
    pe_attended again;
    CU_ASSERT_EQUAL_FATAL(pe_run_attention(&job, &again, NULL), PE_OK);
    expect_same_output("rounding switched off", &again.out, &plain_run.out, 0);
    pe_attended_release(&plain_run);
    pe_attended_release(&rounded);
    pe_attended_release(&again);
    release_inputs(&in);
    pe_instance_release(instance);
}

static void every_failed_allocation_is_reported_and_leaks_nothing(void)
{
    inputs in = make_inputs(9, 9);
    const pe_dims dims = {.heads = H, .head_dim = D};
    const long before = pe_live_blocks();
    pe_status status = PE_MEMORY;
    for (long allow = 0; status == PE_MEMORY && allow < 100; allow++)
        for (int method = 0; method < 2; method++) {
            pe_fail_allocations_after(allow);
            pe_instance *instance = NULL;
            pe_attended result = {0};
            pe_error err = {0};
            status = pe_instance_create(&pe_variant_odd, &dims, NULL, 0, 7, &instance, &err);
            if (status == PE_OK) {
                pe_job job = job_of(instance, &in);
                job.method = (pe_method)method;
                job.want_mapped = true;
                status = pe_run_attention(&job, &result, &err);
            }
            CU_ASSERT_TRUE(status == PE_OK || (status == PE_MEMORY && err.text[0]));
            pe_attended_release(&result);
            pe_instance_release(instance);
            pe_fail_allocations_after(-1);
            CU_ASSERT_EQUAL(pe_live_blocks(), before);
        }
    CU_ASSERT_EQUAL(status, PE_OK);
    release_inputs(&in);
}

PE_TEST_MAIN("core: attention",
             PE_TEST(both_ways_agree_with_the_formula_for_every_part_of_the_contract),
             PE_TEST(heads_together_that_share_keys_are_as_with_keys_of_their_own),
             PE_TEST(an_undefined_offset_is_refused_with_the_pair),
             PE_TEST(rows_at_real_offsets_are_asked_pair_by_pair),
             PE_TEST(a_map_that_makes_fractions_is_refused_where_rows_are_whole),
             PE_TEST(a_query_that_may_see_nothing_gets_zero),
             PE_TEST(nan_reaches_exactly_those_who_see_it), PE_TEST(the_terms_add_up_to_the_logits),
             PE_TEST(storage_rounding_happens_at_its_place_and_only_there),
             PE_TEST(every_failed_allocation_is_reported_and_leaks_nothing))
