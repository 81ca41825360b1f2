#include "cards/cards.h"

#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const pe_card pe_cards[] = {
    {"order", "The order of sines and cosines",
     "Does it matter whether sines and cosines alternate or stand in two blocks?", cards_order},
    {"pairing", "Interleaved or half pairing",
     "Does it matter which columns a rotary encoding turns together?", cards_pairing},
    {"rule", "The paper's frequencies or tensor2tensor's",
     "Does it matter whether the exponent is divided by d/2 or by d/2 - 1?", cards_rule},
    {"scaling", "Embeddings times the square root of d",
     "Does it matter whether token vectors are multiplied by sqrt(d) before the code is added?",
     cards_scaling},
    {"add", "Add or concatenate", "Does adding the code to the token destroy either of them?",
     cards_add},
    {"base", "The base 10000", "Does it matter that the base is 10000?", cards_base},
    {"odd_width", "An odd width", "Does it matter whether the width is odd?", cards_odd},
    {"bf16_positions", "Positions in bf16", "Does it matter whether positions are held in bf16?",
     cards_positions},
    {"exp_log", "Exponential of a logarithm, or power",
     "Is exp(-log(base) 2i/d) more accurate than pow(base, -2i/d)?", cards_exp_log},
    {"clip", "The clipping distance",
     "Does it matter at which distance relative positions are clipped?", cards_clip},
    {"decay", "Similarity and distance",
     "Does the similarity of two position codes decay with their distance?", cards_decay},
    {"norm", "The norm as a test", "Is the norm of the code rows a test of their precision?",
     cards_norm},
};
const size_t pe_card_count = sizeof pe_cards / sizeof pe_cards[0];

pe_status pe_card_make(const pe_card *card, const pe_lab *lab, pe_result **result, pe_error *err)
{
    *result = pe_result_new(card->id, card->title, card->question, err);
    if (!*result)
        return err->status;
    return card->run(lab, *result, err);
}

static bool has_option(const pe_variant *variant, const char *name)
{
    if (!name)
        return true;
    for (int i = 0; i < variant->option_count; i++)
        if (strcmp(variant->options[i].name, name) == 0)
            return true;
    return false;
}

const pe_subject *cards_subject(const pe_lab *lab, unsigned capabilities, const char *option,
                                const char *other)
{
    for (int i = 0; i < lab->subject_count; i++) {
        const pe_subject *s = &lab->subjects[i];
        if (s->instance && (pe_lab_capabilities(s->instance) & capabilities) == capabilities &&
            has_option(s->variant, option) && has_option(s->variant, other))
            return s;
    }
    return NULL;
}

pe_status cards_codes(const pe_subject *subject, size_t n, size_t width, cards_set set,
                      double **rows, pe_error *err)
{
    const pe_setting settings[] = {{set.name, set.value}, {set.name2, set.value2}};
    const pe_dims dims = {.heads = 1, .head_dim = (int)width, .max_len = (int64_t)n};
    pe_instance *instance = NULL;
    double *coord = NULL;
    *rows = NULL;
    pe_status status = pe_instance_create(subject->variant, &dims, settings,
                                          set.name2  ? 2
                                          : set.name ? 1
                                                     : 0,
                                          1, &instance, err);
    if (status == PE_OK) {
        coord = pe_allocate(n, sizeof *coord, "positions", err);
        *rows = pe_allocate(n * width, sizeof **rows, "code rows", err);
        status = coord && *rows ? PE_OK : PE_MEMORY;
    }
    for (size_t t = 0; status == PE_OK && t < n; t++)
        coord[t] = (double)t;
    if (status == PE_OK)
        status = pe_instance_code_rows(instance, PE_DOUBLE, (int64_t)n, coord, *rows, err);
    if (status != PE_OK) {
        pe_release(*rows);
        *rows = NULL;
    }
    pe_release(coord);
    pe_instance_release(instance);
    return status;
}

double cards_kernel(const double *a, const double *b, size_t width)
{
    double sum = 0;
    for (size_t j = 0; j < width; j++)
        sum += a[j] * b[j];
    return 2 * sum / (double)width;
}

enum { TEXT = 2048 };

void cards_text(pe_result *result, const char *heading, const char *format, ...)
{
    char text[TEXT];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    pe_section_paragraph(pe_result_section(result, heading), text);
}

void cards_finding(pe_result *result, const char *format, ...)
{
    char text[TEXT];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    pe_result_finding(result, text);
}

pe_status cards_none(pe_result *result, const char *because)
{
    pe_section_not_applicable(pe_result_section(result, "Experiment"), NULL, because);
    cards_finding(result, "Not applicable: %s.", because);
    return PE_OK;
}
