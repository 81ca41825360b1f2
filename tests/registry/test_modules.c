/* Bad modules, built here with the very command a stranger uses, each with its sentence. */
#include "base/memory.h"
#include "core/instance.h"
#include "core/quad.h"
#include "registry/module.h"
#include "registry/registry.h"
#include "registry/sandbox.h"
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A whole variant, in two halves: a test puts a line of its own into the hook between them. */
static const char head[] = "#include \"posenc.h\"\n"
                           "#ifdef PE_FIRST\n"
                           "#include <stdlib.h>\n"
                           "static bool setup(pe_setup *s)\n"
                           "{ s->embed_width = s->dims->model_dim; return true; }\n"
                           "#endif\n"
                           "static void PE(embed)(const pe_call *c, int n, const double *x, "
                           "pe_real *rows)\n{\n"
                           "    for (int i = 0; i < n * c->info->embed_width; i++)\n"
                           "        rows[i] = pe_num(x[i / c->info->embed_width]);\n";
static const char tail[] = "}\nstatic const pe_ops PE(ops) = {.embed = PE(embed)};\n";

static char path[4600];

static void put(const char *name, const char *text)
{
    snprintf(path, sizeof path, "%s/%s", pe_test_folder(), name);
    FILE *f = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fputs(text, f);
    fclose(f);
}

/* Build FOLDER/NAME.so from source text; gives its path. */
static const char *build(const char *name, const char *text, const char *flags)
{
    char file[64], command[12000];
    snprintf(file, sizeof file, "%s.c", name);
    put(file, text);
    snprintf(command, sizeof command,
             "cd '%s' && cc -shared -fPIC %s -I '%s/common/api' %s.c -o %s.so -lm",
             pe_test_folder(), flags, POSENC_SOURCE_DIR, name, name);
    CU_ASSERT_EQUAL_FATAL(system(command), 0);
    snprintf(path, sizeof path, "%s/%s.so", pe_test_folder(), name);
    return path;
}

/* The variant above with a hook body and more descriptor members. */
static const char *build_variant(const char *file, const char *id, const char *body,
                                 const char *members)
{
    static char text[6000];
    snprintf(text, sizeof text,
             "%s%s%sPE_VARIANT(%s, .title = \"t\", .source = \"s\", .summary = \"u\", .formula = "
             "\"f\", .setup = setup%s);\n#include PE_NEXT(\"%s.c\")\n",
             head, body, tail, id, members, file);
    return build(file, text, "-Wno-override-init");
}

static void refused(const char *file, const char *found, const char *expected)
{
    pe_error err = {0};
    char copy[4600];
    snprintf(copy, sizeof copy, "%s", file);
    const size_t before = pe_registry_count();
    const long blocks = pe_live_blocks();
    CU_ASSERT_EQUAL(pe_registry_load(copy, &err), PE_PLUGIN);
    CU_ASSERT_EQUAL(pe_exit_code(err.status), 7);
    PE_CONTAINS(err.text, copy);
    PE_CONTAINS(err.text, found);
    PE_CONTAINS(err.text, expected);
    CU_ASSERT_EQUAL(pe_registry_count(), before);
    CU_ASSERT_EQUAL(pe_live_blocks(), blocks);
}

static void a_good_module_is_loaded_and_found(void)
{
    pe_error err = {0};
    const pe_variant *v = NULL;
    const size_t before = pe_registry_count();
    const char *file = build_variant("good", "good", "", ", .cases = \"other_name third\"");
    CU_ASSERT_EQUAL_FATAL(pe_registry_load(file, &err), PE_OK);
    CU_ASSERT_EQUAL(pe_registry_count(), before + 1);
    CU_ASSERT_EQUAL_FATAL(pe_registry_find("good", &v, &err), PE_OK);
    CU_ASSERT_STRING_EQUAL(v->id, "good");
    CU_ASSERT_EQUAL(pe_registry_slot(v), before);
    CU_ASSERT_STRING_EQUAL(pe_registry_path(v), path);
    CU_ASSERT_PTR_EQUAL(*v->quad_math, &pe_host_quad_math);
    const pe_variant *same = NULL;
    CU_ASSERT_EQUAL(pe_registry_find_case("third", &same, &err), PE_OK);
    CU_ASSERT_PTR_EQUAL(same, v);
    CU_ASSERT_EQUAL(pe_registry_find_case("thir", &same, &err), PE_USAGE);
}

static void an_id_that_is_taken_is_refused(void)
{
    char again[4600];
    snprintf(again, sizeof again, "%s/good.so", pe_test_folder());
    refused(again, "already taken", "expected an id of its own");
}

static void a_missing_file_is_refused(void)
{
    refused("/nowhere/at_all.so", "No such file", "expected a module");
}

static void a_text_file_is_refused(void)
{
    put("text.so", "this is a text that is long enough to hold the head of a shared object, at "
                   "least sixty-four bytes of it\n");
    refused(path, "does not begin like ELF", "expected a shared object");
    put("short.so", "hi\n");
    refused(path, "found a file of 3 bytes", "expected a shared object");
}

static void a_folder_is_refused(void)
{
    snprintf(path, sizeof path, "%s/folder.so", pe_test_folder());
    CU_ASSERT_EQUAL(mkdir(path, 0777), 0);
    refused(path, "not a file", "expected a module");
}

static void a_truncated_module_is_refused(void)
{
    char whole[4600];
    struct stat info;
    snprintf(whole, sizeof whole, "%s", build_variant("cut", "cut", "", ""));
    CU_ASSERT_EQUAL_FATAL(stat(whole, &info), 0);
    static const long parts[] = {70, 400, 2};
    for (int p = 0; p < 3; p++) {
        const long bytes = parts[p] > 2 ? parts[p] : (long)info.st_size / 4;
        CU_ASSERT_EQUAL(truncate(build_variant("cut", "cut", "", ""), bytes), 0);
        refused(whole, "the file was cut short", "expected");
    }
}

static void a_program_of_another_machine_is_refused(void)
{
    char file[4600];
    snprintf(file, sizeof file, "%s", build_variant("alien", "alien", "", ""));
    FILE *f = fopen(file, "r+");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fseek(f, 18, SEEK_SET); /* e_machine */
    fputc(0x7f, f);
    fclose(f);
    refused(file, "ELF file for machine", "as this program");
}

static void an_unresolved_symbol_is_refused(void)
{
    refused(build_variant("needy", "needy", "    extern void nosuch(void); nosuch();\n", ""),
            "undefined symbol: nosuch", "expected a module that needs libc and libm only");
}

static void a_module_without_entry_is_refused(void)
{
    refused(build("empty", "int nothing_here(void);\nint nothing_here(void) { return 1; }\n", ""),
            "found no entry", "expected the symbol pe_variant_empty");
}

static void a_file_with_another_name_than_its_id_is_refused(void)
{
    refused(build_variant("renamed", "original", "", ""), "found no entry",
            "expected the symbol pe_variant_renamed");
    refused(build_variant("liar", "liar", "", ", .id = \"honest\""), "found the id \"honest\"",
            "expected \"liar\", the name of the file");
}

static void a_file_name_that_is_no_id_is_refused(void)
{
    put("Good-One.so", "x");
    refused(path, "Good-One", "expected lower-case letters");
    put("good.dll", "x");
    refused(path, "good.dll", "expected ID.so");
}

static void a_wrong_tag_is_refused(void)
{
    refused(build_variant("tagless", "tagless", "", ", .tag = \"POSENX\""), "tag \"POSENC\"",
            "expected one written by PE_VARIANT");
}

static void a_wrong_abi_is_refused_with_both_numbers(void)
{
    refused(build_variant("future", "future", "", ", .abi = 42"), "found ABI version 42",
            "expected 1");
}

static const char *build_early(const char *members)
{
    static char text[6000];
    snprintf(text, sizeof text,
             "#ifndef EARLY\n#define EARLY\n#include <stdlib.h>\n"
             "int setenv(const char *, const char *, int);\n"
             "__attribute__((constructor)) static void early(void)\n"
             "{ setenv(\"PE_TEST_EARLY\", \"1\", 1); }\n#endif\n"
             "%s%sPE_VARIANT(early, .title = \"t\", .source = \"s\", .summary = \"u\", .formula = "
             "\"f\", .setup = setup%s);\n#include PE_NEXT(\"early.c\")\n",
             head, tail, members);
    return build("early", text, "-Wno-override-init");
}

static void no_code_of_a_module_with_a_wrong_abi_runs(void)
{
    pe_module module;
    pe_error err = {0};
    unsetenv("PE_TEST_EARLY");
    CU_ASSERT_EQUAL(pe_module_open(build_early(", .abi = 42"), &module, &err), PE_PLUGIN);
    PE_CONTAINS(err.text, "found ABI version 42");
    CU_ASSERT_PTR_NULL(getenv("PE_TEST_EARLY"));
    CU_ASSERT_EQUAL_FATAL(pe_module_open(build_early(""), &module, &err), PE_OK);
    CU_ASSERT_PTR_NOT_NULL(getenv("PE_TEST_EARLY")); /* with the right one it does */
    pe_module_close(&module);
}

static void wrong_struct_sizes_are_refused_with_both_numbers(void)
{
    char wanted[64];
    snprintf(wanted, sizeof wanted, "expected at least %zu", sizeof(pe_variant));
    refused(build_variant("small", "small", "", ", .size = 40"), "found a descriptor of 40 bytes",
            wanted);
    snprintf(wanted, sizeof wanted, "expected %u", (unsigned)PE_DIMS_SIZE);
    refused(build_variant("edited", "edited", "", ", .dims_size = 12"), "of 12 bytes together",
            wanted);
}

static void missing_members_are_refused(void)
{
    refused(build_variant("nosetup", "nosetup", "", ", .setup = NULL"), "no setup",
            "expected a function");
    refused(build_variant("untitled", "untitled", "", ", .title = NULL"), "no title",
            "expected a text");
    refused(build_variant("onlyf64", "onlyf64", "", ", .f128 = NULL"),
            "hooks missing in one precision", "expected all three");
}

static void malformed_option_tables_are_refused(void)
{
    static const struct {
        const char *id, *table, *found;
    } bad[] = {
        {"opt_name", "{\"Bad Name\", PE_INT, 1, 0, 2, NULL, \"m\"}", "is called \"Bad Name\""},
        {"opt_range", "{\"a\", PE_INT, 1, 3, 2, NULL, \"m\"}", "low > high"},
        {"opt_default", "{\"a\", PE_REAL, 9, 0, 2, NULL, \"m\"}", "a default outside its range"},
        {"opt_whole", "{\"a\", PE_INT, 1.5, 0, 2, NULL, \"m\"}", "a default with a fraction"},
        {"opt_choice", "{\"a\", PE_CHOICE, 2, 0, 0, \"x|y\", \"m\"}", "not the index of a choice"},
        {"opt_empty", "{\"a\", PE_CHOICE, 0, 0, 0, NULL, \"m\"}", "no choices"},
        {"opt_bool", "{\"a\", PE_BOOL, 7, 0, 0, NULL, \"m\"}", "not 0 or 1"},
        {"opt_kind", "{\"a\", (pe_kind)77, 0, 0, 0, NULL, \"m\"}", "an unknown kind"},
        {"opt_mute", "{\"a\", PE_BOOL, 0, 0, 0, NULL, NULL}", "no meaning"},
        {"opt_twice",
         "{\"a\", PE_BOOL, 0, 0, 0, NULL, \"m\"}, {\"a\", PE_BOOL, 0, 0, 0, NULL, "
         "\"m\"}",
         "two options \"a\""},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char members[400];
        snprintf(members, sizeof members,
                 ", .options = (const pe_option[]){%s}, .option_count = %d", bad[i].table,
                 i == 9 ? 2 : 1);
        refused(build_variant(bad[i].id, bad[i].id, "", members), bad[i].found,
                "malformed option table");
    }
}

static void a_module_with_another_quad_is_usable_in_float_and_double(void)
{
    pe_error err = {0};
    pe_module m;
    const char *file =
        build("narrow",
              "#include \"posenc.h\"\n#ifdef PE_FIRST\nstatic bool setup(pe_setup *s) { (void)s; "
              "return true; }\n#endif\nstatic const pe_ops PE(ops) = {0};\n"
              "PE_VARIANT(narrow, .title = \"t\", .source = \"s\", .summary = \"u\", .formula = "
              "\"f\", .setup = setup);\n#include PE_NEXT(\"narrow.c\")\n",
              "-DPE_QUAD_IS_LONG_DOUBLE");
    CU_ASSERT_EQUAL_FATAL(pe_module_open(file, &m, &err), PE_OK);
    if (m.variant->quad_digits != PE_QUAD_DIGITS) {
        CU_ASSERT_PTR_NULL(*m.variant->quad_math);
        const pe_dims dims = {.heads = 1, .head_dim = 4};
        pe_instance *instance = NULL;
        CU_ASSERT_EQUAL(pe_instance_create(m.variant, &dims, NULL, 0, 1, &instance, &err), PE_OK);
        CU_ASSERT_FALSE(instance->has_quad);
        pe_instance_release(instance);
    }
    pe_module_close(&m);
}

static void one_bad_module_does_not_stop_the_others(void)
{
    char folders[9600];
    const char *home = pe_test_folder();
    pe_error err = {0};
    pe_refusals refusals;
    const pe_variant *v = NULL;
    char command[9000];
    build_variant("second", "second", "", "");
    build_variant("third", "third", "", ", .abi = 9");
    snprintf(command, sizeof command,
             "cd '%s' && mkdir -p shelf && mv second.so third.so shelf && echo x > shelf/none.txt "
             "&& echo x > shelf/words.so",
             home);
    CU_ASSERT_EQUAL_FATAL(system(command), 0);
    snprintf(folders, sizeof folders, "%s/missing::%s/shelf", home, home);
    CU_ASSERT_EQUAL_FATAL(pe_registry_load_path(folders, &refusals, &err), PE_OK);
    CU_ASSERT_EQUAL_FATAL(refusals.count, 3);
    PE_CONTAINS(refusals.list[0].text, "missing");
    PE_CONTAINS(refusals.list[1].text, "found ABI version 9");
    PE_CONTAINS(refusals.list[2].text, "words.so");
    CU_ASSERT_EQUAL(pe_registry_find("second", &v, &err), PE_OK);
    CU_ASSERT_EQUAL(pe_registry_find("third", &v, &err), PE_USAGE);
    pe_refusals_release(&refusals);
    CU_ASSERT_EQUAL(pe_registry_load_path(NULL, &refusals, &err), PE_OK);
    CU_ASSERT_EQUAL(refusals.count, 0);
}

static void failed_allocations_leave_the_registry_as_it_was(void)
{
    pe_error err = {0};
    char file[4600];
    const size_t before = pe_registry_count();
    snprintf(file, sizeof file, "%s", build_variant("scarce", "scarce", "", ""));
    const long blocks = pe_live_blocks();
    pe_status status = PE_MEMORY;
    long allowed = 0;
    for (; status == PE_MEMORY && allowed < 50; allowed++) {
        CU_ASSERT_EQUAL(pe_registry_count(), before);
        CU_ASSERT_EQUAL(pe_live_blocks(), blocks);
        pe_fail_allocations_after(allowed);
        status = pe_registry_load(file, &err);
        pe_fail_allocations_after(-1);
    }
    CU_ASSERT_EQUAL(status, PE_OK);
    CU_ASSERT(allowed > 1);
    const pe_variant *v = NULL;
    CU_ASSERT_EQUAL(pe_registry_find("scarce", &v, &err), PE_OK);
    pe_registry_unload(v);
    CU_ASSERT_EQUAL(pe_registry_count(), before);
    CU_ASSERT_EQUAL(pe_live_blocks(), blocks);
}

static void a_module_can_stand_in_for_a_built_in_variant(void)
{
    pe_error err = {0};
    char file[4600];
    const pe_variant *old = pe_registry_at(0), *now = NULL;
    const size_t count = pe_registry_count();
    snprintf(file, sizeof file, "%s", build_variant(old->id, old->id, "", ""));
    CU_ASSERT_EQUAL_FATAL(pe_registry_replace(file, &err), PE_OK);
    CU_ASSERT_EQUAL(pe_registry_count(), count);
    CU_ASSERT_EQUAL(pe_registry_find(old->id, &now, &err), PE_OK);
    CU_ASSERT(now != old);
    CU_ASSERT_EQUAL(pe_registry_slot(now), 0);
    CU_ASSERT_PTR_NOT_NULL(pe_registry_path(now));
    pe_registry_unload(now);
    CU_ASSERT_PTR_EQUAL(pe_registry_at(0), old);
    CU_ASSERT_PTR_NULL(pe_registry_path(old));
}

static void an_unknown_id_is_answered_with_the_nearest_and_the_list(void)
{
    pe_error err = {0};
    const pe_variant *v = NULL;
    char wrong[80];
    snprintf(wrong, sizeof wrong, "%sx", pe_registry_at(0)->id);
    CU_ASSERT_EQUAL(pe_registry_find(wrong, &v, &err), PE_USAGE);
    PE_CONTAINS(err.text, "did you mean");
    PE_CONTAINS(err.text, pe_registry_at(0)->id);
    CU_ASSERT_PTR_NULL(v);
}

static void every_built_in_variant_has_the_quad_mathematics_of_the_host(void)
{
    for (size_t i = 0; i < pe_registry_count(); i++)
        if (!pe_registry_path(pe_registry_at(i)))
            CU_ASSERT_PTR_EQUAL(*pe_registry_at(i)->quad_math, &pe_host_quad_math);
}

/* ---- first use in a child -------------------------------------------------------------------- */

typedef struct use {
    const pe_variant *variant;
} use;

/* What a program would do first: make an instance and ask for codes. */
static pe_status first_use(void *context, void *answer, pe_error *err)
{
    const use *u = context;
    const pe_dims dims = {.heads = 1, .head_dim = 4};
    const double coord[3] = {1, 2, 3};
    pe_instance *instance;
    pe_wide codes = {0};
    pe_status status = pe_instance_create(u->variant, &dims, NULL, 0, 1, &instance, err);
    if (status == PE_OK)
        status = pe_instance_codes(instance, PE_DOUBLE, 3, coord, &codes, err);
    if (status == PE_OK)
        memcpy(answer, codes.hi, 12 * sizeof(double));
    return status;
}

/* Only a hang may wait for its time; for all others it is long enough for a machine that is busy.
 */
static pe_status use_in_sandbox_within(double seconds, const char *id, const char *body,
                                       double answer[12], pe_error *err)
{
    pe_module m;
    const pe_limits limits = {.cpu_seconds = 60, .wall_seconds = seconds};
    CU_ASSERT_EQUAL_FATAL(pe_module_open(build_variant(id, id, body, ""), &m, err), PE_OK);
    use u = {.variant = m.variant};
    const pe_status status =
        pe_sandbox_run(m.path, &limits, first_use, &u, answer, 12 * sizeof(double), err);
    if (status != PE_OK)
        PE_CONTAINS(err->text, m.path);
    pe_module_close(&m);
    return status;
}

static pe_status use_in_sandbox(const char *id, const char *body, double answer[12], pe_error *err)
{
    return use_in_sandbox_within(120, id, body, answer, err);
}

static void the_answer_of_a_good_module_comes_back(void)
{
    double answer[12] = {0};
    pe_error err = {0};
    CU_ASSERT_EQUAL(use_in_sandbox("fine", "", answer, &err), PE_OK);
    for (int i = 0; i < 12; i++)
        PE_NEAR("code", answer[i], 1 + i / 4, 0);
}

static void a_crash_is_a_sentence_with_the_signal(void)
{
    double answer[12] = {0};
    pe_error err = {0};
    CU_ASSERT_EQUAL(use_in_sandbox("crash", "    *(volatile int *)(intptr_t)(n > 0 ? 0 : 1) = 1;\n",
                                   answer, &err),
                    PE_PLUGIN);
    PE_CONTAINS(err.text, "Segmentation fault");
    CU_ASSERT_EQUAL(answer[0], 0);
}

static void a_hang_is_stopped_after_its_time(void)
{
    double answer[12];
    pe_error err = {0};
    CU_ASSERT_EQUAL(use_in_sandbox_within(1.5, "hang", "    for (volatile int k = 0;; k = 1) { }\n",
                                          answer, &err),
                    PE_PLUGIN);
    PE_CONTAINS(err.text, "no answer after 1.5 s");
}

static void an_exit_is_a_sentence_and_our_exit_handlers_do_not_run(void)
{
    double answer[12];
    pe_error err = {0};
    CU_ASSERT_EQUAL(use_in_sandbox("leaver", "    exit(0);\n", answer, &err), PE_PLUGIN);
    PE_CONTAINS(err.text, "ended the process (exit 0) without an answer");
    /* the handler that removes the test's folder must not have run in the child */
    CU_ASSERT_EQUAL(access(pe_test_folder(), F_OK), 0);
}

static void a_refusal_of_the_work_itself_travels_through_the_pipe(void)
{
    const pe_limits limits = {.cpu_seconds = 60, .wall_seconds = 120};
    pe_module m;
    pe_error err = {0};
    double answer[12];
    CU_ASSERT_EQUAL_FATAL(pe_module_open(build_variant("shy", "shy", "", ""), &m, &err), PE_OK);
    pe_variant refusing = *m.variant;
    refusing.option_count = 0;
    use u = {.variant = &refusing};
    refusing.f64 = &(const pe_ops_f64){0};
    CU_ASSERT_EQUAL(pe_sandbox_run("shy.so", &limits, first_use, &u, answer, sizeof answer, &err),
                    PE_USAGE);
    PE_CONTAINS(err.text, "no code rows");
    pe_module_close(&m);
}

static void what_a_module_prints_does_not_reach_standard_output(void)
{
    char file[4600];
    double answer[12];
    pe_error err = {0};
    snprintf(file, sizeof file, "%s/stdout.txt", pe_test_folder());
    fflush(stdout);
    const int kept = dup(STDOUT_FILENO);
    FILE *f = fopen(file, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    dup2(fileno(f), STDOUT_FILENO);
    const pe_status status =
        use_in_sandbox("chatty", "    puts(\"(a module says hello on stdout)\");\n", answer, &err);
    fflush(stdout);
    dup2(kept, STDOUT_FILENO);
    close(kept);
    fclose(f);
    CU_ASSERT_EQUAL(status, PE_OK);
    struct stat info;
    CU_ASSERT_EQUAL(stat(file, &info), 0);
    CU_ASSERT_EQUAL(info.st_size, 0);
}

static void a_write_far_past_the_end_is_a_sentence(void)
{
    double answer[12];
    pe_error err = {0};
    CU_ASSERT_EQUAL(use_in_sandbox("overrun",
                                   "    for (long k = 0; k < 1L << 30; k++) rows[k] = 1;\n", answer,
                                   &err),
                    PE_PLUGIN);
    PE_CONTAINS(err.text, "crashed in its first use");
}

static void start(void)
{
    pe_registry_start();
    pe_registry_start();
    CU_ASSERT(pe_registry_count() > 0);
}

static void stop_forgets_everything(void)
{
    pe_registry_stop();
    CU_ASSERT_EQUAL(pe_registry_count(), 0);
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

PE_TEST_MAIN("registry: modules", PE_TEST(start), PE_TEST(a_good_module_is_loaded_and_found),
             PE_TEST(an_id_that_is_taken_is_refused), PE_TEST(a_missing_file_is_refused),
             PE_TEST(a_text_file_is_refused), PE_TEST(a_folder_is_refused),
             PE_TEST(a_truncated_module_is_refused),
             PE_TEST(a_program_of_another_machine_is_refused),
             PE_TEST(an_unresolved_symbol_is_refused), PE_TEST(a_module_without_entry_is_refused),
             PE_TEST(a_file_with_another_name_than_its_id_is_refused),
             PE_TEST(a_file_name_that_is_no_id_is_refused), PE_TEST(a_wrong_tag_is_refused),
             PE_TEST(a_wrong_abi_is_refused_with_both_numbers),
             PE_TEST(no_code_of_a_module_with_a_wrong_abi_runs),
             PE_TEST(wrong_struct_sizes_are_refused_with_both_numbers),
             PE_TEST(missing_members_are_refused), PE_TEST(malformed_option_tables_are_refused),
             PE_TEST(a_module_with_another_quad_is_usable_in_float_and_double),
             PE_TEST(one_bad_module_does_not_stop_the_others),
             PE_TEST(failed_allocations_leave_the_registry_as_it_was),
             PE_TEST(a_module_can_stand_in_for_a_built_in_variant),
             PE_TEST(an_unknown_id_is_answered_with_the_nearest_and_the_list),
             PE_TEST(every_built_in_variant_has_the_quad_mathematics_of_the_host),
             PE_TEST(the_answer_of_a_good_module_comes_back),
             PE_TEST(a_crash_is_a_sentence_with_the_signal),
             PE_TEST(a_hang_is_stopped_after_its_time),
             PE_TEST(an_exit_is_a_sentence_and_our_exit_handlers_do_not_run),
             PE_TEST(a_refusal_of_the_work_itself_travels_through_the_pipe),
             PE_TEST(what_a_module_prints_does_not_reach_standard_output),
             PE_TEST(a_write_far_past_the_end_is_a_sentence), PE_TEST(stop_forgets_everything))
