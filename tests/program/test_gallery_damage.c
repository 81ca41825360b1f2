/* Damage: something for every bug, nothing at all for a twin in its place. */
#include "gallery_each.h"

#include "analysis/start.h"
#include "registry/registry.h"

static pe_lab lab;

static double sum_of(const pe_exhibit *e)
{
    pe_damage d;
    pe_error err = {0};
    double sum = 0;
    if (pe_gallery_damage(&lab, e, &d, &err) != PE_OK) {
        printf("  %s: %s\n", e->id, err.text);
        return (double)NAN;
    }
    for (int kind = 0; kind < PE_DAMAGE_COUNT; kind++) {
        CU_ASSERT(!isnan(d.value[kind]) == !d.because[kind][0]);
        sum += isnan(d.value[kind]) ? 0 : d.value[kind];
    }
    pe_damage_release(&d);
    return sum;
}

static void every_bug_does_damage(void)
{
    for (size_t i = 0; pe_gallery_at(i); i += EXHIBIT_STEP) {
        const double sum = sum_of(pe_gallery_at(i));
        if (!(sum > 0))
            printf("  %s: %g\n", pe_gallery_at(i)->id, sum);
        CU_ASSERT(sum > 1e-6);
    }
}

/* 1 - cosine of a row with itself is rounding. */
static void a_twin_in_the_place_of_its_bug_does_none(void)
{
    for (size_t i = 0; pe_gallery_at(i); i += EXHIBIT_STEP) {
        const pe_exhibit right = without_bug(pe_gallery_at(i));
        const double sum = sum_of(&right);
        if (!(sum < 1e-14))
            printf("  %s: %g\n", right.id, sum);
        CU_ASSERT(sum < 1e-14);
    }
}

static void a_bug_in_the_place_of_its_twin_does_none(void)
{
    for (size_t i = 0; pe_gallery_at(i); i += EXHIBIT_STEP) {
        const pe_exhibit wrong = without_twin(pe_gallery_at(i));
        CU_ASSERT(sum_of(&wrong) < 1e-14);
    }
}

int main(int argc, char **argv)
{
    const pe_lab_size size = {.length = 64,
                              .heads = 2,
                              .head_dim = 8,
                              .draws = 4,
                              .seed = GALLERY_SEED,
                              .text = POSENC_SOURCE_DIR "/LICENSE"};
    const pe_lab_choice none = {0};
    pe_registry_start();
    pe_analysis_start();
    if (pe_lab_open(&lab, &size, &none, 0, NULL) != PE_OK)
        return 1;
    static const pe_test tests[] = {PE_TEST(every_bug_does_damage),
                                    PE_TEST(a_twin_in_the_place_of_its_bug_does_none),
                                    PE_TEST(a_bug_in_the_place_of_its_twin_does_none)};
    const int result =
        pe_run_tests("gallery: damage", tests, sizeof tests / sizeof tests[0], argc, argv);
    pe_lab_close(&lab);
    return result;
}
