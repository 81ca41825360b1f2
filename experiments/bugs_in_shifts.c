/* The bug gallery's page on relative rows and the shift (experiments/gallery). */
#include "gallery/gallery.h"

static pe_status run(pe_lab *lab, pe_result *result, pe_error *err)
{
    return pe_gallery_family_page(lab, PE_BUGS_IN_SHIFTS, result, err);
}

const pe_experiment pe_experiment_bugs_in_shifts = {
    .id = "bugs_in_shifts",
    .title = "Bug gallery: relative rows and the shift",
    .question = "Which query meets which distance?",
    .family = "bug gallery",
    .run = run,
};
