#include "kernels/kinds.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static bool always(void)
{
    return true;
}

#ifdef PE_KERNELS_X86
static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && has_avx2();
}
#endif

/* The fastest first. */
static const struct {
    const pe_kernels *kernels;
    bool (*has)(void);
} kinds[] = {
#ifdef PE_KERNELS_X86
    {&pe_kernels_avx512, has_avx512},
    {&pe_kernels_avx2, has_avx2},
#endif
    {&pe_kernels_portable, always},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static const pe_kernels *in_use;
static pthread_once_t chosen = PTHREAD_ONCE_INIT;

static const pe_kernels *find(const char *name)
{
    for (size_t i = 0; i < KINDS; i++)
        if (kinds[i].has() && (!name || strcmp(kinds[i].kernels->name, name) == 0))
            return kinds[i].kernels;
    return NULL;
}

/* A name that this processor does not have is passed over: the result is right with any kind. */
static void choose(void)
{
    const char *wanted = getenv("POSENC_KERNELS");
    if (wanted)
        in_use = find(wanted);
    if (!in_use)
        in_use = find(NULL);
}

const pe_kernels *pe_kernels_now(void)
{
    pthread_once(&chosen, choose);
    return in_use;
}

bool pe_kernels_use(const char *name)
{
    pthread_once(&chosen, choose);
    const pe_kernels *found = find(name);
    if (found)
        in_use = found;
    return found != NULL;
}

const char *pe_kernels_name(size_t at)
{
    for (size_t i = 0; i < KINDS; i++)
        if (kinds[i].has() && at-- == 0)
            return kinds[i].kernels->name;
    return NULL;
}
