/* The code rows of an encoding, as the embedding adds them and as experiments look at them. */
#include "core/instance.h"
#include "base/memory.h"
#include "core/lent.h"

#include <omp.h>

enum { ROWS_PER_CALL = 256 };

#define CODES(suffix, precision)                                                                   \
    static void codes_##suffix(const pe_instance *instance, int64_t n, const double *coord,        \
                               char *scratch, void *rows)                                          \
    {                                                                                              \
        const int axes = instance->dims.axes, width = instance->info.embed_width;                  \
        const size_t bytes = instance->info.scratch * sizeof(pe_quad);                             \
        _Pragma("omp parallel for") for (int64_t t = 0; t < n; t += ROWS_PER_CALL)                 \
        {                                                                                          \
            const int count = (int)(n - t < ROWS_PER_CALL ? n - t : ROWS_PER_CALL);                \
            pe_call_##suffix c = pe_instance_call_##suffix(instance, instance->plan_length);       \
            c.scratch = (void *)(scratch + (size_t)omp_get_thread_num() * bytes);                  \
            instance->variant->suffix->embed(                                                      \
                &c, count, coord + t * axes,                                                       \
                (void *)((char *)rows + (size_t)(t * width) * pe_precision_size(precision)));      \
        }                                                                                          \
        if (instance->formats[PE_AT_CODE] != PE_UNROUNDED)                                         \
            pe_lend_##suffix.round((pe_format)instance->formats[PE_AT_CODE], (size_t)(n * width),  \
                                   rows);                                                          \
    }
CODES(f64, PE_DOUBLE)
CODES(f32, PE_FLOAT)
CODES(f128, PE_QUADRUPLE)

static pe_status check_codes(const pe_instance *instance, pe_precision precision, int64_t n,
                             pe_error *err)
{
    size_t count;
    if (!instance->variant->f64->embed || instance->info.embed_width == 0)
        return pe_fail(err, PE_USAGE, "%s adds nothing to the embeddings, so it has no code rows",
                       instance->variant->id);
    if (precision == PE_QUADRUPLE && !instance->has_quad)
        return pe_fail(err, PE_USAGE, "%s was built with another quad type: no f128 here",
                       instance->variant->id);
    if (n < 0 || __builtin_mul_overflow((size_t)n, (size_t)instance->info.embed_width, &count))
        return pe_fail(err, PE_MEMORY, "%s: %lld rows of %d columns are more than memory can hold",
                       instance->variant->id, (long long)n, instance->info.embed_width);
    return PE_OK;
}

pe_status pe_instance_code_rows(const pe_instance *instance, pe_precision precision, int64_t n,
                                const double *coord, void *rows, pe_error *err)
{
    pe_status status = check_codes(instance, precision, n, err);
    if (status != PE_OK)
        return status;
    void *scratch = pe_allocate(instance->info.scratch * (size_t)omp_get_max_threads(),
                                sizeof(pe_quad), "scratch", err);
    if (!scratch)
        return PE_MEMORY;
    if (precision == PE_DOUBLE)
        codes_f64(instance, n, coord, scratch, rows);
    else if (precision == PE_FLOAT)
        codes_f32(instance, n, coord, scratch, rows);
    else
        codes_f128(instance, n, coord, scratch, rows);
    pe_release(scratch);
    return PE_OK;
}

pe_status pe_instance_codes(const pe_instance *instance, pe_precision precision, int64_t n,
                            const double *coord, pe_wide *codes, pe_error *err)
{
    pe_status status = check_codes(instance, precision, n, err);
    if (status != PE_OK)
        return status;
    const size_t count = (size_t)n * (size_t)instance->info.embed_width;
    void *rows = pe_allocate(count, pe_precision_size(precision), "code rows", err);
    status = rows ? pe_wide_allocate(codes, count, "code rows", err) : PE_MEMORY;
    if (status == PE_OK) {
        status = pe_instance_code_rows(instance, precision, n, coord, rows, err);
        if (status == PE_OK)
            pe_widen(precision, count, rows, codes->hi, codes->lo);
        else
            pe_wide_release(codes);
    }
    pe_release(rows);
    return status;
}
