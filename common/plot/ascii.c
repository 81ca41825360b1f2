/* A heat map in characters: gnuplot's dumb terminal has no image, and this needs no program. Each
 * character pair is the mean of the cells behind it. */
#include "plot/figure_data.h"
#include "plot/script.h"

#include <math.h>
#include <string.h>

enum { MOST_ROWS = 24, MOST_COLUMNS = 48 };

static const char SIGNED[] = "Ww=-.+xX#"; /* lowest to highest, '.' is zero */
static const char AMOUNTS[] = ".:-=+*%@#";

static char character(const pe_figure *f, pe_range range, double value)
{
    const char *ramp = f->palette == PE_SIGNED ? SIGNED : AMOUNTS;
    if (!pe_axis_can_show(f->colour.scale, value))
        return ' ';
    double place = pe_axis_place(range, f->colour.scale, value);
    double last = (double)strlen(ramp) - 1;
    return ramp[(size_t)round(fmax(0, fmin(1, place)) * last)];
}

static double mean(const pe_figure *f, const pe_matrix *m, size_t r0, size_t r1, size_t c0,
                   size_t c1)
{
    double sum = 0;
    size_t n = 0;
    for (size_t r = r0; r < r1; r++)
        for (size_t c = c0; c < c1; c++) {
            double value = m->values[r * m->columns + c];
            if (pe_axis_can_show(f->colour.scale, value)) {
                sum += value;
                n++;
            }
        }
    return n ? sum / (double)n : (double)NAN;
}

static void draw_matrix(const pe_figure *f, size_t p, pe_buffer *out)
{
    const pe_matrix *m = &f->matrix[p];
    pe_range range = pe_figure_colours_of(f, p);
    size_t rows = m->rows < MOST_ROWS ? m->rows : MOST_ROWS;
    size_t columns = m->columns < MOST_COLUMNS ? m->columns : MOST_COLUMNS;
    pe_buffer_format(out, "\n%s (%zu x %zu)\n", m->title, m->rows, m->columns);
    for (size_t r = 0; r < rows; r++) {
        pe_buffer_text(out, "  ");
        for (size_t c = 0; c < columns; c++) {
            double value = mean(f, m, r * m->rows / rows, (r + 1) * m->rows / rows,
                                c * m->columns / columns, (c + 1) * m->columns / columns);
            char mark = character(f, range, value);
            pe_buffer_format(out, "%c%c", mark, mark);
        }
        pe_buffer_text(out, "\n");
    }
    char low[PE_TIC_TEXT], high[PE_TIC_TEXT];
    pe_axis_number(range.low, 3, low);
    pe_axis_number(range.high, 3, high);
    pe_buffer_format(out, "  %s  %s  %s   %s\n", low, f->palette == PE_SIGNED ? SIGNED : AMOUNTS,
                     high, f->colour.label);
}

pe_status pe_ascii_heatmaps(const pe_figure *figure, pe_buffer *out, pe_error *err)
{
    pe_status status = pe_figure_check(figure, err);
    if (status != PE_OK)
        return status;
    pe_buffer_format(out, "%s\n", figure->title);
    for (size_t p = 0; p < figure->matrices; p++)
        draw_matrix(figure, p, out);
    pe_buffer_format(out, "  columns: %s; rows: %s\n", figure->x.label, figure->y.label);
    return pe_buffer_check(out, "figure", err);
}
