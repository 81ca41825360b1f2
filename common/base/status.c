#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>

pe_status pe_fail(pe_error *err, pe_status status, const char *format, ...)
{
    if (!err)
        return status;
    va_list args;
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    for (char *c = err->text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    err->status = status;
    return status;
}

int pe_exit_code(pe_status status)
{
    switch (status) {
#define X(name, code, text)                                                                        \
    case PE_##name:                                                                                \
        return code;
        PE_STATUS_MAP(X)
#undef X
    }
    return 1;
}

const char *pe_status_text(pe_status status)
{
    switch (status) {
#define X(name, code, text)                                                                        \
    case PE_##name:                                                                                \
        return text;
        PE_STATUS_MAP(X)
#undef X
    }
    return "unknown status";
}
