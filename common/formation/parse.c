/* Paths as text. */
#include "formation/formation.h"

#include "base/names.h"

#include <stdio.h>
#include <string.h>

static const char *const step_names[PE_STEP_COUNT] = {"position", "frequency", "angle", "sine",
                                                      "store"};
static const char *const frequency_names[PE_FREQUENCY_FORMULAS] = {
    "exact", "pow", "reciprocal-pow", "exp-step", "exp-log", "product", "table"};
static const char *const angle_names[PE_ANGLE_FORMULAS] = {"exact", "product", "repeated",
                                                           "addition"};
static const char *const sine_names[PE_SINE_FORMULAS] = {"exact", "native"};

typedef struct formulas {
    const char *const *names;
    int count;
    int usual; /* for a format alone */
} formulas;

static formulas formulas_of(pe_step step)
{
    switch (step) {
    case PE_STEP_FREQUENCY:
        return (formulas){frequency_names, PE_FREQUENCY_FORMULAS, PE_FREQUENCY_POW};
    case PE_STEP_ANGLE:
        return (formulas){angle_names, PE_ANGLE_FORMULAS, PE_ANGLE_PRODUCT};
    case PE_STEP_SINE:
        return (formulas){sine_names, PE_SINE_FORMULAS, PE_SINE_NATIVE};
    default: /* only rounded: no formula but `exact` */
        return (formulas){sine_names, 1, 0};
    }
}

const char *pe_step_name(pe_step step)
{
    return (unsigned)step < PE_STEP_COUNT ? step_names[step] : NULL;
}

const char *pe_step_formula_name(pe_step step, int formula)
{
    const formulas f = formulas_of(step);
    return formula >= 0 && formula < f.count ? f.names[formula] : NULL;
}

static int find(size_t count, const char *const *names, const char *word)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], word) == 0)
            return (int)i;
    return -1;
}

/* ---- one step ---- */

enum { WORD = 64 };

static pe_status read_format(const char *word, const char *step, pe_format *format, pe_error *err)
{
    const char *known[PE_FORMAT_COUNT];
    char advice[256];
    size_t count = 0;
    for (int f = PE_FP64; f < PE_FORMAT_COUNT; f++)
        known[count++] = pe_format_name((pe_format)f);
    /* the OCP names, without fp8_, are what people write */
    const char *name = strcmp(word, "e4m3") == 0   ? "fp8_e4m3"
                       : strcmp(word, "e5m2") == 0 ? "fp8_e5m2"
                                                   : word;
    const int found = find(count, known, name);
    if (found < 0) {
        pe_name_advice(name, count, known, advice, sizeof advice);
        return pe_fail(err, PE_USAGE, "step %s: there is no format '%s'; %s", step, word, advice);
    }
    *format = (pe_format)(PE_FP64 + found);
    return PE_OK;
}

/* The next word up to `end`, ':' included in what is passed over. false: too long. */
static bool next_word(const char **at, const char *end, char word[WORD])
{
    const char *stop = memchr(*at, ':', (size_t)(end - *at));
    const size_t n = (size_t)((stop ? stop : end) - *at);
    if (n >= WORD)
        return false;
    memcpy(word, *at, n);
    word[n] = 0;
    *at = stop ? stop + 1 : NULL;
    return true;
}

/* Up to three words of a step's value; their number, or 0 when there are more or one is too long.
 */
static int split(const char *from, const char *end, char words[3][WORD])
{
    int n = 0;
    for (const char *at = from; at;) {
        if (n == 3 || !next_word(&at, end, words[n]))
            return 0;
        n++;
    }
    return n;
}

static pe_status read_value(pe_step which, const char *from, const char *end,
                            pe_formation_step *step, pe_error *err)
{
    const char *name = step_names[which];
    const formulas known = formulas_of(which);
    char words[3][WORD], advice[256];
    const int n = split(from, end, words);
    if (n == 0)
        return pe_fail(err, PE_USAGE,
                       "step %s is FORMULA:FORMAT, FORMULA:ARITHMETIC:RESULT, FORMAT or exact",
                       name);
    *step = (pe_formation_step){0, PE_UNROUNDED, PE_UNROUNDED};
    step->formula = find((size_t)known.count, known.names, words[0]);
    if (step->formula < 0 && n == 1) {
        step->formula = known.usual;
        return read_format(words[0], name, known.count == 1 ? &step->result : &step->arithmetic,
                           err);
    }
    if (step->formula < 0) {
        pe_name_advice(words[0], (size_t)known.count, known.names, advice, sizeof advice);
        return pe_fail(err, PE_USAGE, "step %s: there is no formula '%s'; %s", name, words[0],
                       advice);
    }
    if (step->formula == 0) { /* exact, or exact:RESULT */
        if (n > 2 || (n == 2 && known.count == 1))
            return pe_fail(err, PE_USAGE, "step %s: exact has %s", name,
                           known.count == 1 ? "no format after it" : "one format after it at most");
        return n == 1 ? PE_OK : read_format(words[1], name, &step->result, err);
    }
    if (n == 1)
        return pe_fail(err, PE_USAGE, "step %s: formula '%s' needs a format, as in %s:fp32", name,
                       words[0], words[0]);
    const pe_status status = read_format(words[1], name, &step->arithmetic, err);
    return status == PE_OK && n == 3 ? read_format(words[2], name, &step->result, err) : status;
}

/* ---- a whole path ---- */

static void keep_step(pe_formation *path, pe_step which, const pe_formation_step *step)
{
    switch (which) {
    case PE_STEP_POSITION:
        path->position = step->result;
        break;
    case PE_STEP_FREQUENCY:
        path->frequency = *step;
        break;
    case PE_STEP_ANGLE:
        path->angle = *step;
        break;
    case PE_STEP_SINE:
        path->sine = *step;
        break;
    default:
        path->store = step->result;
    }
}

static pe_status read_step(const char *from, const char *end, unsigned *seen, pe_formation *path,
                           pe_error *err)
{
    const char *equals = memchr(from, '=', (size_t)(end - from));
    char name[WORD] = "", advice[256];
    if (equals && (size_t)(equals - from) < WORD) {
        memcpy(name, from, (size_t)(equals - from));
        name[equals - from] = 0;
    }
    const int which = find(PE_STEP_COUNT, step_names, name);
    if (!equals)
        return pe_fail(err, PE_USAGE, "a step is NAME=VALUE, not '%.*s'",
                       (int)(end - from > WORD ? WORD : end - from), from);
    if (which < 0) {
        pe_name_advice(name, PE_STEP_COUNT, step_names, advice, sizeof advice);
        return pe_fail(err, PE_USAGE, "there is no step '%s'; %s", name, advice);
    }
    if (*seen & 1u << which)
        return pe_fail(err, PE_USAGE, "step %s is given twice", name);
    *seen |= 1u << which;
    pe_formation_step step;
    const pe_status status = read_value((pe_step)which, equals + 1, end, &step, err);
    if (status == PE_OK)
        keep_step(path, (pe_step)which, &step);
    return status;
}

static pe_status unknown_name(const char *text, pe_error *err)
{
    enum { MOST = 64 };
    const char *known[MOST];
    char advice[512];
    for (size_t i = 0; i < pe_formation_count; i++)
        known[i] = pe_formations[i].name;
    pe_name_advice(text, pe_formation_count, known, advice, sizeof advice);
    return pe_fail(err, PE_USAGE, "there is no path '%.64s'; %s; or write STEP=FORMULA:FORMAT,...",
                   text, advice);
}

pe_status pe_formation_parse(const char *text, pe_formation *formation, pe_error *err)
{
    const pe_formation *shipped = pe_formation_by_name(text);
    if (shipped) {
        *formation = *shipped;
        return PE_OK;
    }
    if (!strchr(text, '='))
        return unknown_name(text, err);
    pe_formation path = {.name = "custom", .summary = "a path of your own"};
    unsigned seen = 0;
    for (const char *at = text; at;) {
        const char *comma = strchr(at, ',');
        const char *end = comma ? comma : at + strlen(at);
        const pe_status status = read_step(at, end, &seen, &path, err);
        if (status != PE_OK)
            return status;
        at = comma ? comma + 1 : NULL;
    }
    *formation = path;
    return PE_OK;
}

static const char *word_of(pe_format format)
{
    return format == PE_UNROUNDED ? "exact" : pe_format_name(format);
}

static void write_step(pe_step which, const pe_formation_step *step, char text[WORD])
{
    const char *name = pe_step_formula_name(which, step->formula);
    const bool exact = step->formula == 0, rounded = step->result != PE_UNROUNDED;
    snprintf(text, WORD, "%s%s%s%s%s", name, exact ? "" : ":",
             exact ? "" : pe_format_name(step->arithmetic), rounded ? ":" : "",
             rounded ? pe_format_name(step->result) : "");
}

void pe_formation_write(const pe_formation *formation, char text[PE_FORMATION_TEXT])
{
    char frequency[WORD], angle[WORD], sine[WORD];
    write_step(PE_STEP_FREQUENCY, &formation->frequency, frequency);
    write_step(PE_STEP_ANGLE, &formation->angle, angle);
    write_step(PE_STEP_SINE, &formation->sine, sine);
    snprintf(text, PE_FORMATION_TEXT, "position=%s,frequency=%s,angle=%s,sine=%s,store=%s",
             word_of(formation->position), frequency, angle, sine, word_of(formation->store));
}
