#include "lab/lab.h"
#include "base/memory.h"
#include "io/text.h"
#include "registry/registry.h"

#include <string.h>

/* ---- the lab itself ------------------------------------------------------------------------- */

static pe_dims dims_of(const pe_lab *lab)
{
    return (pe_dims){.heads = lab->size.heads,
                     .head_dim = lab->size.head_dim,
                     .model_dim = lab->size.heads * lab->size.head_dim,
                     .max_len = lab->size.length};
}

/* FIRST, and the settings: before the first of them `open`, between two of them `next`. */
static void write_words(const char *first, const char *open, const char *next,
                        const pe_lab_choice *choice, char *text, size_t room)
{
    size_t used = (size_t)snprintf(text, room, "%s", first);
    for (int i = 0; i < choice->setting_count && used < room; i++)
        used += (size_t)snprintf(text + used, room - used, "%s%s=%s", i ? next : open,
                                 choice->settings[i].name, choice->settings[i].text);
}

static pe_status name_subject(pe_subject *subject, int place, const pe_lab_choice *choice,
                              pe_error *err)
{
    const pe_variant *variant = choice->variant;
    subject->name = subject->file = variant->id;
    subject->title = variant->title;
    if (choice->setting_count == 0)
        return PE_OK;
    size_t room = strlen(variant->id) + strlen(variant->title) + sizeof "_2147483647";
    for (int i = 0; i < choice->setting_count; i++)
        room += strlen(choice->settings[i].name) + strlen(choice->settings[i].text) + 3;
    subject->words = pe_allocate(3, room, "name of a subject", err);
    if (!subject->words)
        return PE_MEMORY;
    write_words(variant->id, ":", ",", choice, subject->words, room);
    write_words(variant->title, ", ", ", ", choice, subject->words + room, room);
    snprintf(subject->words + 2 * room, room, "%s_%d", variant->id, place);
    subject->name = subject->words;
    subject->title = subject->words + room;
    subject->file = subject->words + 2 * room;
    return PE_OK;
}

/* Coordinates 0 to length - 1 are asked of everybody. */
static bool ends_before(const pe_instance *instance, int64_t length)
{
    const pe_setup *s = &instance->info;
    const bool bounded = s->min_coord != 0 || s->max_coord != 0;
    return bounded && s->max_coord < (double)(length - 1);
}

static void refuse_length(const pe_lab *lab, pe_subject *subject)
{
    snprintf(subject->because, sizeof subject->because,
             "its positions go from %g to %g, and there are %lld tokens",
             subject->instance->info.min_coord, subject->instance->info.max_coord,
             (long long)lab->size.length);
    pe_instance_release(subject->instance);
    subject->instance = NULL;
}

static pe_status add_subject(pe_lab *lab, const pe_lab_choice *choice, pe_error *err)
{
    pe_subject *subject = &lab->subjects[lab->subject_count++];
    *subject = (pe_subject){.variant = choice->variant, .slot = pe_registry_slot(choice->variant)};
    if (name_subject(subject, lab->subject_count, choice, err) != PE_OK)
        return PE_MEMORY;
    const pe_dims dims = dims_of(lab);
    pe_error refusal = {0};
    if (pe_instance_create(choice->variant, &dims, choice->settings, choice->setting_count,
                           lab->size.seed, &subject->instance, &refusal) != PE_OK) {
        subject->instance = NULL;
        memcpy(subject->because, refusal.text, sizeof subject->because);
        return PE_OK;
    }
    if (ends_before(subject->instance, lab->size.length)) {
        refuse_length(lab, subject);
        return PE_OK;
    }
    for (int p = 0; p < subject->instance->info.param_count; p++)
        subject->random_table =
            subject->random_table || (!subject->instance->info.param[p].frozen &&
                                      pe_param_count(&subject->instance->info.param[p]) > 0);
    return PE_OK;
}

static pe_status check_size(const pe_lab_size *size, pe_error *err)
{
    if (size->length < 8 || size->length > 4096)
        return pe_fail(
            err, PE_USAGE,
            "length is %lld tokens, but the experiments look at whole matrices from 8 to "
            "4096 tokens",
            (long long)size->length);
    if (size->draws < 2)
        return pe_fail(err, PE_USAGE, "draws is %d, but an interval needs at least 2", size->draws);
    return PE_OK;
}

pe_status pe_lab_open(pe_lab *lab, const pe_lab_size *size, const pe_lab_choice *choices, int count,
                      pe_error *err)
{
    *lab = (pe_lab){.size = *size};
    pe_status status = check_size(size, err);
    if (status != PE_OK)
        return status;
    const size_t wanted = choices ? (size_t)count : pe_registry_count();
    lab->subjects = pe_allocate(wanted, sizeof *lab->subjects, "subjects", err);
    if (!lab->subjects)
        return PE_MEMORY;
    for (size_t i = 0; status == PE_OK && i < wanted; i++) {
        const pe_lab_choice all = {.variant = choices ? NULL : pe_registry_at(i)};
        status = add_subject(lab, choices ? &choices[i] : &all, err);
    }
    if (status == PE_OK)
        status = pe_text_first(size->text, 64 * (size_t)size->length, &lab->text, &lab->text_length,
                               err);
    if (status == PE_OK && lab->text_length < 2 * (size_t)size->length)
        status = pe_fail(err, PE_FORMAT, "%s: has %zu bytes, but %lld tokens need at least %lld",
                         size->text, lab->text_length, (long long)size->length,
                         2 * (long long)size->length);
    if (status != PE_OK)
        pe_lab_close(lab);
    return status;
}

void pe_lab_close(pe_lab *lab)
{
    for (int i = 0; i < lab->subject_count; i++) {
        pe_instance_release(lab->subjects[i].instance);
        pe_release(lab->subjects[i].words);
    }
    pe_release(lab->subjects);
    pe_release(lab->text);
    *lab = (pe_lab){0};
}

pe_status pe_lab_step(pe_lab *lab, const char *what, double share, pe_error *err)
{
    if (lab->progress)
        lab->progress(lab->progress_context, what, share);
    return lab->check ? lab->check(err) : PE_OK;
}

/* Settings as text again, so that another instance of the same kind can be made. */
enum { SETTING_TEXT = 4096 };

static size_t write_setting(const pe_option *option, const pe_value *value, char *text, size_t room)
{
    if (option->kind == PE_CHOICE) {
        const char *at = option->choices;
        for (int skip = (int)value->x[0]; skip > 0; skip--)
            at = strchr(at, '|') + 1;
        return (size_t)snprintf(text, room, "%.*s", (int)strcspn(at, "|"), at);
    }
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < value->n && used < room; i++)
        used += (size_t)snprintf(text + used, room - used, "%s%.17g", i ? "," : "", value->x[i]);
    return used;
}

pe_status pe_lab_settings(const pe_subject *subject, int more, pe_setting **settings, int *count,
                          pe_error *err)
{
    const pe_variant *variant = subject->variant;
    const size_t room = (size_t)(variant->option_count + more) * sizeof(pe_setting);
    char *block =
        pe_allocate(room + (size_t)variant->option_count * SETTING_TEXT, 1, "settings", err);
    if (!block)
        return PE_MEMORY;
    *settings = (pe_setting *)(void *)block;
    *count = variant->option_count;
    for (int i = 0; i < *count; i++) {
        char *text = block + room + (size_t)i * SETTING_TEXT;
        write_setting(&variant->options[i], &subject->instance->opt[i], text, SETTING_TEXT);
        (*settings)[i] = (pe_setting){variant->options[i].name, text};
    }
    return PE_OK;
}

pe_status pe_lab_instance(const pe_lab *lab, const pe_subject *subject, const pe_dims *dims,
                          uint64_t seed, pe_instance **instance, pe_error *err)
{
    (void)lab;
    pe_setting *settings;
    int count;
    pe_status status = pe_lab_settings(subject, 0, &settings, &count, err);
    if (status != PE_OK)
        return status;
    status = pe_instance_create(subject->variant, dims, settings, count, seed, instance, err);
    pe_release(settings);
    return status;
}

/* ---- capabilities ---------------------------------------------------------------------------- */

unsigned pe_lab_capabilities(const pe_instance *instance)
{
    const pe_setup *s = &instance->info;
    const pe_variant *variant = instance->variant;
    unsigned can = 0;
    if (s->embed_width > 0 && variant->f64->embed)
        can |= PE_CAN_EMBED;
    if ((s->rows & PE_ROWS_BIAS) || variant->f64->pair ||
        (s->v != PE_NONE && (s->rows & PE_ROWS_QUERY)))
        can |= PE_CAN_BIAS;
    if (s->maps)
        can |= PE_CAN_MAP;
    if (s->rows & (PE_ROWS_QUERY | PE_ROWS_KEY | PE_ROWS_VALUE))
        can |= PE_CAN_ROWS;
    if (s->state)
        can |= PE_CAN_STATE;
    if (variant->f64->logits)
        can |= PE_CAN_LOGITS;
    if (variant->positions)
        can |= PE_CAN_POSITIONS;
    return can;
}

const char *pe_lab_hooks_text(unsigned can)
{
    static const char *const names[] = {"embed", "bias",   "map",      "rows",
                                        "state", "logits", "positions"};
    static char texts[128][64];
    char *text = texts[can & 127];
    if (text[0])
        return text;
    size_t used = 0;
    for (int bit = 0; bit < 7; bit++)
        if (can & (1u << bit))
            used += (size_t)snprintf(text + used, sizeof texts[0] - used, "%s%s", used ? ", " : "",
                                     names[bit]);
    if (!used)
        snprintf(text, sizeof texts[0], "none");
    return text;
}

const char *pe_probe_text(pe_probe probe)
{
    static const char *const texts[] = {"codes alone: P Pᵀ", "no content: q = k = 0",
                                        "all-ones q and k", "one random word everywhere",
                                        "random words"};
    return texts[probe];
}

pe_probe pe_lab_natural_probe(unsigned can)
{
    if (can & PE_CAN_EMBED)
        return PE_PROBE_CODES;
    return can & PE_CAN_BIAS ? PE_PROBE_EMPTY : PE_PROBE_ONES;
}
