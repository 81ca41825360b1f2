/* The bug gallery's page on conventions (experiments/gallery). */
#include "gallery/gallery.h"

static pe_status run(pe_lab *lab, pe_result *result, pe_error *err)
{
    return pe_gallery_family_page(lab, PE_BUGS_IN_CONVENTIONS, result, err);
}

const pe_experiment pe_experiment_bugs_in_conventions = {
    .id = "bugs_in_conventions",
    .title = "Bug gallery: conventions",
    .question = "Which formula, which layout, which pairs: and does it matter?",
    .family = "bug gallery",
    .run = run,
};
