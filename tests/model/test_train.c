/* Training: AdamW against its formula, the same bytes after a resume and at any number of threads,
 * damaged checkpoints, and a loss that falls. */
#include "base/memory.h"
#include "model/checkpoint.h"
#include "models.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>

enum { STEPS = 12, BATCH = 6 };

typedef struct bench {
    pe_task *task;
    pe_model *model;
    pe_training *training;
} bench;

static pe_status stop_status;
static int64_t checks_left = -1;

/* Interrupts when it has been asked often enough. */
static pe_status check(pe_error *err)
{
    int64_t left;
#pragma omp atomic capture
    left = checks_left--;
    if (left != 0)
        return PE_OK;
    return stop_status ? pe_fail(err, stop_status, "interrupted") : PE_OK;
}

static pe_training_config base_config(const char *folder)
{
    pe_training_config config = {.optimiser = pe_optimiser_standard(),
                                 .batch = BATCH,
                                 .steps = STEPS,
                                 .seed = 11,
                                 .held_out_every = 4,
                                 .held_out_batches = 1,
                                 .check = check,
                                 .folder = folder,
                                 .checkpoint_every = 3};
    config.optimiser.warm_up = 3;
    config.optimiser.rate = 0.01;
    return config;
}

static bench begin(const char *id, const pe_training_config *wanted)
{
    bench b = {0};
    pe_error err = {0};
    const pe_task_config task = {
        .kind = PE_TASK_REVERSE, .symbols = 4, .shortest = 2, .longest = 4, .causal = true};
    pe_training_config config = *wanted;
    pe_status status = pe_task_create(&task, &b.task, &err);
    pe_model_config model = small_config(id, NULL);
    model.precision = PE_FLOAT;
    model.length = 9;
    model.dropout = 0.1;
    b.model = model_of(&model);
    config.model = b.model;
    config.task = b.task;
    if (status == PE_OK)
        status = pe_training_create(&config, &b.training, &err);
    if (status != PE_OK) {
        PE_CONTAINS(err.text, "(no failure)");
        abort();
    }
    return b;
}

static void end(bench *b)
{
    pe_training_release(b->training);
    pe_model_release(b->model);
    pe_task_release(b->task);
}

/* All parameters as doubles; the caller frees them. */
static double *numbers_of(const pe_model *model)
{
    double *x = calloc(pe_model_size(model), sizeof *x);
    for (size_t i = 0; i < pe_model_block_count(model); i++) {
        const pe_model_block *b = pe_model_block_at(model, i);
        pe_model_get(model, b->name, b->count, x + b->from, NULL);
    }
    return x;
}

static bool same_numbers(const pe_model *a, const pe_model *b)
{
    double *x = numbers_of(a), *y = numbers_of(b);
    const bool same = memcmp(x, y, pe_model_size(a) * sizeof *x) == 0;
    free(x);
    free(y);
    return same;
}

/* ---- the formula ---- */

/* Two steps by hand, in double, from gradients that the model gives for the same batches. */
static void two_steps_of_adamw_follow_the_formula(void)
{
    pe_training_config config = base_config(NULL);
    config.held_out_every = -1;
    config.optimiser.decay = 0.1;
    config.optimiser.clip = 0.5;
    bench b = begin("shaw", &config);
    const size_t size = pe_model_size(b.model);
    double *m = calloc(size, sizeof *m), *v = calloc(size, sizeof *v);
    double *g = calloc(size, sizeof *g);
    for (int step = 1; step <= 2; step++) {
        double *w = numbers_of(b.model);
        pe_batch batch;
        pe_batch_create(b.task, BATCH, 0, &batch, NULL);
        pe_task_draw(b.task, PE_TRAIN, 11, (uint64_t)step - 1, 0, &batch, NULL);
        pe_gradient_job job = {.batch = BATCH,
                               .n = batch.n,
                               .tokens = batch.tokens,
                               .targets = batch.targets,
                               .lengths = batch.lengths,
                               .training = true,
                               .seed = 11,
                               .step = (uint64_t)step - 1,
                               .gradient = g};
        CU_ASSERT_EQUAL(pe_model_gradient(b.model, &job, NULL), PE_OK);
        double norm = 0;
        for (size_t i = 0; i < size; i++)
            norm += g[i] * g[i];
        norm = sqrt(norm);
        CU_ASSERT(norm > 0.5); /* so that the clipping is tested */
        const double rate = 0.01 * step / 3;
        CU_ASSERT_EQUAL(pe_training_run(b.training, step, NULL), PE_OK);
        double *got = numbers_of(b.model), worst = 0;
        for (size_t k = 0; k < pe_model_block_count(b.model); k++) {
            const pe_model_block *block = pe_model_block_at(b.model, k);
            const double decay = strstr(block->name, "norm") || strstr(block->name, "bias") ||
                                         strstr(block->name, "pe.") ||
                                         strstr(block->name, "embedding")
                                     ? 0
                                     : 0.1;
            CU_ASSERT_EQUAL(block->decays, decay > 0);
            for (size_t i = block->from; i < block->from + block->count; i++) {
                const double d = g[i] * 0.5 / norm;
                m[i] = 0.9 * m[i] + 0.1 * d;
                v[i] = 0.999 * v[i] + 0.001 * d * d;
                const double first = m[i] / (1 - pow(0.9, step));
                const double second = v[i] / (1 - pow(0.999, step));
                w[i] -= rate * (first / (sqrt(second) + 1e-8) + decay * w[i]);
                worst = fmax(worst, fabs(w[i] - got[i]));
            }
        }
        PE_NEAR("parameters", worst, 0, 1e-5 * rate + 4 * 1.2e-7); /* float, |w| < 4 */
        PE_NEAR("norm", pe_training_norm(b.training), norm, 1e-5 * norm);
        free(got);
        free(w);
        pe_batch_release(&batch);
    }
    free(m);
    free(v);
    free(g);
    end(&b);
}

static void the_rate_rises_then_follows_half_a_cosine(void)
{
    pe_optimiser o = pe_optimiser_standard();
    o.warm_up = 10;
    o.steps = 110;
    o.least_rate = 0.2;
    PE_NEAR("step 1", pe_optimiser_rate(&o, 1), 1e-4, 1e-18);
    PE_NEAR("step 10", pe_optimiser_rate(&o, 10), 1e-3, 1e-18);
    PE_NEAR("half way", pe_optimiser_rate(&o, 60), 0.6e-3, 1e-18);
    PE_NEAR("the end", pe_optimiser_rate(&o, 110), 0.2e-3, 1e-18);
}

/* ---- the same bytes ---- */

static void train_in_parts(const char *id, const char *folder, double *loss)
{
    const pe_training_config config = base_config(folder);
    char note[PE_ERROR_TEXT];
    bench b = begin(id, &config);
    stop_status = PE_INTERRUPTED;
    checks_left =
        40; /* of some fifty in a step: within all parts of it, and within held-out losses */
    for (int part = 0; part < 60; part++) {
        if (pe_training_run(b.training, 0, NULL) == PE_OK)
            break;
        CU_ASSERT(pe_training_step(b.training) < STEPS || part > 0);
        end(&b);
        b = begin(id, &config);
        CU_ASSERT_EQUAL(pe_training_resume(b.training, note, NULL), PE_OK);
        CU_ASSERT_STRING_EQUAL(note, "");
        checks_left = 40 + 31 * (part % 7);
    }
    checks_left = -1;
    stop_status = PE_OK;
    CU_ASSERT_EQUAL(pe_training_step(b.training), STEPS);
    *loss = pe_training_loss(b.training);
    end(&b);
}

static char *bytes_of(const char *folder, const char *name, size_t *size)
{
    char path[1200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    char *bytes = calloc(1, 1 << 22);
    *size = file ? fread(bytes, 1, 1 << 22, file) : 0;
    if (file)
        fclose(file);
    return bytes;
}

static bool same_files(const char *a, const char *x, const char *b, const char *y)
{
    size_t n, m;
    char *p = bytes_of(a, x, &n), *q = bytes_of(b, y, &m);
    const bool same = n > 0 && n == m && memcmp(p, q, n) == 0;
    free(p);
    free(q);
    return same;
}

/* The newest checkpoint of a finished run, by the step in its name's place: both are tried. */
static bool same_ends(const char *a, const char *b)
{
    static const char *const name[] = {"checkpoint.a.safetensors", "checkpoint.b.safetensors"};
    return same_files(a, name[0], b, name[0]) || same_files(a, name[0], b, name[1]) ||
           same_files(a, name[1], b, name[0]) || same_files(a, name[1], b, name[1]);
}

static void an_interrupted_training_ends_with_the_same_bytes(void)
{
    const char *ids[] = {"learned", "shaw", "cape"};
    for (int i = 0; i < 3; i++) {
        char whole[512], parts[512];
        snprintf(whole, sizeof whole, "%s/whole%d", pe_test_folder(), i);
        snprintf(parts, sizeof parts, "%s/parts%d", pe_test_folder(), i);
        const pe_training_config config = base_config(whole);
        bench b = begin(ids[i], &config);
        CU_ASSERT_EQUAL(pe_training_run(b.training, 0, NULL), PE_OK);
        double loss = 0;
        train_in_parts(ids[i], parts, &loss);
        CU_ASSERT_EQUAL(loss, pe_training_loss(b.training));
        CU_ASSERT(same_files(whole, "log.csv", parts, "log.csv"));
        CU_ASSERT(same_ends(whole, parts));
        end(&b);
    }
}

static void a_training_has_the_same_bytes_at_any_number_of_threads(void)
{
    const pe_training_config config = base_config(NULL);
    const int before = omp_get_max_threads();
    bench b[3];
    for (int threads = 1; threads <= 3; threads++) {
        omp_set_num_threads(threads);
        b[threads - 1] = begin("transformer_xl", &config);
        CU_ASSERT_EQUAL(pe_training_run(b[threads - 1].training, 0, NULL), PE_OK);
    }
    omp_set_num_threads(before);
    CU_ASSERT(same_numbers(b[0].model, b[1].model));
    CU_ASSERT(same_numbers(b[0].model, b[2].model));
    for (int t = 0; t < 3; t++)
        end(&b[t]);
}

/* ---- files ---- */

static void break_file(const char *folder, const char *name, long at)
{
    char path[1200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "r+b");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fseek(file, at, SEEK_END);
    const int old = fgetc(file);
    fseek(file, at, SEEK_END);
    fputc(old ^ 0x10, file);
    fclose(file);
}

static void a_damaged_checkpoint_falls_back_to_the_other(void)
{
    char folder[512], note[PE_ERROR_TEXT];
    pe_error err = {0};
    snprintf(folder, sizeof folder, "%s/damaged", pe_test_folder());
    const pe_training_config config = base_config(folder);
    bench b = begin("shaw", &config);
    CU_ASSERT_EQUAL(pe_training_run(b.training, 0, NULL), PE_OK);
    end(&b);
    break_file(folder, "checkpoint.b.safetensors", -100); /* one bit of the newer one, step 12 */
    b = begin("shaw", &config);
    CU_ASSERT_EQUAL(pe_training_resume(b.training, note, &err), PE_OK);
    CU_ASSERT_EQUAL(pe_training_step(b.training), 9);
    PE_CONTAINS(note, "checkpoint.b.safetensors is damaged");
    end(&b);
    break_file(folder, "checkpoint.a.safetensors", -100);
    b = begin("shaw", &config);
    CU_ASSERT_EQUAL(pe_training_resume(b.training, note, &err), PE_FORMAT);
    PE_CONTAINS(err.text, "damaged");
    end(&b);
}

static void other_settings_are_refused_by_the_key_that_differs(void)
{
    char folder[512];
    pe_error err = {0};
    snprintf(folder, sizeof folder, "%s/settings", pe_test_folder());
    pe_training_config config = base_config(folder);
    bench b = begin("shaw", &config);
    CU_ASSERT_EQUAL(pe_training_run(b.training, 0, NULL), PE_OK);
    end(&b);
    config.optimiser.decay = 0.5;
    b = begin("shaw", &config);
    CU_ASSERT_EQUAL(pe_training_resume(b.training, NULL, &err), PE_USAGE);
    PE_CONTAINS(err.text, "decay was '0.01");
    end(&b);
    b = begin("learned", &config);
    CU_ASSERT_EQUAL(pe_training_resume(b.training, NULL, &err), PE_USAGE);
    PE_CONTAINS(err.text, "variant was 'shaw' and is now 'learned'");
    end(&b);
    config.folder = pe_test_folder();
    b = begin("learned", &config);
    CU_ASSERT_EQUAL(pe_training_resume(b.training, NULL, &err), PE_FORMAT);
    end(&b);
}

static void parameters_go_through_a_file(void)
{
    char path[1200];
    snprintf(path, sizeof path, "%s/model.safetensors", pe_test_folder());
    pe_model_config config = small_config("shaw", NULL);
    config.precision = PE_FLOAT;
    pe_model *a = model_of(&config);
    config.seed = 77;
    pe_model *b = model_of(&config);
    CU_ASSERT(!same_numbers(a, b));
    CU_ASSERT_EQUAL(pe_model_save(a, path, NULL), PE_OK);
    CU_ASSERT_EQUAL(pe_model_load(b, path, NULL), PE_OK);
    CU_ASSERT(same_numbers(a, b));
    CU_ASSERT_PTR_NOT_NULL(pe_model_find(a, "layers.1.attention.query.weight"));
    CU_ASSERT_PTR_NOT_NULL(pe_model_find(a, "layers.1.pe.rel_k"));
    config.layers = 3;
    pe_model *c = model_of(&config);
    pe_error err = {0};
    CU_ASSERT_EQUAL(pe_model_load(c, path, &err), PE_FORMAT);
    PE_CONTAINS(err.text, "layers.2");
    pe_model_release(a);
    pe_model_release(b);
    pe_model_release(c);
}

/* ---- learning ---- */

typedef struct seen {
    int count;
    double first[4], last[4];
} seen;

static pe_status watch(pe_training *training, void *context, pe_error *err)
{
    seen *s = context;
    const pe_instance *instance = NULL;
    double row[4];
    pe_status status = pe_model_encoding(pe_training_model(training), 0, &instance, err);
    memcpy(row, instance->master[0] + 15 * 8, sizeof row); /* of rel_k: the left neighbour */
    memcpy(s->count++ ? s->last : s->first, row, sizeof row);
    return status;
}

/* The left neighbour is known exactly: a model with any sense of order learns it, and a causal one
 * without encoding hardly in as many steps. Chance is log 4 = 1.386 nats. */
static void the_loss_falls_and_the_table_moves(void)
{
    const pe_task_config task_config = {
        .kind = PE_TASK_LEFT, .symbols = 4, .length = 10, .causal = true};
    pe_training_config config = base_config(NULL);
    seen s = {0};
    bench b = {0};
    pe_score score;
    CU_ASSERT_EQUAL(pe_task_create(&task_config, &b.task, NULL), PE_OK);
    pe_model_config model = small_config("shaw", NULL);
    model.precision = PE_FLOAT;
    model.length = 10;
    model.width = 16;
    model.mlp = 32;
    b.model = model_of(&model);
    config.model = b.model;
    config.task = b.task;
    config.steps = 200;
    config.watch = watch;
    config.watch_every = 50;
    config.context = &s;
    config.held_out_every = 0;
    CU_ASSERT_EQUAL(pe_training_create(&config, &b.training, NULL), PE_OK);
    CU_ASSERT_EQUAL(pe_training_run(b.training, 0, NULL), PE_OK);
    CU_ASSERT_EQUAL(s.count, 5);
    CU_ASSERT_NOT_EQUAL(memcmp(s.first, s.last, sizeof s.first), 0);
    const pe_training_row *rows;
    CU_ASSERT_EQUAL(pe_training_rows(b.training, &rows), 200);
    CU_ASSERT(rows[0].loss > 1.2);
    CU_ASSERT(pe_training_held_out(b.training) < 0.1);
    CU_ASSERT_EQUAL(pe_score_task(b.model, b.task, 0, 16, 2, 1, NULL, &score, NULL), PE_OK);
    CU_ASSERT(score.accuracy > 0.97);
    CU_ASSERT(score.exact <= score.accuracy);
    CU_ASSERT_EQUAL(score.tokens, 16 * 2 * 9);
    end(&b);
}

static void frozen_blocks_stay(void)
{
    pe_training_config config = base_config(NULL);
    bench b = begin("fourier", &config);
    const pe_model_block *block = pe_model_find(b.model, "pe.B");
    double before[64], after[64];
    CU_ASSERT_PTR_NOT_NULL_FATAL(block);
    CU_ASSERT(block->frozen);
    pe_model_get(b.model, "pe.B", block->count, before, NULL);
    CU_ASSERT_EQUAL(pe_training_run(b.training, 0, NULL), PE_OK);
    pe_model_get(b.model, "pe.B", block->count, after, NULL);
    CU_ASSERT_EQUAL(memcmp(before, after, block->count * sizeof *before), 0);
    end(&b);
}

static void nothing_is_left_behind(void)
{
    CU_ASSERT_EQUAL(pe_live_blocks(), 0);
}

PE_TEST_MAIN("model: training", PE_TEST(two_steps_of_adamw_follow_the_formula),
             PE_TEST(the_rate_rises_then_follows_half_a_cosine),
             PE_TEST(an_interrupted_training_ends_with_the_same_bytes),
             PE_TEST(a_training_has_the_same_bytes_at_any_number_of_threads),
             PE_TEST(a_damaged_checkpoint_falls_back_to_the_other),
             PE_TEST(other_settings_are_refused_by_the_key_that_differs),
             PE_TEST(parameters_go_through_a_file), PE_TEST(the_loss_falls_and_the_table_moves),
             PE_TEST(frozen_blocks_stay), PE_TEST(nothing_is_left_behind))
