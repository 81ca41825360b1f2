#include "analysis/concordance.h"

#include "analysis/start.h"
#include "base/memory.h"

#include <gsl/gsl_sort.h>
#include <string.h>

/* The scores of one row from near to far, and a Fenwick tree that counts, by rank, the scores
 * already seen. Walking from far to near, every count of what was seen is a count of triples. */
typedef struct row {
    size_t n;
    double *score;    /* from near to far */
    size_t *distance; /* not falling */
    double *sorted;   /* the different scores, rising */
    size_t ranks;     /* how many of them */
    uint64_t *tree;   /* 1-based, ranks entries */
    uint64_t seen;
} row;

typedef struct tally {
    uint64_t concordant, discordant, tied;
} tally;

static void free_row(row *r)
{
    pe_release(r->score);
    pe_release(r->distance);
    pe_release(r->sorted);
    pe_release(r->tree);
}

static pe_status allocate_row(size_t n, row *r, pe_error *err)
{
    *r = (row){0};
    r->score = pe_allocate(n, sizeof *r->score, "concordance scores", err);
    if (r->score)
        r->distance = pe_allocate(n, sizeof *r->distance, "concordance distances", err);
    if (r->distance)
        r->sorted = pe_allocate(n, sizeof *r->sorted, "concordance ranks", err);
    if (r->sorted)
        r->tree = pe_allocate(n + 1, sizeof *r->tree, "concordance counts", err);
    if (r->tree)
        return PE_OK;
    free_row(r);
    return PE_MEMORY;
}

static void rank_scores(row *r)
{
    memcpy(r->sorted, r->score, r->n * sizeof *r->sorted);
    gsl_sort(r->sorted, 1, r->n);
    r->ranks = 0;
    for (size_t i = 0; i < r->n; i++)
        if (r->ranks == 0 || r->sorted[i] != r->sorted[r->ranks - 1])
            r->sorted[r->ranks++] = r->sorted[i];
    memset(r->tree, 0, (r->ranks + 1) * sizeof *r->tree);
    r->seen = 0;
}

/* 1 for the lowest score. */
static size_t rank_of(const row *r, double score)
{
    size_t low = 0, high = r->ranks - 1;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (r->sorted[middle] < score)
            low = middle + 1;
        else
            high = middle;
    }
    return low + 1;
}

static uint64_t seen_up_to(const row *r, size_t rank)
{
    uint64_t sum = 0;
    for (; rank > 0; rank &= rank - 1)
        sum += r->tree[rank];
    return sum;
}

static void see(row *r, size_t rank)
{
    for (; rank <= r->ranks; rank += rank & (~rank + 1))
        r->tree[rank]++;
    r->seen++;
}

static void count_row(row *r, tally *t)
{
    rank_scores(r);
    for (size_t end = r->n, start; end > 0; end = start) {
        for (start = end - 1; start > 0 && r->distance[start - 1] == r->distance[end - 1];)
            start--;
        for (size_t i = start; i < end; i++) {
            size_t rank = rank_of(r, r->score[i]);
            uint64_t below = seen_up_to(r, rank - 1), not_above = seen_up_to(r, rank);
            t->concordant += below;
            t->tied += not_above - below;
            t->discordant += r->seen - not_above;
        }
        for (size_t i = start; i < end; i++)
            see(r, rank_of(r, r->score[i]));
    }
}

static void add_score(row *r, double score, size_t distance)
{
    r->score[r->n] = score;
    r->distance[r->n++] = distance;
}

static void read_row(row *r, const double *m, size_t T, size_t i, pe_region region)
{
    int two_sided = !pe_region_is_causal(region);
    r->n = 0;
    for (size_t distance = 1; distance < T; distance++) {
        if (distance <= i)
            add_score(r, m[i * T + i - distance], distance);
        if (two_sided && i + distance < T)
            add_score(r, m[i * T + i + distance], distance);
    }
}

static void shares_of(tally t, pe_concordance *out)
{
    *out = (pe_concordance){.triples = t.concordant + t.discordant + t.tied};
    if (out->triples == 0)
        return;
    double all = (double)out->triples;
    out->concordant = (double)t.concordant / all;
    out->discordant = (double)t.discordant / all;
    out->tied = (double)t.tied / all;
    out->tau = ((double)t.concordant - (double)t.discordant) / all;
}

pe_status pe_concordance_of(const double *m, size_t T, pe_region region, pe_concordance *out,
                            pe_error *err)
{
    row r;
    tally t = {0};
    region = pe_region_is_causal(region) ? PE_REGION_CAUSAL_STRICT : PE_REGION_OFF_DIAGONAL;
    pe_status st = pe_require_finite_region(m, T, region, err);
    if (st == PE_OK)
        st = allocate_row(T, &r, err);
    if (st != PE_OK)
        return st;
    for (size_t i = 0; i < T; i++) {
        read_row(&r, m, T, i, region);
        if (r.n > 0)
            count_row(&r, &t);
    }
    shares_of(t, out);
    free_row(&r);
    return PE_OK;
}

pe_status pe_curve_concordance(const double *b, size_t n, pe_concordance *out, pe_error *err)
{
    row r;
    tally t = {0};
    if (n == 0)
        return pe_fail(err, PE_USAGE, "concordance: the curve has no points");
    pe_status st = pe_require_finite(b, n, "curve", err);
    if (st == PE_OK)
        st = allocate_row(n, &r, err);
    if (st != PE_OK)
        return st;
    for (size_t k = 0; k < n; k++)
        add_score(&r, b[k], k);
    count_row(&r, &t);
    shares_of(t, out);
    free_row(&r);
    return PE_OK;
}
