#include "conformance/skeleton.h"
#include "base/memory.h"
#include "registry/module.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LONGEST_NAME = 40 };

/* In the texts, @ stands for the name. */
static const char source[] =
    "/* 1. State the formula, the paper and every deviation here.\n"
    " *      p(t, c) = cos(pi t (c + 1/2) / N) */\n"
    "#include \"posenc.h\"\n"
    "\n"
    "#ifdef PE_FIRST /* 2. Once: options, parameters, and what the core should know. */\n"
    "enum { LENGTH };\n"
    "static const pe_option options[] = {\n"
    "    {\"length\", PE_INT, 512, 1, 1 << 30, NULL, \"tokens in half a turn of the first column "
    "(N)\"}};\n"
    "\n"
    "static bool setup(pe_setup *s)\n"
    "{\n"
    "    s->embed_width = s->dims->model_dim;\n"
    "    s->claims = PE_CLAIM_BOUNDED | PE_CLAIM_EXTRAPOLATES; /* 3. Verified, not believed. */\n"
    "    s->bound = 1;\n"
    "    return true;\n"
    "}\n"
    "#endif\n"
    "\n"
    "/* 4. In pe_real, three times: double, float, quad. Integers are exact; write PE_C(0.5) for "
    "0.5. */\n"
    "static void PE(embed)(const pe_call *c, int n, const double *coord, pe_real *rows)\n"
    "{\n"
    "    const int width = c->info->embed_width;\n"
    "    for (int t = 0; t < n; t++)\n"
    "        for (int k = 0; k < width; k++)\n"
    "            rows[t * width + k] = pe_cos(PE_PI * pe_num(coord[t * c->dims->axes]) *\n"
    "                                         (pe_num(k) + PE_C(0.5)) / pe_opt_real(c, LENGTH));\n"
    "}\n"
    "\n"
    "static const pe_ops PE(ops) = {.embed = PE(embed)};\n"
    "PE_VARIANT(@, .title = \"@\", .source = \"this file\", PE_OPTIONS(options),\n"
    "           .summary = \"Columns are cosines of rising frequency.\",\n"
    "           .formula = \"p(t,c) = \\\\cos\\\\frac{\\\\pi t (c + 1/2)}{N}\", .setup = setup);\n"
    "#include PE_NEXT(\"@.c\") /* 5. This file again, for the next precision. */\n";

static const char cmake[] =
    "cmake_minimum_required(VERSION 3.25)\n"
    "project(posenc_@ LANGUAGES C)\n"
    "\n"
    "# Where posenc.h is: the installed folder, or common/api of a source tree.\n"
    "set(POSENC_INCLUDE \"\" CACHE PATH \"Folder that holds posenc.h\")\n"
    "find_path(POSENC_HEADERS posenc.h HINTS \"${POSENC_INCLUDE}\" PATH_SUFFIXES posenc REQUIRED)\n"
    "find_program(POSENC_PROGRAM posenc DOC \"The posenc program, for the tests\")\n"
    "\n"
    "add_library(@ MODULE @.c)\n"
    "target_include_directories(@ PRIVATE \"${POSENC_HEADERS}\")\n"
    "target_compile_options(@ PRIVATE -ffp-contract=off -Wall -Wextra -Wconversion\n"
    "    -Wdouble-promotion -Wfatal-errors)\n"
    "target_link_libraries(@ PRIVATE m)\n"
    "set_target_properties(@ PROPERTIES PREFIX \"\" SUFFIX .so C_STANDARD 11\n"
    "    C_VISIBILITY_PRESET hidden)\n"
    "\n"
    "enable_testing()\n"
    "if(POSENC_PROGRAM)\n"
    "    add_test(NAME @ COMMAND ${POSENC_PROGRAM} plugin check $<TARGET_FILE:@>)\n"
    "endif()\n";

static const char test[] =
    "#!/bin/sh\n"
    "# Build @.so with one command and run the conformance suite on it.\n"
    "#     sh test.sh INCLUDE [POSENC]    folder of posenc.h; the program (default: posenc)\n"
    "set -eu\n"
    "cd \"$(dirname \"$0\")\"\n"
    "include=${1:?folder that holds posenc.h}\n"
    "posenc=${2:-posenc}\n"
    "cc -shared -fPIC -ffp-contract=off -Wall -Wextra -Wconversion -Wdouble-promotion \\\n"
    "    -Wfatal-errors -I \"$include\" @.c -o @.so -lm\n"
    "exec \"$posenc\" plugin check \"$PWD/@.so\"\n";

static const char readme[] =
    "# @\n"
    "\n"
    "What it says about positions, from which paper and equation, and what to expect in the "
    "plots.\n"
    "\n"
    "    cmake -B build -DPOSENC_INCLUDE=FOLDER-OF-posenc.h && cmake --build build\n"
    "    posenc plugin check build/@.so\n";

static const struct {
    const char *name; /* of the file */
    const char *text;
} files[] = {{"@.c", source}, {"CMakeLists.txt", cmake}, {"test.sh", test}, {"README.md", readme}};
enum { FILES = sizeof files / sizeof files[0] };

static bool is_word_of_c(const char *name)
{
    static const char words[] =
        " auto break case char const continue default do double else enum extern float for goto if "
        "inline int long register restrict return short signed sizeof static struct switch typedef "
        "union unsigned void volatile while ";
    char word[LONGEST_NAME + 3];
    snprintf(word, sizeof word, " %s ", name);
    return strstr(words, word) != NULL;
}

static pe_status check_name(const char *name, pe_error *err)
{
    if (!pe_is_plain_name(name) || strlen(name) > LONGEST_NAME)
        return pe_fail(err, PE_USAGE,
                       "\"%.64s\" cannot be the name of a variant; expected lower-case letters, "
                       "digits and _, with a letter first, at most %d",
                       name, (int)LONGEST_NAME);
    if (is_word_of_c(name))
        return pe_fail(err, PE_USAGE, "\"%s\" is a word of C and cannot be the name of a variant",
                       name);
    return PE_OK;
}

/* Write text with every @ replaced by the name; to must have room for it. */
static void fill_in(const char *text, const char *name, char *to)
{
    for (const char *c = text; *c; c++)
        if (*c == '@')
            to = stpcpy(to, name);
        else
            *to++ = *c;
    *to = '\0';
}

static size_t filled_size(const char *text, const char *name)
{
    size_t bytes = strlen(text) + 1;
    for (const char *c = text; *c; c++)
        bytes += *c == '@' ? strlen(name) : 0;
    return bytes;
}

static pe_status write_text(const char *path, const char *text, pe_error *err)
{
    FILE *f = fopen(path, "wx");
    if (!f)
        return pe_fail(err, PE_WRITE, "%s: %s", path, strerror(errno));
    const bool wrote = fputs(text, f) >= 0;
    const bool closed = fclose(f) == 0;
    if (wrote && closed)
        return PE_OK;
    return pe_fail(err, PE_WRITE, "%s: %s", path, strerror(errno));
}

/* The folder to make, and room for the path of each file in it, so that cleaning up needs no
 * memory. */
typedef struct place {
    const char *name;
    char *home, *path; /* owned */
    char *tail;        /* in path, where the file's name begins */
} place;

static const char *path_of(const place *p, size_t which)
{
    fill_in(files[which].name, p->name, p->tail);
    return p->path;
}

static pe_status write_file(const place *p, size_t which, pe_error *err)
{
    char *text = pe_allocate(filled_size(files[which].text, p->name), 1, "file of a plug-in", err);
    if (!text)
        return PE_MEMORY;
    fill_in(files[which].text, p->name, text);
    const pe_status status = write_text(path_of(p, which), text, err);
    pe_release(text);
    return status;
}

/* Only what was written here: the folder did not exist before. */
static void remove_all(const place *p)
{
    for (size_t f = 0; f < FILES; f++)
        unlink(path_of(p, f));
    rmdir(p->home);
}

static pe_status write_files(const place *p, pe_error *err)
{
    if (mkdir(p->home, 0777) != 0)
        return errno == EEXIST
                   ? pe_fail(err, PE_USAGE,
                             "%s is already there; choose another name, or remove it", p->home)
                   : pe_fail(err, PE_WRITE, "%s: cannot make the folder: %s", p->home,
                             strerror(errno));
    pe_status status = PE_OK;
    for (size_t f = 0; f < FILES && status == PE_OK; f++)
        status = write_file(p, f, err);
    if (status != PE_OK)
        remove_all(p);
    return status;
}

pe_status pe_plugin_new(const char *folder, const char *name, pe_error *err)
{
    pe_status status = check_name(name, err);
    if (status != PE_OK)
        return status;
    const size_t bytes = strlen(folder) + strlen(name) + 2;
    place p = {.name = name};
    p.home = pe_allocate(bytes, 1, "path", err);
    p.path = p.home ? pe_allocate(bytes + LONGEST_NAME + 32, 1, "path", err) : NULL;
    status = PE_MEMORY;
    if (p.path) {
        snprintf(p.home, bytes, "%s/%s", folder, name);
        p.tail = stpcpy(stpcpy(p.path, p.home), "/");
        status = write_files(&p, err);
    }
    pe_release(p.path);
    pe_release(p.home);
    return status;
}
