#include "identify/identify.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const families[PE_FAMILY_COUNT] = {"unknown",   "position table", "rotary table",
                                                      "slopes",    "relative bias",  "logits",
                                                      "attention", "random table"};

static const char *const layouts[PE_LAYOUT_COUNT] = {"",
                                                     "interleaved, sine first",
                                                     "interleaved, cosine first",
                                                     "sines then cosines",
                                                     "cosines then sines",
                                                     "cosines",
                                                     "sines",
                                                     "cosines, halves repeated",
                                                     "sines, halves repeated",
                                                     "cosines, each twice",
                                                     "sines, each twice"};

static const char *const rules[PE_RULE_COUNT] = {
    "",
    "base^(-2i/d)",
    "base^(-i/(h-1))",
    "base^(-4i/d)",
    "base^(-2c/d), c the channel",
    "base^(-c/d), c the channel",
    "exp(-2i)",
    "1 for every pair",
    "base^(+2i/d)",
    "2^(-b(k+1)/n) with n a power of two, further heads from 2n",
    "2^(-b(k+1)/H)",
    "2^(-bk/H)",
    "the power-of-two rule, sorted",
    "a geometric series",
    "-slope |i-j|",
    "-slope (|i-j|+1)",
    "slope j",
    "-slope (i-j), both signs",
    "one value per bucket of distances",
    "one value per offset, clipped",
    "one value per offset",
    "products of the rows of a table"};

static const struct {
    const char *name, *source, *exhibit;
} bugs[PE_BUG_COUNT] = {
    {"", "", ""},
    {"exponent doubled: the channel index where the pair index is meant", "DeepCTR#379",
     "doubled_exponent"},
    {"sine and cosine of a pair have different frequencies", "je0nsye0n/Transformer_Study",
     "own_cosine"},
    {"floor division makes the log-frequency step -1", "zju3dv/LoFTR#41", "floor_division"},
    {"integer division makes every exponent zero", "je0nsye0n/Transformer_Study",
     "integer_exponent"},
    {"position divided by the inverse frequency: frequencies rise", "xlite-dev/LeetCUDA#289",
     "reciprocal"},
    {"degrees and radians mixed up", "", ""},
    {"every row is the same: the batch axis taken for the sequence axis", "pytorch/tutorials#1547",
     "one_row"},
    {"rows beyond a limit repeat the last one", "google-deepmind/randomized_positional_encodings#2",
     "table_clamp"},
    {"positions start again", "huggingface/transformers#19045", ""},
    {"rows from a limit on all have the first position: tokens decoded one at a time count from 0",
     "huggingface/transformers#20203", "cache_restart_sinusoid"},
    {"the cosine is taken of the sine that has replaced the phase", "", "replaced_sines"},
    {"positions held in 16 bits", "EleutherAI/gpt-neox#1016", "positions_bf16"},
    {"inverse frequencies held in 16 bits", "Modalities/modalities#462", "frequencies_bf16"},
    {"positions and inverse frequencies held in 16 bits", "EleutherAI/gpt-neox#1003", "all_bf16"},
    {"phases held in 16 bits", "EleutherAI/gpt-neox#1003", ""},
    {"slopes of the power-of-two rule for another number of heads", "ofirpress#17",
     "slopes_geometric"},
    {"exponent of the slopes off by one", "ml-explore/mlx#343", "slopes_exponent"},
    {"distance off by one", "vllm-project/vllm#945", "distance_off_by_one"},
    {"wrong sign: what is far counts more", "", ""}};

const char *pe_family_name(pe_family family)
{
    return families[family];
}
const char *pe_layout_name(pe_layout layout)
{
    return layouts[layout];
}
const char *pe_rule_name(pe_rule rule)
{
    return rules[rule];
}
const char *pe_bug_name(pe_bug bug)
{
    return bugs[bug].name;
}
const char *pe_bug_source(pe_bug bug)
{
    return bugs[bug].source;
}
const char *pe_bug_exhibit(pe_bug bug)
{
    return bugs[bug].exhibit;
}
__attribute__((format(printf, 2, 3))) static void add(char *text, const char *format, ...)
{
    const size_t used = strlen(text);
    va_list list;
    va_start(list, format);
    vsnprintf(text + used, PE_IDENTIFY_TEXT - used, format, list);
    va_end(list);
}

static void add_wave(const pe_finding *f, char *text)
{
    add(text, " of width %zu, %s, frequencies %s", f->width, layouts[f->layout], rules[f->rule]);
    if (f->rule != PE_RULE_ONE && f->rule != PE_RULE_STEP)
        add(text, ", base %.6g", f->base);
    add(text, ", row 0 is position %.6g", f->first);
    if (f->step != 1)
        add(text, ", %.6g positions per row", f->step);
    if (f->unit != 1)
        add(text, ", phases times %.6g%s", f->unit,
            f->unit > 50  ? " (degrees)"
            : f->unit > 1 ? " (turns)"
                          : " (degrees made radians)");
    if (f->scale != 1)
        add(text, ", entries times %.6g", f->scale);
    if (f->padded)
        add(text, ", a last column of zeros");
    if (f->turn_row)
        add(text, ", %s from row %zu on",
            f->bug == PE_BUG_CLAMPED_ROWS ? "clamped"
            : f->bug == PE_BUG_RESTARTED_ROWS
                ? f->periodic ? "started again each time" : "started again"
                : "all like the first row",
            f->turn_row);
}

static void add_bias(const pe_finding *f, char *text)
{
    add(text, ", %s", f->causal ? "causal" : "both sides");
    if (f->rule)
        add(text, ", %s", rules[f->rule]);
    if (f->rule == PE_RULE_BUCKETS)
        add(text, " (%d buckets, %s, farthest %d)", f->buckets,
            f->both ? "bidirectional" : "one direction", f->distance);
    else if (f->rule == PE_RULE_CLIPPED)
        add(text, " at %d", f->distance);
    else if (f->rule == PE_RULE_PRODUCTS)
        add(text, " of width %zu, base %.6g", f->width, f->base);
    else if (f->base > 0)
        add(text, ", b = %.6g, sign %+.0f", f->base, f->scale);
    else if (f->rule >= PE_RULE_LINEAR && f->rule <= PE_RULE_LINEAR_SIGNED)
        add(text, ", slope %.6g", f->scale);
}

const char *pe_finding_text(const pe_finding *f, char *text)
{
    snprintf(text, PE_IDENTIFY_TEXT, "%s", families[f->family]);
    switch (f->family) {
    case PE_FAMILY_POSITION_TABLE:
    case PE_FAMILY_ROTARY_TABLE:
        add_wave(f, text);
        break;
    case PE_FAMILY_SLOPES:
        add(text, ": %s, b = %.6g, sign %+.0f", rules[f->rule], f->base, f->scale);
        break;
    case PE_FAMILY_BIAS:
    case PE_FAMILY_LOGITS:
    case PE_FAMILY_ATTENTION:
        add_bias(f, text);
        break;
    case PE_FAMILY_RANDOM_TABLE:
        add(text, ": independent entries of standard deviation %.4g", f->scale);
        break;
    default:
        break;
    }
    if (f->bug)
        add(text, "; BUG: %s%s%s%s", bugs[f->bug].name, *bugs[f->bug].source ? " (" : "",
            bugs[f->bug].source, *bugs[f->bug].source ? ")" : "");
    return text;
}
