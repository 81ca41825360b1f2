#include "base/memory.h"
#include "io/csv.h"
#include "io/output.h"
#include "testing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *path_of(const char *name)
{
    static char path[5000];
    snprintf(path, sizeof path, "%s/%s", pe_test_folder(), name);
    return path;
}

static const char *content(const char *path)
{
    static char text[1024];
    FILE *f = fopen(path, "rb");
    size_t got = f ? fread(text, 1, sizeof text - 1, f) : 0;
    text[got] = 0;
    if (f)
        fclose(f);
    return text;
}

static void a_table_is_written_with_all_digits(void)
{
    static const char *const names[] = {"k", "D(k)", "note"};
    const char *path = path_of("table.csv");
    pe_csv *csv = pe_csv_begin(path, 3, names, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(csv);
    pe_csv_i64(csv, -3);
    pe_csv_f64(csv, 0.1);
    pe_csv_text(csv, "plain");
    pe_csv_end_row(csv);
    pe_csv_f32(csv, 0.1f);
    pe_csv_f64(csv, -(double)INFINITY);
    pe_csv_empty(csv);
    pe_csv_end_row(csv);
    CU_ASSERT_EQUAL(pe_csv_commit(csv, NULL), PE_OK);
    CU_ASSERT_STRING_EQUAL(content(path), "k,D(k),note\n-3,0.10000000000000001,plain\n"
                                          "0.100000001,-inf,\n");
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

static void texts_are_quoted_and_no_formula_reaches_a_spreadsheet(void)
{
    static const char *const names[] = {"=cmd()", "a,b", "say \"hi\"", "line\nbreak", " blank", ""};
    const char *path = path_of("texts.csv");
    pe_csv *csv = pe_csv_begin(path, 6, names, NULL);
    static const char *const texts[] = {"+1", "-1", "@x", "=,", "'", "x-1"};
    for (size_t i = 0; i < 6; i++)
        pe_csv_text(csv, texts[i]);
    pe_csv_end_row(csv);
    CU_ASSERT_EQUAL(pe_csv_commit(csv, NULL), PE_OK);
    CU_ASSERT_STRING_EQUAL(content(path),
                           "'=cmd(),\"a,b\",\"say \"\"hi\"\"\",\"line\nbreak\",\" blank\",\n"
                           "'+1,'-1,'@x,\"'=,\",',x-1\n");
}

static void a_ragged_row_is_a_mistake_of_ours_and_writes_nothing(void)
{
    static const char *const names[] = {"a", "b"};
    const char *path = path_of("ragged.csv");
    pe_error err = {0};
    for (int fields = 1; fields <= 3; fields += 2) {
        pe_csv *csv = pe_csv_begin(path, 2, names, NULL);
        for (int i = 0; i < fields; i++)
            pe_csv_f64(csv, 1);
        pe_csv_end_row(csv);
        CU_ASSERT_EQUAL(pe_csv_commit(csv, &err), PE_USAGE);
        PE_CONTAINS(err.text, fields == 1 ? "row 1 of a table of 2 columns has 1 fields"
                                          : "row 1 of a table of 2 columns has 3 fields");
    }
    pe_csv *csv = pe_csv_begin(path, 2, names, NULL);
    pe_csv_f64(csv, 1);
    pe_csv_f64(csv, 2);
    CU_ASSERT_EQUAL(pe_csv_commit(csv, &err), PE_USAGE);
    PE_CONTAINS(err.text, "no end");
    CU_ASSERT_PTR_NULL(pe_csv_begin(path, 0, NULL, &err));
    CU_ASSERT_EQUAL(err.status, PE_USAGE);
    pe_csv_abandon(pe_csv_begin(path, 2, names, NULL));
    CU_ASSERT_PTR_NULL(fopen(path, "rb"));
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

static pe_status read(const char *text, pe_csv_table *t, pe_error *err)
{
    return pe_csv_read_memory(text, strlen(text), "t.csv", t, err);
}

static void tables_with_and_without_header_are_read(void)
{
    static const char *const texts[] = {"a,b\n1,2\n3,-4.5e-1\n",
                                        "\xEF\xBB\xBF\"a\",b\r\n1,2\r\n3,-.45", "1,2\n3,-0.45\n",
                                        "1,2\r\n\"3\",-45e-2\r\n"};
    for (size_t i = 0; i < 4; i++) {
        pe_csv_table t = {0};
        pe_error err = {0};
        CU_ASSERT_EQUAL_FATAL(read(texts[i], &t, &err), PE_OK);
        CU_ASSERT_EQUAL(t.rows, 2);
        CU_ASSERT_EQUAL(t.columns, 2);
        CU_ASSERT_EQUAL(t.names == NULL, i >= 2);
        if (t.names)
            CU_ASSERT_STRING_EQUAL(t.names[0], "a");
        PE_NEAR("last", t.values[3], -0.45, 0);
        pe_csv_table_release(&t);
    }
    pe_csv_table t = {0};
    CU_ASSERT_EQUAL(read("\"say \"\"hi\"\"\",\"a,b\"\nnan,-inf\n0,1\n", &t, NULL), PE_OK);
    CU_ASSERT_STRING_EQUAL(t.names[0], "say \"hi\"");
    CU_ASSERT_STRING_EQUAL(t.names[1], "a,b");
    CU_ASSERT_EQUAL(t.nonfinite, 2);
    pe_csv_table_release(&t);
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

static void what_is_wrong_is_named_by_line_and_column(void)
{
    static const struct {
        const char *text, *where;
    } wrong[] = {{"a,b\n1,2\n3,x\n", "t.csv:3:3: \"x\" is not a number"},
                 {"a,b\n1\n", "t.csv:2:2: this row has fewer"},
                 {"a,b\n1,2,3\n", "t.csv:2:5: this row has more"},
                 {"1,2\n1,\n", "t.csv:2:3: this field is empty"},
                 {"1,2\n\n3,4\n", "t.csv:2:1: this line is empty"},
                 {"1,2\n 3,4\n", "t.csv:2:1: \" 3\" is not"},
                 {"1,2\n1.5,0x10\n", "t.csv:2:5: \"0x10\""},
                 {"1,2\n1e999,3\n", "t.csv:2:1: \"1e999\""},
                 {"1,b\n1,2\n", "t.csv:1:3: \"b\" is not a number"},
                 {"a,b\n\"1,2\n", "t.csv:2:1: this quote has no end"},
                 {"a,b\n\"1\"x,2\n", "t.csv:2:4: a comma is expected"},
                 {"a,b\n1;5,2\n", "t.csv:2:1: \"1;5\""},
                 {"a,b\n", "has a header and no row"},
                 {"", "is empty"},
                 {"\xEF\xBB\xBF", "is empty"},
                 {"\n", "t.csv:1:1: this line is empty"}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        pe_csv_table t = {0};
        pe_error err = {0};
        CU_ASSERT_EQUAL(read(wrong[i].text, &t, &err), PE_FORMAT);
        PE_CONTAINS(err.text, wrong[i].where);
        CU_ASSERT_EQUAL(pe_live_blocks(), 0);
    }
    pe_csv_table t = {0};
    CU_ASSERT_EQUAL(pe_csv_read_memory("1\0", 2, "nul", &t, NULL), PE_FORMAT);
}

static void a_line_of_more_than_a_mebibyte_is_refused(void)
{
    size_t size = PE_CSV_MAX_LINE + 1;
    char *text = malloc(size);
    pe_csv_table t = {0};
    pe_error err = {0};
    memset(text, '1', size);
    CU_ASSERT_EQUAL(pe_csv_read_memory(text, size, "long", &t, &err), PE_FORMAT);
    PE_CONTAINS(err.text, "longer than 1 MiB");
    free(text);
}

/* 1000 rows of 7 random bit patterns: every finite double must come back. */
static void doubles_come_back_with_the_same_bits(void)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g"};
    static double values[1000][7];
    const char *path = path_of("bits.csv");
    unsigned long long state = 2385;
    pe_csv *csv = pe_csv_begin(path, 7, names, NULL);
    for (size_t r = 0; r < 1000; r++) {
        for (size_t c = 0; c < 7; c++) {
            do {
                state = state * 6364136223846793005ull + 1442695040888963407ull;
                memcpy(&values[r][c], &state, sizeof state);
            } while (!isfinite(values[r][c]));
            pe_csv_f64(csv, values[r][c]);
        }
        pe_csv_end_row(csv);
    }
    CU_ASSERT_EQUAL(pe_csv_commit(csv, NULL), PE_OK);
    pe_csv_table t = {0};
    CU_ASSERT_EQUAL(pe_csv_read(path, PE_CSV_MAX_BYTES, &t, NULL), PE_OK);
    CU_ASSERT_EQUAL(t.rows, 1000);
    CU_ASSERT_EQUAL(memcmp(t.values, values, sizeof values), 0);
    pe_csv_table_release(&t);
    CU_ASSERT_EQUAL(pe_csv_read(path, 1000, &t, NULL), PE_MEMORY);
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

static pe_status write_and_read(const char *path)
{
    static const char *const names[] = {"a", "b"};
    pe_error err = {0};
    pe_csv *csv = pe_csv_begin(path, 2, names, &err);
    if (!csv)
        return err.status;
    for (int i = 0; i < 10; i++)
        pe_csv_f64(csv, i), pe_csv_f64(csv, -i), pe_csv_end_row(csv);
    pe_status status = pe_csv_commit(csv, NULL);
    pe_csv_table t = {0};
    if (status == PE_OK)
        status = pe_csv_read(path, 999, &t, NULL);
    pe_csv_table_release(&t);
    return status;
}

static void every_failed_allocation_and_write_is_reported(void)
{
    const char *path = path_of("fail.csv");
    pe_status status = PE_MEMORY;
    for (long allowed = 0; status == PE_MEMORY && allowed < 99; allowed++) {
        pe_fail_allocations_after(allowed);
        status = write_and_read(path);
        pe_fail_allocations_after(-1);
        CU_ASSERT_EQUAL(pe_live_blocks(), 0);
    }
    CU_ASSERT_EQUAL(status, PE_OK);
    status = PE_WRITE;
    for (long steps = 0; status == PE_WRITE && steps < 99; steps++) {
        pe_fail_writes_after(steps);
        status = write_and_read(path);
        pe_fail_writes_after(-1);
        CU_ASSERT_EQUAL(pe_live_blocks(), 0);
    }
    CU_ASSERT_EQUAL(status, PE_OK);
}

PE_TEST_MAIN("io: csv", PE_TEST(a_table_is_written_with_all_digits),
             PE_TEST(texts_are_quoted_and_no_formula_reaches_a_spreadsheet),
             PE_TEST(a_ragged_row_is_a_mistake_of_ours_and_writes_nothing),
             PE_TEST(tables_with_and_without_header_are_read),
             PE_TEST(what_is_wrong_is_named_by_line_and_column),
             PE_TEST(a_line_of_more_than_a_mebibyte_is_refused),
             PE_TEST(doubles_come_back_with_the_same_bits),
             PE_TEST(every_failed_allocation_and_write_is_reported))
