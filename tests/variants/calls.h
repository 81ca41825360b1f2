/* What a test needs to call the hooks of one variant directly, without the core: option values,
 * parameters, a host that lends plain loops, and golden files.
 *
 * A test file includes this instead of posenc.h and includes itself with PE_NEXT like a variant, so
 * that its checks run in double, float and quad. Everything allocated here lives until lab_end. */
#ifndef PE_CORE
#define PE_CORE /* quad mathematics by name, not through a module's table */
#endif
#include "posenc.h"

#ifdef PE_FIRST
#include "testing.h"

#include <stdlib.h>
#include <string.h>

/* ---- quad mathematics: glibc's f128 functions, or long double where quad is that ------------- */

#if PE_QUAD_DIGITS == 113u && defined(__SIZEOF_FLOAT128__)
#define LAB_QUAD(f) f##f128
#else
#define LAB_QUAD(f) f##l
#endif
#define X(f)                                                                                       \
    extern pe_quad LAB_QUAD(f)(pe_quad);                                                           \
    static inline pe_quad pe_quad_##f(pe_quad x)                                                   \
    {                                                                                              \
        return LAB_QUAD(f)(x);                                                                     \
    }
PE_QUAD_MATH_1(X)
#undef X
#define X(f)                                                                                       \
    extern pe_quad LAB_QUAD(f)(pe_quad, pe_quad);                                                  \
    static inline pe_quad pe_quad_##f(pe_quad x, pe_quad y)                                        \
    {                                                                                              \
        return LAB_QUAD(f)(x, y);                                                                  \
    }
PE_QUAD_MATH_2(X)
#undef X
static const pe_quad_math lab_quad_math = {
#define X(f) .f = pe_quad_##f,
    PE_QUAD_MATH_1(X) PE_QUAD_MATH_2(X)
#undef X
};

/* ---- memory and random numbers --------------------------------------------------------------- */

static void *lab_kept[4096];
static int lab_kept_count;

static inline void *lab_keep(size_t count, size_t size)
{
    if (lab_kept_count == 4096)
        abort();
    void *p = calloc(count ? count : 1, size);
    if (!p)
        abort();
    return lab_kept[lab_kept_count++] = p;
}

static inline void lab_end(void)
{
    while (lab_kept_count > 0)
        free(lab_kept[--lab_kept_count]);
}

/* From -1 to 1, in steps that every precision holds exactly. */
static inline double lab_draw(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(int64_t)(*state >> 44) / (1 << 19) - 1;
}

static inline double *lab_draws(uint64_t *state, size_t count)
{
    double *x = lab_keep(count, sizeof *x);
    for (size_t i = 0; i < count; i++)
        x[i] = lab_draw(state);
    return x;
}

/* ---- a variant with dims, options and parameters ----------------------------------------------
 */

typedef struct lab {
    const pe_variant *variant;
    pe_dims dims;
    double number[PE_MAX_OPTIONS];
    pe_value opt[PE_MAX_OPTIONS];
    pe_setup info;
    double *param[PE_MAX_PARAMS];
    unsigned char formats[PE_PLACE_COUNT];
} lab;

static inline lab lab_make(const pe_variant *variant, pe_dims dims)
{
    lab l = {.variant = variant, .dims = dims};
    l.dims.kv_heads = dims.kv_heads ? dims.kv_heads : dims.heads;
    l.dims.model_dim = dims.model_dim ? dims.model_dim : dims.heads * dims.head_dim;
    l.dims.axes = dims.axes ? dims.axes : 1;
    l.dims.layers = 1;
    for (int i = 0; i < variant->option_count; i++)
        l.number[i] = variant->options[i].standard;
    *variant->quad_math = &lab_quad_math;
    return l;
}

static inline void lab_set(lab *l, const char *option, double value)
{
    for (int i = 0; i < l->variant->option_count; i++)
        if (strcmp(l->variant->options[i].name, option) == 0) {
            l->number[i] = value;
            return;
        }
    printf("\n    %s has no option %s", l->variant->id, option);
    abort();
}

/* Run setup; parameters are drawn between -1 and 1, or 0.1 .. 0.9 where they must be positive. */
static inline bool lab_setup(lab *l)
{
    uint64_t seed = 20231009;
    for (int i = 0; i < l->variant->option_count; i++)
        l->opt[i] = (pe_value){1, &l->number[i]};
    l->info = (pe_setup){.dims = &l->dims, .opt = l->opt, .u = PE_NONE, .v = PE_NONE};
    if (!l->variant->setup(&l->info))
        return false;
    for (int p = 0; p < l->info.param_count; p++) {
        const pe_param *param = &l->info.param[p];
        size_t count = 1;
        for (int r = 0; r < param->rank; r++)
            count *= (size_t)param->shape[r];
        l->param[p] = lab_draws(&seed, count);
        for (size_t i = 0; param->low > 0 && i < count; i++)
            l->param[p][i] = 0.5 + 0.4 * l->param[p][i];
    }
    return true;
}

/* Options and dims point into the lab itself; after it was returned by value they must follow. */
static inline void lab_follow(lab *l)
{
    for (int i = 0; i < l->variant->option_count; i++)
        if (l->variant->options[i].kind != PE_LIST)
            l->opt[i].x = &l->number[i];
    l->info.dims = &l->dims;
    l->info.opt = l->opt;
}

static inline int lab_param(const lab *l, const char *name)
{
    for (int p = 0; p < l->info.param_count; p++)
        if (strcmp(l->info.param[p].name, name) == 0)
            return p;
    return PE_NONE;
}

/* ---- golden files -----------------------------------------------------------------------------
 */

static inline char *lab_read(const char *folder, const char *name, size_t *size)
{
    char path[1024];
    snprintf(path, sizeof path, POSENC_SOURCE_DIR "/tests/golden/%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    fseek(f, 0, SEEK_END);
    *size = (size_t)ftell(f);
    rewind(f);
    char *bytes = lab_keep(*size + 1, 1);
    if (fread(bytes, 1, *size, f) != *size)
        abort();
    fclose(f);
    return bytes;
}

/* Numbers of NAME.npy ('<f8' or '<i8', C order) as double, and how many; NULL when absent. */
static inline double *lab_npy(const char *folder, const char *name, size_t *count)
{
    size_t size, n;
    char file[128];
    snprintf(file, sizeof file, "%s.npy", name);
    char *bytes = lab_read(folder, file, &size);
    if (count)
        *count = 0;
    if (!bytes)
        return NULL;
    const size_t head = 10u + (unsigned char)bytes[8] + 256u * (unsigned char)bytes[9];
    const bool whole = strstr(bytes + 10, "'<i8'") != NULL;
    if (!whole && !strstr(bytes + 10, "'<f8'"))
        abort();
    double *x = lab_keep(n = (size - head) / 8, sizeof *x);
    for (size_t i = 0; i < n; i++) {
        int64_t integer;
        memcpy(&integer, bytes + head + 8 * i, 8);
        memcpy(&x[i], bytes + head + 8 * i, 8);
        x[i] = whole ? (double)integer : x[i];
    }
    if (count)
        *count = n;
    return x;
}

/* How far numbers are from those wanted, and how large the latter are. */
typedef struct lab_error {
    double worst, largest;
} lab_error;

/* A number, true (1) or false (0) of case.json; `other` when it is null or absent. */
static inline double lab_case(const char *folder, const char *key, double other)
{
    size_t size;
    char quoted[64];
    const char *at = lab_read(folder, "case.json", &size);
    snprintf(quoted, sizeof quoted, "\"%s\":", key);
    at = at ? strstr(at, quoted) : NULL;
    if (!at)
        return other;
    at += strlen(quoted) + 1;
    char *end;
    const double x = strtod(at, &end);
    return end != at                      ? x
           : strncmp(at, "true", 4) == 0  ? 1
           : strncmp(at, "false", 5) == 0 ? 0
                                          : other;
}
#endif

/* ---- in each precision ------------------------------------------------------------------------
 */

#if PE_PASS < 4
static inline void PE(lab_gemm)(bool ta, bool tb, int m, int n, int k, pe_real alpha,
                                const pe_real *a, int lda, const pe_real *b, int ldb, pe_real beta,
                                pe_real *c, int ldc)
{
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            pe_real sum = 0;
            for (int p = 0; p < k; p++)
                sum += a[ta ? p * lda + i : i * lda + p] * b[tb ? j * ldb + p : p * ldb + j];
            c[i * ldc + j] = alpha * sum + (beta != 0 ? beta * c[i * ldc + j] : 0);
        }
}

/* Knows float32 only: enough to see where a variant stores what. */
static inline void PE(lab_round)(pe_format format, size_t n, pe_real *x)
{
    for (size_t i = 0; format == PE_FP32 && i < n; i++)
        x[i] = (pe_real)(float)x[i];
}

static inline void PE(lab_turn)(int n, const pe_real *angle, pe_real *sine, pe_real *cosine)
{
    for (int i = 0; i < n; i++) {
        const pe_real x = angle[i];
        sine[i] = pe_sin(x);
        cosine[i] = pe_cos(x);
    }
}

static inline pe_real *PE(lab_cast)(const double *x, size_t count)
{
    pe_real *out = lab_keep(count, sizeof *out);
    for (size_t i = 0; i < count; i++)
        out[i] = (pe_real)x[i];
    return out;
}

/* A call with parameters cast, plan made and scratch of its own; l must stay where it is. */
static inline pe_call PE(lab_call)(lab *l)
{
    static const pe_lent lent = {
        .gemm = PE(lab_gemm), .round = PE(lab_round), .turn = PE(lab_turn)};
    const pe_real **w = lab_keep(PE_MAX_PARAMS, sizeof *w);
    lab_follow(l);
    for (int p = 0; p < l->info.param_count; p++) {
        size_t count = 1;
        for (int r = 0; r < l->info.param[p].rank; r++)
            count *= (size_t)l->info.param[p].shape[r];
        w[p] = PE(lab_cast)(l->param[p], count);
    }
    pe_real *plan = lab_keep(l->info.plan, sizeof *plan);
    pe_call c = {.dims = &l->dims,
                 .opt = l->opt,
                 .info = &l->info,
                 .w = w,
                 .plan = plan,
                 .scratch = lab_keep(l->info.scratch, sizeof(pe_real)),
                 .lent = &lent,
                 .formats = l->formats};
    if (l->variant->PE_OPS->plan)
        l->variant->PE_OPS->plan(&c, plan);
    return c;
}

/* Take note of one number; NaN is infinitely far. */
static inline void PE(lab_meet)(lab_error *e, pe_real got, pe_real want)
{
    const pe_real difference = pe_fabs(got - want), size = pe_fabs(want);
    e->worst = !(difference <= PE_MAX) ? (double)INFINITY : fmax(e->worst, (double)difference);
    e->largest = fmax(e->largest, (double)size);
}
#endif
