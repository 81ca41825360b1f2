/* Every exhibit is measured once in a run: the pages of families and the overview share it. */
#include "show.h"

#include <string.h>

typedef struct kept {
    bool valid;
    pe_lab_size size;
    double value[PE_EXHIBIT_FIGURES];
    pe_damage damage;
} kept;
static kept shelf[GALLERY_MOST]; /* lives as long as the program */

static bool is_same(const pe_lab_size *a, const pe_lab_size *b)
{
    return a->length == b->length && a->heads == b->heads && a->head_dim == b->head_dim &&
           a->seed == b->seed && strcmp(a->text, b->text) == 0;
}

static pe_status measure(pe_lab *lab, const pe_exhibit *e, kept *k, pe_error *err)
{
    pe_status status = PE_OK;
    pe_damage_release(&k->damage);
    k->valid = false;
    for (int f = 0; status == PE_OK && f < e->figure_count; f++)
        status = pe_gallery_figure(e, &e->figure[f], lab->size.seed, &k->value[f], err);
    if (status == PE_OK)
        status = pe_gallery_damage(lab, e, &k->damage, err);
    if (status == PE_OK)
        status = pe_gallery_claims(e, lab->size.seed, &k->damage, err);
    if (status == PE_OK) {
        k->size = lab->size;
        k->valid = true;
    }
    return status;
}

pe_status gallery_measured(pe_lab *lab, size_t at, gallery_seen *seen, pe_error *err)
{
    kept *k = &shelf[at];
    const pe_exhibit *e = pe_gallery_at(at);
    pe_status status = PE_OK;
    if (!k->valid || !is_same(&k->size, &lab->size))
        status = measure(lab, e, k, err);
    *seen = (gallery_seen){e, k->value, &k->damage};
    return status;
}
