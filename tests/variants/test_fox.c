/* The Forgetting Transformer against its formula written out pair by pair, in three precisions. */
#include "calls.h"

#ifdef PE_FIRST
extern const pe_variant pe_variant_fox;

enum { WF, BF };
enum { MIRROR, OWN_GATES };
enum { N = 13, HEADS = 3, MODEL = 7 };

static lab make(int future)
{
    lab l = lab_make(&pe_variant_fox, (pe_dims){.heads = HEADS, .head_dim = 5, .model_dim = MODEL});
    lab_set(&l, "future", future);
    return l;
}
#endif

/* States of n tokens whose hidden states are x, after a token with state `before` (or NULL). */
static pe_real *PE(states)(lab *l, int n, const pe_real *x, const pe_real *before)
{
    const pe_call c = PE(lab_call)(l);
    const pe_run run = {.n = n, .x = x, .before = before};
    pe_real *state = lab_keep((size_t)(n * l->info.state), sizeof *state);
    l->variant->PE_OPS->state(&c, &run, state);
    return state;
}

/* Logits of one head of n tokens, from raw. */
static pe_real *PE(logits)(lab *l, int n, int head, const pe_real *state, const pe_real *raw)
{
    const pe_call c = PE(lab_call)(l);
    int64_t index[N];
    for (int i = 0; i < n; i++)
        index[i] = 100 + i;
    const pe_tile tile = {.nq = n,
                          .nk = n,
                          .head = head,
                          .qi = index,
                          .kj = index,
                          .q_state = state,
                          .k_state = state};
    pe_real *s = lab_keep((size_t)(n * n), sizeof *s);
    l->variant->PE_OPS->logits(&c, &tile, raw, s);
    return s;
}

/* log sigmoid(x_t . Wf + bf) of one gate. */
static pe_real PE(log_gate)(const lab *l, const double *x, int gate)
{
    pe_real z = pe_num(l->param[BF][gate]);
    for (int d = 0; d < MODEL; d++)
        z += pe_num(x[d]) * pe_num(l->param[WF][d * l->info.state + gate]);
    return pe_log(1 / (1 + pe_exp(-z)));
}

/* The paper's sum over l = j+1 .. i, and for keys to the right what `future` says. */
static pe_real PE(kept)(const lab *l, const double *x, int head, int i, int j)
{
    const bool own = l->number[0] > 0;
    const int from = i < j ? i : j, to = i < j ? j : i;
    const int gate = j > i && own ? HEADS + head : head;
    pe_real sum = 0;
    for (int t = from + 1; t <= to; t++)
        sum += PE(log_gate)(l, x + t * MODEL, gate);
    return sum;
}

static void PE(is_formula)(int future)
{
    uint64_t seed = 5;
    lab l = make(future);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    const double *x = lab_draws(&seed, N * MODEL), *raw = lab_draws(&seed, N * N);
    const pe_real *state = PE(states)(&l, N, PE(lab_cast)(x, N * MODEL), NULL);
    lab_error e = {0};
    for (int h = 0; h < HEADS; h++) {
        const pe_real *s = PE(logits)(&l, N, h, state, PE(lab_cast)(raw, N * N));
        for (int at = 0; at < N * N; at++)
            PE(lab_meet)(&e, s[at], pe_num(raw[at]) + PE(kept)(&l, x, h, at / N, at % N));
    }
    /* Every one of 13 sums may round; their size is that of the largest logit. */
    PE_NEAR("logits", e.worst, 0, 4 * N * (double)PE_EPS * (1 + e.largest));
    lab_end();
}

/* With Wf = 0 and bf = 0 every gate is 1/2: a slope of log 2 per token, on both sides. */
static void PE(is_alibi)(void)
{
    uint64_t seed = 6;
    lab l = make(MIRROR);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    memset(l.param[WF], 0, MODEL * HEADS * sizeof(double));
    memset(l.param[BF], 0, HEADS * sizeof(double));
    const double *x = lab_draws(&seed, N * MODEL);
    const pe_real *state = PE(states)(&l, N, PE(lab_cast)(x, N * MODEL), NULL);
    const pe_real *s = PE(logits)(&l, N, 1, state, lab_keep(N * N, sizeof(pe_real)));
    lab_error e = {0};
    for (int at = 0; at < N * N; at++)
        PE(lab_meet)(&e, s[at], -pe_log(2) * pe_num(abs(at / N - at % N)));
    PE_NEAR("slope", e.worst, 0, N * (double)PE_EPS * e.largest);
    lab_end();
}

/* A run that continues from the state of the token before gives every bit of the whole run. */
static void PE(continues)(void)
{
    uint64_t seed = 7;
    lab l = make(OWN_GATES);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    for (int store = 0; store < 2; store++) {
        l.formats[PE_AT_TABLE] = store ? PE_FP32 : PE_UNROUNDED;
        const pe_real *x = PE(lab_cast)(lab_draws(&seed, N * MODEL), N * MODEL);
        const int width = l.info.state, cut = 5;
        const pe_real *whole = PE(states)(&l, N, x, NULL), *first = PE(states)(&l, cut, x, NULL);
        const pe_real *rest = PE(states)(&l, N - cut, x + cut * MODEL, first + (cut - 1) * width);
        for (int at = 0; at < cut * width; at++)
            CU_ASSERT_TRUE(first[at] == whole[at]);
        for (int at = 0; at < (N - cut) * width; at++)
            CU_ASSERT_TRUE(rest[at] == whole[cut * width + at]);
        for (int at = 0; store && at < N * width; at++)
            CU_ASSERT_TRUE(whole[at] == pe_num((float)whole[at]));
    }
    lab_end();
}

/* Gates that are shut or open as far as numbers go: log sigmoid(-20000) = -20000, and of 20000 it
 * is 0; exp(20000) is beyond every precision but quad's, and nothing overflows. */
static void PE(is_stable)(void)
{
    lab l = make(MIRROR);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    memset(l.param[WF], 0, MODEL * HEADS * sizeof(double));
    l.param[BF][0] = -20000;
    l.param[BF][1] = 20000;
    l.param[BF][2] = -40; /* log sigmoid(-40) = -40 - log1p(exp(-40)) */
    const pe_real *state = PE(states)(&l, 2, lab_keep(2 * MODEL, sizeof(pe_real)), NULL);
    CU_ASSERT_TRUE(state[0] == -20000 && state[HEADS] == -40000);
    CU_ASSERT_TRUE(state[1] <= 0 && state[1] > -PE_EPS * PE_EPS);
    CU_ASSERT_TRUE(pe_fabs(state[2] + 40 + pe_exp(-40)) <= 40 * PE_EPS);
    lab_end();
}

/* A NaN in a hidden state is a NaN from that token on, and not before. */
static void PE(nan_stays)(void)
{
    uint64_t seed = 8;
    lab l = make(MIRROR);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    double *x = lab_draws(&seed, N * MODEL);
    x[4 * MODEL + 2] = (double)NAN;
    const pe_real *state = PE(states)(&l, N, PE(lab_cast)(x, N * MODEL), NULL);
    const pe_real *s = PE(logits)(&l, N, 0, state, lab_keep(N * N, sizeof(pe_real)));
    for (int t = 0; t < N; t++)
        CU_ASSERT_EQUAL(state[t * HEADS] != state[t * HEADS], t >= 4);
    for (int at = 0; at < N * N; at++)
        CU_ASSERT_EQUAL(s[at] != s[at], at / N >= 4 || at % N >= 4);
    lab_end();
}

#include PE_NEXT("test_fox.c")

#ifndef TESTS
#define TESTS
static void the_logits_are_the_papers_sum_and_its_two_mirrors(void)
{
    for (int future = MIRROR; future <= OWN_GATES; future++) {
        is_formula_f64(future);
        is_formula_f32(future);
        is_formula_f128(future);
    }
}

static void constant_gates_give_a_linear_slope(void)
{
    is_alibi_f64();
    is_alibi_f32();
    is_alibi_f128();
}

static void a_run_may_be_cut_anywhere(void)
{
    continues_f64();
    continues_f32();
    continues_f128();
}

static void the_log_of_a_gate_is_right_where_the_gate_is_zero_or_one(void)
{
    is_stable_f64();
    is_stable_f32();
    is_stable_f128();
}

static void nan_in_a_hidden_state_stays_from_its_token_on(void)
{
    nan_stays_f64();
    nan_stays_f32();
    nan_stays_f128();
}

static void own_gates_double_the_state_and_the_parameters(void)
{
    for (int future = MIRROR; future <= OWN_GATES; future++) {
        lab l = make(future);
        lab_set(&l, "bias_init", 5);
        CU_ASSERT_TRUE_FATAL(lab_setup(&l));
        CU_ASSERT_EQUAL(l.info.state, HEADS * (1 + future));
        CU_ASSERT_EQUAL(l.info.param[WF].shape[0], MODEL);
        CU_ASSERT_EQUAL(l.info.param[WF].shape[1], l.info.state);
        CU_ASSERT_EQUAL(l.info.param[BF].shape[0], l.info.state);
        CU_ASSERT_EQUAL(l.info.param[BF].a, 5);
        CU_ASSERT_TRUE(l.info.flags & PE_NEEDS_HIDDEN);
        CU_ASSERT_EQUAL((l.info.claims & PE_CLAIM_SYMMETRIC) != 0, future == MIRROR);
        lab_end();
    }
}

PE_TEST_MAIN("variants: fox", PE_TEST(the_logits_are_the_papers_sum_and_its_two_mirrors),
             PE_TEST(constant_gates_give_a_linear_slope), PE_TEST(a_run_may_be_cut_anywhere),
             PE_TEST(the_log_of_a_gate_is_right_where_the_gate_is_zero_or_one),
             PE_TEST(nan_in_a_hidden_state_stays_from_its_token_on),
             PE_TEST(own_gates_double_the_state_and_the_parameters))
#endif
