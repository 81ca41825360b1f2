/* What a descriptor must say about itself, wherever it comes from. */
#include "registry/module.h"

#include <string.h>

bool pe_is_plain_name(const char *name)
{
    if (!name || name[0] < 'a' || name[0] > 'z')
        return false;
    return name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

static int count_choices(const char *choices)
{
    int count = 1;
    for (const char *c = choices; *c; c++)
        count += *c == '|';
    return count;
}

/* NULL when the option is well formed, else what is wrong with it. */
static const char *fault_of(const pe_option *o)
{
    switch (o->kind) {
    case PE_INT:
    case PE_REAL:
        if (!(o->low <= o->high))
            return "low > high, expected an inclusive range";
        if (!(o->low <= o->standard && o->standard <= o->high))
            return "a default outside its range, expected one inside";
        if (o->kind == PE_INT && (double)(int64_t)o->standard != o->standard)
            return "a default with a fraction, expected a whole number";
        return NULL;
    case PE_LIST:
        return o->low <= o->high ? NULL : "low > high, expected an inclusive range";
    case PE_BOOL:
        return o->standard == 0 || o->standard == 1 ? NULL : "a default that is not 0 or 1";
    case PE_CHOICE:
        if (!o->choices || !o->choices[0])
            return "no choices, expected names separated by |";
        if (!(o->standard >= 0 && o->standard < count_choices(o->choices)))
            return "a default that is not the index of a choice";
        return NULL;
    }
    return "an unknown kind, expected PE_INT, PE_REAL, PE_BOOL, PE_CHOICE or PE_LIST";
}

static pe_status check_options(const pe_variant *v, const char *who, pe_error *err)
{
    if (v->option_count < 0 || v->option_count > PE_MAX_OPTIONS || (v->option_count && !v->options))
        return pe_fail(err, PE_PLUGIN,
                       "%s: malformed option table: found %d options%s, expected 0 to %d", who,
                       v->option_count, v->options ? "" : " at NULL", (int)PE_MAX_OPTIONS);
    for (int i = 0; i < v->option_count; i++) {
        const pe_option *o = &v->options[i];
        if (!pe_is_plain_name(o->name))
            return pe_fail(err, PE_PLUGIN,
                           "%s: malformed option table: option %d is called \"%.40s\", expected "
                           "lower-case letters, digits and _",
                           who, i, o->name ? o->name : "NULL");
        const char *fault = o->meaning ? fault_of(o) : "no meaning, expected a sentence";
        if (fault)
            return pe_fail(err, PE_PLUGIN, "%s: malformed option table: option \"%s\" has %s", who,
                           o->name, fault);
        for (int k = 0; k < i; k++)
            if (strcmp(v->options[k].name, o->name) == 0)
                return pe_fail(err, PE_PLUGIN,
                               "%s: malformed option table: found two options \"%s\", expected "
                               "every name once",
                               who, o->name);
    }
    return PE_OK;
}

pe_status pe_descriptor_check(const pe_variant *v, const char *who, pe_error *err)
{
    if (!pe_is_plain_name(v->id))
        return pe_fail(err, PE_PLUGIN,
                       "%s: found the id \"%.40s\", expected lower-case letters, digits and _, "
                       "with a letter first",
                       who, v->id ? v->id : "NULL");
    if (!v->title || !v->source || !v->summary || !v->formula)
        return pe_fail(err, PE_PLUGIN, "%s: found no %s, expected a text", who,
                       !v->title     ? "title"
                       : !v->source  ? "source"
                       : !v->summary ? "summary"
                                     : "formula");
    if (!v->setup)
        return pe_fail(err, PE_PLUGIN, "%s: found no setup, expected a function", who);
    if (!v->f64 || !v->f32 || !v->f128 || !v->quad_math)
        return pe_fail(err, PE_PLUGIN,
                       "%s: found hooks missing in one precision, expected all three: does the "
                       "file end with #include PE_NEXT(\"%s.c\")?",
                       who, v->id);
    return check_options(v, who, err);
}
