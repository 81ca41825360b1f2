/* SPDX-License-Identifier: MIT
 * 1. State the formula, the paper and every deviation here.   p(t, c) = cos(pi t (c + 1/2) / N) */
#include "posenc.h"

#ifdef PE_FIRST /* 2. Once: options, parameters, and what the core should know. */
enum { LENGTH };
static const pe_option options[] = {
    {"length", PE_INT, 512, 1, 1 << 30, NULL, "tokens in a quarter turn of the first column (N)"}};

static bool setup(pe_setup *s)
{
    s->embed_width = s->dims->model_dim;
    s->claims =
        PE_CLAIM_BOUNDED | PE_CLAIM_EXTRAPOLATES; /* 3. Claims are verified, not believed. */
    s->bound = 1;
    return true;
}
#endif

/* 4. In pe_real, three times: double, float, quad. Integers are exact; write PE_C(0.5) for 0.5. */
static void PE(embed)(const pe_call *c, int n, const double *coord, pe_real *rows)
{
    const int width = c->info->embed_width;
    for (int t = 0; t < n; t++)
        for (int k = 0; k < width; k++)
            rows[t * width + k] = pe_cos(PE_PI * pe_num(coord[t * c->dims->axes]) *
                                         (pe_num(k) + PE_C(0.5)) / pe_opt_real(c, LENGTH));
}

static const pe_ops PE(ops) = {.embed = PE(embed)};
PE_VARIANT(template, .title = "Cosine template", .source = "this file", PE_OPTIONS(options),
           .summary = "Columns are cosines of rising frequency: the smallest whole variant.",
           .formula = "p(t,c) = \\cos\\frac{\\pi t (c + 1/2)}{N}", .setup = setup);
#include PE_NEXT("template.c") /* 5. This file again. Rename it here too when you copy it. */
