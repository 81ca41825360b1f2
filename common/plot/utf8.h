/* Foreign text, before it goes anywhere. */
#ifndef PE_PLOT_UTF8_H
#define PE_PLOT_UTF8_H

#include "base/status.h"

#include <stddef.h>

/* Bytes of the character that text begins with (RFC 3629: no overlong form, no surrogate, nothing
 * beyond U+10FFFF), 0 when it is not UTF-8 or the end. */
size_t pe_utf8_next(const char *text, unsigned *code);

/* PE_USAGE for a control character (line breaks and tabs included) or broken UTF-8; the sentence
 * begins with `what` and names the byte. */
pe_status pe_utf8_check(const char *text, const char *what, pe_error *err);

#endif
