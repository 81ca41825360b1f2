#include "plot/text.h"

#include "plot/utf8.h"

#include <string.h>

/* In units of the font size. */
static double character_width(unsigned code)
{
    if (code >= 0x300 && code < 0x370)
        return 0; /* combining marks */
    if (code >= 0x1100 && (code < 0x2000 || code >= 0x2e80))
        return 1.05; /* East Asian, emoji */
    if (code >= 0x80)
        return 0.8;
    if (strchr("ijl|!.,:;'` ", (int)code))
        return 0.36;
    if (strchr("fIJrt()[]-/\\\"", (int)code))
        return 0.46;
    if (strchr("mMW@%w+=<>~^#", (int)code))
        return 1.0;
    return (code >= 'A' && code <= 'Z') || code == '&' ? 0.79 : 0.65;
}

double pe_text_width(const char *text, double size)
{
    double width = 0;
    unsigned code = 0;
    for (size_t step; (step = pe_utf8_next(text, &code)) > 0; text += step)
        width += character_width(code);
    return width * size;
}

/* As many characters as `width` holds; *end is where they end. */
static void take_width(const char *text, double width, double size, const char **end)
{
    unsigned code = 0;
    double used = 0;
    for (size_t step; (step = pe_utf8_next(text, &code)) > 0; text += step) {
        used += character_width(code) * size;
        if (used > width)
            break;
    }
    *end = text;
}

double pe_text_fit(const char *text, double width, double size, double smallest,
                   char fitted[PE_FITTED_TEXT])
{
    double natural = pe_text_width(text, 1);
    if (natural * size > width)
        size = width / natural > smallest ? width / natural : smallest;
    const char *end = text + strlen(text);
    const char *ellipsis = "";
    if (natural * size > width * 1.0001 || strlen(text) >= PE_FITTED_TEXT) {
        ellipsis = "…";
        take_width(text, width - size, size, &end);
        while (end - text >= PE_FITTED_TEXT - 4)
            end -= 1;
        while (end > text && ((unsigned char)*end & 0xc0) == 0x80)
            end -= 1; /* never inside a character */
    }
    size_t kept = (size_t)(end - text);
    memcpy(fitted, text, kept);
    strcpy(fitted + kept, ellipsis);
    return size;
}

/* The longest run of whole words, or of characters when a single word is wider than the line. */
static const char *line_end(const char *text, double width, double size)
{
    const char *end;
    take_width(text, width, size, &end);
    if (!*end || *end == ' ')
        return end;
    const char *blank = end;
    while (blank > text && *blank != ' ')
        blank--;
    return blank > text ? blank : end;
}

static int wrap(const char *text, double width, size_t most, pe_title *title)
{
    title->lines = 0;
    while (*text == ' ')
        text++;
    while (*text) {
        const char *end = line_end(text, width, title->size);
        size_t bytes = (size_t)(end - text);
        while (bytes && text[bytes - 1] == ' ')
            bytes--;
        if (title->lines == most || bytes >= PE_FITTED_TEXT || bytes == 0)
            return 0;
        memcpy(title->line[title->lines], text, bytes);
        title->line[title->lines++][bytes] = '\0';
        text = end;
        while (*text == ' ')
            text++;
    }
    return 1;
}

pe_status pe_title_wrap(const char *text, double width, pe_title *title, pe_error *err)
{
    static const struct {
        double size;
        size_t lines;
    } tries[] = {{28, 1}, {25, 1}, {25, 2}, {22, 2}, {20, 2}, {18, 3}, {15, PE_TITLE_LINES}};
    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
        title->size = tries[i].size;
        if (wrap(text, width, tries[i].lines, title))
            return PE_OK;
    }
    return pe_fail(err, PE_USAGE,
                   "title of %zu bytes does not fit into %d lines; put the rest into the caption",
                   strlen(text), PE_TITLE_LINES);
}
