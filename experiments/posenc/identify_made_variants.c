/* What registered variants compute, and the bugs of the gallery, through their own hooks. The right
 * answer for a variant without parameters is a command that gives the matrix back. */
#include "identify_made.h"

#include "ask.h"
#include "base/memory.h"
#include "core/quad.h"
#include "registry/registry.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const pe_format formats[] = {PE_FP64, PE_FP32, PE_FP16, PE_BF16};

/* ---- registered ---- */

enum { SHAPES = 4 };

static pe_matrix shape_of(identify_form form, size_t which)
{
    static const size_t rows[SHAPES] = {16, 100, 40, 64}, width[SHAPES] = {16, 32, 64, 24};
    static const size_t heads[SHAPES] = {8, 12, 4, 6};
    if (form == IDENTIFY_SLOPES)
        return (pe_matrix){NULL, 1, 1, heads[which], PE_FP64};
    if (form == IDENTIFY_BIAS)
        return (pe_matrix){NULL, heads[which], rows[which] / 2, rows[which] / 2, PE_FP64};
    return (pe_matrix){NULL, 1, rows[which], width[which], PE_FP64};
}

/* What is right for a variant whose numbers are drawn: a fixed draw is no formula, one that is
 * trained starts as independent entries or as one value per group of offsets. */
static void drawn_truth(const pe_instance *instance, identify_form form, made_truth *truth)
{
    if (instance->info.param[0].frozen || form == IDENTIFY_SLOPES)
        return;
    truth->known = true;
    truth->family = form == IDENTIFY_CODES ? PE_FAMILY_RANDOM_TABLE : PE_FAMILY_BIAS;
}

static pe_status truth_of(const pe_variant *variant, identify_form form, made_truth *truth)
{
    const pe_dims dims = {.heads = 4, .head_dim = 8, .max_len = 128};
    pe_instance *instance = NULL;
    if (pe_instance_create(variant, &dims, NULL, 0, 1, &instance, NULL) != PE_OK)
        return PE_USAGE;
    if (instance->info.param_count > 0)
        drawn_truth(instance, form, truth);
    else
        truth->known = truth->command = true;
    pe_instance_release(instance);
    return PE_OK;
}

static pe_status registered(size_t index, pe_stream *s, made *out, pe_error *err)
{
    const size_t which = index / (IDENTIFY_FORMS * SHAPES);
    const identify_form form = (identify_form)(index / SHAPES % IDENTIFY_FORMS);
    const pe_matrix shape = shape_of(form, index % SHAPES);
    const identify_rows rows = {0, 1, index % 2 ? PE_FLOAT : PE_DOUBLE};
    if (which >= pe_registry_count())
        return PE_OK;
    const pe_variant *variant = pe_registry_at(which);
    if (!identify_form_fits(variant, form, &shape) || truth_of(variant, form, &out->truth) != PE_OK)
        return PE_OK;
    pe_status status = made_allocate(out, shape.layers, shape.rows, shape.columns, err);
    if (status == PE_OK &&
        identify_form_values(variant, NULL, 0, form, &shape, &rows, out->values, NULL) != PE_OK)
        made_release(out); /* not this form after all */
    if (status != PE_OK || !out->values)
        return status;
    snprintf(out->name, sizeof out->name, "%s, %s", variant->id, identify_form_text(form));
    made_finish(out, s, 0, formats[(index + index / SHAPES) % 4]);
    return PE_OK;
}

/* ---- the gallery ---- */

extern const pe_variant *const pe_gallery_sources[]; /* variants/gallery, NULL-terminated */

/* Words of the gallery's option `bug`, and what the identifier should say. */
static const struct {
    const char *word;
    made_truth truth;
} expected[] = {
#define TABLE .known = true, .family = PE_FAMILY_POSITION_TABLE, .layout = PE_LAYOUT_INTERLEAVED
#define BIAS  .known = true, .family = PE_FAMILY_BIAS, .layout = PE_LAYOUT_NONE
    {"doubled", {TABLE, .rule = PE_RULE_DOUBLED_CHANNEL, .bug = PE_BUG_DOUBLED_EXPONENT}},
    {"own_cosine", {TABLE, .rule = PE_RULE_CHANNEL, .bug = PE_BUG_CHANNEL_EXPONENT}},
    {"floor_division", {TABLE, .rule = PE_RULE_STEP, .bug = PE_BUG_FLOOR_DIVISION}},
    {"integer_exponent", {TABLE, .rule = PE_RULE_ONE, .bug = PE_BUG_INTEGER_DIVISION}},
    {"reciprocal", {TABLE, .rule = PE_RULE_RISING, .bug = PE_BUG_RISING}},
    {"degrees", {TABLE, .rule = PE_RULE_PAPER, .bug = PE_BUG_DEGREES}},
    {"one_row", {TABLE, .bug = PE_BUG_CONSTANT_ROWS}},
    {"restart", {TABLE, .rule = PE_RULE_PAPER, .bug = PE_BUG_CACHED_ROWS}},
    {"clamp", {TABLE, .rule = PE_RULE_PAPER, .bug = PE_BUG_CLAMPED_ROWS}},
    {"replaced", {TABLE, .rule = PE_RULE_PAPER, .bug = PE_BUG_REPLACED}},
    {"fp16_steps",
     {.known = true,
      .family = PE_FAMILY_POSITION_TABLE,
      .layout = PE_LAYOUT_CONCAT,
      .rule = PE_RULE_ENDPOINT,
      .low_bug = true}},
    {"geometric", {BIAS, .bug = PE_BUG_PLAIN_SLOPES}},
    {"exponent", {BIAS, .bug = PE_BUG_EARLY_SLOPES}},
    {"off_by_one", {BIAS, .rule = PE_RULE_LINEAR_OFF, .bug = PE_BUG_DISTANCE_OFF}},
    {"key_index", {BIAS, .rule = PE_RULE_LINEAR_KEY}},
    {"sign", {BIAS, .bug = PE_BUG_SIGN}},
#undef TABLE
#undef BIAS
};
enum { WORDS = sizeof expected / sizeof expected[0] };

static bool takes(const pe_variant *variant, const char *word)
{
    const size_t n = strlen(word);
    for (int i = 0; i < variant->option_count; i++) {
        const pe_option *o = &variant->options[i];
        if (strcmp(o->name, "bug") != 0)
            continue;
        for (const char *at = o->choices; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
            if (strncmp(at, word, n) == 0 && (at[n] == '|' || at[n] == 0))
                return true;
    }
    return false;
}

/* The source that has this bug in a table or a bias that does not look at content. */
static const pe_variant *source_of(const char *word)
{
    for (size_t i = 0; pe_gallery_sources[i]; i++)
        if (takes(pe_gallery_sources[i], word) &&
            (pe_gallery_sources[i]->f64->embed || pe_gallery_sources[i]->f64->pair))
            return pe_gallery_sources[i];
    return NULL;
}

static pe_status pair_values(const pe_variant *variant, const pe_setting *setting, made *out,
                             pe_error *err)
{
    const size_t T = out->matrix.rows, H = out->matrix.layers;
    const pe_dims dims = {.heads = (int)H, .head_dim = 8};
    pe_instance *instance = NULL;
    double key[64];
    pe_status status = pe_instance_create(variant, &dims, setting, 1, 1, &instance, err);
    for (size_t j = 0; j < T; j++)
        key[j] = (double)j;
    for (size_t i = 0; status == PE_OK && i < T; i++) {
        pe_wide bias = {0};
        status = ask_pair(instance, PE_DOUBLE, (double)i, (int)T, key, &bias, err);
        for (size_t at = 0; status == PE_OK && at < H * T; at++)
            out->values[at / T * T * T + i * T + at % T] = bias.hi[at];
        pe_wide_release(&bias);
    }
    pe_instance_release(instance);
    return status;
}

static pe_status gallery(size_t index, pe_stream *s, made *out, pe_error *err)
{
    const char *word = expected[index % WORDS].word;
    const pe_variant *variant = source_of(word);
    if (!variant)
        return PE_OK;
    *variant->quad_math = &pe_host_quad_math; /* as the registry does for its own */
    const bool table = variant->f64->embed != NULL;
    const pe_setting settings[] = {{"bug", word}, {"row", "21"}};
    const pe_status room = table ? made_allocate(out, 1, 60, index / WORDS % 2 ? 16 : 64, err)
                                 : made_allocate(out, 12, 24, 24, err);
    if (room != PE_OK)
        return room;
    const identify_rows rows = {0, 1, PE_DOUBLE};
    const pe_status status = table ? identify_form_values(variant, settings, 2, IDENTIFY_CODES,
                                                          &out->matrix, &rows, out->values, err)
                                   : pair_values(variant, settings, out, err);
    out->truth = expected[index % WORDS].truth;
    out->truth.first = (double)NAN;
    snprintf(out->name, sizeof out->name, "gallery: %s", word);
    static const double noises[] = {0, 1e-3, 0, 1e-4};
    if (status == PE_OK && out->truth.low_bug)
        made_finish(out, s, 0, PE_FP16);
    else if (status == PE_OK)
        made_finish(out, s, noises[index / WORDS % 4], formats[index / WORDS % 4]);
    return status;
}

const made_kind made_variants[] = {{"variants", 24 * IDENTIFY_FORMS *SHAPES, registered},
                                   {"gallery", 4 * WORDS, gallery}};
const size_t made_variant_kinds = sizeof made_variants / sizeof made_variants[0];
