/* setup is a pure function that says yes, or no with a sentence, to any shape and option. */
#include "conformance/report.h"

#include <string.h>

static bool ask_setup(const pe_variant *variant, const pe_dims *dims, const pe_value *opt,
                      pe_setup *s)
{
    memset(s, 0, sizeof *s); /* padding too: two answers are compared as bytes */
    s->dims = dims;
    s->opt = opt;
    s->u = PE_NONE;
    s->v = PE_NONE;
    return variant->setup(s);
}

static void check_purity(const pe_instance *instance, pe_conformance *report)
{
    pe_setup first, second;
    const bool yes = ask_setup(instance->variant, &instance->dims, instance->opt, &first);
    const bool again = ask_setup(instance->variant, &instance->dims, instance->opt, &second);
    const bool same = yes == again && memcmp(&first, &second, sizeof first) == 0;
    pe_report_add(report, same ? PE_CHECK_PASSED : PE_CHECK_FAILED, "setup: pure", "%s",
                  same ? "two calls gave the same bytes"
                       : "two calls with the same dims and options gave different answers");
}

static void check_known_flags(const pe_instance *instance, pe_conformance *report)
{
    const pe_setup *s = &instance->info;
    const unsigned flags = PE_WHOLE_COORDINATES * 2u - 1, claims = PE_CLAIM_RELATIVE_CODES * 2u - 1;
    const unsigned rows = PE_ROWS_VALUE * 2u - 1, maps = PE_MAPS(PE_ROLE_OUTPUT) * 2u - 1;
    const unsigned depends = PE_ON_RANDOM * 2u - 1;
    const pe_ops_f64 *o = instance->variant->f64;
    const char *fault = s->flags & ~flags            ? "flags has an unknown bit"
                        : s->claims & ~claims        ? "claims has an unknown bit"
                        : s->rows & ~rows            ? "rows has an unknown bit"
                        : s->maps & ~maps            ? "maps has an unknown bit"
                        : s->plan_depends & ~depends ? "plan_depends has an unknown bit"
                        : s->rows && !o->relative    ? "rows are declared without a relative hook"
                        : s->maps && !o->map         ? "maps are declared without a map hook"
                        : s->state && !o->state      ? "a state is declared without a state hook"
                        : s->plan && !o->plan        ? "a plan is declared without a plan hook"
                        : s->embed_width && !o->embed
                            ? "an embed_width is declared without an embed hook"
                            : NULL;
    pe_report_add(report, fault ? PE_CHECK_FAILED : PE_CHECK_PASSED, "setup: known bits, hooks",
                  "%s", fault ? fault : "flags, claims, rows, maps and hooks fit each other");
}

/* NULL when the answer is acceptable. */
static const char *fault_of_answer(bool yes, const pe_setup *s)
{
    if (!yes)
        return memchr(s->refusal, '\0', sizeof s->refusal) && s->refusal[0] &&
                       !strchr(s->refusal, '\n')
                   ? NULL
                   : "was refused without one sentence (use pe_refuse)";
    if (s->param_count < 0 || s->param_count > PE_MAX_PARAMS)
        return "was given a param_count outside 0 to 8";
    for (int p = 0; p < s->param_count; p++)
        if (!s->param[p].name || s->param[p].rank < 1 || s->param[p].rank > PE_MAX_RANK)
            return "was given a parameter without a name or of impossible rank";
    return NULL;
}

/* Every shape of a small grid, odd and degenerate ones among them. */
static void check_shapes(const pe_instance *instance, pe_conformance *report)
{
    static const int heads[] = {1, 3, 4}, widths[] = {1, 2, 3, 7, 8, 64}, axes[] = {1, 2, 3, 4};
    static const int64_t lengths[] = {0, 1, 37};
    int accepted = 0, refused = 0;
    for (size_t i = 0; i < 3 * 6 * 4 * 3; i++) {
        pe_dims d = {.heads = heads[i % 3],
                     .head_dim = widths[i / 3 % 6],
                     .axes = axes[i / 18 % 4],
                     .layers = 2,
                     .max_len = lengths[i / 72]};
        d.kv_heads = d.heads;
        d.model_dim = d.heads * d.head_dim;
        for (int a = 0; a < d.axes && d.axes > 1; a++)
            d.grid[a] = 3 + a;
        pe_setup s;
        const bool yes = ask_setup(instance->variant, &d, instance->opt, &s);
        accepted += yes;
        refused += !yes;
        const char *fault = fault_of_answer(yes, &s);
        if (fault) {
            pe_report_add(report, PE_CHECK_FAILED, "setup: any shape",
                          "heads %d, head_dim %d, axes %d, max_len %lld %s", d.heads, d.head_dim,
                          d.axes, (long long)d.max_len, fault);
            return;
        }
    }
    pe_report_add(report, PE_CHECK_PASSED, "setup: any shape",
                  "%d shapes accepted, %d refused by a sentence", accepted, refused);
}

static int choices_of(const pe_option *o)
{
    int count = 1;
    for (const char *c = o->choices; *c; c++)
        count += *c == '|';
    return count;
}

/* Value number `which` to try, or false when there are no more. */
static bool extreme(const pe_option *o, int which, double *x)
{
    switch (o->kind) {
    case PE_BOOL:
        *x = which;
        return which < 2;
    case PE_CHOICE:
        *x = which;
        return which < choices_of(o);
    default:
        *x = which == 0 ? o->low : o->high;
        return which < 2;
    }
}

static void check_options(const pe_instance *instance, pe_conformance *report)
{
    const pe_variant *v = instance->variant;
    int tried = 0;
    for (int o = 0; o < v->option_count; o++) {
        double x;
        for (int which = 0; extreme(&v->options[o], which, &x); which++, tried++) {
            pe_value opt[PE_MAX_OPTIONS];
            memcpy(opt, instance->opt, sizeof opt);
            opt[o] = (pe_value){1, &x};
            pe_setup s;
            const bool yes = ask_setup(v, &instance->dims, opt, &s);
            const char *fault = fault_of_answer(yes, &s);
            if (fault) {
                pe_report_add(report, PE_CHECK_FAILED, "setup: option ranges", "%s = %g %s",
                              v->options[o].name, x, fault);
                return;
            }
        }
    }
    pe_report_add(
        report, tried ? PE_CHECK_PASSED : PE_CHECK_SKIPPED, "setup: option ranges",
        tried ? "%d values at the ends of the ranges" : "there are no options (%d values)", tried);
}

void pe_check_setup(const pe_instance *instance, pe_conformance *report)
{
    check_purity(instance, report);
    check_known_flags(instance, report);
    check_shapes(instance, report);
    check_options(instance, report);
}
