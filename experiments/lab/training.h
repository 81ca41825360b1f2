/* Trained subjects: a variant in a small model, on a task, with a seed; kept between runs where the
 * lab has a folder for that, so that a long run can be interrupted and gone on with.
 *
 *     pe_lab_recipe recipe = pe_lab_recipe_of(lab, &task, 2, 32, 2);   2 layers, width 32, 2 heads
 *     recipe.steps = 300;
 *     pe_trained trained;
 *     status = pe_lab_train(lab, subject, &recipe, &trained, err);
 *     if (pe_lab_declined(status)) "not applicable, because " err->text
 *     ... pe_model_evaluate(trained.model, ...), trained.task, trained.held_out
 *     pe_lab_trained_release(&trained); */
#ifndef PE_LAB_TRAINING_H
#define PE_LAB_TRAINING_H

#include "lab/lab.h"
#include "model/train.h"

/* How long trained experiments may take: --quick (seconds, for tests), --preset quick (the main
 * job, minutes), --preset full (a night). */
typedef enum pe_effort { PE_EFFORT_LEAST, PE_EFFORT_QUICK, PE_EFFORT_FULL } pe_effort;
pe_effort pe_lab_effort(const pe_lab *lab);
/* The one of three numbers that the effort takes. */
int64_t pe_lab_by_effort(const pe_lab *lab, int64_t least, int64_t quick, int64_t full);

/* Called at a stage, with the model as it is after `step` steps. A status other than PE_OK ends the
 * training with it. */
typedef pe_status (*pe_lab_look)(pe_model *model, int stage, int64_t step, void *context,
                                 pe_error *err);

/* Called before the first step, and again where a kept training goes on: what cannot be said in
 * settings, such as frozen tables. */
typedef pe_status (*pe_lab_prepare)(pe_model *model, void *context, pe_error *err);

/* All that decides a training. pe_lab_recipe_of fills every member; change what differs. */
typedef struct pe_lab_recipe {
    pe_model_config model; /* variant comes from the subject; settings here win over its own */
    pe_task_config task;
    pe_optimiser optimiser;
    int batch;
    int64_t steps;
    uint64_t seed;          /* of initial parameters and of data */
    int64_t held_out_every; /* steps between held-out losses in the record; 0: only at the end */

    int stage_count;
    const int64_t *stages; /* (stage_count) steps at which `look` is called, rising, 0 .. steps */
    pe_lab_look look;      /* also for stages that an earlier run reached: from its snapshots */
    void *context;         /* lent to look and prepare */

    pe_lab_prepare prepare; /* or NULL */
    const char *mark;       /* of what it does: tells kept trainings apart; NULL: "" */

    const char *what;         /* for the progress line; NULL: "training" */
    double share, share_done; /* of the experiment's work, before and after this training */
} pe_lab_recipe;

/* A recipe for a task: vocabulary, length and causality are taken from it, `layers` x `width` with
 * `heads`, MLP of 4 width; AdamW at 3e-3 (betas 0.9, 0.98), warm-up over a tenth of the steps, then
 * a cosine to a tenth, clipped at 1, decay 0.01; batch 16, 300 steps, the lab's seed. A text task
 * without a path reads the lab's text. */
pe_lab_recipe pe_lab_recipe_of(const pe_lab *lab, const pe_task_config *task, int layers, int width,
                               int heads);

typedef struct pe_trained {
    pe_model *model;       /* owned */
    pe_task *task;         /* owned */
    double loss, held_out; /* of the last step; of the held-out split at the end, nats */
    size_t row_count;      /* steps */
    pe_training_row *rows; /* (row_count) the record, owned */
    size_t setting_count;  /* settings of the model's variant, lent to it */
    pe_setting *settings;  /* owned */
} pe_trained;

/* Train a subject. Same lab, subject and recipe: same bytes, whether or not an earlier run was
 * interrupted. The caller owns *trained until pe_lab_trained_release, also after a failure (all
 * empty then).
 *   PE_USAGE        the subject was refused, or cannot be trained, or not on this task: the reason
 *   PE_FORMAT       the loss is not finite, or the text cannot be read
 *   PE_INTERRUPTED, PE_WRITE, PE_MEMORY */
pe_status pe_lab_train(pe_lab *lab, const pe_subject *subject, const pe_lab_recipe *recipe,
                       pe_trained *trained, pe_error *err);
void pe_lab_trained_release(pe_trained *trained);

/* PE_USAGE or PE_FORMAT: this subject does not do it; an experiment says why and goes on. */
bool pe_lab_declined(pe_status status);

#endif
