/* Drawing sequences. A sequence is written as one row `all` of tokens with the answer in it; the
 * model reads all but the last token and is asked for the next one where the answer stands. */
#include "base/memory.h"
#include "core/stream.h"
#include "model/task_inside.h"

#include <string.h>

enum { IGNORE = -1 };

/* A sequence in the making. */
typedef struct row {
    int32_t *tokens, *targets; /* (n), filled with PAD and IGNORE */
    int64_t n, used;           /* used: tokens before the padding */
    int sep, end;
    pe_core_stream *stream;
} row;

static int64_t below(pe_core_stream *stream, int64_t limit)
{
    return (int64_t)(pe_core_uniform(stream) * (double)limit);
}

/* ---- question, then answer: causal
 * ---------------------------------------------------------------
 */

/* One more token; asked: it was to be predicted from what stands before it. */
static void say(row *r, int32_t token, bool asked)
{
    if (asked)
        r->targets[r->used - 1] = token;
    if (r->used < r->n) /* the last answer is a target only */
        r->tokens[r->used] = token;
    r->used++;
}

static void finish(row *r)
{
    say(r, r->end, true);
    r->used--; /* nothing is asked after END, so it is not read */
}

static int32_t *draw_symbols(row *r, int64_t m, int64_t symbols, int32_t *x)
{
    for (int64_t i = 0; i < m; i++)
        x[i] = (int32_t)below(r->stream, symbols);
    return x;
}

/* Counting sort, into y. */
static void sort_symbols(int64_t m, const int32_t *x, int32_t *y)
{
    int32_t most = 0;
    for (int64_t i = 0; i < m; i++)
        most = x[i] > most ? x[i] : most;
    int64_t at = 0;
    for (int32_t s = 0; s <= most; s++)
        for (int64_t i = 0; i < m; i++)
            if (x[i] == s)
                y[at++] = s;
}

/* Digits of `value`, the first one first; how many. */
static int digits_of(int64_t value, int32_t *digits)
{
    int count = 1;
    for (int64_t rest = value; rest >= 10; rest /= 10)
        count++;
    for (int i = count - 1; i >= 0; i--, value /= 10)
        digits[i] = (int32_t)(value % 10);
    return count;
}

/* The answer to x (m); y has room for m + 20. */
static int64_t answer(pe_task_kind kind, int64_t m, const int32_t *x, int32_t *y)
{
    int64_t ones = 0;
    switch (kind) {
    case PE_TASK_REVERSE:
        for (int64_t i = 0; i < m; i++)
            y[i] = x[m - 1 - i];
        return m;
    case PE_TASK_SORT:
        sort_symbols(m, x, y);
        return m;
    case PE_TASK_PARITY:
    case PE_TASK_COUNT_ONES:
        for (int64_t i = 0; i < m; i++)
            ones += x[i];
        y[0] = (int32_t)(ones % 2);
        return kind == PE_TASK_PARITY ? 1 : digits_of(ones, y);
    default:
        memcpy(y, x, (size_t)m * sizeof *y);
        return m;
    }
}

static void ask(const pe_task_config *c, row *r, int64_t m, int32_t *x)
{
    int32_t *y = x + m;
    const bool bits = c->kind == PE_TASK_PARITY || c->kind == PE_TASK_COUNT_ONES;
    draw_symbols(r, m, bits ? 2 : c->symbols, x);
    const int64_t count = answer(c->kind, m, x, y);
    for (int64_t i = 0; i < m; i++)
        say(r, x[i], false);
    say(r, r->sep, false);
    for (int64_t i = 0; i < count; i++)
        say(r, y[i], true);
    finish(r);
}

/* a SEP b SEP a + b END. */
static void ask_addition(const pe_task_config *c, row *r, int64_t m, int32_t *x)
{
    int32_t *a = draw_symbols(r, m, 10, x), *b = draw_symbols(r, m, 10, x + m), *sum = x + 2 * m;
    int32_t carry = 0;
    for (int64_t i = m - 1; i >= 0; i--) {
        const int32_t digit = a[i] + b[i] + carry;
        sum[i + 1] = digit % 10;
        carry = digit / 10;
    }
    sum[0] = carry;
    for (int64_t i = 0; i < m; i++)
        say(r, a[i], false);
    say(r, r->sep, false);
    for (int64_t i = 0; i < m; i++)
        say(r, b[i], false);
    say(r, r->sep, false);
    for (int64_t i = 0; i <= m; i++)
        say(r, sum[c->reversed ? m - i : i], true);
    finish(r);
}

/* ---- question alone: bidirectional
 * ---------------------------------------------------------------
 */

static void ask_in_place(const pe_task_config *c, row *r, int64_t m, int32_t *x)
{
    int32_t *y = x + m;
    draw_symbols(r, m, c->symbols, x);
    const int64_t count = answer(c->kind, m, x, y);
    memcpy(r->tokens, x, (size_t)m * sizeof *x);
    r->tokens[m] = r->end;
    memcpy(r->targets + m - count, y, (size_t)count * sizeof *y);
    r->used = m + 1;
}

/* ---- at every token
 * -------------------------------------------------------------------------------
 */

static void ask_recall(const pe_task_config *c, row *r)
{
    draw_symbols(r, r->n, c->symbols, r->tokens);
    for (int64_t t = c->distance; t < r->n; t++)
        r->targets[t] = r->tokens[t - c->distance];
    r->used = r->n;
}

static pe_status read_text(pe_task *task, pe_task_split split, row *r, unsigned char *bytes,
                           pe_error *err)
{
    int64_t given;
    const int64_t from = below(r->stream, task->bytes[split] - r->n);
    pe_status status = pe_task_read(task, split, from, r->n + 1, bytes, &given, err);
    for (int64_t t = 0; status == PE_OK && t < r->n; t++) {
        r->tokens[t] = bytes[t];
        r->targets[t] = bytes[t + 1];
    }
    r->used = r->n;
    return status;
}

/* ---- a batch
 * -------------------------------------------------------------------------------------- */

static pe_status draw_row(pe_task *task, pe_task_split split, int64_t m, row *r, void *room,
                          pe_error *err)
{
    const pe_task_config *c = &task->config;
    for (int64_t t = 0; t < r->n; t++) {
        r->tokens[t] = c->symbols + 2; /* PAD; a text has none */
        r->targets[t] = IGNORE;
    }
    if (c->kind == PE_TASK_TEXT)
        return read_text(task, split, r, room, err);
    if (c->kind == PE_TASK_RECALL || c->kind == PE_TASK_LEFT)
        ask_recall(c, r);
    else if (!c->causal)
        ask_in_place(c, r, m, room);
    else if (c->kind == PE_TASK_ADDITION)
        ask_addition(c, r, m, room);
    else
        ask(c, r, m, room);
    return PE_OK;
}

pe_status pe_task_draw(pe_task *task, pe_task_split split, uint64_t seed, uint64_t number,
                       int64_t m, pe_batch *batch, pe_error *err)
{
    const pe_task_config *c = &task->config;
    const int64_t spread = c->longest - c->shortest + 1;
    if (batch->n < pe_task_tokens(task, m))
        return pe_fail(err, PE_USAGE, "the batch has room for %lld tokens, not for %lld",
                       (long long)batch->n, (long long)pe_task_tokens(task, m));
    int32_t *room = pe_allocate(3 * (size_t)batch->n + 32, sizeof *room, "a sequence", err);
    pe_status status = room ? PE_OK : PE_MEMORY;
    for (int b = 0; status == PE_OK && b < batch->batch; b++) {
        pe_core_stream stream;
        pe_core_stream_start(&stream, seed, split == PE_TRAIN ? "trained on" : "held out",
                             number * (uint64_t)batch->batch + (uint64_t)b);
        row r = {.tokens = batch->tokens + b * batch->n,
                 .targets = batch->targets + b * batch->n,
                 .n = batch->n,
                 .sep = c->symbols,
                 .end = c->symbols + 1,
                 .stream = &stream};
        status = draw_row(task, split, m ? m : c->shortest + below(&stream, spread), &r, room, err);
        batch->lengths[b] = r.used;
    }
    pe_release(room);
    return status;
}
