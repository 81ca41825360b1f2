/* What a model is trained on: bytes of a text, or generated sequences with exact targets.
 *
 * Symbols are 0 .. S-1; after them come SEP, END, PAD. Lengths m are drawn evenly from shortest ..
 * longest for each sequence, symbols evenly and independently. A causal model reads question and
 * answer in one row and is asked for the answer only:
 *
 *   copy      x_1 .. x_m SEP x_1 .. x_m END
 *   reverse   x_1 .. x_m SEP x_m .. x_1 END
 *   sort      x_1 .. x_m SEP the same, rising, END
 *   addition  a SEP b SEP a + b END: m digits each, m + 1 of the sum, the first digits first (or
 *             last first, `reversed`); S = 10
 *   parity    x_1 .. x_m SEP (sum of x mod 2) END; S = 2
 *   count     x_1 .. x_m SEP how many are 1, in decimal digits, END; S >= 10, of which the question
 *             uses 0 and 1
 *
 * and these are asked at every token that has an answer, with nothing after it:
 *
 *   recall    the answer at t is x_(t - distance)
 *   left      the left neighbour, x_(t-1): recall at distance 1
 *   text      the answer at t is the next byte
 *
 * A bidirectional model would see the answer. It reads the question alone (END after it) and is
 * asked at the same place: copy, reverse, sort at x_t for the t-th of the answer, parity at the
 * last token; addition, count and text it does not do.
 *
 * Kazemnejad et al. 2023, arXiv:2305.19466, section 3 and appendix (lengths up to 20, tests to 40,
 * exact match, three seeds): copy, reverse, addition, sorting, parity. Recall: one layer against
 * Shaw's clipping distance. Left neighbour: METRICS.md 2.4. */
#ifndef PE_MODEL_TASK_H
#define PE_MODEL_TASK_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum pe_task_kind {
    PE_TASK_TEXT,
    PE_TASK_COPY,
    PE_TASK_REVERSE,
    PE_TASK_RECALL,
    PE_TASK_LEFT,
    PE_TASK_SORT,
    PE_TASK_ADDITION,
    PE_TASK_PARITY,
    PE_TASK_COUNT_ONES,
    PE_TASK_KINDS
} pe_task_kind;
const char *pe_task_name(pe_task_kind kind); /* "text", "copy", ... */

typedef struct pe_task_config {
    pe_task_kind kind;
    const char *path;          /* text: the file */
    double held_out;           /* text: share at the end of the file that is never trained on; 0:
                                * 0.1 */
    int64_t length;            /* text, recall, left: tokens of a sequence; others ignore it */
    int symbols;               /* S; 0: the published one (copy, reverse, sort, recall, left: 16;
                                * addition, count: 10; parity: 2) */
    int64_t shortest, longest; /* m of copy, reverse, ...; 0: 1 and 20 */
    int64_t distance;          /* recall; 0: 1 */
    bool reversed;             /* addition: the last digit of the sum first */
    bool causal;               /* as the model */
} pe_task_config;

typedef struct pe_task pe_task;

/* Owned by the caller until pe_task_release. A text stays open and is read as it is needed, so that
 * its size does not matter.
 *   PE_USAGE   a member out of range, or a task that a bidirectional model does not do
 *   PE_FORMAT  no such file, or one shorter than two sequences
 *   PE_MEMORY */
pe_status pe_task_create(const pe_task_config *config, pe_task **task, pe_error *err);
void pe_task_release(pe_task *task);
const pe_task_config *pe_task_config_of(const pe_task *task);
int pe_task_vocabulary(const pe_task *task); /* tokens: S + 3, or 256 */
/* Tokens that a sequence with question length m takes; m = longest gives those of a batch. */
int64_t pe_task_tokens(const pe_task *task, int64_t m);

/* A batch: tokens and targets are (B, n), n = pe_task_tokens(longest). Owned until release. */
typedef struct pe_batch {
    int batch;
    int64_t n;
    int32_t *tokens, *targets; /* targets PE_IGNORE (-1) where nothing is asked */
    int64_t *lengths;          /* (B) tokens before the padding */
} pe_batch;
pe_status pe_batch_create(const pe_task *task, int batch, int64_t m, pe_batch *made, pe_error *err);
void pe_batch_release(pe_batch *batch);

typedef enum pe_task_split { PE_TRAIN, PE_HELD_OUT } pe_task_split;

/* Draw batch number `number` of a split: the same for the same (seed, split, number), whatever was
 * drawn before. m: the length of every question, or 0: drawn from shortest .. longest; the batch
 * must have been made for it. Held-out sequences of generated tasks come from a stream of their
 * own. PE_FORMAT  the text cannot be read any more */
pe_status pe_task_draw(pe_task *task, pe_task_split split, uint64_t seed, uint64_t number,
                       int64_t m, pe_batch *batch, pe_error *err);

/* Text only: `count` bytes from `from`, counted in the split; *given is how many there were. */
pe_status pe_task_read(pe_task *task, pe_task_split split, int64_t from, int64_t count,
                       unsigned char *bytes, int64_t *given, pe_error *err);
int64_t pe_task_bytes(const pe_task *task, pe_task_split split); /* 0 for generated tasks */

#endif
