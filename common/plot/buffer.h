/* Bytes that grow: scripts, pictures and pages are made in memory before anything touches a disk.
 * Errors wait: after the first failed allocation every later append does nothing, and
 * pe_buffer_check says so once. {0} is an empty buffer. */
#ifndef PE_PLOT_BUFFER_H
#define PE_PLOT_BUFFER_H

#include "base/status.h"

#include <stddef.h>

typedef struct pe_buffer {
    char *bytes; /* owned; NUL after the last byte; NULL while empty */
    size_t size, room;
    pe_status status; /* PE_OK, or PE_MEMORY */
} pe_buffer;

void pe_buffer_append(pe_buffer *buffer, const void *bytes, size_t size);
void pe_buffer_text(pe_buffer *buffer, const char *text);
void pe_buffer_format(pe_buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The shortest decimal that reads back to the same bits, with a point in every locale; "NaN" for a
 * NaN or an infinity (what gnuplot takes for a gap). */
void pe_buffer_number(pe_buffer *buffer, double value);

/* PE_MEMORY when an append has failed; `what` begins the sentence. */
pe_status pe_buffer_check(const pe_buffer *buffer, const char *what, pe_error *err);
void pe_buffer_release(pe_buffer *buffer); /* the buffer is empty again and can be used */

#endif
