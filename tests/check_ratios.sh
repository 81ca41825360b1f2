#!/bin/sh
# Speed relative to ourselves, with much slack: the goals of experiments/bench/goals.txt that need
# neither another program nor a fast memory, loosened by 2, met by the fastest of interleaved runs,
# in one of three tries. Slow builds and builds with sanitizers are passed over.
#     sh check_ratios.sh SOURCE BUILD
set -u
build=${2:?BUILD}
cache=$build/CMakeCache.txt
grep -q '^CMAKE_BUILD_TYPE:[A-Z]*=Release' "$cache" || { echo "not a Release build"; exit 77; }
grep -q '^POSENC_SANITIZE:[A-Z]*=.' "$cache" && { echo "built with sanitizers"; exit 77; }
OMP_WAIT_POLICY=passive
export OMP_WAIT_POLICY
try=1
while ! "$build/posenc" bench --ratios attention plain shaw_good txl_good --reps 7 --max-seconds 8 \
    --slack 2; do
    [ $try -lt 3 ] || exit 1
    try=$((try + 1))
done
