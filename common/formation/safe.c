/* Safe context by search, with an a-priori bound to pass over what needs no look. */
#include "formation/safe.h"

#include "base/memory.h"
#include "numbers/ulp.h"

#include <math.h>

enum { AT_ONCE = 256 };

/* Largest relative error of one rounding: half of epsilon; 0 when nothing is rounded. */
static double unit(pe_format format)
{
    return pe_format_epsilon(format) / 2;
}

/* What sine and store may add to the phase. Relative errors e, f of sine and cosine turn their
 * direction by |sin cos (e - f)| <= max(|e|, |f|); below the normal numbers errors are absolute. */
static double table_slack(const pe_formation *path)
{
    const pe_format rounded[] = {path->sine.arithmetic, path->sine.result, path->store};
    double slack = 0x1p-50;
    for (size_t i = 0; i < sizeof rounded / sizeof rounded[0]; i++)
        slack += (i == 0 ? 4 : 1) * unit(rounded[i]) + 2 * pe_format_smallest(rounded[i]);
    return 1.01 * slack;
}

/* The error of the angle that the path forms, to about 2^-50 of the error and 2^-105 of the angle.
 */
static double angle_error(const pe_formed *formed, size_t pair, double position)
{
    double low;
    const double angle = pe_formed_angle(formed, pair, position, &low);
    const double high = formed->exact_high[pair];
    const double product = position * high;
    const double rest = fma(position, high, -product) + position * formed->exact_low[pair];
    return fabs((angle - product) + (low - rest));
}

/* No format on the way to the angle holds more. */
static double largest(const pe_formation *path)
{
    const pe_format on_the_way[] = {path->position, path->frequency.result, path->angle.arithmetic,
                                    path->angle.result};
    double most = 0x1p53;
    for (size_t i = 0; i < sizeof on_the_way / sizeof on_the_way[0]; i++)
        if (on_the_way[i] != PE_UNROUNDED)
            most = fmin(most, pe_format_largest(on_the_way[i]));
    return most;
}

/* A position up to which a product's angle cannot be off by `room` radians: its error is at most
 * p |w' - w| + p w' (the roundings of p, of w', of the product, of the result) (1 + ...). */
static double surely_safe(const pe_formed *formed, size_t pair, double room)
{
    const pe_formation *path = &formed->formation;
    const int formula = path->angle.formula;
    if (room <= 0 || (formula != PE_ANGLE_PRODUCT && formula != PE_ANGLE_EXACT))
        return -1;
    const double w = formed->high[pair];
    const double roundings =
        unit(path->position) + 3 * unit(path->angle.arithmetic) + unit(path->angle.result);
    const double rate =
        fabs((w - formed->exact_high[pair]) + (formed->low[pair] - formed->exact_low[pair])) +
        fabs(w) * (1.5 * roundings + 0x1p-100);
    const double subnormal =
        2 * (pe_format_smallest(path->angle.arithmetic) + pe_format_smallest(path->angle.result));
    const double p = 0.99 * (room - subnormal) / rate;
    return isfinite(p) ? fmin(p, largest(path)) : -1;
}

/* ---- search ---- */

typedef struct search {
    const pe_formed *formed;
    double tolerance, slack;
    double position[AT_ONCE], sine[AT_ONCE], cosine[AT_ONCE], s[AT_ONCE], c[AT_ONCE];
} search;

/* Does any of n positions need the whole table to be decided? A path that walks has no angle. */
static bool doubtful(const search *x, size_t pair, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!(angle_error(x->formed, pair, x->position[i]) + x->slack <= x->tolerance))
            return true;
    return false;
}

/* First of the n positions with a phase error beyond the tolerance; n: none. */
static size_t first_unsafe(search *x, size_t pair, size_t n)
{
    if (!doubtful(x, pair, n))
        return n;
    pe_formed_column(x->formed, pair, n, x->position, x->sine, x->cosine, 1);
    pe_formed_reference(x->formed, pair, n, x->position, x->s, x->c, 1);
    for (size_t i = 0; i < n; i++)
        if (!(pe_phase_error(x->sine[i], x->cosine[i], x->s[i], x->c[i]) <= x->tolerance))
            return i;
    return n;
}

/* The safe part of one pair, at most up to safe->position, which becomes it. */
static void search_pair(search *x, size_t pair, pe_safe *safe)
{
    const double start = floor(surely_safe(x->formed, pair, x->tolerance - x->slack)) + 1;
    for (double p = start; p <= safe->position; p += AT_ONCE) {
        const double left = safe->position - p + 1;
        const size_t n = left < AT_ONCE ? (size_t)left : AT_ONCE;
        for (size_t i = 0; i < n; i++)
            x->position[i] = p + (double)i;
        const size_t at = first_unsafe(x, pair, n);
        if (at < n) {
            *safe = (pe_safe){x->position[at] - 1, true, pair};
            return;
        }
    }
}

/* A path that walks is walked once per pair. */
static pe_status search_walk(const pe_formed *formed, double tolerance, pe_safe *safe,
                             pe_error *err)
{
    enum { FIRST = 1024 };
    for (double length = FIRST;; length *= 2) {
        const size_t n = (size_t)fmin(length, safe->position + 1);
        double *position = pe_allocate_unset(n, sizeof *position, "positions", err);
        pe_entry_error *error = pe_allocate_unset(n, sizeof *error, "errors of a path", err);
        pe_status status = position && error ? PE_OK : PE_MEMORY;
        for (size_t i = 0; status == PE_OK && i < n; i++)
            position[i] = (double)i;
        for (size_t pair = 0; status == PE_OK && pair < formed->spectrum.pairs; pair++) {
            const size_t still = (size_t)fmin((double)n, safe->position + 1);
            status = pe_formation_errors(formed, pair, still, position, error, err);
            for (size_t i = 0; status == PE_OK && i < still; i++)
                if (!(error[i].phase <= tolerance)) {
                    *safe = (pe_safe){(double)i - 1, true, pair};
                    break;
                }
        }
        pe_release(position);
        pe_release(error);
        if (status != PE_OK || safe->reached || (double)n > safe->position)
            return status;
    }
}

static pe_status check(double tolerance, double highest, double most, pe_error *err)
{
    if (!(tolerance > 0 && tolerance < highest))
        return pe_fail(err, PE_USAGE, "the tolerance is above 0%s, not %g",
                       highest < 4 ? " and below pi" : "", tolerance);
    if (!(most >= 0 && most <= 0x1p31))
        return pe_fail(err, PE_USAGE, "the last position is 0 to 2^31, not %g", most);
    return PE_OK;
}

pe_status pe_safe_phase(const pe_formed *formed, double tolerance, double most, pe_safe *safe,
                        pe_error *err)
{
    const size_t pairs = formed->spectrum.pairs;
    pe_status status = check(tolerance, acos(-1), most, err);
    if (status != PE_OK)
        return status;
    *safe = (pe_safe){.position = floor(most)};
    if (formed->formation.angle.formula == PE_ANGLE_ADDITION)
        return search_walk(formed, tolerance, safe, err);
    search *x = pe_allocate(1, sizeof *x, "a search", err);
    if (!x)
        return PE_MEMORY;
    x->formed = formed;
    x->tolerance = tolerance;
    x->slack = table_slack(&formed->formation);
    for (size_t i = 0; i < pairs; i++) /* the fastest pair with a rounded frequency first */
        search_pair(x, (i + 1) % pairs, safe);
    pe_release(x);
    return PE_OK;
}

/* ---- shifts ---- */

static double next_shift(double shift)
{
    return shift < 16 ? shift + 1 : shift + ldexp(1, ilogb(shift) - 3);
}

pe_status pe_safe_shift(const pe_formed *formed, const pe_rotary *rotary, pe_safe_unit measure,
                        double tolerance, double most, pe_safe *safe, pe_error *err)
{
    pe_status status = check(tolerance, HUGE_VAL, most, err);
    pe_safe found = {.position = 0};
    for (double shift = 1; status == PE_OK && shift <= most && !found.reached;
         shift = next_shift(shift)) {
        pe_shift_change change;
        status = pe_formation_shift(formed, rotary, shift, &change, err);
        if (status != PE_OK)
            break;
        const double moved = measure == PE_SAFE_LOGIT ? change.logit_rms : change.weight_mean;
        if (moved <= tolerance)
            found.position = shift;
        else
            found.reached = true;
    }
    if (status == PE_OK)
        *safe = found;
    return status;
}
