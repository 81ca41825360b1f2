/* What `posenc identify`, its grading and its self-test share: a file as a matrix, a variant as a
 * matrix of the same shape, the command that makes one, one finding as rows to print. */
#ifndef POSENC_IDENTIFY_H
#define POSENC_IDENTIFY_H

#include "cli/options.h"
#include "core/instance.h"
#include "identify/identify.h"

#include <jansson.h>
#include <stdio.h>

/* ---- a file ---- */

typedef struct identify_file {
    char name[256];   /* of the tensor, or "" */
    char dtype[16];   /* "f32", ...; "text" for CSV */
    bool left_out;    /* a first CSV column of positions or offsets was no part of the matrix */
    pe_matrix matrix; /* its values are owned */
} identify_file;

/* A matrix from .npy, CSV or .safetensors, told apart by their first bytes. tensor: of a
 * .safetensors file; NULL: its only one, or the first with a usual name. Axes of length 1 are
 * dropped; one to three must be left (heads, rows, columns). The caller owns *out until
 * identify_close.
 *   PE_FORMAT  not readable, empty, too many axes, or a NaN or +infinity, with its place
 *   PE_USAGE   no such tensor, or a tensor asked of a file without names
 *   PE_MEMORY  more than 2^26 numbers */
pe_status identify_open(const char *path, const char *tensor, identify_file *out, pe_error *err);
void identify_close(identify_file *file);

/* ---- a variant as a matrix ---- */

typedef enum identify_form {
    IDENTIFY_CODES,     /* code rows by position */
    IDENTIFY_TURNS,     /* cosines of all pairs, then sines */
    IDENTIFY_COS_PAIRS, /* one column per pair */
    IDENTIFY_SIN_PAIRS,
    IDENTIFY_COS_COLUMNS, /* one column per column of a head */
    IDENTIFY_SIN_COLUMNS,
    IDENTIFY_SLOPES, /* one number per head: bias of offset 1, positive */
    IDENTIFY_BIAS,   /* (heads, T, T) by offset */
    IDENTIFY_FORMS
} identify_form;
const char *identify_form_text(identify_form form);

/* Which rows: position first + t step of row t. */
typedef struct identify_rows {
    double first, step;
    pe_precision precision;
} identify_rows;

/* Whether an instance of a variant can have this form and shape at all. */
bool identify_form_fits(const pe_variant *variant, identify_form form, const pe_matrix *shape);

/* values (layers, rows, columns) of the form; only the shape of *shape is looked at.
 *   PE_USAGE   the variant has no such form, or refuses the shape or a setting
 *   PE_MEMORY */
pe_status identify_form_values(const pe_variant *variant, const pe_setting *settings, int count,
                               identify_form form, const pe_matrix *shape,
                               const identify_rows *rows, double *values, pe_error *err);

/* Entries of a matrix against expected ones; masked ones (-infinity, or zeros above a diagonal
 * where nothing else is) count as equal. */
typedef struct identify_difference {
    size_t differing, layer, row, column; /* beyond what is allowed; where the first one is */
    double found, expected;               /* there */
    double worst, share;                  /* largest difference; largest of difference / allowed */
    size_t unequal;                       /* entries without the same bits, after rounding */
} identify_difference;

/* allowed: what an entry may be off by in a row at position p: base + slope |p|. */
typedef struct identify_allowance {
    double base, slope;
} identify_allowance;
identify_difference identify_compare(const pe_matrix *matrix, const double *expected,
                                     const identify_rows *rows, identify_allowance allowed);

/* ---- the command ---- */

typedef struct identify_command {
    char text[512]; /* "" when there is none */
    const pe_variant *variant;
    identify_form form;
    double worst;   /* largest difference to the matrix */
    size_t unequal; /* entries that the command does not give bit for bit */
} identify_command;

/* Search all registered variants, with all choices of their options, for one that makes what was
 * found. PE_MEMORY */
pe_status identify_find_command(const pe_matrix *matrix, const pe_identification *what,
                                identify_command *command, pe_error *err);

/* ---- words ---- */

/* Class of a finding, for one line and for the confusion table: "position table, base^(-2i/d),
 * interleaved, sine first"; NULL when unknown is "unknown". */
enum { IDENTIFY_CLASS = 256 };
const char *identify_class(const pe_identification *what, char text[IDENTIFY_CLASS]);

/* Everything that was found, as an object. NULL without memory. */
json_t *identify_as_json(const char *path, const identify_file *file, const pe_identification *what,
                         const identify_command *command);
/* The same as text. */
void identify_print(FILE *out, const char *path, const identify_file *file,
                    const pe_identification *what, const identify_command *command);

/* ---- grading and the self-test: other ways of running the verb ---- */

pe_status identify_grade(const pe_cli *cli, pe_error *err);
pe_status identify_self_test(const pe_cli *cli, pe_error *err);

#endif
