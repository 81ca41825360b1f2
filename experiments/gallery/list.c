/* Which exhibits there are. */
#include "gallery/gallery.h"

#include "base/names.h"

#include <string.h>

static const pe_exhibit *const families[PE_BUGS_FAMILIES] = {
    pe_exhibits_angles, pe_exhibits_conventions, pe_exhibits_offsets, pe_exhibits_shift,
    pe_exhibits_slopes};

const pe_exhibit *pe_gallery_at(size_t at)
{
    for (int f = 0; f < PE_BUGS_FAMILIES; f++)
        for (const pe_exhibit *e = families[f]; e->id; e++)
            if (at-- == 0)
                return e;
    return NULL;
}

size_t pe_gallery_count(void)
{
    size_t count = 0;
    while (pe_gallery_at(count))
        count++;
    return count;
}

/* The least different name, however different it is. */
static const char *nearest_of(const char *id)
{
    const char *nearest = NULL;
    size_t least = 0;
    for (size_t i = 0; pe_gallery_at(i); i++) {
        const char *name = pe_gallery_at(i)->id;
        const size_t distance = pe_name_distance(id, name);
        if (!nearest || distance < least) {
            nearest = name;
            least = distance;
        }
    }
    return nearest;
}

pe_status pe_gallery_find(const char *id, const pe_exhibit **exhibit, pe_error *err)
{
    for (size_t i = 0; pe_gallery_at(i); i++)
        if (strcmp(pe_gallery_at(i)->id, id) == 0) {
            *exhibit = pe_gallery_at(i);
            return PE_OK;
        }
    const char *nearest = nearest_of(id);
    if (pe_nearest_name(id, 1, &nearest))
        return pe_fail(err, PE_USAGE, "there is no exhibit '%s'; did you mean %s?", id, nearest);
    return pe_fail(err, PE_USAGE,
                   "there is no exhibit '%s'; the nearest name is %s, and `posenc gallery` lists "
                   "all %zu",
                   id, nearest, pe_gallery_count());
}

const char *pe_family_id(pe_exhibit_family family)
{
    static const char *const ids[PE_BUGS_FAMILIES] = {"bugs_in_angles", "bugs_in_conventions",
                                                      "bugs_in_offsets", "bugs_in_shifts",
                                                      "bugs_in_slopes"};
    return ids[family];
}

const char *pe_family_title(pe_exhibit_family family)
{
    static const char *const titles[PE_BUGS_FAMILIES] = {
        "Bug gallery: angles in low precision", "Bug gallery: conventions",
        "Bug gallery: axes and offsets", "Bug gallery: relative rows and the shift",
        "Bug gallery: bias slopes"};
    return titles[family];
}

const char *pe_exhibit_kind(const pe_exhibit *e)
{
    if (e->bug.path)
        return "formation path";
    return strstr(e->bug.variant, "row=") ? "mode, as a variant" : "variant";
}

const char *pe_measured_text(pe_measured what)
{
    static const char *const texts[PE_MEASURED_COUNT] = {
        [PE_MEASURED_ABSOLUTE] = "largest error of an entry",
        [PE_MEASURED_COSINE] = "largest error of a cosine",
        [PE_MEASURED_PHASE] = "largest phase error (rad)",
        [PE_MEASURED_SINE_AT] = "largest error of a sine at the position",
        [PE_MEASURED_DISTINCT] = "different rows",
        [PE_MEASURED_REPEATS] = "first repeated position",
        [PE_MEASURED_HELD] = "position as it is held",
        [PE_MEASURED_ANGLE] = "angle of pair 1 (rad)",
        [PE_MEASURED_COSINE_OF] = "stored cosine of the angle",
        [PE_MEASURED_TABLE_MOST] = "largest difference of an entry",
        [PE_MEASURED_TABLE_MEAN] = "mean difference of an entry",
        [PE_MEASURED_ROW_LIKE] = "cosine similarity of the last row",
        [PE_MEASURED_KERNEL] = "largest difference of g(k)",
        [PE_MEASURED_NORM_LEAST] = "smallest squared norm",
        [PE_MEASURED_NORM_MOST] = "largest squared norm",
        [PE_MEASURED_SPREAD] = "spread of P_i . P_(i+k) over i",
        [PE_MEASURED_STILL] = "columns that stand still",
        [PE_MEASURED_SLOW] = "frequencies below 0.01 rad",
        [PE_MEASURED_ROWS] = "different rows",
        [PE_MEASURED_NONZERO] = "rows that are not zero",
        [PE_MEASURED_ALIKE] = "pairs equal to pair 0",
        [PE_MEASURED_TURN_MEAN] = "mean change of a length (%)",
        [PE_MEASURED_TURN_MOST] = "largest change of a length (%)",
        [PE_MEASURED_MOVED_MEAN] = "mean change of a logit when both move",
        [PE_MEASURED_MAGNITUDE] = "length after over length before",
        [PE_MEASURED_CORRELATION] = "correlation of logits at the offset",
        [PE_MEASURED_SLOPE] = "slope of the head",
        [PE_MEASURED_BIASES] = "different biases of a row",
        [PE_MEASURED_BIAS_ERROR] = "largest difference of a bias",
        [PE_MEASURED_OFFSETS] = "different positional logits of a row",
        [PE_MEASURED_ATTENTION] = "largest change of a weight",
        [PE_MEASURED_MIRRORED] = "largest gap to the mirrored twin",
        [PE_MEASURED_SHIFTED] = "largest gap to the reshaped matrix",
        [PE_MEASURED_RIGHT_ABOVE] = "share right above the diagonal",
        [PE_MEASURED_RIGHT_BELOW] = "share right on and below it",
    };
    return texts[what];
}

double pe_stated_tolerance(const pe_stated *f)
{
    return f->tolerance < 0 ? -f->tolerance * fabs(f->reported) : f->tolerance;
}

bool pe_stated_agrees(const pe_stated *f, double value)
{
    return fabs(value - f->reported) <= pe_stated_tolerance(f);
}
