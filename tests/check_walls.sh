#!/bin/sh
# DESIGN.md's sentences about who may see whom, read from #include lines and code words:
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
    identify) echo numbers ;;
    io) echo numbers ;;
    plot) echo io ;;
    report) echo plot io ;;
    cli) echo io registry conformance core numbers ;;
    model) echo core numbers io ;;
    *) echo "?" ;;
    esac
}

# Code without comments; strings stay.
code_of() {
    # shellcheck disable=SC2016
    awk '
    {
        line = $0; out = ""; n = length(line); i = 1
        while (i <= n) {
            two = substr(line, i, 2); one = substr(line, i, 1)
            if (comment) { if (two == "*/") { comment = 0; i += 2 } else i++; continue }
            if (!quote && two == "/*") { comment = 1; i += 2; continue }
            if (!quote && two == "//") break
            if (quote && one == "\\") { out = out two; i += 2; continue }
            if (one == "\"" && !letter) quote = !quote
            else if (one == "\x27" && !quote) letter = !letter
            out = out one; i++
        }
        print FILENAME ":" FNR ": " out
    }' "$1"
}

sources() { find "$@" -name '*.[ch]' 2>/dev/null | sort; }
includes() { sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*["<]\([^">]*\)[">].*/\1/p' "$1"; }

# ---- 1. variants ------------------------------------------------------------------------------
libc='assert ctype errno fenv float inttypes limits math stdarg stdbool stddef stdint stdio string'
for file in $(sources variants); do
    for name in $(includes "$file"); do
        case " $libc " in *" ${name%.h} "*) continue ;; esac
        [ "$name" = posenc.h ] || say "$file includes $name; a variant sees posenc.h and libc only"
    done
    code_of "$file" | grep -nE '\b(malloc|calloc|realloc|free|fopen|printf|puts|system|dlopen)[[:space:]]*\(' |
        sed "s|^[0-9]*:|variant calls what the host should lend: |" >> "$work/bad"
done

# ---- 2, 3. names of variants -------------------------------------------------------------------
# An id is named in code by its descriptor (pe_variant_ID), by a string that is exactly the id, and
# by an include of its file. Words in prose and in longer strings are free.
ids=$(sed -n '/^set(ids/,/)/p' variants/CMakeLists.txt | sed '1d;s/)//;s/#.*//' | tr -s ' \n' ' ')
[ -n "$ids" ] || say "variants/CMakeLists.txt lists no ids"
# "none" is also an ordinary word: as an option value (--plot none) it names no variant.
named=$(for id in $ids template; do [ "$id" = none ] || echo "$id"; done | paste -sd'|' -)
all=$(echo $ids template | tr ' ' '|')
for file in $(sources common experiments); do
    # pe_instance, pe_variant_... in the plug-in header itself are patterns, not names
    code_of "$file" | grep -E "pe_variant_($all)\b|\"($named)\"|include[^\"<]*[\"<][^\">]*variants/" |
        sed 's/^/names a variant: /' >> "$work/bad"
done
names=$(sed -n '/^set(experiments/,/)/p' experiments/CMakeLists.txt | sed '1d;s/)//;s/#.*//' |
    tr -s ' \n' ' ' | sed 's/^ //;s/ $//;s/ /|/g')
for file in $(sources common); do
    for name in $(includes "$file"); do
        target=${name%%/*}
        case $name in experiments/* | */experiments/*) say "$file includes $name" ;; esac
        [ -d "experiments/$target" ] && [ ! -d "common/$target" ] && say "$file includes $name"
    done
    [ -z "$names" ] || code_of "$file" | grep -E "\"($names)\"" |
        sed 's/^/names an experiment: /' >> "$work/bad"
done

# ---- rooms --------------------------------------------------------------------------------------
for folder in common/*/; do
    room=$(basename "$folder")
    allowed=$(rooms_of "$room")
    [ "$allowed" = "?" ] && { say "common/$room is not in the table of this script"; continue; }
    for file in $(sources "$folder"); do
        for name in $(includes "$file"); do
            target=${name%%/*}
            [ "$target" = "$name" ] && continue   # no folder: a system header or posenc*.h
            [ -d "common/$target" ] || continue   # <sys/stat.h>, <gsl/...>
            case " $room base api $allowed " in *" $target "*) continue ;; esac
            say "$file includes $name; room $room may see:$(printf ' %s' base api $allowed)"
        done
    done
done

# ---- libraries ----------------------------------------------------------------------------------
only() { # only PATTERN WHAT ROOM...
    pattern=$1 what=$2
    shift 2
    for file in $(sources common experiments variants); do
        for room in "$@"; do
            case $file in "$room"/*) continue 2 ;; esac
        done
        includes "$file" | grep -qE "$pattern" && say "$file uses $what; only $* may"
    done
}
only '^gsl/' GSL common/analysis
only '^jansson' jansson common/io common/report common/cli experiments/posenc
only '^(cblas|openblas|lapacke)' BLAS common/core
only '^dlfcn' dlopen common/registry
only '^mpfr' MPFR tests
only '^(omp)\.h' OpenMP common/core common/numbers common/model common/cli experiments/posenc experiments/bench

if [ -s "$work/bad" ]; then
    cat "$work/bad"
    echo "$(wc -l < "$work/bad") holes in the walls"
    exit 1
fi
echo "variants, common and experiments see only what they may ($(echo $ids | wc -w) ids, $(sources common experiments variants | wc -l) files)"
