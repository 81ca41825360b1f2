/* The inside of a result, for the files of this room. */
#ifndef PE_REPORT_RESULT_DATA_H
#define PE_REPORT_RESULT_DATA_H

#include "report/result.h"

typedef enum pe_cell_kind { PE_CELL_MISSING, PE_CELL_NUMBER, PE_CELL_TEXT } pe_cell_kind;

typedef struct pe_cell {
    pe_cell_kind kind;
    double number;
    char *text;
} pe_cell;

typedef struct pe_column {
    char *name, *unit;
    int is_text, digits;
} pe_column;

struct pe_sheet {
    pe_result *result;
    char *id, *caption;
    size_t columns;
    pe_column *column;
    size_t cells, room; /* row by row */
    pe_cell *cell;
};

typedef struct pe_number_asked {
    char *name;
    double value, tolerance;
} pe_number_asked;

typedef enum pe_block_kind {
    PE_BLOCK_PARAGRAPH, /* a: text */
    PE_BLOCK_FORMULA,   /* a: TeX, b: where */
    PE_BLOCK_NOTE,      /* a: variant, b: because */
    PE_BLOCK_FIGURE,
    PE_BLOCK_TABLE,
    PE_BLOCK_VERDICTS, /* those of the section, where the first one was added */
    PE_BLOCK_EXERCISE, /* a: question, b: hint */
    PE_BLOCK_TRY       /* a: what */
} pe_block_kind;

typedef struct pe_block {
    pe_block_kind kind;
    char *a, *b;
    pe_figure *figure;
    pe_sheet *sheet;
    size_t numbers;
    pe_number_asked *number;
    size_t arguments;
    char **argument;
} pe_block;

/* A verdict whose texts are owned here, never NULL. */
typedef struct pe_verdict_row {
    char *id, *variant, *quantity, *unit, *source, *because;
    double value, expected, tolerance, ci_low, ci_high;
    pe_judgement judgement;
} pe_verdict_row;

struct pe_section {
    pe_result *result;
    char *title;
    size_t blocks;
    pe_block *block;
    size_t verdicts;
    pe_verdict_row *verdict;
};

typedef struct pe_parameter {
    char *name, *value, *meaning;
} pe_parameter;

struct pe_result {
    char *id, *title, *question, *finding;
    char *command, *version, *precision, *blas, *compiler; /* "" when unknown */
    uint64_t seed;
    unsigned threads;
    double began; /* by the clock below: the work on it begins with it */
    int has_facts;
    size_t parameters;
    pe_parameter *parameter;
    size_t sections;
    pe_section **section;
    pe_error error; /* the first; PE_OK while all is well */
};

size_t pe_sheet_rows(const pe_sheet *sheet);
/* For people: "0.25", "1.5·10⁻⁶", "" for a NaN. digits 0: 6 */
enum { PE_SHOWN_NUMBER = 32 };
void pe_shown_number(double value, int digits, char text[PE_SHOWN_NUMBER]);
void pe_shown_cell(const pe_sheet *sheet, size_t row, size_t column, const char **text,
                   char number[PE_SHOWN_NUMBER]);

#endif
