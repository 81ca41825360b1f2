/* The stated figures of the bug gallery: they are reproduced by the bug, and only by the bug. */
#include "gallery_each.h"

#include "registry/registry.h"

#include <string.h>

/* Figures that are what they should be, of an exhibit as it is or with its forms exchanged. */
static int figures_right(const pe_exhibit *e)
{
    int right = 0;
    for (int f = 0; f < e->figure_count; f++) {
        double value = 0;
        pe_error err = {0};
        const pe_stated *s = &e->figure[f];
        if (pe_gallery_figure(e, s, GALLERY_SEED, &value, &err) != PE_OK)
            continue; /* a path where a variant should be is no reproduction either */
        right += pe_stated_agrees(s, value) == (s->why_not == NULL);
    }
    return right;
}

static void every_figure_is_reproduced_or_explained(void)
{
    for (size_t i = 0; pe_gallery_at(i); i += EXHIBIT_STEP) {
        const pe_exhibit *e = pe_gallery_at(i);
        if (figures_right(e) != e->figure_count)
            printf("  %s: %d of %d figures\n", e->id, figures_right(e), e->figure_count);
        CU_ASSERT_EQUAL(figures_right(e), e->figure_count);
    }
}

static void a_twin_in_the_place_of_its_bug_misses_a_figure(void)
{
    for (size_t i = 0; pe_gallery_at(i); i += EXHIBIT_STEP) {
        const pe_exhibit right = without_bug(pe_gallery_at(i));
        if (figures_right(&right) == right.figure_count)
            printf("  %s: its twin reproduces all figures\n", right.id);
        CU_ASSERT(figures_right(&right) < right.figure_count);
    }
}

/* Figures that compare, or that are about the right way. */
static bool needs_its_twin(const pe_exhibit *e)
{
    for (int f = 0; f < e->figure_count; f++)
        if (e->figure[f].of_twin)
            return true;
    return false;
}

static void a_bug_in_the_place_of_its_twin_misses_a_figure(void)
{
    for (size_t i = 0; pe_gallery_at(i); i += EXHIBIT_STEP) {
        const pe_exhibit wrong = without_twin(pe_gallery_at(i));
        if (!needs_its_twin(&wrong))
            continue;
        if (figures_right(&wrong) == wrong.figure_count)
            printf("  %s: its bug passes for a twin\n", wrong.id);
        CU_ASSERT(figures_right(&wrong) < wrong.figure_count);
    }
}

static void exhibits_have_names_of_their_own_and_whole_records(void)
{
    const size_t n = pe_gallery_count();
    CU_ASSERT(n >= 24);
    for (size_t i = 0; i < n; i++) {
        const pe_exhibit *e = pe_gallery_at(i), *found = NULL;
        CU_ASSERT_EQUAL(pe_gallery_find(e->id, &found, NULL), PE_OK);
        CU_ASSERT_PTR_EQUAL(found, e); /* the first of this name */
        CU_ASSERT(e->title && e->reference && e->reported && e->lesson);
        CU_ASSERT(e->figure_count > 0 && e->figure_count <= PE_EXHIBIT_FIGURES);
        CU_ASSERT((e->bug.variant == NULL) != (e->bug.path == NULL));
        for (int f = 0; f < e->figure_count; f++)
            CU_ASSERT_PTR_NOT_NULL(pe_measured_text(e->figure[f].what));
    }
}

static void no_source_of_the_gallery_is_among_the_variants(void)
{
    pe_error err;
    for (size_t s = 0; pe_gallery_sources[s]; s++) {
        const pe_variant *found = NULL;
        CU_ASSERT_EQUAL(pe_registry_find(pe_gallery_sources[s]->id, &found, &err), PE_USAGE);
        for (size_t v = 0; v < pe_registry_count(); v++)
            CU_ASSERT_PTR_NOT_EQUAL(pe_registry_at(v), pe_gallery_sources[s]);
    }
}

static void an_unknown_exhibit_gets_advice(void)
{
    const pe_exhibit *found = NULL;
    pe_error err = {0};
    CU_ASSERT_EQUAL(pe_gallery_find("doubled_exponnet", &found, &err), PE_USAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "doubled_exponent"));
}

int main(int argc, char **argv)
{
    pe_registry_start();
    static const pe_test tests[] = {PE_TEST(exhibits_have_names_of_their_own_and_whole_records),
                                    PE_TEST(no_source_of_the_gallery_is_among_the_variants),
                                    PE_TEST(an_unknown_exhibit_gets_advice),
                                    PE_TEST(every_figure_is_reproduced_or_explained),
                                    PE_TEST(a_twin_in_the_place_of_its_bug_misses_a_figure),
                                    PE_TEST(a_bug_in_the_place_of_its_twin_misses_a_figure)};
    return pe_run_tests("gallery: figures", tests, sizeof tests / sizeof tests[0], argc, argv);
}
