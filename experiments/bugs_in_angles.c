/* The bug gallery's page on angles in low precision (experiments/gallery). */
#include "gallery/gallery.h"

static pe_status run(pe_lab *lab, pe_result *result, pe_error *err)
{
    return pe_gallery_family_page(lab, PE_BUGS_IN_ANGLES, result, err);
}

const pe_experiment pe_experiment_bugs_in_angles = {
    .id = "bugs_in_angles",
    .title = "Bug gallery: angles in low precision",
    .question = "What happens to positions when angles are formed in few bits?",
    .family = "bug gallery",
    .run = run,
};
