/* Turned queries and keys against the golden cases and the laws of rotations, in three precisions.
 */
#include "calls.h"

#ifdef PE_FIRST
extern const pe_variant pe_variant_rope;

enum { INTERLEAVED, HALF };

static const char *const cases[] = {"rope_half_h4_b3_L13_d8", "rope_half_partial6_d7",
                                    "rope_interleaved_base500000_far",
                                    "rope_interleaved_h4_b3_L13_d8"};

static bool is_half(const char *folder)
{
    size_t size;
    const char *json = lab_read(folder, "case.json", &size);
    return json && strstr(json, "\"pairing\": \"half\"") != NULL;
}

enum { N = 7, D = 10 };
static const double early[N] = {0, 1, -2, 12, 0.25, 30, 55}, late[N] = {3, 0, 5, -12, 8, 1.5, 45};

static lab with_options(int head_dim, int pairing, int rotary_dim)
{
    lab l = lab_make(&pe_variant_rope, (pe_dims){.heads = 1, .head_dim = head_dim});
    lab_set(&l, "pairing", pairing);
    lab_set(&l, "rotary_dim", rotary_dim);
    return l;
}
#endif

/* The n vectors (n, D) turned to their coordinates; out starts as a copy, as the core makes it. */
static pe_real *PE(turned)(lab *l, pe_role role, int n, const double *coord, const pe_real *in)
{
    const pe_call c = PE(lab_call)(l);
    const size_t count = (size_t)n * (size_t)l->dims.head_dim;
    pe_real *out = lab_keep(count, sizeof *out);
    memcpy(out, in, count * sizeof *out);
    l->variant->PE_OPS->map(&c, role, 0, n, coord, NULL, in, out);
    return out;
}

static void PE(golden_role)(lab *l, const char *name, const char *in, const char *out, pe_role role,
                            double tolerance)
{
    size_t count, length;
    const double *x = lab_npy(name, in, &count), *want = lab_npy(name, out, NULL);
    const double *position = lab_npy(name, "positions", &length);
    CU_ASSERT_TRUE_FATAL(x && want && position && tolerance > 0);
    const size_t block = length * (size_t)l->dims.head_dim;
    lab_error e = {0};
    for (size_t from = 0; from < count; from += block) {
        const pe_real *got =
            PE(turned)(l, role, (int)length, position, PE(lab_cast)(x + from, block));
        for (size_t i = 0; i < block; i++)
            PE(lab_meet)(&e, got[i], pe_num(want[from + i]));
    }
    PE_NEAR(out, e.worst, 0, tolerance * (1 + e.largest));
}

static void PE(golden)(const char *name, const char *precision)
{
    const double tolerance = lab_case(name, precision, 0);
    lab l = with_options((int)lab_case(name, "head_dim", 0), is_half(name) ? HALF : INTERLEAVED,
                         (int)lab_case(name, "rotary_dim", 0));
    lab_set(&l, "base", lab_case(name, "base", 0));
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    PE(golden_role)(&l, name, "q", "q_rot", PE_ROLE_QUERY, tolerance);
    PE(golden_role)(&l, name, "k", "k_rot", PE_ROLE_KEY, tolerance);
    lab_end();
}

/* The longest phase in these tests is 100; a phase and its frequency are each off by 2 units, and a
 * turn of numbers below 2 adds a few. */
static double PE(rounding)(void)
{
    return (double)PE_EPS * 100 * 8;
}

static pe_real *PE(vectors)(void)
{
    uint64_t seed = 77;
    return PE(lab_cast)(lab_draws(&seed, N * D), N * D);
}

/* Turning by a and then by b is turning by a + b, and a turn leaves the length. */
static void PE(group_law)(int pairing, int rotary_dim)
{
    double sum[N];
    for (int t = 0; t < N; t++)
        sum[t] = early[t] + late[t];
    lab l = with_options(D, pairing, rotary_dim);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    const pe_real *x = PE(vectors)();
    const pe_real *twice =
        PE(turned)(&l, PE_ROLE_KEY, N, late, PE(turned)(&l, PE_ROLE_KEY, N, early, x));
    const pe_real *once = PE(turned)(&l, PE_ROLE_KEY, N, sum, x);
    lab_error e = {0}, norms = {0};
    for (int i = 0; i < N * D; i++)
        PE(lab_meet)(&e, twice[i], once[i]);
    for (int t = 0; t < N; t++) {
        pe_real before = 0, after = 0;
        for (int d = t * D; d < (t + 1) * D; d++) {
            before += x[d] * x[d];
            after += once[d] * once[d];
        }
        PE(lab_meet)(&norms, after, before);
    }
    PE_NEAR("group law", e.worst, 0, PE(rounding)());
    PE_NEAR("norms", norms.worst, 0, (double)(16 * D * PE_EPS));
    lab_end();
}

/* q at i and k at j meet as they do at i + s and j + s. */
static void PE(only_the_difference_counts)(int pairing)
{
    lab l = with_options(D, pairing, 0);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    const pe_real *x = PE(vectors)();
    lab_error e = {0};
    for (int t = 0; t < N; t++) {
        const double here[] = {early[t], late[t]}, there[] = {early[t] + 40, late[t] + 40};
        const pe_real *q = x + (t % (N - 1)) * D;
        const pe_real *first = PE(turned)(&l, PE_ROLE_QUERY, 2, here, q);
        const pe_real *second = PE(turned)(&l, PE_ROLE_QUERY, 2, there, q);
        pe_real one = 0, other = 0;
        for (int d = 0; d < D; d++) {
            one += first[d] * first[D + d];
            other += second[d] * second[D + d];
        }
        PE(lab_meet)(&e, other, one);
    }
    PE_NEAR("shift", e.worst, 0, D * PE(rounding)());
    lab_end();
}

/* Columns from rotary_dim on keep every bit, of any number. */
static void PE(the_rest_passes)(int pairing)
{
    enum { TURNED = 4 };
    lab l = with_options(D, pairing, TURNED);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    CU_ASSERT_EQUAL(l.info.plan, TURNED / 2);
    pe_real *x = PE(vectors)();
    x[TURNED] = (pe_real)NAN;
    x[TURNED + 1] = (pe_real)INFINITY;
    x[TURNED + 2] = -PE_C(0.0);
    const pe_real *y = PE(turned)(&l, PE_ROLE_QUERY, N, late, x);
    for (int t = 0; t < N; t++) {
        CU_ASSERT_EQUAL(memcmp(y + t * D + TURNED, x + t * D + TURNED, (D - TURNED) * sizeof *y),
                        0);
        for (int d = 0; d < TURNED; d++)
            CU_ASSERT_EQUAL(y[t * D + d] != x[t * D + d], late[t] != 0);
    }
    lab_end();
}

/* half is interleaved after the reordering evens, then odds; bit for bit. */
static void PE(pairings_agree)(int turned)
{
    lab inter = with_options(D, INTERLEAVED, turned), half = with_options(D, HALF, turned);
    CU_ASSERT_TRUE_FATAL(lab_setup(&inter) && lab_setup(&half));
    const int r = turned > 0 ? turned : D;
    const pe_real *x = PE(vectors)();
    pe_real *moved = lab_keep(N * D, sizeof *moved);
    memcpy(moved, x, N * D * sizeof *moved);
    for (int t = 0; t < N; t++)
        for (int d = 0; d < r; d++)
            moved[t * D + d] = x[t * D + (d < r / 2 ? 2 * d : 2 * (d - r / 2) + 1)];
    const pe_real *one = PE(turned)(&inter, PE_ROLE_QUERY, N, early, x);
    const pe_real *other = PE(turned)(&half, PE_ROLE_QUERY, N, early, moved);
    for (int t = 0; t < N; t++)
        for (int d = 0; d < D; d++) {
            const int from = d >= r ? d : d < r / 2 ? 2 * d : 2 * (d - r / 2) + 1;
            CU_ASSERT_EQUAL(other[t * D + d], one[t * D + from]);
        }
    lab_end();
}

/* x, as float32 if it is stored so. Through memory: gcc 12 at -O2 drops a conversion to float and
 * back when it vectorizes two of them. */
static pe_real PE(stored)(bool narrow, pe_real x)
{
    const volatile float kept = (float)x;
    return narrow ? (pe_real)kept : x;
}

/* (1, 0) goes to (cos p w, sin p w): counter-clockwise. One place at a time is stored as float32,
 * and nothing else is rounded. */
static void PE(stores_at)(pe_place place)
{
    enum { WIDTH = 6 };
    static const double position = 16777217; /* 2^24 + 1, no float */
    lab l = with_options(WIDTH, INTERLEAVED, 0), plain = with_options(WIDTH, INTERLEAVED, 0);
    l.formats[place] = PE_FP32;
    CU_ASSERT_TRUE_FATAL(lab_setup(&l) && lab_setup(&plain));
    const pe_real *frequency = PE(lab_call)(&plain).plan;
    static const pe_real in[WIDTH] = {1, 0, 1, 0, 1, 0};
    const pe_real *out = PE(turned)(&l, PE_ROLE_KEY, 1, &position, in);
    for (int k = 0; k < WIDTH / 2; k++) {
        pe_real p = pe_num(position), w = frequency[k];
        p = PE(stored)(place == PE_AT_POSITION, p);
        w = PE(stored)(place == PE_AT_FREQUENCY, w);
        pe_real phase = p * w;
        phase = PE(stored)(place == PE_AT_PHASE, phase);
        const pe_real pair[2] = {PE(stored)(place == PE_AT_TABLE, pe_cos(phase)),
                                 PE(stored)(place == PE_AT_TABLE, pe_sin(phase))};
        CU_ASSERT_EQUAL(out[2 * k], pair[0]);
        CU_ASSERT_EQUAL(out[2 * k + 1], pair[1]);
    }
    lab_end();
}

/* NaN reaches the pair it is in, and no other column. */
static void PE(nan_stays)(int pairing)
{
    lab l = with_options(D, pairing, 0);
    CU_ASSERT_TRUE_FATAL(lab_setup(&l));
    pe_real *x = PE(vectors)();
    x[D + 1] = (pe_real)NAN;
    const pe_real *y = PE(turned)(&l, PE_ROLE_QUERY, N, late, x);
    const int partner = pairing == HALF ? 1 + D / 2 : 0;
    for (int i = 0; i < N * D; i++)
        CU_ASSERT_EQUAL(y[i] != y[i], i == D + 1 || i == D + partner);
    lab_end();
}

#include PE_NEXT("test_rope.c")

#ifndef TESTS
#define TESTS
#define THRICE(check, arguments)                                                                   \
    do {                                                                                           \
        check##_f64 arguments;                                                                     \
        check##_f32 arguments;                                                                     \
        check##_f128 arguments;                                                                    \
    } while (0)

static void turned_queries_and_keys_are_the_golden_ones(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        golden_f64(cases[i], "f64");
        golden_f32(cases[i], "f32");
        golden_f128(cases[i], "f64");
    }
}

static void two_turns_are_one_by_the_sum_and_norms_stay(void)
{
    for (int pairing = INTERLEAVED; pairing <= HALF; pairing++) {
        THRICE(group_law, (pairing, 0));
        THRICE(group_law, (pairing, 6));
    }
}

static void a_common_shift_leaves_the_products(void)
{
    THRICE(only_the_difference_counts, (INTERLEAVED));
    THRICE(only_the_difference_counts, (HALF));
}

static void columns_that_do_not_turn_keep_every_bit(void)
{
    THRICE(the_rest_passes, (INTERLEAVED));
    THRICE(the_rest_passes, (HALF));
}

static void the_pairings_agree_after_reordering_the_columns(void)
{
    THRICE(pairings_agree, (0));
    THRICE(pairings_agree, (6));
}

static void each_storage_mark_rounds_its_own_number(void)
{
    for (int place = PE_AT_POSITION; place <= PE_AT_TABLE; place++)
        THRICE(stores_at, ((pe_place)place));
    THRICE(stores_at, (PE_AT_QUERY)); /* the core's business: nothing is rounded here */
}

static void nan_stays_in_its_pair(void)
{
    THRICE(nan_stays, (INTERLEAVED));
    THRICE(nan_stays, (HALF));
}

static void what_cannot_be_is_refused_in_a_sentence(void)
{
    lab l = with_options(7, HALF, 0);
    CU_ASSERT_FALSE(lab_setup(&l));
    CU_ASSERT_STRING_EQUAL(l.info.refusal, "7 columns of a head would turn, but pairs need an even "
                                           "number: set rotary_dim or an even head_dim");
    l = with_options(8, HALF, 3);
    CU_ASSERT_FALSE(lab_setup(&l));
    PE_CONTAINS(l.info.refusal, "3 columns of a head would turn");
    l = with_options(7, HALF, 8);
    CU_ASSERT_FALSE(lab_setup(&l));
    CU_ASSERT_STRING_EQUAL(l.info.refusal, "rotary_dim is 8, but a head has 7 columns");
    l = with_options(8, HALF, 0);
    l.dims.axes = 2;
    CU_ASSERT_FALSE(lab_setup(&l));
    CU_ASSERT_STRING_EQUAL(l.info.refusal, "axes is 2, but pairs turn by one axis");
    lab_end();
}

static void an_even_width_is_claimed_to_be_needed_only_when_all_columns_turn(void)
{
    for (int turned = 0; turned <= 6; turned += 6) {
        lab l = with_options(8, INTERLEAVED, turned);
        CU_ASSERT_TRUE_FATAL(lab_setup(&l));
        CU_ASSERT_EQUAL((l.info.claims & PE_CLAIM_NEEDS_EVEN_WIDTH) != 0, turned == 0);
        CU_ASSERT_EQUAL(l.info.maps, PE_MAPS(PE_ROLE_QUERY) | PE_MAPS(PE_ROLE_KEY));
        CU_ASSERT_EQUAL(l.info.scale, 0); /* 1/sqrt(head_dim), however many turn */
        CU_ASSERT_EQUAL(l.info.mapped_width, 0);
        lab_end();
    }
}

PE_TEST_MAIN("variants: rope", PE_TEST(turned_queries_and_keys_are_the_golden_ones),
             PE_TEST(two_turns_are_one_by_the_sum_and_norms_stay),
             PE_TEST(a_common_shift_leaves_the_products),
             PE_TEST(columns_that_do_not_turn_keep_every_bit),
             PE_TEST(the_pairings_agree_after_reordering_the_columns),
             PE_TEST(each_storage_mark_rounds_its_own_number), PE_TEST(nan_stays_in_its_pair),
             PE_TEST(what_cannot_be_is_refused_in_a_sentence),
             PE_TEST(an_even_width_is_claimed_to_be_needed_only_when_all_columns_turn))
#endif
