/* What the experiments share: the variants under test as instances of one size, the ways of asking
 * a variant for its positional share, and real text as content. Experiments see variants only here,
 * as entries of the registry with capabilities, never by name. */
#ifndef PE_LAB_H
#define PE_LAB_H

#include "core/run.h"
#include "report/result.h"

#include <stdint.h>

/* One size for all, so that a comparison is fair. */
typedef struct pe_lab_size {
    int64_t length; /* T tokens */
    int heads;      /* H */
    int head_dim;   /* D; d_model = H * D */
    int draws;      /* random draws behind each interval, >= 20 */
    uint64_t seed;
    const char *text; /* path of a text file */
    bool quick;       /* fewer sizes and draws in the long parts; said in the result */
    bool full;        /* trained experiments may take a night; not together with quick */
} pe_lab_size;

/* A variant under test. A variant that refuses this size stays in the list with instance NULL and
 * its sentence, so that the result can say "not applicable, because ...". */
typedef struct pe_subject {
    const pe_variant *variant;
    pe_instance *instance; /* owned by the lab, or NULL */
    /* What results call it: "learned:beyond=clamp" in tables for machines, "Learned absolute,
     * beyond=clamp" for people, "learned_2" in names of files; id, title and id where no option was
     * given. Lent. */
    const char *name, *title, *file;
    char *words; /* the three texts with options, owned by the lab; or NULL */
    char because[PE_ERROR_TEXT];
    size_t slot;       /* palette slot: place in the registry */
    bool random_table; /* it has trainable parameters, and they are random: "untrained" */
} pe_subject;

/* Models that an experiment trained: every different size once, since they are not the lab's. */
enum { PE_LAB_MODELS = 32 };
typedef struct pe_lab_model {
    int64_t length, steps; /* tokens of a sequence */
    int layers, width, heads, batch;
} pe_lab_model;
typedef struct pe_lab_models {
    int count;
    pe_lab_model at[PE_LAB_MODELS];
} pe_lab_models;

typedef struct pe_lab {
    pe_lab_size size;
    int subject_count;
    pe_subject *subjects; /* in the order of the registry */
    unsigned char *text;  /* the first bytes of the file, as tokens */
    size_t text_length;
    const char *keep; /* folder for trainings that a later run goes on with; NULL: none; lent */
    pe_lab_models *models; /* pe_lab_train notes sizes here; NULL: nowhere; lent */
    void (*progress)(void *context, const char *what, double share);
    void *progress_context;
    pe_status (*check)(
        pe_error *err); /* PE_INTERRUPTED after SIGINT: the experiment ends; or NULL */
} pe_lab;

/* Make instances of `count` choices (variant with settings), or of all registered variants when
 * choices is NULL. The text is read here, and must hold at least 2 * length bytes.
 *   PE_USAGE, PE_FORMAT (text), PE_MEMORY */
typedef struct pe_lab_choice {
    const pe_variant *variant;
    const pe_setting *settings;
    int setting_count;
} pe_lab_choice;
pe_status pe_lab_open(pe_lab *lab, const pe_lab_size *size, const pe_lab_choice *choices, int count,
                      pe_error *err);
void pe_lab_close(pe_lab *lab);

/* Say how far the work is; gives PE_INTERRUPTED when the user asked to stop. */
pe_status pe_lab_step(pe_lab *lab, const char *what, double share, pe_error *err);

/* The options of a subject as text, with room for `more` further ones. *settings, with its texts,
 * is one block that the caller releases (pe_release). */
pe_status pe_lab_settings(const pe_subject *subject, int more, pe_setting **settings, int *count,
                          pe_error *err);

/* Biases by distance, without content: b (heads, n) is what the last of n queries adds to the logit
 * of the key that lies 0, 1, ... n - 1 tokens back.
 *   PE_USAGE   the instance refuses the length
 *   PE_MEMORY */
pe_status pe_lab_biases(pe_instance *instance, int64_t n, double *b, pe_error *err);

/* An instance of the same variant and size with other dims or seed; owned by the caller. */
pe_status pe_lab_instance(const pe_lab *lab, const pe_subject *subject, const pe_dims *dims,
                          uint64_t seed, pe_instance **instance, pe_error *err);

/* ---- capabilities ---------------------------------------------------------------------------- */

enum {
    PE_CAN_EMBED = 1,   /* has code rows */
    PE_CAN_BIAS = 2,    /* adds to logits without looking at content (bias rows, pair, v . rows) */
    PE_CAN_MAP = 4,     /* transforms q, k, v or output */
    PE_CAN_ROWS = 8,    /* relative rows that meet q, k or the value */
    PE_CAN_STATE = 16,  /* keeps a state from content */
    PE_CAN_LOGITS = 32, /* changes logits from content */
    PE_CAN_POSITIONS = 64 /* maps positions */
};
unsigned pe_lab_capabilities(const pe_instance *instance);
const char *pe_lab_hooks_text(unsigned capabilities); /* "embed", "map, state", ... */

/* ---- probes: the positional share S (T,T) of a variant
 * ------------------------------------------- */

typedef enum pe_probe {
    PE_PROBE_CODES, /* S = P P^T of the code rows: attention with W_q = W_k = I and no content */
    PE_PROBE_EMPTY, /* logits with q = k = 0: bias, pair, global rows */
    PE_PROBE_ONES,  /* logits with every q and k the all-ones vector: deterministic, and for
                     * rotations  the kernel sum_i cos(n w_i) */
    PE_PROBE_SAME,  /* one random word at every position (identical-word probing, Wang et al. 2021):
                     * q, k, x constant along the sequence, q and k independent */
    PE_PROBE_WORDS  /* independent random q, k, x at every position */
} pe_probe;
const char *pe_probe_text(pe_probe probe); /* one phrase for tables and captions */

/* The probe that shows this variant's own share most directly: CODES with an embed hook, EMPTY when
 * that is not constant, ONES otherwise. */
pe_probe pe_lab_natural_probe(unsigned capabilities);

/* Fill S (T,T) for one head, no mask (bidirectional), `draw` selects the random content. Values
 * that only exist for causal pairs (a variant whose logits need a causal mask) are asked with
 * `causal`, and the rest is NaN. */
pe_status pe_lab_share(const pe_lab *lab, pe_instance *instance, pe_probe probe, int head,
                       uint64_t draw, bool causal, pe_precision precision, double *S,
                       pe_error *err);

/* ---- content
 * ------------------------------------------------------------------------------------------ */

/* q (H,n,D), k, v likewise and x (n, d_model), standard normal, keyed by (seed, draw). Owned. */
typedef struct pe_content {
    double *q, *k, *v, *x;
} pe_content;
pe_status pe_lab_random_content(const pe_lab *lab, const pe_dims *dims, int64_t n, uint64_t draw,
                                pe_content *content, pe_error *err);
void pe_content_release(pe_content *content);

/* A table of token rows and projections. Tables and weights are keyed by (seed, draw), the same for
 * every variant. */
typedef struct pe_text_weights {
    double *table, *Wq, *Wk, *Wv; /* owned */
} pe_text_weights;

/* Those of a draw, for an instance's sizes: for who runs many layers with them. Owned. PE_MEMORY */
pe_status pe_lab_text_weights(const pe_lab *lab, const pe_instance *instance, uint64_t draw,
                              pe_text_weights *weights, pe_error *err);
void pe_text_weights_release(pe_text_weights *weights);

/* One attention layer over real text: bytes first, first + 1, ... (n of them) -> rows of a random
 * table N(0,1) (256, d_model) + the variant's code -> W_q, W_k, W_v ~ N(0, 1/d_model) -> attention.
 */
typedef struct pe_text_job {
    pe_instance *instance;
    pe_precision precision;
    int64_t first, n;
    int64_t shift; /* added to all positions: coordinates and indices */
    uint64_t draw;
    bool causal;
    const pe_text_weights *weights; /* of this draw and instance; lent; NULL: made for this run */
} pe_text_job;
pe_status pe_lab_run_text(const pe_lab *lab, const pe_text_job *job, pe_attended *result,
                          pe_error *err);

/* ---- experiments
 * -------------------------------------------------------------------------------------- */

typedef struct pe_experiment {
    const char *id; /* binary, folder of results: "symmetry" */
    const char *title;
    const char *question; /* one sentence */
    double weight;        /* processor seconds with the defaults, roughly: of several that run side
                           * by side the longest begins first */
    bool alone;           /* it measures times: nothing runs beside it */
    const char *family;   /* those of one family share what they measured, in one process, in the
                           * order of the index; NULL: none */
    /* Fill a result; the caller made it (id, title, question) and saves it. */
    pe_status (*run)(pe_lab *lab, pe_result *result, pe_error *err);
} pe_experiment;

extern const pe_experiment *const pe_experiments[]; /* NULL-terminated, in the order of the index */

#endif
