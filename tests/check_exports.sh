#!/bin/sh
# What a module shows and keeps: exactly one exported symbol, pe_variant_ID, and one writable word of
# its own, pe_quad_lent, which the host sets before any call.
#     sh check_exports.sh SOURCE BUILD
set -u
build=${2:?SOURCE BUILD}
command -v nm >/dev/null || { echo "nm is not here: skipped"; exit 77; }
# Sanitizers and coverage put symbols of their own into every module.
if grep -qE '^POSENC_(SANITIZE:STRING=.|COVERAGE:BOOL=ON)' "$build/CMakeCache.txt"; then
    echo "instrumented build: skipped"
    exit 77
fi
# Written by the compiler's start-up files, not by the variant.
startup='__bss_start|__dso_handle|__TMC_END__|_edata|_end|_init|_fini|completed\.[0-9]*|_DYNAMIC|_GLOBAL_OFFSET_TABLE_|__do_global_dtors_aux_fini_array_entry|__frame_dummy_init_array_entry|__GNU_EH_FRAME_HDR'
bad=0 seen=0
for module in "$build"/modules/*.so; do
    [ -e "$module" ] || break
    seen=$((seen + 1))
    id=$(basename "$module" .so)
    exported=$(nm -D --defined-only "$module" | awk '{print $3}' | grep -vxE "$startup")
    if [ "$exported" != "pe_variant_$id" ]; then
        echo "$module: exports \"$(echo $exported)\", expected \"pe_variant_$id\""
        bad=1
    fi
    # b, d: local; B, D: global. Constant tables with pointers live in .data.rel.ro, which nm also
    # calls d, so their section is asked for.
    writable=$(objdump -t "$module" | awk '$4 ~ /^\.(bss|data)$/ && $NF != $4 {print $NF}
                                           $5 ~ /^\.(bss|data)$/ {print $NF}' |
        grep -vxE "$startup|\.bss|\.data" | sort -u)
    if [ -n "$writable" ] && [ "$writable" != "pe_quad_lent" ]; then
        echo "$module: may write \"$(echo $writable)\", expected \"pe_quad_lent\" alone"
        bad=1
    fi
done
if [ "$seen" -eq 0 ]; then
    echo "$build/modules holds no module; expected one per variant"
    exit 1
fi
[ "$bad" -eq 0 ] && echo "$seen modules: one exported symbol each, one writable word"
exit "$bad"
