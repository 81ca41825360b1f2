/* The bug gallery: what the exhibits of variants/gallery are worth, measured. An exhibit becomes
 * two instances, the wrong one and its twin, with the same parameters; a formation path becomes one
 * through a variant whose sines and cosines are given. */
#ifndef PE_GALLERY_H
#define PE_GALLERY_H

#include "analysis/decompose.h"
#include "conformance/claims.h"
#include "exhibits.h"
#include "lab/lab.h"

/* ---- which ones there are ---- */

size_t pe_gallery_count(void);
const pe_exhibit *pe_gallery_at(size_t at); /* by family, in the order of their tables */
/* PE_USAGE with a "did you mean" */
pe_status pe_gallery_find(const char *id, const pe_exhibit **exhibit, pe_error *err);

const char *pe_family_id(pe_exhibit_family family); /* "bugs_in_angles": of page and experiment */
const char *pe_family_title(pe_exhibit_family family);  /* "Angles in low precision" */
const char *pe_exhibit_kind(const pe_exhibit *exhibit); /* "formation path", "variant", ... */

/* ---- as instances ---- */

/* Wrong one and twin, of these dims, for positions first .. first + rows - 1 (paths; variants know
 * no end). The caller owns both until pe_instance_release. PE_USAGE a form that cannot be read or
 * is refused; PE_MEMORY. */
typedef struct pe_exhibited {
    pe_instance *bug, *twin;
} pe_exhibited;
pe_status pe_exhibit_open(const pe_exhibit *exhibit, const pe_dims *dims, int64_t first,
                          int64_t rows, uint64_t seed, pe_exhibited *pair, pe_error *err);
void pe_exhibit_close(pe_exhibited *pair);

/* ---- figures ---- */

/* What measuring gives for a stated figure; the wrong way, or the twin when it is about that. */
pe_status pe_gallery_figure(const pe_exhibit *exhibit, const pe_stated *figure, uint64_t seed,
                            double *value, pe_error *err);
const char *pe_measured_text(pe_measured what);
double pe_stated_tolerance(const pe_stated *figure); /* absolute */
bool pe_stated_agrees(const pe_stated *figure, double value);

/* ---- damage ---- */

typedef enum pe_damage_kind {
    PE_DAMAGE_TABLE_MOST,     /* largest |P - P'| of code rows */
    PE_DAMAGE_TABLE_MEAN,     /* mean |P - P'| */
    PE_DAMAGE_FAR_ROW,        /* 1 - cosine similarity of the last row with the twin's */
    PE_DAMAGE_KERNEL,         /* largest |D(k) - D'(k)| over largest |D'(k)| */
    PE_DAMAGE_SPLIT,          /* half the sum of |changes| of the shares of the split, [0,1] */
    PE_DAMAGE_RANDOM,         /* RMS change of a logit over the twin's spread, random tokens */
    PE_DAMAGE_TEXT,           /* the same on real text */
    PE_DAMAGE_ATTENTION,      /* mean total variation of a query's weights, real text */
    PE_DAMAGE_ATTENTION_MOST, /* largest */
    PE_DAMAGE_COUNT
} pe_damage_kind;
const char *pe_damage_text(pe_damage_kind kind);

/* even Toeplitz, odd Toeplitz, even rest, odd rest, nothing varies: they add up to 1 */
enum { PE_SHARES = 5, PE_BECAUSE = 160 };

typedef struct pe_damage {
    double value[PE_DAMAGE_COUNT];             /* NaN: not applicable, */
    char because[PE_DAMAGE_COUNT][PE_BECAUSE]; /* because ... */
    double bug_share[PE_SHARES], twin_share[PE_SHARES];
    double *bug_curve, *twin_curve; /* D(k), k = 0 .. T-1, as |j - i|; or NULL. Owned */
    size_t length;                  /* T */
    unsigned held, broken; /* by pe_gallery_claims; PE_CLAIM_...: claims of the twin that were
                              tested; that do not hold */
    char counter[PE_CLAIM_COUNT][PE_CLAIM_TEXT]; /* counter-examples */
} pe_damage;
pe_status pe_gallery_damage(pe_lab *lab, const pe_exhibit *exhibit, pe_damage *damage,
                            pe_error *err);
void pe_damage_release(pe_damage *damage);

/* Which claims of the twin do not hold: into held, broken and counter of *damage. */
pe_status pe_gallery_claims(const pe_exhibit *exhibit, uint64_t seed, pe_damage *damage,
                            pe_error *err);

/* ---- pages ---- */

pe_status pe_gallery_family_page(pe_lab *lab, pe_exhibit_family family, pe_result *result,
                                 pe_error *err);
pe_status pe_gallery_overview(pe_lab *lab, pe_result *result, pe_error *err);

#endif
