/* P6: tables whose every step is in a narrow format, the published failures with their numbers. */
#include "numerical_precision.h"

#include "base/memory.h"
#include "formation/formation.h"
#include "numbers/ulp.h"

#include <math.h>
#include <stdio.h>

enum { POSITIONS = 4096, BLOCK = 32 };

typedef struct narrow {
    const char *path;
    int width, positions;
} narrow;

typedef struct narrow_found {
    double cosine; /* largest cosine error, and where */
    double at_position, at_pair;
    double phase;      /* largest phase error, wrapped to [0, pi] */
    double tenth, one; /* first position with an entry off by more than 0.1, by 1 */
    double rms;        /* both columns */
    double *block;     /* (pairs, positions / BLOCK) largest entry error, or NULL */
} narrow_found;

static void count_entry(narrow_found *f, int t, int pair, double ds, double dc, double phase)
{
    const double worse = fmax(ds, dc);
    if (dc > f->cosine) {
        f->cosine = dc;
        f->at_position = t;
        f->at_pair = pair;
    }
    f->phase = fmax(f->phase, phase);
    if (worse > 0.1 && !(f->tenth <= t))
        f->tenth = t;
    if (worse > 1 && !(f->one <= t))
        f->one = t;
}

/* Against sin and cos in double, which are right to 1e-12 at these phases. */
static pe_status form(const narrow *n, double *block, narrow_found *found, pe_error *err)
{
    const int pairs = n->width / 2;
    const pe_spectrum spectrum = {10000, (size_t)pairs, (double)n->width};
    narrow_found f = {.tenth = (double)NAN, .one = (double)NAN, .block = block};
    double squares = 0;
    pe_formation path;
    pe_formed formed;
    pe_status status = pe_formation_parse(n->path, &path, err);
    if (status == PE_OK)
        status = pe_formed_make(&path, &spectrum, &formed, err);
    if (status != PE_OK)
        return status;
    for (int i = 0; i < pairs; i++)
        for (int t = 0; t < n->positions; t++) {
            const double position = t, phase = t * formed.exact_high[i];
            const double s = sin(phase), c = cos(phase);
            double sine, cosine;
            pe_formed_column(&formed, (size_t)i, 1, &position, &sine, &cosine, 1);
            const double ds = fabs(sine - s), dc = fabs(cosine - c);
            squares += ds * ds + dc * dc;
            count_entry(&f, t, i, ds, dc, pe_phase_error(sine, cosine, s, c));
            if (block) {
                double *cell = &block[i * (n->positions / BLOCK) + t / BLOCK];
                *cell = fmax(*cell, fmax(ds, dc));
            }
        }
    f.rms = sqrt(squares / (2.0 * pairs * n->positions));
    pe_formed_release(&formed);
    *found = f;
    return PE_OK;
}

static void expect(pe_section *section, const char *quantity, double value, double expected,
                   double tolerance, const char *source, const char *because)
{
    pe_check_within(section,
                    &(pe_check){.id = "P6",
                                .quantity = quantity,
                                .value = value,
                                .expected = expected,
                                .source = source,
                                .because = because},
                    tolerance);
}

/* ---- the published table ---- */

static pe_status published_table(precision_run *run, pe_section *section, pe_error *err)
{
    const narrow fp16 = {"all-fp16", 32, 2048}, bf16 = {"all-bf16", 32, 2048};
    narrow_found a, b;
    pe_status status = form(&fp16, NULL, &a, err);
    if (status == PE_OK)
        status = form(&bf16, NULL, &b, err);
    if (status != PE_OK)
        return status;
    const double w = pow(10000, -2.0 / 32);
    const double phase = pe_round_to_format(PE_FP16, pe_round_to_format(PE_FP16, 1857) *
                                                         pe_round_to_format(PE_FP16, w));
    const char *source = "EleutherAI/gpt-neox#1003 [published]";
    run->worst_table = a.cosine;
    pe_say(section,
           "A rotary table of width 32 with position, frequency, product, sine and cosine "
           "all in fp16: at position 1857 the phase of pair 1 becomes %.0f instead of %.4f, "
           "because numbers around 1024 are 1 apart in fp16. The largest cosine error below "
           "2048 is %.4f, at position %.0f, pair %.0f. In bf16 it is %.4f: any cosine can "
           "come out as any other.",
           phase, 1857 * w, a.cosine, a.at_position, a.at_pair, b.cosine);
    expect(section, "fp16, width 32: largest cosine error below 2048", a.cosine, 0.7819, 1e-4,
           source, NULL);
    expect(section, "fp16, width 32: position of that error", a.at_position, 2008, 0,
           "METRICS.md 3.5 [computed here]", NULL);
    expect(section, "fp16, width 32: pair of that error", a.at_pair, 1, 0,
           "METRICS.md 3.5 [computed here]", NULL);
    expect(section, "fp16 phase of position 1857, pair 1", phase, 1045, 0, source, NULL);
    expect(section, "bf16, width 32: largest cosine error below 2048", b.cosine, 1.9968, 1e-4,
           "METRICS.md 3.5 [computed here]", NULL);
    return PE_OK;
}

/* ---- first bad positions ---- */

static pe_status first_bad(pe_section *section, pe_error *err)
{
    static const struct {
        int width;
        double tenth_bf16, tenth_fp16;
    } rows[] = {{64, 58, 243}, {128, 40, 196}, {256, 38, 196}, {512, 38, 196}};
    const pe_sheet_column columns[] = {{"width", "columns", 0, 4},
                                       {"bf16: first off by > 0.1", "position", 0, 5},
                                       {"fp16: first off by > 0.1", "position", 0, 5}};
    pe_sheet *sheet = pe_section_table(
        section, "first_bad",
        "First position with an entry off by more than 0.1, all in the format", 3, columns);
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        char quantity[128];
        const narrow bf16 = {"all-bf16", rows[r].width, 512};
        const narrow fp16 = {"all-fp16", rows[r].width, 512};
        narrow_found by_bf16, by_fp16;
        pe_status status = form(&bf16, NULL, &by_bf16, err);
        if (status == PE_OK)
            status = form(&fp16, NULL, &by_fp16, err);
        if (status != PE_OK)
            return status;
        const double b = by_bf16.tenth, f = by_fp16.tenth;
        pe_sheet_number(sheet, rows[r].width);
        pe_sheet_number(sheet, b);
        pe_sheet_number(sheet, f);
        snprintf(quantity, sizeof quantity, "width %d, bf16: first entry off by > 0.1",
                 rows[r].width);
        expect(section, quantity, b, rows[r].tenth_bf16, 0, "METRICS.md 3.5 [computed here]", NULL);
        snprintf(quantity, sizeof quantity, "width %d, fp16: first entry off by > 0.1",
                 rows[r].width);
        expect(section, quantity, f, rows[r].tenth_fp16, 0, "METRICS.md 3.5 [computed here]", NULL);
    }
    return PE_OK;
}

static pe_status heat_maps(pe_section *section, pe_error *err)
{
    enum { PAIRS = 64, BLOCKS = POSITIONS / BLOCK };
    static const pe_format formats[] = {PE_FP16, PE_BF16};
    static const char *const all_in[] = {"all-fp16", "all-bf16"};
    static const double one[] = {2049, 271}, rms[] = {0.132, 0.414};
    narrow_found found[2];
    double *block[2];
    char title[300], quantity[128];
    pe_status status = PE_OK;
    for (int f = 0; f < 2; f++) {
        const narrow n = {all_in[f], 2 * PAIRS, POSITIONS};
        block[f] = pe_allocate(PAIRS * BLOCKS, sizeof *block[f], "heat map", err);
        if (!block[f]) {
            status = PE_MEMORY;
            continue;
        }
        status = form(&n, block[f], &found[f], err);
        if (status != PE_OK)
            continue;
        snprintf(quantity, sizeof quantity, "width 128, %s: first entry off by > 1",
                 pe_format_name(formats[f]));
        expect(section, quantity, found[f].one, one[f], 0, "METRICS.md 3.5 [computed here]", NULL);
        snprintf(quantity, sizeof quantity, "width 128, %s: RMS error below 4096",
                 pe_format_name(formats[f]));
        expect(section, quantity, found[f].rms, rms[f], 5e-4, "METRICS.md 3.5 [computed here]",
               "the source gives three digits; random phases would give 1");
    }
    if (status == PE_OK) {
        snprintf(
            title, sizeof title,
            "All in bf16, an entry is off by more than 0.1 first at position %.0f, all in fp16 at "
            "%.0f; RMS below 4096: %.2f and %.2f",
            found[1].tenth, found[0].tenth, found[1].rms, found[0].rms);
        pe_figure *figure = pe_figure_new(PE_HEATMAPS, "narrow_tables", title, err);
        pe_figure_x(figure, "position (tokens)", PE_LINEAR);
        pe_figure_y(figure, "pair (0 is the fastest)", PE_LINEAR);
        pe_figure_colours(figure, PE_AMOUNTS, "largest entry error", PE_LINEAR);
        pe_figure_colour_range(figure, 0, 2);
        for (int f = 0; f < 2; f++)
            pe_figure_add_matrix(figure, &(pe_matrix_panel){.title = pe_format_name(formats[f]),
                                                            .rows = PAIRS,
                                                            .columns = BLOCKS,
                                                            .values = block[f],
                                                            .dx = BLOCK,
                                                            .dy = 1});
        pe_figure_describe(
            figure,
            "Two heat maps, fp16 and bf16: error by position and pair. It is large "
            "for fast pairs and far positions.",
            "Width 128, base 10000; each cell is the largest error of 32 positions.");
        pe_section_figure(section, figure);
    }
    pe_release(block[0]);
    pe_release(block[1]);
    return status;
}

/* ---- other people's reports ---- */

static pe_status frequencies_alone(pe_section *section, pe_error *err)
{
    static const struct {
        int positions;
        double expected, fixed;
    } rows[] = {{512, 0.6248, 2.72e-3}, {2048, 2.5039, 2.75e-3}, {4096, 3.1415, 2.79e-3}};
    const char *source = "Modalities/modalities#462 [published]";
    double straight = 0;
    for (size_t r = 0; r < 3; r++) {
        char quantity[160];
        const narrow broken = {"position=fp32,frequency=pow:fp32:bf16,angle=fp32,sine=fp32,"
                               "store=bf16",
                               128, rows[r].positions};
        const narrow mended = {"position=fp32,frequency=pow:fp32,angle=fp32,sine=fp32,store=bf16",
                               128, rows[r].positions};
        narrow_found bad, fixed;
        pe_status status = form(&broken, NULL, &bad, err);
        if (status == PE_OK)
            status = form(&mended, NULL, &fixed, err);
        if (status != PE_OK)
            return status;
        snprintf(quantity, sizeof quantity, "frequencies and table in bf16: phase error below %d",
                 rows[r].positions);
        expect(section, quantity, bad.phase, rows[r].expected, 1e-4, source,
               r == 2 ? "wrapped: half a turn is the most there can be" : NULL);
        snprintf(quantity, sizeof quantity, "only the table in bf16: phase error below %d",
                 rows[r].positions);
        expect(section, quantity, fixed.phase, rows[r].fixed, 1e-5, source, NULL);
    }
    for (int i = 0; i < 64; i++) {
        const double w = pow(10000, -2.0 * i / 128);
        straight = fmax(straight, 4096 * fabs(pe_round_to_format(PE_BF16, w) - w));
    }
    expect(section, "bf16 frequencies: phase error at 4096, not wrapped", straight, 5.0, 0.05,
           "FIELD.md 3, bug 6 [measured]", NULL);
    return PE_OK;
}

/* Distinct values and largest error of slope * position when slope, position and product are bf16.
 */
static void linear_bias(pe_section *section, int heads, double expected)
{
    double worst = 0, levels = 0;
    for (int h = 0; h < heads; h++) {
        const int power =
            heads == 12 ? 8 : heads; /* the published rule for 12 heads: 8, then odd */
        const double exponent =
            h < power ? 8.0 * (h + 1) / power : 4.0 * (2 * (h - power) + 1) / power;
        const double slope = exp2(-exponent), stored = pe_round_to_format(PE_BF16, slope);
        double last = (double)NAN, count = 0;
        for (int t = 0; t < 4096; t++) {
            const double bias =
                pe_round_to_format(PE_BF16, stored * pe_round_to_format(PE_BF16, t));
            worst = fmax(worst, fabs(bias - slope * t));
            count += bias != last;
            last = bias;
        }
        levels = h == 0 ? count : levels;
    }
    char quantity[128];
    snprintf(quantity, sizeof quantity, "linear bias in bf16, %d heads, 4096 keys: largest error",
             heads);
    const char *source = "NVIDIA/TensorRT-Model-Connect#667, recomputed in PRECISION_BUGS.md";
    expect(section, quantity, worst, expected, 0.05, source, "the source gives one decimal");
    if (heads == 8)
        expect(section, "linear bias in bf16, first head, 4096 keys: distinct values", levels, 769,
               0, source, NULL);
}

static double distinct(pe_format format, int from, int count)
{
    double last = (double)NAN, found = 0;
    for (int t = from; t < from + count; t++) {
        const double x = pe_round_to_format(format, t);
        found += x != last;
        last = x;
    }
    return found;
}

/* Distance from the format's number at x to the next larger one. */
static double spacing(pe_format format, double x)
{
    return pe_ulp(format, x, 0);
}

static void single_roundings(pe_section *section)
{
    const double angle = 0.1032;
    expect(section, "position 257 in bf16", pe_round_to_format(PE_BF16, 257), 256, 0,
           "EleutherAI/gpt-neox#1016 [published]", NULL);
    expect(section, "cos 0.1032 in bf16", pe_round_to_format(PE_BF16, cos(angle)), 0.9961, 5e-5,
           "huggingface/transformers#25681 [published]", NULL);
    expect(section, "cos 0.1032 in fp16", pe_round_to_format(PE_FP16, cos(angle)), 0.9946, 5e-5,
           "huggingface/transformers#25681 [published]", NULL);
    expect(section, "distinct positions of 65536 + 0 .. 511 in bf16", distinct(PE_BF16, 65536, 512),
           2, 0, "huggingface/diffusers#13920, recomputed in PRECISION_BUGS.md",
           "the report says that all are equal; there are two values");
    expect(section, "distinct positions of 0 .. 32767 in fp16", distinct(PE_FP16, 0, 32768), 6145,
           0, "NVIDIA/Megatron-LM#535, recomputed in PRECISION_BUGS.md", NULL);
    expect(section, "spacing of fp16 at 32767", spacing(PE_FP16, 32767), 16, 0,
           "NVIDIA/Megatron-LM#535, recomputed in PRECISION_BUGS.md",
           "the report blames the range of fp16; it is the spacing");
    expect(section, "position 4098 in fp16", pe_round_to_format(PE_FP16, 4098), 4096, 0,
           "openvinotoolkit/openvino#33214 [published]", NULL);
    expect(section, "position 4102 in fp16", pe_round_to_format(PE_FP16, 4102), 4104, 0,
           "openvinotoolkit/openvino#33214 [published]", NULL);
    expect(section, "position 2851 in fp16", pe_round_to_format(PE_FP16, 2851), 2852, 0,
           "openvinotoolkit/openvino#36896, recomputed in PRECISION_BUGS.md",
           "a tie: the report's 2850 would be truncation");
    expect(section, "position 15962 in bf16", pe_round_to_format(PE_BF16, 15962), 15936, 0,
           "huggingface/candle#3520, recomputed in PRECISION_BUGS.md", NULL);
    expect(section, "spacing of bf16 at 15962", spacing(PE_BF16, 15962), 64, 0,
           "huggingface/candle#3520, recomputed in PRECISION_BUGS.md",
           "the report says 16, and that cos 15962 = -0.547: it is -0.908");
    expect(section, "cos of position 15962 held in bf16", cos(15936), -0.2680, 5e-5,
           "METRICS.md 3.5 [computed here]", NULL);
    expect(section, "position 2049 in tf32", pe_round_to_format(PE_TF32, 2049), 2048, 0,
           "huggingface/transformers#48428 [published]", NULL);
}

pe_status precision_narrow(precision_run *run, pe_error *err)
{
    pe_section *section =
        pe_result_section(run->result, "Tables formed in a narrow format (P6), and other reports");
    pe_status status = published_table(run, section, err);
    if (status == PE_OK)
        status = pe_lab_step(run->lab, "tables in narrow formats", 0.27, err);
    if (status == PE_OK)
        status = first_bad(section, err);
    if (status == PE_OK)
        status = heat_maps(section, err);
    if (status != PE_OK)
        return status;
    pe_say(section,
           "The verdicts below recompute public bug reports: each value is this run's, the "
           "expected one the report's, or, where the report is wrong, the recomputed one. "
           "Two things come up again and again: a frequency rounded to bf16 (a phase error "
           "that grows with position, up to half a turn), and a position rounded to bf16 or "
           "fp16 (steps).");
    status = frequencies_alone(section, err);
    if (status != PE_OK)
        return status;
    linear_bias(section, 8, 4.0);
    linear_bias(section, 12, 13.5);
    linear_bias(section, 32, 18.3);
    single_roundings(section);
    const pe_checkable numbers[] = {
        {"spacing_at_15962", spacing(PE_BF16, 15962), 0},
        {"cosine_of_stored_position", cos(pe_round_to_format(PE_BF16, 15962)), 1e-3}};
    pe_section_exercise(section,
                        "A report says: position 15962 in bf16 lands on a grid of step 16, and its "
                        "cosine is -0.547. Check both. What is the spacing of bf16 there, and what "
                        "is the cosine of the position that bf16 really stores?",
                        "bf16 has 8 significant digits, and 15962 lies in [8192, 16384).", 2,
                        numbers);
    return pe_lab_step(run->lab, "published reports", 0.29, err);
}
