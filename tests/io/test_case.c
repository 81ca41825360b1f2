#include "base/memory.h"
#include "io/case.h"
#include "io/json.h"
#include "io/npy.h"
#include "testing.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *path_of(const char *name)
{
    static char paths[4][5000];
    static int turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", pe_test_folder(), name);
    return path;
}

/* ---- the golden cases ---- */

static size_t check_golden_case(const char *folder)
{
    pe_case *c = NULL;
    pe_error err = {0};
    pe_status status = pe_case_open(folder, &c, &err);
    if (status != PE_OK)
        CU_FAIL(err.text);
    CU_ASSERT_EQUAL_FATAL(status, PE_OK);
    CU_ASSERT_STRING_EQUAL(pe_case_name(c), strrchr(folder, '/') + 1);
    CU_ASSERT(pe_case_tolerance(c, PE_DTYPE_F64) >= 0);
    CU_ASSERT(pe_case_tolerance(c, PE_DTYPE_F32) >= pe_case_tolerance(c, PE_DTYPE_F64));
    size_t count = pe_case_file_count(c);
    for (size_t i = 0; i < count; i++) {
        const pe_case_file *f = pe_case_file_at(c, i);
        pe_tensor t = {0};
        double *values = NULL;
        size_t nonfinite = 1;
        CU_ASSERT_EQUAL_FATAL(pe_case_tensor(c, f->name, &t, &err), PE_OK);
        CU_ASSERT_EQUAL(t.rank, f->rank);
        CU_ASSERT_EQUAL(memcmp(t.shape, f->shape, sizeof t.shape), 0);
        CU_ASSERT_EQUAL(t.dtype, f->dtype);
        CU_ASSERT(f->role[0] != 0 && f->axes[0] != 0);
        CU_ASSERT_EQUAL(pe_tensor_as_doubles(&t, f->name, &values, &nonfinite, NULL), PE_OK);
        CU_ASSERT_EQUAL(nonfinite, 0);
        pe_release(values);
        pe_tensor_release(&t);
    }
    pe_case_close(c);
    return count;
}

static void all_golden_cases_are_read_and_every_shape_is_as_declared(void)
{
    const char *root = POSENC_SOURCE_DIR "/tests/golden";
    size_t cases = 0, files = 0;
    DIR *entries = opendir(root);
    CU_ASSERT_PTR_NOT_NULL_FATAL(entries);
    for (struct dirent *e; (e = readdir(entries));) {
        char folder[4096];
        struct stat info;
        snprintf(folder, sizeof folder, "%s/%s", root, e->d_name);
        if (e->d_name[0] == '.' || stat(folder, &info) != 0 || !S_ISDIR(info.st_mode))
            continue;
        files += check_golden_case(folder);
        cases++;
    }
    closedir(entries);
    CU_ASSERT_EQUAL(cases, 54);
    CU_ASSERT_EQUAL(files, 614);
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

static void a_known_number_of_a_golden_case_is_where_it_belongs(void)
{
    pe_case *c = NULL;
    pe_tensor t = {0};
    CU_ASSERT_EQUAL_FATAL(
        pe_case_open(POSENC_SOURCE_DIR "/tests/golden/sinusoidal_interleaved_d8_P16", &c, NULL),
        PE_OK);
    CU_ASSERT_EQUAL_FATAL(pe_case_tensor(c, "pe", &t, NULL), PE_OK);
    const double *pe = t.data;
    PE_NEAR("sin 3", pe[3 * 8], sin(3.0), 0x1p-53);
    PE_NEAR("cos 3", pe[3 * 8 + 1], cos(3.0), 0x1p-53);
    pe_tensor_release(&t);
    CU_ASSERT_EQUAL(pe_case_seed(c), 20101);
    pe_case_close(c);
}

/* ---- options ---- */

static pe_case *of_text(const char *text)
{
    pe_case *c = NULL;
    pe_error err = {0};
    if (pe_case_open_memory(text, strlen(text), "m", &c, &err) != PE_OK)
        CU_FAIL(err.text);
    return c;
}

static void options_have_fallbacks_and_kinds(void)
{
    pe_case *c = of_text(
        "{\"name\":\"n\",\"variant\":\"v\",\"files\":{},\"options\":{\"clip\":3,\"base\":1e4,"
        "\"causal\":true,\"layout\":\"concat\",\"lengths\":[7,4.5],\"none\":null,\"o\":{}}}");
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    int64_t clip = 0;
    double base = 0, *list = NULL;
    int causal = 0;
    const char *layout = NULL;
    size_t count = 9;
    CU_ASSERT_EQUAL(pe_case_int(c, "clip", 9, &clip, NULL), PE_OK);
    CU_ASSERT_EQUAL(clip, 3);
    CU_ASSERT_EQUAL(pe_case_int(c, "none", 9, &clip, NULL), PE_OK);
    CU_ASSERT_EQUAL(clip, 9);
    CU_ASSERT_EQUAL(pe_case_real(c, "base", 0, &base, NULL), PE_OK);
    PE_NEAR("base", base, 10000, 0);
    CU_ASSERT_EQUAL(pe_case_real(c, "clip", 0, &base, NULL), PE_OK);
    PE_NEAR("an integer is a real", base, 3, 0);
    CU_ASSERT_EQUAL(pe_case_bool(c, "causal", 0, &causal, NULL), PE_OK);
    CU_ASSERT_EQUAL(causal, 1);
    CU_ASSERT_EQUAL(pe_case_string(c, "layout", "x", &layout, NULL), PE_OK);
    CU_ASSERT_STRING_EQUAL(layout, "concat");
    CU_ASSERT_EQUAL(pe_case_string(c, "absent", "x", &layout, NULL), PE_OK);
    CU_ASSERT_STRING_EQUAL(layout, "x");
    CU_ASSERT_EQUAL(pe_case_list(c, "lengths", &list, &count, NULL), PE_OK);
    CU_ASSERT_EQUAL(count, 2);
    PE_NEAR("list", list[1], 4.5, 0);
    pe_release(list);
    CU_ASSERT_EQUAL(pe_case_list(c, "none", &list, &count, NULL), PE_OK);
    CU_ASSERT_TRUE(list == NULL && count == 0);
    static const char *const keys[] = {"absent", "none",   "causal",  "clip",
                                       "base",   "layout", "lengths", "o"};
    for (int k = PE_OPTION_ABSENT; k <= PE_OPTION_OBJECT; k++)
        CU_ASSERT_EQUAL((int)pe_case_option_kind(c, keys[k]), k);
    CU_ASSERT_TRUE(isnan(pe_case_tolerance(c, PE_DTYPE_F64)));
    CU_ASSERT_STRING_EQUAL(pe_case_formula(c), "");
    CU_ASSERT_EQUAL(json_object_size(pe_case_options(c)), 7);
    pe_case_close(c);
}

static void an_option_of_another_kind_is_refused(void)
{
    pe_case *c = of_text("{\"name\":\"n\",\"variant\":\"v\",\"files\":{},\"options\":"
                         "{\"r\":1.5,\"s\":\"3\",\"i\":1,\"l\":[\"x\"]}}");
    pe_error err = {0};
    int64_t i;
    double r, *list = NULL;
    int b;
    const char *s;
    size_t n;
    CU_ASSERT_EQUAL(pe_case_int(c, "r", 0, &i, &err), PE_FORMAT);
    PE_CONTAINS(err.text, "m/case.json: \"r\" must be a whole number");
    CU_ASSERT_EQUAL(pe_case_real(c, "s", 0, &r, &err), PE_FORMAT);
    CU_ASSERT_EQUAL(pe_case_bool(c, "i", 0, &b, &err), PE_FORMAT);
    CU_ASSERT_EQUAL(pe_case_string(c, "i", "", &s, &err), PE_FORMAT);
    CU_ASSERT_EQUAL(pe_case_list(c, "l", &list, &n, &err), PE_FORMAT);
    CU_ASSERT_EQUAL(pe_case_list(c, "i", &list, &n, &err), PE_FORMAT);
    pe_case_close(c);
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

/* ---- what is refused ---- */

static void refused(const char *text, const char *why)
{
    pe_case *c = NULL;
    pe_error err = {0};
    CU_ASSERT_EQUAL(pe_case_open_memory(text, strlen(text), "m", &c, &err), PE_FORMAT);
    PE_CONTAINS(err.text, why);
    CU_ASSERT_PTR_NULL(c);
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

#define FILES(x) "{\"name\":\"n\",\"variant\":\"v\",\"files\":" x "}"
#define GOOD     ":{\"shape\":[1],\"dtype\":\"<f8\"}}"

static void names_that_leave_the_folder_are_refused(void)
{
    static const char *const names[] = {"../q.npy", "/q.npy", "a/q.npy",  "a\\\\q.npy",
                                        ".q.npy",   "..npy",  "q.txt",    ".npy",
                                        "",         "q npy",  "q\\n.npy", "\xc3\xa9.npy"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char text[256];
        snprintf(text, sizeof text, FILES("{\"%s\"" GOOD), names[i]);
        refused(text, "is not a file name that a case may have");
    }
    refused(FILES("{\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.npy\"" GOOD),
            "at most 64");
}

static void a_case_json_that_is_not_one_is_refused(void)
{
    refused("[]", "must be an object");
    refused("{\"variant\":\"v\",\"files\":{}}", "\"name\" must be there");
    refused("{\"name\":\"n\",\"variant\":1,\"files\":{}}", "\"variant\" must be there");
    refused("{\"name\":\"n\",\"variant\":\"v\"}", "\"files\" must be an object");
    refused(FILES("[]"), "\"files\"");
    refused(FILES("{\"q.npy\":1}"), "must be an object");
    refused(FILES("{\"q.npy\":{\"shape\":[1]}}"), "needs a dtype");
    refused(FILES("{\"q.npy\":{\"shape\":[1],\"dtype\":\"<f16\"}}"), "needs a dtype");
    refused(FILES("{\"q.npy\":{\"shape\":[-1],\"dtype\":\"<f8\"}}"), "needs a shape");
    refused(FILES("{\"q.npy\":{\"shape\":[1,1,1,1,1,1,1,1,1],\"dtype\":\"<f8\"}}"), "at most 8");
    refused(FILES("{\"q.npy\":{\"shape\":[4294967296,4294967296],\"dtype\":\"<f8\"}}"), "shape");
    refused(FILES("{\"q.npy\":{\"shape\":[1],\"dtype\":\"<f8\",\"role\":1}}"), "role");
    refused(FILES("{},\"seed\":-1"), "seed");
    refused(FILES("{},\"formula\":1"), "formula");
    refused(FILES("{},\"options\":[]"), "options");
    refused(FILES("{},\"tolerance\":1"), "tolerance");
    refused(FILES("{},\"tolerance\":{\"f64\":-1}"), "must be a tolerance");
    refused("{\"name\":\"n\",\n\"name\":\"n\"}", "m/case.json:2:");
}

/* ---- writing, and what can be wrong with the files ---- */

static double numbers[] = {2.385, -1, 0.5, 4, 5, 6};
static const pe_tensor table = {
    .rank = 2, .shape = {3, 2}, .count = 6, .dtype = PE_DTYPE_F64, .data = numbers};
static uint16_t bits[] = {0x3f80, 0xc018};
static const pe_tensor bf16 = {
    .rank = 1, .shape = {2}, .count = 2, .dtype = PE_DTYPE_BF16, .data = bits};

static pe_status write_case(const char *folder, pe_error *err)
{
    pe_case_writer *w = pe_case_write_begin(folder, "mine", "template", err);
    if (!w)
        return err->status;
    pe_status status = pe_case_write_member(w, "seed", json_integer(2385), err);
    if (status == PE_OK)
        status = pe_case_write_option(w, "clip", json_integer(3), err);
    if (status == PE_OK)
        status = pe_case_write_add(w, "pe", &table, "(P, d)", "output", err);
    if (status == PE_OK)
        status = pe_case_write_add(w, "half", &bf16, "(P)", "input", err);
    if (status == PE_OK)
        return pe_case_write_commit(w, err);
    pe_case_write_abandon(w);
    return status;
}

static void a_written_case_is_read_back(void)
{
    const char *folder = path_of("deep/mine");
    pe_case *c = NULL;
    pe_tensor t = {0};
    pe_error err = {0};
    int64_t clip = 0;
    CU_ASSERT_EQUAL(write_case(folder, &err), PE_OK);
    CU_ASSERT_EQUAL_FATAL(pe_case_open(folder, &c, &err), PE_OK);
    CU_ASSERT_STRING_EQUAL(pe_case_variant(c), "template");
    CU_ASSERT_EQUAL(pe_case_seed(c), 2385);
    CU_ASSERT_EQUAL(pe_case_int(c, "clip", 0, &clip, NULL), PE_OK);
    CU_ASSERT_EQUAL(clip, 3);
    CU_ASSERT_STRING_EQUAL(pe_case_find(c, "pe")->axes, "(P, d)");
    CU_ASSERT_EQUAL(pe_case_tensor(c, "pe", &t, &err), PE_OK);
    CU_ASSERT_EQUAL(memcmp(t.data, numbers, sizeof numbers), 0);
    pe_tensor_release(&t);
    CU_ASSERT_EQUAL(pe_case_tensor(c, "half", &t, &err), PE_OK);
    CU_ASSERT_EQUAL(t.dtype, PE_DTYPE_BF16);
    pe_tensor_release(&t);
    CU_ASSERT_EQUAL(pe_case_tensor(c, "hafl", &t, &err), PE_USAGE);
    PE_CONTAINS(err.text, "did you mean \"half\"?");
    pe_case_close(c);
    CU_ASSERT_EQUAL(write_case(folder, &err), PE_WRITE);
    PE_CONTAINS(err.text, "exists already");
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

static void files_that_differ_from_their_declaration_are_refused(void)
{
    char file[5000];
    const char *folder = path_of("wrong");
    pe_case *c = NULL;
    pe_tensor t = {0}, other = table;
    pe_error err = {0};
    CU_ASSERT_EQUAL(write_case(folder, &err), PE_OK);
    snprintf(file, sizeof file, "%s/pe.npy", folder);
    CU_ASSERT_EQUAL_FATAL(pe_case_open(folder, &c, &err), PE_OK);
    other.shape[0] = 2, other.shape[1] = 3;
    CU_ASSERT_EQUAL(pe_npy_write(file, &other, NULL), PE_OK);
    CU_ASSERT_EQUAL(pe_case_tensor(c, "pe", &t, &err), PE_FORMAT);
    PE_CONTAINS(err.text, "declared as f64 (3, 2), the file has f64 (2, 3)");
    other.shape[0] = 3, other.shape[1] = 2, other.dtype = PE_DTYPE_I64;
    CU_ASSERT_EQUAL(pe_npy_write(file, &other, NULL), PE_OK);
    CU_ASSERT_EQUAL(pe_case_tensor(c, "pe", &t, &err), PE_FORMAT);
    PE_CONTAINS(err.text, "the file has i64");
    CU_ASSERT_EQUAL(truncate(file, 20), 0);
    CU_ASSERT_EQUAL(pe_case_tensor(c, "pe", &t, &err), PE_FORMAT);
    pe_case_close(c);
    CU_ASSERT_EQUAL(unlink(file), 0);
    CU_ASSERT_EQUAL(pe_case_open(folder, &c, &err), PE_FORMAT);
    PE_CONTAINS(err.text, "\"pe.npy\" is declared, but there is no such file");
    CU_ASSERT_EQUAL(pe_case_open(path_of("nowhere"), &c, &err), PE_FORMAT);
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

static void a_name_a_case_may_not_have_is_not_written(void)
{
    pe_error err = {0};
    pe_case_writer *w = pe_case_write_begin(path_of("names"), "n", "v", &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(w);
    CU_ASSERT_EQUAL(pe_case_write_add(w, "../q", &table, "", "", &err), PE_USAGE);
    CU_ASSERT_EQUAL(pe_case_write_add(w, "", &table, "", "", &err), PE_USAGE);
    CU_ASSERT_EQUAL(pe_case_write_add(w, "q", &table, "", "", &err), PE_OK);
    CU_ASSERT_EQUAL(pe_case_write_add(w, "q", &table, "", "", &err), PE_USAGE);
    CU_ASSERT_EQUAL(pe_case_write_add(w, "x", &table, "\xff", "", &err), PE_USAGE);
    CU_ASSERT_EQUAL(pe_case_write_member(w, "files", json_object(), &err), PE_USAGE);
    pe_case_write_abandon(w);
    pe_case_write_abandon(NULL);
    CU_ASSERT_NOT_EQUAL(access(path_of("names"), F_OK), 0); /* nothing stays */
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

static void whichever_write_fails_no_case_and_no_folder_stays(void)
{
    const char *folder = path_of("fails");
    pe_error err = {0};
    pe_status status = PE_WRITE;
    long allowed = 0;
    for (; status == PE_WRITE && allowed < 99; allowed++) {
        CU_ASSERT_NOT_EQUAL(access(folder, F_OK), 0);
        pe_fail_writes_after(allowed);
        status = write_case(folder, &err);
        pe_fail_writes_after(-1);
        CU_ASSERT_EQUAL(pe_live_blocks(), 0);
    }
    CU_ASSERT_EQUAL(status, PE_OK);
    CU_ASSERT(allowed > 18); /* the probe's two steps and three files of six */
}

static void every_failed_allocation_is_reported(void)
{
    const char *folder = path_of("memory");
    pe_error err = {0};
    pe_status status = PE_MEMORY;
    for (long allowed = 0; status == PE_MEMORY && allowed < 999; allowed++) {
        CU_ASSERT_NOT_EQUAL(access(folder, F_OK), 0);
        pe_fail_allocations_after(allowed);
        status = write_case(folder, &err);
        pe_fail_allocations_after(-1);
        CU_ASSERT_EQUAL(pe_live_blocks(), 0);
    }
    CU_ASSERT_EQUAL(status, PE_OK);
    status = PE_MEMORY;
    for (long allowed = 0; status == PE_MEMORY && allowed < 999; allowed++) {
        pe_case *c = NULL;
        pe_tensor t = {0};
        pe_fail_allocations_after(allowed);
        status = pe_case_open(folder, &c, NULL);
        if (status == PE_OK)
            status = pe_case_tensor(c, "pe", &t, NULL);
        pe_fail_allocations_after(-1);
        pe_tensor_release(&t);
        pe_case_close(c);
        CU_ASSERT_EQUAL(pe_live_blocks(), 0);
    }
    CU_ASSERT_EQUAL(status, PE_OK);
}

PE_TEST_MAIN("io: case folders", PE_TEST(all_golden_cases_are_read_and_every_shape_is_as_declared),
             PE_TEST(a_known_number_of_a_golden_case_is_where_it_belongs),
             PE_TEST(options_have_fallbacks_and_kinds),
             PE_TEST(an_option_of_another_kind_is_refused),
             PE_TEST(names_that_leave_the_folder_are_refused),
             PE_TEST(a_case_json_that_is_not_one_is_refused), PE_TEST(a_written_case_is_read_back),
             PE_TEST(files_that_differ_from_their_declaration_are_refused),
             PE_TEST(a_name_a_case_may_not_have_is_not_written),
             PE_TEST(whichever_write_fails_no_case_and_no_folder_stays),
             PE_TEST(every_failed_allocation_is_reported))
