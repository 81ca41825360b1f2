#include "case_compare.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *case_verdict_name(case_verdict verdict)
{
    static const char *const names[] = {"same", "DIFFERS", "not compared"};
    return names[verdict];
}

double case_share(const case_difference *d)
{
    if (d->largest <= 0)
        return 0;
    return d->allowed > 0 ? d->largest / d->allowed : HUGE_VAL;
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* ---- what counts ---- */

static bool ends(const char *text, const char *with)
{
    const size_t n = strlen(text), m = strlen(with);
    return n >= m && strcmp(text + n - m, with) == 0;
}

/* pe_f64 and pe_f32 belong to one precision each. */
static bool of_other_precision(const case_run *run, const char *name)
{
    return ends(name, run->precision == PE_FLOAT ? "_f64" : "_f32");
}

static void skip(case_difference *d, const char *why)
{
    d->verdict = CASE_SKIPPED;
    snprintf(d->why, sizeof d->why, "%s", why);
}

static void differs(case_difference *d, const char *why)
{
    d->verdict = CASE_DIFFERS;
    d->largest = HUGE_VAL;
    snprintf(d->why, sizeof d->why, "%s", why);
}

/* ---- numbers ---- */

/* Where an entry of logits, terms, probabilities or biases is masked, it is not compared. */
typedef struct mask_view {
    case_table
        table; /* (Bm, Lq, Lk), from mask.npy or from what was computed; values may be NULL */
    bool lent;
} mask_view;

static pe_status find_mask(case_run *run, mask_view *mask, pe_error *err)
{
    *mask = (mask_view){0};
    pe_status status = case_read(run, "mask", &mask->table, err);
    if (status != PE_OK || mask->table.values)
        return status;
    const case_result *own = case_run_find(run, "mask", &status, err);
    if (own) {
        mask->lent = true;
        mask->table.rank = own->rank;
        mask->table.values = own->values;
        memcpy(mask->table.shape, own->shape, sizeof mask->table.shape);
    }
    return status;
}

static bool is_masked_kind(const char *name)
{
    return begins(name, "logits") || begins(name, "term_") || strcmp(name, "probs") == 0 ||
           strcmp(name, "bias") == 0;
}

/* Is entry `at` of a (B, H, Lq, Lk) or (H, Lq, Lk) array under the mask? */
static bool hidden(const mask_view *mask, const case_table *ref, size_t at)
{
    const size_t *m = mask->table.shape, *s = ref->shape + ref->rank - 2;
    if (!mask->table.values || mask->table.rank != 3 || m[1] != s[0] || m[2] != s[1])
        return false;
    const size_t tile = m[1] * m[2];
    const size_t b = ref->rank == 4 && m[0] > 1 ? at / (tile * ref->shape[1]) : 0;
    return b < m[0] && !(mask->table.values[b * tile + at % tile] > 0);
}

static void index_text(const case_table *ref, size_t at, char *text, size_t size)
{
    size_t index[PE_SHAPE_RANK];
    for (int a = ref->rank - 1; a >= 0; a--) {
        index[a] = at % ref->shape[a];
        at /= ref->shape[a];
    }
    text[0] = 0;
    for (int a = 0; a < ref->rank; a++) {
        const size_t used = strlen(text);
        snprintf(text + used, size - used, "[%zu]", index[a]);
    }
}

/* Where nothing may differ, a float can only be the float next to a number stored in double. */
static void round_reference(case_table *ref, double tolerance, pe_precision precision)
{
    const bool equal = !(tolerance > 0) && precision == PE_FLOAT;
    for (size_t i = 0; equal && i < ref->count; i++)
        ref->values[i] = (double)(float)ref->values[i];
}

static void compare_numbers(const case_result *result, const case_table *ref, const mask_view *mask,
                            double tolerance, case_difference *d)
{
    const bool masked = ref->rank >= 3 && is_masked_kind(d->name);
    double scale = 0;
    size_t at = 0;
    d->largest = 0;
    for (size_t i = 0; i < ref->count; i++) {
        scale = fmax(scale, fabs(ref->values[i]));
        if (masked && hidden(mask, ref, i))
            continue;
        const double difference = fabs(result->values[i] - ref->values[i]);
        if (difference > d->largest || (isnan(difference) && !isnan(d->largest))) {
            d->largest = difference;
            at = i;
        }
    }
    d->allowed = tolerance * (1 + scale);
    d->got = ref->count ? result->values[at] : 0;
    d->expected = ref->count ? ref->values[at] : 0;
    index_text(ref, at, d->where, sizeof d->where);
    d->verdict = d->largest <= d->allowed ? CASE_SAME : CASE_DIFFERS;
    if (isnan(d->largest))
        d->largest = HUGE_VAL;
}

static bool same_shape(const case_result *result, const case_table *ref)
{
    return result->rank == ref->rank &&
           memcmp(result->shape, ref->shape, (size_t)ref->rank * sizeof *ref->shape) == 0;
}

static pe_status compare_file(case_run *run, const pe_case_file *file, const mask_view *mask,
                              double tolerance, case_difference *d, pe_error *err)
{
    pe_status status;
    const case_result *result = case_run_find(run, file->name, &status, err);
    if (!result) {
        if (begins(file->role, "output"))
            differs(d, "an output that could not be computed");
        else
            skip(d, "not computed here");
        return status;
    }
    case_table ref;
    status = case_read(run, file->name, &ref, err);
    if (status != PE_OK)
        return status;
    if (result->beginning && ref.rank == 1 && result->count < ref.count)
        ref.count = ref.shape[0] = result->count;
    char got[PE_SHAPE_TEXT], want[PE_SHAPE_TEXT], why[sizeof d->why];
    snprintf(why, sizeof why, "computed %s, the file has %s",
             pe_shape_text(result->rank, result->shape, got),
             pe_shape_text(ref.rank, ref.shape, want));
    round_reference(&ref, tolerance, run->precision);
    if (same_shape(result, &ref))
        compare_numbers(result, &ref, mask, tolerance, d);
    else
        differs(d, why);
    case_table_release(&ref);
    return PE_OK;
}

/* ---- the report ---- */

static bool is_listed(const pe_case_file *file)
{
    return begins(file->role, "output") || begins(file->role, "intermediate") ||
           begins(file->role, "gradient");
}

static void count_item(case_report *report, const case_difference *d)
{
    report->same += d->verdict == CASE_SAME;
    report->differing += d->verdict == CASE_DIFFERS;
    report->skipped += d->verdict == CASE_SKIPPED;
    if (d->verdict == CASE_SKIPPED)
        return;
    const bool first = report->worst < 0;
    if (first || case_share(d) > case_share(&report->item[report->worst]))
        report->worst = report->count;
}

static pe_status report_file(case_run *run, const pe_case_file *file, const mask_view *mask,
                             double tolerance, case_report *report, pe_error *err)
{
    case_difference *d = &report->item[report->count];
    snprintf(d->name, sizeof d->name, "%s", file->name);
    pe_status status = PE_OK;
    if (of_other_precision(run, file->name))
        skip(d, "belongs to another precision");
    else
        status = compare_file(run, file, mask, tolerance, d, err);
    if (status == PE_OK) {
        count_item(report, d);
        report->count++;
    }
    return status;
}

static pe_status report_all(case_run *run, double tolerance, case_report *report, pe_error *err)
{
    mask_view mask;
    pe_status status = find_mask(run, &mask, err);
    for (size_t i = 0; status == PE_OK && i < pe_case_file_count(run->c); i++) {
        const pe_case_file *file = pe_case_file_at(run->c, i);
        if (is_listed(file))
            status = report_file(run, file, &mask, tolerance, report, err);
    }
    if (!mask.lent)
        case_table_release(&mask.table);
    return status;
}

pe_status case_compare(case_run *run, double tolerance, case_report *report, pe_error *err)
{
    *report = (case_report){.worst = -1};
    if (tolerance < 0)
        tolerance =
            pe_case_tolerance(run->c, run->precision == PE_FLOAT ? PE_DTYPE_F32 : PE_DTYPE_F64);
    if (isnan(tolerance))
        return pe_fail(err, PE_FORMAT, "%s states no tolerance for %s: give --tolerance",
                       pe_case_name(run->c), pe_precision_name(run->precision));
    report->item =
        pe_allocate(pe_case_file_count(run->c) + 1, sizeof *report->item, "a report", err);
    pe_status status = report->item ? report_all(run, tolerance, report, err) : PE_MEMORY;
    if (status == PE_OK && report->same + report->differing == 0)
        status = pe_fail(err, PE_FORMAT, "%s holds nothing that could be compared",
                         pe_case_name(run->c));
    if (status != PE_OK)
        case_report_release(report);
    return status;
}

void case_report_release(case_report *report)
{
    pe_release(report->item);
    *report = (case_report){.worst = -1};
}
