/* A tensor as files hold it: a shape, an element type and one block of little-endian numbers. */
#ifndef PE_IO_TENSOR_H
#define PE_IO_TENSOR_H

#include "base/status.h"

#include <stddef.h>

enum { PE_SHAPE_RANK = 8, PE_SHAPE_TEXT = 192 };

typedef enum pe_dtype {
    PE_DTYPE_F64,
    PE_DTYPE_F32,
    PE_DTYPE_F16,  /* IEEE binary16 */
    PE_DTYPE_BF16, /* the upper half of a binary32 */
    PE_DTYPE_I64,
    PE_DTYPE_I32,
    PE_DTYPE_U8, /* also booleans, which are 0 and 1 */
    PE_DTYPE_COUNT
} pe_dtype;

/* Row-major: the last axis is contiguous. data holds count * pe_dtype_size(dtype) bytes and is
 * owned; rank 0 is a single number, an axis of length 0 makes the tensor empty. */
typedef struct pe_tensor {
    int rank; /* 0..8 */
    size_t shape[PE_SHAPE_RANK];
    pe_dtype dtype;
    size_t count; /* product of the shape */
    void *data;
} pe_tensor;

/* Zeroed data of the given shape, owned by *out until pe_tensor_release.
 *   PE_USAGE   rank is not 0..8
 *   PE_MEMORY  the size overflows, exceeds the limit, or the system refuses */
pe_status pe_tensor_allocate(pe_dtype dtype, int rank, const size_t *shape, pe_tensor *out,
                             pe_error *err);

/* Frees the data and zeroes the tensor; NULL and an empty tensor do nothing. */
void pe_tensor_release(pe_tensor *tensor);

/* All elements as doubles, exactly: *values is an owned array of tensor->count (pe_release).
 * *nonfinite, when not NULL, is how many of them are infinite or not a number. `what` names the
 * tensor in a sentence.
 *   PE_FORMAT  an integer beyond 2^53, which no double can hold
 *   PE_MEMORY  no memory for the array */
pe_status pe_tensor_as_doubles(const pe_tensor *tensor, const char *what, double **values,
                               size_t *nonfinite, pe_error *err);

size_t pe_dtype_size(pe_dtype dtype);      /* bytes of one element */
const char *pe_dtype_name(pe_dtype dtype); /* "f64", "bf16", ... */

/* The product of a shape. Lengths of zero count as one in the overflow check, so that the answer
 * does not depend on their place. 0 when the product, in bytes of `size`, exceeds any address
 * space; 1 when *count was set. */
int pe_shape_count(int rank, const size_t *shape, size_t size, size_t *count);

/* "(3, 4)", "(3,)" or "()", written to text (PE_SHAPE_TEXT bytes), which is returned. */
const char *pe_shape_text(int rank, const size_t *shape, char text[PE_SHAPE_TEXT]);

#endif
