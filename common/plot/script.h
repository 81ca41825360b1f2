/* Inside of this room: the script for people (text) or for the pipe (matrices as bytes, which
 * gnuplot reads ten times as fast). */
#ifndef PE_PLOT_SCRIPT_H
#define PE_PLOT_SCRIPT_H

#include "plot/figure.h"

pe_status pe_script_write(const pe_figure *figure, pe_picture kind, int binary, pe_buffer *script,
                          pe_error *err);
const char *pe_picture_suffix(pe_picture kind); /* "svg", "png", "txt" */

/* Heat maps for a terminal, without gnuplot. */
pe_status pe_ascii_heatmaps(const pe_figure *figure, pe_buffer *out, pe_error *err);

#endif
