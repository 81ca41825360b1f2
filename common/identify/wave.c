#include "identify/internal.h"

#include <math.h>

pe_wave_column pe_wave_column_at(pe_layout layout, size_t columns, size_t column)
{
    const size_t half = columns / 2, first_half = columns - half;
    switch (layout) {
    case PE_LAYOUT_INTERLEAVED:
        return (pe_wave_column){column / 2, column % 2 == 1};
    case PE_LAYOUT_INTERLEAVED_COS:
        return (pe_wave_column){column / 2, column % 2 == 0};
    case PE_LAYOUT_CONCAT:
        return (pe_wave_column){column < first_half ? column : column - first_half,
                                column >= first_half};
    case PE_LAYOUT_CONCAT_COS:
        return (pe_wave_column){column < first_half ? column : column - first_half,
                                column < first_half};
    case PE_LAYOUT_COS:
    case PE_LAYOUT_SIN:
        return (pe_wave_column){column, layout == PE_LAYOUT_COS};
    case PE_LAYOUT_COS_HALVES:
    case PE_LAYOUT_SIN_HALVES:
        return (pe_wave_column){column % (half ? half : 1), layout == PE_LAYOUT_COS_HALVES};
    default:
        return (pe_wave_column){column / 2, layout == PE_LAYOUT_COS_REPEATED};
    }
}

double pe_wave_numerator(const pe_finding *wave, pe_wave_column column)
{
    const double i = (double)column.pair, c = 2 * i + (column.cosine ? 1 : 0);
    switch (wave->rule) {
    case PE_RULE_ENDPOINT:
        return i;
    case PE_RULE_DOUBLED:
        return 4 * i;
    case PE_RULE_DOUBLED_CHANNEL:
        return 2 * c;
    case PE_RULE_CHANNEL:
        return c;
    case PE_RULE_ONE:
        return 0;
    case PE_RULE_RISING:
        return -2 * i;
    default:
        return 2 * i;
    }
}

double pe_wave_denominator(const pe_finding *wave)
{
    if (wave->rule == PE_RULE_ENDPOINT)
        return wave->pairs > 1 ? (double)(wave->pairs - 1) : 1;
    return wave->rule == PE_RULE_STEP ? 1 : (double)wave->width;
}

double pe_wave_frequency(const pe_finding *wave, pe_wave_column column)
{
    return pow(wave->base, -(pe_wave_numerator(wave, column) / pe_wave_denominator(wave)));
}

/* Rows that are clamped or restarted (from turn_row on) take the position of an earlier one. */
double pe_wave_position(const pe_finding *wave, size_t row)
{
    if (wave->turn_row && row >= wave->turn_row)
        row = wave->bug == PE_BUG_CLAMPED_ROWS ? wave->turn_row - 1 : row - wave->turn_row;
    return wave->first + (double)row * wave->step;
}

double pe_wave_value(const pe_finding *wave, size_t columns, size_t row, size_t column)
{
    if (wave->padded && column == columns - 1)
        return 0;
    const pe_wave_column at =
        pe_wave_column_at(wave->layout, columns - (wave->padded ? 1 : 0), column);
    const double phase = wave->unit * pe_wave_position(wave, row) * pe_wave_frequency(wave, at);
    return wave->scale * (at.cosine ? cos(phase) : sin(phase));
}
