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

static bool by_channel(const pe_finding *wave)
{
    return wave->rule == PE_RULE_DOUBLED_CHANNEL || wave->rule == PE_RULE_CHANNEL;
}

size_t pe_wave_index(const pe_finding *wave, pe_wave_column column)
{
    return by_channel(wave) ? 2 * column.pair + (column.cosine ? 1 : 0) : column.pair;
}

/* base^(-2 index / divisor) for each rule. */
pe_spectrum pe_wave_spectrum(const pe_finding *wave)
{
    pe_spectrum s = {.base = wave->base,
                     .pairs = by_channel(wave) ? 2 * wave->pairs : wave->pairs,
                     .divisor = pe_wave_denominator(wave)};
    switch (wave->rule) {
    case PE_RULE_ENDPOINT:
    case PE_RULE_CHANNEL:
        s.divisor *= 2;
        break;
    case PE_RULE_DOUBLED:
        s.divisor /= 2;
        break;
    case PE_RULE_RISING:
        s.base = 1 / wave->base;
        break;
    default:
        break;
    }
    return s;
}

/* Rows that are clamped or restarted (from turn_row on) take the position of an earlier one. */
double pe_wave_position(const pe_finding *wave, size_t row)
{
    if (wave->turn_row && row >= wave->turn_row)
        row = wave->bug == PE_BUG_CLAMPED_ROWS     ? wave->turn_row - 1
              : wave->bug != PE_BUG_RESTARTED_ROWS ? 0
              : wave->periodic                     ? row % wave->turn_row
                                                   : row - wave->turn_row;
    return wave->first + (double)row * wave->step;
}
