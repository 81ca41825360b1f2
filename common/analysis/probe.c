#include "analysis/probe.h"

#include "analysis/random.h"
#include "analysis/ridge.h"
#include "analysis/start.h"
#include "base/memory.h"

#include <math.h>

typedef struct probe {
    const double *P;
    size_t T, d, trained, tested;
    size_t *test; /* rising rows that are held out */
    double *X;    /* (trained, d) the other rows */
    double *y;    /* (trained) their positions, then w (d + 1) */
} probe;

static void free_probe(probe *p)
{
    pe_release(p->test);
    pe_release(p->X);
    pe_release(p->y);
}

static pe_status allocate_probe(probe *p, pe_error *err)
{
    p->test = pe_allocate(p->tested, sizeof *p->test, "held-out rows", err);
    if (p->test)
        p->X = pe_allocate(p->trained, p->d * sizeof *p->X, "training rows", err);
    if (p->X)
        p->y = pe_allocate(p->trained + p->d + 1, sizeof *p->y, "positions", err);
    return p->y ? PE_OK : PE_MEMORY;
}

/* The training rows are those that p->test, rising, jumps over. */
static double gather_training(probe *p)
{
    size_t skipped = 0, n = 0;
    double mean = 0;
    for (size_t t = 0; t < p->T; t++) {
        if (skipped < p->tested && p->test[skipped] == t) {
            skipped++;
            continue;
        }
        for (size_t c = 0; c < p->d; c++)
            p->X[n * p->d + c] = p->P[t * p->d + c];
        p->y[n++] = (double)t;
        mean += (double)t / (double)p->trained;
    }
    return mean;
}

static void test_rows(const probe *p, double mean, pe_position_probe *out)
{
    const double *w = p->y + p->trained;
    for (size_t n = 0; n < p->tested; n++) {
        const double t = (double)p->test[n];
        const double gap = pe_ridge_predict(w, p->P + p->test[n] * p->d, p->d) - t;
        out->chance += fabs(mean - t) / (double)p->tested;
        out->mae += fabs(gap) / (double)p->tested;
        out->worst = fmax(out->worst, fabs(gap));
    }
}

static pe_status count_rows(size_t T, size_t d, double held_out, double ridge, size_t *tested,
                            pe_error *err)
{
    if (!(held_out > 0.0 && held_out < 1.0) || !(ridge > 0.0 && isfinite(ridge)) || d == 0)
        return pe_fail(err, PE_USAGE,
                       "position probe: needs 0 < held_out < 1, ridge > 0 and a column, got %g, %g "
                       "and %zu",
                       held_out, ridge, d);
    *tested = (size_t)(held_out * (double)T + 0.5);
    if (*tested < 1)
        *tested = 1;
    if (T < *tested + 2)
        return pe_fail(err, PE_USAGE, "position probe: %zu of %zu rows held out leaves too few",
                       *tested, T);
    return PE_OK;
}

pe_status pe_probe_position(const double *P, size_t T, size_t d, double held_out, double ridge,
                            uint64_t seed, pe_position_probe *out, pe_error *err)
{
    probe p = {.P = P, .T = T, .d = d};
    pe_status st = count_rows(T, d, held_out, ridge, &p.tested, err);
    if (st == PE_OK)
        st = pe_require_finite(P, T * d, "table", err);
    if (st != PE_OK)
        return st;
    p.trained = T - p.tested;
    double mean = 0;
    st = allocate_probe(&p, err);
    if (st == PE_OK) {
        pe_stream stream = pe_stream_open(seed, "held-out positions", 0);
        pe_choose(&stream, p.test, p.tested, T);
        mean = gather_training(&p);
        st = pe_ridge_fit(p.X, p.y, p.trained, d, ridge, p.y + p.trained, err);
    }
    if (st == PE_OK) {
        *out = (pe_position_probe){.ridge = ridge, .trained = p.trained, .tested = p.tested};
        test_rows(&p, mean, out);
    }
    free_probe(&p);
    return st;
}
