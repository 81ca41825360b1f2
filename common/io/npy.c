#include "io/npy.h"

#include "base/memory.h"
#include "io/input.h"

#include <stdint.h>
#include <string.h>

enum { MAX_HEADER = 10000, PREAMBLE = 12 }; /* bytes; the preamble of version 1.0 is 10 */

typedef struct header {
    size_t data_offset; /* bytes */
    int fortran_order, boolean, bits16;
    pe_tensor tensor; /* without data */
} header;

/* '<u2' is in no one's list: only pe_npy_read_bf16 asks for it. */
static const struct {
    const char *descr;
    pe_dtype dtype;
} types[] = {{"<f8", PE_DTYPE_F64}, {"<f4", PE_DTYPE_F32}, {"<f2", PE_DTYPE_F16},
             {"<i8", PE_DTYPE_I64}, {"<i4", PE_DTYPE_I32}, {"|u1", PE_DTYPE_U8},
             {"|b1", PE_DTYPE_U8},  {"<u2", PE_DTYPE_BF16}};

const char *pe_npy_descr(pe_dtype dtype)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i].dtype == dtype)
            return types[i].descr;
    return "";
}

/* ---- the header: a Python dictionary with three keys ---- */

typedef struct cursor {
    const char *at, *end;
    const char *name, *start; /* for sentences: the file, and its first byte */
    pe_error *err;
} cursor;

static pe_status bad(const cursor *c, const char *what)
{
    return pe_fail(c->err, PE_FORMAT, "%s: byte %td: %s", c->name, c->at - c->start, what);
}

static void skip_blanks(cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\n'))
        c->at++;
}

/* Whether the text comes next, after blanks; steps over it when it does. */
static int take(cursor *c, const char *text)
{
    size_t length = strlen(text);
    skip_blanks(c);
    if ((size_t)(c->end - c->at) < length || memcmp(c->at, text, length) != 0)
        return 0;
    c->at += length;
    return 1;
}

static pe_status take_string(cursor *c, char *text, size_t size)
{
    skip_blanks(c);
    if (c->at == c->end || (*c->at != '\'' && *c->at != '"'))
        return bad(c, "a text in quotes is expected here");
    char quote = *c->at++;
    const char *close = memchr(c->at, quote, (size_t)(c->end - c->at));
    if (!close)
        return bad(c, "this text has no end");
    size_t length = (size_t)(close - c->at);
    if (length >= size || memchr(c->at, 0, length))
        return bad(c, "this text is too long, or holds a NUL");
    memcpy(text, c->at, length);
    text[length] = 0;
    c->at = close + 1;
    return PE_OK;
}

/* NumPy 2 has written np.int64(3), Python 2 has written 3L. */
static pe_status take_length(cursor *c, size_t *value)
{
    int wrapped = take(c, "np.int64(");
    skip_blanks(c);
    size_t number = 0;
    const char *first = c->at;
    for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++)
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, (size_t)(*c->at - '0'), &number))
            return bad(c, "this length is larger than any address space");
    if (c->at == first)
        return bad(c, "a length is expected here: a whole number, not negative");
    if (wrapped ? !take(c, ")") : (take(c, "L"), 0))
        return bad(c, "a closing parenthesis is expected here");
    *value = number;
    return PE_OK;
}

static pe_status take_shape(cursor *c, header *h)
{
    pe_tensor *t = &h->tensor;
    if (!take(c, "("))
        return bad(c, "the shape must be a tuple, such as (3, 4)");
    while (!take(c, ")")) {
        if (t->rank == PE_SHAPE_RANK)
            return bad(c, "more than 8 axes");
        pe_status status = take_length(c, &t->shape[t->rank]);
        if (status != PE_OK)
            return status;
        t->rank++;
        skip_blanks(c);
        int comma = take(c, ",");
        if (!comma && (t->rank == 1 || c->at == c->end || *c->at != ')'))
            return bad(c, "a comma is expected here");
    }
    return PE_OK;
}

static pe_status refuse_type(const cursor *c, const char *descr)
{
    const char *why = "is not one that is read here";
    if (strchr(descr, 'O'))
        why = "holds Python objects (a pickle), which can run programs and are never read";
    else if (descr[0] == '>')
        why = "is big-endian; save it with .astype('<f8') or the like";
    else if (strchr(descr, 'V'))
        why = "is raw bytes without a meaning (bfloat16 is stored as '<u2')";
    return pe_fail(c->err, PE_FORMAT, "%s: type '%s' %s (read are <f8 <f4 <f2 <i8 <i4 |u1 |b1)",
                   c->name, descr, why);
}

static pe_status take_type(cursor *c, header *h)
{
    char descr[32];
    skip_blanks(c);
    if (c->at < c->end && (*c->at == '[' || *c->at == '(' || *c->at == '{'))
        return pe_fail(
            c->err, PE_FORMAT,
            "%s: a structured type (a record) is not read here; save one field at a time", c->name);
    pe_status status = take_string(c, descr, sizeof descr);
    if (status != PE_OK)
        return status;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(types[i].descr, descr) == 0) {
            h->tensor.dtype = types[i].dtype;
            h->boolean = strcmp(descr, "|b1") == 0;
            h->bits16 = strcmp(descr, "<u2") == 0;
            return PE_OK;
        }
    return refuse_type(c, descr);
}

static pe_status take_order(cursor *c, header *h)
{
    h->fortran_order = take(c, "True");
    if (!h->fortran_order && !take(c, "False"))
        return bad(c, "fortran_order must be True or False");
    return PE_OK;
}

static pe_status take_member(cursor *c, header *h, unsigned *seen)
{
    static const struct {
        const char *key;
        pe_status (*take)(cursor *, header *);
    } members[] = {{"descr", take_type}, {"fortran_order", take_order}, {"shape", take_shape}};
    char key[32];
    pe_status status = take_string(c, key, sizeof key);
    if (status != PE_OK)
        return status;
    if (!take(c, ":"))
        return bad(c, "a colon is expected here");
    for (unsigned i = 0; i < 3; i++) {
        if (strcmp(members[i].key, key) != 0)
            continue;
        if (*seen & 1u << i)
            return bad(c, "a key stands here for the second time");
        *seen |= 1u << i;
        return members[i].take(c, h);
    }
    return bad(c, "unknown key before this byte (known are descr, fortran_order, shape)");
}

static pe_status take_dictionary(cursor *c, header *h)
{
    unsigned seen = 0;
    if (!take(c, "{"))
        return bad(c, "the header must be a dictionary in braces");
    while (!take(c, "}")) {
        pe_status status = take_member(c, h, &seen);
        if (status != PE_OK)
            return status;
        skip_blanks(c);
        if (!take(c, ",") && (c->at == c->end || *c->at != '}'))
            return bad(c, "a comma or a closing brace is expected here");
    }
    if (seen != 7)
        return bad(c, "the header lacks descr, fortran_order or shape");
    skip_blanks(c);
    return c->at == c->end ? PE_OK : bad(c, "the header goes on after its closing brace");
}

/* How long the header is, from the first bytes; *start is where it begins. */
static pe_status read_preamble(const unsigned char *bytes, size_t have, const char *name,
                               size_t *start, size_t *length, pe_error *err)
{
    if (have < PREAMBLE || memcmp(bytes, "\x93NUMPY", 6) != 0)
        return pe_fail(err, PE_FORMAT, "%s: not a .npy file (it does not begin with \\x93NUMPY)",
                       name);
    if (bytes[6] < 1 || bytes[6] > 3 || bytes[7] != 0)
        return pe_fail(err, PE_FORMAT, "%s: .npy version %d.%d; read are 1.0, 2.0 and 3.0", name,
                       bytes[6], bytes[7]);
    *start = bytes[6] == 1 ? 10 : 12;
    *length = (size_t)bytes[8] | (size_t)bytes[9] << 8;
    if (bytes[6] > 1)
        *length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    if (*length > MAX_HEADER)
        return pe_fail(err, PE_FORMAT, "%s: the header claims %zu bytes; at most %d are read", name,
                       *length, MAX_HEADER);
    if (*length > have - *start)
        return pe_fail(err, PE_FORMAT, "%s: ends inside its header", name);
    return PE_OK;
}

/* `bytes` are the first `have` of `size`; enough for every header that is allowed. */
static pe_status read_header(const unsigned char *bytes, size_t have, size_t size, const char *name,
                             size_t max_bytes, header *h, pe_error *err)
{
    size_t start = 0, length = 0;
    pe_status status = read_preamble(bytes, have, name, &start, &length, err);
    if (status != PE_OK)
        return status;
    const char *text = (const char *)bytes;
    cursor c = {text + start, text + start + length, name, text, err};
    status = take_dictionary(&c, h);
    if (status != PE_OK)
        return status;
    char shape[PE_SHAPE_TEXT];
    pe_tensor *t = &h->tensor;
    size_t wide = pe_dtype_size(t->dtype);
    pe_shape_text(t->rank, t->shape, shape);
    if (!pe_shape_count(t->rank, t->shape, wide, &t->count))
        return pe_fail(err, PE_FORMAT, "%s: shape %s is larger than any address space", name,
                       shape);
    h->data_offset = start + length;
    if (t->count * wide != size - h->data_offset)
        return pe_fail(err, PE_FORMAT,
                       "%s: shape %s needs %zu bytes after the header, the file has %zu", name,
                       shape, t->count * wide, size - h->data_offset);
    if (t->count * wide > max_bytes)
        return pe_fail(err, PE_MEMORY, "%s: shape %s needs %zu bytes, more than the %zu allowed",
                       name, shape, t->count * wide, max_bytes);
    return PE_OK;
}

/* ---- the data ---- */

/* Column-major to row-major: the source index moves by `stride` while the target counts up. */
static pe_status transpose(pe_tensor *t, pe_error *err)
{
    size_t wide = pe_dtype_size(t->dtype), stride[PE_SHAPE_RANK], at[PE_SHAPE_RANK] = {0};
    pe_tensor to = {0};
    pe_status status = pe_tensor_allocate(t->dtype, t->rank, t->shape, &to, err);
    if (status != PE_OK)
        return status;
    for (int axis = 0; axis < t->rank; axis++)
        stride[axis] = axis ? stride[axis - 1] * t->shape[axis - 1] : 1;
    size_t source = 0;
    for (size_t target = 0; target < t->count; target++) {
        memcpy((char *)to.data + target * wide, (char *)t->data + source * wide, wide);
        for (int axis = t->rank - 1; axis >= 0; axis--) {
            source += stride[axis];
            if (++at[axis] < t->shape[axis])
                break;
            source -= stride[axis] * t->shape[axis];
            at[axis] = 0;
        }
    }
    pe_tensor_release(t);
    *t = to;
    return PE_OK;
}

static pe_status refuse_odd_booleans(const pe_tensor *t, const char *name, pe_error *err)
{
    const unsigned char *values = t->data;
    for (size_t i = 0; i < t->count; i++)
        if (values[i] > 1)
            return pe_fail(err, PE_FORMAT, "%s: element %zu is %d, neither True nor False", name, i,
                           values[i]);
    return PE_OK;
}

static pe_status arrange(const header *h, const char *name, pe_tensor *t, pe_error *err)
{
    pe_status status = h->boolean ? refuse_odd_booleans(t, name, err) : PE_OK;
    if (status == PE_OK && h->fortran_order && t->rank > 1)
        status = transpose(t, err);
    return status;
}

static pe_status check_bits(const header *h, int want_bits, const char *name, pe_error *err)
{
    if (h->bits16 && !want_bits)
        return pe_fail(
            err, PE_FORMAT,
            "%s: type '<u2' may be 16-bit integers or bfloat16 bits, and the file cannot "
            "say which; save it as <i8 or <f4",
            name);
    if (!h->bits16 && want_bits)
        return pe_fail(err, PE_FORMAT, "%s: type '%s', but bfloat16 bits ('<u2') are wanted", name,
                       pe_npy_descr(h->tensor.dtype));
    return PE_OK;
}

static pe_status read_file(const pe_input *in, size_t max_bytes, int want_bits, pe_tensor *out,
                           pe_error *err)
{
    unsigned char first[MAX_HEADER + PREAMBLE];
    header h = {0};
    size_t have = in->size < sizeof first ? in->size : sizeof first;
    pe_status status = pe_input_read(in, 0, first, have, err);
    if (status == PE_OK)
        status = read_header(first, have, in->size, in->path, max_bytes, &h, err);
    if (status == PE_OK)
        status = check_bits(&h, want_bits, in->path, err);
    if (status != PE_OK)
        return status;
    pe_tensor t = {0};
    status = pe_tensor_allocate(h.tensor.dtype, h.tensor.rank, h.tensor.shape, &t, err);
    if (status != PE_OK)
        return status;
    status = pe_input_read(in, h.data_offset, t.data, t.count * pe_dtype_size(t.dtype), err);
    if (status == PE_OK)
        status = arrange(&h, in->path, &t, err);
    if (status == PE_OK)
        *out = t;
    else
        pe_tensor_release(&t);
    return status;
}

static pe_status read_path(const char *path, size_t max_bytes, int want_bits, pe_tensor *out,
                           pe_error *err)
{
    pe_input in = {0};
    pe_status status = pe_input_open(path, &in, err);
    if (status != PE_OK)
        return status;
    status = read_file(&in, max_bytes, want_bits, out, err);
    pe_input_close(&in);
    return status;
}

pe_status pe_npy_read(const char *path, size_t max_bytes, pe_tensor *out, pe_error *err)
{
    return read_path(path, max_bytes, 0, out, err);
}

pe_status pe_npy_read_bf16(const char *path, size_t max_bytes, pe_tensor *out, pe_error *err)
{
    return read_path(path, max_bytes, 1, out, err);
}

pe_status pe_npy_read_memory(const void *bytes, size_t size, const char *name, size_t max_bytes,
                             pe_tensor *out, pe_error *err)
{
    header h = {0};
    pe_status status = read_header(bytes, size, size, name, max_bytes, &h, err);
    if (status == PE_OK)
        status = check_bits(&h, 0, name, err);
    if (status != PE_OK)
        return status;
    pe_tensor t = {0};
    status = pe_tensor_allocate(h.tensor.dtype, h.tensor.rank, h.tensor.shape, &t, err);
    if (status != PE_OK)
        return status;
    memcpy(t.data, (const char *)bytes + h.data_offset, t.count * pe_dtype_size(t.dtype));
    status = arrange(&h, name, &t, err);
    if (status == PE_OK)
        *out = t;
    else
        pe_tensor_release(&t);
    return status;
}

/* ---- writing ---- */

pe_status pe_npy_write_to(pe_output *out, const pe_tensor *tensor, pe_error *err)
{
    char text[448], shape[PE_SHAPE_TEXT];
    memcpy(text, "\x93NUMPY\1\0", 8);
    size_t used = 10 + (size_t)snprintf(text + 10, sizeof text - 10,
                                        "{'descr': '%s', 'fortran_order': False, 'shape': %s, }",
                                        pe_npy_descr(tensor->dtype),
                                        pe_shape_text(tensor->rank, tensor->shape, shape));
    size_t whole = (used + 1 + 63) / 64 * 64; /* the data begin on a multiple of 64 bytes */
    memset(text + used, ' ', whole - used);
    text[whole - 1] = '\n';
    text[8] = (char)((whole - 10) & 255);
    text[9] = (char)((whole - 10) >> 8);
    pe_status status = pe_output_write(out, text, whole, err);
    if (status == PE_OK)
        status =
            pe_output_write(out, tensor->data, tensor->count * pe_dtype_size(tensor->dtype), err);
    return status;
}

pe_status pe_npy_write(const char *path, const pe_tensor *tensor, pe_error *err)
{
    pe_error own;
    err = err ? err : &own;
    pe_output *out = pe_output_begin(path, err);
    if (!out)
        return err->status;
    pe_status status = pe_npy_write_to(out, tensor, err);
    if (status == PE_OK)
        return pe_output_commit(out, err);
    pe_output_abandon(out);
    return status;
}
