/* What training does with an exhibit: small models with the bug and with its twin, on the same
 * data, from the same initial weights, seed by seed. Would the loss have shown it? */
#ifndef PE_GALLERY_TRAINED_H
#define PE_GALLERY_TRAINED_H

#include "analysis/summary.h"
#include "gallery/gallery.h"

enum { PE_TRAINED_SEEDS = 16 }; /* most of them */

/* How everybody is trained. */
typedef struct pe_course {
    int64_t length, far;      /* L, of a trained sequence and of a tested one, in tokens */
    int seeds;                /* 2 .. PE_TRAINED_SEEDS: lab's seed, seed + 1, ... */
    int layers, width, heads; /* heads where an exhibit leaves them; width at least */
    int batch;
    int64_t steps;
} pe_course;
/* Of the lab's effort: seconds, less than a minute, a night. */
pe_course pe_gallery_course(const pe_lab *lab);

/* A loss of both, in nats a token, seed by seed. */
typedef struct pe_paired {
    double bug[PE_TRAINED_SEEDS], twin[PE_TRAINED_SEEDS];
    double bug_mean, twin_mean;
    double band;            /* of the seeds: largest minus smallest of the twin */
    pe_interval difference; /* bug - twin, mean of the pairs, 95 %, Student's t */
    bool beyond;            /* further from 0 than the band is wide, and 0 is not in the interval */
} pe_paired;

/* What would have shown the bug to somebody who trained with it. */
typedef enum pe_shown {
    PE_SHOWN_BY_LOSS, /* the held-out loss at the trained length */
    PE_SHOWN_FAR,     /* only the loss of longer sequences */
    PE_SHOWN_BY_NONE,
    PE_SHOWN_COUNT
} pe_shown;
const char *pe_shown_text(pe_shown shown); /* "the loss", "only extrapolation", "neither" */

typedef struct pe_trained_pair {
    const pe_exhibit *exhibit;
    unsigned kind;    /* one of PE_TRAINED_... */
    bool declined;    /* because ... */
    pe_paired near;   /* held-out loss, L tokens */
    pe_paired far;    /* the same of sequences of 4 L tokens */
    pe_paired loaded; /* `bug`: the twin's weights in the code that has the bug, L tokens */
    pe_shown shown;
    char because[PE_ERROR_TEXT];
} pe_trained_pair;
const char *pe_trained_kind_text(unsigned kind); /* "text", "left neighbour" */

/* How many pairs the trained ones among n exhibits make: one for each kind of task. */
size_t pe_gallery_pairs(size_t n, const pe_exhibit *const *list);

/* Train them: pairs (pe_gallery_pairs) in the order of the list. A way that several share (a twin)
 * is trained once.
 *   PE_INTERRUPTED, PE_WRITE, PE_MEMORY; PE_USAGE a course out of range */
pe_status pe_gallery_train(pe_lab *lab, const pe_course *course, size_t n,
                           const pe_exhibit *const *list, pe_trained_pair *pairs, pe_error *err);

pe_status pe_gallery_training_page(pe_lab *lab, pe_result *result, pe_error *err);

#endif
