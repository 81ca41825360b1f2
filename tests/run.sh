#!/bin/sh
# All tests, from a bare machine:
#   sh tests/run.sh [MODE...]      MODE: test (default), asan-ubsan, clang, fuzz, coverage, format, all
# Installs what is missing (apt-get; POSENC_INSTALL=no says no), builds with warnings as errors, and
# runs CTest. `all` is what .ci/run asks for.
set -eu
cd "$(dirname "$0")/.."
. common/packages.sh
case " $* " in
*" all "*) posenc_need all ;;
*) posenc_need test ;;
esac

jobs=$(nproc 2>/dev/null || echo 2)

build_and_test() { # folder, ctest options, then cmake options
    folder=build/$1
    shift
    posenc_say "== $folder"
    posenc_configure "$folder" -DPOSENC_WERROR=ON "$@" >"build/log" 2>&1 || { cat build/log >&2; exit 1; }
    cmake --build "$folder" -j "$jobs" >"build/log" 2>&1 || { tail -n 40 build/log >&2; exit 1; }
    ctest --test-dir "$folder" --output-on-failure -j "$jobs" --output-junit junit.xml $ctest_options
}

# Every reader under libFuzzer for POSENC_FUZZ_SECONDS (60); what it finds stays in build/fuzz/NAME.
fuzz_all() {
    command -v clang >/dev/null || { posenc_say "no clang here: skipped"; return 0; }
    posenc_say "== build/fuzz"
    posenc_configure build/fuzz -DPOSENC_WERROR=ON -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS=-O1 \
        -DCMAKE_C_COMPILER=clang -DPOSENC_FUZZ=ON -DPOSENC_SANITIZE=address,undefined \
        >build/log 2>&1 || { cat build/log >&2; exit 1; }
    cmake --build build/fuzz -j "$jobs" --target fuzzers >build/log 2>&1 || { tail -n 40 build/log >&2; exit 1; }
    for seeds in tests/fuzz/seeds/*/; do
        name=$(basename "$seeds")
        mkdir -p "build/fuzz/$name"
        posenc_say "== fuzz $name"
        "build/fuzz/tests/fuzz/fuzz_$name" -max_total_time="${POSENC_FUZZ_SECONDS:-60}" \
            -artifact_prefix="build/fuzz/$name/" "build/fuzz/$name" "$seeds" >build/fuzz/log 2>&1 ||
            { tail -n 60 build/fuzz/log >&2; exit 1; }
        tail -n 1 build/fuzz/log >&2
    done
}

run_mode() {
    ctest_options=""
    case $1 in
    test) build_and_test test -DCMAKE_BUILD_TYPE=Release ;;
    asan-ubsan)
        # OpenBLAS keeps its buffers to the end of the process; that is no leak of ours.
        export LSAN_OPTIONS="suppressions=$PWD/tests/support/lsan.supp"
        build_and_test asan-ubsan -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS=-O1 \
            -DPOSENC_SANITIZE=address,undefined
        ;;
    clang)
        command -v clang >/dev/null || { posenc_say "no clang here: skipped"; return 0; }
        build_and_test clang -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_COMPILER=clang
        ;;
    coverage)
        build_and_test coverage -DCMAKE_BUILD_TYPE=Debug -DPOSENC_COVERAGE=ON
        ;;
    fuzz) fuzz_all ;;
    format)
        command -v clang-format >/dev/null || { posenc_say "no clang-format here: skipped"; return 0; }
        posenc_say "== format"
        git ls-files '*.c' '*.h' | xargs clang-format --dry-run --Werror
        ;;
    all)
        for mode in format test clang asan-ubsan; do run_mode $mode; done
        ;;
    *)
        posenc_say "unknown mode $1: test, asan-ubsan, clang, fuzz, coverage, format or all"
        exit 2
        ;;
    esac
}

mkdir -p build
[ $# -gt 0 ] || set -- test
for mode in "$@"; do run_mode "$mode"; done
