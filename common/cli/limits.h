/* Linux promises more memory than it has; we ask what there is, and refuse early. */
#ifndef PE_CLI_LIMITS_H
#define PE_CLI_LIMITS_H

#include <stddef.h>

/* MemAvailable of a file like /proc/meminfo, in bytes; 0 when it cannot be read. */
size_t pe_memory_available(const char *path);

/* No single block may exceed what is available now (base/memory.h); no limit when that is unknown.
 */
void pe_limit_memory(void);

#endif
