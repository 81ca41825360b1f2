#include "conformance/probe.h"
#include "base/memory.h"
#include "core/stream.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

/* A hook that runs a row or a whole tile too far lands in a guard zone; one that runs further may
 * hit other memory, which is why loaded modules are first probed in a sandbox. */
enum { GUARD_BYTES = 1 << 16, GUARD = 0xa7, GARBAGE_A = 0x3c, GARBAGE_B = 0xc1 };
enum { PARTS = 4 };

typedef enum hook { PLAN, EMBED, MAP, RELATIVE, PAIR, STATE, LOGITS, HOOKS } hook;
static const char *const hook_names[HOOKS] = {"plan", "embed", "map",   "relative",
                                              "pair", "state", "logits"};

/* What one call is about: a part of the tokens, and the role and head where that matters. */
typedef struct probe_item {
    hook hook;
    pe_role role;
    int head;
    int first, count; /* tokens, offsets, or queries */
    int first_key, keys;
} probe_item;

/* Memory lent to a hook: `count` bytes between two guard zones. */
typedef struct zone {
    unsigned char *all; /* owned */
    size_t bytes;
} zone;

static bool zone_begin(zone *z, size_t count, size_t size, pe_error *err)
{
    z->bytes = count * size;
    z->all = pe_allocate(z->bytes + 2 * GUARD_BYTES, 1, "memory lent to a hook", err);
    return z->all != NULL;
}

static void *zone_of(const zone *z)
{
    return z->all + GUARD_BYTES;
}

static void zone_fill(const zone *z, int garbage)
{
    memset(z->all, GUARD, GUARD_BYTES);
    memset(z->all + GUARD_BYTES, garbage, z->bytes);
    memset(z->all + GUARD_BYTES + z->bytes, GUARD, GUARD_BYTES);
}

/* How far the furthest wrong byte is from the zone: negative in front, positive behind, 0: none. */
static long zone_overrun(const zone *z)
{
    const unsigned char *behind = z->all + GUARD_BYTES + z->bytes;
    for (long b = GUARD_BYTES; b > 0; b--)
        if (behind[b - 1] != GUARD)
            return b;
    for (long b = GUARD_BYTES; b > 0; b--)
        if (z->all[GUARD_BYTES - b] != GUARD)
            return -b;
    return 0;
}

/* Fill a fault's sentence, unless an earlier fault has it. */
__attribute__((format(printf, 2, 3))) static void blame(char *text, const char *format, ...)
{
    if (text[0])
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(text, PE_FAULT_TEXT, format, args);
    va_end(args);
}

/* Offsets to ask for: near and far ones inside [low, high], some of them twice. */
static int choose_offsets(const pe_setup *s, double *offset)
{
    static const double wanted[] = {0, 1, -1, 2, 5, 5, -5, 13, 1, -13, 34, 89, -89, 2000, -2000, 0};
    int n = 0;
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        if (wanted[i] >= (double)s->low && wanted[i] <= (double)s->high)
            offset[n++] = wanted[i];
    const int64_t edges[] = {s->low, s->high};
    for (int e = 0; e < 2; e++)
        if (edges[e] > -(1 << 20) && edges[e] < 1 << 20)
            offset[n++] = (double)edges[e];
    if ((s->flags & PE_REAL_OFFSETS) && s->low <= 2 && s->high >= 3)
        offset[n++] = 2.5;
    return n;
}

#define PE_H(name) name##_f64
#define PE_H_REAL  double
#define PE_H_OPS   f64
#define PE_H_EPS   DBL_EPSILON
#include "conformance/probe_types.h"
#undef PE_H
#undef PE_H_REAL
#undef PE_H_OPS
#undef PE_H_EPS
#define PE_H(name) name##_f32
#define PE_H_REAL  float
#define PE_H_OPS   f32
#define PE_H_EPS   ((double)FLT_EPSILON)
#include "conformance/probe_types.h"
#undef PE_H
#undef PE_H_REAL
#undef PE_H_OPS
#undef PE_H_EPS
#define PE_H(name) name##_f128
#define PE_H_REAL  pe_quad
#define PE_H_OPS   f128
#define PE_H_EPS   trial->eps
#include "conformance/probe_types.h"
#undef PE_H
#undef PE_H_REAL
#undef PE_H_OPS
#undef PE_H_EPS

pe_status pe_probe(const pe_trial *trial, pe_precision precision, pe_probe_faults *faults,
                   pe_error *err)
{
    *faults = (pe_probe_faults){0};
    if (precision == PE_FLOAT)
        return probe_f32(trial, faults, err);
    if (precision == PE_DOUBLE)
        return probe_f64(trial, faults, err);
    return probe_f128(trial, faults, err);
}
