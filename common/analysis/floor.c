#include "analysis/floor.h"

#include "analysis/random.h"
#include "base/memory.h"

#include <math.h>

typedef struct moments {
    double sum, squares;
} moments;

static void add(moments *m, double x)
{
    m->sum += x;
    m->squares += x * x;
}

static double mean_of(moments m, size_t n)
{
    return m.sum / (double)n;
}

static double standard_error_of(moments m, size_t n)
{
    double mean = mean_of(m, n);
    double variance = (m.squares - (double)n * mean * mean) / (double)(n - 1);
    return sqrt(fmax(variance, 0.0) / (double)n);
}

/* One sequence: the largest share of its histogram, and the entropy in nats. */
static void measure_histogram(const uint32_t *count, size_t V, size_t tokens, double *largest,
                              double *entropy)
{
    *largest = 0.0;
    *entropy = 0.0;
    for (size_t v = 0; v < V; v++) {
        double share = (double)count[v] / (double)tokens;
        *largest = fmax(*largest, share);
        if (count[v])
            *entropy -= share * log(share);
    }
}

static void draw_histogram(pe_stream *s, uint32_t *count, size_t V, size_t tokens)
{
    for (size_t v = 0; v < V; v++)
        count[v] = 0;
    for (size_t t = 0; t < tokens; t++)
        count[pe_stream_below(s, (uint32_t)V)]++;
}

pe_status pe_left_neighbour_floor(size_t V, size_t T, size_t draws, uint64_t seed, pe_floor *out,
                                  pe_error *err)
{
    if (V < 1 || V > UINT32_MAX || T < 2 || T > UINT32_MAX || draws < 2)
        return pe_fail(err, PE_USAGE,
                       "floor: needs 1 symbol, 2 tokens and 2 draws or more (fewer than 2^32), got "
                       "V = %zu, T = %zu, draws = %zu",
                       V, T, draws);
    uint32_t *count = pe_allocate(V, sizeof *count, "histogram", err);
    if (!count)
        return PE_MEMORY;
    pe_stream s = pe_stream_open(seed, "left-neighbour floor", 0);
    moments accuracy = {0}, entropy = {0};
    for (size_t n = 0; n < draws; n++) {
        double largest, nats;
        draw_histogram(&s, count, V, T - 1);
        measure_histogram(count, V, T - 1, &largest, &nats);
        add(&accuracy, largest);
        add(&entropy, nats);
    }
    *out = (pe_floor){mean_of(accuracy, draws), standard_error_of(accuracy, draws),
                      mean_of(entropy, draws), standard_error_of(entropy, draws), draws};
    pe_release(count);
    return PE_OK;
}
