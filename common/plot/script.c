#include "plot/drawing.h"
#include "plot/script.h"

pe_status pe_script_write(const pe_figure *figure, pe_picture kind, int binary, pe_buffer *script,
                          pe_error *err)
{
    pe_status status = pe_figure_check(figure, err);
    if (status != PE_OK)
        return status;
    pe_drawing d = {.figure = figure, .kind = kind, .binary = binary, .out = script};
    pe_buffer_format(script, "# gnuplot %s.gp > %s.%s\n", figure->id, figure->id,
                     pe_picture_suffix(kind));
    pe_buffer_text(script, "reset\n");
    pe_buffer_text(script, pe_style_terminal(kind));
    pe_buffer_text(script, pe_style_commands);
    if (kind == PE_ASCII) /* there it would look like a curve */
        pe_buffer_text(script, "unset grid\n");
    pe_draw_title(&d);
    if (figure->kind == PE_HEATMAPS)
        pe_draw_heatmaps(&d);
    else if (figure->kind == PE_CURVES)
        pe_draw_curves(&d);
    else
        pe_draw_bars(&d);
    return pe_buffer_check(script, "figure script", err);
}

pe_status pe_figure_script(const pe_figure *figure, pe_picture kind, pe_buffer *script,
                           pe_error *err)
{
    return pe_script_write(figure, kind, 0, script, err);
}
