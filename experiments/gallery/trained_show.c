/* The page on training: would the loss have shown it? */
#include "gallery/trained.h"
#include "show.h"

#include "base/memory.h"
#include "lab/training.h"
#include "lab/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = PE_FIGURE_NAMES, NAME = 64, LIST = 1200, GUESSED = 16 }; /* symbols to guess from */

typedef struct board {
    pe_course course;
    size_t count;
    const pe_trained_pair *row[ROWS];
    char name[ROWS][NAME]; /* "pairing", or "batch_axis, left neighbour" */
} board;

static void name_pair(const pe_trained_pair *pair, char name[NAME])
{
    if (pair->kind == PE_TRAINED_TEXT)
        snprintf(name, NAME, "%s", pair->exhibit->id);
    else
        snprintf(name, NAME, "%s, %s", pair->exhibit->id, pe_trained_kind_text(pair->kind));
}

/* ---- figures ---- */

typedef enum view { NEAR, FAR, LOADED } view;

static const pe_paired *paired_of(const pe_trained_pair *pair, view v)
{
    return v == NEAR ? &pair->near : v == FAR ? &pair->far : &pair->loaded;
}

static int by_difference(const void *a, const void *b, view v)
{
    const pe_trained_pair *const *x = a, *const *y = b;
    const double one = paired_of(*x, v)->difference.centre;
    const double other = paired_of(*y, v)->difference.centre;
    const int order = (one < other) - (one > other);
    return order ? order : strcmp((*x)->exhibit->id, (*y)->exhibit->id);
}

static int by_near(const void *a, const void *b)
{
    return by_difference(a, b, NEAR);
}

static int by_far(const void *a, const void *b)
{
    return by_difference(a, b, FAR);
}

static int by_loaded(const void *a, const void *b)
{
    return by_difference(a, b, LOADED);
}

/* The largest difference first. */
static void sort_board(board *b, view v)
{
    static int (*const orders[])(const void *, const void *) = {by_near, by_far, by_loaded};
    qsort(b->row, b->count, sizeof b->row[0], orders[v]);
    for (size_t i = 0; i < b->count; i++)
        name_pair(b->row[i], b->name[i]);
}

enum { WITHIN, BEYOND }; /* colours */

static void add_bars(const board *b, view v, pe_figure *figure)
{
    double y[ROWS], low[ROWS], high[ROWS];
    for (size_t i = 0; i < b->count; i++) {
        const pe_interval *d = &paired_of(b->row[i], v)->difference;
        y[i] = d->centre;
        low[i] = d->low;
        high[i] = d->high;
    }
    pe_figure_add_series(
        figure,
        &(pe_series){.name = "bug - twin", .n = b->count, .y = y, .low = low, .high = high});
}

static void draw(const board *b, pe_section *section, view v, pe_figure *figure)
{
    static const char *const axes[] = {
        "loss with the bug minus loss of the twin, L tokens (nats)",
        "loss with the bug minus loss of the twin, 4L tokens (nats)",
        "loss of the twin's weights with the bug minus its own, L tokens (nats)"};
    const char *names[ROWS];
    size_t colour[ROWS];
    for (size_t i = 0; i < b->count; i++) {
        names[i] = b->name[i];
        colour[i] = paired_of(b->row[i], v)->beyond ? BEYOND : WITHIN;
    }
    pe_figure_x(figure, axes[v], PE_LINEAR);
    pe_figure_categories(figure, b->count, names, colour);
    add_bars(b, v, figure);
    pe_figure_describe(
        figure,
        "Bars for each exhibit, the largest first: mean difference of the two losses over the "
        "seeds, with its interval.",
        "Pairs of the same seed; whiskers are 95 % intervals by Student's t. Orange: beyond the "
        "band, which is to say longer than the twin's losses differ among seeds, with a whisker "
        "that does not reach 0. Blue: within it.");
    pe_section_figure(section, figure);
}

static size_t count_beyond(const board *b, view v)
{
    size_t n = 0;
    for (size_t i = 0; i < b->count; i++)
        n += paired_of(b->row[i], v)->beyond;
    return n;
}

static void draw_near(board *b, pe_section *section, pe_error *err)
{
    sort_board(b, NEAR);
    draw(b, section, NEAR,
         pe_figure_titled(PE_BARS_GROUPED, "loss_differences", err,
                          "The loss shows %zu of %zu: %s costs most, %.2g nats; the median bug "
                          "costs %.2g",
                          count_beyond(b, NEAR), b->count, b->name[0],
                          b->row[0]->near.difference.centre,
                          b->row[b->count / 2]->near.difference.centre));
}

static void draw_far(board *b, pe_section *section, pe_error *err)
{
    size_t better = 0;
    for (size_t i = 0; i < b->count; i++)
        better += b->row[i]->far.beyond && b->row[i]->far.difference.centre < 0;
    sort_board(b, FAR);
    draw(b, section, FAR,
         pe_figure_titled(PE_BARS_GROUPED, "extrapolation_differences", err,
                          "On sequences of %lld tokens, trained on %lld, %zu of %zu bugs are "
                          "beyond the band: %zu better than their twins, %zu worse",
                          (long long)b->course.far, (long long)b->course.length,
                          count_beyond(b, FAR), b->count, better, count_beyond(b, FAR) - better));
}

/* Of those that the loss of training does not show. */
static size_t count_only_loaded(const board *b)
{
    size_t n = 0;
    for (size_t i = 0; i < b->count; i++)
        n += b->row[i]->loaded.beyond && !b->row[i]->near.beyond;
    return n;
}

static void draw_loaded(board *b, pe_section *section, pe_error *err)
{
    pe_say(section,
           "The other way to meet a bug: weights that were trained with the right code are loaded "
           "into the wrong one. The same %lld-token sequences, the twin's weights, nothing "
           "trained anew. %zu of the %zu bugs that a loss of training does not show are shown by "
           "this.",
           (long long)b->course.length, count_only_loaded(b), b->count - count_beyond(b, NEAR));
    sort_board(b, LOADED);
    draw(b, section, LOADED,
         pe_figure_titled(PE_BARS_GROUPED, "loaded_differences", err,
                          "Right weights in the wrong code: %zu of %zu are beyond the band, %s "
                          "costs most, %.2g nats",
                          count_beyond(b, LOADED), b->count, b->name[0],
                          b->row[0]->loaded.difference.centre));
}

/* ---- tables ---- */

/* Of one view; the verdict stands in the first. */
static void fill_table(board *b, pe_section *section, view v)
{
    static const char *const ids[] = {"losses", "losses_far", "losses_loaded"};
    static const char *const captions[] = {"Held-out loss of L tokens, in nats",
                                           "The same of sequences of 4L tokens, in nats",
                                           "The twin's weights with the bug, L tokens, in nats"};
    const pe_sheet_column columns[] = {
        {"exhibit", NULL, 1, 0},    {"task", NULL, 1, 0},
        {"twin", NULL, 0, 4},       {v == LOADED ? "with the bug" : "bug", NULL, 0, 4},
        {"difference", NULL, 0, 2}, {"low", NULL, 0, 2},
        {"high", NULL, 0, 2},       {"band", NULL, 0, 2},
        {"shown by", NULL, 1, 0}};
    const size_t count = sizeof columns / sizeof columns[0] - (v != NEAR);
    pe_sheet *sheet = pe_section_table(section, ids[v], captions[v], count, columns);
    sort_board(b, v);
    for (size_t i = 0; i < b->count; i++) {
        const pe_paired *p = paired_of(b->row[i], v);
        pe_sheet_text(sheet, b->row[i]->exhibit->id);
        pe_sheet_text(sheet, pe_trained_kind_text(b->row[i]->kind));
        pe_sheet_number(sheet, p->twin_mean);
        pe_sheet_number(sheet, p->bug_mean);
        pe_sheet_number(sheet, p->difference.centre);
        pe_sheet_number(sheet, p->difference.low);
        pe_sheet_number(sheet, p->difference.high);
        pe_sheet_number(sheet, p->band);
        if (v == NEAR)
            pe_sheet_text(sheet, pe_shown_text(b->row[i]->shown));
    }
}

static void fill_choice(pe_section *section, bool trained)
{
    const pe_sheet_column columns[] = {
        {"exhibit", NULL, 1, 0},
        {"what is wrong", NULL, 1, 0},
        {trained ? "chosen because" : "not trained, because", NULL, 1, 0}};
    pe_sheet *sheet =
        pe_section_table(section, trained ? "chosen" : "not_trained",
                         trained ? "Which ones, and why" : "Which ones not", 3, columns);
    for (size_t i = 0; pe_gallery_at(i); i++) {
        const pe_exhibit *e = pe_gallery_at(i);
        if (!e->trained == trained)
            continue;
        pe_sheet_text(sheet, e->id);
        pe_sheet_text(sheet, e->title);
        pe_sheet_text(sheet, e->why);
    }
}

/* ---- sentences ---- */

/* "pairing (+0.01), t5_sign (-0.02)", as many as there are. */
static size_t list_shown(const board *b, pe_shown shown, char list[LIST])
{
    size_t n = 0, used = 0;
    list[0] = '\0';
    for (size_t i = 0; i < b->count; i++) {
        if (b->row[i]->shown != shown)
            continue;
        const pe_paired *p = paired_of(b->row[i], shown == PE_SHOWN_FAR ? FAR : NEAR);
        if (used < LIST)
            used += (size_t)snprintf(list + used, LIST - used, "%s%s (%+.2g)", n ? ", " : "",
                                     b->name[i], p->difference.centre);
        n++;
    }
    return n;
}

static void say_shown(const board *b, pe_section *section, pe_shown shown)
{
    static const char *const beginnings[PE_SHOWN_COUNT] = {"The loss would have shown",
                                                           "Only longer sequences would have shown",
                                                           "Neither would have shown"};
    char list[LIST];
    const size_t n = list_shown(b, shown, list);
    if (n)
        pe_say(section, "%s %zu of %zu: %s.", beginnings[shown], n, b->count, list);
}

/* Of the bugs that training does not show, those that a test of a property finds. */
static void say_claims(const board *b, pe_section *section)
{
    size_t silent = 0, broken = 0;
    for (size_t i = 0; i < b->count; i++)
        if (b->row[i]->shown == PE_SHOWN_BY_NONE) {
            silent++;
            broken += b->row[i]->exhibit->breaks != 0;
        }
    pe_say(section,
           "Of the %zu that neither shows, a check of properties finds %zu: they break a claim of "
           "their twin. A bug with which a model trains as well is still a "
           "bug for everybody who loads its weights into the right code.",
           silent, broken);
}

/* A bug may train better than what it was meant to be. */
static void say_better(const board *b, pe_section *section)
{
    char list[LIST] = "none";
    size_t n = 0, used = 0;
    for (size_t i = 0; i < b->count; i++)
        if (b->row[i]->near.beyond && b->row[i]->near.difference.centre < 0 && used < LIST) {
            used += (size_t)snprintf(list + used, LIST - used, "%s%s", n ? ", " : "", b->name[i]);
            n++;
        }
    pe_say(section,
           "A difference below 0 means that the bug trains better than its twin. Beyond the band: "
           "%s.",
           list);
}

static void say_left(const board *all, pe_section *section)
{
    for (size_t i = 0; i < all->count; i++) {
        const pe_trained_pair *p = all->row[i];
        if (p->kind == PE_TRAINED_LEFT)
            pe_say(section,
                   "Left neighbour, without a mask: %s ends at %.3g nats and its twin at %.3g "
                   "(guessing: %.3g).",
                   p->exhibit->id, p->near.bug_mean, p->near.twin_mean, log(GUESSED));
    }
}

/* Which way the differences at 4L go. */
static void say_far(const board *b, pe_section *section)
{
    size_t better = 0, worse = 0;
    double lost = 0;
    for (size_t i = 0; i < b->count; i++) {
        const pe_paired *far = &b->row[i]->far;
        better += far->beyond && far->difference.centre < 0;
        worse += far->beyond && far->difference.centre > 0;
        lost = fmax(lost, far->twin_mean - b->row[i]->near.twin_mean);
    }
    pe_say(section,
           "The same models on sequences of %lld tokens. Here %zu bugs are better than their twins "
           "beyond the band, and %zu are worse. What is meant to be right loses up to %.2g nats "
           "itself when it is asked further than it was trained, and a bug that takes positions "
           "away takes that loss away, too: better there is no sign of being right.",
           (long long)b->course.far, better, worse, lost);
}

static void say_how(const board *b, pe_section *section)
{
    const pe_course *c = &b->course;
    pe_say(section,
           "Two models for each exhibit: one has the bug, one its right twin. Both are decoders of "
           "%d layer%s, width %d and %d heads (or as many as the exhibit asks for), trained for "
           "%lld steps of %d sequences of $L = %lld$ bytes of real text, in float, with %d seeds: "
           "a seed decides initial weights and data, and is the same for both. Held-out losses are "
           "of the same sequences for all, of $L$ tokens and of $4L$. Angles in low precision are "
           "trained at the positions at which they show, a window deep in a long text.",
           c->layers, c->layers == 1 ? "" : "s", c->width, c->heads, (long long)c->steps, c->batch,
           (long long)c->length, c->seeds);
    pe_say(section,
           "Where it shows more, a second pair learns to name the left neighbour, with every token "
           "seeing every other one: without positions that cannot be done. The figures are about "
           "text; the tables have both.");
    pe_section_formula(section,
                       "\\delta = \\frac{1}{n} \\sum_{s=1}^{n} (\\ell^{bug}_s - \\ell^{twin}_s) "
                       "\\pm t_{n-1} \\frac{\\sigma}{\\sqrt{n}}",
                       "$\\ell_s$ the loss with seed $s$, $n$ seeds, $\\sigma$ the deviation of "
                       "the differences, $t$ the 97.5 % quantile of Student's distribution. Shown: "
                       "$|\\delta|$ is larger than the range of $\\ell^{twin}_s$, and the interval "
                       "does not hold 0.");
}

/* ---- judgement ---- */

/* The record says that attention is the same: softmax does not see the bug. */
static bool has_same_attention(const pe_exhibit *e)
{
    for (int f = 0; f < e->figure_count; f++)
        if (e->figure[f].what == PE_MEASURED_ATTENTION && !(e->figure[f].reported > 0))
            return true;
    return false;
}

static void judge_pairs(const board *b, pe_section *section)
{
    for (size_t i = 0; i < b->count; i++) {
        const pe_trained_pair *p = b->row[i];
        pe_verdict v = pe_verdict_blank();
        char quantity[96], because[64];
        snprintf(quantity, sizeof quantity, "held-out loss, bug - twin, %s",
                 pe_trained_kind_text(p->kind));
        v.id = p->exhibit->id;
        v.quantity = quantity;
        v.unit = "nats";
        v.value = p->near.difference.centre;
        v.ci_low = p->near.difference.low;
        v.ci_high = p->near.difference.high;
        snprintf(because, sizeof because, "what shows it: %s", pe_shown_text(p->shown));
        v.because = because;
        pe_section_verdict(section, &v);
        if (p->kind == PE_TRAINED_TEXT && has_same_attention(p->exhibit))
            pe_require(section, p->exhibit->id, NULL, "difference that attention cannot have",
                       p->near.difference.centre, !p->near.beyond && !p->far.beyond,
                       "within the band of seeds: softmax does not see a constant",
                       "softmax(x + c) = softmax(x)");
    }
}

static void judge_choice(pe_section *section)
{
    size_t trained = 0, all = 0;
    unsigned families = 0;
    for (; pe_gallery_at(all); all++) {
        trained += pe_gallery_at(all)->trained != 0;
        if (pe_gallery_at(all)->trained)
            families |= 1u << pe_gallery_at(all)->family;
    }
    pe_require(section, "gallery", NULL, "exhibits that are trained", (double)trained,
               2 * trained > all, "more than half of them", "variants/gallery/exhibits_*.c");
    pe_require(section, "gallery", NULL, "families among them", __builtin_popcount(families),
               families == (1u << PE_BUGS_FAMILIES) - 1, "all five",
               "variants/gallery/exhibits_*.c");
}

/* ---- the page ---- */

static void state_finding(const board *b, pe_result *result)
{
    size_t n[PE_SHOWN_COUNT] = {0};
    char text[400];
    for (size_t i = 0; i < b->count; i++)
        n[b->row[i]->shown]++;
    snprintf(
        text, sizeof text,
        "Of %zu bugs that a model of text was trained with, its held-out loss shows %zu beyond "
        "the band of %d seeds, only sequences four times as long show %zu, and neither shows "
        "%zu. Right weights loaded into the wrong code show %zu more than that loss.",
        b->count, n[PE_SHOWN_BY_LOSS], b->course.seeds, n[PE_SHOWN_FAR], n[PE_SHOWN_BY_NONE],
        count_only_loaded(b));
    pe_result_finding(result, text);
}

static void show_losses(board *text, board *all, pe_result *result, pe_error *err)
{
    pe_section *section = pe_result_section(result, "Would the loss have shown it?");
    say_how(text, section);
    draw_near(text, section, err);
    for (int shown = 0; shown < PE_SHOWN_COUNT; shown++)
        say_shown(text, section, (pe_shown)shown);
    say_better(text, section);
    say_claims(text, section);
    say_left(all, section);
    fill_table(all, section, NEAR);
    section = pe_result_section(result, "Trained short, tested long");
    say_far(text, section);
    draw_far(text, section, err);
    fill_table(all, section, FAR);
    section = pe_result_section(result, "Trained right, loaded wrong");
    draw_loaded(text, section, err);
    fill_table(all, section, LOADED);
    section = pe_result_section(result, "All pairs");
    sort_board(all, NEAR);
    judge_pairs(all, section);
}

static void state_course(const pe_course *course, pe_result *result)
{
    const struct {
        const char *name, *meaning;
        int64_t value;
    } rows[] = {{"L", "tokens of a trained sequence", course->length},
                {"4L", "tokens of the longer ones", course->far},
                {"seeds", "trainings of each model", course->seeds}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char value[32];
        snprintf(value, sizeof value, "%lld", (long long)rows[i].value);
        pe_result_parameter(result, rows[i].name, value, rows[i].meaning);
    }
}

static void show_choice(size_t n, const pe_trained_pair *pairs, pe_result *result)
{
    pe_section *section = pe_result_section(result, "Which exhibits were trained");
    fill_choice(section, true);
    fill_choice(section, false);
    for (size_t i = 0; i < n; i++)
        if (pairs[i].declined)
            pe_section_not_applicable(section, pairs[i].exhibit->id, pairs[i].because);
    judge_choice(section);
    pe_section_try(section, "Train a pair, with more seeds", 5,
                   (const char *const[]){"gallery", "train", pairs->exhibit->id, "--seeds", "5"});
}

/* Those that were trained, on these kinds of tasks. */
static board board_of(const pe_course *course, size_t n, const pe_trained_pair *pairs,
                      unsigned kinds)
{
    board b = {.course = *course};
    for (size_t i = 0; i < n; i++)
        if (!pairs[i].declined && (pairs[i].kind & kinds) && b.count < ROWS)
            b.row[b.count++] = &pairs[i];
    return b;
}

static void show(const pe_course *course, size_t n, const pe_trained_pair *pairs, pe_result *result,
                 pe_error *err)
{
    board all = board_of(course, n, pairs, PE_TRAINED_TEXT | PE_TRAINED_LEFT);
    board text = board_of(course, n, pairs, PE_TRAINED_TEXT);
    state_course(course, result);
    if (text.count > 0)
        show_losses(&text, &all, result, err);
    show_choice(n, pairs, result);
    state_finding(&text, result);
}

pe_status pe_gallery_training_page(pe_lab *lab, pe_result *result, pe_error *err)
{
    const pe_exhibit *list[GALLERY_MOST];
    const pe_course course = pe_gallery_course(lab);
    size_t exhibits = 0;
    for (; pe_gallery_at(exhibits); exhibits++)
        list[exhibits] = pe_gallery_at(exhibits);
    const size_t n = pe_gallery_pairs(exhibits, list);
    pe_trained_pair *pairs = pe_allocate(n, sizeof *pairs, "trained pairs", err);
    if (!pairs)
        return PE_MEMORY;
    const pe_status status = pe_gallery_train(lab, &course, exhibits, list, pairs, err);
    if (status == PE_OK)
        show(&course, n, pairs, result, err);
    pe_release(pairs);
    return status;
}
