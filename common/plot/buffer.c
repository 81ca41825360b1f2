#include "plot/buffer.h"

#include "base/memory.h"

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 256 };

/* Room for `more` bytes and the NUL behind them. */
static int reserve(pe_buffer *buffer, size_t more)
{
    if (buffer->status != PE_OK)
        return 0;
    size_t wanted;
    if (__builtin_add_overflow(buffer->size, more, &wanted) ||
        __builtin_add_overflow(wanted, (size_t)1, &wanted)) {
        buffer->status = PE_MEMORY;
        return 0;
    }
    if (wanted <= buffer->room)
        return 1;
    size_t room = buffer->room ? buffer->room : FIRST_ROOM;
    while (room < wanted)
        room = room > SIZE_MAX / 2 ? wanted : 2 * room;
    char *grown = pe_grow(buffer->bytes, buffer->size, room, 1, "buffer", NULL);
    if (!grown) {
        buffer->status = PE_MEMORY;
        return 0;
    }
    buffer->bytes = grown;
    buffer->room = room;
    return 1;
}

void pe_buffer_append(pe_buffer *buffer, const void *bytes, size_t size)
{
    if (!reserve(buffer, size))
        return;
    if (size)
        memcpy(buffer->bytes + buffer->size, bytes, size);
    buffer->size += size;
    buffer->bytes[buffer->size] = '\0';
}

void pe_buffer_text(pe_buffer *buffer, const char *text)
{
    pe_buffer_append(buffer, text, strlen(text));
}

void pe_buffer_format(pe_buffer *buffer, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    if (size >= 0 && reserve(buffer, (size_t)size)) {
        vsnprintf(buffer->bytes + buffer->size, (size_t)size + 1, format, again);
        buffer->size += (size_t)size;
    } else {
        buffer->status = PE_MEMORY;
    }
    va_end(again);
    va_end(args);
}

void pe_buffer_number(pe_buffer *buffer, double value)
{
    if (!isfinite(value)) {
        pe_buffer_text(buffer, "NaN");
        return;
    }
    char text[32];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    char *comma = strchr(text, ','); /* what a locale may have put there */
    if (comma)
        *comma = '.';
    pe_buffer_text(buffer, text);
}

pe_status pe_buffer_check(const pe_buffer *buffer, const char *what, pe_error *err)
{
    if (buffer->status == PE_OK)
        return PE_OK;
    return pe_fail(err, buffer->status, "%s: no memory after %zu bytes", what, buffer->size);
}

void pe_buffer_release(pe_buffer *buffer)
{
    pe_release(buffer->bytes);
    *buffer = (pe_buffer){0};
}
