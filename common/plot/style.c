/* Seven of the colours of Okabe and Ito (2008) and a wine red: for normal sight and simulated
 * protan-, deuter- and tritanopia no two of them come closer than dE = 16. Dash and point differ as
 * well, for grey printers. The diverging and sequential palettes have even steps of lightness. */
#include "plot/style.h"
#include "plot/figure.h"

#include <stdio.h>

const char pe_style_commands[] =
    "set encoding utf8\n"
    "set border 3 linecolor rgb '" PE_SOFT "' linewidth 1.2\n"
    "set tics nomirror out scale 0.6,0.35 noenhanced textcolor rgb '" PE_INK "'\n"
    "set grid back linetype 1 linecolor rgb '" PE_FAINT "' linewidth 1\n"
    "set style line 100 linecolor rgb '" PE_SOFT "' linewidth 1.5 dashtype (6,6)\n"
    "set palette maxcolors 0\n"
    "set cbtics scale 0.4 noenhanced textcolor rgb '" PE_INK "'\n"
    "unset key\n";

static int png_width = 1920;

void pe_figure_set_png_width(int pixels)
{
    png_width = pixels;
}

/* pngcairo counts in points, svg in pixels: 15 pt here are 20 px there. Everything grows with the
 * width, so that a small picture is the large one seen from afar. */
static const char *png_terminal(void)
{
    static char text[256];
    const double scale = png_width / 1280.0;
    snprintf(text, sizeof text,
             "set terminal pngcairo size %d,%d noenhanced background '#ffffff' "
             "font 'DejaVu Sans,15' fontscale %g linewidth %g pointscale %g\n",
             png_width, png_width * 9 / 16, scale, scale, scale);
    return text;
}

const char *pe_style_terminal(pe_picture kind)
{
    switch (kind) {
    case PE_SVG:
        return "set terminal svg size 1280,720 noenhanced dynamic background '#ffffff' "
               "font 'DejaVu Sans,20'\n";
    case PE_PNG:
        return png_terminal();
    case PE_ASCII:
        break;
    }
    return "set terminal dumb size 100,30 noenhanced\n";
}

double pe_style_font(pe_picture kind, double pixels)
{
    return kind == PE_PNG ? 0.75 * pixels : pixels;
}

enum { COLOURS = 8, DASHES = 4 };

const char *pe_style_colour(size_t slot)
{
    static const char *const colour[COLOURS] = {"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                                "#E69F00", "#56B4E9", "#222222", "#882255"};
    return colour[slot % COLOURS];
}

const char *pe_style_dash(size_t slot)
{
    static const char *const dash[DASHES] = {"1", "(18,6)", "(4,5)", "(18,5,4,5)"};
    return dash[(slot + slot / COLOURS) % DASHES];
}

int pe_style_point(size_t slot)
{
    static const int point[COLOURS] = {7, 5, 9, 13, 4, 6, 11, 2};
    return point[(slot + 3 * (slot / COLOURS)) % COLOURS];
}

double pe_style_fill(size_t slot)
{
    static const double fill[] = {1.0, 0.55, 0.3, 0.15};
    return fill[slot / COLOURS % (sizeof fill / sizeof fill[0])];
}

const char *pe_style_palette(pe_palette palette)
{
    switch (palette) {
    case PE_SIGNED:
        return "set palette defined (-1 '#053061', -0.7 '#2166AC', -0.35 '#7FB5D8', 0 '#F7F7F5', "
               "0.35 '#F2A77F', 0.7 '#C8500F', 1 '#6B2203')\n";
    case PE_AMOUNTS:
        return "set palette defined (0 '#440154', 1 '#472D7B', 2 '#3B528B', 3 '#2C728E', "
               "4 '#21918C', 5 '#28AE80', 6 '#5EC962', 7 '#ADDC30', 8 '#FDE725')\n";
    case PE_PAPER:
        return "set palette defined (0 '#FFFFFF', 1 '#DDEBF5', 2 '#A9CFE5', 3 '#5CA4CE', "
               "4 '#2070B4', 5 '#08306B')\n";
    case PE_PHASES:
        break;
    }
    return "set palette defined (0 '#2B2D6E', 1 '#3E86B8', 2 '#E9E6DC', 3 '#C4694A', "
           "4 '#2B2D6E')\n";
}
