/* The bug gallery's page on axes and offsets (experiments/gallery). */
#include "gallery/gallery.h"

static pe_status run(pe_lab *lab, pe_result *result, pe_error *err)
{
    return pe_gallery_family_page(lab, PE_BUGS_IN_OFFSETS, result, err);
}

const pe_experiment pe_experiment_bugs_in_offsets = {
    .id = "bugs_in_offsets",
    .title = "Bug gallery: axes and offsets",
    .question = "Whose position is it, and where does counting begin?",
    .family = "bug gallery",
    .run = run,
};
