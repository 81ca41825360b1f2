/* SPDX-License-Identifier: MIT
 *
 * Turns the three passes: included by posenc.h each time, it sets what pe_real, pe_sin, PE(name),
 * PE_C(0.5) mean in double, then float, then quad, and closes the set at the fourth inclusion. Only
 * #defines change here: all types were declared once, so no macro of a variant can break them. */

#if !defined(PE_PASS)
#define PE_PASS       1
#define PE_FIRST      1
#define PE_NEXT(file) file

#define pe_call          PE(pe_call)
#define pe_rows          PE(pe_rows)
#define pe_tile          PE(pe_tile)
#define pe_tile_gradient PE(pe_tile_gradient)
#define pe_run           PE(pe_run)
#define pe_run_gradient  PE(pe_run_gradient)
#define pe_ops           PE(pe_ops)
#define pe_lent          PE(pe_lent)

#define pe_sin(x)      PE_MATH(sin)(x)
#define pe_cos(x)      PE_MATH(cos)(x)
#define pe_tan(x)      PE_MATH(tan)(x)
#define pe_exp(x)      PE_MATH(exp)(x)
#define pe_expm1(x)    PE_MATH(expm1)(x)
#define pe_log(x)      PE_MATH(log)(x)
#define pe_log1p(x)    PE_MATH(log1p)(x)
#define pe_sqrt(x)     PE_MATH(sqrt)(x)
#define pe_fabs(x)     PE_MATH(fabs)(x)
#define pe_floor(x)    PE_MATH(floor)(x)
#define pe_tanh(x)     PE_MATH(tanh)(x)
#define pe_erf(x)      PE_MATH(erf)(x)
#define pe_pow(x, y)   PE_MATH(pow)(x, y)
#define pe_fmin(x, y)  PE_MATH(fmin)(x, y)
#define pe_fmax(x, y)  PE_MATH(fmax)(x, y)
#define pe_atan2(y, x) PE_MATH(atan2)(y, x)

#define PE_PI  PE_C(3.1415926535897932384626433832795028842)
#define PE_LN2 PE_C(0.6931471805599453094172321214581765681)

/* A number that is not a literal (an int, a double option) as pe_real. */
#define pe_num(x) ((pe_real)(x))

#ifndef PE_CORE
/* One per module, and its only writable word: the host sets it before any call. */
static const pe_quad_math *pe_quad_lent;
#endif

#define PE(name)   name##_f64
#define pe_real    double
#define PE_C(x)    x
#define PE_MATH(f) f
/* The member of pe_variant that holds this precision's hooks, for the host. */
#define PE_OPS f64
#define PE_EPS 2.2204460492503131e-16
#define PE_MAX 1.7976931348623157e308
#ifdef PE_CORE
#define PE_VARIANT(name, ...) struct pe_no_variant_here
#else
#define PE_VARIANT(name, ...) struct pe_more_passes_follow
#endif

#elif PE_PASS == 1
#undef PE_PASS
#define PE_PASS 2
#undef PE_FIRST
#undef PE
#undef pe_real
#undef PE_C
#undef PE_MATH
#undef PE_OPS
#undef PE_EPS
#undef PE_MAX
#define PE(name)   name##_f32
#define pe_real    float
#define PE_C(x)    x##f
#define PE_MATH(g) g##f
#define PE_OPS     f32
#define PE_EPS     1.1920929e-7f
#define PE_MAX     3.40282347e38f

#elif PE_PASS == 2
#undef PE_PASS
#define PE_PASS 3
#undef PE
#undef pe_real
#undef PE_C
#undef PE_MATH
#undef PE_OPS
#undef PE_EPS
#undef PE_MAX
#define PE(name) name##_f128
#define pe_real  pe_quad
#define PE_C(x)  PE_QUAD_C(x)
#ifdef PE_CORE
#define PE_MATH(f) pe_quad_##f
#else
#define PE_MATH(f) pe_quad_lent->f
#endif
#define PE_OPS f128
/* Digits of the wider type of the two that quad can be; an upper bound of the rounding unit. */
#define PE_EPS                                                                                     \
    (PE_QUAD_DIGITS == 113u ? PE_C(1.92592994438723585e-34) : PE_C(1.0842021724855044e-19))
#define PE_MAX ((pe_quad)1.7976931348623157e308 * (pe_quad)1.7976931348623157e308)
#undef PE_NEXT
#define PE_NEXT(file) "posenc.h"

#ifndef PE_CORE
#undef PE_VARIANT
#define PE_VARIANT(name, ...)                                                                      \
    extern const pe_variant pe_variant_##name;                                                     \
    __attribute__((visibility("default")))                                                         \
    const pe_variant pe_variant_##name = {.tag = "POSENC",                                         \
                                          .abi = PE_ABI,                                           \
                                          .size = sizeof(pe_variant),                              \
                                          .quad_digits = PE_QUAD_DIGITS,                           \
                                          .dims_size = PE_DIMS_SIZE,                               \
                                          .id = #name,                                             \
                                          .f64 = &ops_f64,                                         \
                                          .f32 = &ops_f32,                                         \
                                          .f128 = &ops_f128,                                       \
                                          .quad_math = &pe_quad_lent,                              \
                                          __VA_ARGS__}
#endif

#elif PE_PASS == 3
/* The set is closed; nothing follows in this file. */
#undef PE_PASS
#define PE_PASS 4
#endif

#if PE_PASS < 4
/* Options by index, inside hooks. */
static inline pe_real PE(pe_opt_real)(const pe_call *c, int which)
{
    return (pe_real)c->opt[which].x[0];
}
/* Round one value where a framework would have stored it; nothing happens unless asked for. */
static inline pe_real PE(pe_at_place)(const pe_call *c, pe_place place, pe_real x)
{
    if (c->formats && c->formats[place] != PE_UNROUNDED)
        c->lent->round((pe_format)c->formats[place], 1, &x);
    return x;
}
/* The same for n values in place. */
static inline void PE(pe_store_array)(const pe_call *c, pe_place place, size_t n, pe_real *x)
{
    if (c->formats && c->formats[place] != PE_UNROUNDED)
        c->lent->round((pe_format)c->formats[place], n, x);
}
/* base^(-2k / width), the frequency of pair k: Vaswani et al. 2017, arXiv:1706.03762, sec. 3.5. */
static inline pe_real PE(pe_inverse_frequency)(double base, int k, int width)
{
    return pe_pow(pe_num(base), -(pe_num(2 * k) / pe_num(width)));
}
/* Turn the pair (a, b) counter-clockwise by the angle whose cosine and sine are given. */
static inline void PE(pe_turn_pair)(pe_real *a, pe_real *b, pe_real cosine, pe_real sine)
{
    const pe_real x = *a, y = *b;
    *a = x * cosine - y * sine;
    *b = x * sine + y * cosine;
}
/* dst += factor * src, n numbers. */
static inline void PE(pe_add_scaled)(pe_real *dst, pe_real factor, const pe_real *src, int n)
{
    for (int i = 0; i < n; i++)
        dst[i] += factor * src[i];
}
#ifdef PE_FIRST
#define pe_opt_real(c, which)              PE(pe_opt_real)(c, which)
#define pe_opt_int(c, which)               ((int64_t)(c)->opt[which].x[0])
#define pe_opt_bool(c, which)              ((c)->opt[which].x[0] > 0)
#define pe_opt_double(c, which)            ((c)->opt[which].x[0])
#define pe_at(c, place, x)                 PE(pe_at_place)(c, place, x)
#define pe_store(c, place, n, x)           PE(pe_store_array)(c, place, n, x)
#define pe_inverse_frequency(base, k, w)   PE(pe_inverse_frequency)(base, k, w)
#define pe_turn(a, b, cosine, sine)        PE(pe_turn_pair)(a, b, cosine, sine)
#define pe_add_scaled(dst, factor, src, n) PE(pe_add_scaled)(dst, factor, src, n)
#endif
#endif
