/* CoPE against its formula written out for every pair, in three precisions. */
#include "calls.h"

#ifdef PE_FIRST
extern const pe_variant pe_variant_cope;

enum { FUTURE_NONE, FUTURE_MIRROR, FUTURE_ROW };
enum { N = 13, WIDTH = 5 };

static lab make(int npos_max, int future)
{
    lab l = lab_make(&pe_variant_cope, (pe_dims){.heads = 1, .head_dim = WIDTH});
    lab_set(&l, "npos_max", npos_max);
    lab_set(&l, "future", future);
    return l;
}

static unsigned char *mask(bool causal, int padding)
{
    unsigned char *allowed = lab_keep(N * N, 1);
    for (int at = 0; at < N * N; at++)
        allowed[at] = at % N >= padding && (!causal || at % N <= at / N);
    return allowed;
}
#endif

/* Logits of n tokens; q and raw as numbers that all precisions hold. */
static pe_real *PE(logits)(lab *l, const double *q, const double *raw, const unsigned char *allowed)
{
    const pe_call c = PE(lab_call)(l);
    int64_t index[N];
    for (int i = 0; i < N; i++)
        index[i] = i + (i > 6 ? 3 : 0); /* packed: three indices are missing */
    const pe_tile tile = {.nq = N,
                          .nk = N,
                          .qi = index,
                          .kj = index,
                          .allowed = allowed,
                          .q = PE(lab_cast)(q, N * WIDTH)};
    pe_real *s = lab_keep(N * N, sizeof *s);
    l->variant->PE_OPS->logits(&c, &tile, PE(lab_cast)(raw, N * N), s);
    return s;
}

/* q . e[p] between two rows, by the definition of linear interpolation. */
static pe_real PE(embedded)(const lab *l, const double *q, pe_real p)
{
    const int last = (int)l->number[0] - 1;
    p = pe_fmin(p, pe_num(last));
    const pe_real whole = pe_floor(p);
    pe_real low = 0, high = 0;
    for (int d = 0; d < WIDTH; d++) {
        const int row = (int)whole;
        low += pe_num(q[d]) * pe_num(l->param[0][row * WIDTH + d]);
        high += pe_num(q[d]) * pe_num(l->param[0][(row < last ? row + 1 : row) * WIDTH + d]);
    }
    return low + (p - whole) * (high - low);
}

/* The paper's sum of gates over t = j .. i, or what `future` says about keys to the right. */
static pe_real PE(position)(const lab *l, const double *raw, const unsigned char *allowed, int i,
                            int j)
{
    const int future = (int)l->number[3];
    const pe_real factor = l->number[1] > 0 ? 1 : pe_sqrt(pe_num(WIDTH));
    int from = j, to = future == FUTURE_ROW ? N - 1 : i;
    if (future == FUTURE_MIRROR && j > i) {
        from = i;
        to = j;
    }
    pe_real p = 0;
    for (int t = from; t <= to; t++)
        if (allowed[i * N + t])
            p += 1 / (1 + pe_exp(-factor * pe_num(raw[i * N + t])));
    return p;
}

static void PE(is_formula)(int npos_max, int future, bool gates, bool positions,
                           const unsigned char *allowed)
{
    uint64_t seed = 11;
    lab l = make(npos_max, future);
    lab_set(&l, "scaled_gates", gates);
    lab_set(&l, "scaled_positions", positions);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    const double *q = lab_draws(&seed, N * WIDTH), *raw = lab_draws(&seed, N * N);
    const pe_real *s = PE(logits)(&l, q, raw, allowed);
    const pe_real scale = positions ? 1 / pe_sqrt(pe_num(WIDTH)) : 1;
    lab_error e = {0};
    for (int at = 0; at < N * N; at++)
        if (allowed[at]) {
            const pe_real p = PE(position)(&l, raw, allowed, at / N, at % N);
            PE(lab_meet)
            (&e, s[at], pe_num(raw[at]) + scale * PE(embedded)(&l, q + at / N * WIDTH, p));
        }
    /* The sum of 13 gates rounds at most at 13, and the slope between rows is at most 2 WIDTH. */
    PE_NEAR("logits", e.worst, 0, N * N * 2 * WIDTH * (double)PE_EPS * (1 + e.largest));
    lab_end();
}

/* Gates that are all open count tokens: p = i - j + 1, clipped, which is a relative encoding. Gates
 * that are all shut leave p = 0. */
static void PE(counts_tokens)(void)
{
    enum { ROWS = 6 };
    uint64_t seed = 12;
    lab l = make(ROWS, FUTURE_NONE);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    const double *q = lab_draws(&seed, N * WIDTH);
    double raw[N * N];
    for (int sign = -1; sign <= 1; sign += 2) {
        for (int at = 0; at < N * N; at++)
            raw[at] = sign * 16384.0;
        const pe_real *s = PE(logits)(&l, q, raw, mask(true, 0));
        for (int at = 0; at < N * N; at++)
            if (at % N <= at / N) {
                const int n = at / N - at % N + 1, row = sign < 0 ? 0 : n < ROWS ? n : ROWS - 1;
                const pe_real want =
                    pe_num(raw[at]) + PE(embedded)(&l, q + at / N * WIDTH, pe_num(row));
                CU_ASSERT_TRUE(pe_fabs(s[at] - want) <= 16384 * PE_EPS);
            }
    }
    lab_end();
}

/* One row at a time gives every bit of the whole tile: nothing is carried between queries. */
static void PE(rows_alone)(void)
{
    uint64_t seed = 13;
    lab l = make(6, FUTURE_MIRROR);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    const double *q = lab_draws(&seed, N * WIDTH), *raw = lab_draws(&seed, N * N);
    const unsigned char *allowed = mask(false, 2);
    const pe_call c = PE(lab_call)(&l);
    int64_t index[N];
    for (int i = 0; i < N; i++)
        index[i] = i;
    const pe_real *qs = PE(lab_cast)(q, N * WIDTH), *raws = PE(lab_cast)(raw, N * N);
    pe_real whole[N * N], row[N];
    pe_tile tile = {.nq = N, .nk = N, .qi = index, .kj = index, .allowed = allowed, .q = qs};
    l.variant->PE_OPS->logits(&c, &tile, raws, whole);
    for (int i = 0; i < N; i++) {
        tile = (pe_tile){.nq = 1,
                         .nk = N,
                         .qi = index + i,
                         .kj = index,
                         .allowed = allowed + i * N,
                         .q = qs + i * WIDTH};
        l.variant->PE_OPS->logits(&c, &tile, raws + i * N, row);
        for (int j = 0; j < N; j++)
            CU_ASSERT_TRUE(row[j] == whole[i * N + j]);
    }
    lab_end();
}

/* A NaN logit makes the positions of all earlier keys NaN, in its own row only. */
static void PE(nan_stays)(void)
{
    uint64_t seed = 14;
    lab l = make(6, FUTURE_NONE);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    const double *q = lab_draws(&seed, N * WIDTH);
    double *raw = lab_draws(&seed, N * N);
    raw[9 * N + 4] = (double)NAN;
    const pe_real *s = PE(logits)(&l, q, raw, mask(true, 0));
    for (int at = 0; at < N * N; at++)
        if (at % N <= at / N)
            CU_ASSERT_EQUAL(s[at] != s[at], at / N == 9 && at % N <= 4);
    lab_end();
}

static void PE(stores)(void)
{
    uint64_t seed = 15;
    lab exact = make(6, FUTURE_NONE), stored = make(6, FUTURE_NONE);
    CU_ASSERT_TRUE_FATAL(lab_setup(&exact) && lab_setup(&stored));
    stored.formats[PE_AT_POSITION] = PE_FP32;
    const double *q = lab_draws(&seed, N * WIDTH), *raw = lab_draws(&seed, N * N);
    const pe_real *want = PE(logits)(&exact, q, raw, mask(true, 0));
    const pe_real *got = PE(logits)(&stored, q, raw, mask(true, 0));
    lab_error e = {0};
    for (int at = 0; at < N * N; at++)
        PE(lab_meet)(&e, got[at], want[at]);
    CU_ASSERT_EQUAL(e.worst > 0, sizeof(pe_real) > sizeof(float));
    PE_NEAR("positions up to 5 in float", e.worst, 0, 5 * 1.2e-7 * 2 * WIDTH);
    lab_end();
}

#include PE_NEXT("test_cope.c")

#ifndef TESTS
#define TESTS
static void the_logits_are_the_papers_formula_under_any_mask_and_option(void)
{
    for (int bits = 0; bits < 48; bits++) {
        const int npos_max = bits & 1 ? 64 : 4, future = bits >> 4;
        const bool gates = bits & 2, positions = bits & 4, causal = bits & 8;
        is_formula_f64(npos_max, future, gates, positions, mask(causal, 2));
        is_formula_f32(npos_max, future, gates, positions, mask(causal, 2));
        is_formula_f128(npos_max, future, gates, positions, mask(causal, 2));
    }
}

static void a_table_of_one_row_is_added_whole(void)
{
    is_formula_f64(1, FUTURE_NONE, true, false, mask(true, 0));
    is_formula_f32(1, FUTURE_NONE, true, false, mask(true, 0));
    is_formula_f128(1, FUTURE_NONE, true, false, mask(true, 0));
}

static void open_gates_count_tokens_and_shut_ones_none(void)
{
    counts_tokens_f64();
    counts_tokens_f32();
    counts_tokens_f128();
}

static void a_query_alone_gets_every_bit_of_the_whole_tile(void)
{
    rows_alone_f64();
    rows_alone_f32();
    rows_alone_f128();
}

static void nan_in_a_logit_stays_in_its_row_and_before_its_key(void)
{
    nan_stays_f64();
    nan_stays_f32();
    nan_stays_f128();
}

static void positions_are_stored_where_the_host_says(void)
{
    stores_f64();
    stores_f32();
    stores_f128();
}

static void setup_asks_for_whole_rows_and_a_table_that_starts_from_noise(void)
{
    lab l = make(9, FUTURE_MIRROR);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    CU_ASSERT_TRUE(l.info.flags & PE_WHOLE_ROWS);
    CU_ASSERT_EQUAL(l.info.param[0].shape[0], 9);
    CU_ASSERT_EQUAL(l.info.param[0].shape[1], WIDTH);
    CU_ASSERT_EQUAL(l.info.param[0].a, 0.02);
    CU_ASSERT_TRUE(l.info.claims & PE_CLAIM_SYMMETRIC);
    lab_end();
    l = make(9, FUTURE_NONE);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    CU_ASSERT_TRUE(l.info.claims & PE_CLAIM_DIRECTION_AWARE);
    lab_end();
}

PE_TEST_MAIN("variants: cope", PE_TEST(the_logits_are_the_papers_formula_under_any_mask_and_option),
             PE_TEST(a_table_of_one_row_is_added_whole),
             PE_TEST(open_gates_count_tokens_and_shut_ones_none),
             PE_TEST(a_query_alone_gets_every_bit_of_the_whole_tile),
             PE_TEST(nan_in_a_logit_stays_in_its_row_and_before_its_key),
             PE_TEST(positions_are_stored_where_the_host_says),
             PE_TEST(setup_asks_for_whole_rows_and_a_table_that_starts_from_noise))
#endif
