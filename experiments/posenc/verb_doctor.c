#include "verbs.h"

#include "cli/limits.h"
#include "cli/print.h"
#include "cli/version.h"
#include "io/output.h"
#include "kernels/kernels.h"
#include "plot/gnuplot.h"

#include <omp.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

static const pe_cli_option options[] = {
    {"folder", 0, PE_CLI_TEXT, "DIR", ".", 0, 0, false, "where results are to be written"},
};
static const pe_cli_group doctor_options = PE_CLI_GROUP("Checks", options);

enum { TEXT = 512 };

static void add(json_t *rows, const char *what, bool ok, const char *text)
{
    json_array_append_new(rows, json_pack("{s:s, s:s, s:s}", "check", what, "state",
                                          ok ? "ok" : "missing", "found", text));
}

/* ---- gnuplot ---- */

static bool check_gnuplot(json_t *rows)
{
    int major = 0, minor = 0;
    pe_error why = {0};
    char text[TEXT];
    const bool ok = pe_gnuplot_version(&major, &minor, &why) == PE_OK;
    snprintf(text, sizeof text, "version %d.%d", major, minor);
    add(rows, "gnuplot", ok, ok ? text : why.text);
    return ok;
}

/* A terminal works when a small picture comes out of it. */
static void check_terminal(json_t *rows, pe_picture kind, const char *what, const char *terminal)
{
    pe_buffer script = {0}, picture = {0};
    pe_error why = {0};
    char text[TEXT];
    pe_buffer_format(&script, "set terminal %s\nplot x\n", terminal);
    const bool ok = pe_gnuplot_run(&script, kind, &picture, &why) == PE_OK;
    snprintf(text, sizeof text, "a picture of %zu bytes", picture.size);
    add(rows, what, ok, ok ? text : why.text);
    pe_buffer_release(&script);
    pe_buffer_release(&picture);
}

/* What fontconfig gives for the font of the figures; any font will do, but this one was looked at.
 */
static void check_font(json_t *rows)
{
    char text[TEXT] = "";
    FILE *pipe = popen("fc-match -f '%{family}' 'DejaVu Sans' 2>/dev/null", "r");
    const bool said = pipe && fgets(text, sizeof text, pipe);
    if (pipe)
        pclose(pipe);
    const bool ok = said && strncmp(text, "DejaVu Sans", 11) == 0;
    add(rows, "font DejaVu Sans", ok, said ? text : "fontconfig gave no answer");
}

/* ---- the machine ---- */

static void check_folder(json_t *rows, const char *what, const char *folder)
{
    pe_error why = {0};
    char text[TEXT];
    const bool ok = pe_output_folder(folder, &why) == PE_OK;
    struct statvfs disk;
    if (ok && statvfs(folder, &disk) == 0)
        snprintf(text, sizeof text, "%s is writable, %.1f GiB free", folder,
                 (double)disk.f_bavail * (double)disk.f_frsize / 0x1p30);
    else
        snprintf(text, sizeof text, "%s is writable", folder);
    add(rows, what, ok, ok ? text : why.text);
}

static void check_memory(json_t *rows)
{
    char text[TEXT];
    const size_t bytes = pe_memory_available("/proc/meminfo");
    snprintf(text, sizeof text, "%.1f GiB available", (double)bytes / 0x1p30);
    add(rows, "memory", bytes > 0, bytes ? text : "/proc/meminfo does not say");
}

static void check_threads(json_t *rows)
{
    char text[TEXT];
    snprintf(text, sizeof text, "%d of %d cores", omp_get_max_threads(), omp_get_num_procs());
    add(rows, "threads", true, text);
}

static void check_build(json_t *rows)
{
    json_t *version = pe_version();
    const char *blas = json_string_value(json_object_get(version, "blas"));
    const bool quad = json_is_true(json_object_get(version, "quad"));
    const bool library = blas && strstr(blas, "BLAS");
    add(rows, "BLAS", library, blas ? blas : "unknown");
    add(rows, "kernels", true, pe_kernels_now()->name);
    add(rows, "quad", quad, quad ? "more digits than double" : "no more digits than double here");
    json_decref(version);
}

/* ---- run ---- */

static bool examine(const pe_cli *cli, json_t *rows)
{
    const bool gnuplot = check_gnuplot(rows);
    if (gnuplot) {
        check_terminal(rows, PE_SVG, "terminal svg", "svg");
        check_terminal(rows, PE_PNG, "terminal pngcairo", "pngcairo");
        check_terminal(rows, PE_ASCII, "terminal dumb", "dumb");
    }
    check_font(rows);
    check_folder(rows, "results folder", pe_cli_text(cli, "folder"));
    check_folder(rows, "temporary folder", "/tmp");
    check_memory(rows);
    check_threads(rows);
    check_build(rows);
    return gnuplot;
}

static pe_status run(const pe_cli *cli, pe_error *err)
{
    static const char *const columns[] = {"check", "state", "found"};
    json_t *rows = json_array();
    const bool gnuplot = examine(cli, rows);
    rows = pe_rows_complete(rows, gnuplot ? 12 : 9);
    pe_status status = pe_print_rows(cli, rows, 3, columns, err);
    json_decref(rows);
    if (status == PE_OK && !gnuplot)
        status = pe_fail(err, PE_TOOL,
                         "gnuplot is missing: install gnuplot-nox (Debian, Ubuntu) "
                         "for figures; everything else works without it");
    return status;
}

const pe_cli_verb verb_doctor = {
    .name = "doctor",
    .arguments = "",
    .summary = "is everything here that posenc can use?",
    .description = "One line for each: ok, or missing. Exit code 3 when gnuplot is missing.",
    .examples = "posenc doctor\n"
                "posenc doctor --folder /tmp --json",
    .groups = {&doctor_options},
    .run = run,
};
