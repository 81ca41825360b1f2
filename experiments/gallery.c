/* The bug gallery's overview (experiments/gallery). */
#include "gallery/gallery.h"

static pe_status run(pe_lab *lab, pe_result *result, pe_error *err)
{
    return pe_gallery_overview(lab, result, err);
}

const pe_experiment pe_experiment_gallery = {
    .id = "gallery",
    .title = "Bug gallery: overview",
    .question = "Real bugs of real projects: how much damage does each do, and what would find it?",
    .family = "bug gallery",
    .weight = 20,
    .run = run,
};
