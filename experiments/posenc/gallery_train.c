/* posenc gallery train: models with a bug and without. */
#include "gallery_train.h"

#include "base/memory.h"
#include "cli/print.h"
#include "cli/progress.h"
#include "io/json.h"

#include <stdio.h>

static const pe_cli_option options[] = {
    {"seeds", 0, PE_CLI_INT, "N", "3", 2, PE_TRAINED_SEEDS, false, "trainings of each model"},
    {"preset", 0, PE_CLI_CHOICE, "quick|full", "quick", 0, 0, false,
     "how long they train: seconds, or hours for all"},
    {"quick", 0, PE_CLI_FLAG, NULL, NULL, 0, 0, false, "a few steps of tiny models: to try it out"},
};
const pe_cli_group gallery_train_options = PE_CLI_GROUP("Training", options);

enum { FULL = 1 };

void gallery_train_size(const pe_cli *cli, pe_lab_size *size)
{
    size->quick = pe_cli_flag(cli, "quick");
    size->full = pe_cli_choice(cli, "preset") == FULL && !size->quick;
}

static json_t *numbers_of(int seeds, const double *x)
{
    json_t *list = json_array();
    for (int k = 0; k < seeds; k++)
        json_array_append_new(list, pe_json_real(x[k]));
    return list;
}

static json_t *paired(int seeds, const pe_paired *p)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "twin",
                     pe_json_real(p->twin_mean), "bug", pe_json_real(p->bug_mean), "difference",
                     pe_json_real(p->difference.centre), "low", pe_json_real(p->difference.low),
                     "high", pe_json_real(p->difference.high), "band", pe_json_real(p->band),
                     "twin_by_seed", numbers_of(seeds, p->twin), "bug_by_seed",
                     numbers_of(seeds, p->bug), "beyond", p->beyond);
}

static void add_columns(json_t *row, const pe_paired *p, const char *const name[4])
{
    char interval[64];
    snprintf(interval, sizeof interval, "%+.3f .. %+.3f", p->difference.low, p->difference.high);
    json_object_set_new(row, name[0], pe_json_real(p->twin_mean));
    json_object_set_new(row, name[1], pe_json_real(p->bug_mean));
    json_object_set_new(row, name[2], pe_json_real(p->difference.centre));
    json_object_set_new(row, name[3], json_string(interval));
}

static const char *const columns[] = {"exhibit",          "task",       "loss, twin", "loss, bug",
                                      "difference",       "95 %",       "4L, twin",   "4L, bug",
                                      "difference there", "95 % there", "shown by"};
enum { COLUMNS = sizeof columns / sizeof columns[0] };

static json_t *row_of(const pe_cli *cli, const pe_course *course, const pe_trained_pair *p)
{
    json_t *row =
        json_pack("{s:s, s:s}", "exhibit", p->exhibit->id, "task", pe_trained_kind_text(p->kind));
    if (p->declined) {
        char why[PE_ERROR_TEXT + 16];
        snprintf(why, sizeof why, "declined: %s", p->because);
        json_object_set_new(row, "shown by", json_string(why));
        return row;
    }
    if (pe_cli_flag(cli, "json")) {
        json_object_set_new(row, "near", paired(course->seeds, &p->near));
        json_object_set_new(row, "far", paired(course->seeds, &p->far));
        json_object_set_new(row, "loaded", paired(course->seeds, &p->loaded));
        json_object_set_new(row, "seeds", json_integer(course->seeds));
        json_object_set_new(row, "steps", json_integer((json_int_t)course->steps));
        json_object_set_new(row, "length", json_integer((json_int_t)course->length));
        json_object_set_new(row, "far_length", json_integer((json_int_t)course->far));
        json_object_set_new(row, "why", json_string(p->exhibit->why));
    } else {
        add_columns(row, &p->near, columns + 2);
        add_columns(row, &p->far, columns + 6);
    }
    json_object_set_new(row, "shown by", json_string(pe_shown_text(p->shown)));
    return row;
}

static json_t *row_of_untrained(const pe_exhibit *e)
{
    char why[256];
    snprintf(why, sizeof why, "not trained: %s", e->why);
    return json_pack("{s:s, s:n, s:s}", "exhibit", e->id, "task", "shown by", why);
}

static pe_status train(const pe_cli *cli, pe_lab *lab, const pe_course *course, size_t n,
                       const pe_exhibit *const *list, pe_trained_pair *pairs, pe_error *err)
{
    pe_progress progress;
    pe_progress_begin(&progress, cli, "gallery", PE_PROGRESS_PARTS);
    lab->progress = pe_progress_share;
    lab->progress_context = &progress;
    const pe_status status = pe_gallery_train(lab, course, n, list, pairs, err);
    lab->progress = NULL;
    pe_progress_end(&progress);
    return status;
}

static pe_status print(const pe_cli *cli, const pe_course *course, size_t n,
                       const pe_exhibit *const *list, const pe_trained_pair *pairs, pe_error *err)
{
    json_t *rows = json_array();
    size_t at = 0, expected = 0;
    for (size_t i = 0; i < n; i++) {
        const size_t own = pe_gallery_pairs(1, &list[i]);
        for (size_t k = 0; k < own; k++)
            json_array_append_new(rows, row_of(cli, course, &pairs[at++]));
        if (own == 0)
            json_array_append_new(rows, row_of_untrained(list[i]));
        expected += own ? own : 1;
    }
    rows = pe_rows_complete(rows, expected);
    const pe_status status = pe_print_rows(cli, rows, COLUMNS, columns, err);
    json_decref(rows);
    return status;
}

pe_status gallery_train(const pe_cli *cli, pe_lab *lab, size_t n, const pe_exhibit *const *list,
                        pe_error *err)
{
    pe_course course = pe_gallery_course(lab);
    course.seeds = (int)pe_cli_int(cli, "seeds");
    pe_trained_pair *pairs =
        pe_allocate(pe_gallery_pairs(n, list) + 1, sizeof *pairs, "trained pairs", err);
    if (!pairs)
        return PE_MEMORY;
    pe_status status = train(cli, lab, &course, n, list, pairs, err);
    if (status == PE_OK)
        status = print(cli, &course, n, list, pairs, err);
    pe_release(pairs);
    return status;
}
