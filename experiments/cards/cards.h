/* Does it matter? One card for one question: an experiment, its number, when the answer flips, and
 * the command. Subjects are found by what they can do and by the options they have. */
#ifndef PE_CARDS_H
#define PE_CARDS_H

#include "lab/lab.h"
#include "lab/words.h"

typedef struct pe_card {
    const char *id, *title, *question;
    /* Fill a result; the caller made it (id, title, question) and saves it. A card without a
     * subject says so. */
    pe_status (*run)(const pe_lab *lab, pe_result *result, pe_error *err);
} pe_card;

extern const pe_card pe_cards[];
extern const size_t pe_card_count;

/* Run one card into a new result, owned by the caller. */
pe_status pe_card_make(const pe_card *card, const pe_lab *lab, pe_result **result, pe_error *err);

/* ---- for the cards ---- */

/* The first subject with these capabilities that has both options (NULL: any); NULL: none. */
const pe_subject *cards_subject(const pe_lab *lab, unsigned capabilities, const char *option,
                                const char *other);

/* Code rows (n, width) of positions 0 .. n-1 with up to two options set; owned (pe_release). */
typedef struct cards_set {
    const char *name, *value, *name2, *value2;
} cards_set;
pe_status cards_codes(const pe_subject *subject, size_t n, size_t width, cards_set set,
                      double **rows, pe_error *err);

/* Dot product of two rows, over half the width: 1 for a row with itself. */
double cards_kernel(const double *a, const double *b, size_t width);

/* The three parts every card has. */
void cards_text(pe_result *result, const char *heading, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* No subject: the card says that it does not apply. */
pe_status cards_none(pe_result *result, const char *because);
/* The one sentence of the index. */
void cards_finding(pe_result *result, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

typedef pe_status cards_run_function(const pe_lab *lab, pe_result *result, pe_error *err);
cards_run_function cards_order, cards_pairing, cards_rule, cards_odd, cards_scaling, cards_add,
    cards_base, cards_clip, cards_decay, cards_positions, cards_exp_log, cards_norm;

#endif
