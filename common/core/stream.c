#include "core/stream.h"

#include <math.h>

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void pe_core_stream_start(pe_core_stream *stream, uint64_t seed, const char *purpose,
                          uint64_t number)
{
    uint64_t key = mix(seed + 0x9e3779b97f4a7c15u);
    for (const char *c = purpose; *c; c++)
        key = mix(key ^ (unsigned char)*c);
    *stream = (pe_core_stream){.counter = mix(key + mix(number + 1))};
}

double pe_core_uniform(void *state)
{
    pe_core_stream *stream = state;
    stream->counter += 0x9e3779b97f4a7c15u;
    return (double)(mix(stream->counter) >> 11) * 0x1p-53;
}

/* Box and Muller 1958: two uniforms make two normals. */
double pe_core_normal(void *state)
{
    pe_core_stream *stream = state;
    if (stream->has_spare) {
        stream->has_spare = false;
        return stream->spare;
    }
    double radius = sqrt(-2 * log(1 - pe_core_uniform(stream)));
    double angle = 2 * 3.14159265358979323846 * pe_core_uniform(stream);
    stream->spare = radius * sin(angle);
    stream->has_spare = true;
    return radius * cos(angle);
}

pe_random pe_core_random(pe_core_stream *stream)
{
    return (pe_random){stream, pe_core_uniform, pe_core_normal};
}
