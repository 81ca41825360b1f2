#include "report/report.h"
#include "report/result_data.h"

#include "base/memory.h"

#include <string.h>

enum { MOST_FAILURES = 3 };

static size_t count_figures(const pe_result *result)
{
    size_t n = 0;
    for (size_t s = 0; s < result->sections; s++)
        for (size_t b = 0; b < result->section[s]->blocks; b++)
            n += result->section[s]->block[b].figure != NULL;
    return n;
}

/* PE_OK also when the picture is missing. */
static pe_status add_picture(const pe_figure *figure, pe_picture kind, pe_picture_shelf *shelf,
                             size_t *failures, pe_error *err)
{
    pe_buffer bytes = {0};
    pe_error why = {0};
    pe_status status = pe_figure_render(figure, kind, &bytes, &why);
    if (status == PE_OK) {
        shelf->item[shelf->n++] = (pe_shelved){pe_figure_id(figure), kind, bytes};
        return PE_OK;
    }
    pe_buffer_release(&bytes);
    if (status != PE_TOOL)
        return pe_fail(err, status, "%s", why.text);
    if ((*failures)++ == 0)
        pe_fail(&shelf->missing, PE_TOOL, "%s: %s", pe_figure_id(figure), why.text);
    return PE_OK;
}

pe_status pe_picture_shelf_fill(const pe_result *result, unsigned pictures, pe_picture_shelf *shelf,
                                pe_error *err)
{
    pe_error local = {0};
    err = err ? err : &local;
    *shelf = (pe_picture_shelf){0};
    shelf->item = pe_allocate(2 * count_figures(result), sizeof *shelf->item, "pictures", err);
    if (!shelf->item)
        return err->status;
    size_t failures = 0;
    pe_status status = PE_OK;
    for (size_t s = 0; s < result->sections; s++)
        for (size_t b = 0; b < result->section[s]->blocks; b++)
            for (int kind = PE_SVG; kind <= PE_PNG; kind++) {
                const pe_figure *figure = result->section[s]->block[b].figure;
                if (figure && pictures & 1u << kind && failures < MOST_FAILURES && status == PE_OK)
                    status = add_picture(figure, (pe_picture)kind, shelf, &failures, err);
            }
    if (status != PE_OK)
        pe_picture_shelf_release(shelf);
    return status;
}

void pe_picture_shelf_release(pe_picture_shelf *shelf)
{
    for (size_t i = 0; i < shelf->n; i++)
        pe_buffer_release(&shelf->item[i].bytes);
    pe_release(shelf->item);
    *shelf = (pe_picture_shelf){.missing = shelf->missing};
}

const pe_buffer *pe_picture_find(const pe_picture_shelf *shelf, const char *id, pe_picture kind)
{
    for (size_t i = 0; shelf && i < shelf->n; i++)
        if (shelf->item[i].kind == kind && strcmp(shelf->item[i].id, id) == 0)
            return &shelf->item[i].bytes;
    return NULL;
}
