#!/bin/sh
# The main job, from a bare machine to pictures and notebooks:
#   sh experiments/run.sh [OUT [options of `posenc run`]]      OUT: notebooks_out
# Installs what is missing (apt-get; POSENC_INSTALL=no says no), builds Release, runs every experiment
# on every variant over a real text, and says what to open.
set -eu
cd "$(dirname "$0")/.."
case ${1:-} in
-h | --help) sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 0 ;;
-*) echo "run.sh: '$1' stands where the output folder belongs: sh experiments/run.sh OUT $1" >&2; exit 2 ;;
esac
. common/packages.sh
posenc_need run

out=${1:-notebooks_out}
[ $# -gt 0 ] && shift
build=build/release
posenc_say "== configure and build ($build)"
mkdir -p build
{
    posenc_configure "$build" -DCMAKE_BUILD_TYPE=Release -DPOSENC_TESTS=OFF &&
        cmake --build "$build" --target posenc -j "$(nproc 2>/dev/null || echo 2)"
} >build/release.log 2>&1 || {
    tail -n 30 build/release.log >&2
    posenc_say "the build failed; the whole log is build/release.log"
    exit 1
}
posenc_say "== run all experiments, side by side (three to four minutes on two cores; the last line tells the seconds of each)"
status=0
# Threads that sleep while they wait: on a machine that does other work, too, half the time.
export OMP_WAIT_POLICY="${OMP_WAIT_POLICY:-passive}"
"$build/posenc" run all --out "$out" "$@" >build/run.log || status=$?
case $status in
0) ;;
1) posenc_say "some verdicts failed; they are marked in the reports" ;;
*) exit $status ;;
esac
posenc_say "== twelve cards: does it matter?"
"$build/posenc" cards --out "$out" >>build/run.log || status=$?
posenc_say ""
posenc_say "Done. Open in a browser:   $out/index.html"
posenc_say "Or a notebook:             $out/*/*.ipynb"
posenc_say "Every number and verdict:  build/run.log, $out/*/verdicts.csv"
exit $status
