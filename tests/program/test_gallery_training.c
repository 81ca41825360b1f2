/* Training with a bug and with its twin, in models of a second each. */
#include "gallery_each.h"

#include "analysis/start.h"
#include "base/memory.h"
#include "gallery/trained.h"
#include "program.h"
#include "registry/registry.h"

#include <jansson.h>

static const pe_course tiny = {.length = 16,
                               .far = 64,
                               .seeds = 2,
                               .layers = 1,
                               .width = 16,
                               .heads = 4,
                               .batch = 4,
                               .steps = 12};

static void open_lab(pe_lab *lab)
{
    const pe_lab_size size = {.length = 64,
                              .heads = 2,
                              .head_dim = 8,
                              .draws = 4,
                              .seed = GALLERY_SEED,
                              .text = POSENC_SOURCE_DIR "/LICENSE",
                              .quick = true};
    const pe_lab_choice none = {0};
    pe_registry_start();
    pe_analysis_start();
    CU_ASSERT_EQUAL_FATAL(pe_lab_open(lab, &size, &none, 0, NULL), PE_OK);
}

static void train(pe_lab *lab, size_t n, const pe_exhibit *const *list, pe_trained_pair *pairs)
{
    pe_error err = {0};
    const pe_status status = pe_gallery_train(lab, &tiny, n, list, pairs, &err);
    if (status != PE_OK)
        printf("\n    %s", err.text);
    CU_ASSERT_EQUAL_FATAL(status, PE_OK);
}

static const pe_exhibit *exhibit(const char *id)
{
    const pe_exhibit *e = NULL;
    CU_ASSERT_EQUAL_FATAL(pe_gallery_find(id, &e, NULL), PE_OK);
    return e;
}

/* ---- through the program ---- */

static json_t *row_of(json_t *rows, const char *id, const char *task)
{
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row)
    {
        const char *own = json_string_value(json_object_get(row, "task"));
        if (strcmp(json_string_value(json_object_get(row, "exhibit")), id) == 0 &&
            (!task || (own && strcmp(own, task) == 0)))
            return row;
    }
    return NULL;
}

static double number(json_t *row, const char *where, const char *what)
{
    return json_number_value(json_object_get(json_object_get(row, where), what));
}

static const char *shown_by(json_t *row)
{
    return json_string_value(json_object_get(row, "shown by"));
}

/* Without positions the left neighbour cannot be named; a constant is nothing to softmax. */
static void the_loss_shows_what_it_must_and_not_what_it_cannot(void)
{
    const outcome *o =
        run("$P gallery train batch_axis distance_off_by_one key_index shift_unmasked "
            "shaw_cached --quick --seeds 3 --json >rows.json");
    EXPECT_CODE(o, 0, "gallery train");
    json_t *rows = json_load_file("rows.json", 0, NULL);
    json_t *blind = row_of(rows, "batch_axis", "left neighbour");
    CU_ASSERT_EQUAL_FATAL(json_array_size(rows), 7);
    CU_ASSERT_STRING_EQUAL(shown_by(blind), "the loss");
    CU_ASSERT(number(blind, "near", "low") > number(blind, "near", "band"));
    CU_ASSERT_EQUAL(json_array_size(json_object_get(json_object_get(blind, "near"), "bug_by_seed")),
                    3);
    static const char *const unseen[] = {"distance_off_by_one", "key_index", "shift_unmasked"};
    for (int i = 0; i < 3; i++) { /* the shifted matrix is wrong above the diagonal alone */
        json_t *row = row_of(rows, unseen[i], "text");
        CU_ASSERT_STRING_EQUAL(shown_by(row), "neither");
        CU_ASSERT(fabs(number(row, "near", "difference")) < number(row, "near", "band") / 10);
    }
    json_t *unmasked = row_of(rows, "shift_unmasked", "left neighbour");
    CU_ASSERT(fabs(number(unmasked, "near", "difference")) >
              100 * fabs(number(row_of(rows, "shift_unmasked", "text"), "near", "difference")));
    PE_CONTAINS(shown_by(row_of(rows, "shaw_cached", NULL)), "not trained: training is right");
    json_decref(rows);
}

/* One row for each pair, and a reason for each exhibit without. */
static void the_page_has_a_row_for_each_pair(void)
{
    if (EXHIBIT_STEP > 1)
        return; /* minutes with sanitizers; the training itself is above */
    const pe_exhibit *all[64];
    size_t n = 0;
    for (; pe_gallery_at(n); n++)
        all[n] = pe_gallery_at(n);
    char expected[32];
    snprintf(expected, sizeof expected, "%zu\n", pe_gallery_pairs(n, all) + 1);
    EXPECT_CODE(run("$P run bugs_in_training --quick --plot none --out page -q"), 0, "the page");
    static const char *const tables[] = {"losses", "losses_far", "losses_loaded"};
    for (int t = 0; t < 3; t++)
        CU_ASSERT_STRING_EQUAL(run("grep -c . page/bugs_in_training/%s.csv", tables[t])->out,
                               expected);
    PE_CONTAINS(run("cat page/bugs_in_training/not_trained.csv")->out, "decoding with a cache");
    CU_ASSERT_EQUAL(run("grep -q FAIL page/bugs_in_training/verdicts.csv")->code, 1);
}

static void too_few_seeds_are_refused(void)
{
    EXPECT_CODE(run("$P gallery train pairing --seeds 1"), 2, "one seed");
    EXPECT_CODE(run("$P gallery train"), 2, "no exhibit");
    EXPECT_CODE(run("$P gallery train shaw_cached --quick"), 0, "nothing to train");
}

static void the_same_bytes_at_any_number_of_threads(void)
{
    EXPECT_CODE(
        run("$P gallery train all_bf16 shift_slice --quick --seeds 2 --json --threads 1 >a"), 0,
        "one thread");
    EXPECT_CODE(
        run("$P gallery train all_bf16 shift_slice --quick --seeds 2 --json --threads 3 >b"), 0,
        "three threads");
    EXPECT_CODE(run("cmp a b"), 0, "the same");
}

/* ---- exchanged ---- */

/* A twin in the place of its bug, and the other way round. */
static void two_right_ways_or_two_wrong_ones_have_no_difference(void)
{
    pe_lab lab = {0};
    open_lab(&lab);
    for (size_t i = 0; pe_gallery_at(i); i += 5 * EXHIBIT_STEP) {
        const pe_exhibit right = without_bug(pe_gallery_at(i)),
                         wrong = without_twin(pe_gallery_at(i));
        const pe_exhibit *const list[] = {&right, &wrong};
        pe_trained_pair pairs[2 * PE_TRAINED_KINDS];
        train(&lab, 2, list, pairs);
        for (size_t p = 0; p < pe_gallery_pairs(2, list); p++) {
            CU_ASSERT_FALSE(pairs[p].declined);
            CU_ASSERT_EQUAL(pairs[p].shown, PE_SHOWN_BY_NONE);
            for (int k = 0; k < tiny.seeds; k++)
                CU_ASSERT_EQUAL(pairs[p].near.bug[k], pairs[p].near.twin[k]);
        }
    }
    pe_lab_close(&lab);
}

/* Bug and twin exchanged: the same losses under the other names. What was trained cannot depend on
 * who shares it. */
static void exchanged_ways_have_exchanged_losses(void)
{
    pe_lab lab = {0};
    const pe_exhibit *e = exhibit("all_bf16");
    pe_exhibit other = *e;
    const pe_exhibit *const once[] = {e}, *const turned[] = {exhibit("all_fp16"), &other};
    pe_trained_pair a[1], b[2];
    other.bug = e->twin;
    other.twin = e->bug;
    open_lab(&lab);
    train(&lab, 1, once, a);
    train(&lab, 2, turned, b);
    for (int k = 0; k < tiny.seeds; k++) {
        CU_ASSERT_EQUAL(a[0].near.bug[k], b[1].near.twin[k]);
        CU_ASSERT_EQUAL(a[0].far.twin[k], b[1].far.bug[k]);
        CU_ASSERT_EQUAL(a[0].near.twin[k], b[0].near.twin[k]);
        CU_ASSERT_NOT_EQUAL(a[0].near.bug[k], a[0].near.twin[k]);
    }
    pe_lab_close(&lab);
}

/* Paths differ in nothing but tables that no setting says: kept trainings must not be mixed up. */
static void kept_trainings_of_two_paths_are_told_apart(void)
{
    pe_lab lab = {0};
    char keep[512];
    const pe_exhibit *const list[] = {exhibit("all_bf16")};
    pe_trained_pair fresh[1], kept[1], again[1];
    open_lab(&lab);
    train(&lab, 1, list, fresh);
    snprintf(keep, sizeof keep, "%s/kept", pe_test_folder());
    lab.keep = keep;
    train(&lab, 1, list, kept);
    train(&lab, 1, list, again);
    for (int k = 0; k < tiny.seeds; k++) {
        CU_ASSERT_NOT_EQUAL(kept[0].near.bug[k], kept[0].near.twin[k]);
        CU_ASSERT_EQUAL(fresh[0].near.bug[k], kept[0].near.bug[k]);
        CU_ASSERT_EQUAL(again[0].near.bug[k], kept[0].near.bug[k]);
        CU_ASSERT_EQUAL(again[0].far.twin[k], kept[0].far.twin[k]);
    }
    pe_lab_close(&lab);
}

PE_TEST_MAIN("gallery: training", PE_TEST(the_loss_shows_what_it_must_and_not_what_it_cannot),
             PE_TEST(the_page_has_a_row_for_each_pair), PE_TEST(too_few_seeds_are_refused),
             PE_TEST(the_same_bytes_at_any_number_of_threads),
             PE_TEST(two_right_ways_or_two_wrong_ones_have_no_difference),
             PE_TEST(exchanged_ways_have_exchanged_losses),
             PE_TEST(kept_trainings_of_two_paths_are_told_apart))
