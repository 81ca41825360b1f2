/* Three views of the same tables: text for people, roff for man, words for bash. */
#include "cli/help.h"

#include "cli/version.h"

#include <ctype.h>
#include <string.h>

enum { HELP_WIDTH = 80, HELP_INDENT = 30 };

/* ---- text ---- */

/* Words of `text`, wrapped; the line already holds `used` columns. */
static void print_wrapped(FILE *out, const char *text, int used, int indent)
{
    int column = used;
    while (*text) {
        const int length = (int)strcspn(text, " ");
        if (column > indent && column + 1 + length > HELP_WIDTH) {
            fprintf(out, "\n%*s", indent, "");
            column = indent;
        } else if (column > indent) {
            fputc(' ', out);
            column++;
        }
        fprintf(out, "%.*s", length, text);
        column += length;
        text += length;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

static void text_option(FILE *out, const pe_cli_option *option)
{
    char left[128], right[512];
    const bool bare = strcmp(option->name, "help") == 0;
    snprintf(left, sizeof left, "  %c%c%c --%s%s%s%s", option->letter ? '-' : ' ',
             option->letter ? option->letter : ' ', option->letter ? ',' : ' ', option->name,
             bare               ? "[="
             : option->argument ? " "
                                : "",
             option->argument ? option->argument : "", bare ? "]" : "");
    snprintf(right, sizeof right, "%s%s%s%s%s", option->help,
             option->repeats ? " (may be repeated)" : "", option->standard ? " [" : "",
             option->standard ? option->standard : "", option->standard ? "]" : "");
    const int used = fprintf(out, "%s", left);
    const bool fits = used < HELP_INDENT;
    fprintf(out, fits ? "%*s" : "\n%*s", fits ? HELP_INDENT - used : HELP_INDENT, "");
    print_wrapped(out, right, HELP_INDENT, HELP_INDENT);
}

static void text_lines(FILE *out, const char *lines)
{
    while (lines && *lines) {
        const size_t length = strcspn(lines, "\n");
        fprintf(out, "  %.*s\n", (int)length, lines);
        lines += length + (lines[length] == '\n');
    }
}

static void text_exit_codes(FILE *out)
{
    fprintf(out, "\nExit codes\n");
    for (int s = PE_OK; s <= PE_TERMINATED; s++)
        fprintf(out, "  %3d  %s\n", pe_exit_code((pe_status)s), pe_status_text((pe_status)s));
}

static void text_options(FILE *out, const pe_cli_verb *verb)
{
    const pe_cli_group *group;
    for (int g = 0; (group = pe_cli_group_at(verb, g)); g++) {
        fprintf(out, "\n%s\n", group->title);
        for (int i = 0; i < group->count; i++)
            text_option(out, &group->options[i]);
    }
}

static void text_verb(FILE *out, const pe_cli_program *program, const pe_cli_verb *verb)
{
    fprintf(out, "%s %s: %s\n\nExamples\n", program->name, verb->name, verb->summary);
    text_lines(out, verb->examples);
    fprintf(out, "\nUsage\n  %s %s%s%s [options]\n", program->name, verb->name,
            *verb->arguments ? " " : "", verb->arguments);
    if (verb->description) {
        fputc('\n', out);
        print_wrapped(out, verb->description, 0, 0);
    }
    text_options(out, verb);
    text_exit_codes(out);
}

static void text_program(FILE *out, const pe_cli_program *program)
{
    fprintf(out, "%s: %s\n\nExamples\n", program->name, program->summary);
    for (int i = 0; i < program->verb_count; i++) {
        const char *examples = program->verbs[i]->examples;
        fprintf(out, "  %.*s\n", (int)strcspn(examples, "\n"), examples);
    }
    fprintf(out, "\nUsage\n  %s VERB [words] [options]\n\nVerbs (more: %s help VERB)\n",
            program->name, program->name);
    for (int i = 0; i < program->verb_count; i++)
        fprintf(out, "  %-10s %s\n", program->verbs[i]->name, program->verbs[i]->summary);
    text_options(out, NULL);
    text_exit_codes(out);
}

/* ---- roff ---- */

/* Backslashes and dashes escaped; a dot or quote at the beginning of a line is no request. */
static void man_text(FILE *out, const char *text, size_t length)
{
    if (length && (text[0] == '.' || text[0] == '\''))
        fputs("\\&", out);
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\\')
            fputs("\\e", out);
        else if (text[i] == '-')
            fputs("\\-", out);
        else
            fputc(text[i], out);
    }
}

static void man_line(FILE *out, const char *text)
{
    man_text(out, text, strlen(text));
    fputc('\n', out);
}

static void man_options(FILE *out, const pe_cli_verb *verb)
{
    const pe_cli_group *group;
    for (int g = 0; (group = pe_cli_group_at(verb, g)); g++) {
        fprintf(out, ".SS \"%s\"\n", group->title);
        for (int i = 0; i < group->count; i++) {
            const pe_cli_option *option = &group->options[i];
            fputs(".TP\n\\fB", out);
            if (option->letter)
                fprintf(out, "\\-%c\\fR, \\fB", option->letter);
            fputs("\\-\\-", out);
            man_text(out, option->name, strlen(option->name));
            fprintf(out, "\\fR %s\n", option->argument ? option->argument : "");
            man_text(out, option->help, strlen(option->help));
            fprintf(out, "%s%s.\n", option->standard ? "; default " : "",
                    option->standard ? option->standard : "");
        }
    }
}

static void man_examples(FILE *out, const char *lines)
{
    fputs(".SH EXAMPLES\n.nf\n", out);
    while (lines && *lines) {
        const size_t length = strcspn(lines, "\n");
        man_text(out, lines, length);
        fputc('\n', out);
        lines += length + (lines[length] == '\n');
    }
    fputs(".fi\n", out);
}

static void man_head(FILE *out, const pe_cli_program *program, const pe_cli_verb *verb,
                     const char *summary)
{
    char title[128];
    snprintf(title, sizeof title, "%s%s%s", program->name, verb ? "-" : "", verb ? verb->name : "");
    char upper[128];
    size_t i = 0;
    for (; title[i]; i++)
        upper[i] = (char)toupper((unsigned char)title[i]);
    upper[i] = 0;
    fprintf(out, ".TH %s 1 \"\" \"%s %s\"\n.SH NAME\n", upper, program->name, PE_VERSION);
    man_text(out, title, strlen(title));
    fputs(" \\- ", out);
    man_line(out, summary);
}

static void man_exit_codes(FILE *out)
{
    fputs(".SH \"EXIT STATUS\"\n", out);
    for (int s = PE_OK; s <= PE_TERMINATED; s++)
        fprintf(out, ".TP\n%d\n%s\n", pe_exit_code((pe_status)s), pe_status_text((pe_status)s));
}

static void man_verb(FILE *out, const pe_cli_program *program, const pe_cli_verb *verb)
{
    man_head(out, program, verb, verb->summary);
    fprintf(out, ".SH SYNOPSIS\n\\fB%s %s\\fR %s [options]\n", program->name, verb->name,
            verb->arguments);
    if (verb->description) {
        fputs(".SH DESCRIPTION\n", out);
        man_line(out, verb->description);
    }
    man_examples(out, verb->examples);
    fputs(".SH OPTIONS\n", out);
    man_options(out, verb);
    man_exit_codes(out);
}

static void man_program(FILE *out, const pe_cli_program *program)
{
    man_head(out, program, NULL, program->summary);
    fprintf(out, ".SH SYNOPSIS\n\\fB%s\\fR VERB [words] [options]\n.SH VERBS\n", program->name);
    for (int i = 0; i < program->verb_count; i++) {
        fprintf(out, ".TP\n\\fB%s\\fR %s\n", program->verbs[i]->name, program->verbs[i]->arguments);
        man_line(out, program->verbs[i]->summary);
    }
    fputs(".SH OPTIONS\n", out);
    man_options(out, NULL);
    man_exit_codes(out);
}

/* ---- bash ---- */

static void bash_words(FILE *out, const pe_cli_verb *verb)
{
    const pe_cli_group *group;
    for (int g = 0; (group = pe_cli_group_at(verb, g)); g++)
        for (int i = 0; i < group->count; i++)
            fprintf(out, " --%s", group->options[i].name);
}

static void bash_program(FILE *out, const pe_cli_program *program)
{
    const char *name = program->name;
    fprintf(out,
            "# bash completion: source <(%s --help=bash)\n"
            "_%s() {\n"
            "    local word=${COMP_WORDS[COMP_CWORD]} words\n"
            "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
            "        words=\"",
            name, name);
    for (int i = 0; i < program->verb_count; i++)
        fprintf(out, "%s%s", i ? " " : "", program->verbs[i]->name);
    fprintf(out, "\"\n    else\n        case ${COMP_WORDS[1]} in\n");
    for (int i = 0; i < program->verb_count; i++) {
        fprintf(out, "        %s) words=\"", program->verbs[i]->name);
        bash_words(out, program->verbs[i]);
        fprintf(out, "\" ;;\n");
    }
    fprintf(out,
            "        esac\n    fi\n"
            "    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
            "}\n"
            "complete -o default -F _%s %s\n",
            name, name);
}

void pe_cli_help(FILE *out, const pe_cli_program *program, const pe_cli_verb *verb,
                 pe_cli_form form)
{
    if (form == PE_HELP_BASH)
        bash_program(out, program);
    else if (form == PE_HELP_MAN && verb)
        man_verb(out, program, verb);
    else if (form == PE_HELP_MAN)
        man_program(out, program);
    else if (verb)
        text_verb(out, program, verb);
    else
        text_program(out, program);
}
