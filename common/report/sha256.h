/* SHA-256 (FIPS 180-4), so that run.json can say what the files of a run were. */
#ifndef PE_REPORT_SHA256_H
#define PE_REPORT_SHA256_H

#include <stddef.h>

enum { PE_SHA256_TEXT = 65 };

/* The digest of `size` bytes as 64 lower case hexadecimal digits and a NUL. */
void pe_sha256(const void *bytes, size_t size, char text[PE_SHA256_TEXT]);

#endif
