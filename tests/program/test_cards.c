/* posenc cards: one page for one question, numbers from the run. */
#include "program.h"

static void every_card_is_a_page_with_its_answer_and_the_index_links_all(void)
{
    const outcome *o = run("$P cards --plot none --out out");
    EXPECT_CODE(o, 0, "all verdicts hold, without pictures");
    PE_CONTAINS(o->out, "No: it first rises again at lag 4 (d = 16), 6 (64), 12 (128), 44 (512)");
    PE_CONTAINS(o->out, "Yes, from position 257 on: of 2048 positions 641 stay different");
    CU_ASSERT_STRING_EQUAL(run("ls -d out/cards/*/ | grep -c .")->out, "12\n");
    CU_ASSERT_STRING_EQUAL(
        run("grep -o 'href=\"./[a-z_0-9]*/[a-z_0-9]*.html\"' out/cards/index.html | "
            "wc -l | tr -d ' '")
            ->out,
        "12\n");
    PE_CONTAINS(run("cat out/index.html")->out, "./cards/index.html");
    PE_CONTAINS(run("cat out/cards/decay/decay.html")->out, "When the answer flips");
    PE_CONTAINS(run("cat out/cards/decay/decay.html")->out,
                "posenc cards decay --draws 20 --seed 1");
}

static void the_same_seed_gives_the_same_bytes(void)
{
    run("$P cards pairing add --plot none --out a -q; $P cards pairing add --plot none --out b -q "
        "--threads 1");
    EXPECT_CODE(
        run("diff -r -x run.json a/cards/add b/cards/add | grep -v threads | grep -q '^[<>]' && "
            "exit 1; exit 0"),
        0, "add");
    EXPECT_CODE(run("cmp a/cards/pairing/verdicts.csv b/cards/pairing/verdicts.csv"), 0, "pairing");
}

static void an_unknown_card_is_refused_with_a_proposal(void)
{
    const outcome *o = run("$P cards decai --out c");
    EXPECT_CODE(o, 2, "no such card");
    PE_CONTAINS(o->err, "decay");
    EXPECT_CODE(run("test -e c"), 1, "nothing was written");
}

PE_TEST_MAIN("program: cards",
             PE_TEST(every_card_is_a_page_with_its_answer_and_the_index_links_all),
             PE_TEST(the_same_seed_gives_the_same_bytes),
             PE_TEST(an_unknown_card_is_refused_with_a_proposal))
