#!/bin/sh
# A stranger's way: one file, the headers, one command, in a folder that has nothing else.
#     sh check_stranger.sh SOURCE BUILD
set -eu
source=${1:?SOURCE BUILD} build=${2:?SOURCE BUILD}
cc=${CC:-cc}
command -v "$cc" >/dev/null || { echo "$cc is not here: skipped"; exit 77; }
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
mkdir "$home/include"
cp "$source"/common/api/*.h "$home/include"

# Does the shared object open with nothing but libc and libm, and is its entry there?
cat > "$home/open.c" <<'C'
#include "posenc_types.h"
#include <dlfcn.h>
int main(int n, char **v)
{
    void *module = n == 3 ? dlopen(v[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    const pe_variant *entry = module ? dlsym(module, v[2]) : NULL;
    if (!entry)
        puts(dlerror());
    return !entry || entry->abi != PE_ABI || entry->size != sizeof *entry || !entry->setup;
}
C
"$cc" -I "$home/include" "$home/open.c" -o "$home/open" -ldl

posenc=$build/posenc
[ -x "$posenc" ] || posenc=$(find "$build" -name posenc -type f -perm -u+x 2>/dev/null | head -n 1)

count=0
for folder in "$source"/variants/*/ "$source"/variants/gallery/*/; do
    id=$(basename "$folder")
    file=$folder/$id.c # beside it may lie data, such as the exhibits of the gallery
    [ -f "$file" ] || continue
    cp "$file" "$home/$id.c"
    (cd "$home" && "$cc" -shared -fPIC -I include "$id.c" -o "$id.so" -lm)
    "$home/open" "$home/$id.so" "pe_variant_$id"
    needed=$(objdump -p "$home/$id.so" | awk '/NEEDED/ && $2 !~ /^lib[cm]\.(so|musl)/ {print $2}')
    [ -z "$needed" ] || { echo "$id.so needs $needed, expected libc and libm only"; exit 1; }
    count=$((count + 1))
done
[ "$count" -gt 0 ] || { echo "no variant in $source/variants"; exit 1; }
echo "$count variants built with: cc -shared -fPIC -I INCLUDE NAME.c -o NAME.so -lm"

if [ -n "$posenc" ] && "$posenc" plugin --help >/dev/null 2>&1; then
    "$posenc" plugin check "$home/template.so" || { echo "plugin check refuses template.so"; exit 1; }
fi
