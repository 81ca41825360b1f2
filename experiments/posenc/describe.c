#include "describe.h"

#include "cli/print.h"
#include "conformance/claims.h"
#include "registry/registry.h"

#include <stdio.h>

static void add_text(json_t *list, const char *text, size_t *count)
{
    json_array_append_new(list, json_string(text));
    ++*count;
}

json_t *describe_hooks(const pe_variant *variant)
{
    const pe_ops_f64 *ops = variant->f64;
    const struct {
        bool present;
        const char *name;
    } hooks[] = {
        {ops->plan, "plan"},   {variant->positions, "positions"}, {ops->embed, "embed"},
        {ops->map, "map"},     {ops->relative, "relative"},       {ops->pair, "pair"},
        {ops->state, "state"}, {ops->logits, "logits"},
    };
    json_t *list = json_array();
    size_t count = 0;
    for (size_t i = 0; i < sizeof hooks / sizeof hooks[0]; i++)
        if (hooks[i].present)
            add_text(list, hooks[i].name, &count);
    return pe_rows_complete(list, count);
}

json_t *describe_variant(const pe_variant *variant)
{
    const char *path = pe_registry_path(variant);
    return json_pack("{s:s, s:s, s:o, s:s, s:s}", "id", variant->id, "title", variant->title,
                     "hooks", describe_hooks(variant), "source", variant->source, "from",
                     path ? path : "built in");
}

/* ---- options ---- */

static void range_text(const pe_option *option, char *text, size_t size)
{
    if (option->kind == PE_CHOICE)
        snprintf(text, size, "%s", option->choices);
    else if (option->kind == PE_BOOL)
        snprintf(text, size, "true|false");
    else
        snprintf(text, size, option->kind == PE_INT ? "%.0f to %.0f" : "%.6g to %.6g", option->low,
                 option->high);
}

static void choice_text(const char *choices, int at, char *text, size_t size)
{
    while (at-- > 0)
        for (; *choices && *choices++ != '|';)
            ;
    int length = 0;
    while (choices[length] && choices[length] != '|')
        length++;
    snprintf(text, size, "%.*s", length, choices);
}

static void default_text(const pe_option *option, char *text, size_t size)
{
    switch (option->kind) {
    case PE_CHOICE:
        choice_text(option->choices, (int)option->standard, text, size);
        break;
    case PE_BOOL:
        snprintf(text, size, "%s", option->standard > 0 ? "true" : "false");
        break;
    case PE_LIST:
        snprintf(text, size, "empty");
        break;
    case PE_INT:
    case PE_REAL:
        snprintf(text, size, "%.10g", option->standard);
        break;
    }
}

json_t *describe_options(const pe_variant *variant)
{
    static const char *const kinds[] = {"int", "real", "bool", "choice", "list"};
    json_t *rows = json_array();
    for (int i = 0; i < variant->option_count; i++) {
        const pe_option *option = &variant->options[i];
        char range[256], standard[64];
        range_text(option, range, sizeof range);
        default_text(option, standard, sizeof standard);
        json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:s, s:s}", "option", option->name,
                                              "kind", kinds[option->kind], "default", standard,
                                              "range", range, "meaning", option->meaning));
    }
    return pe_rows_complete(rows, (size_t)variant->option_count);
}

/* ---- parameters ---- */

static void shape_text(const pe_param *param, char *text, size_t size)
{
    size_t used = 0;
    for (int a = 0; a < param->rank && used < size; a++)
        used += (size_t)snprintf(text + used, size - used, "%s%lld", a ? " x " : "",
                                 (long long)param->shape[a]);
}

json_t *describe_params(const pe_instance *instance)
{
    static const char *const starts[] = {"zero",    "constant", "normal",
                                         "uniform", "xavier",   "its own"};
    json_t *rows = json_array();
    for (int i = 0; i < instance->info.param_count; i++) {
        const pe_param *param = &instance->info.param[i];
        char shape[96] = "";
        shape_text(param, shape, sizeof shape);
        json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:b, s:s}", "parameter", param->name,
                                              "shape", shape, "starts", starts[param->init],
                                              "trained", !param->frozen, "meaning",
                                              param->meaning ? param->meaning : ""));
    }
    return pe_rows_complete(rows, (size_t)instance->info.param_count);
}

/* ---- claims ---- */

json_t *describe_claims(const pe_instance *instance)
{
    json_t *list = json_array();
    size_t count = 0;
    for (unsigned bit = 1; pe_claim_name(bit); bit <<= 1) {
        char text[96];
        if (!(instance->info.claims & bit))
            continue;
        if (bit == PE_CLAIM_BOUNDED)
            snprintf(text, sizeof text, "%s by %.6g", pe_claim_name(bit), instance->info.bound);
        else if (bit == PE_CLAIM_UNIQUE)
            snprintf(text, sizeof text, "%s up to %lld", pe_claim_name(bit),
                     (long long)instance->info.unique_up_to);
        else
            snprintf(text, sizeof text, "%s", pe_claim_name(bit));
        add_text(list, text, &count);
    }
    return pe_rows_complete(list, count);
}

/* ---- views ---- */

static void add_view(json_t *rows, bool present, const char *what, const char *how, size_t *count)
{
    if (!present)
        return;
    json_array_append_new(rows, json_pack("{s:s, s:s}", "what", what, "how", how));
    ++*count;
}

json_t *describe_views(const pe_instance *instance)
{
    const pe_ops_f64 *ops = instance->variant->f64;
    const pe_setup *s = &instance->info;
    const bool in_attention = s->rows || s->maps || s->state || ops->pair || ops->logits;
    json_t *rows = json_array();
    size_t count = 0;
    add_view(rows, s->embed_width > 0, "code rows by position", "posenc table", &count);
    add_view(rows, s->rows != 0, "relative rows by offset", "posenc table", &count);
    add_view(rows, ops->pair != NULL, "bias by coordinates", "posenc table", &count);
    add_view(rows, s->maps != 0, "cosines and sines by position", "posenc table", &count);
    add_view(rows, instance->variant->positions != NULL, "a position map for any encoding",
             "--positions", &count);
    add_view(rows, in_attention || s->embed_width > 0, "its share of the logits",
             "distance sensitivity, symmetry", &count);
    add_view(rows, instance->has_quad, "rounding errors against the quad build",
             "numerical precision", &count);
    return pe_rows_complete(rows, count);
}
