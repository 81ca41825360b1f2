/* safetensors: an 8-byte little-endian header length, a JSON header, raw row-major data
 * (github.com/huggingface/safetensors, "Format").
 *
 * A file is accepted as a whole or refused as a whole: header at most 16 MiB and inside the file,
 * no key twice, and the data ranges, sorted, start at 0, leave no gap, do not overlap and end where
 * the file ends; shape times element size is the range. A type that this project cannot read is
 * refused only when that tensor is wanted. */
#ifndef PE_IO_SAFETENSORS_H
#define PE_IO_SAFETENSORS_H

#include "io/tensor.h"

#include <jansson.h>

typedef struct pe_safetensors pe_safetensors;

typedef struct pe_safetensors_entry {
    const char *name;  /* lent by the file */
    const char *dtype; /* as written: "F32", "BF16", "I64", ...; lent */
    int readable;      /* whether pe_safetensors_read takes this type and rank */
    pe_dtype kind;     /* when readable */
    int rank;          /* when readable */
    size_t shape[PE_SHAPE_RANK];
    size_t begin, end; /* bytes, from the start of the data */
    int inside;        /* whether the file holds all of them */
} pe_safetensors_entry;

/* Open and check; on success the caller owns *out until pe_safetensors_close.
 *   PE_FORMAT  not readable or against a rule above, with the tensor's name
 *   PE_MEMORY  no memory for the header */
pe_status pe_safetensors_open(const char *path, pe_safetensors **out, pe_error *err);

/* As above, but a file that ends early is accepted, as downloads do: each tensor that lies wholly
 * inside can be read, and the others are refused when wanted (PE_FORMAT, `inside` is 0). */
pe_status pe_safetensors_open_partial(const char *path, pe_safetensors **out, pe_error *err);

/* As pe_safetensors_open for `size` bytes in memory, lent until close; `name` stands for the path.
 */
pe_status pe_safetensors_open_memory(const void *bytes, size_t size, const char *name,
                                     pe_safetensors **out, pe_error *err);
void pe_safetensors_close(pe_safetensors *file); /* NULL does nothing */

/* The tensors in the order of their data; entries are lent until close. */
size_t pe_safetensors_count(const pe_safetensors *file);
const pe_safetensors_entry *pe_safetensors_at(const pe_safetensors *file, size_t index);

/* The text stored under "__metadata__", lent until close; NULL when absent. */
const char *pe_safetensors_metadata(const pe_safetensors *file, const char *key);

/* One tensor by name, owned by *out (pe_tensor_release).
 *   PE_USAGE   no such tensor; the sentence suggests the nearest name
 *   PE_FORMAT  its type or rank is not one of ours
 *   PE_MEMORY  more than max_bytes, or no memory */
pe_status pe_safetensors_read(const pe_safetensors *file, const char *name, size_t max_bytes,
                              pe_tensor *out, pe_error *err);

typedef struct pe_safetensors_item {
    const char *name;
    const pe_tensor *tensor;
} pe_safetensors_item;

typedef struct pe_safetensors_text {
    const char *key, *value;
} pe_safetensors_text;

/* Write all items and the metadata strings. The data are ordered by falling element size, then by
 * name, as the original library does, so that every tensor is aligned.
 *   PE_USAGE   a name or a metadata key twice, "__metadata__" as a name, or text that is not UTF-8
 *   PE_WRITE   as in output.h */
pe_status pe_safetensors_write(const char *path, const pe_safetensors_item *items, size_t count,
                               const pe_safetensors_text *metadata, size_t metadata_count,
                               pe_error *err);

#endif
