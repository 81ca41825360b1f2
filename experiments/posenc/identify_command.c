/* From a finding to the command that makes the same matrix: every registered variant is asked, with
 * every choice of its options, and what it computes is compared with the matrix itself. */
#include "identify.h"

#include "base/memory.h"
#include "registry/registry.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NAME = 64, MOST_COMBINATIONS = 48, PROBE_ROWS = 6, SETTINGS = PE_MAX_OPTIONS };

/* One way of calling a variant, as settings with their text. */
typedef struct attempt {
    int count;
    pe_setting setting[SETTINGS];
    char text[SETTINGS][NAME];
} attempt;

static void set(attempt *a, const char *name, const char *value)
{
    snprintf(a->text[a->count], NAME, "%s", value);
    a->setting[a->count] = (pe_setting){name, a->text[a->count]};
    a->count++;
}

/* ---- all choices of a variant ---- */

static int choice_count(const pe_option *option)
{
    int n = 1;
    if (option->kind == PE_BOOL)
        return 2;
    if (option->kind != PE_CHOICE)
        return 1;
    for (const char *at = option->choices; *at; at++)
        n += *at == '|';
    return n;
}

static void choice_text(const pe_option *option, int which, char text[NAME])
{
    const char *at = option->choices;
    for (; which > 0; which--)
        at = strchr(at, '|') + 1;
    snprintf(text, NAME, "%.*s", (int)strcspn(at, "|"), at);
}

/* The which-th combination of all choices; options left at their standard are not set. */
static bool combine(const pe_variant *variant, int which, attempt *a)
{
    for (int i = 0; i < variant->option_count; i++) {
        const pe_option *option = &variant->options[i];
        const int n = choice_count(option), at = which % n;
        char text[NAME];
        which /= n;
        if (n == 1 || at == (int)option->standard)
            continue;
        if (option->kind == PE_BOOL)
            snprintf(text, sizeof text, "%d", at);
        else
            choice_text(option, at, text);
        set(a, option->name, text);
    }
    return which == 0;
}

/* Numbers that a finding has and a variant may take by the usual name. false: it has to, but can
 * not. */
static bool set_number(const pe_variant *variant, const char *name, double value, double usual,
                       attempt *a)
{
    char text[NAME];
    for (int i = 0; i < variant->option_count; i++) {
        const pe_option *option = &variant->options[i];
        if (strcmp(option->name, name) != 0 || option->kind != PE_REAL)
            continue;
        snprintf(text, sizeof text, "%.17g", value);
        if (value != option->standard)
            set(a, name, text);
        return value >= option->low && value <= option->high;
    }
    return value == usual;
}

/* ---- one attempt ---- */

typedef struct hunt {
    const pe_matrix *matrix;
    const pe_finding *finding;
    double tolerance; /* by which a command's matrix may miss the file's */
    double *values;
    identify_command *best;
} hunt;

/* The same rows from the front, to reject quickly. */
static pe_matrix front_of(const pe_matrix *m, identify_form form)
{
    pe_matrix few = *m;
    if (form < IDENTIFY_SLOPES && few.rows > PROBE_ROWS)
        few.rows = PROBE_ROWS;
    return few;
}

static bool matches(const hunt *h, const pe_variant *variant, const attempt *a, identify_form form,
                    const pe_matrix *m, const identify_rows *rows, identify_difference *d)
{
    if (identify_form_values(variant, a->setting, a->count, form, m, rows, h->values, NULL) !=
        PE_OK)
        return false;
    *d = identify_compare(m, h->values, rows, (identify_allowance){h->tolerance, 0});
    return d->differing == 0;
}

static size_t append(char *text, size_t room, size_t used, const char *what)
{
    const int n = used < room ? snprintf(text + used, room - used, "%s", what) : 0;
    return used + (size_t)(n > 0 ? n : 0);
}

static void write_command(const hunt *h, const pe_variant *variant, const attempt *a,
                          identify_form form, const identify_rows *rows)
{
    char *text = h->best->text, piece[256];
    const size_t room = sizeof h->best->text;
    const pe_matrix *m = h->matrix;
    snprintf(piece, sizeof piece, "posenc table %s", variant->id);
    size_t used = append(text, room, 0, piece);
    for (int i = 0; i < a->count; i++) {
        snprintf(piece, sizeof piece, "%s%s=%s", i ? "," : ":", a->setting[i].name, a->text[i]);
        used = append(text, room, used, piece);
    }
    const size_t pairs = form == IDENTIFY_COS_PAIRS || form == IDENTIFY_SIN_PAIRS ? 2 : 1;
    const double last = rows->first + (double)(m->rows - 1) * rows->step;
    if (form == IDENTIFY_SLOPES)
        snprintf(piece, sizeof piece, " --heads %zu --head-dim 2 --width %zu --from 1 --to 1",
                 m->columns, 2 * m->columns);
    else if (form == IDENTIFY_BIAS)
        snprintf(piece, sizeof piece, " --heads %zu --head-dim 2 --width %zu --from %ld --to %zu",
                 m->layers, 2 * m->layers, 1 - (long)m->rows, m->rows - 1);
    else
        snprintf(piece, sizeof piece, "%s --heads 1 --width %zu --from %.15g --to %.15g",
                 form == IDENTIFY_CODES ? "" : " --what turns", pairs * m->columns, rows->first,
                 last);
    used = append(text, room, used, piece);
    if (form < IDENTIFY_SLOPES && rows->step != 1) {
        snprintf(piece, sizeof piece, " --step %.17g", rows->step);
        used = append(text, room, used, piece);
    }
    if (rows->precision == PE_FLOAT)
        used = append(text, room, used, " --precision f32");
    static const char *const dtypes[] = {
        [PE_FP32] = " --dtype f32", [PE_FP16] = " --dtype f16", [PE_BF16] = " --dtype bf16"};
    if (m->stored == PE_FP32 || m->stored == PE_FP16 || m->stored == PE_BF16)
        append(text, room, used, dtypes[m->stored]);
}

static void attempt_form(hunt *h, const pe_variant *variant, const attempt *a, identify_form form)
{
    const pe_matrix front = front_of(h->matrix, form);
    identify_rows rows = {h->finding->first, h->finding->step == 0 ? 1 : h->finding->step,
                          PE_DOUBLE};
    identify_difference d;
    if (!matches(h, variant, a, form, &front, &rows, &d))
        return;
    for (int p = PE_DOUBLE; p >= PE_FLOAT; p--) {
        rows.precision = (pe_precision)p;
        if (!matches(h, variant, a, form, h->matrix, &rows, &d) ||
            (h->best->text[0] && d.unequal >= h->best->unequal))
            continue;
        *h->best = (identify_command){
            .variant = variant, .form = form, .worst = d.worst, .unequal = d.unequal};
        write_command(h, variant, a, form, &rows);
    }
}

static void attempt_variant(hunt *h, const pe_variant *variant)
{
    const pe_finding *f = h->finding;
    const bool wave = f->family == PE_FAMILY_POSITION_TABLE || f->family == PE_FAMILY_ROTARY_TABLE;
    for (int which = 0; which < MOST_COMBINATIONS; which++) {
        attempt a = {0};
        if (!combine(variant, which, &a))
            return;
        if (wave && (!set_number(variant, "base", f->base, 10000, &a) ||
                     !set_number(variant, "scale", f->scale, 1, &a)))
            continue;
        for (int form = 0; form < IDENTIFY_FORMS; form++)
            if (wave == (form < IDENTIFY_SLOPES) &&
                identify_form_fits(variant, (identify_form)form, h->matrix))
                attempt_form(h, variant, &a, (identify_form)form);
    }
}

/* A finding that no shipped formula can make is not searched for. */
static bool worth_it(const pe_identification *what)
{
    const pe_finding *f = &what->best[0];
    return what->known && f->unit == 1 && f->turn_row == 0 &&
           (f->family == PE_FAMILY_POSITION_TABLE || f->family == PE_FAMILY_ROTARY_TABLE ||
            f->family == PE_FAMILY_SLOPES || f->family == PE_FAMILY_BIAS);
}

pe_status identify_find_command(const pe_matrix *matrix, const pe_identification *what,
                                identify_command *command, pe_error *err)
{
    *command = (identify_command){0};
    if (!worth_it(what))
        return PE_OK;
    pe_matrix m = *matrix;
    if (m.columns == 1 && m.rows > 1 && m.layers == 1)
        m.columns = m.rows, m.rows = 1;
    m.stored = what->stored;
    hunt h = {.matrix = &m, .finding = &what->best[0], .best = command};
    const double largest = fmax(1, fabs(what->best[0].scale));
    /* as near as the finding itself, and what float may add to it (METRICS.md 3.2) */
    h.tolerance = 1.5 * what->best[0].worst +
                  largest * (1e-6 + 0x1p-22 * fabs(what->best[0].first + (double)m.rows)) +
                  pe_format_epsilon(m.stored) * largest;
    h.values =
        pe_allocate(m.layers * m.rows * m.columns, sizeof *h.values, "values of a variant", err);
    if (!h.values)
        return PE_MEMORY;
    for (size_t i = 0; i < pe_registry_count(); i++)
        attempt_variant(&h, pe_registry_at(i));
    pe_release(h.values);
    return PE_OK;
}
