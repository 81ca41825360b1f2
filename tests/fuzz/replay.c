/* Runs a fuzz target over every file of the folders and files given: the normal test of its seeds.
 */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* A seed named good... must be accepted, one named bad... refused, another may be either. */
static int judge(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    int good = strncmp(name, "good", 4) == 0, bad = strncmp(name, "bad", 3) == 0;
    if ((good && !accepted) || (bad && accepted)) {
        printf("%s: is %s\n", path, accepted ? "accepted" : "refused");
        return 1;
    }
    return 0;
}

static int replay_file(const char *path, const struct stat *info)
{
    size_t size = (size_t)info->st_size;
    uint8_t *bytes = malloc(size ? size : 1);
    FILE *f = fopen(path, "rb");
    int bad = !bytes || !f || fread(bytes, 1, size, f) != size;
    if (bad) {
        perror(path);
    } else {
        LLVMFuzzerTestOneInput(bytes, size);
        bad = judge(path);
    }
    if (f)
        fclose(f);
    free(bytes);
    return bad;
}

static int replay(const char *path, size_t *count);

static int replay_folder(const char *folder, size_t *count)
{
    int bad = 0;
    DIR *entries = opendir(folder);
    if (!entries) {
        perror(folder);
        return 1;
    }
    for (struct dirent *e; (e = readdir(entries));) {
        char path[4096];
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        bad |= replay(path, count);
    }
    closedir(entries);
    return bad;
}

static int replay(const char *path, size_t *count)
{
    struct stat info;
    if (stat(path, &info) != 0) {
        perror(path);
        return 1;
    }
    if (S_ISDIR(info.st_mode))
        return replay_folder(path, count);
    ++*count;
    return replay_file(path, &info);
}

int main(int argc, char **argv)
{
    size_t count = 0;
    int bad = 0;
    for (int i = 1; i < argc; i++)
        bad |= replay(argv[i], &count);
    printf("%zu seeds\n", count);
    return bad || count == 0;
}
