/* What the tests of posenc train share. */
#ifndef TEST_PROGRAM_TRAIN_H
#define TEST_PROGRAM_TRAIN_H

#include "program.h"

/* The smallest model that is one; a later option wins. */
#define SMALL "--layers 1 --width 16 --heads 2 --batch 4 "

/* Some real text, as the file `text`. */
static inline void make_text(void)
{
    run("head -c 6000 %s/LICENSE >text", POSENC_SOURCE_DIR);
}

#endif
