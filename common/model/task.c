/* Tasks: what they are made of, and batches. The sequences themselves: task_draw.c. */
#include "model/task.h"
#include "base/memory.h"
#include "model/task_inside.h"

#include <string.h>

static const char *const names[PE_TASK_KINDS] = {"text", "copy",     "reverse", "recall", "left",
                                                 "sort", "addition", "parity",  "count"};

const char *pe_task_name(pe_task_kind kind)
{
    return names[kind];
}

static bool by_token(pe_task_kind kind)
{
    return kind == PE_TASK_TEXT || kind == PE_TASK_RECALL || kind == PE_TASK_LEFT;
}

static void fill_defaults(pe_task_config *c)
{
    static const int symbols[PE_TASK_KINDS] = {256, 16, 16, 16, 16, 16, 10, 2, 10};
    if (c->kind == PE_TASK_TEXT || c->symbols == 0)
        c->symbols = symbols[c->kind];
    c->held_out = c->held_out > 0 ? c->held_out : 0.1;
    c->longest = c->longest ? c->longest : 20;
    c->shortest = c->shortest ? c->shortest : 1;
    c->distance = c->kind == PE_TASK_LEFT || c->distance == 0 ? 1 : c->distance;
}

static pe_status check_config(const pe_task_config *c, pe_error *err)
{
    const char *name = names[c->kind];
    const int least = c->kind == PE_TASK_ADDITION || c->kind == PE_TASK_COUNT_ONES ? 10 : 2;
    if (!c->causal &&
        (c->kind == PE_TASK_TEXT || c->kind == PE_TASK_ADDITION || c->kind == PE_TASK_COUNT_ONES))
        return pe_fail(err, PE_USAGE,
                       "task %s needs a causal model: a bidirectional one would see "
                       "the answer",
                       name);
    if (c->symbols < least || c->symbols > (1 << 20))
        return pe_fail(err, PE_USAGE, "task %s needs from %d to 2^20 symbols, not %d", name, least,
                       c->symbols);
    if (by_token(c->kind) && (c->length < 2 || c->length > (1 << 24)))
        return pe_fail(err, PE_USAGE, "task %s needs a length from 2 to 2^24 tokens, not %lld",
                       name, (long long)c->length);
    if (by_token(c->kind) && (c->distance < 1 || c->distance >= c->length))
        return pe_fail(err, PE_USAGE,
                       "task %s: the distance is %lld, but must be at least 1 and below the length "
                       "%lld",
                       name, (long long)c->distance, (long long)c->length);
    if (c->shortest < 1 || c->longest < c->shortest || c->longest > (1 << 22))
        return pe_fail(err, PE_USAGE,
                       "task %s: lengths go from %lld to %lld, but must rise within 1 to 2^22",
                       name, (long long)c->shortest, (long long)c->longest);
    if (!(c->held_out < 1))
        return pe_fail(err, PE_USAGE, "the held-out share must be below 1");
    if (c->kind == PE_TASK_TEXT && !c->path)
        return pe_fail(err, PE_USAGE, "task text needs a file");
    return PE_OK;
}

/* The last part of the text is held out. */
static pe_status open_text(pe_task *task, pe_error *err)
{
    const pe_task_config *c = &task->config;
    pe_status status = pe_input_open(c->path, &task->text, err);
    if (status != PE_OK)
        return status;
    task->open = true;
    const double kept = (double)task->text.size * (1 - c->held_out);
    task->bytes[PE_TRAIN] = (int64_t)kept;
    task->bytes[PE_HELD_OUT] = (int64_t)task->text.size - task->bytes[PE_TRAIN];
    for (int s = 0; s < 2; s++)
        if (task->bytes[s] < c->length + 1)
            return pe_fail(err, PE_FORMAT,
                           "%s has %zu bytes, of which %lld would be %s: too few for sequences of "
                           "%lld tokens",
                           c->path, task->text.size, (long long)task->bytes[s],
                           s == PE_TRAIN ? "trained on" : "held out", (long long)c->length);
    return PE_OK;
}

pe_status pe_task_create(const pe_task_config *config, pe_task **task, pe_error *err)
{
    pe_task *made = pe_allocate(1, sizeof *made, "task", err);
    if (!made)
        return PE_MEMORY;
    made->config = *config;
    fill_defaults(&made->config);
    pe_status status = check_config(&made->config, err);
    if (status == PE_OK && config->path && config->kind == PE_TASK_TEXT) {
        made->path = pe_copy_text(config->path, "path", err);
        made->config.path = made->path;
        status = made->path ? open_text(made, err) : PE_MEMORY;
    }
    if (status == PE_OK)
        *task = made;
    else
        pe_task_release(made);
    return status;
}

void pe_task_release(pe_task *task)
{
    if (!task)
        return;
    if (task->open)
        pe_input_close(&task->text);
    pe_release(task->path);
    pe_release(task);
}

const pe_task_config *pe_task_config_of(const pe_task *task)
{
    return &task->config;
}

int pe_task_vocabulary(const pe_task *task)
{
    return task->config.kind == PE_TASK_TEXT ? 256 : task->config.symbols + PE_EXTRA_TOKENS;
}

int64_t pe_task_tokens(const pe_task *task, int64_t m)
{
    const pe_task_config *c = &task->config;
    if (by_token(c->kind))
        return m ? m : c->length;
    m = m ? m : c->longest;
    if (!c->causal)
        return m + 1;
    switch (c->kind) {
    case PE_TASK_ADDITION: /* a SEP b SEP sum, the last token being the target only */
        return 3 * m + 3;
    case PE_TASK_PARITY:
        return m + 2;
    case PE_TASK_COUNT_ONES: {
        int digits = 1;
        for (int64_t x = m; x >= 10; x /= 10)
            digits++;
        return m + 1 + digits;
    }
    default:
        return 2 * m + 1;
    }
}

int64_t pe_task_bytes(const pe_task *task, pe_task_split split)
{
    return task->config.kind == PE_TASK_TEXT ? task->bytes[split] : 0;
}

pe_status pe_task_read(pe_task *task, pe_task_split split, int64_t from, int64_t count,
                       unsigned char *bytes, int64_t *given, pe_error *err)
{
    const int64_t left = pe_task_bytes(task, split) - from;
    *given = count < left ? count : left < 0 ? 0 : left;
    if (task->config.kind != PE_TASK_TEXT || from < 0 || count < 0)
        return pe_fail(err, PE_USAGE, "only the text of task text can be read, from its beginning");
    const int64_t begin = split == PE_TRAIN ? 0 : task->bytes[PE_TRAIN];
    return pe_input_read(&task->text, (size_t)(begin + from), bytes, (size_t)*given, err);
}

/* ---- batches ------------------------------------------------------------------------------------
 */

pe_status pe_batch_create(const pe_task *task, int batch, int64_t m, pe_batch *made, pe_error *err)
{
    const int64_t n = pe_task_tokens(task, m);
    *made = (pe_batch){.batch = batch, .n = n};
    if (batch < 1 || batch > (1 << 20) || batch * n > INT32_MAX / 4)
        return pe_fail(err, PE_USAGE, "a batch of %d sequences of %lld tokens is too large or none",
                       batch, (long long)n);
    const size_t tokens = (size_t)batch * (size_t)n;
    made->tokens = pe_allocate(tokens, sizeof *made->tokens, "tokens", err);
    made->targets = pe_allocate(tokens, sizeof *made->targets, "targets", err);
    made->lengths = pe_allocate((size_t)batch, sizeof *made->lengths, "lengths", err);
    if (made->tokens && made->targets && made->lengths)
        return PE_OK;
    pe_batch_release(made);
    return PE_MEMORY;
}

void pe_batch_release(pe_batch *batch)
{
    pe_release(batch->tokens);
    pe_release(batch->targets);
    pe_release(batch->lengths);
    *batch = (pe_batch){0};
}
