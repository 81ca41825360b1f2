/* The bug gallery's page on training: small models with a bug and without (experiments/gallery). */
#include "gallery/trained.h"

static pe_status run(pe_lab *lab, pe_result *result, pe_error *err)
{
    return pe_gallery_training_page(lab, result, err);
}

const pe_experiment pe_experiment_bugs_in_training = {
    .id = "bugs_in_training",
    .title = "Bug gallery: training",
    .question = "A model is trained with the bug: would its loss have shown it?",
    .weight = 60,
    .run = run,
};
