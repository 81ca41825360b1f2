/* What every fuzz target is: one function from bytes to nothing that must neither crash nor leak.
 */
#ifndef PE_FUZZ_H
#define PE_FUZZ_H

#include "base/memory.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Whether the last input was accepted: the replay holds seeds named good_* and bad_* to it. */
extern int accepted;

/* A broken promise ends the program, so that the fuzzer and the replay both see it. */
static inline void require(int promise)
{
    if (!promise)
        abort();
}

#endif
