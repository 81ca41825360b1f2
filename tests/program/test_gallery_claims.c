/* Claims of a twin that a bug breaks: the record in variants/gallery is what is found. */
#include "gallery_each.h"

#include "analysis/start.h"
#include "registry/registry.h"

static void every_exhibit_breaks_the_claims_on_its_record(void)
{
    for (size_t i = 0; pe_gallery_at(i); i += EXHIBIT_STEP) {
        const pe_exhibit *e = pe_gallery_at(i);
        pe_damage d = {0};
        pe_error err = {0};
        CU_ASSERT_EQUAL(pe_gallery_claims(e, GALLERY_SEED, &d, &err), PE_OK);
        if (d.broken != e->breaks)
            printf("  %s: breaks %#x, on record %#x\n", e->id, d.broken, e->breaks);
        CU_ASSERT_EQUAL(d.broken, e->breaks);
        CU_ASSERT((d.broken & ~d.held) == 0); /* only what holds for the twin */
        for (int c = 0; c < PE_CLAIM_COUNT; c++)
            CU_ASSERT(!(d.broken & (1u << c)) || d.counter[c][0]);
    }
}

static void a_twin_in_the_place_of_its_bug_breaks_none(void)
{
    for (size_t i = 0; pe_gallery_at(i); i += 3 * EXHIBIT_STEP) {
        const pe_exhibit right = without_bug(pe_gallery_at(i));
        pe_damage d = {0};
        CU_ASSERT_EQUAL(pe_gallery_claims(&right, GALLERY_SEED, &d, NULL), PE_OK);
        CU_ASSERT_EQUAL(d.broken, 0);
    }
}

int main(int argc, char **argv)
{
    pe_registry_start();
    pe_analysis_start();
    static const pe_test tests[] = {PE_TEST(every_exhibit_breaks_the_claims_on_its_record),
                                    PE_TEST(a_twin_in_the_place_of_its_bug_breaks_none)};
    return pe_run_tests("gallery: claims", tests, sizeof tests / sizeof tests[0], argc, argv);
}
