#include "cli/limits.h"

#include "base/memory.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

size_t pe_memory_available(const char *path)
{
    FILE *file = fopen(path, "r");
    if (!file)
        return 0;
    char line[256];
    uint64_t kibibytes = 0;
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "MemAvailable: %" SCNu64 " kB", &kibibytes) == 1)
            break;
    fclose(file);
    return kibibytes > SIZE_MAX / 1024 ? SIZE_MAX : (size_t)kibibytes * 1024;
}

void pe_limit_memory(void)
{
    pe_set_memory_limit(pe_memory_available("/proc/meminfo"));
}
