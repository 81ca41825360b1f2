/* Names of exhibits, where others say them. */
#include "gallery_each.h"

#include "identify/identify.h"
#include "program.h"

static void bugs_that_identify_names_have_their_exhibits(void)
{
    int named = 0;
    for (int bug = 0; bug < PE_BUG_COUNT; bug++) {
        const char *id = pe_bug_exhibit((pe_bug)bug);
        const pe_exhibit *found;
        pe_error err = {0};
        if (!*id)
            continue;
        named++;
        if (pe_gallery_find(id, &found, &err) != PE_OK)
            printf("\n    %s: %s", pe_bug_name((pe_bug)bug), err.text);
        CU_ASSERT_EQUAL(pe_gallery_find(id, &found, NULL), PE_OK);
    }
    CU_ASSERT(named > PE_BUG_COUNT / 2);
}

static void a_wrong_name_gets_the_nearest_one(void)
{
    const outcome *o = run("$P gallery run pairin");
    EXPECT_CODE(o, 2, "gallery run pairin");
    PE_CONTAINS(o->err, "there is no exhibit 'pairin'; did you mean pairing?");
    o = run("$P gallery train pairing nothing_like_it");
    EXPECT_CODE(o, 2, "gallery train nothing_like_it");
    PE_CONTAINS(o->err, "the nearest name is ");
    PE_CONTAINS(o->err, "`posenc gallery` lists all ");
    o = run("$P gallery trian all");
    EXPECT_CODE(o, 2, "gallery trian");
    PE_CONTAINS(o->err, "did you mean train?");
}

/* Data beside the exhibits: half of them at least, all families, and a reason for each. */
static void half_of_the_exhibits_are_trained_and_all_say_why(void)
{
    size_t trained = 0, all = 0;
    unsigned families = 0;
    for (; pe_gallery_at(all); all++) {
        const pe_exhibit *e = pe_gallery_at(all);
        CU_ASSERT(e->why && strlen(e->why) > 10);
        CU_ASSERT(e->trained < 1u << PE_TRAINED_KINDS);
        trained += e->trained != 0;
        families |= e->trained ? 1u << e->family : 0;
    }
    CU_ASSERT(trained >= 21 && 2 * trained > all);
    CU_ASSERT_EQUAL(families, (1u << PE_BUGS_FAMILIES) - 1);
}

PE_TEST_MAIN("gallery: words", PE_TEST(bugs_that_identify_names_have_their_exhibits),
             PE_TEST(a_wrong_name_gets_the_nearest_one),
             PE_TEST(half_of_the_exhibits_are_trained_and_all_say_why))
