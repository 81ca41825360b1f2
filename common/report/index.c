/* What a folder of runs holds, and whether it is what it says. */
#include "report/page.h"
#include "report/report.h"
#include "report/sha256.h"
#include "report/words.h"

#include "base/memory.h"
#include "io/input.h"
#include "io/json.h"
#include "io/output.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_BYTES ((size_t)1 << 32) /* of one file of a run */

/* ---- verify ---- */

/* Names in run.json are untrusted: nothing outside the folder is read. */
static int is_plain_name(const char *name)
{
    return name[0] != '.' && name[0] != '\0' && !strchr(name, '/');
}

static pe_status verify_file(const char *folder, const char *name, const json_t *wanted,
                             pe_error *err)
{
    char path[PATH_MAX], digest[PE_SHA256_TEXT], *bytes = NULL;
    size_t size = 0;
    if (!json_is_string(wanted) || !is_plain_name(name) ||
        snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return pe_fail(err, PE_FORMAT, "%s/run.json: '%.100s' is not a file of a run", folder,
                       name);
    pe_error why = {0};
    pe_status status = pe_input_load(path, MOST_BYTES, &bytes, &size, &why);
    if (status != PE_OK)
        return pe_fail(err, status == PE_MEMORY ? PE_MEMORY : PE_DIFFERS, "%s", why.text);
    pe_sha256(bytes, size, digest);
    pe_release(bytes);
    if (strcmp(digest, json_string_value(wanted)) != 0)
        return pe_fail(err, PE_DIFFERS, "%s: not the bytes that run.json speaks of", path);
    return PE_OK;
}

static pe_status verify_run(const char *folder, const json_t *run, pe_error *err)
{
    const json_t *schema = json_object_get(run, "schema");
    if (!json_is_integer(schema) || json_integer_value(schema) != PE_REPORT_SCHEMA ||
        !json_is_string(json_object_get(run, "id")) ||
        !json_is_object(json_object_get(run, "files")))
        return pe_fail(err, PE_FORMAT, "%s/run.json: not a run of schema %d", folder,
                       PE_REPORT_SCHEMA);
    if (!json_is_true(json_object_get(run, "complete")))
        return pe_fail(err, PE_FORMAT, "%s: the run was not completed", folder);
    const char *name;
    json_t *wanted;
    json_object_foreach(json_object_get(run, "files"), name, wanted)
    {
        pe_status status = verify_file(folder, name, wanted, err);
        if (status != PE_OK)
            return status;
    }
    return PE_OK;
}

static json_t *load_run(const char *folder, pe_error *err)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/run.json", folder) >= (int)sizeof path) {
        pe_fail(err, PE_FORMAT, "%.200s...: path too long", folder);
        return NULL;
    }
    return pe_json_load(path, PE_JSON_MAX_BYTES, err);
}

pe_status pe_report_verify(const char *folder, pe_error *err)
{
    pe_error local = {0};
    err = err ? err : &local;
    json_t *run = load_run(folder, err);
    if (!run)
        return err->status;
    pe_status status = verify_run(folder, run, err);
    json_decref(run);
    return status;
}

/* ---- index ---- */

static int is_folder(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static const char *text_of(const json_t *run, const char *key)
{
    const char *text = json_string_value(json_object_get(run, key));
    return text ? text : "";
}

/* A relative address: percent signs where a browser would read more than a name. */
static void put_address(pe_buffer *out, const char *name)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~";
    for (; *name; name++)
        if (strchr(plain, *name))
            pe_buffer_append(out, name, 1);
        else
            pe_buffer_format(out, "%%%02X", (unsigned char)*name);
}

/* The page when there is one; else the notebook; else the folder, which lies in folder `above`
 * unless that is NULL. The text is the run's title, or its question. */
static void put_link(pe_buffer *out, const char *above, const char *folder, const json_t *run,
                     const char *text)
{
    static const char *const suffix[] = {".html", ".ipynb"};
    char name[PATH_MAX];
    pe_buffer_text(out, "<a href=\"./");
    if (above) {
        put_address(out, above);
        pe_buffer_text(out, "/");
    }
    put_address(out, folder);
    pe_buffer_text(out, "/");
    for (size_t i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "%.200s%s", text_of(run, "id"), suffix[i]);
        if (json_object_get(json_object_get(run, "files"), name)) {
            put_address(out, name);
            break;
        }
    }
    pe_buffer_text(out, "\">");
    pe_html_text(out, text_of(run, text));
    pe_buffer_text(out, "</a>");
}

static void put_entry(pe_buffer *out, const char *folder, const json_t *run)
{
    pe_buffer_text(out, "<h2>");
    put_link(out, NULL, folder, run, "title");
    pe_buffer_text(out, "</h2>\n<p class=\"question\">");
    pe_html_inline(out, text_of(run, "question"));
    pe_buffer_text(out, "</p>\n<p class=\"finding\">");
    pe_html_inline(out, text_of(run, "finding"));
    pe_buffer_format(out, "</p>\n<p>%lld checks passed, %lld failed</p>\n",
                     (long long)json_integer_value(json_object_get(run, "passed")),
                     (long long)json_integer_value(json_object_get(run, "failed")));
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name); /* not strcoll: the same in every locale */
}

/* One line of a list, when the run is sound. */
static bool put_line(pe_buffer *out, const char *root, const char *above, const char *folder)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s/%s", root, above, folder) >= (int)sizeof path)
        return false;
    pe_error why = {0};
    json_t *run = load_run(path, &why);
    const bool sound = run && verify_run(path, run, &why) == PE_OK;
    if (sound) {
        pe_buffer_text(out, "<li>");
        put_link(out, above, folder, run, "question");
        pe_buffer_text(out, " ");
        pe_html_inline(out, text_of(run, "finding"));
        pe_buffer_text(out, "</li>\n");
    }
    json_decref(run);
    return sound;
}

/* A folder of runs with an index of its own: a link to that, and a line for each sound run. Gives
 * what add_folder gives. */
static int add_nested(pe_buffer *out, const char *root, const char *name)
{
    char path[PATH_MAX];
    struct dirent **entry = NULL;
    pe_buffer lines = {0};
    size_t sound = 0;
    if (snprintf(path, sizeof path, "%s/%s/index.html", root, name) >= (int)sizeof path ||
        access(path, R_OK) != 0)
        return 0;
    snprintf(path, sizeof path, "%s/%s", root, name);
    const int n = scandir(path, &entry, is_folder, by_bytes);
    for (int i = 0; i < n; i++) {
        sound += put_line(&lines, root, name, entry[i]->d_name);
        free(entry[i]);
    }
    free(entry);
    if (sound > 0 && lines.status == PE_OK) {
        pe_buffer_text(out, "<h2><a href=\"./");
        put_address(out, name);
        pe_buffer_text(out, "/index.html\">");
        pe_html_text(out, name);
        pe_buffer_format(out, ": %zu page%s</a></h2>\n<ul>\n", sound, sound == 1 ? "" : "s");
        pe_buffer_append(out, lines.bytes, lines.size);
        pe_buffer_text(out, "</ul>\n");
    }
    const bool complete = lines.status == PE_OK;
    pe_buffer_release(&lines);
    return complete ? sound > 0 : -1;
}

/* 1 when it was listed, 0 when there is no sound run, -1 without memory. */
static int add_folder(pe_buffer *out, const char *root, const char *name)
{
    char path[PATH_MAX];
    pe_error why = {0};
    if (snprintf(path, sizeof path, "%s/%s", root, name) >= (int)sizeof path)
        return 0;
    json_t *run = load_run(path, &why);
    int sound = run && verify_run(path, run, &why) == PE_OK;
    if (sound)
        put_entry(out, name, run);
    const int has_run = run != NULL;
    json_decref(run);
    if (!has_run && why.status != PE_MEMORY)
        return add_nested(out, root, name);
    return sound ? 1 : why.status == PE_MEMORY ? -1 : 0;
}

static pe_status write_index(const char *root, const pe_buffer *page, pe_error *err)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/index.html", root) >= (int)sizeof path)
        return pe_fail(err, PE_WRITE, "%.200s...: path too long", root);
    pe_output *out = pe_output_begin(path, err);
    if (!out)
        return err->status;
    pe_status status = pe_output_write(out, page->bytes, page->size, err);
    if (status != PE_OK) {
        pe_output_abandon(out);
        return status;
    }
    return pe_output_commit(out, err);
}

pe_status pe_report_index(const char *root, size_t *listed, pe_error *err)
{
    pe_error local = {0};
    err = err ? err : &local;
    struct dirent **entry = NULL;
    int n = scandir(root, &entry, is_folder, by_bytes);
    if (n < 0)
        return pe_fail(err, PE_WRITE, "%s: %s", root, strerror(errno));
    pe_buffer page = {0};
    size_t found = 0;
    int no_memory = 0;
    pe_page_begin(&page, "posenc: results");
    pe_buffer_text(&page, "<h1>Results</h1>\n");
    for (int i = 0; i < n; i++) {
        int added = add_folder(&page, root, entry[i]->d_name);
        found += added == 1;
        no_memory |= added < 0;
        free(entry[i]);
    }
    free(entry);
    pe_page_end(&page);
    pe_status status = no_memory ? pe_fail(err, PE_MEMORY, "index: no memory")
                                 : pe_buffer_check(&page, "index", err);
    if (status == PE_OK)
        status = write_index(root, &page, err);
    pe_buffer_release(&page);
    if (status == PE_OK && listed)
        *listed = found;
    return status;
}
