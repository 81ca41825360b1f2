/* S7: the four terms of a logit that has rows, a global content and a global position part, taken
 * apart. Then the claims of all variants, verified. */
#include "symmetry.h"

#include "analysis/decompose.h"
#include "base/memory.h"
#include "conformance/claims.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- S7: the terms ----------------------------------------------------------------------------
 */

enum { LONGEST = 64, TERMS = 4, SEEN_HEAD = 0 };
static const double sum_tolerance = 1e-12;

static const pe_term shown[TERMS] = {PE_TERM_CONTENT, PE_TERM_QUERY_ROWS, PE_TERM_GLOBAL_CONTENT,
                                     PE_TERM_GLOBAL_ROWS};
static const char *const shown_text[TERMS] = {"content: q · k", "content to place: q · r",
                                              "global content: u · k", "global place: v · r"};

static int64_t tokens_of(const pe_lab *lab)
{
    return lab->size.length < LONGEST ? lab->size.length : LONGEST;
}

static bool varies(const pe_wide *term)
{
    for (size_t at = 0; at < term->count; at++)
        if (fabs(term->hi[at]) > 0)
            return true;
    return false;
}

static int nonzero_terms(const pe_attended *attended)
{
    int count = 0;
    for (int t = 0; t < TERMS; t++)
        count += varies(&attended->term[shown[t]]);
    return count;
}

static double at_or_zero(const pe_wide *term, size_t at)
{
    return term->count ? term->hi[at] : 0;
}

static double scale_of(const pe_instance *instance)
{
    return instance->info.scale > 0 ? instance->info.scale
                                    : 1 / sqrt((double)instance->dims.head_dim);
}

/* Largest |scale (a + b + c + d + key rows) + bias + pair + rewritten - logit| over all heads. */
static double sum_gap(const pe_attended *a, const pe_instance *instance)
{
    const double scale =
        instance->info.scale > 0 ? instance->info.scale : 1 / sqrt((double)instance->dims.head_dim);
    double gap = 0;
    for (size_t at = 0; at < a->logits.count; at++) {
        double dots = at_or_zero(&a->term[PE_TERM_KEY_ROWS], at);
        for (int t = 0; t < TERMS; t++)
            dots += at_or_zero(&a->term[shown[t]], at);
        const double sum = scale * dots + at_or_zero(&a->term[PE_TERM_BIAS], at) +
                           at_or_zero(&a->term[PE_TERM_PAIR], at) +
                           at_or_zero(&a->term[PE_TERM_LOGITS], at);
        gap = fmax(gap, fabs(sum - a->logits.hi[at]));
    }
    return gap;
}

/* ---- the independent double loop */

/* rows[(n + T) * H' * D ...]: the query row of offset n, -T <= n <= T, straight from the variant's
 * hook, past the edge as it declared. */
static pe_status rows_of_offsets(pe_instance *instance, int64_t T, double **rows, pe_error *err)
{
    const pe_setup *info = &instance->info;
    const size_t row = (size_t)info->row_heads * (size_t)instance->dims.head_dim;
    *rows = NULL;
    pe_status status = pe_instance_prepare(instance, T, err);
    if (status != PE_OK)
        return status;
    *rows = pe_allocate((size_t)(2 * T + 1) * row, sizeof **rows, "rows by offset", err);
    double *scratch = pe_allocate(info->scratch + 1, sizeof *scratch, "scratch", err);
    double *others = pe_allocate(3 * row, sizeof *others, "other rows", err);
    if (!*rows || !scratch || !others)
        status = PE_MEMORY;
    for (int64_t n = -T; n <= T && status == PE_OK; n++) {
        pe_call_f64 call = pe_instance_call_f64(instance, T);
        call.scratch = scratch;
        const double offset = (double)(n < info->low ? info->low : n > info->high ? info->high : n);
        pe_rows_f64 out = {.bias = info->rows & PE_ROWS_BIAS ? others : NULL,
                           .query = *rows + (size_t)(n + T) * row,
                           .key = info->rows & PE_ROWS_KEY ? others + row : NULL,
                           .value = info->rows & PE_ROWS_VALUE ? others + 2 * row : NULL};
        if (info->edge == PE_EDGE_REPEAT || (n >= info->low && n <= info->high))
            instance->variant->f64->relative(&call, 1, &offset, &out);
    }
    pe_release(scratch);
    pe_release(others);
    return status;
}

static const double *row_at(const pe_instance *instance, const double *rows, int64_t T,
                            int64_t head, int64_t n)
{
    const int64_t heads = instance->info.row_heads;
    return rows + ((n + T) * heads + (heads > 1 ? head : 0)) * instance->dims.head_dim;
}

/* u or v of a head, 0 when the variant has none. */
static double global_at(const pe_instance *instance, int which, int64_t head, int d)
{
    return which == PE_NONE ? 0 : instance->master[which][head * instance->dims.head_dim + d];
}

static double v_dot_row(const pe_instance *instance, const double *rows, int64_t T, int64_t head,
                        int64_t n)
{
    const double *row = row_at(instance, rows, T, head, n);
    double sum = 0;
    for (int d = 0; d < instance->dims.head_dim; d++)
        sum += global_at(instance, instance->info.v, head, d) * row[d];
    return sum;
}

/* Largest |v-term at (i,j) - v . row(i - j + late)|: the check with late = 0, and what it would
 * have found if the rows had been one place late. */
static double place_gap(const pe_attended *a, const pe_instance *instance, const double *rows,
                        int64_t T, int64_t late)
{
    const double *term = a->term[PE_TERM_GLOBAL_ROWS].hi;
    double gap = 0;
    for (int h = 0; h < instance->dims.heads; h++)
        for (int64_t i = 0; i < T; i++)
            for (int64_t j = 0; j < T; j++)
                gap = fmax(gap, fabs(term[(h * T + i) * T + j] -
                                     v_dot_row(instance, rows, T, h, i - j + late)));
    return gap;
}

/* Largest |logit - scale ((q_i + u) . k_j + (q_i + v) . row(i - j))|: the fused formula. */
static double fused_gap(const pe_attended *a, const pe_instance *instance,
                        const pe_content *content, const double *rows, int64_t T)
{
    const pe_setup *info = &instance->info;
    const int D = instance->dims.head_dim, H = instance->dims.heads;
    const double scale = scale_of(instance);
    double gap = 0;
    for (int64_t h = 0; h < H; h++)
        for (int64_t i = 0; i < T; i++)
            for (int64_t j = 0; j < T; j++) {
                const double *q = content->q + (h * T + i) * D;
                const double *k = content->k + (h / (H / instance->dims.kv_heads) * T + j) * D;
                const double *row = row_at(instance, rows, T, h, i - j);
                double sum = 0;
                for (int d = 0; d < D; d++)
                    sum += (q[d] + global_at(instance, info->u, h, d)) * k[d] +
                           (q[d] + global_at(instance, info->v, h, d)) * row[d];
                gap = fmax(gap, fabs(scale * sum - a->logits.hi[(h * T + i) * T + j]));
            }
    return gap;
}

/* ---- one subject */

typedef struct taken_apart {
    const pe_subject *subject;
    int64_t T;
    pe_attended attended;
    double *rows;              /* NULL when there is no global-rows term */
    double sum_gap, fused_gap; /* NaN: the fused formula does not fit */
} taken_apart;

static void release_parts(taken_apart *parts)
{
    pe_attended_release(&parts->attended);
    pe_release(parts->rows);
}

/* What the logit is when it has no parts but the four. */
static bool is_fused(const taken_apart *parts)
{
    const pe_setup *info = &parts->subject->instance->info;
    return parts->rows && !info->maps && !(info->rows & (PE_ROWS_KEY | PE_ROWS_BIAS)) &&
           !varies(&parts->attended.term[PE_TERM_PAIR]) &&
           !varies(&parts->attended.term[PE_TERM_LOGITS]);
}

static pe_status attend(const pe_content *content, taken_apart *parts, pe_error *err)
{
    pe_instance *instance = parts->subject->instance;
    const pe_job job = {.instance = instance,
                        .precision = PE_DOUBLE,
                        .batch = 1,
                        .nq = parts->T,
                        .nk = parts->T,
                        .q = content->q,
                        .k = content->k,
                        .v = content->v,
                        .x = content->x,
                        .want_logits = true,
                        .want_terms = true};
    pe_status status = pe_run_attention(&job, &parts->attended, err);
    if (status == PE_OK && parts->attended.term[PE_TERM_GLOBAL_ROWS].count)
        status = rows_of_offsets(instance, parts->T, &parts->rows, err);
    return status;
}

static pe_status take_apart(const pe_lab *lab, taken_apart *parts, pe_error *err)
{
    const pe_instance *instance = parts->subject->instance;
    pe_content content;
    parts->T = tokens_of(lab);
    pe_status status = pe_lab_random_content(lab, &instance->dims, parts->T, 0, &content, err);
    if (status != PE_OK)
        return status;
    status = attend(&content, parts, err);
    if (status == PE_OK) {
        parts->sum_gap = sum_gap(&parts->attended, instance);
        parts->fused_gap =
            is_fused(parts) ? fused_gap(&parts->attended, instance, &content, parts->rows, parts->T)
                            : (double)NAN;
    }
    pe_content_release(&content);
    return status;
}

static const double *head_of(const taken_apart *parts, pe_term term)
{
    const pe_wide *all = &parts->attended.term[term];
    return all->count ? all->hi + SEEN_HEAD * parts->T * parts->T : NULL;
}

static pe_status split_rows(pe_sheet *sheet, const taken_apart *parts, pe_split split[TERMS],
                            pe_error *err)
{
    for (int t = 0; t < TERMS; t++) {
        const double *m = head_of(parts, shown[t]);
        if (!m)
            continue;
        pe_split *s = &split[t];
        const double entries = (double)(parts->T * parts->T);
        pe_status status = pe_split_of(m, (size_t)parts->T, PE_REGION_ALL, PE_MEAN_REMOVED, s, err);
        if (status != PE_OK)
            return status;
        pe_sheet_text(sheet, parts->subject->title);
        pe_sheet_text(sheet, shown_text[t]);
        pe_sheet_number(sheet, sqrt(s->energy / entries));
        const double share[4] = {s->toeplitz_even, s->toeplitz_odd, s->rest_even, s->rest_odd};
        for (int c = 0; c < 4; c++) {
            if (s->constant)
                pe_sheet_missing(sheet);
            else
                pe_sheet_number(sheet, share[c]);
        }
    }
    return PE_OK;
}

static void draw_terms(pe_section *section, const taken_apart *parts, const pe_split split[TERMS],
                       pe_error *err)
{
    const size_t T = (size_t)parts->T;
    const pe_split *place = &split[TERMS - 1];
    char id[64], title[300];
    snprintf(id, sizeof id, "terms_%.50s", parts->subject->file);
    const int used =
        snprintf(title, sizeof title, "%.80s: the terms add up to the fused logit within %.1g",
                 parts->subject->title, fmax(parts->sum_gap, parts->fused_gap));
    if (place->energy > 0 && !place->constant)
        snprintf(title + used, sizeof title - (size_t)used,
                 "; of the global place term, %.0f %% is even in the offset and %.0f %% odd",
                 100 * place->toeplitz_even, 100 * place->toeplitz_odd);
    pe_figure *figure = pe_figure_new(PE_HEATMAPS, id, title, err);
    pe_figure_x(figure, "key j (tokens)", PE_LINEAR);
    pe_figure_y(figure, "query i (tokens)", PE_LINEAR);
    pe_figure_colours(figure, PE_SIGNED, "part of the logit, before the scale", PE_LINEAR);
    pe_figure_own_ranges(figure);
    for (int t = 0; t < TERMS; t++) {
        const double *m = head_of(parts, shown[t]);
        if (m)
            pe_figure_add_matrix(
                figure,
                &(pe_matrix_panel){.title = shown_text[t], .rows = T, .columns = T, .values = m});
    }
    pe_figure_describe(figure,
                       "Heat maps of the terms: the first without pattern, the second in streaks "
                       "along rows, the third in columns, the fourth in diagonals.",
                       "Random content, head 0, untrained parameters; each panel has its own "
                       "range. Diagonals are offsets, columns are keys.");
    pe_section_figure(section, figure);
}

static void judge_values(pe_section *section, const taken_apart *parts, pe_sheet *sheet)
{
    const pe_instance *instance = parts->subject->instance;
    const double *term = head_of(parts, PE_TERM_GLOBAL_ROWS);
    const int64_t T = parts->T, middle = T / 2;
    for (int64_t k = -1; k <= 1; k++) {
        char quantity[96];
        const double value = term[middle * T + middle + k];
        const double expected = v_dot_row(instance, parts->rows, T, SEEN_HEAD, -k);
        snprintf(quantity, sizeof quantity, "global place term at k = j - i = %d, head 0", (int)k);
        pe_expect(section, "S7", parts->subject->name, quantity, value, expected, sum_tolerance,
                  "v · row(i - j), from the variant's rows in a plain loop");
        pe_sheet_text(sheet, parts->subject->title);
        pe_sheet_number(sheet, (double)k);
        pe_sheet_number(sheet, value);
        pe_sheet_number(sheet, expected);
    }
}

static pe_status judge_places(pe_section *section, const taken_apart *parts, pe_error *err)
{
    const pe_instance *instance = parts->subject->instance;
    const char *id = parts->subject->name;
    const double gap = place_gap(&parts->attended, instance, parts->rows, parts->T, 0);
    const double late = place_gap(&parts->attended, instance, parts->rows, parts->T, 1);
    pe_toeplitz_fit fit;
    pe_status status =
        pe_toeplitz_fit_of(head_of(parts, PE_TERM_GLOBAL_ROWS), (size_t)parts->T, &fit, err);
    if (status != PE_OK)
        return status;
    pe_expect(section, "S7", id, "largest gap of the global place term from the direct loop", gap,
              0, sum_tolerance, "METRICS.md 2.5: equal to the direct loop for every (i,j)");
    pe_require(section, "S7", id, "the same gap if the rows were one place late", late,
               late > 1e6 * sum_tolerance, "an off-by-one must be far above the tolerance",
               "METRICS.md 2.5: test values, not the pattern");
    pe_expect(section, "S7", id, "largest deviation of the global place term from its diagonals",
              fit.deviation, 0, sum_tolerance, "v · row(i - j) depends on i - j alone");
    pe_say(section,
           "In %s the global place term equals $v \\cdot r_{i-j}$, computed from the rows in a "
           "plain double loop, within %.1g for every pair and head. A shift by one place would "
           "leave the diagonals intact, so a test of the pattern would not see it; this test of "
           "values would, as a gap of %.2g.",
           parts->subject->title, gap, late);
    return PE_OK;
}

typedef struct term_sheets {
    pe_sheet *split, *values;
} term_sheets;

static pe_status show_parts(pe_section *section, const taken_apart *parts, term_sheets *sheets,
                            pe_error *err)
{
    pe_split split[TERMS] = {0};
    pe_status status = split_rows(sheets->split, parts, split, err);
    if (status != PE_OK)
        return status;
    draw_terms(section, parts, split, err);
    pe_expect(section, "S7", parts->subject->name,
              "largest gap between the sum of the terms and the logit", parts->sum_gap, 0,
              sum_tolerance, "METRICS.md 2.5: the parts sum to the fused logit");
    if (!isnan(parts->fused_gap))
        pe_expect(section, "S7", parts->subject->name,
                  "largest gap between the logit and (q + u) · k + (q + v) · r in a plain loop",
                  parts->fused_gap, 0, sum_tolerance,
                  "Dai et al. 2019, section 3.3; METRICS.md 2.5");
    if (!parts->rows)
        return PE_OK;
    judge_values(section, parts, sheets->values);
    return judge_places(section, parts, err);
}

static void open_terms(pe_section *section, const pe_lab *lab, term_sheets *sheets)
{
    const pe_sheet_column split[] = {{"encoding", NULL, 1, 0},      {"term", NULL, 1, 0},
                                     {"RMS", NULL, 0, 3},           {"Toeplitz, even", NULL, 0, 3},
                                     {"Toeplitz, odd", NULL, 0, 3}, {"rest, even", NULL, 0, 3},
                                     {"rest, odd", NULL, 0, 3}};
    const pe_sheet_column values[] = {{"encoding", NULL, 1, 0},
                                      {"k = j - i", "tokens", 0, 3},
                                      {"in the attention", NULL, 0, 6},
                                      {"v · row", NULL, 0, 6}};
    pe_say(section,
           "Some encodings build a logit from four dot products: what query and key say to each "
           "other, what the query says to an offset, and two global parts that no query changes, "
           "one by key and one by offset. Each is computed here on its own, for %lld tokens of "
           "random content and without a mask.",
           (long long)tokens_of(lab));
    pe_section_formula(section,
                       "A_{ij} = q_i \\cdot k_j + q_i \\cdot r_{i-j} + u \\cdot k_j + v \\cdot "
                       "r_{i-j}",
                       "$r_n$: row of the offset $n$; $u, v$: one vector for all queries; the "
                       "logit is $A_{ij} / \\sqrt{D}$");
    sheets->split = pe_section_table(
        section, "terms", "The energy of each term (mean removed), split into four parts",
        sizeof split / sizeof split[0], split);
    sheets->values =
        pe_section_table(section, "place_values", "The global place term next to the diagonal",
                         sizeof values / sizeof values[0], values);
}

static pe_status terms_of(const pe_lab *lab, pe_section *section, const pe_subject *subject,
                          term_sheets *sheets, int *found, pe_error *err)
{
    const char *id = subject->name;
    if (!subject->instance) {
        pe_section_not_applicable(section, id, subject->because);
        return PE_OK;
    }
    taken_apart parts = {.subject = subject};
    pe_error refusal = {0};
    pe_status status = take_apart(lab, &parts, &refusal);
    if (status == PE_USAGE) {
        pe_section_not_applicable(section, id, refusal.text);
        status = PE_OK;
    } else if (status != PE_OK) {
        if (err)
            *err = refusal;
    } else if (nonzero_terms(&parts.attended) < 3) {
        char because[128];
        snprintf(because, sizeof because,
                 "its logit has %d of the four terms, and three are needed to take it apart",
                 nonzero_terms(&parts.attended));
        pe_section_not_applicable(section, id, because);
    } else {
        ++*found;
        status = show_parts(section, &parts, sheets, err);
    }
    release_parts(&parts);
    return status;
}

pe_status pe_symmetry_terms(pe_lab *lab, pe_result *result, pe_error *err)
{
    pe_section *section = pe_result_section(result, "Four terms of one logit (S7)");
    term_sheets sheets;
    int found = 0;
    open_terms(section, lab, &sheets);
    for (int i = 0; i < lab->subject_count; i++) {
        pe_status status = terms_of(lab, section, &lab->subjects[i], &sheets, &found, err);
        if (status == PE_OK)
            status = pe_lab_step(lab, "terms", 0.7 + 0.1 * i / lab->subject_count, err);
        if (status != PE_OK)
            return status;
    }
    if (found == 0)
        pe_say(section, "None of the encodings of this run has three such terms.");
    return PE_OK;
}

/* ---- claims ------------------------------------------------------------------------------------
 */

enum { KINDS = 3 }; /* held, broken, holds though unclaimed */

typedef symmetry_claimed claimed;

static const char *word_of(pe_claim_verdict verdict)
{
    static const char *const words[] = {[PE_VERDICT_HELD] = "held",
                                        [PE_VERDICT_BROKEN] = "BROKEN",
                                        [PE_VERDICT_UNCLAIMED] = "holds (unclaimed)",
                                        [PE_VERDICT_ABSENT] = "no",
                                        [PE_VERDICT_UNTESTABLE] = "-"};
    return words[verdict];
}

static int count_of(const claimed *c, pe_claim_verdict verdict)
{
    int count = 0;
    for (int i = 0; i < PE_CLAIM_COUNT; i++)
        count += c->result[i].verdict == verdict;
    return count;
}

static bool seen_before(const claimed *all, int count, const pe_variant *variant)
{
    for (int i = 0; i < count; i++)
        if (all[i].subject->variant == variant)
            return true;
    return false;
}

const pe_dims symmetry_claim_dims = {.heads = 2, .head_dim = 6};

static pe_status verify_one(const pe_lab *lab, claimed *c, pe_error *err)
{
    const pe_dims dims = symmetry_claim_dims;
    const pe_variant *variant = c->subject->variant;
    pe_instance *instance = NULL;
    pe_status status = pe_instance_create(variant, &dims, NULL, 0, lab->size.seed, &instance, err);
    if (status != PE_OK)
        return status;
    c->claims = instance->info.claims;
    pe_instance_release(instance);
    return pe_claims_verify(variant, &dims, NULL, 0, lab->size.seed, c->result, err);
}

static pe_status verify_all(pe_lab *lab, pe_section *section, claimed *all, int *count,
                            pe_error *err)
{
    for (int i = 0; i < lab->subject_count; i++) {
        const pe_subject *subject = &lab->subjects[i];
        if (seen_before(all, *count, subject->variant))
            continue;
        pe_error refusal = {0};
        all[*count].subject = subject;
        pe_status status = verify_one(lab, &all[*count], &refusal);
        if (status == PE_OK)
            ++*count;
        else if (status == PE_USAGE) {
            pe_section_not_applicable(section, subject->name, refusal.text);
            status = PE_OK;
        } else if (err)
            *err = refusal;
        if (status == PE_OK)
            status = pe_lab_step(lab, "claims", 0.8 + 0.15 * i / lab->subject_count, err);
        if (status != PE_OK)
            return status;
    }
    return PE_OK;
}

static void claims_table(pe_section *section, const claimed *all, int count)
{
    pe_sheet_column columns[PE_CLAIM_COUNT + 1] = {{"encoding", NULL, 1, 0}};
    for (int c = 0; c < PE_CLAIM_COUNT; c++)
        columns[c + 1] = (pe_sheet_column){pe_claim_name(1u << c), NULL, 1, 0};
    pe_sheet *sheet =
        pe_section_table(section, "claims", "What each encoding claims, and what was found",
                         PE_CLAIM_COUNT + 1, columns);
    for (int i = 0; i < count; i++) {
        pe_sheet_text(sheet, all[i].subject->title);
        for (int c = 0; c < PE_CLAIM_COUNT; c++)
            pe_sheet_text(sheet, word_of(all[i].result[c].verdict));
    }
}

static void judge_claims(pe_section *section, const claimed *c)
{
    for (int i = 0; i < PE_CLAIM_COUNT; i++) {
        const pe_claim_result *r = &c->result[i];
        if (r->verdict == PE_VERDICT_UNTESTABLE && (c->claims & r->claim)) {
            pe_verdict v = pe_verdict_blank();
            v.id = "claims";
            v.variant = c->subject->name;
            v.quantity = pe_claim_name(r->claim);
            v.judgement = PE_VERDICT_NOT_APPLICABLE;
            v.because = r->text;
            pe_section_verdict(section, &v);
        }
        if (r->verdict != PE_VERDICT_HELD && r->verdict != PE_VERDICT_BROKEN)
            continue;
        const bool held = r->verdict == PE_VERDICT_HELD;
        pe_require(section, "claims", c->subject->name, pe_claim_name(r->claim), held ? 1 : 0, held,
                   r->text[0] ? r->text : "no counter-example found",
                   "claimed by the encoding, verified in quad precision");
    }
}

static pe_status draw_claims(pe_section *section, const claimed *all, int count, const char *title,
                             pe_error *err)
{
    static const pe_claim_verdict kinds[KINDS] = {PE_VERDICT_HELD, PE_VERDICT_UNCLAIMED,
                                                  PE_VERDICT_BROKEN};
    static const char *const kind_name[KINDS] = {"claimed and held", "holds, unclaimed",
                                                 "claimed and broken"};
    static const size_t kind_slot[KINDS] = {2, 0, 1};
    const size_t n = (size_t)count;
    const char **names = pe_allocate(n + 1, sizeof *names, "names", err);
    double *value = pe_allocate(n + 1, sizeof *value, "bars", err);
    if (!names || !value) {
        pe_release(names);
        pe_release(value);
        return PE_MEMORY;
    }
    for (size_t i = 0; i < n; i++)
        names[i] = all[i].subject->title;
    pe_figure *figure = pe_figure_new(PE_BARS_STACKED, "claims_counted", title, err);
    pe_figure_x(figure, "properties out of eleven", PE_LINEAR);
    pe_figure_x_range(figure, 0, PE_CLAIM_COUNT);
    pe_figure_categories(figure, n, names, NULL);
    for (int k = 0; k < KINDS && n > 0; k++) {
        double sum = 0;
        for (size_t i = 0; i < n; i++)
            sum += value[i] = count_of(&all[i], kinds[k]);
        if (sum > 0)
            pe_figure_add_series(
                figure,
                &(pe_series){.name = kind_name[k], .slot = kind_slot[k], .n = n, .y = value});
    }
    pe_figure_describe(
        figure,
        "Stacked bars: for each encoding the number of properties claimed and held, "
        "holding though unclaimed, and broken.",
        "What is missing to eleven does not hold, or has no meaning for the encoding. "
        "Two heads of width 6, 23 tokens, quad precision.");
    pe_section_figure(section, figure);
    pe_release(names);
    pe_release(value);
    return PE_OK;
}

static pe_status show_claims(pe_section *section, const claimed *all, int count, pe_error *err)
{
    int held = 0, broken = 0, unclaimed = 0;
    for (int i = 0; i < count; i++) {
        held += count_of(&all[i], PE_VERDICT_HELD);
        broken += count_of(&all[i], PE_VERDICT_BROKEN);
        unclaimed += count_of(&all[i], PE_VERDICT_UNCLAIMED);
    }
    char title[300];
    snprintf(title, sizeof title, "%d of %d claims of %d encodings held, %d broken", held,
             held + broken, count, broken);
    pe_say(section,
           "Each encoding says of itself which of eleven properties its formula has. These are "
           "checked "
           "on the quad build, where an error cannot pass as rounding, with random parameters and "
           "content. %d encodings make %d claims that can be tested: %d held and %d did not. "
           "%d more properties hold here though nobody claims them: at this size and these random "
           "draws, which proves nothing in general.",
           count, held + broken, held, broken, unclaimed);
    pe_section_formula(
        section, "S(i,j) = \\ell_{ij} - \\frac{q_i \\cdot k_j}{\\sqrt{D}} + p_i \\cdot p_j",
        "$S$: positional share, which four of the claims are about; $\\ell$: logits; "
        "$p$: code rows, if there are any");
    const pe_status status = draw_claims(section, all, count, title, err);
    claims_table(section, all, count);
    for (int i = 0; i < count; i++)
        judge_claims(section, &all[i]);
    return status;
}

pe_status pe_symmetry_claims(pe_lab *lab, pe_result *result, pe_error *err)
{
    pe_section *section = pe_result_section(result, "What encodings claim of themselves");
    claimed *all = pe_allocate((size_t)lab->subject_count + 1, sizeof *all, "claims", err);
    int count = 0;
    if (!all)
        return PE_MEMORY;
    pe_status status = verify_all(lab, section, all, &count, err);
    if (status == PE_OK)
        status = show_claims(section, all, count, err);
    if (status == PE_OK)
        status = symmetry_claims_matrix(lab, section, all, count, err);
    pe_release(all);
    return status;
}
