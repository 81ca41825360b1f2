/* P2 for the choices of an option called `path`: one line and a few verdicts for each. */
#include "numerical_precision_growth.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Published figures of METRICS.md 3.2 hold for width 128 and base 10000. */
void growth_judge_published(pe_section *section, const pe_subject *subject,
                            const pe_instance *instance, const char *path, const growth *g,
                            bool quick)
{
    static const double at[] = {512, 4096, 32768, 131072};
    static const double powf_error[] = {2.85e-5, 2.39e-4, 1.92e-3, 7.72e-3};
    const bool exact = path && strcmp(path, "exact") == 0;
    double base;
    if (!precision_option(instance, "base", &base) || base != 10000 ||
        instance->info.embed_width != 128)
        return;
    for (size_t i = 0; i < 4; i++) {
        char quantity[128];
        if (isnan(growth_below(g, at[i])))
            continue;
        snprintf(quantity, sizeof quantity, "largest float error below %.0f%s%s", at[i],
                 path ? ", path " : "", path ? path : "");
        pe_check check = {.id = "P2",
                          .variant = subject->name,
                          .quantity = quantity,
                          .value = growth_below(g, at[i]),
                          .expected = exact ? 0x1p-25 : powf_error[i],
                          .source = "METRICS.md 3.2 [computed here]"};
        if (quick) {
            check.because = "a quick run looks at too few positions to find the largest error";
            pe_check_info(section, &check);
        } else
            pe_check_factor(section, &check, 2);
    }
}

const char *growth_path_choices(const pe_instance *instance)
{
    for (int i = 0; i < instance->variant->option_count; i++)
        if (strcmp(instance->variant->options[i].name, "path") == 0 &&
            instance->variant->options[i].kind == PE_CHOICE)
            return instance->variant->options[i].choices;
    return NULL;
}

enum { MOST_CHOICES = 8, NAME = 64 };

typedef struct choices {
    size_t count;
    char name[MOST_CHOICES][NAME];
    growth g[MOST_CHOICES];
} choices;

static pe_status measure_choice(precision_run *run, pe_section *section, const pe_subject *subject,
                                const char *name, growth *g, pe_error *err)
{
    pe_instance *instance = NULL;
    pe_status status = precision_with(subject, &subject->instance->dims, run->lab->size.seed,
                                      "path", name, &instance, err);
    if (status == PE_OK)
        status = growth_measure(run->lab, instance, PRECISION_CODES, g, err);
    if (status == PE_OK)
        growth_judge_published(section, subject, instance, name, g, run->lab->size.quick);
    pe_instance_release(instance);
    return status;
}

static void draw_choices(const precision_run *run, pe_section *section, const pe_subject *subject,
                         const choices *c, pe_error *err)
{
    char title[300], id[64];
    size_t used;
    snprintf(id, sizeof id, "paths_%d", (int)(subject - run->lab->subjects));
    used = (size_t)snprintf(title, sizeof title, "%s, float, below %.0f positions: off by up to",
                            subject->title, c->g[0].limit + 1);
    for (size_t i = 0; i < c->count && used < sizeof title; i++)
        used += (size_t)snprintf(title + used, sizeof title - used, "%s %.2g with %s", i ? "," : "",
                                 c->g[i].float_error[c->g[i].octaves - 1], c->name[i]);
    pe_figure *figure = pe_figure_new(PE_CURVES, id, title, err);
    pe_figure_x(figure, "positions below L (tokens)", PE_LOG2);
    pe_figure_y(figure, "largest error of a code entry, float", PE_LOG10);
    for (size_t i = 0; i < c->count; i++)
        pe_figure_add_series(figure, &(pe_series){.name = c->name[i],
                                                  .slot = i,
                                                  .n = (size_t)c->g[i].octaves,
                                                  .x = c->g[i].L,
                                                  .y = c->g[i].float_error});
    pe_figure_describe(figure,
                       "Largest float error of a code entry against the number of positions "
                       "on logarithmic axes, one line per way of forming the sinusoid.",
                       "The error is the largest so far, over all columns and over the positions "
                       "sampled below L, against the quad build.");
    pe_section_figure(section, figure);
}

static void describe_choices(pe_section *section, const pe_subject *subject, const choices *c)
{
    double least = HUGE_VAL, most = 0, flat = 0;
    size_t growing = 0;
    for (size_t i = 0; i < c->count; i++) {
        const double last = c->g[i].float_error[c->g[i].octaves - 1];
        if (c->g[i].kind == GROWTH_FLAT)
            flat = fmax(flat, last);
        else {
            growing++;
            least = fmin(least, last);
            most = fmax(most, last);
        }
    }
    if (growing == 0 || growing == c->count)
        return;
    pe_say(section,
           "%s can form its table in %zu ways (option path). The errors of %zu grow with the "
           "position, and differ among themselves by a factor of %.2f at the end: the rounding of "
           "the phase hides that of the frequency. The others stay at %.2g.",
           subject->title, c->count, growing, most / least, flat);
}

pe_status growth_show_paths(precision_run *run, pe_section *section, const pe_subject *subject,
                            pe_error *err)
{
    choices *c = pe_allocate(1, sizeof *c, "choices of a path", err);
    pe_status status = c ? PE_OK : PE_MEMORY;
    const char *at = growth_path_choices(subject->instance);
    while (status == PE_OK && at && c->count < MOST_CHOICES) {
        char *name = c->name[c->count];
        snprintf(name, NAME, "%.*s", (int)strcspn(at, "|"), at);
        at = strchr(at, '|');
        at = at ? at + 1 : NULL;
        status = measure_choice(run, section, subject, name, &c->g[c->count++], err);
    }
    if (status == PE_OK && c->g[0].octaves > 0) {
        describe_choices(section, subject, c);
        draw_choices(run, section, subject, c, err);
    }
    pe_release(c);
    return status;
}
