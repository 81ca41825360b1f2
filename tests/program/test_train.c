/* posenc train: what is learned, written and said. What happens to it half-way: test_train_stop.c.
 */
#include "train.h"

#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>

/* ---- words ---- */

static void help_says_what_goes_in_and_what_comes_out(void)
{
    const outcome *o = run("$P train --help");
    EXPECT_CODE(o, 0, "--help");
    static const char *const parts[] = {
        "--encoding-layers", "--bidirectional",          "--dropout", "--tied",
        "--resume",          "copy|reverse|recall|left", "log.csv",   "checkpoint.a",
        "--learning-rate",   "--held-out-every"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        PE_CONTAINS(o->out, parts[i]);
}

static void a_mistyped_variant_is_named_before_a_file_is_missed(void)
{
    const outcome *o = run("$P train shwa");
    EXPECT_CODE(o, 2, "train shwa");
    PE_CONTAINS(o->err, "did you mean \"shaw\"?");
    CU_ASSERT_PTR_NULL(strstr(o->err, "--data"));
    o = run("$P train shaw:clpi=3");
    EXPECT_CODE(o, 2, "an unknown option without data");
    o = run("$P train sinusoidal --positions cpae");
    EXPECT_CODE(o, 2, "an unknown position map");
    PE_CONTAINS(o->err, "did you mean \"cape\"?");
    o = run("$P train shaw");
    EXPECT_CODE(o, 2, "no data");
    PE_CONTAINS(o->err, "--data FILE");
    EXPECT_CODE(run("$P train"), 2, "no variant");
}

/* ---- numbers ---- */

/* A member of what --json printed; the test ends where it is not JSON. */
static double number_of(const outcome *o, const char *name)
{
    json_error_t where;
    json_t *root = json_loads(o->out, 0, &where);
    if (!root)
        printf("\n    not JSON, line %d: %s\n%s", where.line, where.text, o->out);
    CU_ASSERT_PTR_NOT_NULL_FATAL(root);
    const double x = json_number_value(json_object_get(root, name));
    json_decref(root);
    return x;
}

static void bytes_of_a_text_are_learned_better_than_chance(void)
{
    make_text();
    const outcome *o = run("$P train learned --data text " SMALL
                           "--length 16 --batch 8 --steps 60 --learning-rate 0.01 --json");
    EXPECT_CODE(o, 0, "a text");
    CU_ASSERT_EQUAL(number_of(o, "steps"), 60);
    CU_ASSERT(number_of(o, "held_out_loss") < 0.8 * log(256));
    CU_ASSERT(number_of(o, "loss") < 0.8 * log(256));
    CU_ASSERT(number_of(o, "accuracy") > 4.0 / 256);
    CU_ASSERT(number_of(o, "tokens_per_s") > 0);
}

static const struct {
    const char *name;
    int bidirectional; /* exit code of an encoder */
} tasks[] = {{"copy", 0}, {"reverse", 0},  {"recall", 0}, {"left", 0},
             {"sort", 0}, {"addition", 2}, {"parity", 0}, {"count", 2}};

static void every_generated_task_is_trained_by_decoder_and_encoder(void)
{
    for (size_t i = 0; i < sizeof tasks / sizeof tasks[0]; i++) {
        const char *name = tasks[i].name;
        const outcome *o =
            run("$P train rope --task %s " SMALL "--length 8 --longest 4 --steps 2 --json", name);
        EXPECT_CODE(o, 0, name);
        CU_ASSERT(isfinite(number_of(o, "held_out_loss")));
        CU_ASSERT(number_of(o, "exact") <= number_of(o, "accuracy"));
        o = run("$P train rope --task %s " SMALL
                "--length 8 --longest 4 --steps 2 --bidirectional --json",
                name);
        EXPECT_CODE(o, tasks[i].bidirectional, name);
        if (tasks[i].bidirectional)
            PE_CONTAINS(o->err, "a bidirectional one would see the answer");
        else
            CU_ASSERT(isfinite(number_of(o, "held_out_loss")));
    }
    EXPECT_CODE(run("$P train rope --task copie"), 2, "no such task");
}

/* Only with the mask gone can the right neighbour help: an encoder sorts, a decoder cannot look
 * ahead. Both learn the left neighbour, which rows by offset show at once. */
static void the_left_neighbour_is_learned_exactly(void)
{
    const outcome *o = run("$P train shaw:clip=4 --task left --length 8 --symbols 4 " SMALL
                           "--batch 16 --steps 150 --learning-rate 0.02 --warm-up 10 --json");
    EXPECT_CODE(o, 0, "left");
    CU_ASSERT(number_of(o, "accuracy") > 0.98);
    CU_ASSERT(number_of(o, "exact") > 0.9);
}

static void the_log_has_a_row_for_each_step_and_held_out_losses_where_asked(void)
{
    EXPECT_CODE(run("$P train alibi --task left --length 8 " SMALL
                    "--steps 7 --held-out-every 3 --out logged"),
                0, "with a log");
    const outcome *o = run("cat logged/log.csv");
    CU_ASSERT_EQUAL(strncmp(o->out, "step,loss,held_out\n", 19), 0);
    const char *at = strchr(o->out, '\n') + 1;
    for (int step = 1; step <= 7; step++) {
        int number = 0, used = 0;
        double loss = 0, held_out = -1;
        const int found = sscanf(at, "%d,%lf,%n%lf", &number, &loss, &used, &held_out);
        const int wanted = step % 3 == 0 || step == 7 ? 3 : 2;
        CU_ASSERT_EQUAL(number, step);
        CU_ASSERT(loss > 0 && loss < 20);
        CU_ASSERT_EQUAL(at[used] == '\n' ? 2 : found, wanted);
        at = strchr(at, '\n') + 1;
    }
    CU_ASSERT_EQUAL(*at, '\0');
}

/* ---- checkpoints, read as any tool would ---- */

/* The header of a safetensors file: eight bytes of length, then JSON. Its offsets must cover the
 * file without a hole. Released by the caller. */
static json_t *header_of(const char *path)
{
    static char bytes[PROGRAM_TEXT];
    uint64_t size = 0;
    double covered = 0;
    const char *name;
    json_t *entry;
    read_text(path, bytes);
    memcpy(&size, bytes, sizeof size);
    json_t *header = json_loadb(bytes + 8, size, 0, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(header);
    json_object_foreach(header, name, entry)
    {
        json_t *offsets = json_object_get(entry, "data_offsets");
        if (offsets)
            covered += json_number_value(json_array_get(offsets, 1)) -
                       json_number_value(json_array_get(offsets, 0));
    }
    PE_NEAR("bytes of a checkpoint", atof(run("wc -c <%s", path)->out), 8 + (double)size + covered,
            0);
    return header;
}

/* The tensor is there, in float, with this shape; columns 0: a vector. */
static int has_tensor(const json_t *header, const char *name, int rows, int columns)
{
    const json_t *entry = json_object_get(header, name), *shape = json_object_get(entry, "shape");
    const char *type = json_string_value(json_object_get(entry, "dtype"));
    const int rank = (int)json_array_size(shape);
    const bool right = type && strcmp(type, "F32") == 0 && rank == (columns ? 2 : 1) &&
                       json_integer_value(json_array_get(shape, 0)) == rows &&
                       (rank == 1 || json_integer_value(json_array_get(shape, 1)) == columns);
    if (!right)
        printf("\n    tensor %s is not there, or not F32 of shape (%d, %d)", name, rows, columns);
    return right;
}

static void checkpoints_have_the_documented_names_and_shapes(void)
{
    EXPECT_CODE(run("$P train shaw:clip=3 --task left --length 8 --symbols 5 " SMALL
                    "--layers 2 --steps 2 --out named"),
                0, "a checkpoint");
    json_t *h = header_of("named/checkpoint.a.safetensors");
    static const struct {
        const char *name;
        int rows, columns;
    } wanted[] = {{"embedding.weight", 8, 16}, /* 5 symbols and three tokens more */
                  {"head.weight", 8, 16},
                  {"norm.weight", 16, 0},
                  {"norm.bias", 16, 0},
                  {"layers.1.attention.norm.weight", 16, 0},
                  {"layers.1.attention.query.weight", 16, 16},
                  {"layers.1.attention.key.weight", 16, 16},
                  {"layers.1.attention.value.weight", 16, 16},
                  {"layers.1.attention.query.bias", 16, 0},
                  {"layers.1.attention.output.weight", 16, 16},
                  {"layers.1.attention.output.bias", 16, 0},
                  {"layers.1.mlp.norm.bias", 16, 0},
                  {"layers.1.mlp.up.weight", 64, 16},
                  {"layers.1.mlp.up.bias", 64, 0},
                  {"layers.1.mlp.down.weight", 16, 64},
                  {"layers.1.mlp.down.bias", 16, 0},
                  {"layers.0.pe.rel_k", 7, 8},
                  {"layers.1.pe.rel_k", 7, 8},
                  {"optimiser.m.layers.1.pe.rel_k", 7, 8},
                  {"optimiser.v.layers.1.mlp.up.weight", 64, 16}};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        CU_ASSERT(has_tensor(h, wanted[i].name, wanted[i].rows, wanted[i].columns));
    const json_t *meta = json_object_get(h, "__metadata__");
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(meta, "step")), "2");
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(meta, "variant")), "shaw:clip=3");
    json_decref(h);
    EXPECT_CODE(run("$P inspect named/checkpoint.a.safetensors --tensor layers.0.pe.rel_k"), 0,
                "our own reader");
}

static void a_schedule_a_tied_head_and_an_encoder_make_the_blocks_they_say(void)
{
    EXPECT_CODE(run("$P train shaw:clip=3 --task copy --longest 4 " SMALL
                    "--layers 3 --encoding-layers 0,2 --tied --bidirectional --steps 2 --out tied"),
                0, "a schedule");
    json_t *h = header_of("tied/checkpoint.a.safetensors");
    CU_ASSERT(has_tensor(h, "layers.0.pe.rel_k", 7, 8));
    CU_ASSERT_PTR_NULL(json_object_get(h, "layers.1.pe.rel_k"));
    CU_ASSERT(has_tensor(h, "layers.2.pe.rel_k", 7, 8));
    CU_ASSERT_PTR_NULL(json_object_get(h, "head.weight"));
    const json_t *meta = json_object_get(h, "__metadata__");
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(meta, "causal")), "0");
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(meta, "layers_with_encoding")), "0,2");
    json_decref(h);
}

static void parameters_can_be_exported_and_started_from(void)
{
    EXPECT_CODE(run("$P train rope --task left --length 8 " SMALL
                    "--seed 5 --steps 2 --export-initial first.safetensors --out exported && "
                    "$P train rope --task left --length 8 " SMALL
                    "--seed 5 --steps 2 --initial first.safetensors --out imported && "
                    "cmp exported/checkpoint.a.safetensors imported/checkpoint.a.safetensors"),
                0, "--export-initial and --initial");
    const outcome *o = run("$P train rope --task left --length 8 " SMALL
                           "--layers 2 --steps 2 --initial first.safetensors");
    EXPECT_CODE(o, 4, "parameters of another model");
    PE_CONTAINS(o->err, "layers.1");
}

/* ---- the same bytes ---- */

static void the_same_seed_gives_the_same_bytes_at_any_number_of_threads(void)
{
    EXPECT_CODE(run("for j in 1 2 3; do $P train transformer_xl --task recall --distance 2 "
                    "--length 160 " SMALL "--batch 8 --dropout 0.1 --steps 6 --held-out-every 2 "
                    "--threads $j --out threads$j || exit 1; done; "
                    "for j in 2 3; do cmp threads1/log.csv threads$j/log.csv && cmp "
                    "threads1/checkpoint.a.safetensors threads$j/checkpoint.a.safetensors || "
                    "exit 1; done"),
                0, "threads");
}

static void dropout_draws_by_the_seed(void)
{
    EXPECT_CODE(run("t() { out=$1; shift; $P train none --task left --length 8 " SMALL
                    "--steps 3 --out $out \"$@\"; }; "
                    "t d1 --dropout 0.3 && t d2 --dropout 0.3 && t d3 && "
                    "t d4 --dropout 0.3 --seed 2 && cmp d1/log.csv d2/log.csv && "
                    "! cmp -s d1/log.csv d3/log.csv && ! cmp -s d1/log.csv d4/log.csv"),
                0, "dropout");
}

/* ---- refusals ---- */

static void refused(int code, const char *part, const char *arguments)
{
    const outcome *o = run("$P train %s", arguments);
    EXPECT_CODE(o, code, arguments);
    PE_CONTAINS(o->err, part);
    CU_ASSERT_EQUAL(strncmp(o->err, "posenc train: ", 14), 0);
    CU_ASSERT_PTR_EQUAL(strchr(o->err, '\n'), o->err + strlen(o->err) - 1); /* one sentence */
}

static void sizes_that_cannot_be_are_refused_with_what_would_be_right(void)
{
    refused(2, "divide", "rope --task left --width 10 --heads 4");
    refused(2, "layers", "rope --task left --layers 0");
    refused(2, "width", "rope --task left --width 99999999");
    refused(2, "batch", "rope --task left --batch 0");
    refused(2, "steps", "rope --task left --steps -1");
    refused(2, "length", "rope --task left --length 1");
    refused(2, "below the length", "rope --task recall --length 8 --distance 8");
    refused(2, "must rise", "rope --task copy --shortest 9 --longest 3");
    refused(2, "from 0 to 1", "rope --task left --layers 2 --encoding-layers 0,7");
    refused(2, "dropout", "rope --task left --dropout 1");
    refused(2, "learning-rate", "rope --task left --learning-rate nan");
    refused(2, "learning-rate", "rope --task left --learning-rate 1e30");
    refused(2, "learning-rate", "rope --task left --learning-rate -1");
    refused(2, "--out DIR", "rope --task left --resume");
}

static void a_model_larger_than_memory_is_refused_with_its_size(void)
{
    const outcome *o =
        run("$P train learned --task left --layers 256 --width 65536 --heads 64 --length 8");
    EXPECT_CODE(o, 6, "a model of terabytes");
    PE_CONTAINS(o->err, "parameters");
}

static void data_that_cannot_be_read_is_named(void)
{
    run(": >empty; printf 'too short' >short; mkdir -p folder");
    refused(4, "absent.txt", "rope --data absent.txt");
    refused(4, "empty", "rope --data empty");
    refused(4, "too few", "rope --data short --length 16");
    refused(4, "folder", "rope --data folder");
}

static void a_folder_that_cannot_be_written_is_found_before_the_work(void)
{
    run("echo x >file");
    refused(5, "file", "rope --task left --out file/below");
    refused(5, "file", "rope --task left --out file");
}

static void a_full_disk_is_said_and_leaves_nothing_half_written(void)
{
    const outcome *o =
        run("ulimit -f 4; $P train rope --task left --length 8 " SMALL "--steps 2 --out full");
    EXPECT_CODE(o, 5, "a full disk");
    PE_CONTAINS(o->err, "checkpoint");
    EXPECT_CODE(run("test -z \"$(find full -type f)\""), 0, "no file");
}

/* A rate that ends in numbers without an end is a sentence with the step, not a table of NaN. */
static void a_training_that_bursts_says_at_which_step_and_what_may_help(void)
{
    make_text();
    const outcome *o = run("$P train learned --data text " SMALL
                           "--layers 6 --length 16 --steps 2000 --learning-rate 10 --warm-up 0 "
                           "--decay 10 --clip 0 --out burst");
    EXPECT_CODE(o, 4, "a burst");
    PE_CONTAINS(o->err, "step ");
    PE_CONTAINS(o->err, "a smaller learning rate or clipping may help");
}

PE_TEST_MAIN("program: train", PE_TEST(help_says_what_goes_in_and_what_comes_out),
             PE_TEST(a_mistyped_variant_is_named_before_a_file_is_missed),
             PE_TEST(bytes_of_a_text_are_learned_better_than_chance),
             PE_TEST(every_generated_task_is_trained_by_decoder_and_encoder),
             PE_TEST(the_left_neighbour_is_learned_exactly),
             PE_TEST(the_log_has_a_row_for_each_step_and_held_out_losses_where_asked),
             PE_TEST(checkpoints_have_the_documented_names_and_shapes),
             PE_TEST(a_schedule_a_tied_head_and_an_encoder_make_the_blocks_they_say),
             PE_TEST(parameters_can_be_exported_and_started_from),
             PE_TEST(the_same_seed_gives_the_same_bytes_at_any_number_of_threads),
             PE_TEST(dropout_draws_by_the_seed),
             PE_TEST(sizes_that_cannot_be_are_refused_with_what_would_be_right),
             PE_TEST(a_model_larger_than_memory_is_refused_with_its_size),
             PE_TEST(data_that_cannot_be_read_is_named),
             PE_TEST(a_folder_that_cannot_be_written_is_found_before_the_work),
             PE_TEST(a_full_disk_is_said_and_leaves_nothing_half_written),
             PE_TEST(a_training_that_bursts_says_at_which_step_and_what_may_help))
