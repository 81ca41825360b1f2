/* SPDX-License-Identifier: MIT
 * 1. State the formula, the paper and every deviation here. p(t, c) = g_c cos(pi t (c+1/2) / N) */
#include "posenc.h"

#ifdef PE_FIRST /* 2. Once: options, parameters, and what the core should know. */
enum { LENGTH };
enum { GAIN };
static const pe_option options[] = {
    {"length", PE_INT, 512, 1, 1 << 30, NULL, "tokens in a quarter turn of the first column (N)"}};

static bool setup(pe_setup *s)
{
    s->embed_width = s->dims->model_dim;
    pe_add_param(s, "gain", PE_INIT_CONSTANT, 1, 1, s->embed_width, 0, 0);
    s->param[GAIN].low = -1, s->param[GAIN].high = 1; /* training may not leave these bounds */
    s->claims =
        PE_CLAIM_BOUNDED | PE_CLAIM_EXTRAPOLATES; /* 3. Claims are verified, not believed. */
    s->bound = 1;
    return true;
}
#endif

/* 4. In pe_real, three times: double, float, quad. Integers are exact; write PE_C(0.5) for 0.5. */
static pe_real PE(wave)(const pe_call *c, double t, int k)
{
    return pe_cos(PE_PI * pe_num(t) * (pe_num(k) + PE_C(0.5)) / pe_opt_real(c, LENGTH));
}

static void PE(embed)(const pe_call *c, int n, const double *coord, pe_real *rows)
{
    const int width = c->info->embed_width;
    for (int i = 0; i < n * width; i++)
        rows[i] = c->w[GAIN][i % width] * PE(wave)(c, coord[i / width * c->dims->axes], i % width);
}

/* 5. To be trained: ADD the gradients by parameters (and content, had it any). */
static void PE(embed_vjp)(const pe_call *c, int n, const double *coord, const pe_real *drows)
{
    const int width = c->info->embed_width;
    for (int i = 0; i < n * width; i++)
        c->g[GAIN][i % width] +=
            drows[i] * PE(wave)(c, coord[i / width * c->dims->axes], i % width);
}

static const pe_ops PE(ops) = {.embed = PE(embed), .embed_vjp = PE(embed_vjp)};
PE_VARIANT(template, .title = "Cosine template", .source = "this file", PE_OPTIONS(options),
           .summary = "Columns are cosines of rising frequency, each with a trained gain.",
           .formula = "p(t,c) = g_c \\cos\\frac{\\pi t (c + 1/2)}{N}", .setup = setup);
#include PE_NEXT("template.c") /* 6. This file again. Rename it here too when you copy it. */
