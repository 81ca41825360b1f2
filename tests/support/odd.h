/* A variant for tests of the core that uses what no shipped variant needs (odd.c). */
#ifndef PE_ODD_H
#define PE_ODD_H

#include "posenc_types.h"

enum {
    ODD_EDGE,
    ODD_REAL,
    ODD_TOGETHER,
    ODD_NO_SUM,
    ODD_OUTPUT,
    ODD_VALUES,
    ODD_REACH,
    ODD_LIST,
    ODD_CONTENT
};
extern const pe_variant pe_variant_odd;

#endif
