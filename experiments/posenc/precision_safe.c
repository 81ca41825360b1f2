/* posenc precision safe: how far a path can be trusted. */
#include "precision.h"

#include "analysis/random.h"
#include "base/memory.h"
#include "cli/print.h"
#include "io/json.h"

enum { PHASE, LOGIT, WEIGHT, TOKENS = 64 };

typedef struct content {
    double *q, *k; /* (TOKENS, width), normal */
} content;

static pe_status draw(const pe_cli *cli, size_t width, content *x, pe_error *err)
{
    x->q = pe_allocate(2 * TOKENS * width, sizeof *x->q, "queries and keys", err);
    if (!x->q)
        return PE_MEMORY;
    x->k = x->q + TOKENS * width;
    pe_stream stream = pe_stream_open((uint64_t)pe_cli_int(cli, "seed"), "precision safe", 0);
    pe_fill_normal(&stream, x->q, 2 * TOKENS * width, 0, 1);
    return PE_OK;
}

/* One formed path. Rotation and vectors are in the format that the table ends in, not wider than
 * float. */
static pe_status search(const pe_cli *cli, const pe_formed *formed, pe_safe *safe, pe_error *err)
{
    const double tolerance = pe_cli_real(cli, "tolerance"), most = pe_cli_real(cli, "most");
    const int unit = pe_cli_choice(cli, "unit");
    const size_t width = 2 * formed->spectrum.pairs;
    content x = {0};
    if (unit == PHASE)
        return pe_safe_phase(formed, tolerance, most, safe, err);
    pe_status status = draw(cli, width, &x, err);
    const pe_format last = pe_formation_format(&formed->formation);
    const pe_format format = last == PE_FP64 ? PE_FP32 : last;
    const pe_rotary rotary = {TOKENS, x.q, x.k, format, format};
    if (status == PE_OK)
        status = pe_safe_shift(formed, &rotary, unit == LOGIT ? PE_SAFE_LOGIT : PE_SAFE_WEIGHT,
                               tolerance, most, safe, err);
    pe_release(x.q);
    return status;
}

static pe_status add_row(const pe_cli *cli, const pe_formation *path, const pe_spectrum *spectrum,
                         json_t *rows, pe_error *err)
{
    pe_formed formed;
    pe_safe safe;
    pe_status status = pe_formed_make(path, spectrum, &formed, err);
    if (status != PE_OK)
        return status;
    status = search(cli, &formed, &safe, err);
    if (status == PE_OK) {
        const bool by_pair = safe.reached && pe_cli_choice(cli, "unit") == PHASE;
        json_t *row =
            json_pack("{s:s, s:f, s:I, s:I, s:s, s:o}", "path", path->name, "base", spectrum->base,
                      "width", (json_int_t)(2 * spectrum->pairs), "safe to",
                      (json_int_t)safe.position, "then", safe.reached ? "exceeded" : "not reached",
                      "pair", by_pair ? json_integer((json_int_t)safe.pair) : json_null());
        json_array_append_new(rows, row);
    }
    pe_formed_release(&formed);
    return status;
}

/* What people deploy: three bases, two widths, three formats. */
static pe_status deployed(const pe_cli *cli, json_t *rows, size_t *count, pe_error *err)
{
    static const double bases[] = {1e4, 5e5, 1e6};
    static const size_t widths[] = {64, 128};
    static const char *const paths[] = {"pow", "all-fp16", "all-bf16"};
    pe_status status = PE_OK;
    for (size_t b = 0; b < 3; b++)
        for (size_t w = 0; w < 2; w++)
            for (size_t p = 0; status == PE_OK && p < 3; p++, (*count)++) {
                const pe_spectrum spectrum = {bases[b], widths[w] / 2, (double)widths[w]};
                status = add_row(cli, pe_formation_by_name(paths[p]), &spectrum, rows, err);
            }
    return status;
}

static pe_status named(const pe_cli *cli, json_t *rows, size_t *count, pe_error *err)
{
    pe_spectrum spectrum;
    pe_status status = precision_spectrum(cli, &spectrum, err);
    for (int i = 1; status == PE_OK && i < cli->word_count; i++, (*count)++) {
        pe_formation path;
        status = precision_path(cli->words[i], &path, err);
        if (status == PE_OK)
            status = add_row(cli, &path, &spectrum, rows, err);
    }
    return status;
}

pe_status precision_safe(const pe_cli *cli, pe_error *err)
{
    static const char *const columns[] = {"path", "base", "width", "safe to", "then", "pair"};
    json_t *rows = json_array();
    size_t count = 0;
    pe_status status =
        cli->word_count > 1 ? named(cli, rows, &count, err) : deployed(cli, rows, &count, err);
    if (status == PE_OK) {
        rows = pe_rows_complete(rows, count);
        status = pe_print_rows(cli, rows, 6, columns, err);
    }
    json_decref(rows);
    return status;
}
