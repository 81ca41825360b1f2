#include "identify/identify.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

/* Largest difference of column a of A and column b of B; stops once it is above `enough`. */
static double column_distance(const pe_matrix *a, size_t ja, const pe_matrix *b, size_t jb,
                              double enough)
{
    double worst = 0;
    for (size_t t = 0; t < a->rows && worst <= enough; t++)
        worst = fmax(worst, fabs(a->values[t * a->columns + ja] - b->values[t * b->columns + jb]));
    return worst;
}

typedef struct matching {
    const pe_matrix *a, *b;
    double tolerance;
    size_t *owner; /* column of A + 1 that has this column of B, or 0 */
    bool *seen;
} matching;

/* The first free partner: columns that occur twice, as the cosines of a rotation do, keep their
 * order in this way. */
static bool take_free(matching *m, size_t ja)
{
    for (size_t jb = 0; jb < m->b->columns; jb++)
        if (m->owner[jb] == 0 &&
            column_distance(m->a, ja, m->b, jb, m->tolerance) <= m->tolerance) {
            m->owner[jb] = ja + 1;
            return true;
        }
    return false;
}

/* Kuhn's augmenting path: a partner for ja, moving others when that helps. */
static bool find_partner(matching *m, size_t ja)
{
    for (size_t jb = 0; jb < m->b->columns; jb++) {
        if (m->seen[jb] || column_distance(m->a, ja, m->b, jb, m->tolerance) > m->tolerance)
            continue;
        m->seen[jb] = true;
        if (m->owner[jb] == 0 || find_partner(m, m->owner[jb] - 1)) {
            m->owner[jb] = ja + 1;
            return true;
        }
    }
    return false;
}

/* The column of A that is farthest from all of B. */
static void prove_none(const pe_matrix *a, const pe_matrix *b, pe_permutation *out)
{
    out->distance = -1;
    for (size_t ja = 0; ja < a->columns; ja++) {
        double least = HUGE_VAL;
        size_t nearest = 0;
        for (size_t jb = 0; jb < b->columns; jb++) {
            const double d = column_distance(a, ja, b, jb, least);
            if (d < least)
                least = d, nearest = jb;
        }
        if (least > out->distance)
            out->distance = least, out->column = ja, out->nearest = nearest;
    }
}

static void match_all(matching *m, pe_permutation *out)
{
    const size_t n = m->a->columns;
    out->exists = true;
    for (size_t ja = 0; ja < n && out->exists; ja++) {
        memset(m->seen, 0, n * sizeof *m->seen);
        out->exists = take_free(m, ja) || find_partner(m, ja);
    }
    for (size_t jb = 0; out->exists && jb < n; jb++) {
        const size_t ja = m->owner[jb] - 1;
        out->source[ja] = jb;
        out->worst = fmax(out->worst, column_distance(m->a, ja, m->b, jb, HUGE_VAL));
    }
    if (!out->exists)
        prove_none(m->a, m->b, out);
}

pe_status pe_find_permutation(const pe_matrix *a, const pe_matrix *b, double tolerance,
                              pe_permutation *out, pe_error *err)
{
    *out = (pe_permutation){0};
    if (a->layers != 1 || b->layers != 1 || a->rows != b->rows || a->columns != b->columns)
        return pe_fail(err, PE_USAGE,
                       "a (%zu, %zu) and a (%zu, %zu) table cannot be equal in any "
                       "order of their columns",
                       a->rows, a->columns, b->rows, b->columns);
    matching m = {.a = a, .b = b, .tolerance = tolerance};
    out->source = pe_allocate(a->columns, sizeof *out->source, "a permutation", err);
    m.owner = pe_allocate(a->columns, sizeof *m.owner, "a matching", err);
    m.seen = pe_allocate(a->columns, sizeof *m.seen, "a matching", err);
    const bool whole = out->source && m.owner && m.seen;
    if (whole)
        match_all(&m, out);
    pe_release(m.owner);
    pe_release(m.seen);
    if (!whole || !out->exists) {
        pe_release(out->source);
        out->source = NULL;
    }
    return whole ? PE_OK : PE_MEMORY;
}

void pe_permutation_release(pe_permutation *permutation)
{
    pe_release(permutation->source);
    *permutation = (pe_permutation){0};
}
