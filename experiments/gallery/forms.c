/* Forms of exhibits as instances. */
#include "forms.h"

#include "base/memory.h"
#include "core/quad.h"
#include "registry/registry.h"

#include <stdio.h>
#include <string.h>

/* ---- variants ---- */

static pe_status find_variant(const char *id, const pe_variant **found, pe_error *err)
{
    for (size_t i = 0; pe_gallery_sources[i]; i++)
        if (strcmp(pe_gallery_sources[i]->id, id) == 0) {
            *found = pe_gallery_sources[i];
            *(*found)->quad_math = &pe_host_quad_math; /* as the registry does for its own */
            return PE_OK;
        }
    return pe_registry_find(id, found, err);
}

/* The texts are our own data, so a mistake in them is told plainly. */
pe_status form_read(const char *text, form_choice *choice, pe_error *err)
{
    *choice = (form_choice){0};
    snprintf(choice->text, sizeof choice->text, "%s", text);
    char *options = strchr(choice->text, ':');
    if (options)
        *options++ = '\0';
    while (options && *options) {
        char *value = strchr(options, '='), *end = strchr(options, ',');
        if (!value || choice->setting_count == FORM_SETTINGS)
            return pe_fail(err, PE_USAGE, "exhibit form '%s': options are name=value", text);
        *value++ = '\0';
        if (end)
            *end++ = '\0';
        choice->setting[choice->setting_count++] = (pe_setting){options, value};
        options = end;
    }
    return find_variant(choice->text, &choice->variant, err);
}

void form_text(const pe_exhibit *exhibit, const pe_form *form, bool rotary, int64_t first,
               int64_t rows, char text[FORM_TEXT])
{
    (void)exhibit;
    if (form->variant)
        snprintf(text, FORM_TEXT, "%s", form->variant);
    else
        snprintf(text, FORM_TEXT, "%s:use=%s,first=%lld,rows=%lld", "bug_formed",
                 rotary ? "rotary" : "table", (long long)first, (long long)rows);
}

/* ---- paths ---- */

pe_status form_formed(const pe_exhibit *exhibit, const pe_form *form, double base, size_t pairs,
                      pe_formed *formed, pe_error *err)
{
    pe_formation path;
    const double width = 2 * (double)pairs;
    const pe_spectrum spectrum = {base, pairs, exhibit->concat_rule ? width - 2 : width};
    pe_status status = pe_formation_parse(form->path, &path, err);
    if (status == PE_OK)
        status = pe_formed_make(&path, &spectrum, formed, err);
    return status;
}

double form_held(const pe_form *form, const pe_formation *path, double position)
{
    if (form->unit > 0)
        position = pe_round_to_format(path->position, position / form->unit) * form->unit;
    return pe_round_to_format(path->position, position);
}

pe_status form_tables(const pe_exhibit *exhibit, const pe_form *form, const form_span *span,
                      double *sine, double *cosine, pe_error *err)
{
    pe_formed formed;
    pe_status status = form_formed(exhibit, form, 10000, span->pairs, &formed, err);
    if (status != PE_OK)
        return status;
    double *position = pe_allocate((size_t)span->rows, sizeof *position, "positions", err);
    for (int64_t t = 0; t < span->rows && position; t++) {
        position[t] = (double)(span->first + t);
        if (form->unit > 0)
            position[t] = form_held(form, &formed.formation, position[t]);
    }
    for (size_t k = 0; k < span->pairs && position; k++)
        pe_formed_column(&formed, k, (size_t)span->rows, position, sine + k, cosine + k,
                         span->pairs);
    status = position ? PE_OK : PE_MEMORY;
    pe_release(position);
    pe_formed_release(&formed);
    return status;
}

static pe_status set_table(pe_instance *instance, const char *name, const double *x, pe_error *err)
{
    const int which = pe_instance_param(instance, name);
    return pe_instance_set_param(instance, which, 0, NULL,
                                 pe_param_count(&instance->info.param[which]), x, err);
}

pe_status form_fill(const pe_exhibit *exhibit, const pe_form *form, int64_t first,
                    pe_instance *instance, pe_error *err)
{
    const int which = pe_instance_param(instance, "sine");
    if (!form->path || which == PE_NONE)
        return PE_OK;
    const int64_t *shape = instance->info.param[which].shape;
    const form_span span = {first, shape[0], (size_t)shape[1]};
    const size_t count = (size_t)shape[0] * (size_t)shape[1];
    double *sine = pe_allocate(2 * count, sizeof *sine, "sines and cosines", err);
    if (!sine)
        return PE_MEMORY;
    pe_status status = form_tables(exhibit, form, &span, sine, sine + count, err);
    if (status == PE_OK)
        status = set_table(instance, "sine", sine, err);
    if (status == PE_OK)
        status = set_table(instance, "cosine", sine + count, err);
    pe_release(sine);
    return status;
}

/* ---- pairs ---- */

static pe_status open_form(const pe_exhibit *e, const pe_form *form, const pe_dims *dims,
                           const form_span *span, uint64_t seed, pe_instance **instance,
                           pe_error *err)
{
    form_choice choice;
    char text[FORM_TEXT];
    form_text(e, form, e->rotary, span->first, span->rows, text);
    pe_status status = form_read(text, &choice, err);
    if (status == PE_OK)
        status = pe_instance_create(choice.variant, dims, choice.setting, choice.setting_count,
                                    seed, instance, err);
    if (status == PE_OK)
        status = form_fill(e, form, span->first, *instance, err);
    return status;
}

/* Blocks of the same name and size get the same numbers. */
static pe_status share_parameters(const pe_instance *from, pe_instance *to, pe_error *err)
{
    for (int p = 0; p < from->info.param_count; p++) {
        const pe_param *param = &from->info.param[p];
        const int which = pe_instance_param(to, param->name);
        const size_t count = pe_param_count(param);
        if (which == PE_NONE || param->frozen || pe_param_count(&to->info.param[which]) != count)
            continue;
        pe_status status = pe_instance_set_param(to, which, 0, NULL, count, from->master[p], err);
        if (status != PE_OK)
            return status;
    }
    return PE_OK;
}

pe_status pe_exhibit_open(const pe_exhibit *exhibit, const pe_dims *dims, int64_t first,
                          int64_t rows, uint64_t seed, pe_exhibited *pair, pe_error *err)
{
    const form_span span = {first, rows, 0};
    *pair = (pe_exhibited){0};
    pe_status status = open_form(exhibit, &exhibit->bug, dims, &span, seed, &pair->bug, err);
    if (status == PE_OK)
        status = open_form(exhibit, &exhibit->twin, dims, &span, seed, &pair->twin, err);
    if (status == PE_OK)
        status = share_parameters(pair->twin, pair->bug, err);
    if (status != PE_OK)
        pe_exhibit_close(pair);
    return status;
}

void pe_exhibit_close(pe_exhibited *pair)
{
    pe_instance_release(pair->bug);
    pe_instance_release(pair->twin);
    *pair = (pe_exhibited){0};
}
