/* Generated sequences and texts: what stands where, and what is asked. */
#include "base/memory.h"
#include "io/output.h"
#include "model/task.h"
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { M = 7, ROWS = 40 };

static pe_batch drawn(const pe_task_config *config, int64_t m, pe_task **task)
{
    pe_batch batch;
    pe_error err = {0};
    if (pe_task_create(config, task, &err) != PE_OK ||
        pe_batch_create(*task, ROWS, m, &batch, &err) != PE_OK ||
        pe_task_draw(*task, PE_TRAIN, 5, 3, m, &batch, &err) != PE_OK) {
        PE_CONTAINS(err.text, "(no failure)");
        abort();
    }
    return batch;
}

/* The tokens that are asked in a row, and how many. */
static int answers(const pe_batch *batch, int row, int32_t *out)
{
    int count = 0;
    for (int64_t t = 0; t < batch->n; t++)
        if (batch->targets[row * batch->n + t] >= 0)
            out[count++] = batch->targets[row * batch->n + t];
    return count;
}

/* In a causal row, what is asked at t stands at t + 1, but for the END, which is not read. */
static void check_that_answers_follow(const pe_batch *batch)
{
    for (int64_t i = 0; i < batch->batch * batch->n; i++)
        if (batch->targets[i] >= 0 && i % batch->n + 1 < batch->lengths[i / batch->n])
            CU_ASSERT_EQUAL(batch->targets[i], batch->tokens[i + 1]);
}

static int compare(const void *a, const void *b)
{
    return *(const int32_t *)a - *(const int32_t *)b;
}

static void copies_reversals_and_sortings_are_right(void)
{
    const pe_task_kind kinds[] = {PE_TASK_COPY, PE_TASK_REVERSE, PE_TASK_SORT};
    for (int k = 0; k < 3; k++) {
        pe_task *task = NULL;
        const pe_task_config config = {.kind = kinds[k], .causal = true};
        pe_batch batch = drawn(&config, M, &task);
        CU_ASSERT_EQUAL(batch.n, 2 * M + 1);
        check_that_answers_follow(&batch);
        for (int b = 0; b < ROWS; b++) {
            int32_t want[M + 1], got[2 * M + 1];
            const int32_t *x = batch.tokens + b * batch.n;
            for (int i = 0; i < M; i++)
                want[i] = x[kinds[k] == PE_TASK_REVERSE ? M - 1 - i : i];
            if (kinds[k] == PE_TASK_SORT)
                qsort(want, M, sizeof *want, compare);
            want[M] = 17; /* END of 16 symbols */
            CU_ASSERT_EQUAL(x[M], 16);
            CU_ASSERT_EQUAL_FATAL(answers(&batch, b, got), M + 1);
            CU_ASSERT_EQUAL(memcmp(want, got, sizeof want), 0);
        }
        pe_batch_release(&batch);
        pe_task_release(task);
    }
}

static int64_t number_of(const int32_t *digits, int count, int step)
{
    int64_t value = 0;
    for (int i = 0; i < count; i++)
        value = value * 10 + digits[step > 0 ? i : count - 1 - i];
    return value;
}

static void sums_are_right_in_both_orders(void)
{
    for (int reversed = 0; reversed < 2; reversed++) {
        pe_task *task = NULL;
        const pe_task_config config = {
            .kind = PE_TASK_ADDITION, .causal = true, .reversed = reversed};
        pe_batch batch = drawn(&config, M, &task);
        CU_ASSERT_EQUAL(batch.n, 3 * M + 3);
        check_that_answers_follow(&batch);
        for (int b = 0; b < ROWS; b++) {
            int32_t got[3 * M + 3];
            const int32_t *x = batch.tokens + b * batch.n;
            CU_ASSERT_EQUAL_FATAL(answers(&batch, b, got), M + 2);
            CU_ASSERT_EQUAL(number_of(x, M, 1) + number_of(x + M + 1, M, 1),
                            number_of(got, M + 1, reversed ? -1 : 1));
        }
        pe_batch_release(&batch);
        pe_task_release(task);
    }
}

static void parities_and_counts_are_right(void)
{
    const pe_task_kind kinds[] = {PE_TASK_PARITY, PE_TASK_COUNT_ONES};
    for (int k = 0; k < 2; k++) {
        pe_task *task = NULL;
        const pe_task_config config = {.kind = kinds[k], .causal = true, .longest = 25};
        pe_batch batch = drawn(&config, 25, &task);
        check_that_answers_follow(&batch);
        for (int b = 0; b < ROWS; b++) {
            int32_t got[64];
            int ones = 0;
            for (int i = 0; i < 25; i++)
                ones += batch.tokens[b * batch.n + i] == 1;
            const int count = answers(&batch, b, got);
            CU_ASSERT_EQUAL(number_of(got, count - 1, 1), k == 0 ? ones % 2 : ones);
        }
        pe_batch_release(&batch);
        pe_task_release(task);
    }
}

static void recall_looks_back_as_far_as_it_says(void)
{
    pe_task *task = NULL;
    const pe_task_config config = {
        .kind = PE_TASK_RECALL, .causal = true, .length = 12, .distance = 5};
    pe_batch batch = drawn(&config, 0, &task);
    for (int b = 0; b < ROWS; b++)
        for (int64_t t = 0; t < 12; t++)
            CU_ASSERT_EQUAL(batch.targets[b * 12 + t], t < 5 ? -1 : batch.tokens[b * 12 + t - 5]);
    pe_batch_release(&batch);
    pe_task_release(task);
}

static void a_bidirectional_model_does_not_see_the_answer(void)
{
    pe_task *task = NULL;
    pe_error err = {0};
    pe_task_config config = {.kind = PE_TASK_REVERSE};
    pe_batch batch = drawn(&config, M, &task);
    for (int b = 0; b < ROWS; b++)
        for (int64_t t = 0; t < M; t++)
            CU_ASSERT_EQUAL(batch.targets[b * batch.n + t], batch.tokens[b * batch.n + M - 1 - t]);
    CU_ASSERT_EQUAL(batch.n, M + 1);
    pe_batch_release(&batch);
    pe_task_release(task);
    config.kind = PE_TASK_ADDITION;
    CU_ASSERT_EQUAL(pe_task_create(&config, &task, &err), PE_USAGE);
    PE_CONTAINS(err.text, "causal");
}

static void lengths_are_drawn_and_rows_padded(void)
{
    pe_task *task = NULL;
    const pe_task_config config = {
        .kind = PE_TASK_COPY, .causal = true, .shortest = 2, .longest = 9};
    pe_batch batch = drawn(&config, 0, &task);
    int64_t least = 99, most = 0;
    for (int b = 0; b < ROWS; b++) {
        least = batch.lengths[b] < least ? batch.lengths[b] : least;
        most = batch.lengths[b] > most ? batch.lengths[b] : most;
        for (int64_t t = batch.lengths[b]; t < batch.n; t++)
            CU_ASSERT_EQUAL(batch.targets[b * batch.n + t], -1);
    }
    CU_ASSERT_EQUAL(least, 5);
    CU_ASSERT_EQUAL(most, 19);
    CU_ASSERT_EQUAL(batch.n, 19);
    pe_batch_release(&batch);
    pe_task_release(task);
}

static void a_draw_depends_on_its_number_alone(void)
{
    pe_task *task = NULL;
    const pe_task_config config = {.kind = PE_TASK_COPY, .causal = true};
    pe_batch a = drawn(&config, 0, &task), b;
    pe_batch_create(task, ROWS, 0, &b, NULL);
    const size_t bytes = (size_t)(ROWS * a.n) * sizeof *a.tokens;
    pe_task_draw(task, PE_TRAIN, 5, 4, 0, &b, NULL);
    CU_ASSERT_NOT_EQUAL(memcmp(a.tokens, b.tokens, bytes), 0);
    pe_task_draw(task, PE_HELD_OUT, 5, 3, 0, &b, NULL);
    CU_ASSERT_NOT_EQUAL(memcmp(a.tokens, b.tokens, bytes), 0);
    pe_task_draw(task, PE_TRAIN, 5, 3, 0, &b, NULL);
    CU_ASSERT_EQUAL(memcmp(a.tokens, b.tokens, bytes), 0);
    CU_ASSERT_EQUAL(memcmp(a.targets, b.targets, bytes), 0);
    pe_batch_release(&a);
    pe_batch_release(&b);
    pe_task_release(task);
}

/* Byte i of the file is i mod 251, so that every window says where it came from. */
static void text_is_read_by_windows_and_the_end_is_held_out(void)
{
    char path[512];
    snprintf(path, sizeof path, "%s/text", pe_test_folder());
    FILE *file = fopen(path, "wb");
    for (int i = 0; i < 200; i++)
        fputc(i, file);
    fclose(file);
    pe_task *task = NULL;
    pe_task_config config = {
        .kind = PE_TASK_TEXT, .path = path, .held_out = 0.25, .length = 11, .causal = true};
    pe_batch batch = drawn(&config, 0, &task);
    for (int split = 0; split < 2; split++) {
        pe_task_draw(task, (pe_task_split)split, 1, 0, 0, &batch, NULL);
        for (int64_t i = 0; i < ROWS * 11; i++) {
            CU_ASSERT_EQUAL(batch.targets[i], batch.tokens[i] + 1);
            CU_ASSERT(split == PE_TRAIN ? batch.targets[i] < 150 : batch.tokens[i] >= 150);
        }
    }
    CU_ASSERT_EQUAL(pe_task_bytes(task, PE_HELD_OUT), 50);
    pe_batch_release(&batch);
    pe_task_release(task);
    pe_error err = {0};
    config.length = 60;
    CU_ASSERT_EQUAL(pe_task_create(&config, &task, &err), PE_FORMAT);
    PE_CONTAINS(err.text, "too few");
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

PE_TEST_MAIN("model: tasks", PE_TEST(copies_reversals_and_sortings_are_right),
             PE_TEST(sums_are_right_in_both_orders), PE_TEST(parities_and_counts_are_right),
             PE_TEST(recall_looks_back_as_far_as_it_says),
             PE_TEST(a_bidirectional_model_does_not_see_the_answer),
             PE_TEST(lengths_are_drawn_and_rows_padded),
             PE_TEST(a_draw_depends_on_its_number_alone),
             PE_TEST(text_is_read_by_windows_and_the_end_is_held_out))
