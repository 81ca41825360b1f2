/* Foreign text on its way into a page or a notebook. */
#ifndef PE_REPORT_WORDS_H
#define PE_REPORT_WORDS_H

#include "plot/buffer.h"

void pe_html_text(pe_buffer *out, const char *text); /* & < > " ' as entities */
/* With $...$ as MathML. A formula that is not understood is shown as it stands. */
void pe_html_inline(pe_buffer *out, const char *text);

void pe_markdown_text(pe_buffer *out, const char *text); /* all that markdown could read, escaped */
void pe_markdown_inline(pe_buffer *out, const char *text); /* $...$ stays */

void pe_python_string(pe_buffer *out, const char *text); /* a literal in double quotes */
void pe_base64(pe_buffer *out, const void *bytes, size_t size);

#endif
