/* Variants as JSON: what list and info print. New references; NULL when there is no memory. */
#ifndef POSENC_DESCRIBE_H
#define POSENC_DESCRIBE_H

#include "core/instance.h"

#include <jansson.h>

json_t *describe_hooks(const pe_variant *variant);   /* ["embed", "relative", ...] */
json_t *describe_variant(const pe_variant *variant); /* id, title, hooks, source, from */
json_t *describe_options(const pe_variant *variant);
json_t *describe_params(const pe_instance *instance);
json_t *describe_claims(const pe_instance *instance);

/* What can be asked and measured of it: [{"what", "how"}]. */
json_t *describe_views(const pe_instance *instance);

#endif
