/* NumPy's .npy, versions 1.0, 2.0 and 3.0 (NumPy Enhancement Proposal 1 and numpy.lib.format).
 * Read: '<f8' '<f4' '<f2' '<i8' '<i4' '|u1' '|b1', C or Fortran order. Anything else is refused
 * with a sentence: objects (pickles), big-endian, structured and void types, other integers.
 *
 * NumPy has no bfloat16. We write its bits as '<u2'. Since '<u2' may as well be 16-bit integers
 * (token ids), such a file is read as bfloat16 only by the function whose name says so. */
#ifndef PE_IO_NPY_H
#define PE_IO_NPY_H

#include "io/output.h"
#include "io/tensor.h"

#define PE_NPY_MAX_BYTES ((size_t)1 << 30) /* what programs allow unless told otherwise */

/* The tensor in a file, row-major whatever the file's order, owned by *out (pe_tensor_release). The
 * header is at most 10,000 bytes, and header plus data must be the file's exact size; both are
 * checked before anything is allocated.
 *   PE_FORMAT  not readable, not .npy, a type or shape outside the list above, truncated, or longer
 *   PE_MEMORY  more than max_bytes of data, or no memory */
pe_status pe_npy_read(const char *path, size_t max_bytes, pe_tensor *out, pe_error *err);

/* As pe_npy_read for a file in memory; `name` stands for the path in sentences. */
pe_status pe_npy_read_memory(const void *bytes, size_t size, const char *name, size_t max_bytes,
                             pe_tensor *out, pe_error *err);

/* As pe_npy_read, for a '<u2' file (and no other) that holds bfloat16 bits. */
pe_status pe_npy_read_bf16(const char *path, size_t max_bytes, pe_tensor *out, pe_error *err);

/* Version 1.0, C order, the data 64-byte aligned. PE_WRITE as in output.h. */
pe_status pe_npy_write(const char *path, const pe_tensor *tensor, pe_error *err);
pe_status pe_npy_write_to(pe_output *out, const pe_tensor *tensor, pe_error *err);

const char *pe_npy_descr(pe_dtype dtype); /* "<f8", ...; "<u2" for bfloat16 */

#endif
