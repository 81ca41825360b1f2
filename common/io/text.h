/* Text as a stream of byte tokens, 0..255. Any byte is a token: NUL and broken UTF-8 are fine. A
 * file of any size, a pipe, or standard input ("-") is read in constant memory. */
#ifndef PE_IO_TEXT_H
#define PE_IO_TEXT_H

#include "base/status.h"

#include <stddef.h>

enum { PE_TEXT_BLOCK = 1 << 16 }; /* bytes, the largest block */

typedef struct pe_text pe_text;

/* On success the caller owns *out until pe_text_close.
 *   PE_FORMAT  not readable, a folder, or empty */
pe_status pe_text_open(const char *path, pe_text **out, pe_error *err);

/* The next 1..PE_TEXT_BLOCK bytes, lent until the next call; *count = 0 at the end. */
pe_status pe_text_next(pe_text *text, const unsigned char **bytes, size_t *count, pe_error *err);
void pe_text_close(pe_text *text); /* NULL does nothing */

/* The first `wanted` bytes, or fewer when the file is shorter: *tokens is an owned array of *count
 * >= 1 (pe_release). wanted = 0 is PE_USAGE; the rest as pe_text_open, and PE_MEMORY. */
pe_status pe_text_first(const char *path, size_t wanted, unsigned char **tokens, size_t *count,
                        pe_error *err);

#endif
