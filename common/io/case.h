/* A case folder: case.json and .npy files, how tensors go in and out. tests/golden/README.md is the
 * contract.
 *
 * case.json must have name, variant and files; options, formula, seed, tolerance may be absent, and
 * other keys are ignored. File names are [A-Za-z0-9._-]{1,64}, begin with no dot and end in .npy.
 */
#ifndef PE_IO_CASE_H
#define PE_IO_CASE_H

#include "io/tensor.h"

#include <jansson.h>
#include <stdint.h>

enum { PE_CASE_FILES = 1024 }; /* tensors in one case, at most */

typedef struct pe_case pe_case;

typedef struct pe_case_file {
    const char *name; /* without ".npy" */
    int rank;
    size_t shape[PE_SHAPE_RANK];
    pe_dtype dtype;
    const char *axes, *role; /* "" when not stated */
} pe_case_file;

/* ---- reading ---- */

/* Read case.json and see that every declared file is there. On success the caller owns *out until
 * pe_case_close; everything the functions below lend lives as long.
 *   PE_FORMAT  with path:line:column, or the file and what is wrong with it
 *   PE_MEMORY  case.json is over 1 MiB, or no memory */
pe_status pe_case_open(const char *folder, pe_case **out, pe_error *err);

/* As above for a case.json in memory; its files are looked for in `folder` when they are read. */
pe_status pe_case_open_memory(const char *text, size_t size, const char *folder, pe_case **out,
                              pe_error *err);
void pe_case_close(pe_case *c); /* NULL does nothing */

const char *pe_case_name(const pe_case *c);
const char *pe_case_variant(const pe_case *c);
const char *pe_case_formula(const pe_case *c); /* "" when not stated */
uint64_t pe_case_seed(const pe_case *c);       /* 0 when not stated */

/* The bound for a program in this precision (README: max|x - ref| <= tol (1 + max|ref|)); NaN when
 * none is stated or the type is neither f64 nor f32. */
double pe_case_tolerance(const pe_case *c, pe_dtype precision);

size_t pe_case_file_count(const pe_case *c);
const pe_case_file *pe_case_file_at(const pe_case *c, size_t index);  /* in the file's order */
const pe_case_file *pe_case_find(const pe_case *c, const char *name); /* NULL when absent */

/* The tensor "q" of q.npy, owned by *out (pe_tensor_release).
 *   PE_USAGE   no such file; the sentence suggests the nearest name
 *   PE_FORMAT  as pe_npy_read, or its shape or type is not what case.json says */
pe_status pe_case_tensor(const pe_case *c, const char *name, pe_tensor *out, pe_error *err);

/* Options. An absent option and one that is null give the fallback; one of another kind is
 * PE_FORMAT. pe_case_real takes an integer as well. */
typedef enum pe_option_kind {
    PE_OPTION_ABSENT,
    PE_OPTION_NULL,
    PE_OPTION_BOOL,
    PE_OPTION_INT,
    PE_OPTION_REAL,
    PE_OPTION_STRING,
    PE_OPTION_LIST,
    PE_OPTION_OBJECT
} pe_option_kind;

pe_option_kind pe_case_option_kind(const pe_case *c, const char *key);
pe_status pe_case_int(const pe_case *c, const char *key, int64_t fallback, int64_t *value,
                      pe_error *err);
pe_status pe_case_real(const pe_case *c, const char *key, double fallback, double *value,
                       pe_error *err);
pe_status pe_case_bool(const pe_case *c, const char *key, int fallback, int *value, pe_error *err);
pe_status pe_case_string(const pe_case *c, const char *key, const char *fallback,
                         const char **value, pe_error *err);

/* A list of numbers as an owned array (pe_release); NULL and 0 when absent or null. */
pe_status pe_case_list(const pe_case *c, const char *key, double **values, size_t *count,
                       pe_error *err);

/* All options, for what the functions above do not cover; lent, never NULL. */
const json_t *pe_case_options(const pe_case *c);

/* ---- writing ---- */

/* A case being written: begin, options and tensors in any order, commit. case.json comes last, so a
 * folder without it is an unfinished one. */
typedef struct pe_case_writer pe_case_writer;

/* Makes the folder. NULL on failure: PE_WRITE (also when it already holds a case.json), PE_MEMORY.
 */
pe_case_writer *pe_case_write_begin(const char *folder, const char *name, const char *variant,
                                    pe_error *err);

/* A member of case.json beside name, variant, options and files: "formula", "seed", "tolerance",
 * ...; or an option. value is moved, also on failure.
 *   PE_MEMORY  also when value is NULL (its construction failed)
 *   PE_USAGE   the member is one of those four */
pe_status pe_case_write_member(pe_case_writer *w, const char *key, json_t *value, pe_error *err);
pe_status pe_case_write_option(pe_case_writer *w, const char *key, json_t *value, pe_error *err);

/* Write NAME.npy and remember its shape, type, axes ("(B, H, L, D)") and role ("input"). bfloat16
 * is declared as dtype "bf16" and read back as such. PE_USAGE   a name that a case may not have, or
 * one twice PE_WRITE   as in output.h */
pe_status pe_case_write_add(pe_case_writer *w, const char *name, const pe_tensor *tensor,
                            const char *axes, const char *role, pe_error *err);

/* Ends w either way; on failure, and after abandon, the files that were added are gone. */
pe_status pe_case_write_commit(pe_case_writer *w, pe_error *err);
void pe_case_write_abandon(pe_case_writer *w); /* NULL does nothing */

#endif
