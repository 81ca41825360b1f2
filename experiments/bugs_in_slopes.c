/* The bug gallery's page on bias slopes (experiments/gallery). */
#include "gallery/gallery.h"

static pe_status run(pe_lab *lab, pe_result *result, pe_error *err)
{
    return pe_gallery_family_page(lab, PE_BUGS_IN_SLOPES, result, err);
}

const pe_experiment pe_experiment_bugs_in_slopes = {
    .id = "bugs_in_slopes",
    .title = "Bug gallery: bias slopes",
    .question = "How steep, from where, and in how many bits?",
    .family = "bug gallery",
    .run = run,
};
