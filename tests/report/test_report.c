#include "report/report.h"

#include "base/memory.h"
#include "io/json.h"
#include "io/output.h"
#include "testing.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int has_gnuplot;
static char text[1 << 22];

/* ---- a document with everything in it ---- */

static pe_figure *demo_curves(const char *id)
{
    enum { N = 60 };
    double x[N], y[N];
    pe_figure *f = pe_figure_new(PE_CURVES, id, "Similarity falls until offset 40", NULL);
    pe_figure_x(f, "offset k (tokens)", PE_LINEAR);
    pe_figure_y(f, "similarity (fraction)", PE_LINEAR);
    pe_figure_describe(f, "Two falling curves & a <gap>", "Curves with $k < 5$ coincide.");
    for (size_t s = 0; s < 2; s++) {
        for (size_t i = 0; i < N; i++) {
            x[i] = (double)i;
            y[i] = exp(-(double)i / (20.0 + 10 * (double)s));
        }
        y[7] = (double)NAN;
        pe_figure_add_series(
            f, &(pe_series){.name = s ? "second" : "first", .slot = s, .n = N, .x = x, .y = y});
    }
    return f;
}

static pe_figure *demo_map(const char *id)
{
    enum { N = 16 };
    double m[N * N];
    pe_figure *f =
        pe_figure_new(PE_HEATMAPS, id, "The matrix is constant along its diagonals", NULL);
    for (size_t i = 0; i < N * N; i++)
        m[i] = cos(0.3 * ((double)(i / N) - (double)(i % N)));
    pe_figure_x(f, "key position j (tokens)", PE_LINEAR);
    pe_figure_y(f, "query position i (tokens)", PE_LINEAR);
    pe_figure_colours(f, PE_SIGNED, "share of the logit", PE_LINEAR);
    for (int p = 0; p < 2; p++)
        pe_figure_add_matrix(
            f, &(pe_matrix_panel){
                   .title = p ? "head 2" : "head 1", .rows = N, .columns = N, .values = m});
    return f;
}

static pe_figure *demo_bars(const char *id)
{
    pe_figure *f = pe_figure_new(PE_BARS_GROUPED, id, "The first is larger", NULL);
    pe_figure_x(f, "share (fraction)", PE_LINEAR);
    pe_figure_categories(f, 2, (const char *const[]){"first", "second"}, (const size_t[]){0, 1});
    pe_figure_add_series(f, &(pe_series){.name = "share", .n = 2, .y = (double[]){0.75, 0.25}});
    return f;
}

static void demo_verdicts(pe_section *s)
{
    pe_verdict v = pe_verdict_blank();
    v.id = "D1";
    v.variant = "first|one";
    v.quantity = "$g(40)$";
    v.unit = "fraction";
    v.value = 0.1353352832366127;
    v.expected = exp(-2);
    v.tolerance = 1e-6;
    v.ci_low = 0.13;
    v.ci_high = 0.14;
    v.source = "closed form";
    v.judgement = pe_judge(v.value, v.expected, v.tolerance);
    pe_section_verdict(s, &v);
    v.expected = 0.5;
    v.judgement = pe_judge(v.value, v.expected, v.tolerance);
    v.because = "the difference is real & <large>";
    pe_section_verdict(s, &v);
    v = pe_verdict_blank();
    v.id = "D2";
    v.quantity = "first break";
    v.judgement = PE_VERDICT_NOT_APPLICABLE;
    v.because = "there is no distance in a table without order";
    pe_section_verdict(s, &v);
}

static pe_result *demo(void)
{
    pe_result *r = pe_result_new("demo", "Distance sensitivity",
                                 "How fast does similarity fall with distance?", NULL);
    pe_result_finding(r, "Similarity $g(k)$ falls to $e^{-1}$ within 20 tokens.");
    pe_result_facts(r, &(pe_run_facts){.command = "posenc run demo --seed 7",
                                       .seed = 18446744073709551615u,
                                       .version = "0.1.0",
                                       .precision = "double",
                                       .blas = "OpenBLAS 0.3",
                                       .compiler = "gcc 12",
                                       .threads = 2});
    pe_result_parameter(r, "d_model", "512", "width of the model, $d$");
    pe_result_parameter(r, "base", "10000", "base of the frequencies");
    pe_section *s = pe_result_section(r, "Profile");
    pe_section_paragraph(s, "The profile $g(k) = \\sum_i \\cos(\\omega_i k)$ is the mean over a "
                            "diagonal; it costs 5 < 6 $ & no more.");
    pe_section_formula(s, "g(k) = \\frac{2}{d} \\sum_{i=0}^{d/2-1} \\cos(\\omega_i k)",
                       "where $d$ is the width");
    pe_section_figure(s, demo_curves("profile"));
    pe_sheet_column column[] = {{.name = "variant", .is_text = 1},
                                {.name = "half", .unit = "tokens"},
                                {.name = "error", .digits = 3}};
    pe_sheet *t = pe_section_table(s, "half", "Where the profile falls to one half", 3, column);
    for (int i = 0; i < 3; i++) {
        pe_sheet_text(t, i ? "=cmd|' /C calc'!A0" : "<script>alert(1)</script>");
        pe_sheet_number(t, 13.8629436 * (i + 1));
        if (i == 2)
            pe_sheet_missing(t);
        else
            pe_sheet_number(t, i ? (double)NAN : 1.5e-9);
    }
    demo_verdicts(s);
    s = pe_result_section(r, "Matrices");
    pe_section_figure(s, demo_map("matrices"));
    pe_section_figure(s, demo_bars("shares"));
    pe_section_series(s, "curve", "A curve without a picture",
                      (const pe_sheet_column[2]){{.name = "k", .unit = "tokens"}, {.name = "g"}}, 2,
                      (double[]){1, 2}, (double[]){0.5, 0.25});
    pe_section_not_applicable(s, "learned", "it has no value beyond its table");
    pe_section_exercise(s, "At which $k$ is $g(k) = 1/2$?", "Take the logarithm.", 1,
                        (const pe_checkable[]){{"k_half", 13.862943611198906, 1e-3}});
    pe_section_try(s, "The same with another width:", 4,
                   (const char *const[]){"run", "demo", "--title", "it's \"mine\" $HOME"});
    return r;
}

/* ---- folders ---- */

static const char *folder(const char *name)
{
    static char path[4][1024];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", pe_test_folder(), name);
    return path[turn];
}

static const char *load(const char *name)
{
    FILE *f = fopen(folder(name), "rb");
    text[0] = '\0';
    if (f) {
        text[fread(text, 1, sizeof text - 1, f)] = '\0';
        fclose(f);
    }
    return text;
}

static void empty(const char *name)
{
    DIR *d = opendir(folder(name));
    for (struct dirent *e; d && (e = readdir(d));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
            char path[2048];
            snprintf(path, sizeof path, "%s/%s", folder(name), e->d_name);
            remove(path);
        }
    if (d)
        closedir(d);
}

static unsigned all_that_can_be(void)
{
    return has_gnuplot ? PE_REPORT_ALL : PE_REPORT_CSV | PE_REPORT_JSON;
}

static pe_status save(const char *name, unsigned formats)
{
    pe_error err = {0};
    pe_result *r = demo();
    pe_status status = pe_report_save(r, folder(name), formats, &err);
    if (status != PE_OK)
        printf("  %s\n", err.text);
    pe_result_release(r);
    return status;
}

/* ---- tests ---- */

static void a_result_becomes_a_folder_that_verifies(void)
{
    pe_error err = {0};
    CU_ASSERT_EQUAL(save("run", all_that_can_be()), PE_OK);
    CU_ASSERT_EQUAL(pe_report_verify(folder("run"), &err), PE_OK);
    PE_CONTAINS(load("run/run.json"), "\"complete\": true");
    PE_CONTAINS(text, "\"seed\": \"18446744073709551615\"");
    PE_CONTAINS(text, "\"matrices.2.csv\"");
    FILE *f = fopen(folder("run/half.csv"), "a");
    fputs("x", f);
    fclose(f);
    CU_ASSERT_EQUAL(pe_report_verify(folder("run"), &err), PE_DIFFERS);
    PE_CONTAINS(err.text, "half.csv");
    remove(folder("run/half.csv"));
    CU_ASSERT_EQUAL(pe_report_verify(folder("run"), &err), PE_DIFFERS);
    remove(folder("run/run.json"));
    CU_ASSERT_EQUAL(pe_report_verify(folder("run"), &err), PE_FORMAT);
}

static void a_hostile_run_json_reads_nothing_outside_its_folder(void)
{
    pe_error err = {0};
    mkdir(folder("evil"), 0755);
    FILE *f = fopen(folder("evil/run.json"), "w");
    fputs("{\"schema\":1,\"id\":\"x\",\"complete\":true,\"files\":{\"../../etc/passwd\":\"00\"}}",
          f);
    fclose(f);
    CU_ASSERT_EQUAL(pe_report_verify(folder("evil"), &err), PE_FORMAT);
    PE_CONTAINS(err.text, "not a file of a run");
    remove(folder("evil/run.json"));
}

/* Take out how long the run took, the one thing that two runs may differ in. */
static size_t forget_seconds(const char *name, char *bytes, size_t size)
{
    static const char member[] = "\"seconds\": ";
    if (strcmp(name, "run.json") != 0)
        return size;
    bytes[size] = '\0';
    char *number = strstr(bytes, member);
    CU_ASSERT_PTR_NOT_NULL_FATAL(number);
    number += sizeof member - 1;
    const size_t digits = strspn(number, "0123456789.e+-");
    CU_ASSERT(digits > 0);
    memmove(number, number + digits, size - (size_t)(number - bytes) - digits);
    return size - digits;
}

static int same_files(const char *a, const char *b)
{
    size_t compared = 0;
    static char other[sizeof text];
    DIR *d = opendir(folder(a));
    for (struct dirent *e; d && (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        char name[512];
        snprintf(name, sizeof name, "%s/%s", a, e->d_name);
        FILE *f = fopen(folder(name), "rb");
        size_t size = forget_seconds(e->d_name, text, fread(text, 1, sizeof text - 1, f));
        fclose(f);
        snprintf(name, sizeof name, "%s/%s", b, e->d_name);
        f = fopen(folder(name), "rb");
        size_t same = f ? fread(other, 1, sizeof other - 1, f) : 0;
        if (f)
            fclose(f);
        same = same ? forget_seconds(e->d_name, other, same) : 0;
        if (size != same || memcmp(text, other, size) != 0) {
            printf("  %s differs\n", e->d_name);
            closedir(d);
            return 0;
        }
        compared++;
    }
    closedir(d);
    return compared > 5;
}

static void two_runs_give_the_same_bytes(void)
{
    CU_ASSERT_EQUAL(save("one", all_that_can_be()), PE_OK);
    CU_ASSERT_EQUAL(save("two", all_that_can_be()), PE_OK);
    CU_ASSERT(same_files("one", "two"));
    CU_ASSERT(same_files("two", "one"));
}

static void csv_files_hold_all_digits_and_no_formula(void)
{
    CU_ASSERT_EQUAL(save("csv", PE_REPORT_CSV), PE_OK);
    PE_CONTAINS(load("csv/half.csv"), "variant,half,error\n<script>alert(1)</"
                                      "script>,13.862943599999999,1.5e-09\n'=cmd|");
    PE_CONTAINS(load("csv/verdicts.csv"),
                "Profile,D1,first|one,$g(40)$,fraction,0.1353352832366127,");
    PE_CONTAINS(text, ",NOT APPLICABLE,there is no distance");
    PE_CONTAINS(load("csv/profile.csv"), "panel,series,x,y,low,high\n,first,0,1,,\n");
}

static void result_json_reads_back(void)
{
    pe_result *r = demo();
    pe_buffer out = {0};
    CU_ASSERT_EQUAL(pe_report_json(r, &out, NULL), PE_OK);
    json_t *root = pe_json_load_memory(out.bytes, out.size, "result.json", NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(root);
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(root, "schema")), PE_REPORT_SCHEMA);
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(root, "passed")), 1);
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(root, "failed")), 1);
    json_t *blocks =
        json_object_get(json_array_get(json_object_get(root, "sections"), 0), "blocks");
    json_t *rows = json_object_get(json_array_get(blocks, 3), "rows");
    CU_ASSERT(json_real_value(json_array_get(json_array_get(rows, 0), 1)) == 13.8629436);
    CU_ASSERT(json_is_null(json_array_get(json_array_get(rows, 1), 2)));
    json_decref(root);
    pe_buffer_release(&out);
    pe_result_release(r);
}

/* ---- the page ---- */

static int is_void(const char *name)
{
    return strcmp(name, "meta") == 0 || strcmp(name, "br") == 0;
}

/* Elements closed in order; inside <style> nothing counts. */
static int is_balanced(const char *html)
{
    static char stack[256][24];
    size_t depth = 0;
    for (const char *at = strchr(html, '\n'); (at = strchr(at, '<')); at++) {
        char name[24] = "";
        int closes = at[1] == '/';
        const char *end = strchr(at, '>');
        if (sscanf(at + 1 + closes, "%23[A-Za-z0-9:]", name) != 1 || !end) {
            printf("  stray <: %.40s\n", at);
            return 0;
        }
        if (closes && (depth == 0 || strcmp(stack[--depth], name) != 0)) {
            printf("  </%s> closes %s\n", name, stack[depth]);
            return 0;
        }
        if (!closes && end[-1] != '/' && !is_void(name) && depth < 256)
            strcpy(stack[depth++], name);
    }
    return depth == 0;
}

static void check_unique_ids(const char *html)
{
    static char ids[2000][80];
    size_t n = 0;
    for (const char *at = html; (at = strstr(at, " id=")) && n < 2000; at++) {
        sscanf(at + 5, "%79[^'\"]", ids[n]);
        for (size_t i = 0; i < n; i++)
            if (strcmp(ids[i], ids[n]) == 0) {
                CU_FAIL("an id twice");
                printf("  id %s\n", ids[n]);
                return;
            }
        n++;
    }
}

static void the_page_is_whole_and_loads_nothing(void)
{
    CU_ASSERT_EQUAL(save("page", has_gnuplot ? PE_REPORT_PAGE : 0), PE_OK);
    if (!has_gnuplot)
        return;
    load("page/demo.html");
    CU_ASSERT(is_balanced(text));
    check_unique_ids(text);
    CU_ASSERT_PTR_NULL(strstr(text, "http:"));
    CU_ASSERT_PTR_NULL(strstr(text, "https:"));
    CU_ASSERT_PTR_NULL(strstr(text, "<script"));
    CU_ASSERT_PTR_NULL(strstr(text, "<link"));
    CU_ASSERT_PTR_NULL(strstr(text, "@import"));
    PE_CONTAINS(text, "default-src 'none'; style-src 'unsafe-inline'; img-src data:");
    PE_CONTAINS(text, "prefers-color-scheme:dark");
    PE_CONTAINS(text, "@media print");
    PE_CONTAINS(text, "&lt;script&gt;alert(1)&lt;/script&gt;");
    PE_CONTAINS(text, "<math display=\"block\">");
    PE_CONTAINS(text, "id='profile-gpPt0'");
    PE_CONTAINS(text, "href='#profile-gpPt");
    PE_CONTAINS(text, "aria-label=\"Two falling curves &amp; a &lt;gap&gt;\"");
    PE_CONTAINS(text, "5 &lt; 6 $ &amp; no more.");
    PE_CONTAINS(text, "image-rendering:pixelated");
    PE_CONTAINS(text, "<td class=\"fail\">FAIL</td>");
    PE_CONTAINS(text, "&#39;it&#39;\\&#39;&#39;s &quot;mine&quot; $HOME&#39;");
}

/* ---- the notebook ---- */

static void check_cell(const json_t *cell, size_t number)
{
    char id[32];
    snprintf(id, sizeof id, "c%02zu", number + 1);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(cell, "id")), id);
    CU_ASSERT(json_is_array(json_object_get(cell, "source")));
    CU_ASSERT(json_is_object(json_object_get(cell, "metadata")));
    if (strcmp(json_string_value(json_object_get(cell, "cell_type")), "code") == 0) {
        CU_ASSERT(json_is_array(json_object_get(cell, "outputs")));
        CU_ASSERT(json_is_null(json_object_get(cell, "execution_count")));
    }
}

static void the_notebook_has_the_cells_that_nbformat_wants(void)
{
    CU_ASSERT_EQUAL(save("nb", has_gnuplot ? PE_REPORT_NOTEBOOK : 0), PE_OK);
    if (!has_gnuplot)
        return;
    load("nb/demo.ipynb");
    json_t *root = pe_json_load_memory(text, strlen(text), "demo.ipynb", NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(root);
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(root, "nbformat_minor")), 5);
    json_t *cells = json_object_get(root, "cells");
    size_t pictures = 0;
    for (size_t i = 0; i < json_array_size(cells); i++) {
        json_t *cell = json_array_get(cells, i);
        check_cell(cell, i);
        json_t *output = json_array_get(json_object_get(cell, "outputs"), 0);
        json_t *data = json_object_get(output, "data");
        if (!data)
            continue;
        pictures++;
        CU_ASSERT(
            strncmp(json_string_value(json_object_get(data, "image/png")), "iVBORw0KGgo", 11) == 0);
        CU_ASSERT(json_is_string(json_object_get(data, "text/plain")));
    }
    CU_ASSERT_EQUAL(pictures, 3);
    json_decref(root);
    PE_CONTAINS(text, "\"$$g(k) = \\\\frac{2}{d}");
    PE_CONTAINS(text, "first\\\\|one");
    CU_ASSERT_PTR_NULL(strstr(text, "<script>"));
}

/* 1 when python says yes, -1 when it cannot tell. */
static int python(const char *program, const char *argument)
{
    char command[8192];
    snprintf(command, sizeof command, "cd '%s' && /usr/bin/python3 -c '%s' '%s'", pe_test_folder(),
             program, argument);
    int status = system(command);
    return !WIFEXITED(status)                                        ? 0
           : WEXITSTATUS(status) == 77 || WEXITSTATUS(status) == 127 ? -1
                                                                     : WEXITSTATUS(status) == 0;
}

static void nbformat_calls_the_notebook_valid(void)
{
    if (!has_gnuplot || save("nbv", PE_REPORT_NOTEBOOK) != PE_OK)
        return;
    static const char program[] = "import sys\n"
                                  "try:\n"
                                  "    import nbformat\n"
                                  "except ImportError:\n"
                                  "    sys.exit(77)\n"
                                  "nbformat.validate(nbformat.read(sys.argv[1], as_version=4))\n";
    int answer = python(program, "nbv/demo.ipynb");
    CU_ASSERT(answer != 0);
    if (answer < 0)
        printf("  nbformat is not installed: not validated\n");
}

/* Every code cell, one after the other, in plain Python without matplotlib or posenc. */
static void the_cells_of_the_notebook_run_in_plain_python(void)
{
    if (!has_gnuplot || save("nbx", PE_REPORT_NOTEBOOK | PE_REPORT_CSV | PE_REPORT_PNG) != PE_OK)
        return;
    static const char program[] =
        "import io, json, os, sys\n"
        "os.chdir(os.path.dirname(sys.argv[1]))\n"
        "sys.modules[\"matplotlib\"] = None\n"
        "sys.modules[\"IPython\"] = None\n"
        "os.environ[\"PATH\"] = \"/nonexistent\"\n"
        "out, sys.stdout = sys.stdout, io.StringIO()\n"
        "space = {}\n"
        "for cell in json.load(open(\"demo.ipynb\", encoding=\"utf-8\"))[\"cells\"]:\n"
        "    if cell[\"cell_type\"] == \"code\":\n"
        "        exec(\"\".join(cell[\"source\"]), space)\n"
        "        if \"k_half\" in space and space[\"k_half\"] is None:\n"
        "            space[\"k_half\"] = 13.8629\n"
        "said = sys.stdout.getvalue()\n"
        "sys.stdout = out\n"
        "for part in (\"120 points in profile.csv\", \"matrices.2.csv 16 x 16\", \"k_half is "
        "right\",\n"
        "             \"posenc is not on the PATH\", \"matplotlib is not installed\"):\n"
        "    if part not in said:\n"
        "        print(said)\n"
        "        sys.exit(1)\n";
    int answer = python(program, "nbx/demo.ipynb");
    CU_ASSERT(answer != 0);
}

/* ---- faults ---- */

static void without_gnuplot_everything_but_the_pictures_is_there(void)
{
    pe_result *r = demo();
    pe_error err = {0};
    setenv("POSENC_GNUPLOT", "/nonexistent", 1);
    CU_ASSERT_EQUAL(pe_report_save(r, folder("bare"), PE_REPORT_ALL, &err), PE_TOOL);
    unsetenv("POSENC_GNUPLOT");
    PE_CONTAINS(err.text, "gnuplot-nox");
    CU_ASSERT_EQUAL(pe_report_verify(folder("bare"), &err), PE_OK);
    PE_CONTAINS(load("bare/run.json"), "\"pictures\": false");
    PE_CONTAINS(text, "\"profile.gp\"");
    PE_CONTAINS(load("bare/demo.html"), "This picture was not drawn. It shows: Similarity falls");
    CU_ASSERT(is_balanced(text));
    pe_result_release(r);
}

static void every_failed_write_leaves_no_run_json_and_no_half_file(void)
{
    pe_result *r = demo();
    pe_status status = PE_WRITE;
    long allowed = 0;
    for (; status == PE_WRITE && allowed < 1000; allowed++) {
        pe_error err = {0};
        empty("full");
        pe_fail_writes_after(allowed);
        status = pe_report_save(r, folder("full"), PE_REPORT_CSV | PE_REPORT_JSON, &err);
        pe_fail_writes_after(-1);
        CU_ASSERT(status == PE_OK || err.status == PE_WRITE);
        DIR *d = opendir(folder("full"));
        for (struct dirent *e; d && (e = readdir(d));) {
            CU_ASSERT_PTR_NULL(strstr(e->d_name, ".tmp"));
            if (status != PE_OK && strcmp(e->d_name, "run.json") == 0)
                /* only the very last step, the fsync of the folder, may fail behind it */
                CU_ASSERT_EQUAL(pe_report_verify(folder("full"), NULL), PE_OK);
        }
        if (d)
            closedir(d);
    }
    CU_ASSERT_EQUAL(status, PE_OK);
    CU_ASSERT(allowed > 30);
    pe_result_release(r);
}

static void every_failed_allocation_is_told_and_leaves_nothing(void)
{
    long blocks = pe_live_blocks(), allowed = 0;
    pe_status status = PE_MEMORY;
    setenv("POSENC_GNUPLOT", "/nonexistent", 1);
    for (; status == PE_MEMORY && allowed < 20000; allowed += allowed < 400 ? 1 : 7) {
        pe_fail_allocations_after(allowed);
        pe_result *r = demo();
        status = pe_report_save(r, folder("starved"), PE_REPORT_ALL, NULL);
        pe_result_release(r);
        pe_fail_allocations_after(-1);
        CU_ASSERT_EQUAL(pe_live_blocks(), blocks);
    }
    unsetenv("POSENC_GNUPLOT");
    CU_ASSERT_EQUAL(status, PE_TOOL); /* all but the pictures */
    CU_ASSERT(allowed > 400);
}

static void refused(pe_result *r, const char *part)
{
    pe_error err = {0};
    CU_ASSERT_EQUAL(pe_report_save(r, folder("refused"), PE_REPORT_CSV, &err), PE_USAGE);
    PE_CONTAINS(err.text, part);
    CU_ASSERT(access(folder("refused"), F_OK) != 0);
    pe_result_release(r);
}

static void unsound_results_are_refused_before_anything_is_written(void)
{
    static const pe_sheet_column column[] = {{.name = "a"}, {.name = "b"}};
    pe_result *r = pe_result_new("Bad Id", "t", "q", NULL);
    refused(r, "id 'Bad Id'");
    r = pe_result_new("x", "t", "q", NULL);
    pe_sheet_number(pe_section_table(pe_result_section(r, "s"), "t", "c", 2, column), 1);
    refused(r, "1 cells do not fill rows of 2");
    r = pe_result_new("x", "t", "q", NULL);
    pe_sheet_text(pe_section_table(pe_result_section(r, "s"), "t", "c", 2, column), "text");
    refused(r, "column a holds numbers");
    r = pe_result_new("x", "t", "q", NULL);
    pe_section *s = pe_result_section(r, "s");
    pe_section_figure(s, demo_curves("same"));
    pe_section_figure(s, demo_map("same"));
    refused(r, "'same' is used twice");
    r = pe_result_new("x", "t", "q", NULL);
    pe_section_figure(pe_result_section(r, "s"), demo_curves("run"));
    refused(r, "'run' is taken");
    r = pe_result_new("x", "t", "q", NULL);
    pe_section_figure(pe_result_section(r, "s"), demo_curves("../up"));
    refused(r, "figure id");
    r = pe_result_new("x", "t", "q", NULL);
    pe_section_paragraph(pe_result_section(r, "s"), "\xff");
    refused(r, "UTF-8");
    r = pe_result_new("x", "t", "q", NULL);
    pe_verdict v = pe_verdict_blank();
    v.id = "D1";
    v.quantity = "q";
    v.judgement = PE_VERDICT_FAIL;
    pe_section_verdict(pe_result_section(r, "s"), &v);
    refused(r, "a reason");
    r = pe_result_new("x", "t", "q", NULL);
    pe_section_exercise(pe_result_section(r, "s"), "q", NULL, 1,
                        (const pe_checkable[]){{"import os", 1, 0}});
    refused(r, "name of a variable");
    pe_error err = {0};
    CU_ASSERT_EQUAL(pe_result_check(NULL, &err), PE_MEMORY);
}

static void a_figure_without_a_value_becomes_a_note(void)
{
    pe_result *r = pe_result_new("x", "t", "q", NULL);
    pe_figure *f = pe_figure_new(PE_CURVES, "gaps", "t", NULL);
    pe_figure_add_series(f, &(pe_series){.name = "s", .n = 1, .y = (double[]){(double)NAN}});
    pe_section_figure(pe_result_section(r, "s"), f);
    pe_buffer out = {0};
    CU_ASSERT_EQUAL(pe_report_text(r, &out, NULL), PE_OK);
    PE_CONTAINS(out.bytes, "not applicable, because figure gaps: not one value that can be shown");
    pe_buffer_release(&out);
    pe_result_release(r);
}

static void the_index_lists_sound_runs_with_their_findings(void)
{
    pe_error err = {0};
    size_t listed = 0;
    mkdir(folder("runs"), 0755);
    CU_ASSERT_EQUAL(save("runs/b", PE_REPORT_CSV), PE_OK);
    CU_ASSERT_EQUAL(save("runs/a b%?", has_gnuplot ? PE_REPORT_PAGE : PE_REPORT_CSV), PE_OK);
    CU_ASSERT_EQUAL(save("runs/torn", PE_REPORT_CSV), PE_OK);
    remove(folder("runs/torn/half.csv"));
    mkdir(folder("runs/none"), 0755);
    CU_ASSERT_EQUAL(pe_report_index(folder("runs"), &listed, &err), PE_OK);
    CU_ASSERT_EQUAL(listed, 2);
    load("runs/index.html");
    CU_ASSERT(is_balanced(text));
    PE_CONTAINS(text, has_gnuplot ? "<a href=\"./a%20b%25%3F/demo.html\">Distance sensitivity</a>"
                                  : "<a href=\"./a%20b%25%3F/\">");
    PE_CONTAINS(text, "<a href=\"./b/\">");
    PE_CONTAINS(text, "within 20 tokens.");
    CU_ASSERT_PTR_NULL(strstr(text, "torn"));
    CU_ASSERT_EQUAL(pe_report_index("/nonexistent", NULL, &err), PE_WRITE);
}

static void a_folder_with_an_index_of_its_own_is_an_entry_with_a_line_for_each_run(void)
{
    pe_error err = {0};
    size_t listed = 0;
    mkdir(folder("above"), 0755);
    mkdir(folder("above/some cards"), 0755);
    CU_ASSERT_EQUAL(save("above/some cards/b", PE_REPORT_CSV), PE_OK);
    CU_ASSERT_EQUAL(save("above/some cards/torn", PE_REPORT_CSV), PE_OK);
    remove(folder("above/some cards/torn/half.csv"));
    CU_ASSERT_EQUAL(pe_report_index(folder("above/some cards"), &listed, &err), PE_OK);
    CU_ASSERT_EQUAL(listed, 1);
    CU_ASSERT_EQUAL(pe_report_index(folder("above"), &listed, &err), PE_OK);
    CU_ASSERT_EQUAL(listed, 1);
    load("above/index.html");
    CU_ASSERT(is_balanced(text));
    PE_CONTAINS(text, "<a href=\"./some%20cards/index.html\">some cards: 1 page</a>");
    PE_CONTAINS(
        text,
        "<li><a href=\"./some%20cards/b/\">How fast does similarity fall with distance?</a> ");
    PE_CONTAINS(text, "within 20 tokens.");
    CU_ASSERT_PTR_NULL(strstr(text, "torn"));
}

static void a_verdict_needs_all_three_numbers_to_pass(void)
{
    double nan = (double)NAN;
    CU_ASSERT_EQUAL(pe_judge(1, 1, 0), PE_VERDICT_PASS);
    CU_ASSERT_EQUAL(pe_judge(1.5, 1, 0.5), PE_VERDICT_PASS);
    CU_ASSERT_EQUAL(pe_judge(1.6, 1, 0.5), PE_VERDICT_FAIL);
    CU_ASSERT_EQUAL(pe_judge(nan, 1, 1), PE_VERDICT_FAIL);
    CU_ASSERT_EQUAL(pe_judge(1, nan, 1), PE_VERDICT_FAIL);
    CU_ASSERT_EQUAL(pe_judge(1, 1, nan), PE_VERDICT_FAIL);
}

static void the_terminal_shows_verdicts_and_tables(void)
{
    pe_result *r = demo();
    pe_buffer out = {0};
    CU_ASSERT_EQUAL(pe_report_text(r, &out, NULL), PE_OK);
    PE_CONTAINS(out.bytes, "PASS            D1    first|one       $g(40)$ = 0.135335 fraction, "
                           "expected 0.135335 ± 1·10⁻⁶ (closed form)\n");
    PE_CONTAINS(out.bytes, "NOT APPLICABLE  D2");
    pe_buffer_release(&out);
    pe_result_release(r);
}

static const pe_test tests[] = {
    PE_TEST(a_result_becomes_a_folder_that_verifies),
    PE_TEST(a_hostile_run_json_reads_nothing_outside_its_folder),
    PE_TEST(two_runs_give_the_same_bytes),
    PE_TEST(csv_files_hold_all_digits_and_no_formula),
    PE_TEST(result_json_reads_back),
    PE_TEST(the_page_is_whole_and_loads_nothing),
    PE_TEST(the_notebook_has_the_cells_that_nbformat_wants),
    PE_TEST(nbformat_calls_the_notebook_valid),
    PE_TEST(the_cells_of_the_notebook_run_in_plain_python),
    PE_TEST(without_gnuplot_everything_but_the_pictures_is_there),
    PE_TEST(every_failed_write_leaves_no_run_json_and_no_half_file),
    PE_TEST(every_failed_allocation_is_told_and_leaves_nothing),
    PE_TEST(unsound_results_are_refused_before_anything_is_written),
    PE_TEST(a_figure_without_a_value_becomes_a_note),
    PE_TEST(the_index_lists_sound_runs_with_their_findings),
    PE_TEST(a_folder_with_an_index_of_its_own_is_an_entry_with_a_line_for_each_run),
    PE_TEST(a_verdict_needs_all_three_numbers_to_pass),
    PE_TEST(the_terminal_shows_verdicts_and_tables),
};

/* Without gnuplot the rest is run all the same; that pictures were not drawn is said by status 77.
 */
int main(int argc, char **argv)
{
    int major, minor;
    has_gnuplot = pe_gnuplot_version(&major, &minor, NULL) == PE_OK;
    int failed = pe_run_tests("report: results and writers", tests, sizeof tests / sizeof tests[0],
                              argc, argv);
    return failed ? failed : has_gnuplot ? 0 : 77;
}
