/* The forms of an exhibit as instances and as formed sinusoids. Private to experiments/gallery. */
#ifndef PE_GALLERY_FORMS_H
#define PE_GALLERY_FORMS_H

#include "formation/measure.h"
#include "gallery/gallery.h"

/* The variant and the settings of a text "ID:option=value,...". */
enum { FORM_SETTINGS = 8, FORM_TEXT = 160 };
typedef struct form_choice {
    const pe_variant *variant;
    pe_setting setting[FORM_SETTINGS];
    int setting_count;
    char text[FORM_TEXT];
} form_choice;
pe_status form_read(const char *text, form_choice *choice, pe_error *err);

/* Of a path: sine and cosine, (rows, pairs), of positions first, first + 1, ... as it holds them.
 */
typedef struct form_span {
    int64_t first, rows;
    size_t pairs;
} form_span;
pe_status form_tables(const pe_exhibit *exhibit, const pe_form *form, const form_span *span,
                      double *sine, double *cosine, pe_error *err);
/* Ready to be evaluated; owned. */
pe_status form_formed(const pe_exhibit *exhibit, const pe_form *form, double base, size_t pairs,
                      pe_formed *formed, pe_error *err);
/* A position as the path holds it. */
double form_held(const pe_form *form, const pe_formation *path, double position);

/* Fill the tables of an instance that has them (bug_formed) from the path. */
pe_status form_fill(const pe_exhibit *exhibit, const pe_form *form, int64_t first,
                    pe_instance *instance, pe_error *err);
/* The text of a form as a variant: its own, or that of the given table. */
void form_text(const pe_exhibit *exhibit, const pe_form *form, bool rotary, int64_t first,
               int64_t rows, char text[FORM_TEXT]);

#endif
