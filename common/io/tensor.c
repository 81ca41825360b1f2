#include "io/tensor.h"

#include "base/memory.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files are little-endian, and so are we");

static const struct {
    const char *name;
    size_t size;
} dtypes[PE_DTYPE_COUNT] = {
    [PE_DTYPE_F64] = {"f64", 8},   [PE_DTYPE_F32] = {"f32", 4}, [PE_DTYPE_F16] = {"f16", 2},
    [PE_DTYPE_BF16] = {"bf16", 2}, [PE_DTYPE_I64] = {"i64", 8}, [PE_DTYPE_I32] = {"i32", 4},
    [PE_DTYPE_U8] = {"u8", 1},
};

size_t pe_dtype_size(pe_dtype dtype)
{
    return dtypes[dtype].size;
}

const char *pe_dtype_name(pe_dtype dtype)
{
    return dtypes[dtype].name;
}

int pe_shape_count(int rank, const size_t *shape, size_t size, size_t *count)
{
    size_t product = 1, bytes;
    int empty = 0;
    for (int axis = 0; axis < rank; axis++) {
        empty |= shape[axis] == 0;
        if (__builtin_mul_overflow(product, shape[axis] ? shape[axis] : 1, &product))
            return 0;
    }
    if (__builtin_mul_overflow(product, size, &bytes) || bytes > SIZE_MAX / 2)
        return 0;
    *count = empty ? 0 : product;
    return 1;
}

const char *pe_shape_text(int rank, const size_t *shape, char text[PE_SHAPE_TEXT])
{
    size_t used = (size_t)snprintf(text, PE_SHAPE_TEXT, "(");
    for (int axis = 0; axis < rank; axis++)
        used += (size_t)snprintf(text + used, PE_SHAPE_TEXT - used, axis ? ", %zu" : "%zu",
                                 shape[axis]);
    snprintf(text + used, PE_SHAPE_TEXT - used, rank == 1 ? ",)" : ")");
    return text;
}

pe_status pe_tensor_allocate(pe_dtype dtype, int rank, const size_t *shape, pe_tensor *out,
                             pe_error *err)
{
    pe_tensor t = {.rank = rank, .dtype = dtype};
    char text[PE_SHAPE_TEXT];
    if (rank < 0 || rank > PE_SHAPE_RANK)
        return pe_fail(err, PE_USAGE, "a tensor has 0 to %d axes, not %d", PE_SHAPE_RANK, rank);
    if (!pe_shape_count(rank, shape, pe_dtype_size(dtype), &t.count))
        return pe_fail(err, PE_MEMORY, "a tensor of shape %s is larger than any address space",
                       pe_shape_text(rank, shape, text));
    if (rank)
        memcpy(t.shape, shape, (size_t)rank * sizeof *shape);
    t.data = pe_allocate(t.count, pe_dtype_size(dtype), "tensor", err);
    if (!t.data)
        return PE_MEMORY;
    *out = t;
    return PE_OK;
}

void pe_tensor_release(pe_tensor *tensor)
{
    if (!tensor)
        return;
    pe_release(tensor->data);
    memset(tensor, 0, sizeof *tensor);
}

static double from_bf16(uint16_t bits)
{
    uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, sizeof value);
    return (double)value;
}

/* binary16: 1 sign, 5 exponent bits with bias 15, 10 fraction bits; every value is exact here. */
static double from_f16(uint16_t bits)
{
    int exponent = bits >> 10 & 31, fraction = bits & 1023;
    double value;
    if (exponent == 31)
        value = fraction ? (double)NAN : (double)INFINITY;
    else if (exponent == 0)
        value = ldexp(fraction, -24);
    else
        value = ldexp(1024 + fraction, exponent - 25);
    return bits & 0x8000 ? -value : value;
}

static double element(const pe_tensor *t, size_t i)
{
    const char *at = (const char *)t->data + i * pe_dtype_size(t->dtype);
    union {
        double f64;
        float f32;
        uint16_t u16;
        int64_t i64;
        int32_t i32;
        uint8_t u8;
    } raw;
    memcpy(&raw, at, pe_dtype_size(t->dtype));
    switch (t->dtype) {
    case PE_DTYPE_F64:
        return raw.f64;
    case PE_DTYPE_F32:
        return (double)raw.f32;
    case PE_DTYPE_F16:
        return from_f16(raw.u16);
    case PE_DTYPE_BF16:
        return from_bf16(raw.u16);
    case PE_DTYPE_I64:
        return (double)raw.i64;
    case PE_DTYPE_I32:
        return raw.i32;
    case PE_DTYPE_U8:
    case PE_DTYPE_COUNT:
        break;
    }
    return raw.u8;
}

static pe_status refuse_large_integers(const pe_tensor *t, const char *what, pe_error *err)
{
    const int64_t limit = (int64_t)1 << DBL_MANT_DIG, *values = t->data;
    if (t->dtype != PE_DTYPE_I64)
        return PE_OK;
    for (size_t i = 0; i < t->count; i++)
        if (values[i] > limit || values[i] < -limit)
            return pe_fail(err, PE_FORMAT,
                           "%s: element %zu is %lld, beyond 2^53, where a double "
                           "no longer holds every integer",
                           what, i, (long long)values[i]);
    return PE_OK;
}

pe_status pe_tensor_as_doubles(const pe_tensor *tensor, const char *what, double **values,
                               size_t *nonfinite, pe_error *err)
{
    pe_status status = refuse_large_integers(tensor, what, err);
    if (status != PE_OK)
        return status;
    double *all = pe_allocate(tensor->count, sizeof *all, what, err);
    if (!all)
        return PE_MEMORY;
    size_t bad = 0;
    for (size_t i = 0; i < tensor->count; i++) {
        all[i] = element(tensor, i);
        bad += isfinite(all[i]) ? 0 : 1;
    }
    *values = all;
    if (nonfinite)
        *nonfinite = bad;
    return PE_OK;
}
