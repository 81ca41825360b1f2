/* The tables of METRICS.md 3.1 to 3.6 and the reported figures of bugs, side by side with
 * ours: every row is a path, a setting, what is measured, the published number and a tolerance. */
#include "numerical_precision_published.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>

static const char *const what_text[WHATS] = {
    [FREQUENCY] = "frequency error",
    [ABSOLUTE] = "largest error",
    [COSINE] = "largest cosine error",
    [RMS] = "RMS error",
    [FIRST_TENTH] = "first position off by 0.1",
    [FIRST_ONE] = "first position off by 1",
    [DISTINCT] = "distinct rows",
    [REPEATS] = "first repeated position",
    [ANGLE] = "angle of pair 1",
};

static bool is_close(const published *p, double value, double *tolerance)
{
    *tolerance = p->tolerance < 0 ? -p->tolerance * p->expected : p->tolerance;
    return fabs(value - p->expected) <= *tolerance;
}

/* ---- one row ---- */

static size_t fill_positions(const published *p, double *position)
{
    size_t count = 0;
    for (size_t t = 0; t < p->n; t += t < 32768 || p->what == DISTINCT ? 1 : 7)
        position[count++] = p->from + (double)t;
    return count;
}

static double frequency_error(const pe_formed *formed)
{
    double worst = 0;
    for (size_t i = 0; i < formed->spectrum.pairs; i++)
        worst =
            fmax(worst, fabs((formed->high[i] - formed->exact_high[i]) / formed->exact_high[i]));
    return worst * 0x1p24;
}

static double pick(const published *p, const pe_formation_found *f)
{
    switch (p->what) {
    case ABSOLUTE:
        return f->absolute.value;
    case COSINE:
        return f->cosine.value;
    case RMS:
        return f->rms;
    case FIRST_TENTH:
        return f->first_tenth;
    default:
        return f->first_one;
    }
}

static pe_status evaluate_formed(const published *p, const pe_formed *formed, double *value,
                                 pe_error *err)
{
    double low;
    if (p->what == FREQUENCY) {
        *value = frequency_error(formed);
        return PE_OK;
    }
    if (p->what == ANGLE) {
        *value = pe_formed_angle(formed, 1, p->from, &low);
        return PE_OK;
    }
    double *position = pe_allocate(p->n, sizeof *position, "positions", err);
    if (!position)
        return PE_MEMORY;
    const size_t n = fill_positions(p, position);
    pe_formation_found found;
    pe_formation_rows rows;
    pe_status status;
    if (p->what == DISTINCT || p->what == REPEATS) {
        status = pe_formation_distinct(formed, n, position, &rows, err);
        if (status == PE_OK)
            *value = p->what == DISTINCT ? (double)rows.distinct : rows.repeats;
    } else {
        status = pe_formation_measure(formed, n, position, &found, err);
        if (status == PE_OK)
            *value = pick(p, &found);
    }
    pe_release(position);
    return status;
}

static pe_status evaluate(const published *p, double *value, pe_error *err)
{
    const pe_spectrum spectrum = {10000, (size_t)p->width / 2,
                                  p->divisor > 0 ? p->divisor : (double)p->width};
    pe_formation path;
    pe_formed formed;
    pe_status status = pe_formation_parse(p->path, &path, err);
    if (status == PE_OK)
        status = pe_formed_make(&path, &spectrum, &formed, err);
    if (status != PE_OK)
        return status;
    status = evaluate_formed(p, &formed, value, err);
    pe_formed_release(&formed);
    return status;
}

/* ---- a table of rows ---- */

static pe_sheet *begin_table(pe_section *section, const char *id, const char *caption)
{
    static const pe_sheet_column columns[] = {
        {"published in", NULL, 1, 0}, {"path", NULL, 1, 0},      {"setting", NULL, 1, 0},
        {"quantity", NULL, 1, 0},     {"published", NULL, 0, 6}, {"here", NULL, 0, 6},
        {"tolerance", NULL, 0, 3},    {"verdict", NULL, 1, 0}};
    return pe_section_table(section, id, caption, 8, columns);
}

static void add_row(pe_sheet *sheet, const published *p, double value)
{
    char setting[96];
    double tolerance;
    const bool close = is_close(p, value, &tolerance);
    if (p->what == FREQUENCY)
        snprintf(setting, sizeof setting, "d = %d", p->width);
    else
        snprintf(setting, sizeof setting, "d = %d, %zu positions from %.4g", p->width, p->n,
                 p->from);
    pe_sheet_text(sheet, p->source);
    pe_sheet_text(sheet, p->path);
    pe_sheet_text(sheet, setting);
    pe_sheet_text(sheet, what_text[p->what]);
    pe_sheet_number(sheet, p->expected);
    pe_sheet_number(sheet, value);
    pe_sheet_number(sheet, tolerance);
    pe_sheet_text(sheet, pe_judgement_text(close ? PE_VERDICT_PASS : PE_VERDICT_FAIL));
}

static void add_judged(pe_sheet *sheet, const published *row, double value, agreement *a)
{
    double tolerance;
    add_row(sheet, row, value);
    a->rows++;
    a->close += is_close(row, value, &tolerance);
}

pe_status published_add_rows(pe_sheet *sheet, const published *rows, size_t n, agreement *a,
                             pe_error *err)
{
    for (size_t i = 0; i < n; i++) {
        double value = (double)NAN;
        pe_status status = evaluate(&rows[i], &value, err);
        if (status != PE_OK)
            return status;
        add_judged(sheet, &rows[i], value, a);
    }
    return PE_OK;
}

static void judge_agreement(pe_section *section, const char *id, const char *source,
                            const agreement *a)
{
    char quantity[160];
    snprintf(quantity, sizeof quantity, "rows of the table that agree: %s", source);
    pe_check_within(section,
                    &(pe_check){.id = id,
                                .quantity = quantity,
                                .value = (double)a->close,
                                .expected = (double)a->rows,
                                .source = "the table above, row by row"},
                    0);
}

/* ---- METRICS.md 3.1 to 3.5 ---- */

static pe_status frequencies(pe_sheet *sheet, agreement *a, pe_error *err)
{
    static const int widths[] = {64, 128, 512, 768, 1024};
    static const struct {
        const char *path;
        double error[5];
    } forms[] = {
        {"exp-step", {8.24, 8.24, 9.49, 9.46, 9.49}},
        {"exp-log", {8.24, 8.24, 9.49, 12.42, 9.49}},
        {"reciprocal-pow", {1.17, 1.17, 1.38, 4.30, 1.38}},
        {"pow", {0.91, 0.91, 0.94, 3.92, 0.94}},
        {"running-product", {4.58, 36.2, 106.6, 144.9, 20.1}},
        {"frequency=pow:fp64:fp32", {0.91, 0.91, 0.94, 0.91, 0.94}},
    };
    pe_status status = PE_OK;
    for (size_t f = 0; f < sizeof forms / sizeof forms[0]; f++)
        for (int w = 0; status == PE_OK && w < 5; w++) {
            const published row = {.path = forms[f].path,
                                   .width = widths[w],
                                   .what = FREQUENCY,
                                   .expected = forms[f].error[w],
                                   .tolerance = -0.02,
                                   .source = "3.1"};
            status = published_add_rows(sheet, &row, 1, a, err);
        }
    return status;
}

enum { TABLES = 5, TABLE_LENGTHS = 5 };
static const size_t table_length[TABLE_LENGTHS] = {512, 4096, 32768, 131072, 1000000};
static const struct {
    const char *path;
    double error[TABLE_LENGTHS];
} table_path[TABLES] = {
    {"exp-step", {3.01e-5, 2.31e-4, 1.93e-3, 7.78e-3, 6.05e-2}},
    {"reciprocal-pow", {2.85e-5, 2.39e-4, 1.92e-3, 7.72e-3, 6.01e-2}},
    {"double-angle", {1.51e-5, 1.22e-4, 9.76e-4, 3.90e-3, 3.12e-2}},
    {"double-then-round", {2.98e-8, 2.98e-8, 2.98e-8, 2.98e-8, 2.99e-8}},
    {"running-product", {4.87e-5, 4.10e-4, 3.32e-3, 1.32e-2, 1.02e-1}},
};

static published row_of_table(int path, int length)
{
    return (published){.path = table_path[path].path,
                       .width = 128,
                       .n = table_length[length],
                       .what = ABSOLUTE,
                       .expected = table_path[path].error[length],
                       .tolerance = -0.02,
                       .source = "3.2"};
}

/* The positions of a length are the first of those of a longer one. */
static pe_status measure_tables(int lengths, const pe_formed formed[TABLES],
                                double error[TABLES * TABLE_LENGTHS], pe_error *err)
{
    const published longest = row_of_table(0, lengths - 1);
    double *position = pe_allocate(longest.n, sizeof *position, "positions", err);
    if (!position)
        return PE_MEMORY;
    const size_t n = fill_positions(&longest, position);
    size_t cut[TABLE_LENGTHS];
    for (int l = 0; l < lengths; l++)
        for (cut[l] = 0; cut[l] < n && position[cut[l]] < (double)table_length[l];)
            cut[l]++;
    const pe_status status =
        pe_formation_largest(TABLES, formed, n, position, (size_t)lengths, cut, error, err);
    pe_release(position);
    return status;
}

static pe_status tables(precision_run *run, pe_sheet *sheet, agreement *a, pe_error *err)
{
    const pe_spectrum spectrum = {10000, 64, 128};
    const int lengths = run->lab->size.quick ? 2 : TABLE_LENGTHS;
    pe_formed formed[TABLES] = {0};
    double error[TABLES * TABLE_LENGTHS];
    pe_status status = PE_OK;
    for (int p = 0; status == PE_OK && p < TABLES; p++)
        status =
            pe_formed_make(pe_formation_by_name(table_path[p].path), &spectrum, &formed[p], err);
    if (status == PE_OK)
        status = measure_tables(lengths, formed, error, err);
    for (int p = 0; p < TABLES; p++) {
        for (int l = 0; status == PE_OK && l < lengths; l++) {
            const published row = row_of_table(p, l);
            add_judged(sheet, &row, error[p * lengths + l], a);
        }
        pe_formed_release(&formed[p]);
    }
    return status == PE_OK ? pe_lab_step(run->lab, "published tables", 0.97, err) : status;
}

static const published stored[] = {
    {"exp-step", 128, 0, 0, 512, RMS, 1.93e-6, -0.02, "3.2"},
    {"reciprocal-pow", 128, 0, 0, 512, RMS, 1.60e-6, -0.02, "3.2"},
    {"double-then-round", 128, 0, 0, 512, RMS, 1.40e-8, -0.02, "3.2"},
    {"store=fp32", 128, 0, 0, 4096, ABSOLUTE, 2.98e-8, -0.01, "3.3"},
    {"store=fp16", 128, 0, 0, 4096, ABSOLUTE, 2.44e-4, -0.01, "3.3"},
    {"store=bf16", 128, 0, 0, 4096, ABSOLUTE, 1.95e-3, -0.01, "3.3"},
    {"store=fp32", 128, 0, 0, 4096, RMS, 1.45e-8, -0.01, "3.3"},
    {"store=fp16", 128, 0, 0, 4096, RMS, 1.18e-4, -0.01, "3.3"},
    {"store=bf16", 128, 0, 0, 4096, RMS, 9.41e-4, -0.01, "3.3"},
};

static pe_status collisions(pe_sheet *sheet, agreement *a, pe_error *err)
{
    static const double bf16[] = {256, 385, 513, 641, 769, 897, 1025, 1153, 1281, 1409};
    static const double fp16[] = {256, 512, 1024, 2048, 3073, 4097, 5121, 6145, 7169, 7169};
    pe_status status = PE_OK;
    for (int m = 0; status == PE_OK && m < 10; m++) {
        const size_t n = (size_t)256 << m;
        /* two pairs are enough to tell stored positions apart */
        const published rows[] = {
            {"positions-bf16", 4, 0, 0, n, DISTINCT, bf16[m], 0, "3.4"},
            {"positions-fp16", 4, 0, 0, n, DISTINCT, fp16[m], 0, "3.4"},
        };
        status = published_add_rows(sheet, rows, 2, a, err);
    }
    return status;
}

static const published narrow_tables[] = {
    {"positions-bf16", 128, 0, 0, 4096, REPEATS, 257, 0, "3.4"},
    {"positions-fp16", 128, 0, 0, 4096, REPEATS, 2049, 0, "3.4"},
    {"all-fp16", 32, 0, 1857, 1, ANGLE, 1045, 0, "3.5"},
    {"all-fp16", 32, 0, 0, 2048, COSINE, 0.7819, 5e-5, "3.5"},
    {"all-bf16", 32, 0, 0, 2048, COSINE, 1.9968, 5e-5, "3.5"},
    {"all-bf16", 128, 0, 0, 512, FIRST_TENTH, 40, 0, "3.5"},
    {"all-fp16", 128, 0, 0, 512, FIRST_TENTH, 196, 0, "3.5"},
    {"all-bf16", 128, 0, 0, 4096, FIRST_ONE, 271, 0, "3.5"},
    {"all-fp16", 128, 0, 0, 4096, FIRST_ONE, 2049, 0, "3.5"},
    {"all-bf16", 128, 0, 0, 4096, RMS, 0.414, 5e-4, "3.5"},
    {"all-fp16", 128, 0, 0, 4096, RMS, 0.132, 5e-4, "3.5"},
    {"all-bf16", 64, 0, 0, 512, FIRST_TENTH, 58, 0, "3.5"},
    {"all-fp16", 64, 0, 0, 512, FIRST_TENTH, 243, 0, "3.5"},
    {"all-bf16", 256, 0, 0, 512, FIRST_TENTH, 38, 0, "3.5"},
    {"all-fp16", 256, 0, 0, 512, FIRST_TENTH, 196, 0, "3.5"},
    {"all-bf16", 512, 0, 0, 512, FIRST_TENTH, 38, 0, "3.5"},
    {"all-fp16", 512, 0, 0, 512, FIRST_TENTH, 196, 0, "3.5"},
};

static pe_status compare_metrics(precision_run *run, pe_section *section, pe_error *err)
{
    agreement a = {0};
    pe_sheet *sheet = begin_table(section, "metrics_side_by_side",
                                  "METRICS.md 3.1 to 3.6 and this run (base 10000)");
    pe_status status = frequencies(sheet, &a, err);
    if (status == PE_OK)
        status = tables(run, sheet, &a, err);
    if (status == PE_OK)
        status = published_add_rows(sheet, stored, sizeof stored / sizeof stored[0], &a, err);
    if (status == PE_OK)
        status = collisions(sheet, &a, err);
    if (status == PE_OK)
        status = published_add_rows(sheet, narrow_tables,
                                    sizeof narrow_tables / sizeof narrow_tables[0], &a, err);
    if (status == PE_OK)
        status = published_shifts(run, sheet, &a, err);
    if (status == PE_OK)
        judge_agreement(section, "P1-P7", "METRICS.md", &a);
    return status;
}

pe_status precision_published(precision_run *run, pe_error *err)
{
    pe_section *section =
        pe_result_section(run->result, "Published figures of formation paths, side by side");
    pe_say(section,
           "Every row names the path, so that `posenc precision measure` gives the number again. "
           "Errors in float depend a little on the C library: 2 %% are accepted, and a factor of "
           "1.3 for logits of random content. A frequency error is in units of $2^{-24}$.");
    pe_status status = compare_metrics(run, section, err);
    if (status != PE_OK)
        return status;
    agreement a = {0};
    pe_sheet *sheet =
        begin_table(section, "bugs_side_by_side", "Public bug reports as formation paths");
    status = published_reports(run, sheet, &a, err);
    if (status != PE_OK)
        return status;
    judge_agreement(section, "P6", "reports of bugs", &a);
    pe_say(
        section,
        "Notes. gpt-neox#1003 and vllm#54620 compare with a float table, these rows with the "
        "exact one; the digits shown do not change. The 0.4205 of vllm#54620 is the error "
        "before the finished sine is stored in fp16 (0.42042 after it). diffusers#13920 says "
        "that all positions are equal: there are two. openvino#36896 reports 2850, which is "
        "truncation; 2851 is a tie and rounds to 2852. candle#3520 has the bug right and its "
        "numbers wrong. Not applicable are figures that were reported and are not ours; the page "
        "of the bug gallery says why.");
    return pe_lab_step(run->lab, "published figures", 0.98, err);
}
