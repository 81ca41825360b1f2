#include "analysis/random.h"

#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>

static uint64_t rotated_left(uint64_t x, int bits)
{
    return (x << bits) | (x >> (64 - bits));
}

/* xoshiro256++, Blackman and Vigna 2021, figure 1 with A = 17, B = 45 and the scrambler of table 6.
 */
static uint64_t next_word(uint64_t s[4])
{
    uint64_t result = rotated_left(s[0] + s[3], 23) + s[0];
    uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotated_left(s[3], 45);
    return result;
}

/* splitmix64: a bijection of 64-bit words after each step of a Weyl sequence; the authors' own
 * advice for filling the state. */
static uint64_t next_mixed(uint64_t *x)
{
    uint64_t z = *x += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* FNV-1a over the bytes of the text. */
static uint64_t hash_of_text(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        hash = (hash ^ *c) * 0x100000001b3u;
    return hash;
}

/* Each part of the key is mixed before the next is added, so that (1, 2) and (2, 1) differ. */
pe_stream pe_stream_open(uint64_t seed, const char *purpose, uint64_t index)
{
    uint64_t key = seed;
    key = next_mixed(&key) ^ hash_of_text(purpose);
    key = next_mixed(&key) ^ index;
    pe_stream s;
    for (int i = 0; i < 4; i++)
        s.state[i] = next_mixed(&key);
    return s;
}

static unsigned long gsl_word(void *state)
{
    return (unsigned long)(next_word(state) >> 32);
}

static double gsl_fraction(void *state)
{
    return (double)(next_word(state) >> 11) * 0x1p-53;
}

/* GSL seeds through this only on gsl_rng_alloc and gsl_rng_set, which nobody calls: a stream is
 * keyed by pe_stream_open. It is here because the type must be complete. */
static void gsl_seed(void *state, unsigned long seed)
{
    *(pe_stream *)state = pe_stream_open(seed, "gsl", 0);
}

static const gsl_rng_type stream_type = {
    .name = "xoshiro256++",
    .max = 0xffffffffu,
    .min = 0,
    .size = sizeof(pe_stream),
    .set = gsl_seed,
    .get = gsl_word,
    .get_double = gsl_fraction,
};

static gsl_rng as_gsl(pe_stream *s)
{
    return (gsl_rng){.type = &stream_type, .state = s};
}

double pe_stream_uniform(pe_stream *s)
{
    return gsl_fraction(s);
}

double pe_stream_normal(pe_stream *s)
{
    gsl_rng rng = as_gsl(s);
    return gsl_ran_gaussian(&rng, 1.0);
}

uint32_t pe_stream_below(pe_stream *s, uint32_t n)
{
    gsl_rng rng = as_gsl(s);
    return (uint32_t)gsl_rng_uniform_int(&rng, n);
}

void pe_fill_uniform(pe_stream *s, double *x, size_t n, double low, double high)
{
    for (size_t i = 0; i < n; i++)
        x[i] = low + (high - low) * gsl_fraction(s);
}

void pe_fill_normal(pe_stream *s, double *x, size_t n, double mean, double sigma)
{
    gsl_rng rng = as_gsl(s);
    for (size_t i = 0; i < n; i++)
        x[i] = mean + gsl_ran_gaussian(&rng, sigma);
}

void pe_permute(pe_stream *s, size_t *order, size_t n)
{
    gsl_rng rng = as_gsl(s);
    for (size_t i = 0; i < n; i++)
        order[i] = i;
    gsl_ran_shuffle(&rng, order, n, sizeof *order);
}

/* Selection sampling (Knuth, volume 2, algorithm 3.4.2 S): one pass, no memory, rising order. */
void pe_choose(pe_stream *s, size_t *chosen, size_t k, size_t n)
{
    size_t taken = 0;
    for (size_t i = 0; i < n && taken < k; i++)
        if ((double)(n - i) * gsl_fraction(s) < (double)(k - taken))
            chosen[taken++] = i;
}
