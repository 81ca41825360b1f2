/* The option tables for programs: the same facts as the text, as one JSON value. */
#include "cli/help.h"

#include "cli/print.h"
#include "cli/version.h"

#include <string.h>

static json_t *words_of(const char *lines)
{
    json_t *list = json_array();
    while (lines && *lines) {
        const size_t length = strcspn(lines, "\n");
        json_array_append_new(list, json_stringn(lines, length));
        lines += length + (lines[length] == '\n');
    }
    return list;
}

static json_t *option_row(const char *group, const pe_cli_option *option)
{
    static const char *const kinds[] = {"flag", "integer", "real", "choice", "text"};
    const char letter[2] = {option->letter, 0};
    return json_pack("{s:s, s:s, s:s?, s:s, s:s?, s:s?, s:b, s:s}", "group", group, "name",
                     option->name, "letter", option->letter ? letter : NULL, "kind",
                     kinds[option->kind], "argument", option->argument, "default", option->standard,
                     "repeats", option->repeats, "help", option->help);
}

static json_t *option_rows(const pe_cli_verb *verb)
{
    json_t *rows = json_array();
    size_t expected = 0;
    const pe_cli_group *group;
    for (int g = 0; (group = pe_cli_group_at(verb, g)); g++)
        for (int i = 0; i < group->count; i++, expected++)
            json_array_append_new(rows, option_row(group->title, &group->options[i]));
    return pe_rows_complete(rows, expected);
}

static json_t *code_rows(void)
{
    json_t *rows = json_array();
    for (int s = PE_OK; s <= PE_TERMINATED; s++)
        json_array_append_new(rows, json_pack("{s:i, s:s}", "code", pe_exit_code((pe_status)s),
                                              "meaning", pe_status_text((pe_status)s)));
    return pe_rows_complete(rows, PE_TERMINATED - PE_OK + 1);
}

static json_t *verb_row(const pe_cli_verb *verb)
{
    return json_pack("{s:s, s:s, s:s, s:s?, s:o, s:o}", "name", verb->name, "arguments",
                     verb->arguments, "summary", verb->summary, "description", verb->description,
                     "examples", words_of(verb->examples), "options", option_rows(verb));
}

static json_t *verb_rows(const pe_cli_program *program)
{
    json_t *rows = json_array();
    for (int i = 0; i < program->verb_count; i++)
        json_array_append_new(rows, verb_row(program->verbs[i]));
    return pe_rows_complete(rows, (size_t)program->verb_count);
}

json_t *pe_cli_help_json(const pe_cli_program *program, const pe_cli_verb *verb)
{
    if (verb) {
        json_t *row = verb_row(verb);
        if (json_object_set_new(row, "exit_codes", code_rows()) == 0)
            return row;
        json_decref(row);
        return NULL;
    }
    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o}", "name", program->name, "summary",
                     program->summary, "version", PE_VERSION, "verbs", verb_rows(program),
                     "options", option_rows(NULL), "exit_codes", code_rows());
}
