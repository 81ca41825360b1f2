#include "core/settings.h"
#include "base/memory.h"
#include "base/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int choice_index(const char *choices, const char *text)
{
    size_t length = strlen(text);
    int index = 0;
    for (const char *c = choices; c && *c; index++) {
        size_t n = strcspn(c, "|");
        if (n == length && memcmp(c, text, n) == 0)
            return index;
        c += n + (c[n] == '|');
    }
    return PE_NONE;
}

static bool read_number(const char **text, double *x)
{
    char *end;
    *x = strtod(*text, &end);
    if (end == *text || !isfinite(*x))
        return false;
    *text = end;
    return true;
}

static pe_status out_of_range(const pe_variant *variant, const pe_option *option, const char *text,
                              pe_error *err)
{
    return pe_fail(err, PE_USAGE, "%s: option %s is %s, but must be %s from %g to %g", variant->id,
                   option->name, text, option->kind == PE_INT ? "a whole number" : "a number",
                   option->low, option->high);
}

static pe_status read_numbers(const pe_variant *variant, const pe_option *option, const char *text,
                              double *x, int *count, pe_error *err)
{
    int most = option->kind == PE_LIST ? PE_MAX_LIST : 1;
    const char *at = text;
    for (*count = 0; *count < most; at++) {
        double number;
        if (!read_number(&at, &number))
            break;
        if (number < option->low || number > option->high ||
            (option->kind == PE_INT && number != floor(number)))
            return out_of_range(variant, option, text, err);
        x[(*count)++] = number;
        if (*at != ',')
            break;
    }
    if (*at != '\0' || (*count == 0 && *text != '\0'))
        return out_of_range(variant, option, text, err);
    return PE_OK;
}

static pe_status read_value(const pe_variant *variant, const pe_option *option, const char *text,
                            double *x, int *count, pe_error *err)
{
    *count = 1;
    if (option->kind == PE_BOOL) {
        bool yes = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
        if (!yes && strcmp(text, "false") != 0 && strcmp(text, "0") != 0)
            return pe_fail(err, PE_USAGE, "%s: option %s is %s, but must be true or false",
                           variant->id, option->name, text);
        x[0] = yes;
        return PE_OK;
    }
    if (option->kind == PE_CHOICE) {
        int index = choice_index(option->choices, text);
        if (index == PE_NONE)
            return pe_fail(err, PE_USAGE, "%s: option %s is %s, but must be one of %s", variant->id,
                           option->name, text, option->choices);
        x[0] = index;
        return PE_OK;
    }
    pe_status status = read_numbers(variant, option, text, x, count, err);
    if (status == PE_OK && option->kind != PE_LIST && *count != 1)
        return out_of_range(variant, option, text[0] ? text : "empty", err);
    return status;
}

static pe_status unknown_option(const pe_variant *variant, const char *name, pe_error *err)
{
    const char *known[PE_MAX_OPTIONS];
    for (int i = 0; i < variant->option_count; i++)
        known[i] = variant->options[i].name;
    if (variant->option_count == 0)
        return pe_fail(err, PE_USAGE, "%s has no option %s: it has none at all", variant->id, name);
    char advice[PE_ERROR_TEXT / 2];
    pe_name_advice(name, (size_t)variant->option_count, known, advice, sizeof advice);
    return pe_fail(err, PE_USAGE, "%s has no option %s; %s", variant->id, name, advice);
}

pe_status pe_settings_read(const pe_variant *variant, const pe_setting *settings, int count,
                           pe_value *opt, pe_error *err)
{
    size_t slots = 0, start[PE_MAX_OPTIONS + 1];
    for (int i = 0; i < variant->option_count; i++) {
        start[i] = slots;
        slots += variant->options[i].kind == PE_LIST ? PE_MAX_LIST : 1;
    }
    double *numbers = pe_allocate(slots, sizeof *numbers, "option values", err);
    if (!numbers)
        return PE_MEMORY;
    for (int i = 0; i < variant->option_count; i++) {
        numbers[start[i]] = variant->options[i].standard;
        opt[i] = (pe_value){variant->options[i].kind == PE_LIST ? 0 : 1, numbers + start[i]};
    }
    if (variant->option_count == 0)
        opt[0].x = numbers; /* so that release finds the block */
    for (int s = 0; s < count; s++) {
        int which = 0;
        while (which < variant->option_count &&
               strcmp(variant->options[which].name, settings[s].name) != 0)
            which++;
        pe_status status = PE_OK;
        if (which == variant->option_count)
            status = unknown_option(variant, settings[s].name, err);
        else if (settings[s].text && strcmp(settings[s].text, "null") != 0)
            status = read_value(variant, &variant->options[which], settings[s].text,
                                numbers + start[which], &opt[which].n, err);
        if (status != PE_OK) {
            pe_settings_release(opt);
            return status;
        }
    }
    return PE_OK;
}

void pe_settings_release(pe_value *opt)
{
    pe_release((void *)(uintptr_t)opt[0].x);
    opt[0].x = NULL;
}
