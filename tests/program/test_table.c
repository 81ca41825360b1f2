/* posenc table, list, info, help: what comes out, to the last digit. */
#include "program.h"

#include <math.h>

/* Value in row `row` (0: the first after the header) and column `column` of CSV text. */
static double csv_cell(const char *text, int row, int column)
{
    for (int r = 0; r <= row && text; r++) {
        text = strchr(text, '\n');
        text += text != NULL;
    }
    for (int c = 0; c < column && text; c++) {
        text = strchr(text, ',');
        text += text != NULL;
    }
    return text ? strtod(text, NULL) : (double)NAN;
}

static void code_rows_are_sines_and_cosines_of_any_position(void)
{
    const outcome *o = run("$P table sinusoidal --width 4 --positions-list 0,1,2.5,-7");
    static const double positions[] = {0, 1, 2.5, -7};
    EXPECT_CODE(o, 0, "table");
    PE_CONTAINS(o->out, "position,c0,c1,c2,c3\n");
    for (int r = 0; r < 4; r++) {
        const double p = positions[r];
        PE_NEAR("position", csv_cell(o->out, r, 0), p, 0);
        PE_NEAR("sin p", csv_cell(o->out, r, 1), sin(p), 1e-15);
        PE_NEAR("cos p", csv_cell(o->out, r, 2), cos(p), 1e-15);
        PE_NEAR("sin p/100", csv_cell(o->out, r, 3), sin(p / 100), 1e-15);
        PE_NEAR("cos p/100", csv_cell(o->out, r, 4), cos(p / 100), 1e-15);
    }
    CU_ASSERT_STRING_EQUAL(o->err, "");
}

static void narrow_types_are_rounded_once_from_the_precision(void)
{
    /* sin 1 = 0.84147098480789650665; spacing in [0.5, 1): 2^-8 bf16, 2^-11 f16, 2^-24 f32. */
    static const struct {
        const char *dtype;
        double spacing;
    } types[] = {{"bf16", 0x1p-8}, {"f16", 0x1p-11}, {"f32", 0x1p-24}, {"f64", 0x1p-53}};
    for (size_t i = 0; i < 4; i++) {
        const outcome *o = run("$P table sinusoidal --width 4 --positions-list 1 --precision f128 "
                               "--dtype %s",
                               types[i].dtype);
        const double expected = nearbyint(0.84147098480789650665 / types[i].spacing);
        const double got = csv_cell(o->out, 0, 1); /* %.9g gives floats back, not doubles */
        PE_NEAR(types[i].dtype, i < 3 ? (double)(float)got : got, expected * types[i].spacing, 0);
    }
}

static void offsets_stand_in_for_positions_where_there_are_no_codes(void)
{
    const outcome *o = run("$P table shaw:clip=1 --width 2 --from -2 --to 2");
    EXPECT_CODE(o, 0, "rows");
    PE_CONTAINS(o->out, "offset,query_h0_c0,query_h0_c1,value_h0_c0,value_h0_c1\n");
    PE_NEAR("repeats", csv_cell(o->out, 0, 1), csv_cell(o->out, 1, 1), 0);
    PE_CONTAINS(o->err, "rows by offset, query minus key");
    CU_ASSERT_STRING_EQUAL(run("$P table shaw --width 2 --quiet")->err, "");
}

static void a_rotation_is_shown_by_its_cosines_and_sines(void)
{
    const outcome *o = run("$P table rope --width 4 -q --positions-list 0,3");
    EXPECT_CODE(o, 0, "turns");
    PE_CONTAINS(o->out, "position,cos_0_1,cos_2_3,sin_0_1,sin_2_3\n");
    PE_NEAR("cos 0", csv_cell(o->out, 0, 1), 1, 0);
    PE_NEAR("cos 3", csv_cell(o->out, 1, 1), cos(3), 1e-15);
    PE_NEAR("sin 3/100", csv_cell(o->out, 1, 4), sin(0.03), 1e-15);
}

static void a_pair_bias_is_shown_by_offset_from_one_query(void)
{
    const outcome *o = run("$P table fire --heads 2 --width 8 -q --positions-list 0,1,5");
    EXPECT_CODE(o, 0, "pair");
    PE_CONTAINS(o->out, "offset,pair_h0,pair_h1\n");
    CU_ASSERT_TRUE(isfinite(csv_cell(o->out, 2, 2)));
}

static void the_same_numbers_go_to_csv_npy_and_json(void)
{
    EXPECT_CODE(run("$P table shaw -q --width 3 --to 4 -o t.csv && "
                    "$P table shaw -q --width 3 --to 4 -o t.npy && "
                    "$P table shaw -q --width 3 --to 4 >stdout.csv && cmp t.csv stdout.csv"),
                0, "files");
    const outcome *o = run("wc -c <t.npy");
    PE_NEAR("5 rows of 6 numbers behind 128 bytes", atof(o->out), 128 + 5 * 6 * 8, 0);
    const double first = csv_cell(run("cat t.csv")->out, 0, 1);
    FILE *file = open_npy_at("t.npy", "rb", 0);
    double x = 0;
    CU_ASSERT_EQUAL(fread(&x, sizeof x, 1, file), 1);
    fclose(file);
    PE_NEAR("npy and csv", x, first, 0);
    o = run("$P table shaw -q --width 3 --to 4 --json");
    PE_CONTAINS(o->out, "\"columns\"");
    CU_ASSERT_PTR_NOT_NULL(strstr(o->out, "\"rows\""));
}

static void the_same_command_gives_the_same_bytes_at_any_thread_count(void)
{
    EXPECT_CODE(run("for j in 1 2 3 7; do $P attend \"$G/shaw_L13_k3_h4_b3\" -q -o out$j "
                    "--threads $j --method tiled || exit 1; cmp out1/out.npy out$j/out.npy || "
                    "exit 1; done"),
                0, "threads");
}

static void a_foreign_locale_changes_nothing(void)
{
    EXPECT_CODE(run("$P table shaw -q --width 3 >c.csv; LC_ALL=de_DE.UTF-8 $P table shaw -q "
                    "--width 3 >d.csv; cmp c.csv d.csv"),
                0, "locale");
}

static void list_and_info_describe_every_variant(void)
{
    const outcome *o = run("for v in $($P list | awk 'NR > 1 {print $1}'); do "
                           "$P info $v >info.txt || exit 1; grep -q '^formula' info.txt || exit 1; "
                           "$P info $v --json >info.json || exit 1; done");
    EXPECT_CODE(o, 0, "info");
    o = run("$P list --json");
    PE_CONTAINS(o->out, "\"id\": \"shaw\"");
    o = run("$P info shaw:clip=3 --width 8 --heads 2");
    PE_CONTAINS(o->out, "7 x 4");
    PE_CONTAINS(o->out, "translation invariant");
}

static void help_is_there_for_every_verb_in_every_form(void)
{
    const outcome *o = run("for v in $($P --help | awk '/^Verbs/ {on = 1; next} /^$/ {on = 0} "
                           "on {print $1}'); do $P $v --help >h1 && $P help $v >h2 && "
                           "cmp h1 h2 && $P $v --help=man >h3 && grep -q '^.TH' h3 || exit 1; "
                           "echo $v; done");
    EXPECT_CODE(o, 0, "help");
    PE_CONTAINS(o->out, "check");
    EXPECT_CODE(run("$P --help=bash | bash -n"), 0, "completion");
    o = run("$P --version");
    PE_CONTAINS(o->out, "posenc 0.");
    EXPECT_CODE(o, 0, "version");
    PE_CONTAINS(run("$P version --json")->out, "\"compiler\"");
}

static void a_new_plug_in_is_made_once(void)
{
    EXPECT_CODE(run("$P plugin new mine && test -s mine/mine.c"), 0, "plugin new");
    const outcome *o = run("$P plugin new mine");
    EXPECT_CODE(o, 2, "plugin new again");
    PE_CONTAINS(o->err, "mine");
}

static void a_module_can_be_checked_listed_and_used(void)
{
    EXPECT_CODE(run("cp \"$M/template.so\" . && $P list --plugin ./template.so"), 0, "list");
    PE_CONTAINS(run("$P list --plugin ./template.so")->out, "template.so");
    EXPECT_CODE(run("$P table template --plugin ./template.so --width 4"), 0, "table");
    EXPECT_CODE(run("mkdir -p path && cp template.so path && $P info template --variant-path path"),
                0, "variant path");
    EXPECT_CODE(run("POSENC_VARIANT_PATH=path $P info template"), 0, "POSENC_VARIANT_PATH");
    const outcome *o = run("$P plugin check template.so");
    EXPECT_CODE(o, 0, "plugin check");
    PE_CONTAINS(o->out, "pass");
}

PE_TEST_MAIN("program: tables, descriptions, plug-ins",
             PE_TEST(code_rows_are_sines_and_cosines_of_any_position),
             PE_TEST(narrow_types_are_rounded_once_from_the_precision),
             PE_TEST(offsets_stand_in_for_positions_where_there_are_no_codes),
             PE_TEST(a_rotation_is_shown_by_its_cosines_and_sines),
             PE_TEST(a_pair_bias_is_shown_by_offset_from_one_query),
             PE_TEST(the_same_numbers_go_to_csv_npy_and_json),
             PE_TEST(the_same_command_gives_the_same_bytes_at_any_thread_count),
             PE_TEST(a_foreign_locale_changes_nothing),
             PE_TEST(list_and_info_describe_every_variant),
             PE_TEST(help_is_there_for_every_verb_in_every_form),
             PE_TEST(a_new_plug_in_is_made_once), PE_TEST(a_module_can_be_checked_listed_and_used))
