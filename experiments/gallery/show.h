/* What the pages share. Private to experiments/gallery. */
#ifndef PE_GALLERY_SHOW_H
#define PE_GALLERY_SHOW_H

#include "gallery/gallery.h"

enum { GALLERY_MOST = 48 }; /* exhibits: what a heat map can name */

/* An exhibit and what was measured; lent. */
typedef struct gallery_seen {
    const pe_exhibit *exhibit;
    const double *value; /* of its figures */
    const pe_damage *damage;
} gallery_seen;
pe_status gallery_measured(pe_lab *lab, size_t at, gallery_seen *seen, pe_error *err);

/* The damage table of n exhibits. */
void gallery_damage_table(pe_section *section, size_t n, const gallery_seen *seen);
/* "translation invariant, unique", or "none". */
void gallery_broken(const pe_damage *damage, char *text, size_t room);

#endif
