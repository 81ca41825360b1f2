/* What a table of sines and cosines ought to keep: different rows for different positions, and the
 * group law. */
#include "formation/measure.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- distinct rows ---- */

typedef struct row {
    uint64_t a, b; /* two sums over the row's bits */
    size_t index;
} row;

/* The finaliser of splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t mixed(uint64_t z)
{
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static uint64_t bits_of(double x)
{
    uint64_t bits;
    x += 0.0; /* -0 and 0 are one value */
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static void add_entry(row *r, double x)
{
    const uint64_t bits = bits_of(x);
    r->a = mixed(r->a + 0x9e3779b97f4a7c15u + bits);
    r->b = mixed((r->b ^ bits) + 0xd1342543de82ef95u);
}

static int by_content(const void *a, const void *b)
{
    const row *x = a, *y = b;
    if (x->a != y->a)
        return x->a < y->a ? -1 : 1;
    if (x->b != y->b)
        return x->b < y->b ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* rows is sorted: alike ones are neighbours, the earliest first. */
static pe_formation_rows count_rows(size_t n, const row *rows, const double *position)
{
    pe_formation_rows found = {0, (double)NAN, (double)NAN};
    size_t earliest = 0, repeats = n, of = 0;
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || rows[i].a != rows[i - 1].a || rows[i].b != rows[i - 1].b) {
            found.distinct++;
            earliest = rows[i].index;
        } else if (rows[i].index < repeats) {
            repeats = rows[i].index;
            of = earliest;
        }
    }
    if (repeats < n) {
        found.repeats = position[repeats];
        found.repeats_of = position[of];
    }
    return found;
}

pe_status pe_formation_distinct(const pe_formed *formed, size_t n, const double *position,
                                pe_formation_rows *found, pe_error *err)
{
    row *rows = pe_allocate(n, sizeof *rows, "rows of a table", err);
    double *entry = pe_allocate_unset(2 * n, sizeof *entry, "a column of a table", err);
    const bool enough = rows && entry;
    for (size_t p = 0; enough && p < formed->spectrum.pairs; p++) {
        pe_formed_column(formed, p, n, position, entry, entry + n, 1);
        for (size_t i = 0; i < n; i++) {
            rows[i].index = i;
            add_entry(&rows[i], entry[i]);
            add_entry(&rows[i], entry[n + i]);
        }
    }
    if (enough) {
        qsort(rows, n, sizeof *rows, by_content);
        *found = count_rows(n, rows, position);
    }
    pe_release(rows);
    pe_release(entry);
    return enough ? PE_OK : PE_MEMORY;
}

/* ---- the group law ---- */

pe_status pe_formation_group_law(const pe_formed *formed, size_t n, const double *position,
                                 double k, pe_worst *worst, pe_error *err)
{
    double *moved = pe_allocate_unset(5 * n, sizeof *moved, "a column of a table", err);
    if (!moved)
        return PE_MEMORY;
    double *s0 = moved + n, *c0 = s0 + n, *s1 = c0 + n, *c1 = s1 + n;
    for (size_t i = 0; i < n; i++)
        moved[i] = position[i] + k;
    *worst = (pe_worst){0, n ? position[0] : 0, 0};
    for (size_t p = 0; p < formed->spectrum.pairs; p++) {
        double sk, ck;
        pe_formed_column(formed, p, 1, &k, &sk, &ck, 1);
        pe_formed_column(formed, p, n, position, s0, c0, 1);
        pe_formed_column(formed, p, n, moved, s1, c1, 1);
        for (size_t i = 0; i < n; i++) {
            const double sine = fabs(s1[i] - (s0[i] * ck + c0[i] * sk));
            const double cosine = fabs(c1[i] - (c0[i] * ck - s0[i] * sk));
            const double most = sine > cosine ? sine : cosine;
            if (!(most <= worst->value))
                *worst = (pe_worst){most, position[i], p};
        }
    }
    pe_release(moved);
    return PE_OK;
}
