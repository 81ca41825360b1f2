/* Shaw's rows against the golden cases and the paper's definition, in three precisions. */
#include "calls.h"

#ifdef PE_FIRST
extern const pe_variant pe_variant_shaw;

static const char *const cases[] = {
    "shaw_L13_k3_h4_b3",
    "shaw_L13_k3_h4_b3_causal",
    "shaw_L1_k2_h1_b1",
    "shaw_L5_k9_h1_b1_d7",
    "shaw_L6_k0_h2",
    "shaw_cached_q2_kv9_k3_causal",
    "shaw_keys_only_L8_k4_h4",
    "shaw_padded_b3_L7_k2",
    "shaw_values_only_L8_k4_h1",
};

static lab with_options(pe_dims dims, double clip, bool keys, bool values, bool per_head)
{
    lab l = lab_make(&pe_variant_shaw, dims);
    lab_set(&l, "clip", clip);
    lab_set(&l, "relative_keys", keys);
    lab_set(&l, "relative_values", values);
    lab_set(&l, "per_head", per_head);
    return l;
}

static lab of_case(const char *name)
{
    lab l = with_options((pe_dims){.heads = (int)lab_case(name, "heads", 0),
                                   .head_dim = (int)lab_case(name, "head_dim", 0)},
                         lab_case(name, "clip", -1), lab_case(name, "relative_keys", -1) > 0,
                         lab_case(name, "relative_values", -1) > 0, false);
    return l;
}

/* Give the variant the tables of the case; each must have the shape that setup declares. */
static void load_tables(lab *l, const char *name)
{
    for (int p = 0; p < l->info.param_count; p++) {
        const pe_param *param = &l->info.param[p];
        size_t count = 0;
        double *x = lab_npy(name, param->name, &count);
        CU_ASSERT_EQUAL(count, (size_t)(param->shape[0] * param->shape[1]));
        if (x)
            l->param[p] = x;
    }
}

typedef struct golden_case {
    int64_t B, H, D, nq, nk, clip;
    const double *q, *v, *probs, *index, *mask, *relative, *out;
} golden_case;

/* Shapes from the sizes of the files; the stored row indices must be clamp(j - i) + clip. */
static golden_case load_case(const lab *l, const char *name)
{
    size_t q, pairs;
    golden_case g = {.H = l->dims.heads, .D = l->dims.head_dim, .clip = l->info.high};
    g.q = lab_npy(name, "q", &q);
    g.v = lab_npy(name, "v", NULL);
    g.probs = lab_npy(name, "probs", NULL);
    g.mask = lab_npy(name, "mask", NULL);
    g.relative = lab_npy(name, "logits_relative", NULL);
    g.out = lab_npy(name, "out", NULL);
    g.index = lab_npy(name, "index", &pairs);
    const int64_t start = (int64_t)lab_case(name, "query_offset", 0);
    for (g.nq = 1; g.nq * (g.nq + start) < (int64_t)pairs;)
        g.nq++;
    g.nk = g.nq + start;
    g.B = (int64_t)q / (g.H * g.nq * g.D);
    for (int64_t i = 0; i < g.nq; i++)
        for (int64_t j = 0; j < g.nk; j++) {
            const int64_t n = i + start - j, row = n > g.clip    ? 0
                                                   : n < -g.clip ? 2 * g.clip
                                                                 : g.clip - n;
            CU_ASSERT_EQUAL((int64_t)g.index[i * g.nk + j], row);
        }
    return g;
}
#endif

/* Rows of all offsets from low to high: (high - low + 1, D) each. */
static pe_rows PE(all_rows)(lab *l)
{
    const pe_call c = PE(lab_call)(l);
    const int64_t width = l->dims.head_dim, count = l->info.high - l->info.low + 1;
    pe_rows rows = {0};
    if (l->info.rows & PE_ROWS_QUERY)
        rows.query = lab_keep((size_t)(count * width), sizeof(pe_real));
    if (l->info.rows & PE_ROWS_VALUE)
        rows.value = lab_keep((size_t)(count * width), sizeof(pe_real));
    for (int64_t r = 0; r < count; r++) {
        const double offset = (double)(l->info.low + r);
        pe_rows one = {.query = rows.query ? rows.query + r * width : NULL,
                       .value = rows.value ? rows.value + r * width : NULL};
        l->variant->PE_OPS->relative(&c, 1, &offset, &one);
    }
    return rows;
}

/* What one query gets from its keys: relative logits and the output, against the case. */
static void PE(golden_query)(const golden_case *g, const pe_rows *rows, int64_t bh, int64_t i,
                             lab_error *logits, lab_error *outputs)
{
    const int64_t D = g->D, at = bh * g->nq + i;
    pe_real out[64] = {0};
    for (int64_t j = 0; j < g->nk; j++) {
        if (g->mask[((bh / g->H) * g->nq + i) * g->nk + j] < 1)
            continue;
        const int64_t row = 2 * g->clip - (int64_t)g->index[i * g->nk + j];
        pe_real logit = 0;
        for (int64_t d = 0; d < D; d++) {
            const pe_real value = rows->value ? rows->value[row * D + d] : 0;
            logit += rows->query ? pe_num(g->q[at * D + d]) * rows->query[row * D + d] : 0;
            out[d] +=
                pe_num(g->probs[at * g->nk + j]) * (pe_num(g->v[(bh * g->nk + j) * D + d]) + value);
        }
        PE(lab_meet)(logits, logit / pe_sqrt(pe_num(D)), pe_num(g->relative[at * g->nk + j]));
    }
    for (int64_t d = 0; d < D; d++)
        PE(lab_meet)(outputs, out[d], pe_num(g->out[at * D + d]));
}

static void PE(golden)(const char *name, const char *precision)
{
    const double tolerance = lab_case(name, precision, 0);
    lab l = of_case(name);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    load_tables(&l, name);
    const golden_case g = load_case(&l, name);
    const pe_rows rows = PE(all_rows)(&l);
    lab_error logits = {0}, outputs = {0};
    for (int64_t bh = 0; bh < g.B * g.H; bh++)
        for (int64_t i = 0; i < g.nq; i++)
            PE(golden_query)(&g, &rows, bh, i, &logits, &outputs);
    CU_ASSERT_TRUE(tolerance > 0);
    PE_NEAR(name, logits.worst, 0, tolerance * (1 + logits.largest));
    PE_NEAR(name, outputs.worst, 0, tolerance * (1 + outputs.largest));
    lab_end();
}

/* Row of offset n is table row clip - n, for every head when tables are shared and for its own head
 * when they are not. */
static void PE(rows_are_copies)(bool per_head)
{
    enum { CLIP = 3, HEADS = 3, WIDTH = 5, ROWS = 2 * CLIP + 1 };
    lab l = with_options((pe_dims){.heads = HEADS, .head_dim = WIDTH}, CLIP, true, true, per_head);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    const pe_call c = PE(lab_call)(&l);
    const int heads = l.info.row_heads;
    CU_ASSERT_EQUAL(heads, per_head ? HEADS : 1);
    pe_real key[ROWS * HEADS * WIDTH], value[ROWS * HEADS * WIDTH];
    double offset[ROWS];
    for (int t = 0; t < ROWS; t++)
        offset[t] = CLIP - t;
    l.variant->PE_OPS->relative(&c, ROWS, offset, &(pe_rows){.query = key, .value = value});
    for (int t = 0; t < ROWS; t++)
        for (int h = 0; h < heads; h++)
            for (int d = 0; d < WIDTH; d++) {
                const int got = (t * heads + h) * WIDTH + d, from = (h * ROWS + t) * WIDTH + d;
                CU_ASSERT_EQUAL(key[got], (pe_real)l.param[0][from]);
                CU_ASSERT_EQUAL(value[got], (pe_real)l.param[1][from]);
            }
    lab_end();
}

static void PE(nan_stays)(void)
{
    lab l = with_options((pe_dims){.heads = 1, .head_dim = 3}, 1, true, true, false);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    l.param[0][1] = l.param[1][1] = (double)NAN;
    const pe_call c = PE(lab_call)(&l);
    pe_real key[3], value[3];
    const double offset = 1;
    l.variant->PE_OPS->relative(&c, 1, &offset, &(pe_rows){.query = key, .value = value});
    CU_ASSERT_TRUE(key[1] != key[1] && value[1] != value[1]);
    CU_ASSERT_TRUE(key[0] == key[0] && value[2] == value[2]);
    lab_end();
}

#include PE_NEXT("test_shaw.c")

#ifndef TESTS
#define TESTS
static void rows_give_the_golden_logits_and_outputs(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        golden_f64(cases[i], "f64");
        golden_f32(cases[i], "f32");
        golden_f128(cases[i], "f64");
    }
}

static void every_row_is_a_copy_of_its_table_row(void)
{
    for (int per_head = 0; per_head < 2; per_head++) {
        rows_are_copies_f64(per_head);
        rows_are_copies_f32(per_head);
        rows_are_copies_f128(per_head);
    }
}

static void nan_in_a_table_is_nan_in_its_row_only(void)
{
    nan_stays_f64();
    nan_stays_f32();
    nan_stays_f128();
}

static void an_unwanted_table_has_no_rows_and_keeps_its_index(void)
{
    lab l = with_options((pe_dims){.heads = 2, .head_dim = 5}, 4, false, true, false);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    CU_ASSERT_EQUAL(l.info.rows, PE_ROWS_VALUE);
    CU_ASSERT_EQUAL(l.info.param_count, 2);
    CU_ASSERT_STRING_EQUAL(l.info.param[0].name, "rel_k");
    CU_ASSERT_EQUAL(l.info.param[0].shape[0], 0);
    CU_ASSERT_EQUAL(l.info.param[0].shape[1], 5);
    CU_ASSERT_EQUAL(l.info.param[1].shape[0], 9);
    lab_end();
    l = with_options((pe_dims){.heads = 2, .head_dim = 5}, 4, true, false, true);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    CU_ASSERT_EQUAL(l.info.rows, PE_ROWS_QUERY);
    CU_ASSERT_EQUAL(l.info.param[0].rank, 3);
    CU_ASSERT_EQUAL(l.info.param[0].shape[1], 9);
    CU_ASSERT_EQUAL(l.info.param[1].shape[1], 0);
    lab_end();
}

static void without_keys_and_values_nothing_is_declared(void)
{
    lab l = with_options((pe_dims){.heads = 2, .head_dim = 5}, 4, false, false, false);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    CU_ASSERT_EQUAL(l.info.rows, 0);
    CU_ASSERT_TRUE(l.info.claims & PE_CLAIM_SYMMETRIC);
    CU_ASSERT_TRUE(l.info.claims & PE_CLAIM_CONTENT_FREE);
    lab_end();
}

static void direction_is_claimed_only_when_rows_differ(void)
{
    for (int clip = 0; clip < 2; clip++) {
        lab l = with_options((pe_dims){.heads = 1, .head_dim = 2}, clip, true, true, false);
        CU_ASSERT_TRUE_FATAL(lab_setup(&l));
        CU_ASSERT_EQUAL((l.info.claims & PE_CLAIM_DIRECTION_AWARE) != 0, clip > 0);
        CU_ASSERT_EQUAL((l.info.claims & PE_CLAIM_SYMMETRIC) != 0, clip == 0);
        CU_ASSERT_EQUAL(l.info.edge, PE_EDGE_REPEAT);
        lab_end();
    }
}

PE_TEST_MAIN("variants: shaw", PE_TEST(rows_give_the_golden_logits_and_outputs),
             PE_TEST(every_row_is_a_copy_of_its_table_row),
             PE_TEST(nan_in_a_table_is_nan_in_its_row_only),
             PE_TEST(an_unwanted_table_has_no_rows_and_keeps_its_index),
             PE_TEST(without_keys_and_values_nothing_is_declared),
             PE_TEST(direction_is_claimed_only_when_rows_differ))
#endif
