/* posenc train: a small transformer with a variant, on text or on a generated task. */
#include "verbs.h"

#include "base/clock.h"
#include "base/memory.h"
#include "cli/print.h"
#include "cli/progress.h"
#include "cli/selection.h"
#include "cli/signals.h"
#include "io/json.h"
#include "model/checkpoint.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const pe_cli_option model_table[] = {
    {"layers", 0, PE_CLI_INT, "N", "4", 1, 256, false, "blocks of attention and MLP"},
    {"width", 'w', PE_CLI_INT, "N", "128", 1, 65536, false, "of a token's row, d"},
    {"heads", 'H', PE_CLI_INT, "N", "4", 1, 1024, false, "of each layer; must divide the width"},
    {"bidirectional", 0, PE_CLI_FLAG, NULL, NULL, 0, 0, false,
     "every token sees every other one (encoder); otherwise a decoder"},
    {"tied", 0, PE_CLI_FLAG, NULL, NULL, 0, 0, false, "the head is the table of the tokens"},
    {"scale-embedding", 0, PE_CLI_FLAG, NULL, NULL, 0, 0, false, "token rows times sqrt(width)"},
    {"dropout", 0, PE_CLI_REAL, "P", "0", 0, 0.99, false,
     "of the embedded tokens and of what every part adds"},
    {"encoding-layers", 0, PE_CLI_TEXT, "0,2-5", NULL, 0, 0, false,
     "layers with the encoding; the others have none"},
    {"positions", 0, PE_CLI_TEXT, "ID:...", NULL, 0, 0, false, "position map before the encoding"},
    {"initial", 0, PE_CLI_TEXT, "FILE", NULL, 0, 0, false, "start from these parameters"},
    {"export-initial", 0, PE_CLI_TEXT, "FILE", NULL, 0, 0, false,
     "write the parameters before the first step, safetensors"},
};
static const pe_cli_group model_options = PE_CLI_GROUP("Model", model_table);

static const pe_cli_option task_table[] = {
    {"task", 't', PE_CLI_CHOICE, "text|copy|reverse|recall|left|sort|addition|parity|count", "text",
     0, 0, false, "what is learned"},
    {"data", 0, PE_CLI_TEXT, "FILE", NULL, 0, 0, false,
     "with text: any file; its bytes are the tokens"},
    {"held-out", 0, PE_CLI_REAL, "SHARE", "0.1", 0.0001, 0.9, false,
     "with text: the end of the file that is not trained on"},
    {"length", 'L', PE_CLI_INT, "N", "128", 2, 1 << 20, false,
     "with text, recall and left: tokens of a sequence"},
    {"symbols", 0, PE_CLI_INT, "N", "0", 0, 1 << 20, false, "different symbols; 0: 16, digits 10"},
    {"shortest", 0, PE_CLI_INT, "N", "1", 1, 1 << 20, false, "least length of a question"},
    {"longest", 0, PE_CLI_INT, "N", "20", 1, 1 << 20, false, "greatest length of a question"},
    {"distance", 0, PE_CLI_INT, "N", "1", 1, 1 << 20, false,
     "with recall: how far back, in tokens"},
    {"reversed", 0, PE_CLI_FLAG, NULL, NULL, 0, 0, false, "with addition: the last digit first"},
};
static const pe_cli_group task_options = PE_CLI_GROUP("Task", task_table);

static const pe_cli_option training_table[] = {
    {"steps", 'n', PE_CLI_INT, "N", "1000", 1, 1 << 24, false, "of the whole training"},
    {"batch", 'b', PE_CLI_INT, "N", "32", 1, 1 << 16, false, "sequences of a step"},
    {"learning-rate", 0, PE_CLI_REAL, "R", "0.001", 0, 10, false,
     "of AdamW, at the end of the warm-up"},
    {"warm-up", 0, PE_CLI_INT, "N", "100", 0, 1 << 24, false,
     "steps from rate 0; a cosine follows"},
    {"least-rate", 0, PE_CLI_REAL, "SHARE", "0.1", 0, 1, false, "where the cosine ends"},
    {"beta2", 0, PE_CLI_REAL, "B", "0.99", 0, 0.99999, false, "of AdamW; beta1 is 0.9"},
    {"decay", 0, PE_CLI_REAL, "D", "0.01", 0, 10, false,
     "of linear weights and the head; not of norms, biases, token rows and encodings"},
    {"clip", 0, PE_CLI_REAL, "NORM", "1", 0, 1e6, false, "of all gradients together; 0: none"},
    {"out", 'o', PE_CLI_TEXT, "DIR", NULL, 0, 0, false, "folder for checkpoints and log.csv"},
    {"resume", 0, PE_CLI_FLAG, NULL, NULL, 0, 0, false, "go on from the checkpoint in --out"},
    {"checkpoint-every", 0, PE_CLI_INT, "N", "200", 0, 1 << 24, false,
     "steps; 0: only at the end and when interrupted"},
    {"held-out-every", 0, PE_CLI_INT, "N", "100", 0, 1 << 24, false,
     "steps between held-out losses; 0: only at the end"},
};
static const pe_cli_group training_options = PE_CLI_GROUP("Training", training_table);

/* ---- what the command line asks for ------------------------------------------------------------
 */

typedef struct job {
    const pe_cli *cli;
    pe_choice variant, map;
    pe_task *task;
    pe_model *model;
    pe_training *training;
    pe_progress progress;
    char what[96];
    double began;  /* seconds */
    int64_t first; /* step at which this run began */
    double tokens; /* of a step */
} job;

/* First of all: who has mistyped a variant should not be asked for a file before. */
static pe_status choose_variants(job *j, pe_error *err)
{
    const char *map = pe_cli_text(j->cli, "positions");
    pe_status status = pe_choice_parse(j->cli->words[0], 0, NULL, &j->variant, err);
    return status == PE_OK && map ? pe_choice_parse(map, 0, NULL, &j->map, err) : status;
}

static pe_status make_task(job *j, pe_error *err)
{
    const pe_cli *cli = j->cli;
    const pe_task_config config = {.kind = (pe_task_kind)pe_cli_choice(cli, "task"),
                                   .path = pe_cli_text(cli, "data"),
                                   .held_out = pe_cli_real(cli, "held-out"),
                                   .length = pe_cli_int(cli, "length"),
                                   .symbols = (int)pe_cli_int(cli, "symbols"),
                                   .shortest = pe_cli_int(cli, "shortest"),
                                   .longest = pe_cli_int(cli, "longest"),
                                   .distance = pe_cli_int(cli, "distance"),
                                   .reversed = pe_cli_flag(cli, "reversed"),
                                   .causal = !pe_cli_flag(cli, "bidirectional")};
    if (config.kind == PE_TASK_TEXT && !config.path)
        return pe_fail(err, PE_USAGE, "task text needs --data FILE; any file will do");
    return pe_task_create(&config, &j->task, err);
}

static pe_status make_model(job *j, pe_error *err)
{
    const pe_cli *cli = j->cli;
    const pe_model_config config = {.layers = (int)pe_cli_int(cli, "layers"),
                                    .width = (int)pe_cli_int(cli, "width"),
                                    .heads = (int)pe_cli_int(cli, "heads"),
                                    .vocabulary = pe_task_vocabulary(j->task),
                                    .length = pe_task_tokens(j->task, 0),
                                    .causal = !pe_cli_flag(cli, "bidirectional"),
                                    .tied = pe_cli_flag(cli, "tied"),
                                    .scale_embedding = pe_cli_flag(cli, "scale-embedding"),
                                    .dropout = pe_cli_real(cli, "dropout"),
                                    .seed = (uint64_t)pe_cli_int(cli, "seed"),
                                    .precision = PE_FLOAT,
                                    .variant = j->variant.variant,
                                    .settings = j->variant.settings,
                                    .setting_count = j->variant.setting_count,
                                    .schedule = pe_cli_text(cli, "encoding-layers"),
                                    .map = j->map.variant,
                                    .map_settings = j->map.settings,
                                    .map_setting_count = j->map.setting_count};
    pe_status status = pe_model_create(&config, &j->model, err);
    if (status == PE_OK && pe_cli_text(cli, "initial"))
        status = pe_model_load(j->model, pe_cli_text(cli, "initial"), err);
    if (status == PE_OK && pe_cli_text(cli, "export-initial"))
        status = pe_model_save(j->model, pe_cli_text(cli, "export-initial"), err);
    return status;
}

/* The line on a terminal: loss, speed and what is left. */
static pe_status show(pe_training *training, void *context, pe_error *err)
{
    job *j = context;
    const int64_t step = pe_training_step(training), done = step - j->first;
    const double took = pe_seconds() - j->began;
    const double left = (double)(pe_cli_int(j->cli, "steps") - step);
    (void)err;
    if (done > 0 && took > 0)
        snprintf(j->what, sizeof j->what, "loss %.4f, %.0f tokens/s, %.0f s left",
                 pe_training_loss(training), (double)done * j->tokens / took,
                 left * took / (double)done);
    pe_progress_step(&j->progress, (size_t)step);
    return PE_OK;
}

static pe_status make_training(job *j, pe_error *err)
{
    const pe_cli *cli = j->cli;
    pe_training_config config = {.model = j->model,
                                 .task = j->task,
                                 .optimiser = pe_optimiser_standard(),
                                 .batch = (int)pe_cli_int(cli, "batch"),
                                 .steps = pe_cli_int(cli, "steps"),
                                 .seed = (uint64_t)pe_cli_int(cli, "seed"),
                                 .held_out_every = pe_cli_int(cli, "held-out-every"),
                                 .check = pe_signals_check,
                                 .watch_every = 1,
                                 .watch = show,
                                 .context = j,
                                 .folder = pe_cli_text(cli, "out"),
                                 .checkpoint_every = pe_cli_int(cli, "checkpoint-every")};
    config.optimiser.rate = pe_cli_real(cli, "learning-rate");
    config.optimiser.warm_up = pe_cli_int(cli, "warm-up");
    config.optimiser.least_rate = pe_cli_real(cli, "least-rate");
    config.optimiser.beta2 = pe_cli_real(cli, "beta2");
    config.optimiser.decay = pe_cli_real(cli, "decay");
    config.optimiser.clip = pe_cli_real(cli, "clip");
    j->tokens = (double)config.batch * (double)pe_task_tokens(j->task, 0);
    return pe_training_create(&config, &j->training, err);
}

static pe_status resume(job *j, pe_error *err)
{
    char note[PE_ERROR_TEXT];
    if (!pe_cli_flag(j->cli, "resume"))
        return PE_OK;
    if (!pe_cli_text(j->cli, "out"))
        return pe_fail(err, PE_USAGE, "--resume needs the folder: --out DIR");
    pe_status status = pe_training_resume(j->training, note, err);
    if (status == PE_OK && note[0])
        fprintf(stderr, "posenc train: %s\n", note);
    return status;
}

/* ---- what came out
 * --------------------------------------------------------------------------------- */

static json_t *summary_of(job *j, const pe_score *score, double took)
{
    const int64_t done = pe_training_step(j->training) - j->first;
    const char *out = pe_cli_text(j->cli, "out");
    return json_pack("{s:s, s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:s*}", "variant",
                     j->variant.variant->id, "task", pe_task_name(pe_task_config_of(j->task)->kind),
                     "steps", (json_int_t)pe_training_step(j->training), "loss",
                     pe_json_real(pe_training_loss(j->training)), "held_out_loss",
                     pe_json_real(score->loss), "accuracy", pe_json_real(score->accuracy), "exact",
                     pe_json_real(score->exact), "seconds", pe_json_real(took), "parameters",
                     (json_int_t)pe_model_size(j->model), "tokens_per_s",
                     pe_json_real(took > 0 ? (double)done * j->tokens / took : 0), "out", out);
}

static pe_status print_summary(job *j, double took, pe_error *err)
{
    static const char *const columns[] = {"variant", "task",          "steps",
                                          "loss",    "held_out_loss", "accuracy",
                                          "exact",   "tokens_per_s",  "seconds"};
    pe_score score;
    pe_status status =
        pe_score_task(j->model, j->task, 0, (int)pe_cli_int(j->cli, "batch"), 4,
                      (uint64_t)pe_cli_int(j->cli, "seed"), pe_signals_check, &score, err);
    if (status != PE_OK)
        return status;
    json_t *summary = summary_of(j, &score, took);
    json_t *rows = json_array();
    if (summary)
        json_array_append(rows, summary);
    if (pe_cli_flag(j->cli, "json"))
        status = pe_print_json(summary, err);
    else
        status = pe_print_rows(j->cli, pe_rows_complete(rows, 1),
                               (int)(sizeof columns / sizeof columns[0]), columns, err);
    json_decref(rows);
    json_decref(summary);
    return status;
}

static pe_status train(job *j, pe_error *err)
{
    const size_t steps = (size_t)pe_cli_int(j->cli, "steps");
    j->first = pe_training_step(j->training);
    j->began = pe_seconds();
    snprintf(j->what, sizeof j->what, "training");
    pe_progress_begin(&j->progress, j->cli, j->what, steps);
    pe_status status = pe_training_run(j->training, 0, err);
    pe_progress_end(&j->progress);
    if ((status == PE_INTERRUPTED || status == PE_TERMINATED) && pe_cli_text(j->cli, "out"))
        return pe_fail(err, status, "interrupted after step %lld, which %s keeps; --resume goes on",
                       (long long)pe_training_step(j->training), pe_cli_text(j->cli, "out"));
    return status == PE_OK ? print_summary(j, pe_seconds() - j->began, err) : status;
}

static pe_status run(const pe_cli *cli, pe_error *err)
{
    job j = {.cli = cli};
    pe_status status = choose_variants(&j, err);
    if (status == PE_OK)
        status = make_task(&j, err);
    if (status == PE_OK)
        status = make_model(&j, err);
    if (status == PE_OK)
        status = make_training(&j, err);
    if (status == PE_OK)
        status = resume(&j, err);
    if (status == PE_OK)
        status = train(&j, err);
    pe_training_release(j.training);
    pe_model_release(j.model);
    pe_task_release(j.task);
    pe_choice_release(&j.variant);
    pe_choice_release(&j.map);
    return status;
}

const pe_cli_verb verb_train = {
    .name = "train",
    .arguments = "VARIANT[:option=value,...]",
    .summary = "train a small transformer with a variant",
    .description =
        "A pre-norm transformer in float with AdamW, on the bytes of a text or on generated "
        "sequences with exact answers. The last line has the loss of the last step, and the loss, "
        "the share of right tokens and of wholly right answers on what was not trained on. With "
        "--out, log.csv has every step, and checkpoint.a and checkpoint.b.safetensors alternate: "
        "--resume gives the same bytes as a run that was never interrupted. Parameters stand under "
        "names such as layers.3.attention.query.weight and layers.3.pe.rel_k. The seed decides "
        "everything, at any number of threads.",
    .examples = "posenc train learned --data README.md --steps 200    # bytes of a text\n"
                "posenc train shaw:clip=8 --task copy --longest 16    # a task with exact answers\n"
                "posenc train rope --data book.txt --out run          # Ctrl-C keeps a checkpoint\n"
                "posenc train rope --data book.txt --out run --resume # and this goes on\n"
                "posenc train none --task left --bidirectional --length 32 --json",
    .least = 1,
    .most = 1,
    .groups = {&model_options, &task_options, &training_options},
    .run = run,
};
