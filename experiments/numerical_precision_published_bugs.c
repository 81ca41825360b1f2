/* METRICS.md 3.6 and the path figures of PRECISION_BUGS.md. */
#include "numerical_precision_published.h"

#include "analysis/random.h"
#include "base/memory.h"

#include <math.h>
#include <stdio.h>

/* ---- METRICS.md 3.6 ---- */

enum { TOKENS = 64, WIDTH = 128, SHIFTS = 5, DRAWS = 4 };

static const struct {
    const char *path;
    pe_format rotation, vectors;
    double expected[SHIFTS];
} shifted[] = {
    {"double-then-round", PE_FP32, PE_FP32, {8e-8, 8e-8, 8e-8, 8e-8, 8e-8}},
    {"pow", PE_FP32, PE_FP32, {4.8e-7, 7.8e-6, 3.2e-5, 2.3e-4, 9.7e-4}},
    {"pow", PE_FP32, PE_BF16, {3.2e-3, 3.3e-3, 3.2e-3, 3.3e-3, 3.4e-3}},
    {"position=fp32,frequency=pow:fp32,angle=fp32,sine=fp32,store=bf16",
     PE_FP32,
     PE_BF16,
     {4.0e-3, 4.2e-3, 4.2e-3, 4.2e-3, 4.2e-3}},
    {"all-bf16", PE_FP32, PE_BF16, {2.8e-2, 0.58, 0.78, 0.85, 0.85}},
};

/* RMS over draws of the RMS logit change. */
static pe_status shift_change(const precision_run *run, const pe_formed *formed, size_t path,
                              double shift, double *content, double *rms, pe_error *err)
{
    const size_t values = (size_t)TOKENS * WIDTH;
    double squares = 0;
    pe_status status = PE_OK;
    for (uint64_t d = 0; status == PE_OK && d < DRAWS; d++) {
        pe_stream stream = pe_stream_open(run->lab->size.seed, "published shifts", d);
        pe_fill_normal(&stream, content, 2 * values, 0, 1);
        const pe_rotary rotary = {TOKENS, content, content + values, shifted[path].rotation,
                                  shifted[path].vectors};
        pe_shift_change change;
        status = pe_formation_shift(formed, &rotary, shift, &change, err);
        if (status == PE_OK)
            squares += change.logit_rms * change.logit_rms / DRAWS;
    }
    *rms = sqrt(squares);
    return status;
}

static void add_shift_row(pe_sheet *sheet, size_t path, double shift, double expected, double value,
                          agreement *a)
{
    char setting[96];
    const bool close = value <= 1.3 * expected && value >= expected / 1.3;
    snprintf(setting, sizeof setting, "shift %.0f, q and k in %s", shift,
             pe_format_name(shifted[path].vectors));
    pe_sheet_text(sheet, "3.6");
    pe_sheet_text(sheet, shifted[path].path);
    pe_sheet_text(sheet, setting);
    pe_sheet_text(sheet, "RMS logit change");
    pe_sheet_number(sheet, expected);
    pe_sheet_number(sheet, value);
    pe_sheet_number(sheet, 0.3 * expected);
    pe_sheet_text(sheet, pe_judgement_text(close ? PE_VERDICT_PASS : PE_VERDICT_FAIL));
    a->rows++;
    a->close += close;
}

pe_status published_shifts(const precision_run *run, pe_sheet *sheet, agreement *a, pe_error *err)
{
    static const double by[SHIFTS] = {16, 1024, 4096, 32768, 131072};
    const pe_spectrum spectrum = {10000, WIDTH / 2, WIDTH};
    double *content =
        pe_allocate((size_t)2 * TOKENS * WIDTH, sizeof *content, "queries and keys", err);
    pe_status status = content ? PE_OK : PE_MEMORY;
    for (size_t p = 0; status == PE_OK && p < sizeof shifted / sizeof shifted[0]; p++) {
        pe_formation path;
        pe_formed formed;
        status = pe_formation_parse(shifted[p].path, &path, err);
        if (status == PE_OK)
            status = pe_formed_make(&path, &spectrum, &formed, err);
        if (status != PE_OK)
            break;
        for (int s = 0; status == PE_OK && s < SHIFTS; s++) {
            double value;
            status = shift_change(run, &formed, p, by[s], content, &value, err);
            if (status == PE_OK)
                add_shift_row(sheet, p, by[s], shifted[p].expected[s], value, a);
        }
        pe_formed_release(&formed);
    }
    pe_release(content);
    return status;
}

/* ---- PRECISION_BUGS.md ---- */

#define MODALITIES(store_frequency)                                                                \
    "position=fp32,frequency=pow:fp32" store_frequency                                             \
    ",angle=product:fp32,sine=native:fp32,store=bf16"
#define VLLM "position=fp16,frequency=exp-step:fp16,angle=product:fp16,sine=native:fp32"
#define TF32 "position=tf32,frequency=pow:fp32:tf32,angle=product:fp32,sine=native:fp32,store=fp32"

const published published_bugs[] = {
    {"all-fp16", 32, 0, 1857, 1, ANGLE, 1045, 0, "EleutherAI/gpt-neox#1003"},
    {"all-fp16", 32, 0, 0, 2048, COSINE, 0.7819, 5e-5, "EleutherAI/gpt-neox#1003"},
    {"all-bf16", 32, 0, 0, 2048, COSINE, 1.9968, 5e-5, "EleutherAI/gpt-neox#1003"},
    {"positions-bf16", 128, 0, 0, 512, REPEATS, 257, 0, "EleutherAI/gpt-neox#1016"},
    {MODALITIES(":bf16"), 128, 0, 0, 512, PHASE, 0.6248, 5e-5, "Modalities/modalities#462"},
    {MODALITIES(":bf16"), 128, 0, 0, 2048, PHASE, 2.5039, 5e-5, "Modalities/modalities#462"},
    {MODALITIES(":bf16"), 128, 0, 0, 4096, PHASE, 3.1415, 5e-5, "Modalities/modalities#462"},
    {MODALITIES(""), 128, 0, 0, 4096, PHASE, 2.79e-3, 5e-6, "Modalities/modalities#462"},
    {"positions-bf16", 4, 0, 65536, 512, DISTINCT, 2, 0, "huggingface/diffusers#13920"},
    {"positions-fp16", 4, 0, 0, 32768, DISTINCT, 6145, 0, "NVIDIA/Megatron-LM#535"},
    {"positions-bf16", 4, 0, 0, 32768, DISTINCT, 1153, 0, "NVIDIA/Megatron-LM#535"},
    {"position=fp16", 128, 0, 4102, 1, HELD, 4104, 0, "openvinotoolkit/openvino#33214"},
    {"position=fp16", 128, 0, 2851, 1, HELD, 2852, 0, "openvinotoolkit/openvino#36896"},
    {"position=bf16", 128, 0, 15962, 1, HELD, 15936, 0, "huggingface/candle#3520"},
    {VLLM, 560, 558, 1, 726, ABSOLUTE, 0.4205, 5e-5, "vllm-project/vllm#54620"},
    {VLLM, 560, 558, 1, 832, ABSOLUTE, 0.4205, 5e-5, "vllm-project/vllm#54620"},
    {"store=fp16", 560, 558, 1, 832, ABSOLUTE, 0x1p-12, 1e-6, "vllm-project/vllm#54620"},
    {"position=bf16", 128, 0, 998.3897, 1, HELD, 1000, 0, "modelscope/DiffSynth-Studio#1025"},
    {"position=bf16", 128, 0, 988.4937, 1, HELD, 988, 0, "modelscope/DiffSynth-Studio#562"},
    {"position=bf16", 128, 0, 937, 1, HELD, 936, 0, "utensils/mold#786"},
    {"position=bf16", 128, 0, 750, 1, HELD, 752, 0, "huggingface/diffusers#9405"},
    {TF32, 64, 0, 2049, 1, HELD, 2048, 0, "huggingface/transformers#48428"},
    {TF32, 64, 0, 0, 480, COSINE, 0.0749, 1e-3, "ByteDance-Seed/VeOmni#959"},
    {TF32, 64, 0, 0, 4096, COSINE, 1.14, 5e-3, "ByteDance-Seed/VeOmni#959"},
    {"pow", 64, 0, 0, 4096, COSINE, 1.5e-4, 5e-6, "ByteDance-Seed/VeOmni#959"},
};
const size_t published_bug_count = sizeof published_bugs / sizeof published_bugs[0];
