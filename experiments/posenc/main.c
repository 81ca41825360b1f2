/* posenc: one program, many verbs (verbs.h). */
#include "verbs.h"

#include "cli/program.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

/* Arrays of some megabytes come and go with every call of attention. Given back to the system each
 * time, they come back as pages that must be cleared one by one: a tenth of the time of a rotary
 * call. */
static void keep_memory(void)
{
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, 1 << 25);
    mallopt(M_TRIM_THRESHOLD, 1 << 29);
#endif
}

int main(int argc, char **argv)
{
    keep_memory();
    return pe_cli_main(&posenc_program, argc, argv);
}
