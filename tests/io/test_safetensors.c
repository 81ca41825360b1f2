#include "base/memory.h"
#include "io/safetensors.h"
#include "testing.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A file in memory: the header's length, the header, `data` zero bytes. */
static size_t build(unsigned char *file, const char *header, size_t data)
{
    uint64_t length = strlen(header);
    memcpy(file, &length, 8);
    memcpy(file + 8, header, length);
    memset(file + 8 + length, 0, data);
    return 8 + length + data;
}

static void refused(const char *header, size_t data, const char *why)
{
    static unsigned char file[4096];
    pe_error err = {0};
    pe_safetensors *f = NULL;
    size_t size = build(file, header, data);
    CU_ASSERT_EQUAL(pe_safetensors_open_memory(file, size, "s", &f, &err), PE_FORMAT);
    PE_CONTAINS(err.text, why);
    CU_ASSERT_PTR_NULL(f);
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

#define A "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}"

static void ranges_must_tile_the_data(void)
{
    refused("{" A "}", 7, "cut off");
    refused("{" A "}", 9, "longer than its header says");
    refused("{" A ",\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[9,10]}}", 10, "gap");
    refused("{" A ",\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[7,8]}}", 8, "overlap");
    refused("{" A ",\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "overlap");
    refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}", 2, "gap");
    refused("{}", 1, "longer");
}

static void every_entry_must_be_whole(void)
{
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", 8, "shape times");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", 8, "begin <= end");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}}", 8, "begin <= end");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8,9]}}", 8,
            "data_offsets");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]}}", 8, "lengths");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":2,\"data_offsets\":[0,8]}}", 8, "shape");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296,4294967296],"
            "\"data_offsets\":[0,8]}}",
            8, "product fits");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, "needs dtype");
    refused("{\"a\":{\"dtype\":1,\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "needs dtype");
    refused("{\"a\":[]}", 0, "needs dtype");
    refused("[]", 0, "must be an object");
    refused("{" A ",\"__metadata__\":{\"k\":1}}", 8, "must be a text");
    refused("{" A ",\"__metadata__\":[]}", 8, "must be an object");
    refused("{" A "," A "}", 8, "duplicate");
    refused("{" A "} x", 8, "s:1:");
}

static void header_lengths_are_checked_before_they_are_believed(void)
{
    unsigned char file[16] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, '{', '}'};
    pe_error err = {0};
    pe_safetensors *f = NULL;
    CU_ASSERT_EQUAL(pe_safetensors_open_memory(file, 10, "s", &f, &err), PE_FORMAT);
    PE_CONTAINS(err.text, "16777216 are allowed");
    memset(file + 1, 0, 7);
    CU_ASSERT_EQUAL(pe_safetensors_open_memory(file, 10, "s", &f, &err), PE_FORMAT);
    PE_CONTAINS(err.text, "the header has 255 bytes, the file only 10");
    CU_ASSERT_EQUAL(pe_safetensors_open_memory(file, 7, "s", &f, &err), PE_FORMAT);
    PE_CONTAINS(err.text, "too few");
    file[0] = 2;
    CU_ASSERT_EQUAL(pe_safetensors_open_memory(file, 10, "s", &f, &err), PE_OK);
    CU_ASSERT_EQUAL(pe_safetensors_count(f), 0);
    pe_safetensors_close(f);
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

static void a_type_that_is_not_ours_is_refused_only_when_wanted(void)
{
    static unsigned char file[512];
    const char *header = "{\"x\":{\"dtype\":\"F4_NEW\",\"shape\":[9],\"data_offsets\":[8,12]},"
                         "\"y\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,1,1],"
                         "\"data_offsets\":[12,13]}," A "}";
    pe_safetensors *f = NULL;
    pe_tensor t = {0};
    pe_error err = {0};
    CU_ASSERT_EQUAL_FATAL(pe_safetensors_open_memory(file, build(file, header, 13), "s", &f, &err),
                          PE_OK);
    CU_ASSERT_EQUAL(pe_safetensors_count(f), 3);
    CU_ASSERT_STRING_EQUAL(pe_safetensors_at(f, 0)->name, "a");
    CU_ASSERT_STRING_EQUAL(pe_safetensors_at(f, 1)->dtype, "F4_NEW");
    CU_ASSERT_FALSE(pe_safetensors_at(f, 1)->readable);
    CU_ASSERT_EQUAL(pe_safetensors_read(f, "x", 99, &t, &err), PE_FORMAT);
    PE_CONTAINS(err.text, "type F4_NEW");
    CU_ASSERT_EQUAL(pe_safetensors_read(f, "y", 99, &t, &err), PE_FORMAT);
    CU_ASSERT_EQUAL(pe_safetensors_read(f, "a", 7, &t, &err), PE_MEMORY);
    CU_ASSERT_EQUAL(pe_safetensors_read(f, "a", 8, &t, &err), PE_OK);
    pe_tensor_release(&t);
    pe_safetensors_close(f);
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

static const char *path_of(const char *name)
{
    static char path[5000];
    snprintf(path, sizeof path, "%s/%s", pe_test_folder(), name);
    return path;
}

static double weights[] = {2.385, -1, 0.5};
static uint16_t halves[] = {0x3c00, 0xc000};
static int64_t steps[] = {12345678901234};
static const pe_tensor weight = {
    .rank = 2, .shape = {3, 1}, .count = 3, .dtype = PE_DTYPE_F64, .data = weights};
static const pe_tensor half = {
    .rank = 1, .shape = {2}, .count = 2, .dtype = PE_DTYPE_BF16, .data = halves};
static const pe_tensor step = {.count = 1, .dtype = PE_DTYPE_I64, .data = steps};
static const pe_safetensors_item items[] = {
    {"layer.0.half", &half}, {"layer.0.weight", &weight}, {"adam.step", &step}};
static const pe_safetensors_text texts[] = {{"format", "pt"}, {"note", "caf\xc3\xa9 \"q\""}};

static void several_tensors_and_texts_survive_a_file(void)
{
    const char *path = path_of("three.safetensors");
    pe_safetensors *f = NULL;
    pe_tensor t = {0};
    pe_error err = {0};
    CU_ASSERT_EQUAL(pe_safetensors_write(path, items, 3, texts, 2, &err), PE_OK);
    CU_ASSERT_EQUAL_FATAL(pe_safetensors_open(path, &f, &err), PE_OK);
    CU_ASSERT_EQUAL(pe_safetensors_count(f), 3);
    CU_ASSERT_STRING_EQUAL(pe_safetensors_at(f, 0)->name,
                           "adam.step"); /* wide first, then by name */
    CU_ASSERT_STRING_EQUAL(pe_safetensors_at(f, 1)->name, "layer.0.weight");
    CU_ASSERT_STRING_EQUAL(pe_safetensors_at(f, 2)->dtype, "BF16");
    CU_ASSERT_STRING_EQUAL(pe_safetensors_metadata(f, "note"), texts[1].value);
    CU_ASSERT_PTR_NULL(pe_safetensors_metadata(f, "absent"));
    for (size_t i = 0; i < 3; i++) {
        const pe_tensor *want = items[i].tensor;
        CU_ASSERT_EQUAL_FATAL(pe_safetensors_read(f, items[i].name, 99, &t, &err), PE_OK);
        CU_ASSERT_EQUAL(t.rank, want->rank);
        CU_ASSERT_EQUAL(t.dtype, want->dtype);
        CU_ASSERT_EQUAL(memcmp(t.data, want->data, want->count * pe_dtype_size(want->dtype)), 0);
        pe_tensor_release(&t);
    }
    CU_ASSERT_EQUAL(pe_safetensors_read(f, "layer.0.wieght", 99, &t, &err), PE_USAGE);
    PE_CONTAINS(err.text, "did you mean \"layer.0.weight\"?");
    pe_safetensors_close(f);
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

static void what_cannot_be_written_is_refused(void)
{
    const char *path = path_of("never.safetensors");
    const pe_safetensors_item twice[] = {{"a", &step}, {"a", &half}};
    const pe_safetensors_item reserved[] = {{"__metadata__", &step}};
    const pe_safetensors_item latin[] = {{"caf\xe9", &step}};
    const pe_safetensors_text bad[] = {{"k", "\xff"}}, same[] = {{"k", "1"}, {"k", "2"}};
    pe_error err = {0};
    CU_ASSERT_EQUAL(pe_safetensors_write(path, twice, 2, NULL, 0, &err), PE_USAGE);
    CU_ASSERT_EQUAL(pe_safetensors_write(path, reserved, 1, NULL, 0, &err), PE_USAGE);
    CU_ASSERT_EQUAL(pe_safetensors_write(path, latin, 1, NULL, 0, &err), PE_USAGE);
    CU_ASSERT_EQUAL(pe_safetensors_write(path, items, 3, bad, 1, &err), PE_USAGE);
    CU_ASSERT_EQUAL(pe_safetensors_write(path, items, 3, same, 2, &err), PE_USAGE);
    CU_ASSERT_EQUAL(pe_safetensors_write(path_of("no/file"), items, 3, NULL, 0, &err), PE_WRITE);
    FILE *f = fopen(path, "rb");
    CU_ASSERT_PTR_NULL(f);
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

static void a_file_cut_at_any_length_is_refused(void)
{
    unsigned char file[4096];
    const char *path = path_of("cut.safetensors");
    pe_safetensors *f = NULL;
    CU_ASSERT_EQUAL(pe_safetensors_write(path, items, 3, texts, 2, NULL), PE_OK);
    FILE *stream = fopen(path, "rb");
    size_t size = fread(file, 1, sizeof file, stream);
    fclose(stream);
    for (size_t cut = 0; cut < size; cut++)
        CU_ASSERT_EQUAL(pe_safetensors_open_memory(file, cut, "cut", &f, NULL), PE_FORMAT);
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

static void a_file_that_ends_early_gives_what_lies_inside_when_asked_to(void)
{
    const char *path = path_of("early.safetensors");
    pe_safetensors *f = NULL;
    pe_tensor t = {0};
    pe_error err = {0};
    CU_ASSERT_EQUAL(pe_safetensors_write(path, items, 3, texts, 2, NULL), PE_OK);
    FILE *stream = fopen(path, "rb");
    fseek(stream, 0, SEEK_END);
    const long size = ftell(stream);
    fclose(stream);
    CU_ASSERT_EQUAL(truncate(path, size - 1), 0); /* into the last tensor, layer.0.half */
    CU_ASSERT_EQUAL(pe_safetensors_open(path, &f, &err), PE_FORMAT);
    CU_ASSERT_EQUAL_FATAL(pe_safetensors_open_partial(path, &f, &err), PE_OK);
    CU_ASSERT_TRUE(pe_safetensors_at(f, 1)->inside);
    CU_ASSERT_FALSE(pe_safetensors_at(f, 2)->inside);
    CU_ASSERT_EQUAL(pe_safetensors_read(f, "layer.0.weight", 99, &t, &err), PE_OK);
    CU_ASSERT_EQUAL(memcmp(t.data, weights, sizeof weights), 0);
    pe_tensor_release(&t);
    CU_ASSERT_EQUAL(pe_safetensors_read(f, "layer.0.half", 99, &t, &err), PE_FORMAT);
    PE_CONTAINS(err.text, "ends at byte 36 of the data, the file at 35: it is cut off");
    pe_safetensors_close(f);
    stream = fopen(path, "ab");
    fputs("more", stream);
    fclose(stream);
    CU_ASSERT_EQUAL(pe_safetensors_open_partial(path, &f, &err), PE_FORMAT);
    PE_CONTAINS(err.text, "longer than its header says");
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

static pe_status write_and_read(const char *path)
{
    pe_safetensors *f = NULL;
    pe_tensor t = {0};
    pe_status status = pe_safetensors_write(path, items, 3, texts, 2, NULL);
    if (status == PE_OK)
        status = pe_safetensors_open(path, &f, NULL);
    if (status == PE_OK)
        status = pe_safetensors_read(f, "adam.step", 99, &t, NULL);
    pe_tensor_release(&t);
    if (status == PE_OK && pe_safetensors_read(f, "adam.stop", 99, &t, NULL) == PE_MEMORY)
        status = PE_MEMORY;
    pe_safetensors_close(f);
    return status;
}

static void every_failed_allocation_is_reported(void)
{
    pe_status status = PE_MEMORY;
    long allowed = 0;
    for (; status == PE_MEMORY && allowed < 9999; allowed++) {
        pe_fail_allocations_after(allowed);
        status = write_and_read(path_of("memory.safetensors"));
        pe_fail_allocations_after(-1);
        CU_ASSERT_EQUAL(pe_live_blocks(), 0);
    }
    CU_ASSERT_EQUAL(status, PE_OK);
    CU_ASSERT(allowed > 50); /* jansson's blocks are among them */
}

PE_TEST_MAIN("io: safetensors", PE_TEST(ranges_must_tile_the_data),
             PE_TEST(every_entry_must_be_whole),
             PE_TEST(header_lengths_are_checked_before_they_are_believed),
             PE_TEST(a_type_that_is_not_ours_is_refused_only_when_wanted),
             PE_TEST(several_tensors_and_texts_survive_a_file),
             PE_TEST(what_cannot_be_written_is_refused),
             PE_TEST(a_file_cut_at_any_length_is_refused),
             PE_TEST(a_file_that_ends_early_gives_what_lies_inside_when_asked_to),
             PE_TEST(every_failed_allocation_is_reported))
