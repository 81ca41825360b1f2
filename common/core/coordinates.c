/* From token index to coordinate: natural places, then the position map, then the check against the
 * range that the encoding declared. */
#include "core/instance.h"
#include "base/memory.h"
#include "core/stream.h"

#include <string.h>

void pe_natural_place(const pe_dims *dims, int64_t t, double *place)
{
    for (int a = dims->axes - 1; a >= 0; a--) {
        int64_t points = dims->grid[a] > 0 ? dims->grid[a] : INT64_MAX;
        place[a] = (double)(t % points);
        t /= points;
    }
}

static void natural_places(const pe_dims *dims, const pe_places_request *request, double *in)
{
    for (int64_t t = 0; t < request->n; t++)
        if (request->in)
            memcpy(in + t * dims->axes, request->in + t * dims->axes,
                   (size_t)dims->axes * sizeof *in);
        else
            pe_natural_place(dims, request->start + t, in + t * dims->axes);
}

static pe_status check_range(const pe_instance *instance, int64_t n, const double *coord,
                             pe_error *err)
{
    const pe_setup *s = &instance->info;
    bool bounded = s->min_coord != 0 || s->max_coord != 0;
    for (int64_t i = 0; i < n * instance->dims.axes; i++) {
        const char *id = instance->variant->id;
        long long token = (long long)(i / instance->dims.axes);
        if (!isfinite(coord[i]))
            return pe_fail(err, PE_USAGE, "%s: token %lld has the position %g, which is not finite",
                           id, token, coord[i]);
        if (bounded && (coord[i] < s->min_coord || coord[i] > s->max_coord))
            return pe_fail(err, PE_USAGE,
                           "%s: token %lld has position %g, but positions go from %g to %g", id,
                           token, coord[i], s->min_coord, s->max_coord);
        if ((s->flags & PE_WHOLE_COORDINATES) && coord[i] != floor(coord[i]))
            return pe_fail(err, PE_USAGE,
                           "%s: token %lld has position %g, but only whole positions have a row",
                           id, token, coord[i]);
    }
    return PE_OK;
}

pe_status pe_instance_coordinates(const pe_instance *instance, const pe_instance *map,
                                  const pe_places_request *request, double *coord, pe_error *err)
{
    const pe_instance *maker = map ? map : instance;
    if (map && map->dims.axes != instance->dims.axes)
        return pe_fail(err, PE_USAGE, "%s makes positions of %d axes, but %s takes %d",
                       map->variant->id, map->dims.axes, instance->variant->id,
                       instance->dims.axes);
    if (!maker->variant->positions) {
        natural_places(&instance->dims, request, coord);
        return check_range(instance, request->n, coord, err);
    }
    size_t axes = (size_t)maker->dims.axes;
    double *in = pe_allocate((size_t)request->n * axes, sizeof *in, "positions", err);
    if (!in)
        return PE_MEMORY;
    natural_places(&maker->dims, request, in);
    pe_core_stream stream;
    pe_core_stream_start(&stream, request->seed, "positions", request->sequence);
    pe_random random = pe_core_random(&stream);
    const pe_places places = {
        .dims = &maker->dims,
        .opt = maker->opt,
        .info = &maker->info,
        .n = request->n,
        .in = in,
        .ids = request->ids,
        .length = request->length ? request->length : request->n,
        .training = request->training,
        .random = &random,
        .local = request->local,
    };
    maker->variant->positions(&places, coord);
    pe_release(in);
    return check_range(instance, request->n, coord, err);
}
