#include "numbers/ulp.h"

static const double pi = 3.14159265358979323846;

double pe_error_absolute(double result, double hi, double lo)
{
    return fabs((result - hi) - lo);
}

/* floor(log2 |hi + lo|) for hi + lo not 0: a power of two with a tail towards zero lies in the
 * binade below. */
static int binade(double hi, double lo)
{
    int e = ilogb(hi);
    bool power = fabs(hi) == ldexp(1.0, e);
    return power && lo != 0 && signbit(lo) != signbit(hi) ? e - 1 : e;
}

double pe_ulp(pe_format format, double hi, double lo)
{
    int digits = pe_format_digits(format), least = pe_format_least_exponent(format);
    if (!isfinite(hi) || !isfinite(lo))
        return (double)NAN;
    if (digits == 0)
        return 0;
    int e = hi != 0 ? binade(hi, lo) : least;
    return ldexp(1.0, (e > least ? e : least) - digits + 1);
}

double pe_error_ulp(pe_format format, double result, double hi, double lo)
{
    if (isnan(result) || isnan(hi) || isnan(lo))
        return (double)NAN;
    if (isinf(result) || isinf(hi))
        return result == hi ? 0 : HUGE_VAL;
    return pe_error_absolute(result, hi, lo) / pe_ulp(format, hi, lo);
}

double pe_wrapped_difference(double a, double b)
{
    return fabs(remainder(a - b, 2 * pi));
}

double pe_phase_error(double sine, double cosine, double reference_sine, double reference_cosine)
{
    return atan2(fabs(sine * reference_cosine - cosine * reference_sine),
                 cosine * reference_cosine + sine * reference_sine);
}
