/* A variant made concrete: dimensions, option values, parameters, plans, storage formats. The core
 * owns all of it; hooks get it lent. */
#ifndef PE_CORE_INSTANCE_H
#define PE_CORE_INSTANCE_H

#include "base/status.h"
#include "core/precision.h"
#include "posenc_types.h"

/* One option as text, as it stands on a command line or in a file: {"clip", "16"}. "null" and
 * absence mean the default; lists are comma separated. */
typedef struct pe_setting {
    const char *name;
    const char *text;
} pe_setting;

typedef struct pe_instance {
    const pe_variant *variant;
    pe_dims dims;
    pe_setup info;
    pe_value opt[PE_MAX_OPTIONS];
    uint64_t seed;
    double *master[PE_MAX_PARAMS];              /* one copy of each block in double */
    void *w[PE_PRECISION_COUNT][PE_MAX_PARAMS]; /* cast, and rounded at PE_AT_PARAMETER */
    void *plan[PE_PRECISION_COUNT];
    int64_t plan_length;                   /* the length that the plans were made for */
    unsigned char formats[PE_PLACE_COUNT]; /* pe_format by place */
    bool rounds;                           /* some place is not PE_UNROUNDED */
    bool has_quad;                         /* false: module with another quad type */
} pe_instance;

/* Make one. `settings` (count of them, may be NULL) are checked against the option table; unknown
 * names get a "did you mean". dims members that are 0 take defaults: kv_heads = heads, model_dim =
 * heads * head_dim, axes = 1, layers = 1. Parameters are initialised from (seed, name).
 * The caller owns *instance until pe_instance_release.
 *   PE_USAGE   unknown or bad option, impossible dims, or the variant's own refusal
 *   PE_PLUGIN  the descriptor breaks the contract (for example too many parameters)
 *   PE_MEMORY */
pe_status pe_instance_create(const pe_variant *variant, const pe_dims *dims,
                             const pe_setting *settings, int setting_count, uint64_t seed,
                             pe_instance **instance, pe_error *err);
void pe_instance_release(pe_instance *instance);

/* Parameters by name: index or PE_NONE; count of numbers. */
int pe_instance_param(const pe_instance *instance, const char *name);
size_t pe_param_count(const pe_param *param);

/* Replace a block by `count` finite numbers (shape checked when rank > 0). Plans that depend on
 * parameters are made again. */
pe_status pe_instance_set_param(pe_instance *instance, int which, int rank, const int64_t *shape,
                                size_t count, const double *x, pe_error *err);

/* Round at a place from now on (PE_UNROUNDED: no longer). Parameters and plans are made again. */
pe_status pe_instance_set_format(pe_instance *instance, pe_place place, pe_format format,
                                 pe_error *err);

/* Make the plans fit a sequence of `length` keys, when they depend on it. Not thread-safe: call
 * before a parallel region. */
pe_status pe_instance_prepare(pe_instance *instance, int64_t length, pe_error *err);

/* Coordinates (n, axes) of tokens whose natural coordinates are `in`: through the positions hook of
 * `map` (or of `instance` when map is NULL), a copy when neither has one. `sequence` keys the
 * random stream. Refuses coordinates outside the range that `instance` declared, naming the first.
 */
typedef struct pe_places_request {
    int64_t n, length; /* tokens; those that are not padding (0: n) */
    const double *in;  /* (n, axes), or NULL: start, start + 1, ... in one axis; grid order in
                        * several */
    int64_t start;
    const int64_t *ids;  /* (n) or NULL */
    const double *local; /* (n) recorded per-token draws, or NULL */
    bool training;
    uint64_t seed, sequence;
} pe_places_request;
pe_status pe_instance_coordinates(const pe_instance *instance, const pe_instance *map,
                                  const pe_places_request *request, double *coord, pe_error *err);

/* Natural coordinates (axes) of token t: its index, or its place in the grid in row-major order,
 * the last axis running fastest. */
void pe_natural_place(const pe_dims *dims, int64_t t, double *place);

/* A call as hooks get it: fills all but scratch. */
#define PE_DECLARE_CALL(suffix)                                                                    \
    pe_call_##suffix pe_instance_call_##suffix(const pe_instance *instance, int64_t length)
PE_DECLARE_CALL(f64);
PE_DECLARE_CALL(f32);
PE_DECLARE_CALL(f128);

/* The code rows themselves: (n, embed_width) at coordinates (n, axes), in a precision.
 *   PE_USAGE   the variant has no embed hook */
pe_status pe_instance_codes(const pe_instance *instance, pe_precision precision, int64_t n,
                            const double *coord, pe_wide *codes, pe_error *err);

/* The same into a caller's array of the precision, (n, embed_width). */
pe_status pe_instance_code_rows(const pe_instance *instance, pe_precision precision, int64_t n,
                                const double *coord, void *rows, pe_error *err);

#endif
