#include "report/words.h"

#include "base/memory.h"
#include "report/mathml.h"

#include <string.h>

static void put_html(pe_buffer *out, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        const char *entity = text[i] == '&'    ? "&amp;"
                             : text[i] == '<'  ? "&lt;"
                             : text[i] == '>'  ? "&gt;"
                             : text[i] == '"'  ? "&quot;"
                             : text[i] == '\'' ? "&#39;"
                                               : NULL;
        if (entity)
            pe_buffer_text(out, entity);
        else
            pe_buffer_append(out, text + i, 1);
    }
}

static void put_markdown(pe_buffer *out, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '<' || text[i] == '&' || text[i] == '>')
            put_html(out, text + i, 1);
        else if (strchr("\\`*_{}[]()#+-.!|~$", text[i])) {
            pe_buffer_text(out, "\\");
            pe_buffer_append(out, text + i, 1);
        } else
            pe_buffer_append(out, text + i, 1);
    }
}

static void put_formula_html(pe_buffer *out, const char *tex, size_t size)
{
    char *copy = pe_allocate(size + 1, 1, "formula", NULL);
    if (!copy) {
        out->status = PE_MEMORY;
        return;
    }
    memcpy(copy, tex, size);
    pe_mathml(copy, 0, out, NULL, NULL);
    pe_release(copy);
}

static void put_formula_markdown(pe_buffer *out, const char *tex, size_t size)
{
    pe_buffer_text(out, "$");
    pe_buffer_append(out, tex, size);
    pe_buffer_text(out, "$");
}

typedef void put_piece(pe_buffer *out, const char *text, size_t size);

/* Text and formulas in turn; a lone $ is a character. */
static void split(pe_buffer *out, const char *text, put_piece *plain, put_piece *formula)
{
    while (*text) {
        const char *open = strchr(text, '$');
        const char *close = open ? strchr(open + 1, '$') : NULL;
        if (!close || close == open + 1) {
            plain(out, text, strlen(text));
            return;
        }
        plain(out, text, (size_t)(open - text));
        formula(out, open + 1, (size_t)(close - open - 1));
        text = close + 1;
    }
}

void pe_html_text(pe_buffer *out, const char *text)
{
    put_html(out, text, strlen(text));
}

void pe_html_inline(pe_buffer *out, const char *text)
{
    split(out, text, put_html, put_formula_html);
}

void pe_markdown_text(pe_buffer *out, const char *text)
{
    put_markdown(out, text, strlen(text));
}

void pe_markdown_inline(pe_buffer *out, const char *text)
{
    split(out, text, put_markdown, put_formula_markdown);
}

void pe_python_string(pe_buffer *out, const char *text)
{
    pe_buffer_text(out, "\"");
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            pe_buffer_text(out, "\\");
        pe_buffer_append(out, text, 1);
    }
    pe_buffer_text(out, "\"");
}

void pe_base64(pe_buffer *out, const void *bytes, size_t size)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *in = bytes;
    for (size_t i = 0; i < size; i += 3) {
        unsigned long three = (unsigned long)in[i] << 16;
        three |= i + 1 < size ? (unsigned long)in[i + 1] << 8 : 0;
        three |= i + 2 < size ? (unsigned long)in[i + 2] : 0;
        char four[4] = {digit[three >> 18 & 63], digit[three >> 12 & 63], digit[three >> 6 & 63],
                        digit[three & 63]};
        if (i + 1 >= size)
            four[2] = '=';
        if (i + 2 >= size)
            four[3] = '=';
        pe_buffer_append(out, four, 4);
    }
}
