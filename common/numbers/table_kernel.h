/* Inside the table: the inner loop, in three kinds of code. */
#ifndef PE_NUMBERS_TABLE_KERNEL_H
#define PE_NUMBERS_TABLE_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PE_TABLE_BLOCK = 64,  /* rows that one anchor serves */
    PE_TABLE_GROUP = 4,   /* anchors that share one reading of a step row */
    PE_TABLE_STRIP = 256, /* columns at a time, so that a group's anchors stay in the L1 cache */
    PE_TABLE_LANES = 16
};

/* One step row on a strip of columns: for every anchor g,
 *     value = along[g] * step + across[g] * turned,  out[g] = value rounded to float. */
typedef struct pe_table_strip {
    const double *step, *turned; /* count, readable up to a multiple of 16 */
    const double *along[PE_TABLE_GROUP], *across[PE_TABLE_GROUP];
    float *out[PE_TABLE_GROUP];
    int groups, count;
    bool stream;    /* out is aligned to 64 bytes: write past the caches */
    size_t doubted; /* entries whose rounding is not proved: g * PE_TABLE_STRIP + column */
    uint16_t doubt[PE_TABLE_GROUP * PE_TABLE_STRIP];
} pe_table_strip;

typedef void (*pe_table_kernel)(pe_table_strip *strip);

/* NULL: the fastest. NULL comes back when the processor lacks it. */
pe_table_kernel pe_table_find_kernel(const char *kind);

/* After the last streamed write of a thread: other threads see what it wrote. */
void pe_table_end_stream(void);

#endif
