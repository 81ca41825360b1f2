/* What all pages share. */
#ifndef PE_REPORT_PAGE_H
#define PE_REPORT_PAGE_H

#include "plot/buffer.h"

void pe_page_begin(pe_buffer *out, const char *title);
void pe_page_end(pe_buffer *out);

/* gnuplot's SVG inside a page: no prolog, no name spaces, and its ids made unique by a prefix,
 * since every picture has the same ones. */
void pe_page_svg(pe_buffer *out, const pe_buffer *svg, const char *prefix);

#endif
