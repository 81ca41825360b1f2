/* A finding in words, and as an object. */
#include "identify.h"

#include "io/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *identify_class(const pe_identification *what, char text[IDENTIFY_CLASS])
{
    const pe_finding *f = &what->best[0];
    if (!what->known) {
        snprintf(text, IDENTIFY_CLASS, "unknown");
        return text;
    }
    int used = snprintf(text, IDENTIFY_CLASS, "%s", pe_family_name(f->family));
    if (f->rule)
        used +=
            snprintf(text + used, (size_t)(IDENTIFY_CLASS - used), ", %s", pe_rule_name(f->rule));
    if (f->layout)
        used += snprintf(text + used, (size_t)(IDENTIFY_CLASS - used), ", %s",
                         pe_layout_name(f->layout));
    if (f->bug)
        snprintf(text + used, (size_t)(IDENTIFY_CLASS - used), ", BUG: %s", pe_bug_name(f->bug));
    return text;
}

/* ---- what can be said about the arithmetic ---- */

/* The path is read off the residual; noise drowns it. */
static const char *formation_trust(const pe_finding *f)
{
    if (f->formation.name[0] == 0)
        return NULL;
    return f->differs == 0      ? "every entry has the bits of this path"
           : f->worst_ulp <= 4  ? "the nearest of the paths tried, not the same bits"
           : f->identical > 0.5 ? "most entries have the bits of this path"
                                : "cannot be told: the residual is larger than rounding";
}

static bool formation_told(const pe_finding *f)
{
    return f->formation.name[0] && (f->worst_ulp <= 4 || f->identical > 0.5);
}

static const char *pairing_of(pe_layout layout)
{
    switch (layout) {
    case PE_LAYOUT_COS_HALVES:
    case PE_LAYOUT_SIN_HALVES:
        return "half";
    case PE_LAYOUT_COS_REPEATED:
    case PE_LAYOUT_SIN_REPEATED:
    case PE_LAYOUT_INTERLEAVED:
    case PE_LAYOUT_INTERLEAVED_COS:
        return "interleaved";
    default:
        return NULL;
    }
}

static const char *unit_of(double unit)
{
    return unit == 1   ? "radians"
           : unit > 50 ? "degrees"
           : unit > 1  ? "turns"
                       : "degrees to radians";
}

/* ---- as an object ---- */

static json_t *text_or_null(const char *text)
{
    return text && *text ? json_string(text) : json_null();
}

static bool is_wave(const pe_finding *f)
{
    return f->family == PE_FAMILY_POSITION_TABLE || f->family == PE_FAMILY_ROTARY_TABLE;
}

static json_t *convention(const pe_finding *f)
{
    if (!is_wave(f))
        return json_pack("{s:o, s:o, s:o, s:b}", "rule", text_or_null(pe_rule_name(f->rule)),
                         "base", f->base > 0 ? pe_json_real(f->base) : json_null(), "scale",
                         pe_json_real(f->scale), "causal", f->causal);
    return json_pack("{s:s, s:o, s:s, s:o, s:o, s:o, s:s, s:o, s:I, s:I, s:b, s:o}", "layout",
                     pe_layout_name(f->layout), "pairing", text_or_null(pairing_of(f->layout)),
                     "rule", pe_rule_name(f->rule), "base", pe_json_real(f->base), "first_position",
                     pe_json_real(f->first), "positions_per_row", pe_json_real(f->step), "angles",
                     unit_of(f->unit), "scale", pe_json_real(f->scale), "width",
                     (json_int_t)f->width, "pairs", (json_int_t)f->pairs, "padded", f->padded,
                     "changes_at_row",
                     f->turn_row ? json_integer((json_int_t)f->turn_row) : json_null());
}

static json_t *formation(const pe_finding *f)
{
    char text[PE_FORMATION_TEXT];
    if (!formation_told(f))
        return json_null();
    pe_formation_write(&f->formation, text);
    return json_pack("{s:s, s:s, s:s}", "path",
                     strcmp(f->formation.name, "custom") == 0 ? text : f->formation.name, "steps",
                     text, "trust", formation_trust(f));
}

static json_t *residual(const pe_finding *f)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:I}", "rms", pe_json_real(f->rms), "worst",
                     pe_json_real(f->worst), "worst_ulp", pe_json_real(f->worst_ulp), "identical",
                     pe_json_real(f->identical), "differing", (json_int_t)f->differs);
}

static json_t *difference(const pe_finding *f)
{
    if (f->differs == 0)
        return json_null();
    return json_pack("{s:I, s:I, s:I, s:o, s:o}", "layer", (json_int_t)f->layer, "row",
                     (json_int_t)f->row, "column", (json_int_t)f->column, "found",
                     pe_json_real(f->found), "expected", pe_json_real(f->expected));
}

static json_t *bug(const pe_finding *f)
{
    if (f->bug == PE_BUG_NONE)
        return json_null();
    return json_pack("{s:s, s:o, s:o}", "what", pe_bug_name(f->bug), "source",
                     text_or_null(pe_bug_source(f->bug)), "exhibit",
                     text_or_null(pe_bug_exhibit(f->bug)));
}

static json_t *candidates(const pe_identification *what, int from)
{
    char text[PE_IDENTIFY_TEXT];
    json_t *list = json_array();
    for (int i = from; i < what->count; i++)
        json_array_append_new(list,
                              json_pack("{s:s, s:o}", "what", pe_finding_text(&what->best[i], text),
                                        "rms", pe_json_real(what->best[i].rms)));
    return list;
}

static json_t *command_of(const identify_command *c)
{
    if (!c->text[0])
        return json_null();
    return json_pack("{s:s, s:s, s:o, s:I}", "line", c->text, "gives", identify_form_text(c->form),
                     "worst", pe_json_real(c->worst), "unequal", (json_int_t)c->unequal);
}

json_t *identify_as_json(const char *path, const identify_file *file, const pe_identification *what,
                         const identify_command *command)
{
    const pe_matrix *m = &file->matrix;
    const pe_finding *f = &what->best[0];
    char class[IDENTIFY_CLASS], text[PE_IDENTIFY_TEXT];
    json_t *all = json_pack(
        "{s:s, s:o, s:s, s:[I, I, I], s:s, s:b, s:o, s:s, s:o}", "file", path, "tensor",
        text_or_null(file->name), "dtype", file->dtype, "shape", (json_int_t)m->layers,
        (json_int_t)m->rows, (json_int_t)m->columns, "holds", pe_format_name(what->stored), "known",
        what->known, "confidence", pe_json_real(what->confidence), "class",
        identify_class(what, class), "candidates", candidates(what, what->known ? 1 : 0));
    if (!what->known)
        return all;
    json_t *rest =
        json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "encoding", pe_family_name(f->family),
                  "sentence", pe_finding_text(f, text), "convention", convention(f), "formation",
                  formation(f), "residual", residual(f), "bug", bug(f), "first_difference",
                  difference(f), "command", command_of(command));
    if (json_object_update(all, rest) != 0) {
        json_decref(all);
        all = NULL;
    }
    json_decref(rest);
    return all;
}

/* ---- as text ---- */

static void print_head(FILE *out, const char *path, const identify_file *file,
                       const pe_identification *what)
{
    const pe_matrix *m = &file->matrix;
    fprintf(out, "%s%s%s: ", path, file->name[0] ? ", " : "", file->name);
    if (m->layers > 1)
        fprintf(out, "%zu x ", m->layers);
    fprintf(out, "%zu x %zu, %s", m->rows, m->columns, file->dtype);
    if (what->stored != m->stored)
        fprintf(out, ", every entry fits %s", pe_format_name(what->stored));
    if (file->left_out)
        fputs(", without its first column of positions", out);
    fputs("\n", out);
}

static void print_formation(FILE *out, const pe_finding *f)
{
    char text[PE_FORMATION_TEXT];
    if (f->formation.name[0] == 0)
        return;
    if (!formation_told(f)) {
        fprintf(out, "formed by    %s\n", formation_trust(f));
        return;
    }
    pe_formation_write(&f->formation, text);
    const bool named = strcmp(f->formation.name, "custom") != 0;
    fprintf(out, "formed by    %s: %s\n", named ? f->formation.name : text,
            named ? f->formation.summary : formation_trust(f));
    if (named)
        fprintf(out, "             %s\n", formation_trust(f));
}

static void print_residual(FILE *out, const pe_identification *what)
{
    const pe_finding *f = &what->best[0];
    if (f->family == PE_FAMILY_RANDOM_TABLE || f->family == PE_FAMILY_ATTENTION)
        return;
    if (f->differs == 0) {
        fputs("residual     0: every entry is the same, to the last bit\n", out);
        return;
    }
    fprintf(out,
            "residual     %.3g at most, %.3g ulp of %s, RMS %.3g; %.1f %% of the entries are the "
            "same\n",
            f->worst, f->worst_ulp, pe_format_name(what->stored), f->rms, 100 * f->identical);
    fprintf(out, "first differing entry: ");
    if (f->layer)
        fprintf(out, "head %zu, ", f->layer);
    fprintf(out, "row %zu, column %zu, %.9g instead of %.9g\n", f->row, f->column, f->found,
            f->expected);
}

static void print_candidates(FILE *out, const pe_identification *what)
{
    char text[PE_IDENTIFY_TEXT];
    fputs("unknown: nothing that is tried explains it\n", out);
    for (int i = 0; i < what->count; i++)
        fprintf(out, "%s%s (RMS distance %.3g, %.2g of the matrix's own RMS)\n",
                i ? "             " : "nearest      ", pe_finding_text(&what->best[i], text),
                what->best[i].rms, what->best[i].rms / what->rms);
    if (what->count == 0)
        fputs("nearest      no candidate: no family has this shape, or nothing varies\n", out);
}

static void print_command(FILE *out, const identify_command *c)
{
    if (!c->text[0])
        return;
    fprintf(out, "command      %s\n", c->text);
    fprintf(out, "             %s", identify_form_text(c->form));
    if (c->unequal)
        fprintf(out, "; %zu entries differ, by %.3g at most\n", c->unequal, c->worst);
    else
        fputs(", bit for bit\n", out);
}

void identify_print(FILE *out, const char *path, const identify_file *file,
                    const pe_identification *what, const identify_command *command)
{
    const pe_finding *f = &what->best[0];
    char text[PE_IDENTIFY_TEXT];
    print_head(out, path, file, what);
    if (!what->known) {
        print_candidates(out, what);
        return;
    }
    fprintf(out, "%s\n", pe_finding_text(f, text));
    print_formation(out, f);
    print_residual(out, what);
    if (f->bug && *pe_bug_exhibit(f->bug))
        fprintf(out, "gallery      posenc gallery run %s\n", pe_bug_exhibit(f->bug));
    print_command(out, command);
    fprintf(out, "confidence   %.2f\n", what->confidence);
}
