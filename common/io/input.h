/* The one way a file that must have a known size is read: opened without waiting, refused unless it
 * is a regular file, read by offset. Streams of any size are text.h. */
#ifndef PE_IO_INPUT_H
#define PE_IO_INPUT_H

#include "base/status.h"

#include <stddef.h>

typedef struct pe_input {
    int descriptor;
    size_t size;      /* bytes, when it was opened */
    const char *path; /* lent: must outlive the input */
} pe_input;

/* PE_FORMAT when the file is missing, unreadable or not a regular file. On success the caller owns
 * *in until pe_input_close. */
pe_status pe_input_open(const char *path, pe_input *in, pe_error *err);
void pe_input_close(pe_input *in);

/* Exactly `size` bytes from `offset`; PE_FORMAT when the file ends early or cannot be read. */
pe_status pe_input_read(const pe_input *in, size_t offset, void *buffer, size_t size,
                        pe_error *err);

/* The whole file, with a NUL after the last byte, owned by the caller (pe_release).
 *   PE_FORMAT  as above
 *   PE_MEMORY  larger than max_bytes, or no memory */
pe_status pe_input_load(const char *path, size_t max_bytes, char **bytes, size_t *size,
                        pe_error *err);

#endif
