#include "base/memory.h"
#include "io/npy.h"
#include "testing.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file in memory: version, dictionary, data. Returns its size. */
static size_t build(unsigned char *file, int version, const char *dictionary, const void *data,
                    size_t size)
{
    size_t start = version == 1 ? 10 : 12, length = strlen(dictionary);
    memcpy(file, "\x93NUMPY", 6);
    file[6] = (unsigned char)version;
    memset(file + 7, 0, 5);
    file[8] = (unsigned char)(length & 255);
    file[9] = (unsigned char)(length >> 8);
    memcpy(file + start, dictionary, length);
    if (size)
        memcpy(file + start + length, data, size);
    return start + length + size;
}

static pe_status read_built(int version, const char *dictionary, const void *data, size_t size,
                            pe_tensor *t, pe_error *err)
{
    static unsigned char file[4096];
    size_t whole = build(file, version, dictionary, data, size);
    return pe_npy_read_memory(file, whole, "m.npy", 1 << 20, t, err);
}

static void refused(const char *dictionary, size_t size, const char *why)
{
    static const unsigned char zeros[256];
    pe_error err = {0};
    pe_tensor t = {0};
    CU_ASSERT_EQUAL(read_built(1, dictionary, zeros, size, &t, &err), PE_FORMAT);
    PE_CONTAINS(err.text, why);
    CU_ASSERT_PTR_NULL(t.data);
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

static const double six[] = {2.385, -1.5, 0.25, 1e300, -0.0, 7};

static void all_three_versions_are_read(void)
{
    const char *dictionary = "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }   \n";
    for (int version = 1; version <= 3; version++) {
        pe_tensor t = {0};
        CU_ASSERT_EQUAL(read_built(version, dictionary, six, sizeof six, &t, NULL), PE_OK);
        CU_ASSERT_EQUAL(t.rank, 2);
        CU_ASSERT_EQUAL(t.shape[1], 3);
        CU_ASSERT_EQUAL(t.dtype, PE_DTYPE_F64);
        CU_ASSERT_EQUAL(memcmp(t.data, six, sizeof six), 0);
        pe_tensor_release(&t);
    }
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

static void fortran_order_is_transposed(void)
{
    /* a[i][j][k] = 100 i + 10 j + k of shape (2, 3, 4), stored with i fastest. */
    int32_t stored[24];
    for (int k = 0; k < 4; k++)
        for (int j = 0; j < 3; j++)
            for (int i = 0; i < 2; i++)
                stored[i + 2 * (j + 3 * k)] = 100 * i + 10 * j + k;
    pe_tensor t = {0};
    CU_ASSERT_EQUAL(read_built(1, "{'descr': '<i4', 'fortran_order': True, 'shape': (2, 3, 4)}",
                               stored, sizeof stored, &t, NULL),
                    PE_OK);
    const int32_t *got = t.data;
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 3; j++)
            for (int k = 0; k < 4; k++)
                CU_ASSERT_EQUAL(got[(i * 3 + j) * 4 + k], 100 * i + 10 * j + k);
    pe_tensor_release(&t);
    CU_ASSERT_EQUAL(read_built(1, "{'descr': '<i4', 'fortran_order': True, 'shape': (0, 3)}", NULL,
                               0, &t, NULL),
                    PE_OK);
    CU_ASSERT_EQUAL(t.count, 0);
    pe_tensor_release(&t);
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

static void headers_that_numpy_itself_has_written_are_read(void)
{
    static const char *const dictionaries[] = {
        "{\"descr\": \"<f8\", \"fortran_order\": False, \"shape\": (6,), }",
        "{'shape': (6,), 'fortran_order': False, 'descr': '<f8'}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (6L,), }\n",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (np.int64(6),), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1, np.int64(6)), }"};
    for (size_t i = 0; i < sizeof dictionaries / sizeof dictionaries[0]; i++) {
        pe_tensor t = {0};
        pe_error err = {0};
        CU_ASSERT_EQUAL(read_built(1, dictionaries[i], six, sizeof six, &t, &err), PE_OK);
        CU_ASSERT_EQUAL(t.count, 6);
        pe_tensor_release(&t);
    }
}

static void a_single_number_has_no_axis(void)
{
    pe_tensor t = {0};
    const char *dictionary = "{'descr': '<f8', 'fortran_order': False, 'shape': (), }";
    CU_ASSERT_EQUAL(read_built(1, dictionary, six, 8, &t, NULL), PE_OK);
    CU_ASSERT_EQUAL(t.rank, 0);
    CU_ASSERT_EQUAL(t.count, 1);
    pe_tensor_release(&t);
}

static void types_that_are_not_ours_are_refused_by_name(void)
{
    refused("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", 8, "pickle");
    refused("{'descr': '>f8', 'fortran_order': False, 'shape': (1,), }", 8, "big-endian");
    refused("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,), }", 8, "structured");
    refused("{'descr': '|V2', 'fortran_order': False, 'shape': (1,), }", 2, "raw bytes");
    refused("{'descr': '<c16', 'fortran_order': False, 'shape': (1,), }", 16, "'<c16'");
    refused("{'descr': '', 'fortran_order': False, 'shape': (1,), }", 8, "type ''");
    refused("{'descr': '<u2', 'fortran_order': False, 'shape': (1,), }", 2, "bfloat16 bits");
    refused("{'descr': '|b1', 'fortran_order': False, 'shape': (1,), }", 2, "needs 1 bytes");
}

static void broken_headers_are_refused(void)
{
    refused("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }", 8, "not negative");
    refused("{'descr': '<f8', 'fortran_order': False, 'shape': (1), }", 8, "comma");
    refused("{'descr': '<f8', 'fortran_order': False, 'shape': [1], }", 8, "tuple");
    refused("{'descr': '<f8', 'fortran_order': 0, 'shape': (1,), }", 8, "True or False");
    refused("{'descr': '<f8', 'fortran_order': False}", 8, "lacks");
    refused("{'descr': '<f8', 'descr': '<f8', 'shape': (1,)}", 8, "second time");
    refused("{'descr': '<f8', 'extra': 1, 'shape': (1,)}", 8, "unknown key");
    refused("{'descr': '<f8', 'fortran_order': False, 'shape': (1,)} x", 8, "goes on");
    refused("{'descr': '<f8', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}", 8, "8 axes");
    refused("{'descr': '<f8", 0, "no end");
    refused("{'descr': '<f8', 'fortran_order': False, 'shape': (18446744073709551616,)}", 8,
            "address space");
    refused("{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296)}", 0,
            "address space");
    refused("{'descr': '<f8', 'fortran_order': False, 'shape': (0, 4294967296, 4294967296)}", 0,
            "address space");
    refused("{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296,)}", 80,
            "needs 34359738368 bytes after the header, the file has 80");
    refused("", 8, "braces");
}

static void booleans_are_zero_or_one(void)
{
    const unsigned char odd[] = {0, 1, 2};
    const char *dictionary = "{'descr': '|b1', 'fortran_order': False, 'shape': (3,), }";
    pe_tensor t = {0};
    pe_error err = {0};
    CU_ASSERT_EQUAL(read_built(1, dictionary, odd, 3, &t, &err), PE_FORMAT);
    PE_CONTAINS(err.text, "element 2 is 2");
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

static void a_header_of_four_gibibytes_is_refused_before_it_is_read(void)
{
    const unsigned char file[12] = "\x93NUMPY\2\0\xff\xff\xff\xff";
    pe_tensor t = {0};
    pe_error err = {0};
    CU_ASSERT_EQUAL(pe_npy_read_memory(file, sizeof file, "h.npy", 99, &t, &err), PE_FORMAT);
    PE_CONTAINS(err.text, "claims 4294967295 bytes; at most 10000");
}

static void more_than_the_cap_is_refused(void)
{
    unsigned char file[256];
    const char *dictionary = "{'descr': '<f8', 'fortran_order': False, 'shape': (6,), }";
    size_t size = build(file, 1, dictionary, six, sizeof six);
    pe_tensor t = {0};
    pe_error err = {0};
    CU_ASSERT_EQUAL(pe_npy_read_memory(file, size, "c.npy", 47, &t, &err), PE_MEMORY);
    PE_CONTAINS(err.text, "needs 48 bytes, more than the 47 allowed");
    CU_ASSERT_EQUAL(pe_npy_read_memory(file, size, "c.npy", 48, &t, &err), PE_OK);
    pe_tensor_release(&t);
}

static const char *path_of(const char *name)
{
    static char path[5000];
    snprintf(path, sizeof path, "%s/%s", pe_test_folder(), name);
    return path;
}

static void every_type_survives_the_way_through_a_file(void)
{
    unsigned char bytes[48];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 37);
    for (int d = 0; d < PE_DTYPE_COUNT; d++) {
        pe_tensor back = {0}, t = {.rank = 3,
                                   .shape = {1, 3, 2},
                                   .count = 6,
                                   .dtype = (pe_dtype)d,
                                   .data = bytes};
        pe_error err = {0};
        const char *path = path_of("types.npy");
        CU_ASSERT_EQUAL(pe_npy_write(path, &t, &err), PE_OK);
        pe_status status = d == PE_DTYPE_BF16 ? pe_npy_read_bf16(path, 1 << 20, &back, &err)
                                              : pe_npy_read(path, 1 << 20, &back, &err);
        CU_ASSERT_EQUAL_FATAL(status, PE_OK);
        CU_ASSERT_EQUAL(back.dtype, t.dtype);
        CU_ASSERT_EQUAL(back.rank, 3);
        CU_ASSERT_EQUAL(memcmp(back.shape, t.shape, sizeof t.shape), 0);
        CU_ASSERT_EQUAL(memcmp(back.data, bytes, 6 * pe_dtype_size(t.dtype)), 0);
        pe_tensor_release(&back);
        struct stat info;
        CU_ASSERT_EQUAL(stat(path, &info), 0);
        CU_ASSERT_EQUAL(((size_t)info.st_size - 6 * pe_dtype_size(t.dtype)) % 64, 0);
    }
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

static void bfloat16_bits_are_read_only_on_request(void)
{
    uint16_t bits[] = {0x3f80, 0xc018};
    pe_tensor back = {0},
              t = {.rank = 1, .shape = {2}, .count = 2, .dtype = PE_DTYPE_BF16, .data = bits};
    pe_error err = {0};
    const char *path = path_of("bf16.npy");
    CU_ASSERT_EQUAL(pe_npy_write(path, &t, NULL), PE_OK);
    CU_ASSERT_EQUAL(pe_npy_read(path, 1 << 20, &back, &err), PE_FORMAT);
    PE_CONTAINS(err.text, "cannot say which");
    t.dtype = PE_DTYPE_F16;
    CU_ASSERT_EQUAL(pe_npy_write(path, &t, NULL), PE_OK);
    CU_ASSERT_EQUAL(pe_npy_read_bf16(path, 1 << 20, &back, &err), PE_FORMAT);
    PE_CONTAINS(err.text, "type '<f2', but bfloat16 bits");
}

static void what_is_not_a_readable_file_is_refused(void)
{
    pe_tensor t = {0};
    pe_error err = {0};
    CU_ASSERT_EQUAL(pe_npy_read(path_of("absent.npy"), 9, &t, &err), PE_FORMAT);
    PE_CONTAINS(err.text, "No such file");
    CU_ASSERT_EQUAL(pe_npy_read(pe_test_folder(), 9, &t, &err), PE_FORMAT);
    PE_CONTAINS(err.text, "is a folder");
    const char *pipe_path = path_of("pipe.npy"); /* opening it must not wait for a writer */
    CU_ASSERT_EQUAL(mkfifo(pipe_path, 0600), 0);
    CU_ASSERT_EQUAL(pe_npy_read(pipe_path, 9, &t, &err), PE_FORMAT);
    PE_CONTAINS(err.text, "a pipe or a device");
}

static void save(const char *path, const void *bytes, size_t size)
{
    FILE *f = fopen(path, "wb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    CU_ASSERT_EQUAL(fwrite(bytes, 1, size, f), size);
    fclose(f);
}

static void a_file_cut_at_any_length_or_one_byte_too_long_is_refused(void)
{
    unsigned char file[512];
    const char *dictionary = "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }   \n";
    size_t size = build(file, 1, dictionary, six, sizeof six);
    const char *path = path_of("cut.npy");
    pe_error err;
    pe_tensor t = {0};
    for (size_t cut = 0; cut <= size + 1; cut++) {
        pe_status want = cut == size ? PE_OK : PE_FORMAT;
        save(path, file, cut);
        CU_ASSERT_EQUAL(pe_npy_read_memory(file, cut, "cut", 1 << 20, &t, &err), want);
        pe_tensor_release(&t);
        CU_ASSERT_EQUAL(pe_npy_read(path, 1 << 20, &t, &err), want);
        pe_tensor_release(&t);
        CU_ASSERT_EQUAL(pe_live_blocks(), 0);
    }
}

static void every_failed_allocation_is_reported(void)
{
    const char *path = path_of("memory.npy");
    int32_t values[] = {1, 2, 3, 4};
    pe_tensor t = {.rank = 2, .shape = {2, 2}, .count = 4, .dtype = PE_DTYPE_I32, .data = values};
    unsigned char file[256];
    save(path, file,
         build(file, 1, "{'descr': '<i4', 'fortran_order': True, 'shape': (2, 2)}", values, 16));
    pe_status status = PE_MEMORY;
    for (long allowed = 0; status == PE_MEMORY && allowed < 99; allowed++) {
        pe_tensor back = {0};
        pe_fail_allocations_after(allowed);
        status = pe_npy_read(path, 99, &back, NULL);
        pe_fail_allocations_after(-1);
        pe_tensor_release(&back);
        CU_ASSERT_EQUAL(pe_live_blocks(), 0);
    }
    CU_ASSERT_EQUAL(status, PE_OK);
    status = PE_MEMORY;
    for (long allowed = 0; status == PE_MEMORY && allowed < 99; allowed++) {
        pe_fail_allocations_after(allowed);
        status = pe_npy_write(path, &t, NULL);
        pe_fail_allocations_after(-1);
        CU_ASSERT_EQUAL(pe_live_blocks(), 0);
    }
    CU_ASSERT_EQUAL(status, PE_OK);
}

PE_TEST_MAIN("io: npy", PE_TEST(all_three_versions_are_read), PE_TEST(fortran_order_is_transposed),
             PE_TEST(headers_that_numpy_itself_has_written_are_read),
             PE_TEST(a_single_number_has_no_axis),
             PE_TEST(types_that_are_not_ours_are_refused_by_name),
             PE_TEST(broken_headers_are_refused), PE_TEST(booleans_are_zero_or_one),
             PE_TEST(a_header_of_four_gibibytes_is_refused_before_it_is_read),
             PE_TEST(more_than_the_cap_is_refused),
             PE_TEST(every_type_survives_the_way_through_a_file),
             PE_TEST(bfloat16_bits_are_read_only_on_request),
             PE_TEST(what_is_not_a_readable_file_is_refused),
             PE_TEST(a_file_cut_at_any_length_or_one_byte_too_long_is_refused),
             PE_TEST(every_failed_allocation_is_reported))
