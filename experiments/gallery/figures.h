/* What figures.c gives out by kind. Private to experiments/gallery. */
#ifndef PE_GALLERY_FIGURES_H
#define PE_GALLERY_FIGURES_H

#include "forms.h"

/* One figure being measured: `form` is the way that it is about. */
typedef struct figure_task {
    const pe_exhibit *exhibit;
    const pe_form *form;
    const pe_stated *stated;
    uint64_t seed;
} figure_task;

pe_status figure_of_path(const figure_task *task, double *value, pe_error *err);
pe_status figure_of_codes(const figure_task *task, double *value, pe_error *err);
pe_status figure_of_turns(const figure_task *task, double *value, pe_error *err);
pe_status figure_of_terms(const figure_task *task, double *value, pe_error *err);

/* The instance that the figure is about, and the twin; `heads` of them make up the width. */
pe_status figure_open(const figure_task *task, int heads, pe_exhibited *pair, pe_error *err);

/* Different values among n. */
size_t count_different(size_t n, double *x);

#endif
