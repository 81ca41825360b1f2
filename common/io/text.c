#include "io/text.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct pe_text {
    int descriptor;
    const char *name;
    size_t ready; /* bytes read by open and not yet handed out */
    unsigned char *block;
    char path[];
};

static pe_status read_block(pe_text *t, size_t *count, pe_error *err)
{
    ssize_t got;
    do
        got = read(t->descriptor, t->block, PE_TEXT_BLOCK);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return pe_fail(err, PE_FORMAT, "%s: cannot read: %s", t->name, strerror(errno));
    *count = (size_t)got;
    return PE_OK;
}

static pe_text *make(const char *path, pe_error *err)
{
    size_t length = strlen(path) + 1;
    pe_text *t = pe_allocate(sizeof *t + length, 1, "text stream", err);
    if (!t)
        return NULL;
    memcpy(t->path, path, length);
    t->descriptor = -1;
    t->block = pe_allocate(PE_TEXT_BLOCK, 1, "text block", err);
    if (t->block)
        return t;
    pe_release(t);
    return NULL;
}

pe_status pe_text_open(const char *path, pe_text **out, pe_error *err)
{
    int standard_input = strcmp(path, "-") == 0;
    pe_text *t = make(path, err);
    if (!t)
        return PE_MEMORY;
    t->name = standard_input ? "standard input" : t->path;
    t->descriptor = standard_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    pe_status status = PE_OK;
    if (t->descriptor < 0)
        status = pe_fail(err, PE_FORMAT, "%s: cannot read: %s", t->name, strerror(errno));
    else
        status = read_block(t, &t->ready, err);
    if (status == PE_OK && t->ready == 0)
        status = pe_fail(err, PE_FORMAT, "%s: is empty; a text needs at least one byte", t->name);
    if (status != PE_OK) {
        pe_text_close(t);
        return status;
    }
    *out = t;
    return PE_OK;
}

pe_status pe_text_next(pe_text *text, const unsigned char **bytes, size_t *count, pe_error *err)
{
    size_t got = text->ready;
    text->ready = 0;
    pe_status status = got ? PE_OK : read_block(text, &got, err);
    if (status != PE_OK)
        return status;
    *bytes = text->block;
    *count = got;
    return PE_OK;
}

void pe_text_close(pe_text *text)
{
    if (!text)
        return;
    if (text->descriptor > STDIN_FILENO)
        close(text->descriptor);
    pe_release(text->block);
    pe_release(text);
}

/* Append up to `wanted` bytes in all; the array grows with what the file really holds. */
static pe_status collect(pe_text *text, size_t wanted, unsigned char **tokens, size_t *count,
                         pe_error *err)
{
    size_t room = 0;
    while (*count < wanted) {
        const unsigned char *block;
        size_t got;
        pe_status status = pe_text_next(text, &block, &got, err);
        if (status != PE_OK || got == 0)
            return status;
        if (got > wanted - *count)
            got = wanted - *count;
        if (got > room - *count) {
            room = 2 * room + got;
            unsigned char *grown = pe_grow(*tokens, *count, room, 1, text->name, err);
            if (!grown)
                return PE_MEMORY;
            *tokens = grown;
        }
        memcpy(*tokens + *count, block, got);
        *count += got;
    }
    return PE_OK;
}

pe_status pe_text_first(const char *path, size_t wanted, unsigned char **tokens, size_t *count,
                        pe_error *err)
{
    if (wanted == 0)
        return pe_fail(err, PE_USAGE, "%s: at least one token must be asked for", path);
    pe_text *text = NULL;
    pe_status status = pe_text_open(path, &text, err);
    if (status != PE_OK)
        return status;
    unsigned char *all = NULL;
    size_t got = 0;
    status = collect(text, wanted, &all, &got, err);
    pe_text_close(text);
    if (status != PE_OK) {
        pe_release(all);
        return status;
    }
    *tokens = all;
    *count = got;
    return PE_OK;
}
