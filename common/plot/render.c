/* From a figure to picture bytes, and to files. */
#include "plot/figure_data.h"
#include "plot/script.h"

#include "base/memory.h"
#include "io/output.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

const char *pe_picture_suffix(pe_picture kind)
{
    return kind == PE_SVG ? "svg" : kind == PE_PNG ? "png" : "txt";
}

/* ---- SVG ---- */

static void escape(pe_buffer *out, const char *text)
{
    for (; *text; text++) {
        const char *entity = *text == '&'   ? "&amp;"
                             : *text == '<' ? "&lt;"
                             : *text == '>' ? "&gt;"
                                            : NULL;
        if (entity)
            pe_buffer_text(out, entity);
        else
            pe_buffer_append(out, text, 1);
    }
}

static int begins(const char *at, const char *end, const char *with)
{
    size_t size = strlen(with);
    return (size_t)(end - at) >= size && memcmp(at, with, size) == 0;
}

/* Browsers blur an embedded picture that they enlarge: heat maps get crisp cells. And the title and
 * description that gnuplot writes about itself say instead what the picture shows. */
static void finish_svg(const pe_figure *figure, const pe_buffer *raw, pe_buffer *out)
{
    const char *at = raw->bytes, *end = at + raw->size;
    while (at < end) {
        const char *mark = memchr(at, '<', (size_t)(end - at));
        if (!mark) {
            pe_buffer_append(out, at, (size_t)(end - at));
            return;
        }
        pe_buffer_append(out, at, (size_t)(mark - at));
        at = mark;
        if (begins(at, end, "<image ")) {
            pe_buffer_text(out, "<image style='image-rendering:pixelated' ");
            at += strlen("<image ");
        } else if (begins(at, end, "<title>Gnuplot</title>")) {
            pe_buffer_text(out, "<title>");
            escape(out, figure->title);
            pe_buffer_text(out, "</title>");
            at += strlen("<title>Gnuplot</title>");
        } else if (begins(at, end, "<desc>Produced by GNUPLOT")) {
            pe_buffer_text(out, "<desc>");
            escape(out, pe_figure_alt(figure));
            const char *stop = memmem(at, (size_t)(end - at), "</desc>", 7);
            at = stop ? stop : end;
        } else {
            pe_buffer_append(out, at++, 1);
        }
    }
}

/* ---- pictures ---- */

pe_status pe_figure_render(const pe_figure *figure, pe_picture kind, pe_buffer *picture,
                           pe_error *err)
{
    if (figure && figure->kind == PE_HEATMAPS && kind == PE_ASCII)
        return pe_ascii_heatmaps(figure, picture, err);
    pe_buffer script = {0}, raw = {0};
    pe_status status = pe_script_write(figure, kind, 1, &script, err);
    if (status == PE_OK)
        status = pe_gnuplot_run(&script, kind, &raw, err);
    if (status == PE_OK) {
        if (kind == PE_SVG)
            finish_svg(figure, &raw, picture);
        else
            pe_buffer_append(picture, raw.bytes, raw.size);
        status = pe_buffer_check(picture, "picture", err);
    }
    pe_buffer_release(&script);
    pe_buffer_release(&raw);
    return status;
}

/* ---- files ---- */

static pe_status save_bytes(const char *folder, const char *id, const char *suffix,
                            const pe_buffer *bytes, pe_error *err)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s.%s", folder, id, suffix) >= (int)sizeof path)
        return pe_fail(err, PE_WRITE, "%.200s...: path too long", folder);
    pe_output *out = pe_output_begin(path, err);
    if (!out)
        return err ? err->status : PE_WRITE;
    pe_status status = pe_output_write(out, bytes->bytes, bytes->size, err);
    if (status != PE_OK) {
        pe_output_abandon(out);
        return status;
    }
    return pe_output_commit(out, err);
}

static pe_status save_script(const pe_figure *figure, const char *folder, unsigned formats,
                             pe_error *err)
{
    pe_picture kind = formats & PE_FIGURE_PNG && !(formats & PE_FIGURE_SVG) ? PE_PNG : PE_SVG;
    pe_buffer script = {0};
    pe_status status = pe_figure_script(figure, kind, &script, err);
    if (status == PE_OK)
        status = save_bytes(folder, figure->id, "gp", &script, err);
    pe_buffer_release(&script);
    return status;
}

pe_status pe_figure_save(const pe_figure *figure, const char *folder, unsigned formats,
                         pe_error *err)
{
    pe_error local = {0};
    err = err ? err : &local;
    pe_status status = save_script(figure, folder, formats, err);
    for (int kind = PE_SVG; kind <= PE_ASCII && status == PE_OK; kind++) {
        if (!(formats & 1u << kind))
            continue;
        pe_buffer picture = {0};
        status = pe_figure_render(figure, (pe_picture)kind, &picture, err);
        if (status == PE_OK)
            status =
                save_bytes(folder, figure->id, pe_picture_suffix((pe_picture)kind), &picture, err);
        pe_buffer_release(&picture);
    }
    return status;
}
