/* Small models for the tests of this folder. */
#ifndef PE_TEST_MODELS_H
#define PE_TEST_MODELS_H

#include "model/model.h"
#include "registry/registry.h"
#include "testing.h"

#include <stdlib.h>
#include <string.h>

/* A variant by id; the test dies without it. */
static inline const pe_variant *variant_of(const char *id)
{
    const pe_variant *variant = NULL;
    pe_registry_start();
    if (pe_registry_find(id, &variant, NULL) != PE_OK)
        abort();
    return variant;
}

/* Two layers of odd sizes, heads of 4 so that pairs can turn. */
static inline pe_model_config small_config(const char *id, const pe_setting *setting)
{
    return (pe_model_config){.layers = 2,
                             .width = 8,
                             .heads = 2,
                             .mlp = 9,
                             .vocabulary = 7,
                             .length = 5,
                             .causal = true,
                             .seed = 3,
                             .precision = PE_DOUBLE,
                             .embedding_deviation = 0.7,
                             .variant = variant_of(id),
                             .settings = setting,
                             .setting_count = setting ? 1 : 0};
}

static inline pe_model *model_of(const pe_model_config *config)
{
    pe_model *model = NULL;
    pe_error err = {0};
    if (pe_model_create(config, &model, &err) != PE_OK) {
        CU_FAIL("pe_model_create");
        PE_CONTAINS(err.text, "(no failure)");
        abort();
    }
    return model;
}

#endif
