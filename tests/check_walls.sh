#!/bin/sh
# The three sentences of CONTRIBUTING.md about who may see whom, read from #include lines and code words:
#   1. variants see only the plug-in header and the C library;
#   2. experiments never name a variant;
#   3. common never names a variant or an experiment;
# and every room includes only the rooms, and the libraries, that it may use.
#     sh check_walls.sh SOURCE [BUILD]
set -u
cd "${1:?SOURCE}" || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
: > "$work/bad"
say() { echo "$*" >> "$work/bad"; }

# Who may include whom. A room always sees itself, the plug-in headers (api) and base.
rooms_of() {
    case $1 in
    base | api) echo ;;
    numbers | kernels) echo ;;
    formation) echo numbers ;;
    core) echo numbers kernels ;;
    registry) echo core ;;
    conformance) echo registry core numbers ;;
    analysis) echo kernels ;;
    identify) echo numbers formation ;;
    io) echo numbers ;;
    plot) echo io ;;
    report) echo plot io ;;
    cli) echo io registry conformance core numbers ;;
    model) echo core kernels numbers io ;;
    *) echo "?" ;;
    esac
}

# All sources are read once: $work/code has their lines without comments, as "FILE:LINE: code" (strings
# stay), $work/includes a line "FILE NAME" for each #include.
sources() { find "$@" -name '*.[ch]' 2>/dev/null | sort; }
# shellcheck disable=SC2016
sources common experiments variants | xargs awk -v code="$work/code" -v includes="$work/includes" '
FNR == 1 { comment = 0 }
{
    quote = 0; letter = 0; line = $0; out = ""; n = length(line); i = 1
    while (i <= n) {
        two = substr(line, i, 2); one = substr(line, i, 1)
        if (comment) { if (two == "*/") { comment = 0; i += 2 } else i++; continue }
        if (!quote && !letter && two == "/*") { comment = 1; i += 2; continue }
        if (!quote && !letter && two == "//") break
        if ((quote || letter) && one == "\\") { out = out two; i += 2; continue }
        if (one == "\"" && !letter) quote = !quote
        else if (one == "\x27" && !quote) letter = !letter
        out = out one; i++
    }
    print FILENAME ":" FNR ": " out > code
    if (out ~ /^[ \t]*#[ \t]*include[ \t]*["<]/) {
        split(out, part, /["<>]/)
        print FILENAME " " part[2] > includes
    }
}'
code_of() { grep "^$1/" "$work/code"; }
includes_of() { grep "^$1/" "$work/includes"; }
complain() { sed "s|^|$1: |" >> "$work/bad"; }

# ---- 1. variants ------------------------------------------------------------------------------
libc='assert|ctype|errno|fenv|float|inttypes|limits|math|stdarg|stdbool|stddef|stdint|stdio|string'
# (the table of the gallery is data beside its sources, no variant)
includes_of variants | grep -vE "^variants/gallery/exhibits[a-z_]*\.[ch] (exhibits|posenc_types)\.h\$|^variants/gallery/[^/]*\.c exhibits\.h\$" |
    grep -vE " (($libc)\.h|posenc\.h)\$" |
    complain "a variant sees posenc.h and libc only"
code_of variants | grep -E '\b(malloc|calloc|realloc|free|fopen|printf|puts|system|dlopen)[[:space:]]*\(' |
    complain "variant calls what the host should lend"

# ---- 2, 3. names of variants -------------------------------------------------------------------
# An id is named in code by its descriptor (pe_variant_ID), by a string that is exactly the id, and
# by an include of its file. Words in prose and in longer strings are free.
ids=$(sed -n '/^set(ids/,/)/p' variants/CMakeLists.txt | sed '1d;s/)//;s/#.*//' | tr -s ' \n' ' ')
[ -n "$ids" ] || say "variants/CMakeLists.txt lists no ids"
# "none" is also an ordinary word: as an option value (--plot none) it names no variant.
named=$(for id in $ids template; do [ "$id" = none ] || echo "$id"; done | paste -sd'|' -)
all=$(echo $ids template | tr ' ' '|')
# pe_instance, pe_variant_... in the plug-in header itself are patterns, not names
grep -E '^(common|experiments)/' "$work/code" |
    grep -E "pe_variant_($all)\b|\"($named)\"|include[^\"<]*[\"<][^\">]*variants/" |
    complain "names a variant"
names=$(sed -n '/^set(experiments/,/)/p' experiments/CMakeLists.txt | sed '1d;s/)//;s/#.*//' |
    tr -s ' \n' ' ' | sed 's/^ //;s/ $//;s/ /|/g')
[ -n "$names" ] || say "experiments/CMakeLists.txt lists no experiments"
code_of common | grep -E "\"($names)\"" | complain "names an experiment"
includes_of common | while read -r file name; do
    case $name in */*) target=${name%%/*} ;; *) continue ;; esac
    if [ "$target" = experiments ]; then say "$file includes $name"; fi
    if [ -d "experiments/$target" ] && [ ! -d "common/$target" ]; then say "$file includes $name"; fi
done

# ---- rooms --------------------------------------------------------------------------------------
for folder in common/*/; do
    room=$(basename "$folder")
    allowed=$(rooms_of "$room")
    [ "$allowed" = "?" ] && { say "common/$room is not in the table of this script"; continue; }
    includes_of "common/$room" | while read -r file name; do
        target=${name%%/*}
        [ "$target" = "$name" ] && continue   # no folder: a system header or posenc*.h
        [ -d "common/$target" ] || continue   # <sys/stat.h>, <gsl/...>
        case " $room base api $allowed " in *" $target "*) continue ;; esac
        say "$file includes $name; room $room may see:$(printf ' %s' base api $allowed)"
    done
done

# ---- libraries ----------------------------------------------------------------------------------
only() { # only PATTERN WHAT ROOM...
    pattern=$1 what=$2
    shift 2
    rooms=$(echo "$*" | tr ' ' '|')
    grep -E " ($pattern)" "$work/includes" | grep -vE "^($rooms)/" | complain "uses $what; only $* may"
}
only 'gsl/' GSL common/analysis
only 'jansson' jansson common/io common/report common/cli experiments/posenc
only '(cblas|openblas|lapacke)' BLAS common/core
only 'dlfcn' dlopen common/registry
only 'mpfr' MPFR tests
only '(omp)\.h' OpenMP common/core common/numbers common/formation common/model common/cli experiments/posenc experiments/bench

if [ -s "$work/bad" ]; then
    cat "$work/bad"
    echo "$(wc -l < "$work/bad") holes in the walls"
    exit 1
fi
echo "variants, common and experiments see only what they may ($(echo $ids | wc -w) ids, $(sources common experiments variants | wc -l) files)"
