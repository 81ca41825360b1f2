#include "plot/utf8.h"

size_t pe_utf8_next(const char *text, unsigned *code)
{
    const unsigned char *s = (const unsigned char *)text;
    if (s[0] == 0)
        return 0;
    if (s[0] < 0x80) {
        *code = s[0];
        return 1;
    }
    size_t size = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    static const unsigned char mask[] = {0, 0, 0x1f, 0x0f, 0x07};
    static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (s[0] < 0xc0 || s[0] > 0xf7)
        return 0;
    *code = s[0] & mask[size];
    for (size_t i = 1; i < size; i++) {
        if ((s[i] & 0xc0) != 0x80) /* the NUL at the end stops here, too */
            return 0;
        *code = *code << 6 | (s[i] & 0x3f);
    }
    if (*code < least[size] || *code > 0x10ffff || (*code >= 0xd800 && *code <= 0xdfff))
        return 0;
    return size;
}

pe_status pe_utf8_check(const char *text, const char *what, pe_error *err)
{
    unsigned code;
    for (const char *at = text; *at;) {
        size_t size = pe_utf8_next(at, &code);
        if (!size)
            return pe_fail(err, PE_USAGE, "%s: byte %zu is not UTF-8", what, (size_t)(at - text));
        if (code < 0x20 || (code >= 0x7f && code < 0xa0))
            return pe_fail(err, PE_USAGE, "%s: byte %zu is a control character (0x%02x)", what,
                           (size_t)(at - text), code);
        at += size;
    }
    return PE_OK;
}
