#include "check_layouts.h"

#include "cli/print.h"
#include "identify.h"
#include "io/json.h"

#include <math.h>
#include <stdio.h>

typedef struct two_tables {
    const char *path[2];
    identify_file file[2];
    pe_identification what[2];
    pe_permutation order;
    double tolerance;
} two_tables;

/* What a float program may put between two right tables (identify_grade.c has the same rule), with
 * one unit of the narrower format. */
static double tolerance_of(const pe_cli *cli, const two_tables *t)
{
    const double asked = pe_cli_real(cli, "tolerance");
    if (asked >= 0)
        return asked;
    const double coarse =
        fmax(pe_format_epsilon(t->what[0].stored), pe_format_epsilon(t->what[1].stored));
    return 1e-6 + coarse + 0x1p-22 * (double)t->file[0].matrix.rows;
}

static bool is_identity(const two_tables *t)
{
    size_t j = 0;
    while (j < t->file[0].matrix.columns && t->order.source[j] == j)
        j++;
    return j == t->file[0].matrix.columns;
}

/* ---- text ---- */

static void print_list(FILE *out, const two_tables *t)
{
    for (size_t j = 0; j < t->file[0].matrix.columns; j++)
        fprintf(out, "%s%zu", j ? ", " : "", t->order.source[j]);
}

static void print_order(FILE *out, const two_tables *t)
{
    if (is_identity(t)) {
        fprintf(out, "the columns are the same in the same order, to %.3g\n", t->order.worst);
        return;
    }
    fprintf(out,
            "the columns are the same in another order, to %.3g: column j of A is column "
            "index[j] of B\n",
            t->order.worst);
    fputs("index = [", out);
    print_list(out, t);
    fputs("]\n", out);
    fputs("check        np.abs(A - B[:, index]).max()\n"
          "weights that were trained with layout B work with layout A as\n"
          "  a table of a rotation: the rows of each head, W (out, in) as in torch.nn.Linear\n"
          "             W_q[h] = W_q[h][index]; W_k[h] = W_k[h][index]\n"
          "  a table that is added to embeddings: what reads them, and the embedding table\n"
          "             W_q = W_q[:, index]; W_k = W_k[:, index]; W_v = W_v[:, index]; E = E[:, "
          "index]\n",
          out);
}

static void print_proof(FILE *out, const two_tables *t)
{
    fprintf(out,
            "no order of the columns makes them equal: column %zu of A is nearest to column %zu of "
            "B, and differs from it by %.6g in some row (allowed: %.3g)\n",
            t->order.column, t->order.nearest, t->order.distance, t->tolerance);
    const pe_finding *a = &t->what[0].best[0], *b = &t->what[1].best[0];
    if (t->what[0].known && t->what[1].known && a->rule != b->rule)
        fprintf(out, "their frequencies follow different rules: %s and %s\n", pe_rule_name(a->rule),
                pe_rule_name(b->rule));
    else if (t->what[0].known && t->what[1].known && a->base != b->base)
        fprintf(out, "their frequencies have different bases: %.6g and %.6g\n", a->base, b->base);
}

static void print_all(FILE *out, const void *data)
{
    const two_tables *t = data;
    char text[PE_IDENTIFY_TEXT];
    for (int i = 0; i < 2; i++)
        fprintf(out, "%c            %s: %s\n", 'A' + i, t->path[i],
                t->what[i].known ? pe_finding_text(&t->what[i].best[0], text) : "unknown");
    t->order.exists ? print_order(out, t) : print_proof(out, t);
}

/* ---- JSON ---- */

static pe_status print_json(const two_tables *t, pe_error *err)
{
    json_t *index = t->order.exists ? json_array() : json_null();
    for (size_t j = 0; t->order.exists && j < t->file[0].matrix.columns; j++)
        json_array_append_new(index, json_integer((json_int_t)t->order.source[j]));
    if (t->order.exists)
        index = pe_rows_complete(index, t->file[0].matrix.columns);
    json_t *value =
        json_pack("{s:s, s:s, s:b, s:o, s:o, s:o}", "a", t->path[0], "b", t->path[1], "exists",
                  t->order.exists, "index", index, "allowed", pe_json_real(t->tolerance), "worst",
                  pe_json_real(t->order.exists ? t->order.worst : t->order.distance));
    if (value && !t->order.exists) {
        json_object_set_new(value, "column", json_integer((json_int_t)t->order.column));
        json_object_set_new(value, "nearest", json_integer((json_int_t)t->order.nearest));
    }
    const pe_status status = pe_print_json(value, err);
    json_decref(value);
    return status;
}

static pe_status open_both(two_tables *t, pe_error *err)
{
    pe_status status = PE_OK;
    for (int i = 0; status == PE_OK && i < 2; i++) {
        status = identify_open(t->path[i], NULL, &t->file[i], err);
        if (status == PE_OK)
            status = pe_identify(&t->file[i].matrix, &t->what[i], err);
    }
    return status;
}

pe_status check_layouts(const pe_cli *cli, pe_error *err)
{
    if (cli->word_count != 2)
        return pe_fail(err, PE_USAGE, "--layouts wants two tables, not %d", cli->word_count);
    two_tables t = {.path = {cli->words[0], cli->words[1]}};
    pe_status status = open_both(&t, err);
    if (status == PE_OK) {
        t.tolerance = tolerance_of(cli, &t);
        status =
            pe_find_permutation(&t.file[0].matrix, &t.file[1].matrix, t.tolerance, &t.order, err);
    }
    if (status == PE_OK && pe_cli_flag(cli, "json"))
        status = print_json(&t, err);
    else if (status == PE_OK && !pe_cli_flag(cli, "quiet"))
        status = pe_print_text(print_all, &t, err);
    if (status == PE_OK && !t.order.exists)
        status = pe_fail(err, PE_DIFFERS, "no order of the columns makes %s and %s equal",
                         t.path[0], t.path[1]);
    pe_permutation_release(&t.order);
    identify_close(&t.file[0]);
    identify_close(&t.file[1]);
    return status;
}
