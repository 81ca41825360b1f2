#include "plot/figure.h"

#include "base/memory.h"
#include "io/output.h"
#include "testing.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KINDS = 8, POINTS = 40, SIDE = 12 };

static int has_gnuplot;

/* Everything that could run something, close a string, or be taken for markup. */
static const char *const hostile[] = {
    "`touch canary`",
    "\"; system('touch canary'); \"",
    "'; system('touch canary'); '",
    "' at 0,0; system(\"touch canary\") #",
    "'' . system('touch canary') . ''",
    "''; ! touch canary",
    "@canary",
    "$(touch canary)",
    "\\n! touch canary",
    "a' with lines, '< touch canary",
    "{/Symbol a}_{x}^{y}",
    "%s%n%d",
    "</text><script>alert(1)</script>",
    "EOD",
    "$data1 << EOD",
    "# the next line is followed by bytes: 99999999",
    "\\",
    "'",
    "\u202Eright to left",
    "漢字 😀 ñ",
    "--persist",
    "; exit status 7; load 'canary.gp'",
};
enum { HOSTILE = sizeof hostile / sizeof hostile[0] };

static void fill(double *x, double *y, size_t n, double phase)
{
    for (size_t i = 0; i < n; i++) {
        x[i] = (double)i + 1;
        y[i] = cos(0.2 * (double)i + phase);
    }
}

/* One of each kind; name(i) gives the foreign texts. */
static pe_figure *make(int kind, const char *id, const char *const *name)
{
    static const pe_figure_kind kinds[KINDS] = {PE_CURVES,       PE_CURVES,       PE_CURVES,
                                                PE_BARS_GROUPED, PE_BARS_STACKED, PE_DOTS,
                                                PE_HEATMAPS,     PE_HEATMAPS};
    double x[POINTS], y[POINTS], low[POINTS], high[POINTS], m[SIDE * SIDE];
    pe_figure *f = pe_figure_new(kinds[kind], id, name[0], NULL);
    pe_figure_x(f, name[1], PE_LINEAR);
    pe_figure_y(f, name[2], PE_LINEAR);
    pe_figure_describe(f, name[3], name[4]);
    if (kinds[kind] == PE_CURVES) {
        for (size_t s = 0; s < 6; s++) {
            fill(x, y, POINTS, (double)s);
            y[3] = (double)NAN;
            y[4] = (double)INFINITY;
            for (size_t i = 0; i < POINTS; i++) {
                low[i] = y[i] - 0.1;
                high[i] = y[i] + 0.1;
            }
            if (kind == 1)
                pe_figure_panel(f, name[s]);
            pe_look look = kind == 2 ? (pe_look)(s % 4) : PE_LOOK_LINE;
            pe_figure_add_series(f, &(pe_series){.name = name[s + 5],
                                                 .slot = 3 * s,
                                                 .look = look,
                                                 .n = POINTS,
                                                 .x = x,
                                                 .y = y,
                                                 .low = s % 2 ? low : NULL,
                                                 .high = s % 2 ? high : NULL});
        }
        pe_figure_mark_x(f, 20, name[11]);
        pe_figure_mark_y(f, 0.5, name[12]);
    } else if (kinds[kind] != PE_HEATMAPS) {
        pe_figure_categories(f, SIDE, name, NULL);
        for (size_t s = 0; s < 3; s++) {
            fill(x, y, SIDE, (double)s);
            y[5] = (double)NAN;
            pe_figure_add_series(f,
                                 &(pe_series){.name = name[s + 5], .slot = s, .n = SIDE, .y = y});
        }
        pe_figure_mark_x(f, 0.25, name[9]);
    } else {
        pe_figure_colours(f, kind == 6 ? PE_SIGNED : PE_AMOUNTS, name[13],
                          kind == 6 ? PE_LINEAR : PE_LOG10);
        for (size_t p = 0; p < (kind == 6 ? 5 : 1); p++) {
            fill(m, m, SIDE * SIDE, (double)p);
            m[7] = (double)NAN;
            pe_figure_add_matrix(
                f, &(pe_matrix_panel){
                       .title = name[p + 14], .rows = SIDE, .columns = SIDE, .values = m});
        }
        if (kind == 7)
            pe_figure_add_matrix(
                f, &(pe_matrix_panel){.rows = 1, .columns = 5, .values = m, .dx = -2});
    }
    return f;
}

static const char *const plain[HOSTILE] = {"A title that states the finding",
                                           "offset k (tokens)",
                                           "similarity (fraction)",
                                           "alt",
                                           "caption",
                                           "first",
                                           "second",
                                           "third",
                                           "fourth",
                                           "fifth",
                                           "sixth",
                                           "seventh",
                                           "eighth",
                                           "ninth",
                                           "tenth",
                                           "a",
                                           "b",
                                           "c",
                                           "d",
                                           "e"};

static int exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static pe_status render(const pe_figure *f, pe_picture kind, pe_buffer *picture)
{
    pe_error err = {0};
    pe_status status = pe_figure_render(f, kind, picture, &err);
    if (status != PE_OK)
        printf("  %s\n", err.text);
    return status;
}

static void every_kind_is_drawn_in_every_format(void)
{
    for (int kind = 0; kind < KINDS && has_gnuplot; kind++) {
        pe_figure *f = make(kind, "kind", plain);
        for (int format = PE_SVG; format <= PE_ASCII; format++) {
            pe_buffer picture = {0};
            CU_ASSERT_EQUAL(render(f, (pe_picture)format, &picture), PE_OK);
            CU_ASSERT(picture.size > 500 && picture.size < 1000000);
            pe_buffer_release(&picture);
        }
        pe_figure_release(f);
    }
}

/* Advance widths of DejaVu Sans, printable ASCII, in thousandths of the font size (from the font's
 * hmtx table); other characters as wide as a digit. */
static double advance(unsigned char c)
{
    static const short width[] = {
        318,  401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337,
        636,  636, 636, 636, 636, 636, 636, 636, 636, 636, 337, 337, 838, 838, 838, 531,
        1000, 684, 686, 698, 770, 632, 575, 775, 752, 295, 295, 656, 557, 863, 748, 787,
        603,  787, 695, 635, 611, 732, 684, 989, 685, 611, 685, 390, 337, 390, 838, 500,
        500,  613, 635, 550, 635, 615, 352, 635, 634, 278, 278, 579, 278, 974, 634, 612,
        635,  635, 411, 521, 392, 634, 592, 818, 592, 592, 525, 636, 337, 636, 838};
    if ((c & 0xc0) == 0x80)
        return 0; /* the rest of a character */
    return 0.001 * (c >= 32 && c < 127 ? width[c - 32] : 636);
}

/* gnuplot writes  <g transform="translate(X,Y)[ rotate(..)]" ... font-size="S" text-anchor="A">
 * and then the text. */
static void check_text_boxes(const char *svg)
{
    size_t texts = 0;
    for (const char *at = svg; (at = strstr(at, "<g transform=\"translate("));) {
        double x, y, size = 0;
        CU_ASSERT_EQUAL(sscanf(at, "<g transform=\"translate(%lf,%lf)", &x, &y), 2);
        const char *font = strstr(at, "font-size=\""), *anchor = strstr(at, "text-anchor=\"");
        const char *text = strstr(at, "<text>"), *end = strstr(at, "</text>");
        CU_ASSERT_FATAL(font && anchor && text && end);
        sscanf(font, "font-size=\"%lf", &size);
        int turned = memmem(at, (size_t)(strchr(at, '>') - at), "rotate", 6) != NULL;
        double width = 0;
        int in_tag = 0;
        for (const char *c = text; c < end; c++) {
            if (!in_tag && *c != '<')
                width += size * advance((unsigned char)*c);
            in_tag = *c == '<' ? 1 : *c == '>' ? 0 : in_tag;
        }
        double left = strncmp(anchor + 13, "start", 5) == 0    ? 0
                      : strncmp(anchor + 13, "middle", 6) == 0 ? width / 2
                                                               : width;
        if (turned) {
            CU_ASSERT(y - (width - left) >= -2 && y + left <= 722 && x > 0 && x < 1280);
        } else {
            int inside = x - left >= -2 && x - left + width <= 1282 && y > 0 && y < 722;
            CU_ASSERT(inside);
            if (!inside)
                printf("  at %g,%g, %g wide: %.*s\n", x, y, width, (int)(end - text), text);
        }
        texts++;
        at = end;
    }
    CU_ASSERT(texts > 10);
}

static void no_text_leaves_the_page(void)
{
    static const char *const wide[HOSTILE] = {
        "A very long title that goes on and on until it has said everything that there is to say "
        "about the finding, and then a little more so that it needs a second and a third line",
        "a label of an axis that is much too long for the axis that it belongs to, with its unit "
        "(tokens per second per square metre)",
        "another label of an axis that is much too long for the axis that it belongs to (tokens)",
        "alt",
        "caption",
        "a very long variant name from a stranger's plug-in, number one",
        "averylongvariantnamewithoutanyblankthatcouldbebrokenanywhereatall",
        "MMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMM",
        "d",
        "e",
        "f",
        "g",
        "h",
        "a colour label that is also much longer than the box beside it",
        "a panel title that is longer than its panel is wide by far, and then some",
        "k",
        "l",
        "m",
        "n",
        "o"};
    for (int kind = 0; kind < KINDS && has_gnuplot; kind++)
        for (int texts = 0; texts < 2; texts++) {
            pe_figure *f = make(kind, "wide", texts ? wide : plain);
            pe_buffer svg = {0};
            CU_ASSERT_EQUAL(render(f, PE_SVG, &svg), PE_OK);
            if (svg.bytes)
                check_text_boxes(svg.bytes);
            pe_buffer_release(&svg);
            pe_figure_release(f);
        }
}

static void hostile_names_are_shown_and_nothing_runs(void)
{
    const char *name[HOSTILE];
    remove("canary");
    for (size_t shift = 0; shift < HOSTILE && has_gnuplot; shift++)
        for (int kind = (int)(shift % 2); kind < KINDS; kind += 2) {
            for (size_t i = 0; i < HOSTILE; i++)
                name[i] = hostile[(i + shift) % HOSTILE];
            pe_figure *f = make(kind, "hostile", name);
            pe_buffer svg = {0};
            CU_ASSERT_EQUAL(render(f, PE_SVG, &svg), PE_OK);
            CU_ASSERT(!svg.bytes || !strstr(svg.bytes, "<script>"));
            pe_buffer_release(&svg);
            pe_figure_release(f);
        }
    CU_ASSERT(!exists("canary"));
    remove("canary");
}

static void the_canary_would_have_sung(void)
{
    pe_buffer script = {0}, picture = {0};
    remove("canary");
    pe_buffer_text(&script, "x = \"`touch canary`\"\n");
    pe_gnuplot_run(&script, PE_SVG, &picture, NULL);
    CU_ASSERT(!has_gnuplot || exists("canary"));
    remove("canary");
    pe_buffer_release(&script);
    pe_buffer_release(&picture);
}

static void the_saved_script_draws_the_same_picture(void)
{
    for (int kind = 0; kind < KINDS && has_gnuplot; kind++) {
        pe_figure *f = make(kind, "again", plain);
        pe_buffer script = {0}, text = {0}, binary = {0};
        CU_ASSERT_EQUAL(pe_figure_script(f, PE_PNG, &script, NULL), PE_OK);
        CU_ASSERT_EQUAL(pe_gnuplot_run(&script, PE_PNG, &text, NULL), PE_OK);
        CU_ASSERT_EQUAL(render(f, PE_PNG, &binary), PE_OK);
        CU_ASSERT(text.size == binary.size && memcmp(text.bytes, binary.bytes, text.size) == 0);
        pe_buffer_release(&script);
        pe_buffer_release(&text);
        pe_buffer_release(&binary);
        pe_figure_release(f);
    }
}

static void heat_maps_are_crisp_and_describe_themselves(void)
{
    pe_figure *f = make(6, "crisp", plain);
    pe_buffer svg = {0};
    if (has_gnuplot && render(f, PE_SVG, &svg) == PE_OK) {
        PE_CONTAINS(svg.bytes, "<image style='image-rendering:pixelated' ");
        PE_CONTAINS(svg.bytes, "<title>A title that states the finding</title>");
        PE_CONTAINS(svg.bytes, "<desc>alt</desc>");
    }
    pe_buffer_release(&svg);
    pe_figure_release(f);
}

static size_t files_in(const char *folder)
{
    size_t n = 0;
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));)
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    if (d)
        closedir(d);
    return n;
}

static void empty_folder(const char *folder)
{
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));)
        if (e->d_name[0] != '.' || e->d_name[1]) {
            char path[1024];
            snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
            remove(path);
        }
    if (d)
        closedir(d);
}

static void without_gnuplot_the_script_and_the_data_stay(void)
{
    pe_figure *f = make(0, "kept", plain);
    pe_error err = {0};
    char path[1024];
    setenv("POSENC_GNUPLOT", "/nonexistent", 1);
    empty_folder(pe_test_folder());
    CU_ASSERT_EQUAL(pe_figure_save_data(f, pe_test_folder(), &err), PE_OK);
    CU_ASSERT_EQUAL(pe_figure_save(f, pe_test_folder(), PE_FIGURE_SVG | PE_FIGURE_PNG, &err),
                    PE_TOOL);
    PE_CONTAINS(err.text, "gnuplot-nox");
    snprintf(path, sizeof path, "%s/kept.gp", pe_test_folder());
    CU_ASSERT(exists(path));
    CU_ASSERT_EQUAL(files_in(pe_test_folder()), 2);
    unsetenv("POSENC_GNUPLOT");
    pe_figure_release(f);
}

static void every_failed_write_leaves_no_half_file(void)
{
    pe_figure *f = make(7, "half", plain);
    pe_status status = PE_WRITE;
    for (long allowed = 0; status == PE_WRITE && allowed < 100; allowed++) {
        empty_folder(pe_test_folder());
        pe_fail_writes_after(allowed);
        status = pe_figure_save(f, pe_test_folder(), 0, NULL);
        if (status == PE_OK)
            status = pe_figure_save_data(f, pe_test_folder(), NULL);
        pe_fail_writes_after(-1);
        char path[1024], bytes[16] = "";
        DIR *d = opendir(pe_test_folder());
        for (struct dirent *e; d && (e = readdir(d));) {
            CU_ASSERT(strstr(e->d_name, ".tmp") == NULL);
            snprintf(path, sizeof path, "%s/%s", pe_test_folder(), e->d_name);
        }
        closedir(d);
        snprintf(path, sizeof path, "%s/half.gp", pe_test_folder());
        FILE *file = fopen(path, "r");
        if (file) {
            CU_ASSERT(fseek(file, -4, SEEK_END) == 0 && fread(bytes, 1, 4, file) == 4);
            fclose(file);
            CU_ASSERT_STRING_EQUAL(bytes, "lot\n"); /* unset multiplot */
        }
    }
    CU_ASSERT_EQUAL(status, PE_OK);
    pe_figure_release(f);
}

static void every_failed_allocation_is_told_and_leaves_nothing(void)
{
    for (int kind = 0; kind < KINDS; kind++) {
        long blocks = pe_live_blocks();
        pe_status status = PE_MEMORY;
        long allowed = 0;
        for (; status == PE_MEMORY && allowed < 2000; allowed++) {
            pe_buffer script = {0};
            pe_fail_allocations_after(allowed);
            pe_figure *f = make(kind, "starved", plain);
            status = pe_figure_script(f, PE_SVG, &script, NULL);
            pe_buffer_release(&script);
            pe_figure_release(f);
            pe_fail_allocations_after(-1);
            CU_ASSERT_EQUAL(pe_live_blocks(), blocks);
        }
        CU_ASSERT_EQUAL(status, PE_OK);
        CU_ASSERT(allowed > 20);
    }
}

static void refused(pe_figure *f, pe_status want, const char *part)
{
    pe_error err = {0};
    CU_ASSERT_EQUAL(pe_figure_check(f, &err), want);
    PE_CONTAINS(err.text, part);
    pe_buffer script = {0};
    CU_ASSERT_EQUAL(pe_figure_script(f, PE_SVG, &script, NULL), want);
    CU_ASSERT_EQUAL(script.size, 0);
    pe_buffer_release(&script);
    pe_figure_release(f);
}

static pe_figure *curves(const char *id, double y)
{
    pe_figure *f = pe_figure_new(PE_CURVES, id, "t", NULL);
    pe_figure_add_series(f, &(pe_series){.name = "s", .n = 1, .y = &y});
    return f;
}

static void bad_figures_are_refused_with_a_sentence(void)
{
    refused(curves("../etc", 1), PE_USAGE, "figure id");
    refused(curves("", 1), PE_USAGE, "figure id");
    refused(curves("a.b", 1), PE_USAGE, "figure id");
    refused(curves("empty", (double)NAN), PE_DIFFERS, "not one value");
    refused(pe_figure_new(PE_CURVES, "none", "t", NULL), PE_DIFFERS, "not one value");
    refused(pe_figure_new(PE_CURVES, "title", "a\nb", NULL), PE_USAGE, "control character");
    pe_figure *f = curves("log", -1);
    pe_figure_y(f, "y", PE_LOG10);
    refused(f, PE_DIFFERS, "not one value");
    f = curves("kind", 1);
    pe_figure_add_matrix(f, &(pe_matrix_panel){.rows = 1, .columns = 1, .values = (double[]){1}});
    refused(f, PE_USAGE, "no matrix");
    f = curves("range", 1);
    pe_figure_x_range(f, 3, 3);
    refused(f, PE_USAGE, "range from 3 to 3");
    f = pe_figure_new(PE_BARS_STACKED, "stack", "t", NULL);
    pe_figure_x(f, "x", PE_LOG10);
    pe_figure_categories(f, 1, (const char *const[]){"c"}, NULL);
    pe_figure_add_series(f, &(pe_series){.n = 1, .y = (double[]){1}});
    refused(f, PE_USAGE, "stacked");
    f = pe_figure_new(PE_DOTS, "count", "t", NULL);
    pe_figure_categories(f, 1, (const char *const[]){"c"}, NULL);
    pe_figure_add_series(f, &(pe_series){.n = 2, .y = (double[]){1, 2}});
    refused(f, PE_USAGE, "2 values for 1 categories");
    f = pe_figure_new(PE_HEATMAPS, "size", "t", NULL);
    pe_figure_add_matrix(f, &(pe_matrix_panel){.rows = (size_t)1 << 40,
                                               .columns = (size_t)1 << 40,
                                               .values = (double[]){1}});
    refused(f, PE_USAGE, "matrix");
    f = curves("many", 1);
    for (int i = 0; i < PE_FIGURE_NAMES; i++)
        pe_figure_add_series(f, &(pe_series){.name = "s", .n = 1, .y = (double[]){1}});
    refused(f, PE_USAGE, "use panels");
    pe_error err = {0};
    CU_ASSERT_EQUAL(pe_figure_check(NULL, &err), PE_MEMORY);
}

static char *load(const char *name)
{
    char path[1024];
    static char text[4096];
    snprintf(path, sizeof path, "%s/%s", pe_test_folder(), name);
    FILE *f = fopen(path, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    return text;
}

static void data_files_hold_the_numbers_and_gaps_are_empty(void)
{
    pe_figure *f = pe_figure_new(PE_CURVES, "c", "t", NULL);
    pe_figure_add_series(f, &(pe_series){.name = "=s", .n = 2, .y = (double[]){0.1, (double)NAN}});
    CU_ASSERT_EQUAL(pe_figure_save_data(f, pe_test_folder(), NULL), PE_OK);
    PE_CONTAINS(load("c.csv"),
                "panel,series,x,y,low,high\n,'=s,0,0.10000000000000001,,\n,'=s,1,,,\n");
    pe_figure_release(f);
    f = pe_figure_new(PE_HEATMAPS, "m", "t", NULL);
    double m[] = {1, 2, 3, (double)NAN};
    for (int i = 0; i < 2; i++)
        pe_figure_add_matrix(
            f, &(pe_matrix_panel){
                   .rows = 2, .columns = 2, .values = m, .x0 = 5, .dx = 5, .y0 = 1, .dy = -1});
    CU_ASSERT_EQUAL(pe_figure_save_data(f, pe_test_folder(), NULL), PE_OK);
    CU_ASSERT_STRING_EQUAL(load("m.2.csv"), "row,c5,c10\n1,1,2\n0,3,\n");
    pe_figure_release(f);
}

static void ascii_heat_maps_need_no_program(void)
{
    setenv("POSENC_GNUPLOT", "/nonexistent", 1);
    pe_figure *f = pe_figure_new(PE_HEATMAPS, "a", "The title", NULL);
    double m[] = {-1, 0, (double)NAN, 1};
    pe_figure_colours(f, PE_SIGNED, "weight", PE_LINEAR);
    pe_figure_add_matrix(f, &(pe_matrix_panel){.title = "p", .rows = 2, .columns = 2, .values = m});
    pe_buffer text = {0};
    CU_ASSERT_EQUAL(pe_figure_render(f, PE_ASCII, &text, NULL), PE_OK);
    PE_CONTAINS(text.bytes, "  WW..\n    ##\n");
    pe_buffer_release(&text);
    pe_figure_release(f);
    unsetenv("POSENC_GNUPLOT");
}

static int count_of(const char *text, const char *part)
{
    int n = 0;
    while ((text = strstr(text, part)) != NULL) {
        n++;
        text += strlen(part);
    }
    return n;
}

static void an_edge_is_a_staircase_over_its_panel_with_gaps_where_it_is_missing(void)
{
    double m[2 * 4] = {0}, edge[] = {0.5, 1.5, (double)NAN, 9};
    pe_buffer with = {0}, without = {0};
    for (int on = 0; on < 2; on++) {
        pe_figure *f = pe_figure_new(PE_HEATMAPS, "edge", "t", NULL);
        pe_figure_add_matrix(f, &(pe_matrix_panel){.rows = 2,
                                                   .columns = 4,
                                                   .values = m,
                                                   .y0 = 1,
                                                   .dx = 1,
                                                   .dy = 1,
                                                   .edge = on ? edge : NULL});
        CU_ASSERT_EQUAL(pe_figure_script(f, PE_SVG, on ? &with : &without, NULL), PE_OK);
        pe_figure_release(f);
    }
    /* Three levels and one riser, dark and white. The last level, far below, is at the bottom. */
    CU_ASSERT_EQUAL(count_of(with.bytes, "set arrow") - count_of(without.bytes, "set arrow"), 8);
    CU_ASSERT_EQUAL(count_of(with.bytes, "rgb '#ffffff' linewidth 2.5"), 4);
    pe_buffer_release(&with);
    pe_buffer_release(&without);
}

static void a_large_heat_map_is_fast_through_the_pipe(void)
{
    enum { N = 512 };
    double *m = calloc(N * N, sizeof *m);
    for (size_t i = 0; i < N * N; i++)
        m[i] = cos((double)(i / N) * 0.01) * cos((double)(i % N) * 0.013);
    pe_figure *f = pe_figure_new(PE_HEATMAPS, "large", "t", NULL);
    pe_figure_add_matrix(f, &(pe_matrix_panel){.rows = N, .columns = N, .values = m});
    pe_buffer svg = {0};
    if (has_gnuplot) {
        CU_ASSERT_EQUAL(render(f, PE_SVG, &svg), PE_OK);
        CU_ASSERT(svg.size > 10000 && svg.size < 1000000);
    }
    pe_buffer_release(&svg);
    pe_figure_release(f);
    free(m);
}

static const pe_test tests[] = {
    PE_TEST(every_kind_is_drawn_in_every_format),
    PE_TEST(no_text_leaves_the_page),
    PE_TEST(hostile_names_are_shown_and_nothing_runs),
    PE_TEST(the_canary_would_have_sung),
    PE_TEST(the_saved_script_draws_the_same_picture),
    PE_TEST(heat_maps_are_crisp_and_describe_themselves),
    PE_TEST(without_gnuplot_the_script_and_the_data_stay),
    PE_TEST(every_failed_write_leaves_no_half_file),
    PE_TEST(every_failed_allocation_is_told_and_leaves_nothing),
    PE_TEST(bad_figures_are_refused_with_a_sentence),
    PE_TEST(data_files_hold_the_numbers_and_gaps_are_empty),
    PE_TEST(ascii_heat_maps_need_no_program),
    PE_TEST(an_edge_is_a_staircase_over_its_panel_with_gaps_where_it_is_missing),
    PE_TEST(a_large_heat_map_is_fast_through_the_pipe),
};

/* Without gnuplot the rest is run all the same; that pictures were not drawn is said by status 77.
 */
int main(int argc, char **argv)
{
    int major, minor;
    has_gnuplot = pe_gnuplot_version(&major, &minor, NULL) == PE_OK;
    int failed = pe_run_tests("plot: figures", tests, sizeof tests / sizeof tests[0], argc, argv);
    return failed ? failed : has_gnuplot ? 0 : 77;
}
