/* What the parts of the experiment `extrapolation` share. Private to extrapolation*.c. */
#ifndef EXTRAPOLATION_H
#define EXTRAPOLATION_H

#include "lab/fleet.h"
#include "lab/words.h"

enum {
    EX_SEEDS = 5,    /* most of them */
    EX_LENGTHS = 12, /* trained length first among those judged */
    EX_SUBJECTS = 32,
    EX_TASKS = 5,
    EX_GROUPS = 6
};

/* What a variant does, by what its setup answers; the first that fits. */
typedef enum ex_group {
    EX_CODES,    /* rows are added to the tokens, by table or by formula */
    EX_TURNS,    /* queries and keys are transformed */
    EX_CONTENT,  /* logits changed by what the tokens say */
    EX_RELATIVE, /* vectors by offset */
    EX_BIAS,     /* numbers by offset */
    EX_NOTHING
} ex_group;
const char *ex_group_title(ex_group group);
ex_group ex_group_of(const pe_instance *instance);
bool ex_table_ends(const pe_instance *instance); /* code rows for some positions only */

typedef struct ex_task {
    const char *id, *title; /* "recall_far", "Recall at distance 12" */
    pe_task_config config;
    int64_t trained; /* L: length of trained sequences, or longest question */
    bool by_token;   /* accuracy at a token of one long sequence, not of questions */
    int layers, batch;
    int64_t steps;
    double rate, deviation; /* of the optimiser; of token rows at the start */
} ex_task;

/* One trained model: accuracy (of tokens, given the right ones before) or, for text, loss in nats
 * at each tested length. */
typedef struct ex_curve {
    bool trained, refused; /* refused: beyond L nothing is defined */
    double at[EX_LENGTHS];
    char because[PE_ERROR_TEXT];
} ex_curve;

/* Who is trained: a subject, with a map before it or with other options, and its curves. */
typedef struct ex_runner {
    const pe_subject *subject;
    const pe_variant *map;
    const pe_setting *map_settings;
    int map_setting_count;
    const pe_setting *settings;
    int setting_count;
    char name[96];
    size_t slot;
    ex_group group;
    ex_curve curve[EX_SEEDS];
} ex_runner;

/* A task, everybody who was trained on it, and where they were tested. */
typedef struct ex_field {
    ex_task task;
    int seeds;
    int lengths; /* tested; the one numbered `own` is L */
    int own;
    int64_t length[EX_LENGTHS];
    int runners;
    ex_runner runner[EX_SUBJECTS];
} ex_field;

/* Lengths from L/2 to 8 L. */
void ex_choose_lengths(ex_field *field);
/* Train and test everybody of a field, on `field->seeds` seeds. */
pe_status ex_measure(pe_lab *lab, ex_field *field, double share, double done, pe_error *err);

/* Mean over the trained seeds, and the least and the most; NaN without any. Beyond a refusal: 0
 * right answers (for text: NaN). */
typedef struct ex_spread {
    double mean, low, high;
} ex_spread;
ex_spread ex_at(const ex_field *field, const ex_runner *runner, int length);
ex_spread ex_reach(const ex_field *field, const ex_runner *runner); /* falls below 0.9, / L */
ex_spread ex_area(const ex_field *field, const ex_runner *runner);  /* mean accuracy, L to 2 L */
int ex_learned(const ex_field *field, const ex_runner *runner);     /* seeds with > 0.95 at L */
bool ex_all_refused(const ex_field *field, const ex_runner *runner);

/* The sections. */
typedef struct ex_run {
    int fields;
    ex_field field[EX_TASKS];
    ex_field headline;
    pe_setting far_map[2];
    char far_text[2][32];
    pe_setting clamp[EX_SUBJECTS];
} ex_run;
pe_status ex_show_tasks(pe_lab *lab, const ex_run *run, pe_result *result, pe_error *err);
pe_status ex_show_text(pe_lab *lab, const ex_run *run, pe_result *result, pe_error *err);
pe_status ex_show_ranks(pe_lab *lab, const ex_run *run, pe_result *result, pe_error *err);
pe_status ex_show_orders(pe_lab *lab, const ex_run *run, pe_result *result, pe_error *err);
pe_status ex_show_headline(pe_lab *lab, const ex_run *run, pe_result *result, pe_error *err);
void ex_add_curve(const ex_field *field, const ex_runner *r, bool grey, pe_figure *figure);
void ex_figure(const ex_field *field, pe_section *section, pe_figure *figure);

#endif
